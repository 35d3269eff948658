#include "ir/types.h"

#include "scalar/text_cursor.h"

namespace temper {

std::string TensorType::to_string() const {
  std::string text(dtype_name(dtype));
  text += '[';
  for (size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + dims[i].to_string();
  return text + ']';
}

SymInt element_count(const TensorType& type) { return product(type.dims); }

Expected<Dims> parse_dims(TextCursor& cursor, SymContext& context) {
  TEMPER_TRY(cursor.expect("["));
  Dims dims;
  if (cursor.accept("]")) return dims;
  do {
    cursor.skip_blanks();
    size_t start = cursor.offset();
    Expected<SymInt> dim = context.parse(cursor.until(",]"));
    if (!dim.ok()) return cursor.error_at(start, dim.error().message());
    dims.push_back(*dim);
  } while (cursor.accept(","));
  TEMPER_TRY(cursor.expect("]"));
  return dims;
}

Expected<TensorType> parse_tensor_type(TextCursor& cursor, SymContext& context) {
  TensorType type;
  type.dtype = TEMPER_TRY(cursor.dtype());
  type.dims = TEMPER_TRY(parse_dims(cursor, context));
  return type;
}

}  // namespace temper
