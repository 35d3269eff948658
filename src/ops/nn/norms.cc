// Normalizations by statistics of the input itself: each is statistics over some axes, then one map, so that a row stays in
// cache.
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"

namespace temper {
namespace {

std::vector<int64_t> axes_from(int64_t first, int rank) {
  std::vector<int64_t> axes;
  for (int64_t i = first; i < rank; ++i) axes.push_back(i);
  return axes;
}

// (x - mean) / sqrt(variance + epsilon) [* scale [+ bias]]; statistics over `axes`. In f32 or wider.
struct Normalized {
  Val y, mean, inverse;
};
Normalized normalize(Builder& b, Val x, std::vector<int64_t> axes, double epsilon, Val scale, Val bias) {
  auto statistics = b.reduce_all(MonoidKind::k_welford, x, std::move(axes), true);
  Normalized n;
  n.mean = statistics[0];
  n.inverse = pointwise(b, {statistics[1]}, [&](std::span<const Expr> v) { return rsqrt(v[0] + epsilon); });
  std::vector<Val> operands{x, n.mean, n.inverse};
  if (scale) operands.push_back(scale);
  if (bias) operands.push_back(bias);
  n.y = pointwise_all(b, operands, [&](std::span<const Expr> v) {
    Expr y = (v[0] - v[1]) * v[2];
    size_t next = 3;
    if (scale) y = y * v[next++];
    if (bias) y = y + v[next];
    return std::vector<Expr>{y};
  })[0];
  return n;
}

struct LayerNorm {
  int64_t axis = -1;
  double epsilon = 1e-5;
  TEMPER_FIELDS(axis, epsilon)
};

// Over dims axis...; results y, mean, 1 / standard deviation.
const RegisterOp<LayerNorm> kLayerNorm{{
    .name = "layer_norm",
    .body = [](Builder& b, const LayerNorm& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the input of a layer normalization")) return {};
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      Val x = widened(b, in[0]);
      auto parameter = [&](Val v) { return v ? b.cast(v, b.dtype(x)) : v; };
      Normalized n = normalize(b, x, axes_from(axis, b.rank(x)), a.epsilon, parameter(in[1]), parameter(in[2]));
      return {b.cast(n.y, b.dtype(in[0])), n.mean, n.inverse};
    },
    .onnx = {{"LayerNormalization", 1,
              [](const OnnxNode& n) -> Expected<LayerNorm> {
                return LayerNorm{n.i("axis", -1), n.f("epsilon", 1e-5)};
              }}},
    .samples = {"f32[n, 7, 16], f32[16], f32[16]", "f16[2, 3, 4], f16[3, 4] {axis = 1}", "f32[2, 5]"},
}};

struct RmsNorm {
  int64_t axis = -1;
  double epsilon = 1e-5;
  TEMPER_FIELDS(axis, epsilon)
};

const RegisterOp<RmsNorm> kRmsNorm{{
    .name = "rms_norm",
    .body = [](Builder& b, const RmsNorm& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the input of an RMS normalization")) return {};
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      Val x = widened(b, in[0]);
      Val mean = b.mean(x * x, axes_from(axis, b.rank(x)), true);
      Val inverse = pointwise(b, {mean}, [&](std::span<const Expr> v) { return rsqrt(v[0] + a.epsilon); });
      Val y = in[1] ? pointwise(b, {x, inverse, b.cast(in[1], b.dtype(x))},
                                [](std::span<const Expr> v) { return v[0] * v[1] * v[2]; })
                    : x * inverse;
      return {b.cast(y, b.dtype(in[0]))};
    },
    .onnx = {{"RMSNormalization", 23,
              [](const OnnxNode& n) -> Expected<RmsNorm> {
                return RmsNorm{n.i("axis", -1), n.f("epsilon", 1e-5)};
              }},
             {"SimplifiedLayerNormalization", 1,
              [](const OnnxNode& n) -> Expected<RmsNorm> {
                return RmsNorm{n.i("axis", -1), n.f("epsilon", 1e-5)};
              }}},
    .samples = {"f32[n, 7, 16], f32[16]", "f16[2, 3, 4], f16[4]"},
}};

struct InstanceNorm {
  double epsilon = 1e-5;
  TEMPER_FIELDS(epsilon)
};

const RegisterOp<InstanceNorm> kInstanceNorm{{
    .name = "instance_norm",
    .body = [](Builder& b, const InstanceNorm& a, Operands in) -> Vals {
      if (!require(b, in, 3) || !require_rank(b, in[0], 3, "the input of an instance normalization")) return {};
      if (!require_float(b, in[0], "the input of an instance normalization")) return {};
      Val x = widened(b, in[0]);
      auto parameter = [&](Val v) { return along(b, b.cast(v, b.dtype(x)), 1, b.rank(x)); };
      return {
          b.cast(normalize(b, x, axes_from(2, b.rank(x)), a.epsilon, parameter(in[1]), parameter(in[2])).y, b.dtype(in[0]))};
    },
    .onnx = {{"InstanceNormalization", 1,
              [](const OnnxNode& n) -> Expected<InstanceNorm> { return InstanceNorm{n.f("epsilon", 1e-5)}; }}},
    .samples = {"f32[2, 3, 4, 5], f32[3], f32[3]", "f16[n, 3, 4], f16[3], f16[3]"},
}};

struct GroupNorm {
  int64_t groups = 1;
  double epsilon = 1e-5;
  TEMPER_FIELDS(groups, epsilon)
};

// Scale and bias are per channel, or (opset 18) per group: their extent tells.
const RegisterOp<GroupNorm> kGroupNorm{{
    .name = "group_norm",
    .body = [](Builder& b, const GroupNorm& a, Operands in) -> Vals {
      if (!require(b, in, 3) || !require_rank(b, in[0], 2, "the input of a group normalization")) return {};
      if (!require_float(b, in[0], "the input of a group normalization")) return {};
      if (a.groups < 1) return {b.fail(ErrorCode::kInvalidArgument, "a group normalization's num_groups must be at least 1")};
      const Dims dims = b.dims(in[0]);
      if (!require_same(b, mod(dims[1], a.groups), 0, "channels modulo groups of a group normalization, and 0")) return {};
      SymInt per_group = floor_div(dims[1], a.groups);
      Dims grouped{dims[0], a.groups, per_group};
      grouped.insert(grouped.end(), dims.begin() + 2, dims.end());
      Val x = b.reshape(widened(b, in[0]), grouped);
      auto parameter = [&](Val v) {
        v = b.cast(v, b.dtype(x));
        if (b.rank(v) != 1)
          return b.fail(ErrorCode::kInvalidArgument, "scale and bias of a group normalization must be vectors");
        Dims to(grouped.size(), SymInt(1));
        to[1] = a.groups;
        if (!(b.dims(v)[0].is_const(a.groups) && !dims[1].is_const(a.groups))) to[2] = per_group;
        return b.reshape(v, to);
      };
      Val y = normalize(b, x, axes_from(2, b.rank(x)), a.epsilon, parameter(in[1]), parameter(in[2])).y;
      return {b.cast(b.reshape(y, dims), b.dtype(in[0]))};
    },
    .onnx = {{"GroupNormalization", 18,
              [](const OnnxNode& n) -> Expected<GroupNorm> {
                return GroupNorm{n.i("num_groups", 1), n.f("epsilon", 1e-5)};
              }}},
    .samples = {"f32[2, 6, 4, 5], f32[6], f32[6] {groups = 3}", "f32[n, 6, 4], f32[2], f32[2] {groups = 2}"},
}};

struct MeanVarianceNorm {
  std::vector<int64_t> axes = {0, 2, 3};
  TEMPER_FIELDS(axes)
};

const RegisterOp<MeanVarianceNorm> kMeanVarianceNorm{{
    .name = "mean_variance_norm",
    .body = [](Builder& b, const MeanVarianceNorm& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the input of a mean-variance normalization")) return {};
      Val x = widened(b, in[0]);
      auto statistics = b.reduce_all(MonoidKind::k_welford, x, a.axes, true);
      Val y = pointwise(b, {x, statistics[0], statistics[1]},
                        [](std::span<const Expr> v) { return (v[0] - v[1]) / (sqrt(v[2]) + 1e-9); });
      return {b.cast(y, b.dtype(in[0]))};
    },
    .onnx = {{"MeanVarianceNormalization", 9,
              [](const OnnxNode& n) -> Expected<MeanVarianceNorm> {
                return n.has("axes") ? MeanVarianceNorm{n.is("axes")} : MeanVarianceNorm{};
              }}},
    .samples = {"f32[2, 3, 4, 5]", "f32[n, 3, 4] {axes = [1]}"},
}};

struct LpNorm {
  int64_t axis = -1, p = 2;
  TEMPER_FIELDS(axis, p)
};

const RegisterOp<LpNorm> kLpNorm{{
    .name = "lp_norm",
    .body = [](Builder& b, const LpNorm& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the input of a normalization by norm")) return {};
      if (a.p != 1 && a.p != 2)
        return {b.fail(ErrorCode::kInvalidArgument,
                       "a normalization by norm of order " + std::to_string(a.p) + "; it must be 1 or 2")};
      Val x = widened(b, in[0]);
      Val powers = a.p == 1 ? b.map(ScalarOp::k_abs, x) : x * x;
      Val sum = b.reduce(MonoidKind::k_sum, powers, {a.axis}, true);
      // A row of zeros stays zeros.
      Val y = pointwise(b, {x, sum}, [&](std::span<const Expr> v) {
        Expr norm = a.p == 1 ? v[1] : sqrt(v[1]);
        return select(0.0 < norm, v[0] / norm, norm);
      });
      return {b.cast(y, b.dtype(in[0]))};
    },
    .onnx = {{"LpNormalization", 1,
              [](const OnnxNode& n) -> Expected<LpNorm> {
                return LpNorm{n.i("axis", -1), n.i("p", 2)};
              }}},
    .samples = {"f32[2, 3, 4]", "f32[n, 3] {axis = 0, p = 1}"},
}};

struct LocalResponseNorm {
  int64_t size = 1;
  double alpha = 1e-4, beta = 0.75, bias = 1;
  TEMPER_FIELDS(size, alpha, beta, bias)
};

// Squares are summed over a window of `size` channels around each.
const RegisterOp<LocalResponseNorm> kLocalResponseNorm{{
    .name = "local_response_norm",
    .body = [](Builder& b, const LocalResponseNorm& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the input of a local response normalization")) return {};
      if (!require_float(b, in[0], "the input of a local response normalization")) return {};
      if (a.size < 1) return {b.fail(ErrorCode::kInvalidArgument, "a local response normalization's size must be at least 1")};
      Val x = widened(b, in[0]);
      const Dims dims = b.dims(x);
      Dims domain = dims;
      domain.push_back(a.size);
      auto d = index_vars(b.sym(), domain);
      IndexMap map{domain, {d.begin(), d.end() - 1}, 1};
      SymInt channel = d[1] + d.back() - (a.size - 1) / 2;
      map.results[1] = channel;
      if (a.size > 1) map.guard = both(less(-1, channel), less(channel, dims[1]));
      Val sum = b.reduce(MonoidKind::k_sum, b.reindex(x * x, std::move(map), 0), {-1}, false);
      double scale = a.alpha / static_cast<double>(a.size);
      Val y = pointwise(b, {x, sum}, [&](std::span<const Expr> v) {
        Expr base = v[1] * scale + a.bias;
        return v[0] / apply(ScalarOp::k_pow, base, base.like(a.beta));
      });
      return {b.cast(y, b.dtype(in[0]))};
    },
    .onnx = {{"LRN", 1,
              [](const OnnxNode& n) -> Expected<LocalResponseNorm> {
                return LocalResponseNorm{n.i("size", 1), n.f("alpha", 1e-4), n.f("beta", 0.75), n.f("bias", 1)};
              }}},
    .samples = {"f32[2, 6, 4, 5] {size = 3}", "f32[n, 6, 4] {size = 4, beta = 0.5}"},
}};

}  // namespace
}  // namespace temper
