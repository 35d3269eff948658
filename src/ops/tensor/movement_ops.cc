// Transpose, Concat, Split, Slice, Expand, Tile, Pad: elements go elsewhere.
#include <algorithm>
#include <limits>

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
      std::vector<int64_t> perm = a.perm;
      int rank = b.rank(in[0]);
      if (perm.empty()) {
        for (int d = rank; d-- > 0;) perm.push_back(d);
      }
      std::vector<int64_t> sorted = perm;
      std::sort(sorted.begin(), sorted.end());
      for (int d = 0; d < rank; ++d) {
        if (static_cast<int>(sorted.size()) != rank || sorted[d] != d) return {b.fail(ErrorCode::kInvalidArgument, "perm is not a permutation of the dimensions")};
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
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      if (!b.ok()) return Vals(static_cast<size_t>(std::max<int64_t>(1, a.parts)), in[0]);
      SymInt extent = b.dims(in[0])[axis];
      std::vector<SymInt> sizes(a.sizes.begin(), a.sizes.end());
      if (in[1]) sizes = shape_argument(b, in[1], "split");
      if (sizes.empty()) {
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
        b.fail(ErrorCode::kInvalidArgument, "the parts of a split have " + start.to_string() + " elements, the tensor " + extent.to_string());
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
const RegisterOp<SliceAttrs> kSlice{{
    .name = "slice",
    .body = [](Builder& b, const SliceAttrs& a, Operands in) -> Vals {
      Val x = in[0];
      std::vector<SymInt> starts(a.starts.begin(), a.starts.end()), ends(a.ends.begin(), a.ends.end());
      std::vector<int64_t> axes = a.axes, steps;
      if (!a.has_starts) {
        starts = shape_argument(b, in[1], "starts");
        ends = shape_argument(b, in[2], "ends");
        if (in[3]) axes = constant_argument(b, in[3], "axes");
        if (in[4]) steps = constant_argument(b, in[4], "steps");
      }
      if (axes.empty()) {
        for (size_t d = 0; d < starts.size(); ++d) axes.push_back(static_cast<int64_t>(d));
      }
      steps.resize(axes.size(), 1);
      if (starts.size() != axes.size() || ends.size() != axes.size()) return {b.fail(ErrorCode::kInvalidArgument, "starts, ends and axes have different lengths")};
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
          end = end.is_const() && end.value() >= std::min<int64_t>(kFar, std::numeric_limits<int32_t>::max()) ? n : clamp(from_end(end), 0, n);
          SymInt count = max(SymInt(0), ceil_div(end - start, step));
          x = b.slice(x, axis, start, count, step);
        } else {
          start = start.is_const() && start.value() >= std::numeric_limits<int32_t>::max() ? n - 1 : clamp(from_end(start), 0, n - 1);
          end = end.is_const() && end.value() <= -std::numeric_limits<int32_t>::max() ? SymInt(-1) : clamp(from_end(end), -1, n - 1);
          SymInt count = max(SymInt(0), ceil_div(start - end, -step));
          x = b.slice(x, axis, start, count, step);
        }
      }
      return {x};
    },
    .onnx = {{"Slice", 1, [](const OnnxNode& n) -> Expected<SliceAttrs> { return SliceAttrs{n.is("starts"), n.is("ends"), n.is("axes"), true}; }},
             {"Slice", 10, [](const OnnxNode&) -> Expected<SliceAttrs> { return SliceAttrs{}; }}},
    .samples = {"f32[n, 10] {starts = [1], ends = [-1], axes = [1], has_starts = true}"},
}};

const RegisterOp<NoAttrs> kExpand{{
    .name = "expand",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      Dims to = shape_argument(b, in[1], "the shape");
      if (!b.ok()) return {in[0]};
      const Dims& from = b.dims(in[0]);
      Dims joined(std::max(from.size(), to.size()), SymInt(1));
      for (size_t i = 0; i < joined.size(); ++i) {
        SymInt a = i + from.size() >= joined.size() ? from[i + from.size() - joined.size()] : SymInt(1);
        SymInt c = i + to.size() >= joined.size() ? to[i + to.size() - joined.size()] : SymInt(1);
        joined[i] = a == c || c.is_const(1) ? a : (a.is_const(1) ? c : (a.is_const() ? a : (c.is_const() ? c : max(a, c))));
        if (a.is_const() && c.is_const() && a != c && !a.is_const(1) && !c.is_const(1)) {
          return {b.fail(ErrorCode::kInvalidArgument, "a dimension of " + a.to_string() + " can't be expanded to " + c.to_string())};
        }
      }
      return {b.broadcast(in[0], joined)};
    },
    .onnx = {{"Expand", 8}},
}};

const RegisterOp<NoAttrs> kTile{{
    .name = "tile",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      auto repeats = shape_argument(b, in[1], "repeats");
      if (!b.ok()) return {in[0]};
      Dims dims = b.dims(in[0]), to = dims;
      if (repeats.size() != dims.size()) return {b.fail(ErrorCode::kInvalidArgument, "repeats has another length than the rank")};
      for (size_t d = 0; d < to.size(); ++d) to[d] = to[d] * repeats[d];
      auto vars = index_vars(b.sym(), to);
      IndexMap map{to, {}, 1};
      for (size_t d = 0; d < to.size(); ++d) map.results.push_back(repeats[d].is_const(1) ? vars[d] : mod(vars[d], dims[d]));
      return {b.reindex(in[0], map)};
    },
    .onnx = {{"Tile", 6}},
}};

struct PadAttrs {
  std::string mode = "constant";
  std::vector<int64_t> pads;
  double value = 0;
  bool has_pads = false;
  TEMPER_FIELDS(mode, pads, value, has_pads)
};
const RegisterOp<PadAttrs> kPad{{
    .name = "pad",
    .body = [](Builder& b, const PadAttrs& a, Operands in) -> Vals {
      Val x = in[0];
      std::vector<SymInt> pads(a.pads.begin(), a.pads.end());
      if (!a.has_pads) pads = shape_argument(b, in[1], "pads");
      std::vector<int64_t> axes;
      if (in[3]) axes = constant_argument(b, in[3], "axes");
      else for (int d = 0; d < b.rank(x); ++d) axes.push_back(d);
      if (!b.ok()) return {x};
      if (pads.size() != 2 * axes.size()) return {b.fail(ErrorCode::kInvalidArgument, "pads needs two numbers for each axis")};
      std::vector<SymInt> before(b.rank(x), 0), after(b.rank(x), 0);
      for (size_t k = 0; k < axes.size(); ++k) {
        int64_t axis = b.normal_axis(axes[k], b.rank(x));
        before[axis] = pads[k];
        after[axis] = pads[k + axes.size()];
      }
      double fill = a.value;
      if (a.mode == "constant") {
        if (in[2]) {
          auto value = b.constant_value(in[2]);
          if (!value) return {b.fail(ErrorCode::kUnsupported, "the padding value must be constant")};
          if (value->count() > 0) fill = is_float(value->dtype()) ? value->at(0).f : static_cast<double>(value->at(0).i);
        }
        return {b.pad(x, before, after, fill)};
      }
      Dims dims = b.dims(x), to = dims;
      for (size_t d = 0; d < to.size(); ++d) to[d] = before[d] + to[d] + after[d];
      auto vars = index_vars(b.sym(), to);
      IndexMap map{to, {}, 1};
      for (size_t d = 0; d < to.size(); ++d) {
        SymInt e = vars[d] - before[d], n = dims[d];
        if (before[d].is_const(0) && after[d].is_const(0)) map.results.push_back(vars[d]);
        else if (a.mode == "edge") map.results.push_back(min(max(e, 0), n - 1));
        else if (a.mode == "wrap") map.results.push_back(mod(e, n));
        else if (a.mode == "reflect") map.results.push_back(min(max(e, -e), 2 * (n - 1) - max(e, -e)));
        else return {b.fail(ErrorCode::kUnsupported, "padding mode '" + a.mode + "' does not exist")};
      }
      return {b.reindex(x, map)};
    },
    .onnx = {{"Pad", 2, [](const OnnxNode& n) -> Expected<PadAttrs> { return PadAttrs{n.s("mode", "constant"), n.is("pads"), n.f("value", 0), true}; }},
             {"Pad", 11, [](const OnnxNode& n) -> Expected<PadAttrs> { return PadAttrs{n.s("mode", "constant"), {}, 0, false}; }}},
    .samples = {"f32[2, 5] {pads = [0, 1, 1, 2], has_pads = true}"},
}};

}  // namespace
}  // namespace temper
