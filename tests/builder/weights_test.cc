// What becomes part of a plan's weights: what steps read, and equal bytes once.
#include <gtest/gtest.h>

#include "builder/build.h"
#include "builder/compile.h"
#include "ops/builder.h"
#include "passes/pass.h"

namespace temper {
namespace {

Tensor numbers(std::vector<int64_t> dims, double first) {
  Tensor t = Tensor::zeros(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.set(i, {first + double(i % 7), 0});
  return t;
}

Expected<CompiledPlan> compiled(const Graph& graph) {
  Graph core = TEMPER_TRY(run_passes(graph.clone(), {}));
  CompileOptions options;
  options.device = this_device(1);
  return compile(core, options);
}

int constants_of(const CompiledPlan& plan) {
  int count = 0;
  for (const auto& b : plan.plan.buffers) count += b->kind == plan::BufferKind::Constant;
  return count;
}

TEST(PlanWeights, AMatrixThatIsPackedIsNotKeptBesideThePackedOne) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {64, 256}}, "x"));
  graph.set_outputs({b.matmul(x, b.constant(numbers({256, 128}, 1))).id});
  graph.output_names() = {"y"};
  ASSERT_TRUE(b.ok());
  auto plan = compiled(graph);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_EQ(constants_of(*plan), 1);
  EXPECT_GE(plan->plan.weights_bytes, uint64_t{256 * 128 * 4});
  EXPECT_LT(plan->plan.weights_bytes, uint64_t{256 * 128 * 4 * 3 / 2});
  // The numbers of buffers are without a gap, and steps name them.
  for (const auto& step : plan->plan.steps) {
    for (int buffer : step->buffers) EXPECT_LT(buffer, static_cast<int>(plan->plan.buffers.size()));
  }
  for (const auto& binding : plan->plan.outputs) EXPECT_EQ(plan->plan.buffers[binding->buffer]->kind, plan::BufferKind::Output);
}

TEST(PlanWeights, EqualConstantsShareTheirBytes) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {64, 256}}, "x"));
  Val y = b.val(graph.add_input(TensorType{DType::kF32, {64, 256}}, "y"));
  Val first = b.matmul(x, b.constant(numbers({256, 128}, 1))), second = b.matmul(y, b.constant(numbers({256, 128}, 1)));
  Val third = b.matmul(x, b.constant(numbers({256, 128}, 2)));
  graph.set_outputs({first.id, second.id, third.id});
  graph.output_names() = {"a", "b", "c"};
  ASSERT_TRUE(b.ok());
  auto plan = compiled(graph);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_GE(plan->plan.weights_bytes, uint64_t{2 * 256 * 128 * 4});
  EXPECT_LT(plan->plan.weights_bytes, uint64_t{3 * 256 * 128 * 4});
}

TEST(PlanWeights, AConstantThatLeavesAsItIsIsKept) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {4, 8}}, "x"));
  Val c = b.constant(numbers({8, 16}, 1));
  graph.set_outputs({b.matmul(x, c).id, c.id});
  graph.output_names() = {"y", "c"};
  ASSERT_TRUE(b.ok());
  auto plan = compiled(graph);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_EQ(constants_of(*plan), 2);
}

}  // namespace
}  // namespace temper
