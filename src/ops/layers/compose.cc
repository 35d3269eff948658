#include "ops/layers/layers.h"

namespace temper::layers {

std::string dims_text(const Dims& dims) {
  std::string all;
  for (SymInt d : dims) all += (all.empty() ? "" : "x") + d.to_string();
  return all.empty() ? "scalar" : all;
}

Extents axes_of(int64_t mask) {
  Extents axes;
  for (int64_t i = 0; i < 32; ++i) {
    if (mask >> i & 1) axes.push_back(i);
  }
  return axes;
}

Val weights_as(Builder& b, Val w, const Dims& dims, DType dtype, const std::string& what) {
  if (!b.ok() || !w) return w;
  if (b.rank(w) == 1) {
    SymInt count = 1;
    for (SymInt d : dims) count *= d;
    if (!(b.dims(w)[0] == count)) {
      return b.fail(ErrorCode::kInvalidArgument, what + " has " + b.dims(w)[0].to_string() + " weights, but " +
                                                     dims_text(dims) + " = " + count.to_string() + " are needed");
    }
    auto known = b.constant_value(w);
    std::vector<int64_t> numbers;
    for (SymInt d : dims) numbers.push_back(d.is_const() ? d.value() : -1);
    w = known && count.is_const() ? b.constant(known->reshaped(std::move(numbers))) : b.reshape(w, dims);
  } else if (b.rank(w) != static_cast<int>(dims.size())) {
    return b.fail(ErrorCode::kInvalidArgument,
                  what + " has rank " + std::to_string(b.rank(w)) + ", but " + dims_text(dims) + " is needed");
  }
  return b.cast(w, dtype);
}

Vals compose(Builder& b, std::string_view name, const AttrFields& fields, const Vals& operands) {
  const Op* op = find_op(name);
  TEMPER_CHECK(op, "a layer is made of an operator that there is not");
  auto attrs = op->make_attrs(fields);
  if (!attrs.ok()) return {b.fail(std::move(attrs).error())};
  return b.op(*op, std::move(*attrs), operands);
}

}  // namespace temper::layers
