// Scaled dot-product attention: two contractions around one row of maps and a softmax, in f32 in between. Heads are never split
// off or repeated: where they lie in the tensors, and that several query heads share one of keys, is in the index maps.
#include <cmath>
#include <limits>

#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct Attention {
  bool is_causal = false;
  int64_t q_heads = 0, kv_heads = 0;  // needed where the operands have rank 3
  double scale = 0;                   // 0: 1 / sqrt(head size)
  double softcap = 0;                 // 0: none
  int64_t scores_mode = 0;            // what the fourth result holds: products, capped, with mask, or probabilities
  bool scores = false;                // whether there is one
  TEMPER_FIELDS(is_causal, q_heads, kv_heads, scale, softcap, scores_mode, scores)
};

// [b, s, h * d] as [b, h, s, d]; of rank 4 as it is.
Val split_heads(Builder& b, Val v, int64_t heads) {
  if (!b.ok()) return v;
  const Dims from = b.dims(v);
  if (from.size() == 4) return v;
  if (from.size() != 3 || heads < 1)
    return b.fail(ErrorCode::kInvalidArgument, "an operand of attention must have rank 4, or rank 3 and a number of heads");
  if (!require_same(b, mod(from[2], heads), 0, "the hidden size modulo the number of heads, and 0")) return v;
  SymInt size = floor_div(from[2], heads);
  Dims to{from[0], heads, from[1], size};
  auto d = loop_vars(b.sym(), to);
  return b.reindex(v, IndexMap{to, {d[0], d[2], d[1] * size + d[3]}, 1});
}

Val with_past(Builder& b, Val past, Val now) {
  if (!past || !b.ok()) return now;
  if (b.rank(past) != 4) return b.fail(ErrorCode::kInvalidArgument, "past keys and values of attention must have rank 4");
  const Val parts[] = {past, now};
  return b.concat(parts, 2);
}

// The mask with -inf (or false) up to `length` positions.
Val padded_mask(Builder& b, Val mask, SymInt length) {
  if (!b.ok() || !mask) return mask;
  int rank = b.rank(mask);
  if (rank < 1 || rank > 4) return b.fail(ErrorCode::kInvalidArgument, "the mask of attention must have a rank of 1 to 4");
  SymInt have = b.dims(mask)[rank - 1];
  if (!have.is_const() || !length.is_const() || have.is_const(1) || !proves_less(have, length)) return mask;
  std::vector<SymInt> before(rank, 0), after(rank, 0);
  after[rank - 1] = length - have;
  return b.pad(mask, before, after, b.dtype(mask) == DType::kBool ? 0.0 : -std::numeric_limits<double>::infinity());
}

// Operands: q, k, v, mask, past key, past value, number of keys that are no padding.
Vals attention(Builder& b, const Attention& a, Operands in) {
  if (!require(b, in, 3)) return {};
  for (size_t i = 0; i < 3; ++i) {
    if (!require_float(b, in[i], "operand " + std::to_string(i) + " of attention")) return {};
    if (b.dtype(in[i]) != b.dtype(in[0]) && i == 1)
      return {b.fail(ErrorCode::kInvalidArgument, "queries and keys differ in type")};
  }
  bool merged = b.rank(in[0]) == 3;
  Val q = split_heads(b, in[0], a.q_heads), k = with_past(b, in[4], split_heads(b, in[1], a.kv_heads));
  Val v = with_past(b, in[5], split_heads(b, in[2], a.kv_heads));
  if (!b.ok()) return {};
  const Dims dq = b.dims(q), dk = b.dims(k), dv = b.dims(v);
  if (!require_same(b, dq[3], dk[3], "the head sizes of queries and keys") ||
      !require_same(b, dk[2], dv[2], "the numbers of keys and values"))
    return {};
  if (!require_same(b, mod(dq[1], dk[1]), 0, "heads of queries modulo heads of keys, and 0")) return {};
  SymInt shared = floor_div(dq[1], dk[1]);
  DType wide = b.dtype(q) == DType::kF64 ? DType::kF64 : DType::kF32;

  Dims domain{dq[0], dq[1], dq[2], dk[2], dq[3]};
  auto d = loop_vars(b.sym(), domain);
  IndexMap lhs{domain, {d[0], d[1], d[2], d[4]}, 1}, rhs{domain, {d[0], floor_div(d[1], shared), d[3], d[4]}, 1};
  Val products = b.contract(q, k, std::move(lhs), std::move(rhs), 1, wide);

  if (a.scale == 0 && !dq[3].is_const())
    return {b.fail(ErrorCode::kUnsupported, "attention over heads of unknown size needs a scale")};
  double scale = a.scale != 0 ? a.scale : 1.0 / std::sqrt(static_cast<double>(dq[3].value()));
  Val mask = padded_mask(b, in[3], dk[2]);
  if (!b.ok()) return {};
  std::vector<Val> operands{products};
  if (mask) operands.push_back(b.dtype(mask) == DType::kBool ? mask : b.cast(mask, wide));
  if (in[6]) operands.push_back(b.reshape(b.cast(in[6], DType::kI64), {dq[0], 1, 1, 1}));
  SymInt past = in[4] ? b.dims(in[4])[2] : SymInt(0);
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  auto kept = pointwise_all(b, operands, [&](std::span<const Expr> e) {
    ScalarBuilder* body = e[0].body;
    auto number = [&](SymInt s) { return Expr{body, body->sym(s)}; };
    Expr product = e[0] * scale;
    Expr capped = a.softcap > 0 ? tanh(product / a.softcap) * a.softcap : product;
    Expr score = capped;
    size_t next = 1;
    if (mask) {
      Expr m = e[next++];
      score = m.dtype() == DType::kBool ? select(m, score, score.like(kNever)) : score + m;
    }
    if (in[6]) score = select(number(d[3]) < e[next], score, score.like(kNever));
    if (a.is_causal) score = select(number(d[3]) < number(d[2] + past + 1), score, score.like(kNever));
    return std::vector<Expr>{score, a.scores_mode == 0 && a.softcap <= 0 ? product : (a.scores_mode <= 1 ? capped : score)};
  });
  if (!b.ok()) return {};
  Val score = kept[0];
  Val top = b.reduce(MonoidKind::k_max, score, {3}, true);
  Val e = pointwise(b, {score, top}, [](std::span<const Expr> x) { return exp(x[0] - x[1]); });
  Val probability = e / b.reduce(MonoidKind::k_sum, e, {3}, true);

  // Results of rank 3 come out with the heads side by side.
  Dims mix = merged ? Dims{dq[0], dq[2], dq[1], dv[3], dk[2]} : Dims{dq[0], dq[1], dq[2], dv[3], dk[2]};
  auto m = loop_vars(b.sym(), mix);
  SymInt head = m[merged ? 2 : 1], row = m[merged ? 1 : 2];
  Val y = b.contract(b.cast(probability, b.dtype(v)), v, IndexMap{mix, {m[0], head, row, m[4]}, 1},
                     IndexMap{mix, {m[0], floor_div(head, shared), m[4], m[3]}, 1}, 1, b.dtype(q));
  if (merged) y = b.reshape(y, {dq[0], dq[2], dq[1] * dv[3]});
  Vals results{y, k, v};
  if (a.scores) results.push_back(b.cast(a.scores_mode == 3 ? probability : kept[1], b.dtype(q)));
  return results;
}

const RegisterOp<Attention> kAttention{{
    .name = "attention",
    .body = attention,
    .onnx = {{"Attention", 23,
              [](const OnnxNode& n) -> Expected<Attention> {
                return Attention{n.i("is_causal", 0) != 0, n.i("q_num_heads", 0), n.i("kv_num_heads", 0),
                                 n.f("scale", 0),          n.f("softcap", 0),     n.i("qk_matmul_output_mode", 0),
                                 n.has_output(3)};
              }}},
    .samples = {"f32[2, 3, 4, 8], f32[2, 3, 6, 8], f32[2, 3, 6, 8] {is_causal = true}",
                "f16[n, 4, 24], f16[n, 6, 8], f16[n, 6, 8] {q_heads = 3, kv_heads = 1, softcap = 2}",
                "f32[2, 3, 4, 8], f32[2, 3, 6, 8], f32[2, 3, 6, 10], bool[4, 6]"},
}};

}  // namespace
}  // namespace temper
