// What bodies of operators ask of their operands before they look into them.
#pragma once

#include <string>

#include "ops/register.h"

namespace temper {

// The first `count` operands are there; else the error is reported and the body must return.
inline bool require(Builder& b, Operands in, size_t count) {
  if (!b.ok()) return false;
  for (size_t i = 0; i < count; ++i) {
    if (in[i]) continue;
    b.fail(ErrorCode::kInvalidArgument, "operand " + std::to_string(i) + " is missing; it is not optional");
    return false;
  }
  return true;
}

// v has at least `least` dims.
inline bool require_rank(Builder& b, Val v, int least, const std::string& what) {
  if (!b.ok()) return false;
  if (b.rank(v) >= least) return true;
  b.fail(ErrorCode::kInvalidArgument,
         what + " has rank " + std::to_string(b.rank(v)) + ", but at least " + std::to_string(least) + " is needed");
  return false;
}

inline bool require_float(Builder& b, Val v, const std::string& what) {
  if (!b.ok()) return false;
  if (is_float(b.dtype(v))) return true;
  b.fail(ErrorCode::kInvalidArgument, what + " must be floating, but is " + std::string(dtype_name(b.dtype(v))));
  return false;
}

// Two dims that must be equal, as far as can be seen while building.
inline bool require_same(Builder& b, SymInt x, SymInt y, const std::string& what) {
  if (!b.ok()) return false;
  if (!x.is_const() || !y.is_const() || x == y) return true;
  b.fail(ErrorCode::kInvalidArgument, what + ": " + x.to_string() + " and " + y.to_string() + " differ");
  return false;
}

// Floating types narrower than f32 as f32, in which sums and exponentials are safe; others as they are.
inline Val widened(Builder& b, Val v) {
  return is_float(b.dtype(v)) && dtype_bits(b.dtype(v)) < 32 ? b.cast(v, DType::kF32) : v;
}

// A vector over dimension `axis` of a tensor of rank `rank`: [1, c, 1, 1].
inline Val along(Builder& b, Val vector, int axis, int rank) {
  if (!b.ok()) return vector;
  if (b.rank(vector) != 1) {
    return b.fail(ErrorCode::kInvalidArgument,
                  "a parameter per channel must be a vector, but has rank " + std::to_string(b.rank(vector)));
  }
  Dims dims(rank, SymInt(1));
  dims[axis] = b.dims(vector)[0];
  return b.reshape(vector, dims);
}

}  // namespace temper
