// A portable plan on a machine that has none of its targets is compiled when it is loaded, and computes the same.
#include <gtest/gtest.h>

#include "backend/cuda/run/driver.h"
#include "builder/build.h"
#include "ops/builder.h"
#include "runtime/context.h"

namespace temper {
namespace {

constexpr int64_t kWidth = 48;
using Bytes = std::shared_ptr<const std::vector<std::byte>>;

Expected<Bytes> build(const std::string& target, bool portable) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {graph.sym().symbol("n"), kWidth}}, "x"));
  Tensor weights = Tensor::zeros(DType::kF32, {kWidth, kWidth});
  for (int64_t i = 0; i < weights.count(); ++i) weights.set(i, {double(i % 13) - 6, 0});
  graph.set_outputs({b.matmul(b.matmul(x, b.constant(weights)), b.constant(weights)).id});
  graph.output_names() = {"y"};
  TEMPER_TRY(b.take_status());
  BuildConfig config;
  config.compile.device = {target, 1};
  config.compile.build.optimization_level = 0;
  config.compile.profile.inputs["x"] = {{1, kWidth}, {4, kWidth}, {64, kWidth}};
  config.portable = portable;
  config.metadata = {{"author", "somebody"}};
  MemorySink sink;
  TEMPER_TRY(build_plan(graph, config, sink));
  return std::make_shared<const std::vector<std::byte>>(sink.take());
}

Expected<std::vector<float>> run(const std::shared_ptr<const Engine>& engine, int64_t rows) {
  Context context(engine);
  std::vector<float> x(static_cast<size_t>(rows * kWidth)), y(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i % 5) - 2;
  TEMPER_TRY(context.set_input_shape(0, {rows, kWidth}));
  context.set_address(Context::kInput, 0, x.data());
  context.set_address(Context::kOutput, 0, y.data());
  SerialExecutor executor;
  TEMPER_TRY(context.run(executor));
  return y;
}

class Recompile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::Driver::get().ok()) GTEST_SKIP() << "this machine has a GPU: what is foreign to others is not to it";
  }
};

TEST_F(Recompile, APortablePlanRunsWhereNoneOfItsTargetsIs) {
  auto foreign = build("sm_90", true), own = build(this_device(1).target, false);
  ASSERT_TRUE(foreign.ok()) << foreign.error().to_string();
  ASSERT_TRUE(own.ok()) << own.error().to_string();
  auto engine = Engine::load(**foreign, *foreign), expected = Engine::load(**own, *own);
  ASSERT_TRUE(engine.ok()) << engine.error().to_string();
  ASSERT_TRUE(expected.ok()) << expected.error().to_string();
  const auto remarks = (*engine)->remarks();
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_NE(remarks[0].find("sm_90"), std::string::npos) << remarks[0];
  EXPECT_TRUE((*expected)->remarks().empty());
  for (int64_t rows : {1, 7}) {
    auto got = run(*engine, rows), want = run(*expected, rows);
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    ASSERT_TRUE(want.ok());
    EXPECT_EQ(*got, *want);
  }
  // What came of it can be kept: it is a plan for this machine, and as portable.
  const auto bytes = (*engine)->plan_bytes();
  auto kept = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  auto again = Engine::load(*kept, kept);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_TRUE((*again)->remarks().empty());
  EXPECT_FALSE((*again)->plan().constants.empty());
  EXPECT_EQ((*again)->plan().metadata.at(0)->value, "somebody");
}

TEST_F(Recompile, OtherPlansSayWhatIsMissing) {
  auto foreign = build("sm_90", false);
  ASSERT_TRUE(foreign.ok()) << foreign.error().to_string();
  auto engine = Engine::load(**foreign, *foreign);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code(), ErrorCode::kNotFound);
}

TEST_F(Recompile, AConstantThatIsMissingIsAnError) {
  auto foreign = build("sm_90", true);
  ASSERT_TRUE(foreign.ok()) << foreign.error().to_string();
  auto parts = read_plan(**foreign, *foreign);
  ASSERT_TRUE(parts.ok());
  plan::PlanT& plan = *parts->plan;
  ASSERT_FALSE(plan.constants.empty());
  for (auto& constant : plan.constants) constant->hash = "none";
  const plan::PlanT* plans[] = {&plan};
  MemorySink sink;
  ASSERT_TRUE(write_plan(plans, parts->graph_text, {{0, parts->weights, nullptr}}, sink).ok());
  auto broken = std::make_shared<const std::vector<std::byte>>(sink.take());
  auto engine = Engine::load(*broken, broken);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code(), ErrorCode::kCorrupt) << engine.error().to_string();
}

}  // namespace
}  // namespace temper
