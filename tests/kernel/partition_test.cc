#include "kernel/partition.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace temper
