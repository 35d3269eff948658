#include "ops/tensor/float8.h"

#include <limits>

namespace temper {

Val cast_to(Builder& b, Val v, DType to, bool saturate) {
  const bool finite_only = to == DType::kF8E4M3;
  if ((to != DType::kF8E5M2 && !finite_only) || !b.ok() || !is_float(b.dtype(v)) || b.dtype(v) == to) return b.cast(v, to);
  // The plain cast saturates numbers; what is done to others is done before, in a type that has them all.
  Val wide = b.dtype(v) == DType::kF64 ? v : b.cast(v, DType::kF32);
  const double largest = finite_only ? 448 : 57344;
  if (saturate) {
    Val clamped = b.map(ScalarOp::k_max, b.map(ScalarOp::k_min, wide, b.like(largest, wide)), b.like(-largest, wide));
    return b.cast(clamped, to);
  }
  // 464 lies between 448 and the next number, 480, and is rounded to 448, which is even; 61440 between 57344 and 65536, to the
  // latter.
  Val size = b.map(ScalarOp::k_abs, wide);
  if (finite_only)
    return b.cast(b.select(size <= b.like(464, wide), wide, b.like(std::numeric_limits<double>::quiet_NaN(), wide)), to);
  return b.cast(b.select(size < b.like(61440, wide), wide, wide * std::numeric_limits<double>::infinity()), to);
}

}  // namespace temper
