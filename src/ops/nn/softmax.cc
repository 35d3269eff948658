// Softmax and its relatives. `axis` alone, or (ONNX before opset 13) all dims from `axis` on together.
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"

namespace temper {
namespace {

struct Softmax {
  int64_t axis = -1;
  bool flatten = false;
  TEMPER_FIELDS(axis, flatten)
};

std::optional<std::vector<int64_t>> axes_of(Builder& b, const Softmax& a, Operands in) {
  if (!require(b, in, 1) || !require_float(b, in[0], "the input of a softmax")) return std::nullopt;
  int rank = b.rank(in[0]);
  // Flattened, an axis equal to the rank leaves rows of one element.
  int64_t axis = a.flatten && a.axis == rank ? rank : b.normal_axis(a.axis, rank);
  if (!b.ok()) return std::nullopt;
  if (!a.flatten) return std::vector<int64_t>{axis};
  std::vector<int64_t> axes;
  for (int64_t i = axis; i < rank; ++i) axes.push_back(i);
  return axes;
}

Expected<Softmax> read_13(const OnnxNode& n) { return Softmax{n.i("axis", -1), false}; }
Expected<Softmax> read_1(const OnnxNode& n) { return Softmax{n.i("axis", 1), true}; }

const RegisterOp<Softmax> kSoftmax{{
    .name = "softmax",
    .body = [](Builder& b, const Softmax& a, Operands in) -> Vals {
      auto axes = axes_of(b, a, in);
      if (!axes) return {};
      Val x = widened(b, in[0]);
      Val top = b.reduce(MonoidKind::k_max, x, *axes, true);
      Val e = pointwise(b, {x, top}, [](std::span<const Expr> v) { return exp(v[0] - v[1]); });
      return {b.cast(e / b.reduce(MonoidKind::k_sum, e, *axes, true), b.dtype(in[0]))};
    },
    .onnx = {{"Softmax", 13, read_13}, {"Softmax", 1, read_1}},
    .samples = {"f32[n, 10]", "f16[2, 3, 4] {axis = 1}", "f32[2, 3, 4] {axis = 1, flatten = true}"},
}};

const RegisterOp<Softmax> kLogSoftmax{{
    .name = "log_softmax",
    .body = [](Builder& b, const Softmax& a, Operands in) -> Vals {
      auto axes = axes_of(b, a, in);
      if (!axes) return {};
      Val x = widened(b, in[0]);
      Val top = b.reduce(MonoidKind::k_max, x, *axes, true);
      Val e = pointwise(b, {x, top}, [](std::span<const Expr> v) { return exp(v[0] - v[1]); });
      Val sum = b.reduce(MonoidKind::k_sum, e, *axes, true);
      return {
          b.cast(pointwise(b, {x, top, sum}, [](std::span<const Expr> v) { return v[0] - v[1] - log(v[2]); }), b.dtype(in[0]))};
    },
    .onnx = {{"LogSoftmax", 13, read_13}, {"LogSoftmax", 1, read_1}},
    .samples = {"f32[n, 10]", "f16[2, 3, 4] {axis = 1}"},
}};

// 1 at the first largest element, 0 elsewhere.
const RegisterOp<Softmax> kHardmax{{
    .name = "hardmax",
    .body = [](Builder& b, const Softmax& a, Operands in) -> Vals {
      auto axes = axes_of(b, a, in);
      if (!axes) return {};
      const Dims dims = b.dims(in[0]);
      Val x = in[0];
      int64_t axis = axes->empty() ? 0 : axes->front();
      if (a.flatten) {
        SymInt rows = 1, columns = 1;
        for (size_t i = 0; i < dims.size(); ++i)
          (static_cast<int64_t>(i) < (axes->empty() ? b.rank(x) : axis) ? rows : columns) *= dims[i];
        x = b.reshape(x, {rows, columns});
        axis = 1;
      }
      Val best = b.reduce(MonoidKind::k_arg_max, x, {axis}, true);
      Val position = b.iota(b.dims(x), static_cast<int>(axis), DType::kI64);
      return {b.reshape(b.cast(position == best, b.dtype(in[0])), dims)};
    },
    .onnx = {{"Hardmax", 13, read_13}, {"Hardmax", 1, read_1}},
    .samples = {"f32[n, 10]", "f32[2, 3, 4] {axis = 1, flatten = true}"},
}};

}  // namespace
}  // namespace temper
