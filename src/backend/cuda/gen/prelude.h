// The prelude of every generated kernel: CUDA C++ that stands before it. No header is included.
//
// What it has: storage types with load and store for each element type (`f16`, `i4`, ...); types to compute with (float,
// double, bool, `Int<T, bits>` that wraps around in its own width); every function that scalar.def calls, for each of these
// types, and one `op_NAME` per row of that table; `cast_TYPE`; one `monoid_NAME` per row of monoid.def; reduction over a block,
// prefix sums.
//
//   x = op_add(cast_f32(load(p, 0)), f32_bits(0x3f800000u));
#pragma once

#include <string>

#include "base/dtype.h"

namespace temper::cuda {

const std::string& prelude();
// What kernels with matrix products on tensor cores need besides.
const char* product_prelude();
// What narrow windows need besides that.
const char* narrow_window_prelude();
// What wide products need besides that, for sm_90; and their atom for so many columns.
const char* wide_product_prelude();
std::string wide_atom_name(const std::string& dtype, int columns, bool held = false);
std::string wide_atom_text(const std::string& dtype, int columns, bool held = false);
// What wide chains need besides that.
const char* wide_chain_prelude();
// The type in which values of an element type are computed: "float", "Int<signed char, 4>".
std::string compute_type_text(DType dtype);

}  // namespace temper::cuda
