#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scalar/scalar.h"

namespace temper {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

ScalarValue f(double v) { return {.f = v}; }
ScalarValue i(int64_t v) { return {.i = v}; }
int64_t ints(ScalarOp op, DType type, int64_t a, int64_t b = 0) { return evaluate_scalar(op, type, i(a), i(b), {}).i; }
double floats(ScalarOp op, double a, double b = 0) { return evaluate_scalar(op, DType::kF32, f(a), f(b), {}).f; }

TEST(ScalarTable, RowsAreFoundByName) {
  for (int k = 0; k < kScalarRows; ++k) {
    const ScalarInfo& info = scalar_info(static_cast<ScalarOp>(k));
    EXPECT_EQ(scalar_from_name(info.name), static_cast<ScalarOp>(k));
    EXPECT_GE(info.arity, 1);
  }
  EXPECT_FALSE(scalar_from_name("frobnicate"));
  EXPECT_EQ(scalar_info(ScalarOp::k_add).onnx, "Add");
  EXPECT_EQ(monoid_from_name("welford"), MonoidKind::k_welford);
  EXPECT_EQ(monoid_info(MonoidKind::k_welford).results, 2);
  EXPECT_FALSE(monoid_from_name(""));
}

TEST(EvaluateScalar, IntegersWrapInTheirWidth) {
  EXPECT_EQ(ints(ScalarOp::k_add, DType::kI8, 127, 1), -128);
  EXPECT_EQ(ints(ScalarOp::k_sub, DType::kU8, 0, 1), 255);
  EXPECT_EQ(ints(ScalarOp::k_mul, DType::kI32, 1 << 20, 1 << 12), 0);
  EXPECT_EQ(ints(ScalarOp::k_mul, DType::kI64, INT64_MAX, 2), -2);
  EXPECT_EQ(ints(ScalarOp::k_neg, DType::kI16, -32768), -32768);
  EXPECT_EQ(ints(ScalarOp::k_neg, DType::kU16, 1), 65535);
  EXPECT_EQ(ints(ScalarOp::k_add, DType::kI4, 7, 1), -8);
  EXPECT_EQ(ints(ScalarOp::k_add, DType::kU4, 15, 1), 0);
  EXPECT_EQ(ints(ScalarOp::k_abs, DType::kI8, -128), -128);
  EXPECT_EQ(ints(ScalarOp::k_bit_not, DType::kU8, 0), 255);
}

TEST(EvaluateScalar, DivisionTruncatesAndIsNeverUndefined) {
  EXPECT_EQ(ints(ScalarOp::k_div, DType::kI32, -7, 2), -3);
  EXPECT_EQ(ints(ScalarOp::k_div, DType::kI32, 7, 0), 0);
  EXPECT_EQ(ints(ScalarOp::k_div, DType::kI32, INT32_MIN, -1), INT32_MIN);
  EXPECT_EQ(ints(ScalarOp::k_div, DType::kI64, INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(ints(ScalarOp::k_div, DType::kU64, -1, 2), INT64_MAX);
  EXPECT_EQ(ints(ScalarOp::k_div, DType::kU8, 200, 3), 66);
  EXPECT_EQ(ints(ScalarOp::k_fmod, DType::kI32, -7, 3), -1);
  EXPECT_EQ(ints(ScalarOp::k_fmod, DType::kI64, INT64_MIN, -1), 0);
  EXPECT_EQ(ints(ScalarOp::k_floor_mod, DType::kI32, -7, 3), 2);
  EXPECT_EQ(ints(ScalarOp::k_floor_mod, DType::kI32, 7, -3), -2);
  EXPECT_EQ(ints(ScalarOp::k_floor_mod, DType::kI32, -6, 3), 0);
  EXPECT_EQ(ints(ScalarOp::k_floor_mod, DType::kI32, 5, 0), 0);
  EXPECT_EQ(floats(ScalarOp::k_floor_mod, -7, 3), 2);
  EXPECT_EQ(floats(ScalarOp::k_fmod, -7, 3), -1);
}

TEST(EvaluateScalar, UnsignedCompareAndShift) {
  EXPECT_EQ(ints(ScalarOp::k_less, DType::kU64, 1, -1), 1);
  EXPECT_EQ(ints(ScalarOp::k_less, DType::kI64, 1, -1), 0);
  EXPECT_EQ(ints(ScalarOp::k_max, DType::kU64, 1, -1), -1);
  EXPECT_EQ(ints(ScalarOp::k_shift_right, DType::kU64, -1, 63), 1);
  EXPECT_EQ(ints(ScalarOp::k_shift_right, DType::kI32, -8, 1), -4);
  EXPECT_EQ(ints(ScalarOp::k_shift_right, DType::kI32, -8, 32), 0);
  EXPECT_EQ(ints(ScalarOp::k_shift_left, DType::kU8, 129, 1), 2);
  EXPECT_EQ(ints(ScalarOp::k_shift_left, DType::kU32, 1, 32), 0);
  EXPECT_EQ(ints(ScalarOp::k_shift_left, DType::kI64, 1, -1), 0);
}

TEST(EvaluateScalar, IntegerPower) {
  EXPECT_EQ(ints(ScalarOp::k_pow, DType::kI32, 3, 4), 81);
  EXPECT_EQ(ints(ScalarOp::k_pow, DType::kI32, -1, -3), -1);
  EXPECT_EQ(ints(ScalarOp::k_pow, DType::kI32, 5, -1), 0);
  EXPECT_EQ(ints(ScalarOp::k_pow, DType::kU8, 2, 8), 0);
  EXPECT_EQ(ints(ScalarOp::k_pow, DType::kI64, 7, 0), 1);
}

TEST(EvaluateScalar, FloatsFollowIeee) {
  EXPECT_TRUE(std::isnan(floats(ScalarOp::k_max, kNaN, 1)));
  EXPECT_TRUE(std::isnan(floats(ScalarOp::k_min, 1, kNaN)));
  EXPECT_FALSE(std::signbit(floats(ScalarOp::k_max, -0.0, 0.0)));
  EXPECT_TRUE(std::signbit(floats(ScalarOp::k_min, 0.0, -0.0)));
  EXPECT_EQ(floats(ScalarOp::k_round, 2.5), 2);
  EXPECT_EQ(floats(ScalarOp::k_round, -3.5), -4);
  EXPECT_EQ(floats(ScalarOp::k_div, 1, 0), kInf);
  EXPECT_TRUE(std::isnan(floats(ScalarOp::k_sign, kNaN)));
  EXPECT_EQ(floats(ScalarOp::k_sign, -2), -1);
  EXPECT_EQ(floats(ScalarOp::k_sigmoid, -kInf), 0);
  EXPECT_EQ(evaluate_scalar(ScalarOp::k_isnan, DType::kF32, f(kNaN), {}, {}).i, 1);
  EXPECT_EQ(evaluate_scalar(ScalarOp::k_isinf, DType::kF32, f(-kInf), {}, {}).i, 1);
  EXPECT_EQ(evaluate_scalar(ScalarOp::k_less, DType::kF32, f(kNaN), f(1), {}).i, 0);
  EXPECT_EQ(evaluate_scalar(ScalarOp::k_equal, DType::kF32, f(0.0), f(-0.0), {}).i, 1);
  EXPECT_EQ(evaluate_scalar(ScalarOp::k_select, DType::kF32, i(1), f(2), f(3)).f, 2);
  EXPECT_EQ(evaluate_scalar(ScalarOp::k_select, DType::kI32, i(0), i(2), i(3)).i, 3);
}

TEST(EvaluateScalar, TheFactsOfTheTableHold) {
  const double samples[] = {-3.5, -1, -0.5, 0, 0.25, 0.75, 1, 2, 6.5};
  const int64_t whole[] = {-128, -7, -1, 0, 1, 2, 5, 127};
  for (int k = 0; k < kScalarRows; ++k) {
    ScalarOp op = static_cast<ScalarOp>(k);
    const ScalarInfo& info = scalar_info(op);
    bool on_floats = info.rule == TypeRule::kNumeric || info.rule == TypeRule::kFloat || info.rule == TypeRule::kCompare;
    bool on_ints = info.rule == TypeRule::kNumeric || info.rule == TypeRule::kInt || info.rule == TypeRule::kCompare;
    auto same = [](ScalarValue a, ScalarValue b) {
      return a == b || (std::isnan(a.f) && std::isnan(b.f)) || (a.f == b.f && a.i == b.i);
    };
    auto check = [&](DType type, std::span<const ScalarValue> values) {
      auto apply = [&](ScalarValue a, ScalarValue b) { return evaluate_scalar(op, type, a, b, {}); };
      for (ScalarValue a : values) {
        ScalarValue once = apply(a, a);
        if (info.arity == 1 && (info.facts & kIdempotent) != 0) {
          EXPECT_TRUE(same(apply(once, once), once)) << info.name;
        }
        if (info.arity == 1 && (info.facts & kInvolution) != 0) {
          EXPECT_TRUE(same(apply(once, once), a)) << info.name;
        }
        if (info.arity == 2 && (info.facts & kIdempotent) != 0) {
          EXPECT_TRUE(same(once, a)) << info.name;
        }
        for (ScalarValue b : values) {
          if ((info.facts & kCommutative) != 0) {
            EXPECT_TRUE(same(apply(a, b), apply(b, a))) << info.name;
          }
          if ((info.facts & kAssociative) == 0 || is_float(type)) continue;
          for (ScalarValue c : values) EXPECT_TRUE(same(apply(apply(a, b), c), apply(a, apply(b, c)))) << info.name;
        }
      }
      if ((info.facts & kZeroToZero) != 0) {
        EXPECT_TRUE(same(apply(values[3], {}), values[3])) << info.name;
      }
    };
    if (on_floats) {
      std::vector<ScalarValue> values;
      for (double v : samples) values.push_back(f(v));
      check(DType::kF32, values);
    }
    if (on_ints) {
      std::vector<ScalarValue> values;
      for (int64_t v : whole) values.push_back(i(v));
      check(DType::kI8, values);
    }
    if (info.rule == TypeRule::kBool) {
      std::vector<ScalarValue> values = {i(0), i(1), i(1), i(0)};
      check(DType::kBool, values);
    }
  }
}

TEST(CastScalar, FloatToInteger) {
  auto to = [](double v, DType type) { return cast_scalar(f(v), DType::kF32, type).i; };
  EXPECT_EQ(to(-1.9, DType::kI32), -1);
  EXPECT_EQ(to(300, DType::kU8), 44);
  EXPECT_EQ(to(-1, DType::kU8), 255);
  EXPECT_EQ(to(3e9, DType::kI32), INT32_MIN);
  EXPECT_EQ(to(kNaN, DType::kI64), INT64_MIN);
  EXPECT_EQ(to(kInf, DType::kI8), 0);
  EXPECT_EQ(to(3e9, DType::kU32), 3000000000);
  EXPECT_EQ(to(0x1p63, DType::kU64), INT64_MIN);
  EXPECT_EQ(to(0.5, DType::kBool), 1);
  EXPECT_EQ(to(kNaN, DType::kBool), 1);
  EXPECT_EQ(to(-0.0, DType::kBool), 0);
}

TEST(CastScalar, ToFloatRoundsOnce) {
  EXPECT_EQ(cast_scalar(f(0.1), DType::kF64, DType::kF32).f, static_cast<double>(0.1f));
  EXPECT_EQ(cast_scalar(i((1 << 24) + 1), DType::kI32, DType::kF32).f, 16777216.0);
  EXPECT_EQ(cast_scalar(i(-1), DType::kU64, DType::kF64).f, 0x1p64);
  // Just above the middle of two f16 values by less than f32 can tell: rounding twice would go to the even one below.
  EXPECT_EQ(cast_scalar(f(1 + 0x1p-11 + 0x1p-40), DType::kF64, DType::kF16).f, 1 + 0x1p-10);
  EXPECT_EQ(cast_scalar(f(1 + 0x1p-11), DType::kF64, DType::kF16).f, 1);
  EXPECT_EQ(cast_scalar(f(-(1 + 0x1p-8 + 0x1p-40)), DType::kF64, DType::kBF16).f, -(1 + 0x1p-7));
  // The same through f64: 2^62 + 2^38 is the middle of two f32 values, and one more decides.
  EXPECT_EQ(cast_scalar(i((int64_t{1} << 62) + (int64_t{1} << 38) + 1), DType::kI64, DType::kF32).f, 0x1p62 + 0x1p39);
  EXPECT_EQ(cast_scalar(f(1e6), DType::kF32, DType::kF16).f, kInf);
  EXPECT_EQ(cast_scalar(f(1e6), DType::kF32, DType::kF8E4M3).f, 448);
  EXPECT_TRUE(std::isnan(cast_scalar(f(kNaN), DType::kF32, DType::kF16).f));
}

TEST(CastScalar, BetweenIntegersWraps) {
  EXPECT_EQ(cast_scalar(i(-1), DType::kI8, DType::kU32).i, 4294967295);
  EXPECT_EQ(cast_scalar(i(200), DType::kU8, DType::kI8).i, -56);
  EXPECT_EQ(cast_scalar(i(256), DType::kI32, DType::kBool).i, 1);
  EXPECT_EQ(cast_scalar(i(9), DType::kI32, DType::kI4).i, -7);
}

}  // namespace
}  // namespace temper
