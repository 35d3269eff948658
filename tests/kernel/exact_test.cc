#include "kernel/exact.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace temper {
namespace {

struct Case {
  SymContext context;

  Expected<ExactRegion> exact(const std::string& text, SymValues symbols, std::vector<Tensor> inputs) {
    Expected<Region> region = parse_region(text, context);
    if (!region.ok()) return std::move(region).error();
    return ExactRegion::make(*region, std::move(symbols), std::move(inputs));
  }
  std::vector<Tensor> all(const std::string& text, SymValues symbols, std::vector<Tensor> inputs) {
    Expected<ExactRegion> made = exact(text, std::move(symbols), std::move(inputs));
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().to_string());
    if (!made.ok()) return {};
    Expected<std::vector<Tensor>> outputs = made->evaluate_all();
    EXPECT_TRUE(outputs.ok()) << (outputs.ok() ? "" : outputs.error().to_string());
    return outputs.ok() ? *outputs : std::vector<Tensor>();
  }
};

Tensor floats(std::vector<int64_t> dims, std::vector<float> values) { return Tensor::of(DType::kF32, std::move(dims), values); }
Tensor longs(std::vector<int64_t> dims, std::vector<int64_t> values) {
  return Tensor::of(DType::kI64, std::move(dims), values);
}
Tensor random_floats(std::mt19937& random, std::vector<int64_t> dims) {
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<float> values(element_count(dims));
  for (float& v : values) v = uniform(random);
  return floats(std::move(dims), values);
}

TEST(ExactRegion, ConvolutionWithPaddingAndEpilogue) {
  std::mt19937 random(1);
  int64_t size = 5, channels = 3, filters = 2;
  Tensor image = random_floats(random, {2, size, size, channels}), weights = random_floats(random, {3, 3, channels, filters}),
         bias = random_floats(random, {filters});
  Case c;
  Expected<ExactRegion> region = c.exact(
      "region (%0: f32[b, 5, 5, 3], %1: f32[3, 3, 3, 2], %2: f32[2]) {\n"
      "  %3 = contract f32[b, 5, 5, 2 | 3, 3, 3] %0[d0, d1 + d4 - 1, d2 + d5 - 1, d6] if ((0 < d1 + d4)*(d1 + d4 < 6)*(0 < d2 "
      "+ d5)*"
      "(d2 + d5 < 6)) else 0 * %1[d4, d5, d6, d3]\n"
      "  %4 = map f32[b, 5, 5, 2] (%3[d0, d1, d2, d3], %2[d3]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 0; "
      "%4 = max f32 %2 %3 } -> %4\n"
      "} -> (%4)\n",
      {{"b", 2}}, {image, weights, bias});
  ASSERT_TRUE(region.ok()) << region.error().to_string();
  auto x = image.as<float>(), w = weights.as<float>(), b = bias.as<float>();
  for (int64_t n = 0; n < 2; ++n) {
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < size; ++j) {
        for (int64_t f = 0; f < filters; ++f) {
          float sum = 0;
          for (int64_t u = 0; u < 3; ++u) {
            for (int64_t v = 0; v < 3; ++v) {
              int64_t row = i + u - 1, column = j + v - 1;
              if (row < 0 || row >= size || column < 0 || column >= size) continue;
              for (int64_t k = 0; k < channels; ++k) {
                sum += x[((n * size + row) * size + column) * channels + k] * w[((u * 3 + v) * channels + k) * filters + f];
              }
            }
          }
          float y = std::max(sum + b[f], 0.0f);
          Expected<ExactValue> expected = region->at(4, std::vector<int64_t>{n, i, j, f});
          ASSERT_TRUE(expected.ok()) << expected.error().to_string();
          ASSERT_TRUE(within(*expected, {.f = y}, DType::kF32))
              << y << " is not " << expected->value.f << " +- " << expected->error;
          ASSERT_FALSE(within(*expected, {.f = y + 0.001}, DType::kF32)) << expected->error;
        }
      }
    }
  }
}

TEST(ExactRegion, SoftmaxThroughMaxSumExp) {
  std::mt19937 random(2);
  int64_t rows = 3, columns = 50;
  Tensor input = random_floats(random, {rows, columns});
  Case c;
  Expected<ExactRegion> region = c.exact(
      "region (%0: f32[n, m]) {\n"
      "  %1, %2 = reduce max_sum_exp (f32, f32)[n | m] (%0[d0, d1]) (f32 %0) {} -> %0\n"
      "  %3 = map f32[n, m] (%0[d0, d1], %1[d0], %2[d0]) (f32 %0, f32 %1, f32 %2) { %3 = sub f32 %0 %1; %4 = exp f32 %3; "
      "%5 = div f32 %4 %2 } -> %5\n"
      "} -> (%3)\n",
      {{"n", rows}, {"m", columns}}, {input});
  ASSERT_TRUE(region.ok()) << region.error().to_string();
  auto x = input.as<float>();
  for (int64_t i = 0; i < rows; ++i) {
    float m = *std::max_element(x.begin() + i * columns, x.begin() + (i + 1) * columns), sum = 0;
    for (int64_t j = 0; j < columns; ++j) sum += std::exp(x[i * columns + j] - m);
    for (int64_t j = 0; j < columns; ++j) {
      float y = std::exp(x[i * columns + j] - m) / sum;
      Expected<ExactValue> expected = region->at(3, std::vector<int64_t>{i, j});
      ASSERT_TRUE(expected.ok());
      ASSERT_TRUE(within(*expected, {.f = y}, DType::kF32));
      ASSERT_LT(expected->error, 1e-3 * y);
    }
  }
}

TEST(ExactRegion, WelfordAndHalf) {
  std::mt19937 random(3);
  std::vector<uint16_t> halves(64);
  double sum = 0, squares = 0;
  for (uint16_t& h : halves) {
    h = f32_to_f16(std::uniform_real_distribution<float>(4, 6)(random));
    sum += f16_to_f32(h);
  }
  for (uint16_t h : halves) squares += std::pow(f16_to_f32(h) - sum / 64, 2);
  Case c;
  Expected<ExactRegion> region = c.exact(
      "region (%0: f16[1, 64]) {\n"
      "  %1, %2 = reduce welford (f32, f32)[1 | 64] (%0[d0, d1]) (f16 %0) { %1 = cast f32 %0 } -> %1\n"
      "  %3 = map f16[1] (%2[d0]) (f32 %0) { %1 = rsqrt f32 %0; %2 = cast f16 %1 } -> %2\n"
      "} -> (%1, %2, %3)\n",
      {}, {Tensor::of(DType::kF16, {1, 64}, halves)});
  ASSERT_TRUE(region.ok()) << region.error().to_string();
  ExactValue mean = *region->at(1, std::vector<int64_t>{0}), variance = *region->at(2, std::vector<int64_t>{0});
  EXPECT_NEAR(mean.value.f, sum / 64, 1e-12);
  EXPECT_NEAR(variance.value.f, squares / 64, 1e-12);
  EXPECT_LT(mean.error, 1e-4);
  EXPECT_LT(variance.error, 1e-3);
  ExactValue y = *region->at(3, std::vector<int64_t>{0});
  EXPECT_TRUE(within(y, {.f = f16_to_f32(f32_to_f16(static_cast<float>(1 / std::sqrt(squares / 64))))}, DType::kF16));
}

TEST(ExactRegion, ReductionsOfIntegersAndPositions) {
  Case c;
  Tensor x = longs({2, 2, 3}, {1, 9, 3, 9, 0, -4, 5, 5, 5, 5, 5, 5});
  std::vector<Tensor> y = c.all(
      "region (%0: i64[2, 2, 3]) {\n"
      "  %1 = reduce arg_max i64[2 | 2, 3] (%0[d0, d1, d2]) (i64 %0) {} -> %0\n"
      "  %2 = reduce arg_max_last i64[2 | 2, 3] (%0[d0, d1, d2]) (i64 %0) {} -> %0\n"
      "  %3 = reduce sum i64[2 | 2, 3] (%0[d0, d1, d2]) (i64 %0) {} -> %0\n"
      "  %4 = reduce prod i64[2, 2 | 3] (%0[d0, d1, d2]) (i64 %0) {} -> %0\n"
      "  %5 = reduce min i64[|2, 2, 3] (%0[d0, d1, d2]) (i64 %0) {} -> %0\n"
      "  %6 = reduce any bool[2 | 2, 3] (%0[d0, d1, d2]) (i64 %0) { %1 = const i64 0; %2 = less bool %0 %1 } -> %2\n"
      "  %7 = reduce arg_min i64[2 | 2, 3] (%0[d0, d1, d2]) (i64 %0) {} -> %0\n"
      "} -> (%1, %2, %3, %4, %5, %6, %7)\n",
      {}, {x});
  ASSERT_EQ(y.size(), 7u);
  EXPECT_EQ(y[0], longs({2}, {1, 0}));
  EXPECT_EQ(y[1], longs({2}, {3, 5}));
  EXPECT_EQ(y[2], longs({2}, {18, 30}));
  EXPECT_EQ(y[3], longs({2, 2}, {27, 0, 125, 125}));
  EXPECT_EQ(y[4], longs({}, {-4}));
  EXPECT_EQ(y[5], Tensor::of(DType::kBool, {2}, std::vector<uint8_t>{1, 0}));
  EXPECT_EQ(y[6], longs({2}, {5, 0}));
}

TEST(ExactRegion, ReductionsOfNothingAreNeutral) {
  Case c;
  std::vector<Tensor> y = c.all(
      "region (%0: f32[2, n]) {\n"
      "  %1 = reduce sum f32[2 | n] (%0[d0, d1]) (f32 %0) {} -> %0\n"
      "  %2 = reduce max f32[2 | n] (%0[d0, d1]) (f32 %0) {} -> %0\n"
      "  %3 = contract f32[2 | n] %0[d0, d1] * %0[d0, d1]\n"
      "  %4 = map f32[2, n] (%0[d0, d1]) (f32 %0) {} -> %0\n"
      "} -> (%1, %2, %3, %4)\n",
      {{"n", 0}}, {floats({2, 0}, {})});
  ASSERT_EQ(y.size(), 4u);
  EXPECT_EQ(y[0], floats({2}, {0, 0}));
  EXPECT_EQ(y[1], floats({2}, {-INFINITY, -INFINITY}));
  EXPECT_EQ(y[2], floats({2}, {0, 0}));
  EXPECT_EQ(y[3].dims(), (std::vector<int64_t>{2, 0}));
}

TEST(ExactRegion, ScansSortsAndGathers) {
  Case c;
  Tensor x = floats({2, 4}, {3, 1, 4, 1, 5, -9, 2, 6});
  std::vector<Tensor> y = c.all(
      "region (%0: f32[2, 4], %1: i64[3]) {\n"
      "  %2 = scan sum f32[2, 4] axis 1 %0[d0, d1]\n"
      "  %3 = scan sum f32[2, 4] axis 1 exclusive reverse %0[d0, d1]\n"
      "  %4 = scan max f32[2, 4] axis 0 %0[d0, d1]\n"
      "  %5, %6 = sort f32[2, 4] axis 1 descending count [2] %0[d0, d1]\n"
      "  %7, %8 = sort f32[2, 4] axis 1 count [4] %0[d0, d1]\n"
      "  %9 = map f32[3, 2] (%0[d1, v0] with (v0 < [4] = %1[d0])) (f32 %0) {} -> %0\n"
      "} -> (%2, %3, %4, %5, %6, %8, %9)\n",
      {}, {x, longs({3}, {3, 0, 2})});
  ASSERT_EQ(y.size(), 7u);
  EXPECT_EQ(y[0], floats({2, 4}, {3, 4, 8, 9, 5, -4, -2, 4}));
  EXPECT_EQ(y[1], floats({2, 4}, {6, 5, 1, 0, -1, 8, 6, 0}));
  EXPECT_EQ(y[2], floats({2, 4}, {3, 1, 4, 1, 5, 1, 4, 6}));
  EXPECT_EQ(y[3], floats({2, 2}, {4, 3, 6, 5}));
  EXPECT_EQ(y[4], longs({2, 2}, {2, 0, 3, 0}));
  EXPECT_EQ(y[5], longs({2, 4}, {1, 3, 0, 2, 1, 2, 0, 3}));
  EXPECT_EQ(y[6], floats({3, 2}, {1, 6, 3, 5, 4, 2}));
}

TEST(ExactRegion, ScatterCompactAndGatherOutside) {
  Case c;
  std::string text =
      "region (%0: f32[5], %1: i64[3], %2: f32[3], %3: bool[5]) {\n"
      "  %4 = scatter f32[5] %0[d0] <- [3] %2[d0] at [v0] with (v0 < [5] = %1[d0])\n"
      "  %5 = scatter f32[5] %0[d0] <- add [3] %2[d0] at [v0] with (v0 < [5] = %1[d0])\n"
      "  %6 = compact [5] size [u0] %3[d0]\n"
      "  %7 = map f32[u0] (%0[v0] with (v0 < [5] = %6[d0])) (f32 %0) { %1 = neg f32 %0 } -> %1\n"
      "} -> (%4, %5, %6, %7)\n";
  c.context.fresh_size();
  std::vector<Tensor> inputs = {floats({5}, {0, 1, 2, 3, 4}), longs({3}, {1, 3, 1}), floats({3}, {10, 20, 30}),
                                Tensor::of(DType::kBool, {5}, std::vector<uint8_t>{0, 1, 1, 0, 1})};
  std::vector<Tensor> y = c.all(text, {}, inputs);
  ASSERT_EQ(y.size(), 4u);
  EXPECT_EQ(y[0], floats({5}, {0, 30, 2, 20, 4}));
  EXPECT_EQ(y[1], floats({5}, {0, 41, 2, 23, 4}));
  EXPECT_EQ(y[2], longs({3}, {1, 2, 4}));
  EXPECT_EQ(y[3], floats({3}, {-1, -2, -4}));
  inputs[1] = longs({3}, {1, 5, 1});
  Expected<ExactRegion> region = c.exact(text, {}, inputs);
  ASSERT_TRUE(region.ok());
  Expected<ExactValue> outside = region->at(4, std::vector<int64_t>{0});
  ASSERT_FALSE(outside.ok());
  EXPECT_NE(outside.error().message().find("the index 5 that was read from %1 is not in [0, 5)"), std::string::npos)
      << outside.error().message();
}

TEST(ExactRegion, IntegerContractionWrapsInItsAccumulator) {
  Case c;
  std::vector<int8_t> x = {127, -128, 100, 1};
  std::vector<uint8_t> w = {255, 255, 3, 0};
  std::vector<Tensor> y = c.all(
      "region (%0: i8[4], %1: u8[4]) {\n"
      "  %2 = contract i32[|4] %0[d0] * %1[d0]\n"
      "  %3 = contract f32[|4] in i32 %0[d0] * %1[d0]\n"
      "} -> (%2, %3)\n",
      {}, {Tensor::of(DType::kI8, {4}, x), Tensor::of(DType::kU8, {4}, w)});
  ASSERT_EQ(y.size(), 2u);
  EXPECT_EQ(y[0], Tensor::of(DType::kI32, {}, std::vector<int32_t>{127 * 255 - 128 * 255 + 300}));
  EXPECT_EQ(y[1], floats({}, {45}));
}

TEST(ExactRegion, WhatIsMissingIsAnError) {
  Case c;
  std::string text = "region (%0: f32[n]) {\n  %1 = map f32[n] (%0[d0]) (f32 %0) {} -> %0\n} -> (%1)\n";
  Expected<ExactRegion> no_symbol = c.exact(text, {}, {floats({2}, {1, 2})});
  ASSERT_FALSE(no_symbol.ok());
  EXPECT_NE(no_symbol.error().message().find("n"), std::string::npos);
  EXPECT_FALSE(c.exact(text, {{"n", 3}}, {floats({2}, {1, 2})}).ok());
  EXPECT_FALSE(c.exact(text, {{"n", 2}}, {}).ok());
  Expected<ExactRegion> region = c.exact(text, {{"n", 2}}, {floats({2}, {1, 2})});
  ASSERT_TRUE(region.ok());
  EXPECT_FALSE(region->at(1, std::vector<int64_t>{2}).ok());
  EXPECT_FALSE(region->at(1, std::vector<int64_t>{}).ok());
  Expected<ExactRegion> opaque =
      c.exact("region (%0: f32[2]) {\n  %1 = opaque \"nms\" {} (%0) : f32[2]\n} -> (%1)\n", {}, {floats({2}, {1, 2})});
  ASSERT_TRUE(opaque.ok());
  EXPECT_EQ(opaque->at(1, std::vector<int64_t>{0}).error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace temper
