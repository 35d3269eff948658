// Transpose, Concat, Split, Slice, Expand, Tile, Pad: elements go elsewhere.
#include <algorithm>
#include <limits>

#include "ops/nn/operands.h"
#include "ops/tensor/dynamic_axes.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct TransposeAttrs {
  std::vector<int64_t> perm;
  TEMPER_FIELDS(perm)
};
const RegisterOp<TransposeAttrs> kTranspose{{
    .name = "transpose",
    .body = [](Builder& b, const TransposeAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      std::vector<int64_t> perm = a.perm;
      int rank = b.rank(in[0]);
      if (perm.empty()) {
        for (int d = rank; d-- > 0;) perm.push_back(d);
      }
      std::vector<int64_t> sorted = perm;
      std::sort(sorted.begin(), sorted.end());
      for (int d = 0; d < rank; ++d) {
        if (static_cast<int>(sorted.size()) != rank || sorted[d] != d)
          return {b.fail(ErrorCode::kInvalidArgument, "perm is not a permutation of the dimensions")};
      }
      return {b.transpose(in[0], perm)};
    },
    .onnx = {{"Transpose", 1, [](const OnnxNode& n) -> Expected<TransposeAttrs> { return TransposeAttrs{n.is("perm")}; }}},
    .samples = {"f32[n, 3, 5] {perm = [2, 0, 1]}"},
}};

struct ConcatenateAttrs {
  int64_t axis = 0;
  TEMPER_FIELDS(axis)
};
const RegisterOp<ConcatenateAttrs> kConcatenate{{
    .name = "concatenate",
    .body = [](Builder& b, const ConcatenateAttrs& a, Operands in) -> Vals {
      if (in.size() == 0) return {b.fail(ErrorCode::kInvalidArgument, "a concatenation of nothing")};
      return {b.concat(in.span(), b.normal_axis(a.axis, b.rank(in[0])))};
    },
    .onnx = {{"Concat", 1, [](const OnnxNode& n) -> Expected<ConcatenateAttrs> { return ConcatenateAttrs{n.i("axis", 1)}; }}},
    .samples = {"f32[2, n], f32[2, 3] {axis = 1}"},
}};

struct SplitAttrs {
  int64_t axis = 0, parts = 0;
  std::vector<int64_t> sizes;
  TEMPER_FIELDS(axis, parts, sizes)
};
Expected<SplitAttrs> read_split(const OnnxNode& n) {
  return SplitAttrs{n.i("axis", 0), n.i("num_outputs", n.output_count()), n.is("split")};
}
const RegisterOp<SplitAttrs> kSplit{{
    .name = "split",
    .body = [](Builder& b, const SplitAttrs& a, Operands in) -> Vals {
      require(b, in, 1);
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      if (!b.ok()) return Vals(static_cast<size_t>(std::max<int64_t>(1, a.parts)), in[0]);
      SymInt extent = b.dims(in[0])[axis];
      std::vector<SymInt> sizes(a.sizes.begin(), a.sizes.end());
      if (in[1]) sizes = shape_argument(b, in[1], "split");
      if (sizes.empty()) {
        if (a.parts <= 0) return {b.fail(ErrorCode::kInvalidArgument, "a split into no parts")};
        SymInt each = ceil_div(extent, a.parts);
        for (int64_t p = 0; p < a.parts; ++p) sizes.push_back(p + 1 < a.parts ? each : extent - each * (a.parts - 1));
      }
      Vals parts;
      SymInt start = 0;
      for (SymInt size : sizes) {
        parts.push_back(b.slice(in[0], axis, start, size));
        start += size;
      }
      if (start.is_const() && extent.is_const() && start != extent) {
        b.fail(ErrorCode::kInvalidArgument,
               "the parts of a split have " + start.to_string() + " elements, the tensor " + extent.to_string());
      }
      return parts;
    },
    .onnx = {{"Split", 1, read_split}},
    .samples = {"f32[6, n] {axis = 0, parts = 3}"},
}};

struct SliceAttrs {
  std::vector<int64_t> starts, ends, axes;
  bool has_starts = false;
  TEMPER_FIELDS(starts, ends, axes, has_starts)
};
// Starts, ends, axes or steps that are computed.
Val slice_dynamic(Builder& b, Val x, Val starts, Val ends, Val axes, Val steps) {
  const Dims dims = b.dims(x);
  auto rank = static_cast<int64_t>(dims.size());
  if (b.rank(starts) != 1) return b.fail(ErrorCode::kInvalidArgument, "starts must be a vector");
  if (!axes) axes = b.iota(b.dims(starts), 0, DType::kI64);
  Val n = b.sizes(dims), none = b.like(0, n), one = b.like(1, n);
  auto clamp = [&](Val v, Val low, Val high) { return b.map(ScalarOp::k_min, b.map(ScalarOp::k_max, v, low), high); };
  auto from_end = [&](Val v) { return b.select(v < none, v + n, v); };
  Val step = steps ? spread(b, axes, steps, b.broadcast(one, {rank})) : b.broadcast(one, {rank});
  Val backwards = step < none, last = n - one;
  Val start = from_end(spread(b, axes, starts, b.broadcast(none, {rank}))), end = from_end(spread(b, axes, ends, n));
  start = b.map(ScalarOp::k_max, clamp(start, none, b.select(backwards, last, n)), none);
  end = b.select(backwards, clamp(end, -one, last), clamp(end, none, n));
  Val magnitude = b.map(ScalarOp::k_abs, step), span = b.select(backwards, start - end, end - start);
  Val count = b.map(ScalarOp::k_max, span + magnitude - one, none) / magnitude;
  Val turn = b.cast(backwards, DType::kI64);
  Dims to = dims;
  IndexMap map{{}, {}, 1};
  std::vector<SymInt> first(rank), stride(rank, SymInt(1));
  for (int64_t d = 0; d < rank && b.ok(); ++d) {
    first[d] = bound_size(b, element(b, start, d));
    to[d] = bound_size(b, element(b, count, d));
    if (!steps) continue;
    SymInt is_backwards = bound_size(b, element(b, turn, d));
    if (!is_backwards.is_const()) b.sym().set_range(is_backwards, 0, 1);
    stride[d] = bound_size(b, element(b, magnitude, d)) * (SymInt(1) - 2 * is_backwards);
  }
  if (!b.ok()) return x;
  map.domain = to;
  auto v = index_vars(b.sym(), to);
  for (int64_t d = 0; d < rank; ++d) map.results.push_back(first[d] + v[d] * stride[d]);
  return b.reindex(x, std::move(map));
}

const RegisterOp<SliceAttrs> kSlice{{
    .name = "slice",
    .body = [](Builder& b, const SliceAttrs& a, Operands in) -> Vals {
      Val x = in[0];
      std::vector<SymInt> starts(a.starts.begin(), a.starts.end()), ends(a.ends.begin(), a.ends.end());
      std::vector<int64_t> axes = a.axes, steps;
      if (!require(b, in, a.has_starts ? 1 : 3)) return {x};
      if (!a.has_starts) {
        for (size_t i = 1; i < in.size(); ++i) {
          if (in[i] && !b.contents(in[i])) return {slice_dynamic(b, x, in[1], in[2], in[3], in[4])};
        }
        starts = shape_argument(b, in[1], "starts");
        ends = shape_argument(b, in[2], "ends");
        if (in[3]) axes = constant_argument(b, in[3], "axes");
        if (in[4]) steps = constant_argument(b, in[4], "steps");
      }
      if (axes.empty()) {
        for (size_t d = 0; d < starts.size(); ++d) axes.push_back(static_cast<int64_t>(d));
      }
      if (!steps.empty() && steps.size() != axes.size())
        return {b.fail(ErrorCode::kInvalidArgument, "axes and steps have different lengths")};
      steps.resize(axes.size(), 1);
      if (starts.size() != axes.size() || ends.size() != axes.size())
        return {b.fail(ErrorCode::kInvalidArgument, "starts, ends and axes have different lengths")};
      for (size_t k = 0; k < axes.size() && b.ok(); ++k) {
        int64_t axis = b.normal_axis(axes[k], b.rank(x)), step = steps[k];
        if (!b.ok()) break;
        if (step == 0) return {b.fail(ErrorCode::kInvalidArgument, "a slice's step is 0")};
        SymInt n = b.dims(x)[axis];
        // Negative positions count from the end; then they are cut to the tensor.
        auto from_end = [&](SymInt p) -> SymInt {
          if (p.is_const()) return p.value() < 0 ? n + p : p;
          if (proves_less_equal(0, p)) return p;
          if (proves_less(p, 0)) return n + p;
          return p + select(less(p, 0), n, 0);
        };
        auto clamp = [&](SymInt p, SymInt lo, SymInt hi) { return min(max(p, lo), hi); };
        constexpr int64_t kFar = int64_t(1) << 40;  // beyond every dimension
        SymInt start = starts[k], end = ends[k];
        if (step > 0) {
          start = start.is_const() && start.value() <= -kFar ? SymInt(0) : clamp(from_end(start), 0, n);
          end = end.is_const() && end.value() >= std::min<int64_t>(kFar, std::numeric_limits<int32_t>::max())
                    ? n
                    : clamp(from_end(end), 0, n);
          SymInt count = max(SymInt(0), ceil_div(end - start, step));
          x = b.slice(x, axis, start, count, step);
        } else {
          start = start.is_const() && start.value() >= std::numeric_limits<int32_t>::max() ? n - 1
                                                                                           : clamp(from_end(start), 0, n - 1);
          end = end.is_const() && end.value() <= -std::numeric_limits<int32_t>::max() ? SymInt(-1)
                                                                                      : clamp(from_end(end), -1, n - 1);
          SymInt count = max(SymInt(0), ceil_div(start - end, -step));
          x = b.slice(x, axis, start, count, step);
        }
      }
      return {x};
    },
    .onnx = {{"Slice", 1,
              [](const OnnxNode& n) -> Expected<SliceAttrs> {
                return SliceAttrs{n.is("starts"), n.is("ends"), n.is("axes"), true};
              }},
             {"Slice", 10, [](const OnnxNode&) -> Expected<SliceAttrs> { return SliceAttrs{}; }}},
    .samples = {"f32[n, 10] {starts = [1], ends = [-1], axes = [1], has_starts = true}"},
}};

const RegisterOp<NoAttrs> kExpand{{
    .name = "expand",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      Dims to = shape_argument(b, in[1], "the shape");
      if (!b.ok()) return {in[0]};
      const Dims& from = b.dims(in[0]);
      Dims joined(std::max(from.size(), to.size()), SymInt(1));
      for (size_t i = 0; i < joined.size(); ++i) {
        SymInt a = i + from.size() >= joined.size() ? from[i + from.size() - joined.size()] : SymInt(1);
        SymInt c = i + to.size() >= joined.size() ? to[i + to.size() - joined.size()] : SymInt(1);
        joined[i] = a == c || c.is_const(1) ? a : (a.is_const(1) ? c : (a.is_const() ? a : (c.is_const() ? c : max(a, c))));
        if (a.is_const() && c.is_const() && a != c && !a.is_const(1) && !c.is_const(1)) {
          return {b.fail(ErrorCode::kInvalidArgument,
                         "a dimension of " + a.to_string() + " can't be expanded to " + c.to_string())};
        }
      }
      return {b.broadcast(in[0], joined)};
    },
    .onnx = {{"Expand", 8}},
    .samples = {"f32[n, 1, 4], i64[3] (1, 3, 4)", "i64[3, 1], i64[3] (2, 1, 5)"},
}};

const RegisterOp<NoAttrs> kTile{{
    .name = "tile",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      auto repeats = shape_argument(b, in[1], "repeats");
      if (!b.ok()) return {in[0]};
      Dims dims = b.dims(in[0]), to = dims;
      if (repeats.size() != dims.size())
        return {b.fail(ErrorCode::kInvalidArgument, "repeats has another length than the rank")};
      for (size_t d = 0; d < to.size(); ++d) to[d] = to[d] * repeats[d];
      auto vars = index_vars(b.sym(), to);
      IndexMap map{to, {}, 1};
      for (size_t d = 0; d < to.size(); ++d) map.results.push_back(repeats[d].is_const(1) ? vars[d] : mod(vars[d], dims[d]));
      return {b.reindex(in[0], map)};
    },
    .onnx = {{"Tile", 6}},
    .samples = {"f32[n, 3], i64[2] (2, 3)", "u8[2, 1, 3], i64[3] (1, 4, 2)"},
}};

struct PadAttrs {
  std::string mode = "constant";
  std::vector<int64_t> pads;
  double value = 0;
  bool has_pads = false;
  TEMPER_FIELDS(mode, pads, value, has_pads)
};
// Pads or axes that are computed.
void pads_dynamic(Builder& b, Val x, Val pads, Val axes, std::vector<SymInt>& before, std::vector<SymInt>& after) {
  auto rank = static_cast<int64_t>(b.rank(x));
  if (!axes) axes = b.iota({rank}, 0, DType::kI64);
  if (b.rank(pads) != 1 || b.rank(axes) != 1) {
    b.fail(ErrorCode::kInvalidArgument, "pads and axes must be vectors");
    return;
  }
  SymInt half = b.dims(axes)[0];
  Val none = b.fill(0, DType::kI64, {rank});
  Val front = spread(b, axes, b.slice(pads, 0, 0, half), none), back = spread(b, axes, b.slice(pads, 0, half, half), none);
  auto bound = [&](Val v) {
    SymInt size = bound_size(b, v);
    if (b.ok() && !size.is_const() && kind_of(size) == SymKind::kVar)
      b.sym().set_range(size, -(int64_t(1) << 40), int64_t(1) << 40);
    return size;
  };
  for (int64_t d = 0; d < rank && b.ok(); ++d) {
    before[d] = bound(element(b, front, d));
    after[d] = bound(element(b, back, d));
  }
}

const RegisterOp<PadAttrs> kPad{{
    .name = "pad",
    .body = [](Builder& b, const PadAttrs& a, Operands in) -> Vals {
      Val x = in[0];
      if (!require(b, in, a.has_pads ? 1 : 2)) return {x};
      std::vector<SymInt> before(b.rank(x), 0), after(b.rank(x), 0);
      if (!a.has_pads && (!b.contents(in[1]) || (in[3] && !b.contents(in[3])))) {
        pads_dynamic(b, x, in[1], in[3], before, after);
      } else {
        std::vector<SymInt> pads(a.pads.begin(), a.pads.end());
        if (!a.has_pads) pads = *b.contents(in[1]);
        std::vector<int64_t> axes;
        if (in[3])
          axes = constant_argument(b, in[3], "axes");
        else
          for (int d = 0; d < b.rank(x); ++d) axes.push_back(d);
        if (!b.ok()) return {x};
        if (pads.size() != 2 * axes.size())
          return {b.fail(ErrorCode::kInvalidArgument, "pads needs two numbers for each axis")};
        for (size_t k = 0; k < axes.size(); ++k) {
          int64_t axis = b.normal_axis(axes[k], b.rank(x));
          if (!b.ok()) return {x};
          before[axis] = pads[k];
          after[axis] = pads[k + axes.size()];
        }
      }
      if (!b.ok()) return {x};
      if (a.mode == "constant") {
        if (!in[2]) return {b.pad(x, before, after, a.value)};
        if (auto value = b.constant_value(in[2]); value && value->dtype() != DType::kString && value->count() == 1) {
          return {b.pad(x, before, after, is_float(value->dtype()) ? value->at(0).f : static_cast<double>(value->at(0).i))};
        }
        Val inside = b.pad(b.fill(1, DType::kBool, b.dims(x)), before, after, 0);
        return {b.select(inside, b.pad(x, before, after, 0), b.reshape(in[2], {}))};
      }
      Dims dims = b.dims(x), to = dims;
      for (size_t d = 0; d < to.size(); ++d) to[d] = before[d] + to[d] + after[d];
      auto vars = index_vars(b.sym(), to);
      IndexMap map{to, {}, 1};
      for (size_t d = 0; d < to.size(); ++d) {
        SymInt e = vars[d] - before[d], n = dims[d];
        if (before[d].is_const(0) && after[d].is_const(0))
          map.results.push_back(vars[d]);
        else if (a.mode == "edge")
          map.results.push_back(min(max(e, 0), n - 1));
        else if (a.mode == "wrap")
          map.results.push_back(mod(e, n));
        else if (a.mode == "reflect")
          map.results.push_back(min(max(e, -e), 2 * (n - 1) - max(e, -e)));
        else
          return {b.fail(ErrorCode::kUnsupported, "padding mode '" + a.mode + "' does not exist")};
      }
      return {b.reindex(x, map)};
    },
    .onnx = {{"Pad", 2,
              [](const OnnxNode& n) -> Expected<PadAttrs> {
                return PadAttrs{n.s("mode", "constant"), n.is("pads"), n.f("value", 0), true};
              }},
             {"Pad", 11,
              [](const OnnxNode& n) -> Expected<PadAttrs> {
                return PadAttrs{n.s("mode", "constant"), {}, 0, false};
              }}},
    .samples = {"f32[2, 5] {pads = [0, 1, 1, 2], has_pads = true}"},
}};

}  // namespace
}  // namespace temper
