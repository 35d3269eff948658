#include "kernel/tolerance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace temper {

namespace {

// Note [Error model]: the source is N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapters 2 to 4.
//
// One operation: fl(x op y) = (x op y)(1 + d), |d| <= u (2.4). A sum of n products in any order of summation has at most n
// roundings on the way of each product to the result (one of its own, n - 1 of the sum), so that, with s the exact sum,
//   |computed - s| <= ((1 + u)^n - 1) * sum of |products|                                                     (3.5, and 4.4 for
//   sums)
// which holds for every n, while gamma_n = n u / (1 - n u) needs n u < 1. Fused multiply-add, trees and blocks only have fewer.
// The exact value is computed in double and has the same bound with u = 2^-53. Storing adds u of the stored type, and what
// underflows adds one smallest number for each operation.
//
// Functions: a kernel's exp, tanh, erf, ... returns f(x (1 + a)) (1 + b) with |a| <= 2 u and |b| <= 8 u: the forward error of
// good polynomials, and a backward error that allows for argument reduction. Quotients and roots may be made of a reciprocal
// and one step of Newton's iteration: |b| <= 4 u.
//
// Compositions: an error e of an operand is carried along by evaluating f at x - e and x + e (the running error analysis of
// chapter 3.3 with the derivative replaced by its secant, which also sees steps: floor, comparisons, casts to integers). An
// operand that may be beyond the largest number of the compute type has an infinite error, and the secant says whether that
// matters.

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Instructions for bf16 take what is below it for zero, in operands, sums and results.
constexpr double kLeastNormal = 0x1p-126;
constexpr double kFunctionUnits = 8, kArgumentUnits = 2, kQuotientUnits = 4;
// What a function may take for zero in a result of f32: exp ends where the normal numbers do.
constexpr double kFunctionFloor = kLeastNormal;

struct Format {
  double roundoff, smallest, largest;
};
Format format_of(DType type) {
  switch (type) {
    case DType::kF64:
      return {0x1p-53, 0x1p-1074, std::numeric_limits<double>::max()};
    case DType::kF32:
      return {0x1p-24, 0x1p-149, std::numeric_limits<float>::max()};
    case DType::kF16:
      return {0x1p-11, 0x1p-24, 65504};
    case DType::kBF16:
      return {0x1p-8, kLeastNormal, 0x1.FEp127};
    case DType::kF8E4M3:
      return {0x1p-4, 0x1p-9, 448};
    case DType::kF8E5M2:
      return {0x1p-3, 0x1p-16, 57344};
    default:
      return {0, 0, kInfinity};
  }
}

// The distance of two results of one function; equal infinities and two NaNs have none.
double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  double d = std::fabs(a - b);
  return std::isnan(d) ? kInfinity : d;
}

double as_number(ScalarValue value, DType type) {
  if (is_float(type)) return value.f;
  return type == DType::kU64 ? static_cast<double>(static_cast<uint64_t>(value.i)) : static_cast<double>(value.i);
}

// x moved by `step` within its type.
ScalarValue moved(ExactValue x, DType type, double sign) {
  if (is_float(type)) return {.f = x.value.f + sign * x.error};
  if (type == DType::kBool) return {.i = 1 - x.value.i};
  double step = std::min(std::ceil(x.error), 0x1p62);
  int64_t whole = static_cast<int64_t>(sign * step);
  return cast_scalar({.i = static_cast<int64_t>(static_cast<uint64_t>(x.value.i) + static_cast<uint64_t>(whole))}, DType::kI64,
                     type);
}

// The units of roundoff that a kernel adds to a result, and to the arguments that it reduces.
struct Units {
  double result, argument;
};
Units units_of(ScalarOp op) {
  switch (op) {
    case ScalarOp::k_add:
    case ScalarOp::k_sub:
    case ScalarOp::k_mul:
      return {1, 0};
    case ScalarOp::k_div:
    case ScalarOp::k_reciprocal:
    case ScalarOp::k_sqrt:
    case ScalarOp::k_rsqrt:
      return {kQuotientUnits, 0};
    case ScalarOp::k_fmod:
    case ScalarOp::k_floor_mod:
    case ScalarOp::k_pow:
    case ScalarOp::k_atan2:
      return {kFunctionUnits, kArgumentUnits};
    default:
      break;
  }
  // What is left of the floating functions is transcendental, or rounds to whole numbers, which is exact.
  bool is_whole = op == ScalarOp::k_floor || op == ScalarOp::k_ceil || op == ScalarOp::k_round || op == ScalarOp::k_trunc;
  return scalar_info(op).rule == TypeRule::kFloat && !is_whole ? Units{kFunctionUnits, kArgumentUnits} : Units{0, 0};
}

}  // namespace

double unit_roundoff(DType type) { return format_of(type).roundoff; }

DType compute_type(DType type) { return is_float(type) && type != DType::kF64 ? DType::kF32 : type; }

double rounding_growth(double roundings, DType type) { return std::expm1(roundings * std::log1p(unit_roundoff(type))); }

double store_error(DType type, double magnitude) {
  if (!is_float(type)) return 0;
  Format format = format_of(type);
  return format.roundoff * magnitude + format.smallest;
}

double tolerance(DType result, DType accumulate, int64_t length, double magnitude) {
  if (!is_float(result)) return 0;
  double n = static_cast<double>(std::max<int64_t>(length, 1));
  double sum = rounding_growth(n, accumulate) * magnitude +
               n * (accumulate == DType::kF32 ? kLeastNormal : format_of(accumulate).smallest);
  double exact = rounding_growth(n, DType::kF64) * magnitude;
  return sum + exact + store_error(result, magnitude + sum);
}

ExactValue evaluate_with_error(ScalarOp op, DType type, ExactValue a, ExactValue b, ExactValue c) {
  const ScalarInfo& info = scalar_info(op);
  bool is_select = info.rule == TypeRule::kSelect;
  ExactValue operands[3] = {a, b, c};
  ExactValue result{.value = evaluate_scalar(op, type, a.value, b.value, c.value)};
  bool is_truth = info.rule == TypeRule::kPredicate || info.rule == TypeRule::kCompare;
  DType result_type = is_truth ? DType::kBool : type;
  double exact = as_number(result.value, result_type);
  Units units = is_float(type) ? units_of(op) : Units{0, 0};
  double roundoff = unit_roundoff(compute_type(type));
  for (int k = 0; k < info.arity; ++k) {
    DType operand_type = is_select && k == 0 ? DType::kBool : type;
    ExactValue x = operands[k];
    if (is_float(operand_type) && std::isfinite(x.value.f)) x.error += units.argument * roundoff * std::fabs(x.value.f);
    if (x.error == 0) continue;
    double spread = 0;
    // A kernel raises |x| and restores the sign, so the error of its arithmetic on the exponent does not make a whole one
    // fractional.
    bool raises_magnitude = op == ScalarOp::k_pow && k == 1 && b.error == 0 && is_float(type);
    for (double sign : {-1.0, 1.0}) {
      ScalarValue values[3] = {a.value, b.value, c.value};
      values[k] = moved(x, operand_type, sign);
      if (raises_magnitude) values[0].f = std::fabs(values[0].f);
      double there = as_number(evaluate_scalar(op, type, values[0], values[1], values[2]), result_type);
      spread = std::max(spread, distance(there, raises_magnitude ? std::fabs(exact) : exact));
    }
    result.error += spread;
  }
  if (!is_float(result_type) || !std::isfinite(exact)) return result;
  Format format = format_of(compute_type(type));
  if (std::fabs(exact) + result.error > format.largest * (1 - format.roundoff)) return {result.value, kInfinity};
  const bool flushes = units.argument != 0 && compute_type(type) == DType::kF32;
  const double tiny = flushes ? kFunctionFloor : format.smallest;
  if (units.result != 0) result.error += units.result * roundoff * (std::fabs(exact) + result.error) + tiny;
  return result;
}

ExactValue cast_with_error(ExactValue a, DType from, DType to) {
  ExactValue result{.value = cast_scalar(a.value, from, to)};
  double exact = as_number(result.value, to);
  if (a.error != 0) {
    for (double sign : {-1.0, 1.0}) {
      result.error = std::max(result.error, distance(as_number(cast_scalar(moved(a, from, sign), from, to), to), exact));
    }
  }
  // A value of a narrow type may be held unrounded, and only this cast rounds it, or the other way round.
  if (is_float(from) && is_float(to) && a.error == 0 && a.value == result.value) return result;
  if (is_float(to)) result.error += store_error(to, std::isfinite(exact) ? std::fabs(exact) : 0);
  return result;
}

bool within(ExactValue expected, ScalarValue actual, DType type) {
  if (expected.error == kInfinity) return true;
  if (type == DType::kBool) return expected.error > 0 || expected.value.i == actual.i;
  if (!is_float(type)) {
    if (expected.value.i == actual.i) return true;
    return std::fabs(as_number(expected.value, type) - as_number(actual, type)) <= expected.error && expected.error > 0;
  }
  double value = expected.value.f;
  if (std::isnan(value) || std::isnan(actual.f)) return std::isnan(value) && std::isnan(actual.f);
  if (value == actual.f) return true;
  Format format = format_of(type);
  double error = expected.error + store_error(type, std::isfinite(value) ? std::fabs(value) : 0);
  if (std::isinf(actual.f)) return std::signbit(actual.f) == std::signbit(value) && std::fabs(value) + error >= format.largest;
  bool saturates = type == DType::kF8E4M3 || type == DType::kF8E5M2;
  if (saturates && std::fabs(value) >= format.largest && actual.f == std::copysign(format.largest, value)) return true;
  return std::fabs(value - actual.f) <= error;
}

}  // namespace temper
