// Every sample of every operator, at several extents: each pass keeps its meaning, and the plan that comes out computes it with
// every tactic source, on every instruction set that this machine has. The exact interpreter judges.
#include <gtest/gtest.h>

#include "base/cpu_info.h"
#include "passes/pass.h"
#include "tests/conformance/plan_run.h"
#include "tests/conformance/sample_case.h"
#include "tune/source.h"

namespace temper::testing {
namespace {

constexpr int64_t kExtents[] = {0, 1, 2, 3, 17};

std::string test_name(const ::testing::TestParamInfo<SampleName>& info) {
  return info.param.op->name + "_" + std::to_string(info.param.number);
}

// All that a sample at one extent is judged by; null where the interpreter refuses it: then so must the plan, or it may run.
struct Judged {
  std::vector<Tensor> inputs;
  std::vector<ExactTensor> want;
};
std::optional<Judged> judge(const Graph& expanded, int64_t extent) {
  Judged j{random_inputs(expanded, extent, static_cast<uint64_t>(extent)), {}};
  auto want = interpret(expanded, exact(j.inputs));
  if (!want.ok()) return std::nullopt;
  j.want = std::move(*want);
  return j;
}

Expected<Graph> expanded(const Graph& graph) {
  PassOptions options;
  for (const Pass& pass : all_passes()) options.disabled.insert(std::string(pass.name));
  return run_passes(graph.clone(), options);
}

class Conformance : public ::testing::TestWithParam<SampleName> {
 protected:
  void SetUp() override {
    auto made = sample_graph(GetParam());
    ASSERT_TRUE(made.ok()) << GetParam().text() << ": " << made.error().to_string();
    graph_.emplace(std::move(*made));
    auto core = expanded(*graph_);
    ASSERT_TRUE(core.ok()) << core.error().to_string();
    core_.emplace(std::move(*core));
    for (int64_t extent : kExtents) {
      if (auto j = judge(*core_, extent)) judged_.emplace_back(extent, std::move(*j));
    }
    ASSERT_FALSE(judged_.empty()) << "the interpreter refuses it at every extent";
    narrowest_ = narrowest_float(*core_);
  }

  void expect_near(const std::vector<ExactTensor>& got, const Judged& j, const std::string& what) {
    ASSERT_EQ(got.size(), j.want.size()) << what;
    for (size_t o = 0; o < got.size(); ++o) {
      std::string where;
      EXPECT_LE(distance(got[o], j.want[o], narrowest_, where), 1)
          << GetParam().text() << ", " << what << ": output " << o << ", " << where;
    }
  }

  std::optional<Graph> graph_, core_;
  std::vector<std::pair<int64_t, Judged>> judged_;
  DType narrowest_ = DType::kF32;
};

TEST_P(Conformance, PassesKeepTheMeaning) {
  std::vector<std::pair<std::string, Graph>> stages;
  PassOptions options;
  options.observe = [&](std::string_view pass, const Graph& graph) { stages.emplace_back(pass, graph.clone()); };
  auto done = run_passes(graph_->clone(), options);
  ASSERT_TRUE(done.ok()) << done.error().to_string();
  for (auto& [pass, graph] : stages) {
    ASSERT_TRUE(verify(graph).ok()) << "after " << pass << ": " << verify(graph).error().to_string();
    if (pass == "import") continue;
    for (auto& [extent, j] : judged_) {
      auto got = interpret(graph, exact(j.inputs));
      ASSERT_TRUE(got.ok()) << "after " << pass << ": " << got.error().to_string();
      expect_near(*got, j, "after " + pass + " at extent " + std::to_string(extent));
    }
  }
}

TEST_P(Conformance, EverySourceOnEveryInstructionSet) {
  std::vector<std::string> sources{""};
  for (const TacticSource* source : tactic_sources("cpu")) sources.emplace_back(source->name());
  for (int level = 0; level <= static_cast<int>(cpu_info().isa); ++level) {
    for (const std::string& source : sources) {
      BuildConfig config;
      config.compile.device = {std::string(isa_name(static_cast<IsaLevel>(level))), 1};
      config.compile.build = {.optimization_level = 0, .only_source = source};
      auto engine = build_engine(*graph_, config);
      std::string what = config.compile.device.target + (source.empty() ? "" : ", source " + source);
      if (!engine.ok()) {
        // A source that can't do all of it says so; together they can.
        EXPECT_FALSE(source.empty()) << what << ": " << engine.error().to_string();
        continue;
      }
      for (auto& [extent, j] : judged_) {
        auto got = run_engine(*engine, j.inputs);
        std::string place = what + " at extent " + std::to_string(extent);
        ASSERT_TRUE(got.ok()) << place << ": " << got.error().to_string();
        expect_near(*got, j, place);
      }
    }
  }
}

// Weak typing: the same with products of 16-bit floats, against the exact value of the graph that the passes make then.
TEST_P(Conformance, NarrowProductsOnEveryInstructionSet) {
  for (DType type : {DType::kBF16, DType::kF16}) {
    PassOptions options;
    options.narrowing = {{type}, TypeBinding::kPrefer, {{"*", {type, {}}}}};
    auto narrow = run_passes(graph_->clone(), options);
    ASSERT_TRUE(narrow.ok()) << narrow.error().to_string();
    if (product_types(*narrow) == product_types(*core_)) continue;
    ASSERT_TRUE(verify(*narrow).ok()) << verify(*narrow).error().to_string();
    narrowest_ = type;
    std::vector<std::pair<int64_t, Judged>> judged;
    for (int64_t extent : kExtents) {
      if (auto j = judge(*narrow, extent)) judged.emplace_back(extent, std::move(*j));
    }
    for (int level = 0; level <= static_cast<int>(cpu_info().isa); ++level) {
      BuildConfig config;
      config.compile.device = {std::string(isa_name(static_cast<IsaLevel>(level))), 1};
      config.compile.build.optimization_level = 0;
      auto engine = build_engine(*narrow, config);
      ASSERT_TRUE(engine.ok()) << engine.error().to_string();
      for (auto& [extent, j] : judged) {
        auto got = run_engine(*engine, j.inputs);
        const std::string place =
            config.compile.device.target + ", " + std::string(dtype_name(type)) + " at extent " + std::to_string(extent);
        ASSERT_TRUE(got.ok()) << place << ": " << got.error().to_string();
        expect_near(*got, j, place);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, Conformance, ::testing::ValuesIn(all_samples()), test_name);

TEST(Samples, EveryCompositeOperatorHasOne) {
  for (const Op* op : all_ops()) EXPECT_TRUE(op->is_core() || !op->samples.empty()) << op->name;
}

}  // namespace
}  // namespace temper::testing
