// Rotary position embedding: pairs of elements of each head are turned by an angle that grows with the position. One map: each
// element reads itself, its partner, and the cosine and sine of its pair; elements behind the rotated ones read 1 and 0.
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct RotaryEmbedding {
  bool interleaved = false;  // pairs are neighbours; else element k and k + half
  int64_t heads = 0;         // needed where the input has rank 3
  int64_t rotated = 0;       // elements of each head; 0: all
  TEMPER_FIELDS(interleaved, heads, rotated)
};

// Operands: x [b, h, s, d] or [b, s, h * d], cosines, sines: [b, s, rotated / 2], or [positions, rotated / 2] and positions [b,
// s].
Vals rotary_embedding(Builder& b, const RotaryEmbedding& a, Operands in) {
  if (!require(b, in, 3) || !require_float(b, in[0], "the input of a rotary embedding")) return {};
  const Dims original = b.dims(in[0]);
  bool merged = original.size() == 3;
  if ((!merged && original.size() != 4) || (merged && a.heads < 1)) {
    return {b.fail(ErrorCode::kInvalidArgument,
                   "the input of a rotary embedding must have rank 4, or rank 3 and a number of heads")};
  }
  Val x = in[0];
  if (merged) x = b.reshape(x, {original[0], original[1], a.heads, floor_div(original[2], a.heads)});
  if (!b.ok()) return {};
  const Dims dims = b.dims(x);
  auto d = loop_vars(b.sym(), dims);
  SymInt sequence = d[merged ? 1 : 2], k = d[3];
  SymInt rotated = a.rotated > 0 ? SymInt(a.rotated) : dims[3], half = floor_div(rotated, 2);
  SymInt inside = less(k, rotated);
  if (rotated == dims[3]) inside = 1;
  SymInt first = a.interleaved ? equal(mod(k, 2), 0) : less(k, half);  // of its pair
  SymInt pair = a.interleaved ? floor_div(k, 2) : k - half * (SymInt(1) - first);
  SymInt partner = a.interleaved ? k + first * 2 - 1 : k + half * (first * 2 - 1);
  IndexMap other{dims, {d[0], d[1], d[2], partner}, inside};
  auto cache = [&](Val v, double fill) {
    size_t rank = static_cast<size_t>(b.rank(v));
    if (rank != (in[3] ? 2u : 3u))
      return b.fail(ErrorCode::kInvalidArgument, "the cosines and sines of a rotary embedding have a wrong rank");
    if (!in[3])
      return b.reindex(v, IndexMap{dims, {b.dims(v)[0].is_const(1) ? SymInt(0) : d[0], sequence, pair}, inside}, fill);
    Val positions = b.wrap(in[3], b.dims(v)[0]);
    if (!b.ok()) return v;
    IndexMap map{dims, {b.sym().loaded(0, b.dims(v)[0]), pair}, inside};
    IndexMap load{dims, {b.dims(positions)[0].is_const(1) ? SymInt(0) : d[0], sequence}, 1};
    return b.gather(v, std::span(&positions, 1), std::move(map), {load}, fill);
  };
  if (in[3] && b.rank(in[3]) != 2)
    return {b.fail(ErrorCode::kInvalidArgument, "the positions of a rotary embedding must be a matrix")};
  Val cosine = cache(in[1], 1), sine = cache(in[2], 0);
  Val turned = b.reindex(x, std::move(other));
  Val y = pointwise(b, {x, turned, b.cast(cosine, b.dtype(x)), b.cast(sine, b.dtype(x))}, [&](std::span<const Expr> v) {
    Expr sign = cast(Expr{v[0].body, v[0].body->sym(SymInt(1) - first * 2)}, v[0].dtype());
    return v[0] * v[2] + sign * v[1] * v[3];
  });
  return {merged ? b.reshape(y, original) : y};
}

const RegisterOp<RotaryEmbedding> kRotaryEmbedding{{
    .name = "rotary_embedding",
    .body = rotary_embedding,
    .onnx = {{"RotaryEmbedding", 23,
              [](const OnnxNode& n) -> Expected<RotaryEmbedding> {
                return RotaryEmbedding{n.i("interleaved", 0) != 0, n.i("num_heads", 0), n.i("rotary_embedding_dim", 0)};
              }}},
    .samples = {"f32[2, 3, 4, 8], f32[2, 4, 4], f32[2, 4, 4]",
                "f32[n, 4, 24], f32[50, 3], f32[50, 3], i64[n, 4] {heads = 3, rotated = 6, interleaved = true}"},
}};

}  // namespace
}  // namespace temper
