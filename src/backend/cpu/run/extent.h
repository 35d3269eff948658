// Extent: whether strided loops over a buffer stay inside it. Strides and counts come out of plans, so nothing is taken for
// granted.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace temper::cpu {

struct Extent {
  int64_t low = 0, high = 0;
  bool overflow = false;
  void loop(int64_t count, int64_t stride) {
    int64_t span;
    if (count > 0 && __builtin_mul_overflow(count - 1, stride, &span))
      overflow = true;
    else if (count > 0 && __builtin_add_overflow(stride < 0 ? low : high, span, stride < 0 ? &low : &high))
      overflow = true;
  }
  bool inside(int64_t offset, int64_t bytes, DType dtype) const {
    if (overflow || offset < 0 || offset > (int64_t(1) << 50)) return false;
    int64_t last;
    return offset + low >= 0 && !__builtin_add_overflow(offset, high, &last) && last < (int64_t(1) << 50) &&
           dtype_bytes(dtype, last + 1) <= bytes;
  }
};

}  // namespace temper::cpu
