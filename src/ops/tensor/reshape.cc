// Reshape, Flatten, Squeeze, Unsqueeze: the same elements under other dims.
#include <algorithm>

#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct ReshapeAttrs {
  std::vector<int64_t> shape;  // opset 1 to 4
  bool allow_zero = false;
  bool has_shape = false;
  TEMPER_FIELDS(shape, allow_zero, has_shape)
};

const RegisterOp<ReshapeAttrs> kReshape{{
    .name = "reshape",
    .body = [](Builder& b, const ReshapeAttrs& a, Operands in) -> Vals {
      std::vector<SymInt> to(a.shape.begin(), a.shape.end());
      if (!a.has_shape) to = shape_argument(b, in[1], "the shape");
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
          if (d >= from.size()) return {b.fail(ErrorCode::kInvalidArgument, "a shape copies dimension " + std::to_string(d) + " of a tensor of lower rank")};
          to[d] = from[d];
        }
        rest *= to[d];
      }
      if (inferred >= 0) to[inferred] = rest.is_const(0) ? SymInt(0) : floor_div(product(from), rest);
      return {b.reshape(in[0], to)};
    },
    .onnx = {{"Reshape", 1, [](const OnnxNode& n) -> Expected<ReshapeAttrs> { return ReshapeAttrs{n.is("shape"), false, true}; }},
             {"Reshape", 5, [](const OnnxNode& n) -> Expected<ReshapeAttrs> { return ReshapeAttrs{{}, n.i("allowzero", 0) != 0, false}; }}},
    .samples = {"f32[2, 3, 4] {shape = [4, -1], has_shape = true}"},
}};

struct FlattenAttrs {
  int64_t axis = 1;
  TEMPER_FIELDS(axis)
};
const RegisterOp<FlattenAttrs> kFlatten{{
    .name = "flatten",
    .body = [](Builder& b, const FlattenAttrs& a, Operands in) -> Vals {
      int rank = b.rank(in[0]);
      if (a.axis < -rank || a.axis > rank) return {b.fail(ErrorCode::kInvalidArgument, "axis " + std::to_string(a.axis) + " is outside the rank")};
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

const RegisterOp<AxesAttrs> kUnsqueeze{{
    .name = "unsqueeze",
    .body = [](Builder& b, const AxesAttrs& a, Operands in) -> Vals {
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
      std::vector<int64_t> axes = a.axes;
      if (!a.has_axes && in[1]) {
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
