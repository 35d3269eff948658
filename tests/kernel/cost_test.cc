#include "kernel/cost.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

// Dimension b is 2.
Cost cost(const std::string& text) {
  SymContext context;
  Expected<Region> region = parse_region(text, context);
  if (!region.ok()) {
    ADD_FAILURE() << region.error().to_string();
    return {};
  }
  return cost_of(*region, [](SymInt e) { return *evaluate(e, [](SymInt) { return std::optional<int64_t>(2); }); });
}

TEST(Cost, AConvolutionReadsItsInputOnceAndItsEpilogueCounts) {
  const Cost c = cost(
      "region (%0: f32[b, 56, 56, 64], %1: f32[3, 3, 64, 32], %2: f32[32]) {\n"
      "  %3 = contract f32[b, 56, 56, 32 | 3, 3, 64] %0[d0, d1 + d4 - 1, d2 + d5 - 1, d6] if ((0 < d1 + d4)*(d1 + d4 < 57)) "
      "else 0 * "
      "%1[d4, d5, d6, d3]\n"
      "  %4 = map f32[b, 56, 56, 32] (%3[d0, d1, d2, d3], %2[d3]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 0; "
      "%4 = max f32 %2 %3 } -> %4\n"
      "} -> (%4)\n");
  const double outputs = 2 * 56 * 56 * 32;
  EXPECT_EQ(c.operations, outputs * (2 * 9 * 64 + 2));
  EXPECT_EQ(c.read_bytes, 4.0 * (2 * 56 * 56 * 64 + 9 * 64 * 32 + 32));
  EXPECT_EQ(c.written_bytes, 4 * outputs);
}

TEST(Cost, OnlyElementsThatAreLookedAtAreRead) {
  // Two thirds of %0, one of them twice through the same map; a row of %1 for each of four indices.
  const Cost c = cost(
      "region (%0: f32[12, 8], %1: f16[100, 8], %2: i64[4]) {\n"
      "  %3 = map f32[4, 8] (%0[d0, d1], %0[d0 + 4, d1], %0[d0, d1], %1[v0, d1] with (v0 < [100] = %2[d0])) "
      "(f32 %0, f32 %1, f32 %2, f16 %3) { %4 = add f32 %0 %1; %5 = mul f32 %4 %2; %6 = cast f32 %3; %7 = add f32 %5 %6 } -> "
      "%7\n"
      "} -> (%3)\n");
  EXPECT_EQ(c.operations, 4 * 8 * 3);
  EXPECT_EQ(c.read_bytes, 8 * 8 * 4 + 4 * 8 * 2 + 4 * 8);
  EXPECT_EQ(c.written_bytes, 4 * 8 * 4);
}

TEST(Cost, AReductionCountsItsBodyAndItsSums) {
  const Cost c = cost(
      "region (%0: f32[b, 10]) {\n"
      "  %1 = reduce sum (f32)[b | 10] (%0[d0, d1]) (f32 %0) { %1 = mul f32 %0 %0 } -> %1\n"
      "} -> (%1)\n");
  EXPECT_EQ(c.operations, 2 * 10 * 2);
  EXPECT_EQ(c.read_bytes, 2 * 10 * 4);
  EXPECT_EQ(c.written_bytes, 2 * 4);
}

}  // namespace
}  // namespace temper
