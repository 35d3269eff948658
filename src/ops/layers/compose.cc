#include "ops/layers/layers.h"

namespace temper::layers {

Extents axes_of(int64_t mask) {
  Extents axes;
  for (int64_t i = 0; i < 32; ++i) {
    if (mask >> i & 1) axes.push_back(i);
  }
  return axes;
}

Vals compose(Builder& b, std::string_view name, const AttrFields& fields, const Vals& operands) {
  const Op* op = find_op(name);
  TEMPER_CHECK(op, "a layer is made of an operator that there is not");
  auto attrs = op->make_attrs(fields);
  if (!attrs.ok()) return {b.fail(std::move(attrs).error())};
  return b.op(*op, std::move(*attrs), operands);
}

}  // namespace temper::layers
