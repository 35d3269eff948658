// The algebra of scalar bodies.
//
// Note [Exact rules]: a rule may not change an IEEE result: x*0 stays (NaN, infinity, sign), x-x stays, sums are not
// reassociated. The exceptions are what every framework does: x + 0 may lose the sign of a zero, and pow with the exponents 3,
// 0.5 and -0.5 becomes products and roots, which differ in the last bit (and pow(-inf, 0.5) becomes NaN).
#include <cmath>
#include <numbers>

#include "scalar/scalar.h"

namespace temper {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_fact(ScalarOp op, Fact fact) { return static_cast<int>(op) < kScalarRows && (scalar_info(op).facts & fact) != 0; }

// Digits of the significand, and the exponents of the largest and least values, of floating types; for integers, the digits
// that their values need.
struct Format {
  int digits, max_exponent, min_exponent;
};
Format format_of(DType type) {
  switch (type) {
    case DType::kF64:
      return {53, 1024, -1074};
    case DType::kF32:
      return {24, 128, -149};
    case DType::kF16:
      return {11, 16, -24};
    case DType::kBF16:
      return {8, 128, -133};
    case DType::kF8E4M3:
      return {4, 9, -9};
    case DType::kF8E5M2:
      return {3, 16, -16};
    default:
      break;
  }
  int digits = type == DType::kBool ? 1 : is_signed_int(type) ? dtype_bits(type) - 1 : dtype_bits(type);
  return {digits, digits, 0};
}

// Every value of type `from` is one of type `to`.
bool preserves(DType from, DType to) {
  if (from == to) return true;
  if (to == DType::kBool || (is_float(from) && !is_float(to))) return false;
  Format f = format_of(from), t = format_of(to);
  if (is_float(to)) {
    // A cast to a type without infinity does not preserve it.
    if (is_float(from))
      return to != DType::kF8E4M3 && f.digits <= t.digits && f.max_exponent <= t.max_exponent &&
             f.min_exponent >= t.min_exponent;
    // The least signed integer is a power of two: one exponent more, no digit more.
    return f.digits <= t.digits && f.max_exponent + 1 <= t.max_exponent;
  }
  if (is_signed_int(from) && is_unsigned_int(to)) return false;
  return f.digits <= t.digits;
}

}  // namespace

bool ScalarBuilder::is_constant(int32_t value, double number) const {
  const ScalarInstruction& instruction = code_[value];
  if (instruction.op != ScalarOp::kConst) return false;
  if (is_float(instruction.dtype)) return instruction.constant.f == number;
  return static_cast<double>(instruction.constant.i) == number && instruction.constant.i != INT64_MAX;
}

bool ScalarBuilder::is_rounded(int32_t value) const {
  ScalarOp op = code_[value].op;
  return op == ScalarOp::kOperand || op == ScalarOp::kCast || !is_float(code_[value].dtype) ||
         code_[value].dtype == DType::kF64 || code_[value].dtype == DType::kF32;
}

std::optional<int32_t> ScalarBuilder::simplify(ScalarOp op, int32_t a, int32_t b, int32_t c) {
  const ScalarInfo& info = scalar_info(op);
  if (info.arity == 1 && code_[a].op == op) {
    if (is_fact(op, kInvolution)) return code_[a].args[0];
    if (is_fact(op, kIdempotent)) return a;
  }
  if (info.arity == 2 && is_fact(op, kIdempotent)) {
    if (a == b) return a;
    // f(f(x, y), x) and, as these are exactly associative, f(f(x, c), d) = f(x, f(c, d)).
    for (auto [outer, inner] : {std::pair(a, b), std::pair(b, a)}) {
      if (code_[inner].op == op && (code_[inner].args[0] == outer || code_[inner].args[1] == outer)) return inner;
    }
  }
  bool is_exactly_associative = is_fact(op, kAssociative) && (is_fact(op, kIdempotent) || !is_float(dtype(a)));
  if (info.arity == 2 && is_exactly_associative && code_[a].op == op && code_[b].op == ScalarOp::kConst &&
      code_[code_[a].args[1]].op == ScalarOp::kConst) {
    int32_t x = code_[a].args[0];
    return apply(op, x, apply(op, code_[a].args[1], b));
  }
  if (op == ScalarOp::k_select) {
    if (code_[a].op == ScalarOp::kConst) return code_[a].constant.i != 0 ? b : c;
    if (b == c) return b;
    if (code_[a].op == ScalarOp::k_logical_not) return apply(op, code_[a].args[0], c, b);
    if (dtype(b) == DType::kBool && is_constant(b, 1) && is_constant(c, 0)) return a;
    if (dtype(b) == DType::kBool && is_constant(b, 0) && is_constant(c, 1)) return apply(ScalarOp::k_logical_not, a);
    return std::nullopt;
  }
  if (info.rule == TypeRule::kCompare && a == b && !is_float(dtype(a)))
    return constant_int(op != ScalarOp::k_less, DType::kBool);
  if (std::optional<int32_t> simpler = simplify_arithmetic(op, a, b)) return simpler;
  return simplify_bits(op, a, b);
}

// The number by which value multiplies base, where it does no more than that.
std::optional<double> ScalarBuilder::factor_of(int32_t value, int32_t base) const {
  if (value == base) return 1.0;
  const ScalarInstruction& in = code_[value];
  if ((in.op != ScalarOp::k_mul && in.op != ScalarOp::k_div) || in.args[0] != base) return std::nullopt;
  const ScalarInstruction& by = code_[in.args[1]];
  if (by.op != ScalarOp::kConst || !is_float(by.dtype) || by.constant.f == 0) return std::nullopt;
  return in.op == ScalarOp::k_mul ? by.constant.f : 1 / by.constant.f;
}

// (k x) (1 + erf(x / sqrt 2)) = 2 k gelu(x), and then a power of two times 2 k is one factor.
std::optional<int32_t> ScalarBuilder::simplify_gelu(int32_t a, int32_t b) {
  if (!is_float(dtype(a))) return std::nullopt;
  for (auto [x, sum] : {std::pair(a, b), std::pair(b, a)}) {
    if (code_[sum].op != ScalarOp::k_add || !is_constant(code_[sum].args[1], 1)) continue;
    const ScalarInstruction& erf = code_[code_[sum].args[0]];
    if (erf.op != ScalarOp::k_erf) continue;
    for (int32_t base : {x, code_[x].args[0]}) {
      if (base < 0) continue;
      const std::optional<double> outside = factor_of(x, base), inside = factor_of(erf.args[0], base);
      // The constant is written in the precision of f32, or a better one.
      if (outside && inside && std::fabs(*inside * std::numbers::sqrt2 - 1) < 0x1p-23)
        return apply(ScalarOp::k_mul, apply(ScalarOp::k_gelu, base), constant(2 * *outside, dtype(a)));
    }
  }
  const ScalarInstruction inner = code_[a];  // a copy: more code comes
  if (code_[b].op == ScalarOp::kConst && inner.op == ScalarOp::k_mul && code_[inner.args[0]].op == ScalarOp::k_gelu &&
      is_constant(inner.args[1], 2)) {
    return apply(ScalarOp::k_mul, inner.args[0], constant(2 * code_[b].constant.f, dtype(a)));
  }
  return std::nullopt;
}

std::optional<int32_t> ScalarBuilder::simplify_arithmetic(ScalarOp op, int32_t a, int32_t b) {
  DType type = dtype(a);
  bool exact = !is_float(type);
  switch (op) {
    case ScalarOp::k_add:
      if (is_constant(b, 0)) return a;
      if (code_[b].op == ScalarOp::k_neg) return apply(ScalarOp::k_sub, a, code_[b].args[0]);
      if (code_[a].op == ScalarOp::k_neg) return apply(ScalarOp::k_sub, b, code_[a].args[0]);
      break;
    case ScalarOp::k_sub:
      if (code_[b].op == ScalarOp::kConst) return apply(ScalarOp::k_add, a, apply(ScalarOp::k_neg, b));
      if (code_[b].op == ScalarOp::k_neg) return apply(ScalarOp::k_add, a, code_[b].args[0]);
      if (exact && a == b) return constant_int(0, type);
      break;
    case ScalarOp::k_mul:
      if (is_constant(b, 1)) return a;
      for (auto [x, y] : {std::pair(a, b), std::pair(b, a)}) {
        if (code_[y].op == ScalarOp::k_sigmoid && code_[y].args[0] == x) return apply(ScalarOp::k_silu, x);
      }
      if (std::optional<int32_t> normal = simplify_gelu(a, b)) return normal;
      if (is_constant(b, -1)) return apply(ScalarOp::k_neg, a);
      if (exact && is_constant(b, 0)) return b;
      break;
    case ScalarOp::k_div:
      if (is_constant(b, 1)) return a;
      if (!exact && code_[b].op == ScalarOp::kConst) {
        // Division by a power of two is a product, exactly, as long as the factor is a normal number of the compute type.
        double divisor = code_[b].constant.f;
        int exponent = 0;
        int limit = type == DType::kF64 ? 1021 : 125;
        if (std::isfinite(divisor) && std::fabs(std::frexp(divisor, &exponent)) == 0.5 && std::abs(exponent) <= limit) {
          return apply(ScalarOp::k_mul, a, constant(1.0 / divisor, type));
        }
      }
      break;
    case ScalarOp::k_pow:
      if (is_constant(b, 0)) return constant(1, type);
      if (is_constant(b, 1)) return a;
      if (is_constant(b, 2)) return apply(ScalarOp::k_mul, a, a);
      if (is_constant(b, 3)) return apply(ScalarOp::k_mul, apply(ScalarOp::k_mul, a, a), a);
      if (exact) break;
      if (is_constant(b, -1)) return apply(ScalarOp::k_reciprocal, a);
      if (is_constant(b, 0.5)) return apply(ScalarOp::k_sqrt, a);
      if (is_constant(b, -0.5)) return apply(ScalarOp::k_rsqrt, a);
      break;
    case ScalarOp::k_min:
      if (!exact && is_constant(b, kInfinity)) return a;
      break;
    case ScalarOp::k_max:
      if (!exact && is_constant(b, -kInfinity)) return a;
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::optional<int32_t> ScalarBuilder::simplify_bits(ScalarOp op, int32_t a, int32_t b) {
  switch (op) {
    case ScalarOp::k_logical_and:
      if (is_constant(b, 1)) return a;
      if (is_constant(b, 0)) return b;
      break;
    case ScalarOp::k_logical_or:
      if (is_constant(b, 0)) return a;
      if (is_constant(b, 1)) return b;
      break;
    case ScalarOp::k_logical_xor:
      if (a == b) return constant_int(0, DType::kBool);
      if (is_constant(b, 0)) return a;
      if (is_constant(b, 1)) return apply(ScalarOp::k_logical_not, a);
      break;
    case ScalarOp::k_bit_and:
      if (is_constant(b, 0)) return b;
      break;
    case ScalarOp::k_bit_or:
      if (is_constant(b, 0)) return a;
      break;
    case ScalarOp::k_bit_xor:
      if (a == b) return constant_int(0, dtype(a));
      if (is_constant(b, 0)) return a;
      break;
    case ScalarOp::k_shift_left:
    case ScalarOp::k_shift_right:
      if (is_constant(b, 0)) return a;
      break;
    default:
      break;
  }
  return std::nullopt;
}

// A cast of a cast, when the first one lost nothing.
std::optional<int32_t> ScalarBuilder::simplify_cast(int32_t a, DType to) {
  if (code_[a].op != ScalarOp::kCast) return std::nullopt;
  int32_t x = code_[a].args[0];
  DType from = dtype(x), middle = dtype(a);
  if (is_int(from) && is_int(middle) && is_int(to)) {
    if (preserves(from, middle) || dtype_bits(middle) >= dtype_bits(to)) return cast(x, to);
    return std::nullopt;
  }
  if (!preserves(from, middle)) return std::nullopt;
  // From an integer through a float to an integer that cannot hold it: Note [Float to integer] is not wrap-around.
  if (is_int(from) && is_float(middle) && is_int(to) && !preserves(from, to)) return std::nullopt;
  // The cast back rounds x, unless x is rounded already.
  if (from == to && !is_rounded(x)) return std::nullopt;
  return cast(x, to);
}

}  // namespace temper
