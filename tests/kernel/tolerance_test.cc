#include "kernel/tolerance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace temper {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ExactValue exact(double value, double error = 0) { return {.value = {.f = value}, .error = error}; }

// The bound holds for sums in three orders, and it is within reach: a sum that loses one term of average size is outside of it.
TEST(Tolerance, HoldsForDotProductsInAnyOrder) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int n : {1, 7, 64, 1000, 20000}) {
    std::vector<float> x(n), y(n);
    double sum = 0, magnitude = 0;
    for (int i = 0; i < n; ++i) {
      x[i] = uniform(random);
      y[i] = uniform(random);
      sum += static_cast<double>(x[i]) * y[i];
      magnitude += std::fabs(static_cast<double>(x[i]) * y[i]);
    }
    double bound = tolerance(DType::kF32, DType::kF32, n, magnitude);
    float forward = 0, backward = 0, lanes[8] = {};
    for (int i = 0; i < n; ++i) {
      forward += x[i] * y[i];
      backward += x[n - 1 - i] * y[n - 1 - i];
      lanes[i % 8] = std::fma(x[i], y[i], lanes[i % 8]);
    }
    float blocked = 0;
    for (float lane : lanes) blocked += lane;
    EXPECT_LE(std::fabs(forward - sum), bound) << n;
    EXPECT_LE(std::fabs(backward - sum), bound) << n;
    EXPECT_LE(std::fabs(blocked - sum), bound) << n;
    if (n <= 1000) {
      EXPECT_LT(bound, magnitude / n) << n;
    }
  }
}

TEST(Tolerance, StoreDominatesNarrowTypes) {
  EXPECT_NEAR(tolerance(DType::kF16, DType::kF32, 512, 40.0), 40 * 0x1p-11 + 40 * 512 * 0x1p-24, 1e-4);
  EXPECT_EQ(tolerance(DType::kI32, DType::kI32, 512, 40.0), 0);
}

TEST(ErrorPropagation, FollowsTheSecant) {
  ExactValue y = evaluate_with_error(ScalarOp::k_exp, DType::kF32, exact(1, 0.01), {}, {});
  EXPECT_DOUBLE_EQ(y.value.f, std::exp(1.0));
  EXPECT_GE(y.error, std::exp(1.01) - std::exp(1.0));
  EXPECT_LT(y.error, 0.03);
  EXPECT_EQ(evaluate_with_error(ScalarOp::k_floor, DType::kF32, exact(2.5, 0.1), {}, {}).error, 0);
  EXPECT_EQ(evaluate_with_error(ScalarOp::k_floor, DType::kF32, exact(2.0001, 0.1), {}, {}).error, 1);
  EXPECT_EQ(evaluate_with_error(ScalarOp::k_less, DType::kF32, exact(1, 0.1), exact(1.05), {}).error, 1);
  EXPECT_EQ(evaluate_with_error(ScalarOp::k_less, DType::kF32, exact(1, 0.01), exact(1.05), {}).error, 0);
  ExactValue doubtful{.value = {.i = 1}, .error = 1};
  EXPECT_EQ(evaluate_with_error(ScalarOp::k_select, DType::kF32, doubtful, exact(3), exact(5)).error, 2);
  EXPECT_EQ(evaluate_with_error(ScalarOp::k_max, DType::kF32, exact(1, 0.5), exact(9), {}).error, 0);
}

TEST(ErrorPropagation, OverflowOfTheComputeTypeIsForgivenWhereItDoesNotMatter) {
  ExactValue big = evaluate_with_error(ScalarOp::k_exp, DType::kF32, exact(100), {}, {});
  EXPECT_EQ(big.error, kInfinity);
  ExactValue sum = evaluate_with_error(ScalarOp::k_add, DType::kF32, exact(1), big, {});
  ExactValue y = evaluate_with_error(ScalarOp::k_reciprocal, DType::kF32, sum, {}, {});
  EXPECT_LT(y.error, 1e-40);
}

// Float arithmetic on random expressions stays within the bounds that were carried along.
TEST(ErrorPropagation, BoundsFloatArithmetic) {
  std::mt19937 random(9);
  std::uniform_real_distribution<float> uniform(-3, 3);
  using enum ScalarOp;
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> values;
    std::vector<ExactValue> bounds;
    for (int i = 0; i < 3; ++i) {
      values.push_back(uniform(random));
      bounds.push_back(exact(values.back()));
    }
    for (int step = 0; step < 8; ++step) {
      ScalarOp op = std::vector{k_add, k_sub, k_mul, k_div, k_exp, k_tanh, k_max, k_sigmoid, k_sqrt, k_erf}[random() % 10];
      size_t x = random() % values.size(), y = random() % values.size();
      float a = values[x], b = values[y], r = 0;
      switch (op) {
        case k_add:
          r = a + b;
          break;
        case k_sub:
          r = a - b;
          break;
        case k_mul:
          r = a * b;
          break;
        case k_div:
          r = a / b;
          break;
        case k_exp:
          r = std::exp(a);
          break;
        case k_tanh:
          r = std::tanh(a);
          break;
        case k_max:
          r = std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
          break;
        case k_sigmoid:
          r = 1.0f / (1.0f + std::exp(-a));
          break;
        case k_sqrt:
          r = std::sqrt(a);
          break;
        default:
          r = std::erf(a);
          break;
      }
      values.push_back(r);
      bounds.push_back(evaluate_with_error(op, DType::kF32, bounds[x], bounds[y], {}));
      ASSERT_TRUE(within(bounds.back(), {.f = r}, DType::kF32))
          << scalar_info(op).name << " " << a << " " << b << " = " << r << ", not " << bounds.back().value.f << " +- "
          << bounds.back().error;
    }
  }
}

TEST(Within, NaNInfinityAndTypes) {
  EXPECT_TRUE(within(exact(NAN), {.f = NAN}, DType::kF32));
  EXPECT_FALSE(within(exact(NAN), {.f = 1}, DType::kF32));
  EXPECT_FALSE(within(exact(1, 0.5), {.f = NAN}, DType::kF32));
  EXPECT_TRUE(within(exact(kInfinity), {.f = kInfinity}, DType::kF32));
  EXPECT_FALSE(within(exact(kInfinity), {.f = -kInfinity}, DType::kF32));
  EXPECT_FALSE(within(exact(kInfinity), {.f = 65504}, DType::kF16));
  EXPECT_TRUE(within(exact(70000), {.f = kInfinity}, DType::kF16));
  EXPECT_FALSE(within(exact(60000), {.f = kInfinity}, DType::kF16));
  EXPECT_TRUE(within(exact(1e6), {.f = 448}, DType::kF8E4M3));
  EXPECT_TRUE(within(exact(1 + 0x1p-12), {.f = 1}, DType::kF16));
  EXPECT_FALSE(within(exact(1 + 0x1p-12), {.f = 1}, DType::kF32));
  EXPECT_TRUE(within({.value = {.i = 5}}, {.i = 5}, DType::kI32));
  EXPECT_FALSE(within({.value = {.i = 5}}, {.i = 6}, DType::kI32));
  EXPECT_TRUE(within({.value = {.i = 5}, .error = 1}, {.i = 6}, DType::kI32));
  EXPECT_FALSE(within({.value = {.i = 1}}, {.i = 0}, DType::kBool));
}

}  // namespace
}  // namespace temper
