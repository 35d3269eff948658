// Batch normalization: y = x * a + c per channel, with a = scale / sqrt(variance + epsilon) and c = bias - mean * a, so that
// with constant parameters a and c are constants, and a convolution before can take them in.
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"

namespace temper {
namespace {

struct BatchNorm {
  double epsilon = 1e-5, momentum = 0.9;
  bool training = false;  // statistics of x itself; two more results: running mean and variance
  TEMPER_FIELDS(epsilon, momentum, training)
};

// x: [n, c, spatial...], scale, bias, mean, variance: [c], or [c, spatial...] each its own (the old spatial = 0).
Vals batch_norm(Builder& b, const BatchNorm& a, Operands in) {
  if (!require(b, in, 5) || !require_rank(b, in[0], 2, "the input of a batch normalization")) return {};
  for (size_t i = 0; i < 5; ++i) {
    if (!require_float(b, in[i], "operand " + std::to_string(i) + " of a batch normalization")) return {};
  }
  const int rank = b.rank(in[0]);
  DType wide = b.dtype(in[0]) == DType::kF64 ? DType::kF64 : DType::kF32;
  auto placed = [&](Val v) {
    v = b.cast(v, wide);
    if (b.rank(v) == 1) return along(b, v, 1, rank);
    return b.rank(v) == rank - 1
               ? v
               : b.fail(ErrorCode::kInvalidArgument, "the parameters of a batch normalization must be one per channel");
  };
  Val x = b.cast(in[0], wide);
  Val mean = b.cast(in[3], wide), variance = b.cast(in[4], wide);
  Vals more;
  if (a.training) {
    std::vector<int64_t> axes{0};
    for (int i = 2; i < rank; ++i) axes.push_back(i);
    auto now = b.reduce_all(MonoidKind::k_welford, x, axes, false);
    auto running = [&](Val before, Val current, DType dtype) {
      return b.cast(
          pointwise(b, {before, current}, [&](std::span<const Expr> v) { return v[0] * a.momentum + v[1] * (1 - a.momentum); }),
          dtype);
    };
    more = {running(mean, now[0], b.dtype(in[3])), running(variance, now[1], b.dtype(in[4]))};
    mean = now[0];
    variance = now[1];
  }
  Val factor =
      pointwise(b, {b.cast(in[1], wide), variance}, [&](std::span<const Expr> v) { return v[0] / sqrt(v[1] + a.epsilon); });
  Val shift = pointwise(b, {b.cast(in[2], wide), mean, factor}, [](std::span<const Expr> v) { return v[0] - v[1] * v[2]; });
  Val scaled = pointwise(b, {x, placed(factor)}, [](std::span<const Expr> v) { return v[0] * v[1]; });
  Val y = pointwise(b, {scaled, placed(shift)}, [](std::span<const Expr> v) { return v[0] + v[1]; });
  Vals results{b.cast(y, b.dtype(in[0]))};
  results.insert(results.end(), more.begin(), more.end());
  return results;
}

const RegisterOp<BatchNorm> kBatchNorm{{
    .name = "batch_norm",
    .body = batch_norm,
    .onnx = {{"BatchNormalization", 1,
              [](const OnnxNode& n) -> Expected<BatchNorm> {
                bool training = n.i("training_mode", 0) != 0;
                if (n.opset() < 14 && (n.has_output(1) || (n.has("is_test") && n.i("is_test", 0) == 0))) {
                  return Error(ErrorCode::kUnsupported,
                               "batch normalization in training mode before opset 14; export the model for inference");
                }
                return BatchNorm{n.f("epsilon", 1e-5), n.f("momentum", 0.9), training};
              }}},
    .samples = {"f32[2, 3, 4, 5], f32[3], f32[3], f32[3], f32[3]",
                "f16[n, 3, 4], f32[3], f32[3], f32[3], f32[3] {epsilon = 0.01}",
                "f32[2, 3, 4], f32[3], f32[3], f32[3], f32[3] {training = true}"},
}};

}  // namespace
}  // namespace temper
