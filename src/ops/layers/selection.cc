// Layers that find elements or make them: non-zero, one-hot, NMS, grid sample, fill, assertion.
#include <limits>

#include "ops/layers/layers.h"
#include "ops/nn/operands.h"
#include "ops/tensor/shape_arguments.h"

namespace temper::layers {
namespace {

Vals one_hot(Builder& b, const Axis& a, Operands in) {
  if (!require(b, in, 3)) return {};
  return compose(b, "one_hot", {{"axis", a.axis}}, {in[0], in[2], in[1]});
}

Vals grid_sample(Builder& b, const GridSample& a, Operands in) {
  if (!require(b, in, 2)) return {};
  const std::string padding = a.outside == "fill" ? "zeros" : a.outside == "clamp" ? "border" : "reflection";
  return compose(b, "grid_sample", {{"mode", a.mode}, {"padding", padding}, {"align_corners", a.align_corners}},
                 {in[0], in[1]});
}

// The scores [n, classes, boxes] with all but the `limit` highest of each item sunk below any threshold.
Val strongest(Builder& b, Val scores, int64_t limit) {
  if (!b.ok()) return scores;
  const Dims dims = b.dims(scores);
  const SymInt all = dims[1] * dims[2];
  if (all.is_const() && all.value() <= limit) return scores;
  const Val flat = b.reshape(scores, {dims[0], all});
  const std::vector<Val> best = b.op("sort", SortAttrs{1, true, min(all, SymInt(limit))}, std::span(&flat, 1));
  if (!b.ok()) return scores;
  const Dims domain = b.dims(best[0]);
  const std::vector<SymInt> at = index_vars(b.sym(), domain);
  const Val sunk = b.fill(-std::numeric_limits<double>::infinity(), b.dtype(scores), {dims[0], all});
  const Val operands[] = {sunk, best[0], best[1]};
  ScatterAttrs back{IndexMap{domain, {at[0], b.sym().loaded(0, all)}, 1}, {IndexMap{domain, {at[0], at[1]}, 1}}, std::nullopt};
  return b.reshape(b.op("scatter", std::move(back), operands)[0], dims);
}

// Boxes are [n, boxes, 4] or [n, boxes, classes, 4], scores [n, boxes, classes]; the composite wants scores by class.
Vals suppression(Builder& b, const Suppression& a, Operands in) {
  if (!require(b, in, 2)) return {};
  Val boxes = in[0], scores = in[1];
  if (b.rank(boxes) == 4) {
    if (!b.dims(boxes)[2].is_const(1)) {
      return {b.fail(ErrorCode::kUnsupported, "boxes of their own for each class are not supported; give [n, boxes, 1, 4]")};
    }
    const int64_t axis[] = {2};
    boxes = b.squeeze(boxes, axis);
  }
  if (!b.ok() || b.rank(boxes) != 3 || b.rank(scores) != 3)
    return {b.fail(ErrorCode::kInvalidArgument, "boxes are [n, boxes, 1, 4] and scores [n, boxes, classes]")};
  const int64_t by_class[] = {0, 2, 1};
  auto optional = [&](Val v, double otherwise, DType dtype) { return v ? b.cast(v, dtype) : b.scalar(otherwise, dtype); };
  Vals chosen = compose(b, "non_max_suppression", {{"center", a.center}},
                        {boxes, strongest(b, b.transpose(scores, by_class), a.limit), optional(in[2], 2147483647, DType::kI64),
                         optional(in[3], 0, DType::kF32), optional(in[4], 0, DType::kF32)});
  if (!b.ok()) return {};
  const Val count = b.cast(b.size(b.dims(chosen[0])[0]), a.indices == DType::kI64 ? DType::kI64 : DType::kI32);
  return {b.cast(chosen[0], a.indices), count};
}

Vals fill(Builder& b, const Fill& a, Operands in) {
  if (a.type != "linspace") {
    return {b.fail(ErrorCode::kUnsupported,
                   "random fills are not supported: the same plan gives the same bits every time; make the numbers outside and "
                   "give them as an input")};
  }
  std::vector<SymInt> sizes(a.dims.begin(), a.dims.end());
  if (in[0]) sizes = shape_argument(b, in[0], "the dimensions of a fill");
  if (!b.ok()) return {};
  const Dims dims(sizes.begin(), sizes.end());
  const auto rank = static_cast<int>(dims.size());
  // Integers are computed as integers, floats as f32 or wider.
  const DType work = is_int(a.to) ? DType::kI64 : a.to;
  auto number = [&](Val tensor, double f, int64_t i) {
    if (tensor) return b.cast(tensor, work);
    Tensor t = Tensor::zeros(work, {});
    t.set(0, is_float(work) ? ScalarValue{a.ints ? static_cast<double>(i) : f, 0}
                            : ScalarValue{0, a.ints ? i : static_cast<int64_t>(f)});
    return b.constant(std::move(t));
  };
  Val y = number(in[1], a.alpha, a.alpha_int);
  if (b.ok() && b.rank(y) == 1) y = b.reshape(y, {});
  const Val step = number(in[2], a.beta, a.beta_int);
  for (int d = 0; d < rank && b.ok(); ++d) {
    // A step per dimension is a vector; a scalar is for vectors.
    if (b.rank(step) == 0 && rank > 1) {
      return {b.fail(ErrorCode::kInvalidArgument,
                     "a fill of rank " + std::to_string(rank) + " needs a step for each dimension; give them as input 2")};
    }
    Dims line(rank, SymInt(1));
    line[d] = dims[d];
    const Val one = b.rank(step) == 0 ? step : b.reshape(b.slice(step, 0, d, 1), {});
    y = y + b.cast(b.iota(line, d, DType::kI64), work) * one;
  }
  return {b.cast(b.broadcast(y, dims), a.to)};
}

const RegisterOp<Indices> kNonZero{{
    .name = "layer_non_zero",
    .body = [](Builder& b, const Indices& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      return {b.cast(compose(b, "non_zero", {}, {in[0]})[0], a.type)};
    },
    .samples = {"f32[n, 3]"},
}};
const RegisterOp<Axis> kOneHot{{
    .name = "layer_one_hot",
    .body = one_hot,
    .samples = {"i32[n], f32[2] (0, 1), i32[] (5) {axis = -1}"},
}};
const RegisterOp<GridSample> kGridSample{{
    .name = "layer_grid_sample",
    .body = grid_sample,
    .samples = {"f32[1, 2, 4, 5], f32[1, 3, 3, 2]", "f32[1, 2, 4, 5], f32[1, 3, 3, 2] {outside = \"reflect\"}"},
}};
const RegisterOp<Suppression> kSuppression{{
    .name = "layer_nms",
    .body = suppression,
    .samples = {"f32[1, 6, 1, 4], f32[1, 6, 2], i32[] (3), f32[] (0.5), f32[] (0.1)",
                "f32[2, n, 4], f32[2, n, 2], i32[] (3), f32[] (0.5), f32[] (0.1) {limit = 3}"},
}};
const RegisterOp<ReverseSequence> kReverse{{
    .name = "layer_reverse_sequence",
    .body = [](Builder& b, const ReverseSequence& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {};
      return compose(b, "reverse_sequence", {{"batch_axis", a.batch_axis}, {"time_axis", a.sequence_axis}}, {in[0], in[1]});
    },
    .samples = {"f32[5, 2, 2], i32[2] (3, 4)"},
}};
// The one result is not for reading: the node is there for its effect.
const RegisterOp<Assertion> kAssertion{{
    .name = "layer_assertion",
    .body = [](Builder& b, const Assertion& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      if (b.dtype(in[0]) != DType::kBool) return {b.fail(ErrorCode::kInvalidArgument, "the condition must be boolean")};
      Extents axes;
      for (int d = 0; d < b.rank(in[0]); ++d) axes.push_back(d);
      const Val all = axes.empty() ? in[0] : b.reduce(MonoidKind::k_all, in[0], axes, false);
      if (!b.ok()) return {};
      return {b.op("assert", Assert{a.message}, std::span(&all, 1))[0]};
    },
    .samples = {"bool[2] (true, true) {message = \"all are true\"}"},
}};
const RegisterOp<Fill> kFill{{
    .name = "layer_fill",
    .body = fill,
    .samples = {"_ {dims = [5], alpha = 1.0, beta = 0.5}", "i64[2] (2, 3), i32[] (1), i32[2] (10, 1) {to = i32}"},
}};

}  // namespace
}  // namespace temper::layers
