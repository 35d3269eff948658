// How far a correct kernel may be from the exact value: Note [Error model] in tolerance.cc. Tests and the tuner take every
// tolerance from here, so none is tuned by hand.
//
//   // A dot product of 512 f16 products, accumulated in f32, stored as f16; the |products| add up to 40:
//   tolerance(DType::kF16, DType::kF32, 512, 40.0)   // 0.0217: half a unit of the store, and 512 roundings of the sum
//   ExactValue x{.value = {.f = 1.5}, .error = 0.25};
//   within(x, {.f = 1.7}, DType::kF32)               // true
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "scalar/scalar.h"

namespace temper {

// An exact value and the bound for what a kernel makes of it. For bool an error above 0 means "either"; infinity: "anything".
struct ExactValue {
  ScalarValue value;
  double error = 0;
};

// Half the distance from 1 to the next number: the greatest relative error of one rounding. 0 for integers.
double unit_roundoff(DType type);
// The type in which kernels compute with values of `type`: f64 for f64, f32 for other floats, itself for integers.
DType compute_type(DType type);
// The relative error of `roundings` roundings in a row: (1 + u)^roundings - 1.
double rounding_growth(double roundings, DType type);

// The absolute tolerance of a sum of `length` products whose absolute values add up to `magnitude`, accumulated in `accumulate`
// in any order and stored as `result`.
double tolerance(DType result, DType accumulate, int64_t length, double magnitude);
// The error of storing a value of that magnitude as `type`.
double store_error(DType type, double magnitude);

// f of a, b, c with the errors that they bring along and the one that a kernel adds; `type` as in evaluate_scalar.
ExactValue evaluate_with_error(ScalarOp op, DType type, ExactValue a, ExactValue b, ExactValue c);
ExactValue cast_with_error(ExactValue a, DType from, DType to);

// Whether a kernel's result, of that type, is right. NaN is right for NaN, and overflow where the type ends.
bool within(ExactValue expected, ScalarValue actual, DType type);

}  // namespace temper
