// Reshape, Flatten, Squeeze, Unsqueeze: the same elements under other dims.
#include <algorithm>

#include "ops/nn/operands.h"
#include "ops/tensor/dynamic_axes.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct ReshapeAttrs {
  std::vector<int64_t> shape;  // opset 1 to 4
  bool allow_zero = false;
  bool has_shape = false;
  TEMPER_FIELDS(shape, allow_zero, has_shape)
};

// A shape that is computed: its 0 and -1 replaced by what they stand for.
Val resolved(Builder& b, Val x, Val shape, bool allow_zero) {
  if (b.rank(shape) != 1 || !b.dims(shape)[0].is_const()) return shape;  // shape_argument says what is wrong
  int64_t rank = b.dims(shape)[0].value();
  Dims from = b.dims(x);
  SymInt count = product(from);
  from.resize(rank, SymInt(0));
  Val wide = b.cast(shape, DType::kI64);
  if (!allow_zero) wide = b.select(wide == b.like(0, wide), b.sizes(from), wide);
  Val is_open = wide == b.like(-1, wide);
  Val rest = b.reduce(MonoidKind::k_prod, b.select(is_open, b.like(1, wide), wide), {0}, false);
  return b.select(is_open, b.size(count) / rest, wide);
}

const RegisterOp<ReshapeAttrs> kReshape{{
    .name = "reshape",
    .body = [](Builder& b, const ReshapeAttrs& a, Operands in) -> Vals {
      if (!require(b, in, a.has_shape ? 1 : 2)) return {in[0]};
      std::vector<SymInt> to(a.shape.begin(), a.shape.end());
      if (!a.has_shape)
        to = shape_argument(b, b.contents(in[1]) ? in[1] : resolved(b, in[0], in[1], a.allow_zero), "the shape");
      if (!b.ok()) return {in[0]};
      const Dims& from = b.dims(in[0]);
      int64_t inferred = -1;
      SymInt rest = 1;
      for (size_t d = 0; d < to.size(); ++d) {
        if (to[d].is_const(-1)) {
          if (inferred >= 0) return {b.fail(ErrorCode::kInvalidArgument, "only one dimension of a shape may be -1")};
          inferred = static_cast<int64_t>(d);
          continue;
        }
        if (to[d].is_const(0) && !a.allow_zero) {
          if (d >= from.size())
            return {b.fail(ErrorCode::kInvalidArgument,
                           "a shape copies dimension " + std::to_string(d) + " of a tensor of lower rank")};
          to[d] = from[d];
        }
        rest *= to[d];
      }
      if (inferred >= 0) to[inferred] = rest.is_const(0) ? SymInt(0) : floor_div(product(from), rest);
      return {b.reshape(in[0], to)};
    },
    .onnx = {{"Reshape", 1,
              [](const OnnxNode& n) -> Expected<ReshapeAttrs> {
                return ReshapeAttrs{n.is("shape"), false, true};
              }},
             {"Reshape", 5,
              [](const OnnxNode& n) -> Expected<ReshapeAttrs> {
                return ReshapeAttrs{{}, n.i("allowzero", 0) != 0, false};
              }}},
    .samples = {"f32[2, 3, 4] {shape = [4, -1], has_shape = true}"},
}};

struct FlattenAttrs {
  int64_t axis = 1;
  TEMPER_FIELDS(axis)
};
const RegisterOp<FlattenAttrs> kFlatten{{
    .name = "flatten",
    .body = [](Builder& b, const FlattenAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      int rank = b.rank(in[0]);
      if (a.axis < -rank || a.axis > rank)
        return {b.fail(ErrorCode::kInvalidArgument, "axis " + std::to_string(a.axis) + " is outside the rank")};
      auto axis = static_cast<std::ptrdiff_t>(a.axis < 0 ? a.axis + rank : a.axis);
      const Dims& d = b.dims(in[0]);
      return {b.reshape(in[0], {product(std::span(d).first(axis)), product(std::span(d).subspan(axis))})};
    },
    .onnx = {{"Flatten", 1, [](const OnnxNode& n) -> Expected<FlattenAttrs> { return FlattenAttrs{n.i("axis", 1)}; }}},
    .samples = {"f32[n, 3, 4, 5] {axis = 2}"},
}};

struct AxesAttrs {
  std::vector<int64_t> axes;
  bool has_axes = false;
  TEMPER_FIELDS(axes, has_axes)
};
Expected<AxesAttrs> read_axes(const OnnxNode& n) { return AxesAttrs{n.is("axes"), n.has("axes")}; }

// How many axes a vector or scalar of them holds; fails if that is not known.
int64_t axis_count(Builder& b, Val axes) {
  if (b.rank(axes) == 0) return 1;
  if (b.rank(axes) == 1 && b.dims(axes)[0].is_const()) return b.dims(axes)[0].value();
  b.fail(ErrorCode::kUnsupported, "how many axes there are must be known when the model is built");
  return 0;
}
// Dims read from a vector of sizes.
Val reshape_to(Builder& b, Val x, Val sizes, int64_t rank) {
  Dims to;
  for (int64_t d = 0; d < rank && b.ok(); ++d) to.push_back(bound_size(b, element(b, sizes, d)));
  return b.reshape(x, to);
}
// Axes that are computed. Where a flag is 0, the dimensions of x follow in order.
Val insert_dynamic(Builder& b, Val x, Val axes) {
  int64_t rank = b.rank(x) + axis_count(b, axes);
  Val flags = axis_flags(b, axes, rank);
  if (!b.ok() || b.rank(x) == 0) return b.ok() ? b.reshape(x, Dims(rank, SymInt(1))) : x;
  Val kept = b.like(1, flags) - flags;
  Val at = b.op("scan", ScanAttrs{0, MonoidKind::k_sum, true, false}, std::span(&kept, 1))[0];
  at = b.map(ScalarOp::k_min, at, b.like(b.rank(x) - 1, at));
  Val sizes = b.select(flags == b.like(1, flags), b.like(1, flags), b.take(b.sizes(b.dims(x)), at, 0));
  return reshape_to(b, x, sizes, rank);
}
Val remove_dynamic(Builder& b, Val x, Val axes) {
  int64_t left = b.rank(x) - axis_count(b, axes);
  if (b.ok() && left < 0) return b.fail(ErrorCode::kInvalidArgument, "more axes than the tensor has");
  Val flags = axis_flags(b, axes, b.rank(x));
  if (!b.ok()) return x;
  Val order = b.op("sort", SortAttrs{0, false, left}, std::span(&flags, 1))[1];
  return reshape_to(b, x, b.take(b.sizes(b.dims(x)), order, 0), left);
}

const RegisterOp<AxesAttrs> kUnsqueeze{{
    .name = "unsqueeze",
    .body = [](Builder& b, const AxesAttrs& a, Operands in) -> Vals {
      if (!require(b, in, a.has_axes ? 1 : 2)) return {in[0]};
      if (!a.has_axes && !b.contents(in[1])) return {insert_dynamic(b, in[0], in[1])};
      auto axes = a.has_axes ? a.axes : constant_argument(b, in[1], "axes");
      for (int64_t& axis : axes) axis = b.normal_axis(axis, b.rank(in[0]) + static_cast<int>(axes.size()));
      return {b.unsqueeze(in[0], axes)};
    },
    .onnx = {{"Unsqueeze", 1, read_axes}},
    .samples = {"f32[3, 4] {axes = [0, 3], has_axes = true}"},
}};

const RegisterOp<AxesAttrs> kSqueeze{{
    .name = "squeeze",
    .body = [](Builder& b, const AxesAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      std::vector<int64_t> axes = a.axes;
      if (!a.has_axes && in[1]) {
        if (!b.contents(in[1])) return {remove_dynamic(b, in[0], in[1])};
        axes = constant_argument(b, in[1], "axes");
      } else if (!a.has_axes) {
        for (int64_t d = 0; d < b.rank(in[0]); ++d) {
          if (b.dims(in[0])[d].is_const(1)) axes.push_back(d);
        }
      }
      for (int64_t& axis : axes) axis = b.normal_axis(axis, b.rank(in[0]));
      return {b.squeeze(in[0], axes)};
    },
    .onnx = {{"Squeeze", 1, read_axes}},
    .samples = {"f32[1, 3, 1] {axes = [0], has_axes = true}"},
}};

}  // namespace
}  // namespace temper
