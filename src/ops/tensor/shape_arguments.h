// Operators whose attributes became inputs: reading an argument wherever the opset keeps it.
#pragma once

#include "ops/register.h"

namespace temper {

// The value of an i64 scalar as an expression; what is not known before becomes a size, known when the scalar has been
// computed. It must not be negative.
inline SymInt bound_size(Builder& b, Val scalar) {
  if (!b.ok() || !scalar) return 0;
  if (auto known = b.contents(scalar); known && known->size() == 1) return (*known)[0];
  Val wide = b.cast(b.rank(scalar) == 0 ? scalar : b.reshape(scalar, {}), DType::kI64);
  SymInt size = b.sym().fresh_size();
  b.op("bind_size", BindSize{size}, std::span(&wide, 1));
  return size;
}
// Element i of a vector as a scalar.
inline Val element(Builder& b, Val vector, int64_t i) { return b.reshape(b.slice(vector, 0, i, 1), {}); }

// The elements of an integer operand as expressions. Unknown ones of a vector of known length become sizes that are known when
// the operand has been computed, and must not be negative; of unknown length it fails with `what` in the text.
inline std::vector<SymInt> shape_argument(Builder& b, Val v, const std::string& what) {
  if (auto known = b.contents(v)) return *known;
  std::vector<SymInt> sizes;
  if (!b.ok() || !v) return sizes;
  if (b.rank(v) > 1 || (b.rank(v) == 1 && !b.dims(v)[0].is_const())) {
    b.fail(ErrorCode::kUnsupported, what + " has a number of elements that is not known when the model is built");
    return sizes;
  }
  int64_t count = b.rank(v) == 0 ? 1 : b.dims(v)[0].value();
  for (int64_t i = 0; i < count && b.ok(); ++i) sizes.push_back(bound_size(b, b.rank(v) == 0 ? v : element(b, v, i)));
  return sizes;
}

// Integers that must be known: axes, repeats. Fails otherwise.
inline std::vector<int64_t> constant_argument(Builder& b, Val v, const std::string& what) {
  std::vector<int64_t> values;
  auto known = b.contents(v);
  for (size_t i = 0; known && i < known->size(); ++i) {
    if (!(*known)[i].is_const())
      known.reset();
    else
      values.push_back((*known)[i].value());
  }
  if (!known) b.fail(ErrorCode::kUnsupported, what + " must be constant");
  return values;
}

}  // namespace temper
