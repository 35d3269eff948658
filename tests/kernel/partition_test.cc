#include "kernel/partition.h"

#include <gtest/gtest.h>

#include "ir/graph_text.h"
#include "ops/builder.h"

namespace temper {
namespace {

// y = (((x + a0) * a1) + a2) ..., every step of which is read again at the end.
TEST(Partition, RegionsStayWithinTheTablesOfKernels) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  const Dims dims{4, 5};
  Val x = b.val(graph.add_input(TensorType{DType::kF32, dims}, "x"));
  std::vector<ValueId> outputs;
  for (int i = 0; i < 150; ++i) {
    Val a = b.val(graph.add_input(TensorType{DType::kF32, dims}, "a" + std::to_string(i)));
    x = i % 2 == 0 ? x + a : x * a;
    outputs.push_back(x.id);
  }
  ASSERT_TRUE(b.ok());
  graph.set_outputs(outputs);
  size_t stages = 0;
  for (const Unit& unit : partition(graph).units) {
    const Region& region = unit.region;
    stages += region.stages.size();
    EXPECT_LE(region.inputs.size() + region.outputs.size() + 2 * region.stages.size(), 120u);
    EXPECT_GT(region.stages.size(), 3u);  // a limit, not an end of joining
  }
  EXPECT_EQ(stages, 150u);
}

// A padded convolution of what a reshape makes: read through the reshape, two windows would share an index, which no kernel
// takes.
TEST(Partition, APaddedWindowIsNotReadThroughAReshape) {
  auto graph = parse_graph(
      "graph (%0: f32[n, 60] \"x\", %1: f32[4, 1, 3, 3] \"w\") {\n"
      "  %2: f32[n, 1, 10, 6] = reindex(%0) {map = [n, 1, 10, 6] -> (d0, d2*6 + d3), fill = 0}\n"
      "  %3: f32[n, 4, 10, 6] = contract(%2, %1) {lhs = [n, 4, 10, 6, 1, 3, 3] -> (d0, 0, d2 + d5 - 1, d3 + d6 - 1) if ((0 < "
      "d2 + d5)*(0 < d3 + d6)*"
      "(d2 + d5 < 11)*(d3 + d6 < 7)), rhs = [n, 4, 10, 6, 1, 3, 3] -> (d1, 0, d5, d6), reduced = 3, accumulate = f32, dtype = "
      "f32}\n"
      "} -> (%3 \"y\")\n",
      std::make_shared<SymContext>());
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  Partition p = partition(*graph);
  ASSERT_EQ(p.units.size(), 2u);
  EXPECT_EQ(p.units[1].inputs[0], 2);
}

}  // namespace
}  // namespace temper
