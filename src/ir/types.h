// What a Value may be: a tensor with symbolic dims, a sequence, an optional.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/dtype.h"
#include "ir/index_map.h"

namespace temper {

struct TensorType {
  DType dtype = DType::kF32;
  Dims dims;
  bool operator==(const TensorType&) const = default;
  std::string to_string() const;  // "f32[batch, 3, 224, 224]"
};

SymInt element_count(const TensorType& type);

class TextCursor;  // scalar/text_cursor.h
// Reads "[batch, 3]" and "f32[batch, 3, 224, 224]" at the cursor.
Expected<Dims> parse_dims(TextCursor& cursor, SymContext& context);
Expected<TensorType> parse_tensor_type(TextCursor& cursor, SymContext& context);

}  // namespace temper
