// Region: one future kernel, as stages in index notation.
//
// A Region reads `inputs` and writes `outputs`. A stage computes one tensor (or several of the same dims: a reduction's monoid
// may have several results) over its domain; it reads inputs and the results of earlier stages, each through an IndexMap over
// the stage's own variables. Values are numbered: inputs first, then the results of the stages in order. `outputs` lists the
// values that leave. The canonical text is the Region's identity (timing cache, golden tests); region_text.cc has its grammar.
//
//   region (%0: f32[b, 56, 56, 64], %1: f32[3, 3, 64, 64], %2: f32[64]) {
//     %3 = contract f32[b, 56, 56, 64 | 3, 3, 64] %0[d0, d1 + d4 - 1, d2 + d5 - 1, d6] if (...) else 0 * %1[d4, d5, d6, d3]
//     %4 = map f32[b, 56, 56, 64] (%3[d0, d1, d2, d3], %2[d3]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; ... } -> %4
//   } -> (%4)
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "ir/index_map.h"
#include "ir/types.h"
#include "scalar/scalar.h"

namespace temper {

// How a stage reads one value. Where map.guard is 0, `fill` is taken. `loads` give the variables v0, v1, ... of the map: each
// an integer read from value loads[k].value (its own map has no loaded variables); an integer outside [0, extent) is an error
// at run time. Where the guard of a load's map is 0, the variable is 0. The domain of every map is that of its stage; a
// contract's is that of both sides.
struct Access {
  int value = 0;
  IndexMap map;
  ScalarValue fill;
  struct Load {
    int value;
    IndexMap map;
  };
  std::vector<Load> loads;
};

// y[d] = body(operands at d); one value per result of the body. The body's SymInts are over the variables of the domain.
struct Map {
  Dims domain;
  std::vector<Access> operands;
  ScalarBodyPtr body;
};

// y[d] = monoid over the reduced variables of body(operands at (d, r)). The domain is the kept dimensions, then the reduced
// ones. The positions of arg_max and its kin are row-major over the reduced dimensions. Of nothing, they are 0, and welford is
// (0, 0).
struct Reduce {
  Dims domain;
  int reduced = 0;  // how many trailing dimensions of the domain are reduced
  std::vector<Access> operands;
  ScalarBodyPtr body;
  MonoidKind monoid;
  std::vector<DType> dtypes;  // of the results
};

// y[d] = sum over the reduced variables of lhs * rhs; accumulates in `accumulate` (f32 or wider for floats, s32 for 8-bit
// integers).
struct Contract {
  Dims domain;
  int reduced = 0;
  Access lhs, rhs;
  DType accumulate = DType::kF32, dtype = DType::kF32;
};

// Cumulative sum, product, ... along one dimension.
struct Scan {
  Dims domain;
  int axis = 0;
  bool exclusive = false, reverse = false;
  MonoidKind monoid;
  Access operand;
  DType dtype;
};

// Sorts along one dimension, stably; results are the values and their i64 positions, cut to the first `count`.
struct Sort {
  Dims domain;  // of the source
  int axis = 0;
  bool descending = false;
  SymInt count;
  Access operand;
  DType dtype;
};

// A copy of `base` in which element map(d) of each update point d is replaced by, or combined with (`combine`), the update.
struct Scatter {
  Dims dims;      // of base and result
  Access base;    // over dims
  Access update;  // over the update domain
  Access target;  // map from the update domain (loads are the indices) to dims; `value` is not used; guard 0 drops the update
  std::optional<ScalarOp> combine;
  DType dtype;
};

// The i64 positions of the true elements of a one-dimensional mask, in order; `size` is how many there are, known when it has
// run.
struct Compact {
  SymInt extent, size;
  Access mask;
};

// Something only its own kernel understands: `name` and text parameters select it (greedy suppression of boxes, plugins).
struct Opaque {
  std::string name;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<int> operands;
  std::vector<TensorType> results;
};

using Stage = std::variant<Map, Reduce, Contract, Scan, Sort, Scatter, Compact, Opaque>;

struct Region {
  std::vector<TensorType> inputs;
  std::vector<Stage> stages;
  std::vector<int> outputs;

  // Types of all values, inputs first. O(stages).
  std::vector<TensorType> value_types() const;
  std::string to_string() const;
  bool operator==(const Region& other) const { return to_string() == other.to_string(); }
};

// Types of the results of a stage.
std::vector<TensorType> result_types(const Stage& stage);
// What a contraction computes, as a reduction of products in its accumulation type; `types` are those of the region's values.
Reduce sum_of_products(const Contract& stage, std::span<const TensorType> types);
// All accesses of a stage, in the order of the text; a scatter's target is the last of three.
std::vector<const Access*> accesses_of(const Stage& stage);

// Reads what to_string writes, and verifies it.
Expected<Region> parse_region(std::string_view text, SymContext& context);

// Checks value numbers, ranks, types, variables, that the monoid and the body of a reduction agree, and that no access without
// guard is surely out of range. A violation is an error that names the stage.
Status verify(const Region& region);

}  // namespace temper
