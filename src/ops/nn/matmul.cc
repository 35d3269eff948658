// Matrix products: one contraction each; transposition is in the maps.
#include "ops/nn/operands.h"

namespace temper {
namespace {

struct Gemm {
  double alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
  TEMPER_FIELDS(alpha, beta, trans_a, trans_b)
};

const RegisterOp<NoAttrs> kMatMul{{
    .name = "matmul",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 2)) return {};
      if (b.dtype(in[0]) != b.dtype(in[1]))
        return {b.fail(ErrorCode::kInvalidArgument, "the operands of a matrix product differ in type")};
      return {b.matmul(in[0], in[1])};
    },
    .onnx = {{"MatMul", 1}},
    .samples = {"f32[2, 5, 3, 4], f32[5, 4, 6]", "f32[n, 4], f32[4]", "f16[4], f16[2, 4, 3]", "i32[3, 4], i32[4, 5]"},
}};

// alpha * A * B + beta * C, with A and B transposed where asked.
Vals gemm(Builder& b, const Gemm& a, Operands in) {
  if (!require(b, in, 2)) return {};
  if (b.rank(in[0]) != 2 || b.rank(in[1]) != 2) return {b.fail(ErrorCode::kInvalidArgument, "Gemm multiplies two matrices")};
  if (b.dtype(in[0]) != b.dtype(in[1]))
    return {b.fail(ErrorCode::kInvalidArgument, "the operands of a matrix product differ in type")};
  const Dims x = b.dims(in[0]), y = b.dims(in[1]);
  SymInt k = x[a.trans_a ? 0 : 1], other = y[a.trans_b ? 1 : 0];
  if (!require_same(b, k, other, "the inner dimensions of a matrix product")) return {};
  if (!k.is_const()) k = other;
  Dims domain{x[a.trans_a ? 1 : 0], y[a.trans_b ? 0 : 1], k};
  auto d = index_vars(b.sym(), domain);
  IndexMap lhs{domain, a.trans_a ? std::vector<SymInt>{d[2], d[0]} : std::vector<SymInt>{d[0], d[2]}, 1};
  IndexMap rhs{domain, a.trans_b ? std::vector<SymInt>{d[1], d[2]} : std::vector<SymInt>{d[2], d[1]}, 1};
  Val product = b.contract(in[0], in[1], std::move(lhs), std::move(rhs), 1, b.dtype(in[0]));
  // Alpha and beta are fractions in general, which integer products have no use for but 1.
  if (a.alpha != 1) product = product * a.alpha;
  if (!in[2] || a.beta == 0) return {product};
  Val c = a.beta == 1 ? in[2] : in[2] * a.beta;
  if (!b.ok()) return {};
  return {product + b.broadcast(c, b.dims(product))};
}

const RegisterOp<Gemm> kGemm{{
    .name = "gemm",
    .body = gemm,
    .onnx = {{"Gemm", 1,
              [](const OnnxNode& n) -> Expected<Gemm> {
                return Gemm{n.f("alpha", 1), n.f("beta", 1), n.i("transA", 0) != 0, n.i("transB", 0) != 0};
              }}},
    .samples = {"f32[n, 4], f32[6, 4], f32[6] {trans_b = true}",
                "f32[4, 3], f32[4, 5], f32[3, 1] {trans_a = true, alpha = 0.5, beta = 2}", "f16[3, 4], f16[4, 5]"},
}};

}  // namespace
}  // namespace temper
