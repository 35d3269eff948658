// Casts as ONNX has them, which may or may not saturate where the result is an f8.
#pragma once

#include "ops/builder.h"

namespace temper {

// Saturating: what is beyond the largest finite value, infinity too, becomes it. Else it becomes infinity, or NaN where the
// type has none.
Val cast_to(Builder& b, Val v, DType to, bool saturate);

}  // namespace temper
