// Pointwise formulas written as mathematics: each becomes one map, whose intermediate values are not rounded to the tensors'
// dtype.
//
//   Val y = pointwise(b, {x, scale}, [](std::span<const Expr> v) { return max(v[0], 0.0) * v[1] + 1.0; });
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "ops/builder.h"

namespace temper {

// A value of a ScalarBody that is being built. Operands of an operation have one dtype.
struct Expr {
  ScalarBuilder* body = nullptr;
  int32_t value = -1;

  DType dtype() const { return body->dtype(value); }
  Expr like(double number) const { return {body, body->constant(number, dtype())}; }
};

inline Expr apply(ScalarOp op, Expr a) { return {a.body, a.body->apply(op, a.value)}; }
inline Expr apply(ScalarOp op, Expr a, Expr b) { return {a.body, a.body->apply(op, a.value, b.value)}; }
inline Expr cast(Expr a, DType dtype) { return {a.body, a.body->cast(a.value, dtype)}; }
inline Expr select(Expr condition, Expr a, Expr b) {
  return {a.body, a.body->apply(ScalarOp::k_select, condition.value, a.value, b.value)};
}

inline Expr operator+(Expr a, Expr b) { return apply(ScalarOp::k_add, a, b); }
inline Expr operator-(Expr a, Expr b) { return apply(ScalarOp::k_sub, a, b); }
inline Expr operator*(Expr a, Expr b) { return apply(ScalarOp::k_mul, a, b); }
inline Expr operator/(Expr a, Expr b) { return apply(ScalarOp::k_div, a, b); }
inline Expr operator-(Expr a) { return apply(ScalarOp::k_neg, a); }
inline Expr operator+(Expr a, double b) { return a + a.like(b); }
inline Expr operator-(Expr a, double b) { return a - a.like(b); }
inline Expr operator*(Expr a, double b) { return a * a.like(b); }
inline Expr operator/(Expr a, double b) { return a / a.like(b); }
inline Expr operator+(double a, Expr b) { return b.like(a) + b; }
inline Expr operator-(double a, Expr b) { return b.like(a) - b; }
inline Expr operator*(double a, Expr b) { return b.like(a) * b; }
inline Expr operator<(Expr a, Expr b) { return apply(ScalarOp::k_less, a, b); }
inline Expr operator<(Expr a, double b) { return a < a.like(b); }
inline Expr operator<(double a, Expr b) { return b.like(a) < b; }
inline Expr min(Expr a, Expr b) { return apply(ScalarOp::k_min, a, b); }
inline Expr min(Expr a, double b) { return min(a, a.like(b)); }
inline Expr max(Expr a, Expr b) { return apply(ScalarOp::k_max, a, b); }
inline Expr max(Expr a, double b) { return max(a, a.like(b)); }
inline Expr exp(Expr a) { return apply(ScalarOp::k_exp, a); }
inline Expr expm1(Expr a) { return apply(ScalarOp::k_expm1, a); }
inline Expr log(Expr a) { return apply(ScalarOp::k_log, a); }
inline Expr log1p(Expr a) { return apply(ScalarOp::k_log1p, a); }
inline Expr tanh(Expr a) { return apply(ScalarOp::k_tanh, a); }
inline Expr erf(Expr a) { return apply(ScalarOp::k_erf, a); }
inline Expr sigmoid(Expr a) { return apply(ScalarOp::k_sigmoid, a); }
inline Expr hard_swish(Expr a) { return apply(ScalarOp::k_hard_swish, a); }
inline Expr abs(Expr a) { return apply(ScalarOp::k_abs, a); }
inline Expr sqrt(Expr a) { return apply(ScalarOp::k_sqrt, a); }
inline Expr rsqrt(Expr a) { return apply(ScalarOp::k_rsqrt, a); }

// One map over broadcast operands; `formula` gets them as Exprs and gives the results.
template <class Formula>
std::vector<Val> pointwise_all(Builder& b, std::span<const Val> operands, const Formula& formula) {
  if (!b.ok()) return std::vector<Val>(3, Val{&b, kNone32});
  ScalarBuilder body;
  std::vector<Expr> values;
  for (size_t i = 0; i < operands.size(); ++i)
    values.push_back({&body, body.operand(static_cast<int>(i), b.dtype(operands[i]))});
  std::vector<int32_t> results;
  for (Expr e : formula(std::span<const Expr>(values))) results.push_back(e.value);
  return b.map(body.finish(results, static_cast<int>(operands.size())), operands);
}
template <class Formula>
Val pointwise(Builder& b, std::initializer_list<Val> operands, const Formula& formula) {
  return pointwise_all(b, std::span<const Val>(operands.begin(), operands.size()),
                       [&](std::span<const Expr> v) { return std::vector<Expr>{formula(v)}; })[0];
}

}  // namespace temper
