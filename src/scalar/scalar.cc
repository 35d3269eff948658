#include "scalar/scalar.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <unordered_map>

#include "scalar/exact_functions.h"

namespace temper {

namespace {

constexpr std::array<ScalarInfo, kScalarRows> kScalars = {{
#define SCALAR(name, onnx, arity, rule, value, facts) {#name, onnx, arity, TypeRule::rule, #value, static_cast<uint8_t>(facts)},
#include "scalar/scalar.def"
#undef SCALAR
}};

constexpr MonoidInfo kMonoids[] = {
#define MONOID(name, results, summary) {#name, results},
#include "scalar/monoid.def"
#undef MONOID
};

template <class T>
constexpr bool rule_allows(TypeRule rule) {
  constexpr bool kIsFloat = std::same_as<T, double>, kIsBool = std::same_as<T, bool>;
  switch (rule) {
    case TypeRule::kNumeric:
      return !kIsBool;
    case TypeRule::kFloat:
    case TypeRule::kPredicate:
      return kIsFloat;
    case TypeRule::kInt:
      return !kIsFloat && !kIsBool;
    case TypeRule::kBool:
      return kIsBool;
    case TypeRule::kCompare:
      return true;
    case TypeRule::kSelect:
      return false;  // the condition is of another type: see evaluate_scalar
  }
  return false;
}

ScalarValue boxed(double value) { return {.f = value}; }
ScalarValue boxed(exact::ExactInt value) { return {.i = value.v}; }
ScalarValue boxed(bool value) { return {.i = value}; }

namespace exact_rows {

using namespace exact;  // NOLINT(google-build-using-namespace): the value column of scalar.def is written in these names

template <class T>
ScalarValue evaluate_row(ScalarOp op, T a, T b, [[maybe_unused]] T c = {}) {
  switch (op) {
#define SCALAR(name, onnx, arity, rule, value, facts)                  \
  case ScalarOp::k_##name:                                             \
    if constexpr (rule_allows<T>(TypeRule::rule)) return boxed(value); \
    break;
#include "scalar/scalar.def"
#undef SCALAR
    default:
      break;
  }
  TEMPER_CHECK(false, "scalar function applied to a type that its rule does not allow");
}

}  // namespace exact_rows

// Brings an integer into the range of a type of that width: modulo 2^bits.
int64_t wrap(int64_t value, DType type) {
  int bits = dtype_bits(type);
  if (bits == 64) return value;
  uint64_t high = static_cast<uint64_t>(value) << (64 - bits);
  return is_signed_int(type) ? static_cast<int64_t>(high) >> (64 - bits) : static_cast<int64_t>(high >> (64 - bits));
}

// Rounding to odd to a wider format first makes the second rounding, to nearest, the same as rounding once.
float to_float_odd(double value) {
  float rounded = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(rounded) == value) return rounded;
  if (std::fabs(static_cast<double>(rounded)) > std::fabs(value)) rounded = std::nextafterf(rounded, 0.0f);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(rounded) | 1u);
}

double to_double_odd(uint64_t magnitude) {
  int excess = 64 - std::countl_zero(magnitude) - 53;
  if (excess <= 0) return static_cast<double>(magnitude);
  uint64_t kept = magnitude >> excess << excess;
  uint64_t odd = kept == magnitude ? 0 : uint64_t{1} << excess;
  return static_cast<double>(kept | odd);
}

double round_to(double value, DType to) {
  switch (to) {
    case DType::kF64:
      return value;
    case DType::kF32:
      return static_cast<double>(static_cast<float>(value));
    case DType::kF16:
      return f16_to_f32(f32_to_f16(to_float_odd(value)));
    case DType::kBF16:
      return bf16_to_f32(f32_to_bf16(to_float_odd(value)));
    case DType::kF8E4M3:
      return f8e4m3_to_f32(f32_to_f8e4m3(to_float_odd(value)));
    case DType::kF8E5M2:
      return f8e5m2_to_f32(f32_to_f8e5m2(to_float_odd(value)));
    default:
      break;
  }
  TEMPER_CHECK(false, "not a floating type");
}

// Note [Float to integer]: towards zero. Out of range and NaN are as the x86 instructions have it, so that kernels get it for
// free: the type is reached through i32 (8, 4 and 16 bits and i32 itself) or i64 (u32, i64, u64), what does not fit into that
// becomes its least value, and the rest is wrap-around. u64 takes values from 2^63 up to 2^64 exactly.
int64_t float_to_int(double value, DType to) {
  bool through_i64 = dtype_bits(to) == 64 || to == DType::kU32;
  double limit = through_i64 ? 0x1p63 : 0x1p31;
  double whole = std::trunc(value);
  if (whole >= -limit && whole < limit) return wrap(static_cast<int64_t>(whole), to);
  if (to == DType::kU64 && whole >= 0x1p63 && whole < 0x1p64) return static_cast<int64_t>(static_cast<uint64_t>(whole));
  return wrap(through_i64 ? INT64_MIN : INT32_MIN, to);
}

template <class Row>
auto names_of(const Row& rows) {
  std::unordered_map<std::string_view, int> names;
  for (const auto& row : rows) names.emplace(row.name, static_cast<int>(names.size()));
  return names;
}

}  // namespace

const ScalarInfo& scalar_info(ScalarOp op) {
  TEMPER_CHECK(static_cast<int>(op) < kScalarRows, "not a row of scalar.def");
  return kScalars[static_cast<size_t>(op)];
}

std::optional<ScalarOp> scalar_from_name(std::string_view name) {
  static const auto kNames = names_of(kScalars);
  auto found = kNames.find(name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<ScalarOp>(found->second);
}

const MonoidInfo& monoid_info(MonoidKind kind) { return kMonoids[static_cast<size_t>(kind)]; }

std::optional<MonoidKind> monoid_from_name(std::string_view name) {
  static const auto kNames = names_of(kMonoids);
  auto found = kNames.find(name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<MonoidKind>(found->second);
}

ScalarValue evaluate_scalar(ScalarOp op, DType type, ScalarValue a, ScalarValue b, ScalarValue c) {
  if (op == ScalarOp::k_select) return exact::select(a.i != 0, b, c);
  if (is_float(type)) return exact_rows::evaluate_row<double>(op, a.f, b.f);
  if (type == DType::kBool) return exact_rows::evaluate_row<bool>(op, a.i != 0, b.i != 0);
  TEMPER_CHECK(is_int(type), "scalar functions are not defined for strings");
  int bits = dtype_bits(type);
  bool is_signed = is_signed_int(type);
  ScalarValue value = exact_rows::evaluate_row<exact::ExactInt>(op, {a.i, is_signed, bits}, {b.i, is_signed, bits});
  return scalar_info(op).rule == TypeRule::kCompare ? value : ScalarValue{.i = wrap(value.i, type)};
}

ScalarValue cast_scalar(ScalarValue value, DType from, DType to) {
  TEMPER_CHECK(from != DType::kString && to != DType::kString, "strings are not scalars");
  if (is_float(from)) {
    if (is_float(to)) return {.f = round_to(value.f, to)};
    if (to == DType::kBool) return {.i = value.f != 0};
    return {.i = float_to_int(value.f, to)};
  }
  if (to == DType::kBool) return {.i = value.i != 0};
  if (is_int(to)) return {.i = wrap(value.i, to)};
  bool negative = from != DType::kU64 && value.i < 0;
  uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(value.i) : static_cast<uint64_t>(value.i);
  double wide = to == DType::kF64 ? static_cast<double>(magnitude) : to_double_odd(magnitude);
  return {.f = round_to(negative ? -wide : wide, to)};
}

}  // namespace temper
