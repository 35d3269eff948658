// Every sample of every operator becomes a plan for GPUs, and NVRTC takes each of its kernels, on a machine without a GPU. What
// is compiled for every sample is sm_90; sm_80 takes every eighth (all with TEMPER_FULL set), for the text is the same.
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/cuda/run/nvrtc.h"
#include "backend/cuda/run/program.h"
#include "builder/build.h"
#include "plan/plan.h"
#include "tests/conformance/sample_case.h"

namespace temper::testing {
namespace {

std::string test_name(const ::testing::TestParamInfo<SampleName>& info) {
  return info.param.op->name + "_" + std::to_string(info.param.number);
}

class GpuCompile : public ::testing::TestWithParam<SampleName> {
 protected:
  void compile_for(int architecture) {
    if (Status usable = cuda::nvrtc_status(architecture); !usable.ok()) GTEST_SKIP() << usable.error().to_string();
    auto graph = sample_graph(GetParam());
    ASSERT_TRUE(graph.ok()) << graph.error().to_string();
    BuildConfig config;
    config.compile.device = {"sm_" + std::to_string(architecture), 1};
    config.compile.build.optimization_level = 0;
    MemorySink sink;
    Status built = build_plan(*graph, config, sink);
    ASSERT_TRUE(built.ok()) << GetParam().text() << ": " << built.error().to_string();
    auto bytes = std::make_shared<std::vector<std::byte>>(sink.take());
    auto parts = read_plan(*bytes, bytes);
    ASSERT_TRUE(parts.ok()) << parts.error().to_string();
    for (const auto& step : parts->plan->steps) {
      if (step->kind != plan::StepKind::Launch) continue;
      ByteReader reader(std::as_bytes(std::span(step->blob)));
      auto program = cuda::decode_program(reader);
      ASSERT_TRUE(program.ok()) << program.error().to_string();
      EXPECT_FALSE(program->code.empty()) << step->name;
      EXPECT_EQ(program->architecture, architecture);
    }
  }
};

TEST_P(GpuCompile, Sm90) { compile_for(90); }

TEST_P(GpuCompile, Sm80) {
  const bool all = std::getenv("TEMPER_FULL") != nullptr;
  if (!all && std::hash<std::string>()(GetParam().op->name) % 8 != 0)
    GTEST_SKIP() << "not one of the eighth that is compiled for sm_80 without TEMPER_FULL";
  compile_for(80);
}

INSTANTIATE_TEST_SUITE_P(Samples, GpuCompile, ::testing::ValuesIn(all_samples()), test_name);

}  // namespace
}  // namespace temper::testing
