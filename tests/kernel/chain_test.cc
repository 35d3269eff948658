#include "kernel/chain.h"

#include <gtest/gtest.h>

#include "ir/graph_text.h"

namespace temper {
namespace {

// Scores of queries and keys, a softmax of them, their product with the values; `more` outputs besides.
std::string attention(const std::string& more) {
  return "graph (%0: f32[b, 5, 4] \"q\", %1: f32[b, 6, 4] \"k\", %2: f32[b, 6, 3] \"v\") {\n"
         "  %3: f32[b, 5, 6] = contract(%0, %1) {lhs = [b, 5, 6, 4] -> (d0, d1, d3), rhs = [b, 5, 6, 4] -> (d0, d2, d3), "
         "reduced = 1, accumulate = f32, dtype = f32} \"scores\"\n"
         "  %4: f32[b, 5] = reduce(%3) {axes = [2], monoid = max}\n"
         "  %5: f32[b, 5, 6] = reindex(%4) {map = [b, 5, 6] -> (d0, d1), fill = 0}\n"
         "  %6: f32[b, 5, 6] = map(%3, %5) {domain = [b, 5, 6], body = {(f32 %0, f32 %1) { %2 = sub f32 %0 %1; %3 = exp f32 %2 "
         "} -> %3}}\n"
         "  %7: f32[b, 5] = reduce(%6) {axes = [2], monoid = sum}\n"
         "  %8: f32[b, 5, 6] = reindex(%7) {map = [b, 5, 6] -> (d0, d1), fill = 0}\n"
         "  %9: f32[b, 5, 6] = map(%6, %8) {domain = [b, 5, 6], body = {(f32 %0, f32 %1) { %2 = div f32 %0 %1 } -> %2}} "
         "\"softmax\"\n"
         "  %10: f32[b, 5, 3] = contract(%9, %2) {lhs = [b, 5, 3, 6] -> (d0, d1, d3), rhs = [b, 5, 3, 6] -> (d0, d3, d2), "
         "reduced = 1, accumulate = f32, dtype = f32} \"values\"\n"
         "} -> (%10 \"y\"" +
         more + ")\n";
}

Partition joined(const std::string& text) {
  auto graph = parse_graph(text, std::make_shared<SymContext>());
  EXPECT_TRUE(graph.ok()) << (graph.ok() ? "" : graph.error().to_string());
  Partition p = partition(*graph);
  join_chains(p, *graph);
  for (const Unit& unit : p.units) EXPECT_TRUE(verify(unit.region).ok()) << unit.region.to_string();
  // Regions hold expressions of the graph's context.
  static std::vector<std::shared_ptr<SymContext>> alive;
  alive.push_back(graph->context());
  return p;
}

TEST(Chain, AttentionIsOneUnitAndKeepsItsParts) {
  Partition p = joined(attention(""));
  ASSERT_EQ(p.units.size(), 1u);
  const Unit& unit = p.units[0];
  EXPECT_EQ(unit.parts.size(), 3u);
  EXPECT_EQ(unit.inputs, (std::vector<ValueId>{0, 1, 2}));
  EXPECT_EQ(unit.names, (std::vector<std::string>{"scores", "softmax", "values"}));
  EXPECT_EQ(unit.region.stages.size(), 6u);
}

TEST(Chain, RowsAndResultMayBeNarrow) {
  std::string text = attention("");
  const auto replace = [&](const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  replace("%2: f32[b, 6, 3] \"v\"", "%2: bf16[b, 6, 3] \"v\"");
  replace("%9: f32[b, 5, 6] = map(%6, %8) {domain = [b, 5, 6], body = {(f32 %0, f32 %1) { %2 = div f32 %0 %1 } -> %2}}",
          "%9: bf16[b, 5, 6] = map(%6, %8) {domain = [b, 5, 6], body = {(f32 %0, f32 %1) { %2 = div f32 %0 %1; %3 = cast bf16 "
          "%2 } -> %3}}");
  replace("} -> (%10",
          "  %11: bf16[b, 5, 3] = map(%10) {domain = [b, 5, 3], body = {(f32 %0) { %1 = cast bf16 %0 } -> %1}}\n} -> (%11");
  Partition p = joined(text);
  ASSERT_EQ(p.units.size(), 1u);
  EXPECT_EQ(p.units[0].parts.size(), 3u);
  EXPECT_EQ(p.units[0].region.stages.size(), 7u);
}

TEST(Chain, AValueThatLeavesIsNotJoinedOver) {
  EXPECT_EQ(joined(attention(", %9 \"weights\"")).units.size(), 3u);
  EXPECT_EQ(joined(attention(", %3 \"scores\"")).units.size(), 3u);
}

}  // namespace
}  // namespace temper
