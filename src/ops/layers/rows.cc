// Layers over rows and matrices: reductions, normalisation, products, top-k.
#include <limits>
#include <utility>

#include "ops/layers/layers.h"
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"

namespace temper::layers {
namespace {

// The axes of a mask, all of them within the rank.
Extents masked(Builder& b, Val x, int64_t mask, const std::string& what) {
  if (!b.ok()) return {};
  Extents axes = axes_of(mask);
  if (axes.empty()) b.fail(ErrorCode::kInvalidArgument, what + " has no axes; set the bit of one at least");
  if (!axes.empty() && axes.back() >= b.rank(x)) {
    b.fail(ErrorCode::kInvalidArgument,
           what + " is over axis " + std::to_string(axes.back()) + " of an input of rank " + std::to_string(b.rank(x)));
  }
  return axes;
}
int64_t one_axis(Builder& b, Val x, int64_t mask, const std::string& what) {
  const Extents axes = masked(b, x, mask, what);
  if (b.ok() && axes.size() > 1) b.fail(ErrorCode::kInvalidArgument, what + " is over one axis only; set one bit");
  return b.ok() ? axes[0] : 0;
}

Vals reduce(Builder& b, const Reduction& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const Extents axes = masked(b, in[0], a.axes, "a reduction");
  if (!b.ok()) return {};
  static constexpr std::pair<std::string_view, std::string_view> kOps[] = {
      {"sum", "reduce_sum"}, {"prod", "reduce_prod"}, {"max", "reduce_max"}, {"min", "reduce_min"}, {"avg", "reduce_mean"}};
  for (const auto& [type, op] : kOps) {
    if (a.type == type) return compose(b, op, {{"axes", axes}, {"has_axes", true}, {"keep", a.keep}}, {in[0]});
  }
  return {b.fail(ErrorCode::kInvalidArgument, "there is no reduction '" + a.type + "'")};
}

Vals softmax(Builder& b, const Axis& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const int64_t axis = one_axis(b, in[0], a.axis, "a softmax");
  if (!b.ok()) return {};
  return compose(b, "softmax", {{"axis", axis}}, {in[0]});
}

// Softmax over the first `bounds` elements of each row; the rest is 0.
Vals ragged_softmax(Builder& b, const NoAttrs&, Operands in) {
  if (!require(b, in, 2) || !require_float(b, in[0], "the input of a ragged softmax")) return {};
  const int last = b.rank(in[0]) - 1;
  if (last < 0) return {b.fail(ErrorCode::kInvalidArgument, "a ragged softmax needs rows")};
  const Val x = in[0];
  Val count = b.cast(in[1], DType::kI64);
  if (b.ok() && b.rank(count) == last) {
    const int64_t at[] = {last};
    count = b.unsqueeze(count, at);
  }
  Dims row(b.rank(x), SymInt(1));
  row[last] = b.dims(x)[last];
  const Val inside = b.iota(row, last, DType::kI64) < count;
  const Val lowest = b.like(-std::numeric_limits<double>::infinity(), x);
  const Val y = compose(b, "softmax", {{"axis", int64_t(last)}}, {b.select(inside, x, lowest)})[0];
  return {b.select(inside, y, b.like(0, x))};
}

Vals normalization(Builder& b, const Normalization& a, Operands in) {
  if (!require(b, in, 3) || !require_float(b, in[0], "the input of a normalization")) return {};
  const Extents axes = masked(b, in[0], a.axes, "a normalization");
  if (!b.ok()) return {};
  const Dims dims = b.dims(in[0]);
  const int rank = b.rank(in[0]);
  Val x = widened(b, in[0]);
  Extents over = axes;
  if (a.groups != 1) {
    // [n, c, ...] as [n, groups, c / groups, ...].
    if (rank < 3 || !dims[1].is_const() || dims[1].value() % a.groups != 0) {
      return {b.fail(ErrorCode::kInvalidArgument, "an input with channels " + (rank > 1 ? dims[1].to_string() : "missing") +
                                                      " can't be normalized in " + std::to_string(a.groups) + " groups")};
    }
    Dims cut{dims[0], SymInt(a.groups), SymInt(dims[1].value() / a.groups)};
    cut.insert(cut.end(), dims.begin() + 2, dims.end());
    x = b.reshape(x, cut);
    for (int64_t& axis : over) ++axis;
    if (over.front() != 2) over.insert(over.begin(), 2);
  }
  auto statistics = b.reduce_all(MonoidKind::k_welford, x, over, true);
  if (!b.ok()) return {};
  Val y = pointwise(b, {x, statistics[0], statistics[1]},
                    [&](std::span<const Expr> v) { return (v[0] - v[1]) * rsqrt(v[2] + a.epsilon); });
  if (a.groups != 1) y = b.reshape(y, dims);
  auto parameter = [&](Val v, const char* what) -> Val {
    if (!b.ok()) return v;
    v = b.cast(v, b.dtype(y));
    if (b.rank(v) == rank) return v;
    return b.fail(ErrorCode::kInvalidArgument, "the " + std::string(what) + " of a normalization has rank " +
                                                   std::to_string(b.rank(v)) + ", its input " + std::to_string(rank) +
                                                   "; give it dimensions of 1 with a shuffle");
  };
  const Val scale = parameter(in[1], "scale"), bias = parameter(in[2], "bias");
  if (!b.ok()) return {};
  y = pointwise(b, {y, scale, bias}, [](std::span<const Expr> v) { return v[0] * v[1] + v[2]; });
  return {b.cast(y, b.dtype(in[0]))};
}

Vals matrix_multiply(Builder& b, const MatrixMultiply& a, Operands in) {
  if (!require(b, in, 2)) return {};
  auto as_matrix = [&](Val v, const std::string& op, bool left) -> Val {
    if (op == "vector") {
      if (!require_rank(b, v, 1, "a vector of a matrix product")) return v;
      const int64_t at[] = {left ? b.rank(v) - 1 : b.rank(v)};
      return b.unsqueeze(v, at);
    }
    if (!require_rank(b, v, 2, "a matrix of a matrix product") || op == "none") return v;
    Extents turned;
    for (int i = 0; i < b.rank(v); ++i) turned.push_back(i);
    std::swap(turned[turned.size() - 1], turned[turned.size() - 2]);
    return b.transpose(v, turned);
  };
  const Val x = as_matrix(in[0], a.op0, true), y = as_matrix(in[1], a.op1, false);
  if (!b.ok()) return {};
  if (b.rank(x) != b.rank(y)) {
    return {b.fail(ErrorCode::kInvalidArgument, "the matrices have ranks " + std::to_string(b.rank(x)) + " and " +
                                                    std::to_string(b.rank(y)) +
                                                    "; give the smaller one more dimensions of 1 with a shuffle")};
  }
  Val z = compose(b, "matmul", {}, {x, y})[0];
  if (!b.ok()) return {};
  const int64_t rank = b.rank(z);
  Extents gone;
  if (a.op0 == "vector") gone.push_back(rank - 2);
  if (a.op1 == "vector") gone.push_back(rank - 1);
  return {gone.empty() ? z : b.squeeze(z, gone)};
}

Vals top_k(Builder& b, const TopK& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const int64_t axis = one_axis(b, in[0], a.axes, "a top-k");
  if (!b.ok()) return {};
  Vals operands{in[0]};
  if (in[1]) operands.push_back(in[1]);
  Vals best = compose(b, "top_k", {{"axis", axis}, {"count", in[1] ? int64_t(-1) : a.k}, {"largest", a.largest}}, operands);
  if (!b.ok()) return {};
  return {best[0], b.cast(best[1], a.indices)};
}

Vals cumulative(Builder& b, const Cumulative& a, Operands in) {
  if (!require(b, in, 2)) return {};
  auto known = b.contents(in[1]);
  if (!known || known->size() != 1 || !(*known)[0].is_const())
    return {b.fail(ErrorCode::kInvalidArgument, "the axis of a cumulative layer must be a constant scalar")};
  const int64_t axis = b.normal_axis((*known)[0].value(), b.rank(in[0]));
  if (!b.ok()) return {};
  return {b.op("scan", ScanAttrs{axis, MonoidKind::k_sum, a.exclusive, a.reverse}, std::span(in.begin(), 1))[0]};
}

const RegisterOp<Reduction> kReduce{{
    .name = "layer_reduce",
    .body = reduce,
    .samples = {"f32[n, 3, 5] {axes = 2}", "f32[2, n] {type = \"avg\", axes = 3, keep = true}"},
}};
const RegisterOp<Axis> kSoftMax{{.name = "layer_softmax", .body = softmax, .samples = {"f32[n, 10] {axis = 2}"}}};
const RegisterOp<NoAttrs> kRaggedSoftMax{{
    .name = "layer_ragged_softmax",
    .body = ragged_softmax,
    .samples = {"f32[2, 5], i32[2, 1] (3, 5)"},
}};
const RegisterOp<Normalization> kNormalization{{
    .name = "layer_normalization",
    .body = normalization,
    .samples = {"f32[n, 6, 5], f32[1, 6, 1], f32[1, 6, 1] {axes = 4}",
                "f32[2, 6, 5], f32[1, 6, 1], f32[1, 6, 1] {axes = 4, groups = 3}",
                "f16[2, 6], f16[1, 6], f16[1, 6] {axes = 2}"},
}};
const RegisterOp<MatrixMultiply> kMatrixMultiply{{
    .name = "layer_matrix_multiply",
    .body = matrix_multiply,
    .samples = {"f32[n, 3], f32[3, 4]", "f32[2, 3, 4], f32[1, 5, 4] {op1 = \"transpose\"}",
                "f32[2, 3], f32[2, 3, 4] {op0 = \"vector\"}"},
}};
const RegisterOp<TopK> kTopK{{
    .name = "layer_top_k",
    .body = top_k,
    .samples = {"f32[n, 10] {k = 3, axes = 2}", "f32[2, 10], i32[] (4) {largest = false, axes = 2}"},
}};
const RegisterOp<Cumulative> kCumulative{{
    .name = "layer_cumulative",
    .body = cumulative,
    .samples = {"f32[n, 5], i32[] (1) {exclusive = true}"},
}};
const RegisterOp<Equation> kEinsum{{
    .name = "layer_einsum",
    .body = [](Builder& b, const Equation& a, Operands in) -> Vals {
      return compose(b, "einsum", {{"equation", a.equation}}, Vals(in.begin(), in.end()));
    },
    .samples = {"f32[n, 3], f32[3, 4] {equation = \"ij,jk->ik\"}"},
}};
Vals local_response(Builder& b, const LocalResponse& a, Operands in) {
  return compose(b, "local_response_norm", {{"size", a.window}, {"alpha", a.alpha}, {"beta", a.beta}, {"bias", a.k}}, {in[0]});
}
const RegisterOp<LocalResponse> kLrn{{
    .name = "layer_lrn",
    .body = of_batch_or_sample<LocalResponse, local_response>,
    .samples = {"f32[1, 5, 3, 4] {window = 3, alpha = 0.5, beta = 0.75, k = 2.0}",
                "f32[5, 3, 4] {window = 3, beta = 0.75, sample = true}"},
}};

}  // namespace
}  // namespace temper::layers
