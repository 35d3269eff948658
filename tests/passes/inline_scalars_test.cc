// Constants of one element move into the bodies of maps, and nothing else does.
#include <gtest/gtest.h>

#include "interp/interp.h"
#include "ir/graph_text.h"
#include "passes/pass.h"

namespace temper {
namespace {

std::string after(const std::string& text, Graph* before_out = nullptr, Graph* after_out = nullptr) {
  auto graph = parse_graph(text, std::make_shared<SymContext>());
  if (!graph.ok()) return graph.error().to_string();
  auto result = inline_scalars(*graph);
  if (!result.ok()) return result.error().to_string();
  std::string printed = result->to_string();
  if (before_out) *before_out = std::move(*graph);
  if (after_out) *after_out = std::move(*result);
  return printed;
}

// A clamp to a scalar and to a spread constant of one element, then a factor a column, which stays an operand.
constexpr const char* kClamp =
    "graph (%0: f32[n, 2] \"x\") {\n"
    "  %1: f32[] = constant() {data = f32[] (6)}\n"
    "  %2: f32[1, 1] = constant() {data = f32[1, 1] (-0.5)}\n"
    "  %3: f32[2] = constant() {data = f32[2] (2, 3)}\n"
    "  %4: f32[n, 2] = reindex(%2) {map = [n, 2] -> (0, 0), fill = 0}\n"
    "  %5: f32[n, 2] = map(%0, %4) {domain = [n, 2], body = {(f32 %0, f32 %1) { %2 = max f32 %0 %1 } -> %2}}\n"
    "  %6: f32[n, 2] = reindex(%1) {map = [n, 2] -> (), fill = 0}\n"
    "  %7: f32[n, 2] = map(%6, %5) {domain = [n, 2], body = {(f32 %0, f32 %1) { %2 = min f32 %0 %1 } -> %2}}\n"
    "  %8: f32[n, 2] = reindex(%3) {map = [n, 2] -> (d1), fill = 0}\n"
    "  %9: f32[n, 2] = map(%7, %8) {domain = [n, 2], body = {(f32 %0, f32 %1) { %2 = mul f32 %0 %1 } -> %2}}\n"
    "} -> (%9)\n";

TEST(InlineScalars, BoundsBecomeConstantsOfTheBody) {
  Graph before(std::make_shared<SymContext>()), result(std::make_shared<SymContext>());
  const std::string text = after(kClamp, &before, &result);
  EXPECT_NE(text.find("map(%0) {domain = [n, 2], body = {(f32 %0) { %1 = const f32 -0.5; %2 = max f32 %0 %1 } -> %2}}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("%1 = const f32 6; %2 = min f32 %0 %1"), std::string::npos) << text;
  EXPECT_NE(text.find("(f32 %0, f32 %1) { %2 = mul f32 %0 %1 } -> %2"), std::string::npos) << text;
  ExactTensor x = ExactTensor::zeros(DType::kF32, {3, 2});
  x.floats = {-1, 0.25, 7, -0.5, 6, 100};
  auto expected = interpret(before, {&x, 1}), got = interpret(result, {&x, 1});
  ASSERT_TRUE(expected.ok() && got.ok());
  EXPECT_EQ((*got)[0].floats, (*expected)[0].floats);
  EXPECT_EQ((*got)[0].floats, (std::vector<double>{-1, 0.75, 12, -1.5, 12, 18}));
}

// Outside the guard the operand is the fill, not the constant.
TEST(InlineScalars, APaddedConstantIsNoConstant) {
  const std::string text =
      "graph (%0: f32[n] \"x\") {\n"
      "  %1: f32[] = constant() {data = f32[] (6)}\n"
      "  %2: f32[n] = reindex(%1) {map = [n] -> () if (d0 < 2), fill = 0}\n"
      "  %3: f32[n] = map(%0, %2) {domain = [n], body = {(f32 %0, f32 %1) { %2 = add f32 %0 %1 } -> %2}}\n"
      "} -> (%3)\n";
  EXPECT_EQ(after(text), parse_graph(text, std::make_shared<SymContext>())->to_string());
}

TEST(InlineScalars, IntegersKeepTheirValue) {
  const std::string text = after(
      "graph (%0: i64[n] \"x\") {\n"
      "  %1: i64[1] = constant() {data = i64[1] (9007199254740993)}\n"
      "  %2: i64[n] = reindex(%1) {map = [n] -> (0), fill = 0}\n"
      "  %3: i64[n] = map(%0, %2) {domain = [n], body = {(i64 %0, i64 %1) { %2 = add i64 %0 %1 } -> %2}}\n"
      "} -> (%3)\n");
  EXPECT_NE(text.find("const i64 9007199254740993"), std::string::npos) << text;
}

}  // namespace
}  // namespace temper
