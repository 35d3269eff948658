// Every sample of every operator, at several extents: each pass keeps its meaning, and the plan that comes out computes it with
// every tactic source, on every instruction set that this machine has. The exact interpreter judges.
#include <gtest/gtest.h>

#include "base/cpu_info.h"
#include "base/parallel.h"
#include "builder/build.h"
#include "passes/pass.h"
#include "runtime/context.h"
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

  Status run_plan(const Context& prototype, const Judged& j, std::vector<ExactTensor>& got) {
    Context context(std::shared_ptr<const Engine>(std::shared_ptr<void>(), &prototype.engine()));
    SerialExecutor executor;
    std::vector<Tensor> inputs = j.inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      TEMPER_TRY(context.set_input_shape(static_cast<int>(i), inputs[i].dims()));
      context.set_address(Context::kInput, static_cast<int>(i), inputs[i].mutable_bytes());
    }
    const auto& outputs = context.engine().plan().outputs;
    std::vector<std::vector<std::byte>> memory(outputs.size());
    for (size_t o = 0; o < outputs.size(); ++o) {
      context.set_output_allocator(static_cast<int>(o), [&memory](int output, int64_t bytes) {
        memory[output].assign(static_cast<size_t>(bytes) + 1, std::byte{0x5a});
        return static_cast<void*>(memory[output].data());
      });
    }
    TEMPER_TRY(context.run(executor));
    for (size_t o = 0; o < outputs.size(); ++o) {
      std::vector<int64_t> dims = context.output_shape(static_cast<int>(o));
      auto dtype = static_cast<DType>(outputs[o]->dtype);
      int64_t bytes = dtype_bytes(dtype, element_count(dims));
      if (static_cast<int64_t>(memory[o].size()) < bytes) memory[o].resize(static_cast<size_t>(bytes));
      got.push_back(ExactTensor::from(Tensor(dtype, dims, std::span(memory[o]).first(static_cast<size_t>(bytes)), nullptr)));
    }
    return {};
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
      MemorySink sink;
      Status built = build_plan(*graph_, config, sink);
      std::string what = config.compile.device.target + (source.empty() ? "" : ", source " + source);
      if (!built.ok()) {
        // A source that can't do all of it says so; together they can.
        EXPECT_FALSE(source.empty()) << what << ": " << built.error().to_string();
        continue;
      }
      auto bytes = std::make_shared<std::vector<std::byte>>(sink.take());
      auto engine = Engine::load(*bytes, bytes);
      ASSERT_TRUE(engine.ok()) << what << ": " << engine.error().to_string();
      Context prototype(*engine);
      for (auto& [extent, j] : judged_) {
        std::vector<ExactTensor> got;
        Status ran = run_plan(prototype, j, got);
        std::string place = what + " at extent " + std::to_string(extent);
        ASSERT_TRUE(ran.ok()) << place << ": " << ran.error().to_string();
        expect_near(got, j, place);
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
