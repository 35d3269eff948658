// NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss: how far scores [n, classes, d...] are from labels [n, d...].
#include <numeric>

#include "ops/nn/operands.h"
#include "ops/tensor/positions.h"

namespace temper {
namespace {

struct LossAttrs {
  std::string reduction = "mean";
  bool ignores = false;
  int64_t ignored = 0;
  TEMPER_FIELDS(reduction, ignores, ignored)
};
Expected<LossAttrs> read_loss(const OnnxNode& n) {
  return LossAttrs{n.s("reduction", "mean"), n.has("ignore_index"), n.i("ignore_index", 0)};
}

// Of log probabilities.
Val likelihood_loss(Builder& b, const LossAttrs& a, Val log_p, Val labels, Val weights) {
  if (!require_rank(b, log_p, 2, "the scores")) return log_p;
  const Dims x = b.dims(log_p), of_labels = b.dims(labels);
  if (of_labels.size() + 1 != x.size() || !is_int(b.dtype(labels))) {
    return b.fail(ErrorCode::kInvalidArgument, "labels are integers [n, d...] for scores [n, classes, d...]");
  }
  Val at = b.cast(labels, DType::kI64), counts;
  if (a.ignores) {
    // An ignored label need not be a class.
    counts = b.map(ScalarOp::k_logical_not, at == b.scalar(static_cast<double>(a.ignored), DType::kI64));
    at = b.select(counts, at, b.like(0, at));
  }
  const int64_t one = 1;
  Val loss = -b.squeeze(take_elements(b, log_p, b.unsqueeze(at, std::span(&one, 1)), 1), std::span(&one, 1));
  Val weight = weights ? b.take(weights, at, 0) : Val{&b, kNone32};
  if (counts) weight = b.select(counts, weight ? weight : b.like(1, loss), b.like(0, loss));
  if (weight) loss = loss * weight;
  if (a.reduction == "none") return loss;
  std::vector<int64_t> all(of_labels.size());
  std::iota(all.begin(), all.end(), 0);
  Val sum = b.reduce(MonoidKind::k_sum, loss, all, false);
  if (a.reduction == "sum") return sum;
  if (a.reduction != "mean") return b.fail(ErrorCode::kUnsupported, "the reduction '" + a.reduction + "' does not exist");
  return weight ? sum / b.reduce(MonoidKind::k_sum, weight, all, false) : b.mean(loss, all, false);
}

const RegisterOp<LossAttrs> kLikelihood{{
    .name = "negative_log_likelihood_loss",
    .body = [](Builder& b, const LossAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      return {likelihood_loss(b, a, in[0], in[1], in[2])};
    },
    .onnx = {{"NegativeLogLikelihoodLoss", 12, read_loss}},
    .samples = {"f32[n, 5], i64[n]"},
}};

const RegisterOp<LossAttrs> kCrossEntropy{{
    .name = "softmax_cross_entropy_loss",
    .body = [](Builder& b, const LossAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_rank(b, in[0], 2, "the scores") || !require_float(b, in[0], "the scores"))
        return {in[0]};
      auto peak = b.reduce_all(MonoidKind::k_max_sum_exp, in[0], {1}, true);
      Val log_p = in[0] - peak[0] - b.map(ScalarOp::k_log, peak[1]);
      return {likelihood_loss(b, a, log_p, in[1], in[2]), log_p};
    },
    .onnx = {{"SoftmaxCrossEntropyLoss", 12, read_loss}},
    .samples = {"f32[n, 5], i64[n]"},
}};

}  // namespace
}  // namespace temper
