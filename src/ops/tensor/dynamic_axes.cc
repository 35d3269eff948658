#include "ops/tensor/dynamic_axes.h"

#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

// matches[d, i]: axis i is dimension d.
Val matches(Builder& b, Val axes, int64_t rank) {
  Val wide = b.cast(axes, DType::kI64);
  wide = b.select(wide < b.like(0, wide), wide + static_cast<double>(rank), wide);
  return b.reshape(wide, {1, b.dims(wide)[0]}) == b.iota({rank, 1}, 0, DType::kI64);
}

}  // namespace

Val axis_flags(Builder& b, Val axes, int64_t rank) {
  if (!b.ok()) return axes;
  if (b.rank(axes) == 0) axes = b.reshape(axes, {1});
  if (b.rank(axes) != 1) return b.fail(ErrorCode::kInvalidArgument, "axes must be a vector");
  return b.cast(b.reduce(MonoidKind::k_any, matches(b, axes, rank), {1}, false), DType::kI64);
}

Val spread(Builder& b, Val axes, Val values, Val otherwise) {
  if (!b.ok()) return axes;
  if (b.rank(axes) != 1 || b.rank(values) != 1)
    return b.fail(ErrorCode::kInvalidArgument, "axes, and what is said of each, must be vectors");
  int64_t rank = b.dims(otherwise)[0].value();
  Val match = matches(b, axes, rank);
  Val wide = b.reshape(b.cast(values, DType::kI64), {1, b.dims(values)[0]});
  Val chosen = b.reduce(MonoidKind::k_sum, b.select(match, wide, b.like(0, wide)), {1}, false);
  return b.select(b.reduce(MonoidKind::k_any, match, {1}, false), chosen, otherwise);
}

Val reduce_dynamic(Builder& b, Val x, Val axes, bool keep, const Reduction& reduce) {
  if (!b.ok()) return x;
  const Dims dims = b.dims(x);
  auto rank = static_cast<int64_t>(dims.size());
  if (rank == 0) return reduce(b, x, {}, keep);
  Val flags = axis_flags(b, axes, rank);
  Dims outer, inner;
  std::vector<int64_t> reduced;
  for (int64_t d = 0; d < rank && b.ok(); ++d) {
    SymInt flag = bound_size(b, element(b, flags, d));
    if (!flag.is_const()) b.sym().set_range(flag, 0, 1);
    outer.push_back(select(flag, 1, dims[d]));
    inner.push_back(select(flag, dims[d], 1));
    reduced.push_back(rank + d);
  }
  if (!b.ok()) return x;
  IndexMap map{outer, {}, 1};
  map.domain.insert(map.domain.end(), inner.begin(), inner.end());
  auto v = index_vars(b.sym(), map.domain);
  for (int64_t d = 0; d < rank; ++d) map.results.push_back(v[d] + v[rank + d]);
  Val y = reduce(b, b.reindex(x, std::move(map)), reduced, false);
  if (keep || !b.ok()) return y;
  // The dimensions that are left, in order: those without a flag come first when sorted by flag.
  if (!b.dims(axes).empty() && !b.dims(axes)[0].is_const()) {
    return b.fail(ErrorCode::kUnsupported,
                  "how many axes are reduced must be known when the model is built, unless they are kept as dimensions of 1");
  }
  int64_t left = rank - (b.dims(axes).empty() ? 1 : b.dims(axes)[0].value());
  if (left < 0) return b.fail(ErrorCode::kInvalidArgument, "more axes than the tensor has");
  Val order = b.op("sort", SortAttrs{0, false, left}, std::span(&flags, 1))[1];
  Val sizes = b.take(b.sizes(dims), order, 0);
  Dims to;
  for (int64_t d = 0; d < left && b.ok(); ++d) to.push_back(bound_size(b, element(b, sizes, d)));
  return b.reshape(y, to);
}

}  // namespace temper
