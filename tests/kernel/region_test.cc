#include "kernel/region.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

const std::string kConvolution =
    "region (%0: f32[b, 56, 56, 64], %1: f32[3, 3, 64, 32], %2: f32[32]) {\n"
    "  %3 = contract f32[b, 56, 56, 32 | 3, 3, 64] %0[d0, d1 + d4 - 1, d2 + d5 - 1, d6] if ((0 < d1 + d4)*(d1 + d4 < 57)) else "
    "0 * "
    "%1[d4, d5, d6, d3]\n"
    "  %4 = map f32[b, 56, 56, 32] (%3[d0, d1, d2, d3], %2[d3]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 0; "
    "%4 = max f32 %2 %3 } -> %4\n"
    "} -> (%4)\n";

const std::string kEverything =
    "region (%0: f32[n, 8], %1: i64[n], %2: bool[8], %3: f16[4, 8]) {\n"
    "  %4, %5 = reduce max_sum_exp (f32, f32)[n | 8] (%0[d0, d1]) (f32 %0) {} -> %0\n"
    "  %6 = map f32[n, 8] (%0[d0, d1], %4[d0], %5[d0]) (f32 %0, f32 %1, f32 %2) { %3 = sub f32 %0 %1; %4 = exp f32 %3; "
    "%5 = div f32 %4 %2 } -> %5\n"
    "  %7 = scan sum f32[n, 8] axis 1 exclusive reverse %6[d0, d1]\n"
    "  %8, %9 = sort f32[n, 8] axis 1 descending count [3] %7[d0, d1]\n"
    "  %10 = map f32[n, 8] (%6[v0, d1] with (v0 < [n] = %1[d0])) (f32 %0) {} -> %0\n"
    "  %11 = scatter f32[n, 8] %10[d0, d1] <- add [n, 3] %8[d0, d1] at [d0, v0] with (v0 < [8] = %9[d0, d1])\n"
    "  %12 = compact [8] size [u0] %2[d0]\n"
    "  %13, %14 = opaque \"nms\" {\"iou\" = \"0.5\", \"quote\" = \"a\\\"b\"} (%11, %12) : f32[u0, 4], i64[n]\n"
    "  %15 = contract f16[4, n | 8] in f32 %3[d0, d2] * %3[0, d2]\n"
    "  %16 = reduce arg_max i64[ | n, 8] (%11[d0, d1]) (f32 %0) {} -> %0\n"
    "  %17, %18 = map (bool, i64)[n] (%1[d0]) (i64 %0) { %1 = sym i64 d0; %2 = less bool %0 %1 } -> %2, %1\n"
    "} -> (%6, %11, %13, %16)\n";

std::string without_bar_blank(std::string text) {
  size_t at = text.find("[ |");
  return at == std::string::npos ? text : text.replace(at, 3, "[|");
}

TEST(Region, TextIsReadBack) {
  SymContext context;
  context.set_range(context.fresh_size(), 0, 8);
  for (const std::string& text : {kConvolution, without_bar_blank(kEverything)}) {
    Expected<Region> region = parse_region(text, context);
    ASSERT_TRUE(region.ok()) << region.error().to_string();
    std::string printed = region->to_string();
    Expected<Region> again = parse_region(printed, context);
    ASSERT_TRUE(again.ok()) << printed << again.error().to_string();
    EXPECT_EQ(again->to_string(), printed);
    EXPECT_EQ(*again, *region);
    EXPECT_EQ(printed, text);
  }
}

TEST(Region, TypesOfValues) {
  SymContext context;
  context.fresh_size();
  Expected<Region> region = parse_region(kEverything, context);
  ASSERT_TRUE(region.ok()) << region.error().to_string();
  std::vector<TensorType> types = region->value_types();
  EXPECT_EQ(types.size(), 19u);
  EXPECT_EQ(types[4].to_string(), "f32[n]");
  EXPECT_EQ(types[9].to_string(), "i64[n, 3]");
  EXPECT_EQ(types[12].to_string(), "i64[u0]");
  EXPECT_EQ(types[15].to_string(), "f16[4, n]");
  EXPECT_EQ(types[16].to_string(), "i64[]");
  EXPECT_EQ(accesses_of(region->stages[5]).size(), 3u);
}

std::string error_of(const std::string& body, const std::string& inputs = "%0: f32[n, 8]", const std::string& outputs = "%1") {
  SymContext context;
  Expected<Region> region = parse_region("region (" + inputs + ") {\n" + body + "\n} -> (" + outputs + ")", context);
  return region.ok() ? "no error" : region.error().to_string();
}
void expect_error(const std::string& body, const std::string& part, const std::string& inputs = "%0: f32[n, 8]") {
  std::string error = error_of(body, inputs);
  EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST(Region, VerifyNamesWhatIsWrong) {
  EXPECT_EQ(error_of("%1 = map f32[n, 8] (%0[d0, d1]) (f32 %0) {} -> %0"), "no error");
  expect_error("%1 = map f32[n, 8] (%0[d0]) (f32 %0) {} -> %0", "has 1 indices; the tensor has rank 2");
  expect_error("%1 = map f32[n, 8] (%0[d0, d1]) (f16 %0) {} -> %0", "has results of other types");
  expect_error("%1 = map f16[n, 8] (%0[d0, d1]) (f16 %0) {} -> %0", "operand 0 of the body is f16");
  expect_error("%1 = map f32[n, 8] (%0[d0, d1 + 1]) (f32 %0) {} -> %0", "leaves dimension 1 of extent 8");
  expect_error("%1 = map f32[4, 8] (%0[d0, d1 + 1]) (f32 %0) {} -> %0", "leaves dimension 1 of extent 8", "%0: f32[4, 8]");
  expect_error("%1 = map f32[4, 8] (%0[d0, 0 - d1]) (f32 %0) {} -> %0", "leaves dimension 1 of extent 8", "%0: f32[4, 8]");
  EXPECT_EQ(error_of("%1 = map f32[4, 8] (%0[d0, d1 + 1] if (d1 < 7) else 0) (f32 %0) {} -> %0", "%0: f32[4, 8]"), "no error");
  EXPECT_EQ(error_of("%1 = map f32[0, 8] (%0[d0, d1 + 1]) (f32 %0) {} -> %0"), "no error");
  expect_error("%1 = reduce any bool[n | 8] (%0[d0, d1]) (f32 %0) {} -> %0", "monoid any over elements of type f32");
  expect_error("%1 = reduce welford f32[n | 8] (%0[d0, d1]) (f32 %0) {} -> %0", "monoid welford");
  expect_error("%1 = map f32[n, 8] (%0[v0, d1] with (v0 < [n] = %0[d0, d1])) (f32 %0) {} -> %0", "has no integers");
  expect_error("%1 = map f32[n, 8] (%2[d0, d1]) (f32 %0) {} -> %0", "not defined before");
  expect_error("%1 = scan any f32[n, 8] axis 1 %0[d0, d1]", "a scan is a sum");
  expect_error("%1 = scan sum f32[n, 8] axis 2 %0[d0, d1]", "the axis is no dimension");
  expect_error("%1, %2 = sort f32[n, 8] axis 1 count [9] %0[d0, d1]", "no more results than it sorts");
  expect_error("%1 = compact [8] size [u0] %0[0, d0]", "mask of a compaction is bool");
}

TEST(Region, ParseErrorsNameThePlace) {
  expect_error("%2 = map f32[n, 8] (%0[d0, d1]) (f32 %0) {} -> %0", "line 2, column 2: the next value is numbered %1");
  expect_error("%1 = mop f32[n, 8] (%0[d0, d1]) (f32 %0) {} -> %0", "line 2, column 6: no stage has the name 'mop'");
  expect_error("%1 = map f32[n, 8] (%0[d0, d7]) (f32 %0) {} -> %0", "line 2");
  expect_error("%1 = map f32[n, 8] (%0[d0, d1]) (f32 %0) { %1 = foo f32 %0 } -> %1", "no scalar function has the name 'foo'");
  expect_error("%1, %2 = map f32[n, 8] (%0[d0, d1]) (f32 %0) {} -> %0", "the stage has 1 results");
  expect_error("%1 = map f32[n, 8] (%0[d0, d1] if (d0 < 1) else x) (f32 %0) {} -> %0", "'x' is no value of type f32");
  SymContext context;
  for (size_t length = 0; length < kConvolution.size() - 2; ++length) {
    EXPECT_FALSE(parse_region(kConvolution.substr(0, length), context).ok()) << length;
  }
  for (size_t at = 0; at < kConvolution.size(); ++at) {
    for (char c : {'%', '[', ')', '9', '\0'}) {
      std::string damaged = kConvolution;
      damaged[at] = c;
      Expected<Region> region = parse_region(damaged, context);
      if (region.ok()) region->to_string();
    }
  }
}

}  // namespace
}  // namespace temper
