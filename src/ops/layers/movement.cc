// Layers that move elements: shuffle, slice, padding, concatenation, gather, scatter, resize.
#include <algorithm>

#include "ops/layers/layers.h"
#include "ops/nn/operands.h"
#include "ops/tensor/shape_arguments.h"

namespace temper::layers {
namespace {

Val turned(Builder& b, Val x, const Extents& order) {
  if (order.empty() || !b.ok()) return x;
  const auto rank = static_cast<size_t>(b.rank(x));
  Extents first(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min(rank, order.size()))), sorted = first;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < rank; ++i) {
    if (i < sorted.size() && sorted[i] == static_cast<int64_t>(i)) continue;
    return b.fail(ErrorCode::kInvalidArgument, "the transpose of a shuffle names the dimensions of an input of rank " +
                                                   std::to_string(rank) + " other than once each");
  }
  return b.transpose(x, first);
}

Vals shuffle(Builder& b, const Shuffle& a, Operands in) {
  if (!require(b, in, 1)) return {};
  Val y = turned(b, in[0], a.first);
  if (in[1]) {
    y = compose(b, "reshape", {{"allow_zero", !a.zero_is_placeholder}}, {y, in[1]})[0];
  } else if (a.reshapes) {
    y = compose(b, "reshape", {{"allow_zero", !a.zero_is_placeholder}}, {y, b.ints(a.dims)})[0];
  }
  return {turned(b, y, a.second)};
}

// The numbers that a layer takes as a tensor or as dims of its own.
std::vector<SymInt> numbers(Builder& b, Val tensor, const Extents& own, const std::string& what) {
  if (tensor) return shape_argument(b, tensor, what);
  return {own.begin(), own.end()};
}

Vals slice(Builder& b, const Slice& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const Val x = in[0];
  const Dims dims = b.dims(x);
  const auto rank = static_cast<int64_t>(dims.size());
  const auto start = numbers(b, in[1], a.start, "the start of a slice"),
             size = numbers(b, in[2], a.size, "the size of a slice");
  auto stride = numbers(b, in[3], a.stride, "the stride of a slice");
  Extents axes = in[5] ? constant_argument(b, in[5], "the axes of a slice") : a.axes;
  if (!b.ok()) return {};
  if (axes.empty()) {
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (stride.empty()) stride.assign(axes.size(), SymInt(1));
  if (start.size() != axes.size() || size.size() != axes.size() || stride.size() != axes.size()) {
    return {b.fail(ErrorCode::kInvalidArgument, "start, size and stride of a slice have " + std::to_string(start.size()) +
                                                    ", " + std::to_string(size.size()) + " and " +
                                                    std::to_string(stride.size()) + " elements, but there are " +
                                                    std::to_string(axes.size()) + " axes to slice")};
  }
  Dims to = dims;
  for (size_t k = 0; k < axes.size(); ++k) {
    axes[k] = b.normal_axis(axes[k], static_cast<int>(rank));
    if (!b.ok()) return {};
    to[axes[k]] = size[k];
  }
  IndexMap map{to, index_vars(b.sym(), to), 1};
  double fill = 0;
  for (size_t k = 0; k < axes.size(); ++k) {
    const SymInt n = dims[axes[k]], last = start[k] + (size[k] - 1) * stride[k];
    SymInt at = start[k] + map.results[axes[k]] * stride[k];
    if (a.mode == "strict") {
      const bool known = n.is_const() && start[k].is_const() && last.is_const() && size[k].is_const();
      auto outside = [&](SymInt i) { return i.value() < 0 || i.value() >= n.value(); };
      if (known && size[k].value() > 0 && (outside(start[k]) || outside(last))) {
        return {b.fail(ErrorCode::kInvalidArgument, "a slice reads elements " + start[k].to_string() + " to " +
                                                        last.to_string() + " of a dimension of " + n.to_string() +
                                                        "; set a mode other than kSTRICT_BOUNDS, or another size")};
      }
    } else if (a.mode == "wrap") {
      at = mod(at, n);
    } else if (a.mode == "clamp") {
      at = max(SymInt(0), min(at, n - 1));
    } else if (a.mode == "reflect") {
      const SymInt period = max(SymInt(1), n * 2 - 2), there = mod(at, period);
      at = min(there, period - there);
    } else if (a.mode == "fill") {
      map.guard = both(map.guard, both(less(SymInt(-1), at), less(at, n)));
    }
    map.results[axes[k]] = at;
  }
  if (in[4] && a.mode == "fill") {
    auto value = b.constant_value(in[4]);
    if (!value || value->count() != 1)
      return {b.fail(ErrorCode::kUnsupported, "the fill value of a slice must be a constant scalar; make it one")};
    fill = is_float(value->dtype()) ? value->at(0).f : static_cast<double>(value->at(0).i);
  }
  return {b.reindex(x, std::move(map), fill)};
}

Vals padding(Builder& b, const Padding& a, Operands in) {
  if (!require(b, in, 1) || !require_rank(b, in[0], static_cast<int>(a.pre.size()), "the input of a padding layer")) return {};
  std::vector<SymInt> before(b.rank(in[0]), SymInt(0)), after = before;
  const size_t first = before.size() - a.pre.size();
  for (size_t i = 0; i < a.pre.size(); ++i) {
    before[first + i] = a.pre[i];
    after[first + i] = a.post[i];
  }
  return {b.pad(in[0], before, after, 0)};
}

Vals concatenation(Builder& b, const Axis& a, Operands in) {
  Vals parts(in.begin(), in.end());
  if (!require(b, in, 1)) return {};
  for (Val v : parts) {
    if (!b.ok() || b.dtype(v) == b.dtype(parts[0])) continue;
    return {b.fail(ErrorCode::kInvalidArgument, "the inputs of a concatenation are of types " +
                                                    std::string(dtype_name(b.dtype(parts[0]))) + " and " +
                                                    std::string(dtype_name(b.dtype(v))) + "; cast one of them")};
  }
  return compose(b, "concatenate", {{"axis", a.axis}}, parts);
}

Vals gather(Builder& b, const GatherLayer& a, Operands in) {
  if (!require(b, in, 2)) return {};
  if (a.mode == "element") return compose(b, "gather_elements", {{"axis", a.axis}}, {in[0], in[1]});
  if (a.mode == "nd") return compose(b, "gather_nd", {{"batch_dims", a.shared}}, {in[0], in[1]});
  if (a.shared == 0) return compose(b, "gather_along", {{"axis", a.axis}}, {in[0], in[1]});
  // Leading dimensions in common: x[s, ..., i[s, ...], ...].
  const Dims x = b.dims(in[0]), index = b.dims(in[1]);
  const int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
  if (!b.ok()) return {};
  if (axis < a.shared || a.shared > b.rank(in[1])) {
    return {b.fail(ErrorCode::kInvalidArgument, "a gather along axis " + std::to_string(axis) + " can't share " +
                                                    std::to_string(a.shared) + " leading dimensions with its indices")};
  }
  Dims domain(x.begin(), x.begin() + axis);
  domain.insert(domain.end(), index.begin() + a.shared, index.end());
  domain.insert(domain.end(), x.begin() + axis + 1, x.end());
  auto d = index_vars(b.sym(), domain);
  const auto own = static_cast<int64_t>(index.size()) - a.shared;
  IndexMap map{domain, {}, 1}, load{domain, {}, 1};
  for (int64_t i = 0; i < axis; ++i) map.results.push_back(d[i]);
  map.results.push_back(b.sym().loaded(0, x[axis]));
  for (size_t i = axis + 1; i < x.size(); ++i) map.results.push_back(d[i - 1 + own]);
  for (int64_t i = 0; i < a.shared; ++i) load.results.push_back(d[i]);
  for (int64_t i = 0; i < own; ++i) load.results.push_back(d[axis + i]);
  const Val positions = b.wrap(in[1], x[axis]);
  return {b.gather(in[0], std::span(&positions, 1), std::move(map), {std::move(load)})};
}

Vals scatter(Builder& b, const Scatter& a, Operands in) {
  if (!require(b, in, 3)) return {};
  if (a.mode == "nd") return compose(b, "scatter_nd", {}, {in[0], in[1], in[2]});
  return compose(b, "scatter_elements", {{"axis", a.axis}}, {in[0], in[1], in[2]});
}

Vals resize(Builder& b, const Resize& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const Val absent{&b, kNone32};
  AttrFields fields{{"mode", a.mode},
                    {"coordinates", a.coordinates},
                    {"nearest", a.rounding},
                    {"cubic_a", a.cubic},
                    {"exclude_outside", a.exclude_outside}};
  if (a.upper_single) {
    return {b.fail(ErrorCode::kUnsupported, "a resize with ResizeSelector::kUPPER is not supported; use kFORMULA")};
  }
  if (in[1]) return compose(b, "resize", fields, {in[0], absent, absent, in[1]});
  if (!a.scales.empty()) {
    std::vector<float> scales(a.scales.begin(), a.scales.end());
    const auto count = static_cast<int64_t>(scales.size());
    return compose(b, "resize", fields, {in[0], absent, b.constant(Tensor::of(DType::kF32, {count}, scales))});
  }
  if (a.dims.empty()) {
    return {b.fail(ErrorCode::kInvalidArgument, "a resize needs output dimensions or scales; set one of them")};
  }
  // -1 keeps the extent.
  std::vector<SymInt> sizes(a.dims.begin(), a.dims.end());
  for (size_t i = 0; i < sizes.size() && i < b.dims(in[0]).size(); ++i) {
    if (a.dims[i] < 0) sizes[i] = b.dims(in[0])[i];
  }
  return compose(b, "resize", fields, {in[0], absent, absent, b.sizes(sizes)});
}

Vals squeeze(Builder& b, Operands in, const char* which) {
  if (!require(b, in, 2)) return {};
  return compose(b, which, {}, {in[0], b.cast(in[1], DType::kI64)});
}

const RegisterOp<Shuffle> kShuffle{{
    .name = "layer_shuffle",
    .body = shuffle,
    .samples = {"f32[n, 3, 4] {first = [0, 2, 1], reshapes = true, dims = [0, -1], second = [1, 0]}",
                "f32[2, 6], i64[2] (3, 4)", "f32[2, 6]"},
}};
const RegisterOp<Slice> kSlice{{
    .name = "layer_slice",
    .body = slice,
    .samples = {"f32[4, 6] {start = [1, 0], size = [2, 3], stride = [1, 2]}",
                "f32[4, 6] {start = [3, 5], size = [2, 4], stride = [-2, -1]}",
                "f32[4, 5] {start = [-1, 2], size = [6, 5], stride = [1, 1], mode = \"reflect\"}",
                "f32[4, 5] {start = [-1, 2], size = [6, 5], stride = [1, 1], mode = \"wrap\"}",
                "f32[4, 5] {start = [-1, 2], size = [6, 5], stride = [1, 1], mode = \"clamp\"}",
                "f32[4, 5], _, _, _, f32[] (7) {start = [-1, 2], size = [6, 5], stride = [1, 1], mode = \"fill\"}",
                "f32[n, 5] {start = [1], size = [3], stride = [1], axes = [1]}"},
}};
const RegisterOp<Indices> kShape{{
    .name = "layer_shape",
    .body = [](Builder& b, const Indices& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      return {b.cast(compose(b, "shape", {}, {in[0]})[0], a.type)};
    },
    .samples = {"f32[n, 3]"},
}};
const RegisterOp<Padding> kPadding{{
    .name = "layer_padding",
    .body = padding,
    .samples = {"f32[1, 2, 4, 5] {pre = [1, -1], post = [0, 2]}"},
}};
const RegisterOp<Axis> kConcatenation{{
    .name = "layer_concatenation",
    .body = concatenation,
    .samples = {"f32[n, 2], f32[n, 3] {axis = 1}"},
}};
const RegisterOp<GatherLayer> kGather{{
    .name = "layer_gather",
    .body = gather,
    .samples = {"f32[n, 3], i32[2] (0, -1) {axis = 1}",
                "f32[2, 5, 3], i32[2, 4] (0, 4, 1, 1, 2, 3, 0, 2) {axis = 1, shared = 1}",
                "f32[3, 4], i64[3, 2] (0, 1, 2, 3, 1, 0) {mode = \"element\", axis = 1}",
                "f32[3, 4], i64[2, 2] (0, 1, 2, 3) {mode = \"nd\"}"},
}};
const RegisterOp<Scatter> kScatter{{
    .name = "layer_scatter",
    .body = scatter,
    .samples = {"f32[3, 4], i64[3, 2] (0, 1, 2, 3, 1, 0), f32[3, 2] {axis = 1}",
                "f32[4, 3], i64[2, 1] (0, 2), f32[2, 3] {mode = \"nd\"}"},
}};
const RegisterOp<Resize> kResize{{
    .name = "layer_resize",
    .body = resize,
    .samples = {"f32[1, 2, 4, 5] {dims = [1, 2, 8, 7]}", "f32[1, 2, 4, 5] {scales = [1.0, 1.0, 2.0, 1.5], mode = \"linear\"}",
                "f32[1, 2, 4, 5], i64[4] (1, 2, 6, 6) {mode = \"cubic\", coordinates = \"half_pixel\"}"},
}};
const RegisterOp<NoAttrs> kSqueeze{{
    .name = "layer_squeeze",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals { return squeeze(b, in, "squeeze"); },
    .samples = {"f32[n, 1, 3], i32[1] (1)"},
}};
const RegisterOp<NoAttrs> kUnsqueeze{{
    .name = "layer_unsqueeze",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals { return squeeze(b, in, "unsqueeze"); },
    .samples = {"f32[n, 3], i64[2] (0, 2)"},
}};

}  // namespace
}  // namespace temper::layers
