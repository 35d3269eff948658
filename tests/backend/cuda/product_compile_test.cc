// What the compiler says of products on tensor cores, for each architecture, on a machine without a GPU: nothing lies in local
// memory, wgmma stays asynchronous and registers are given to the teams as asked. Every fifth case; all with TEMPER_FULL set.
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/cuda/run/nvrtc.h"
#include "backend/cuda/run/program.h"
#include "builder/build.h"
#include "plan/plan.h"
#include "tests/conformance/product_case.h"

namespace temper::testing {
namespace {

constexpr size_t kShare = 5;

class ProductCompile : public ::testing::TestWithParam<int> {};

std::vector<cuda::KernelProgram> programs_of(const ProductCase& product, int architecture) {
  auto graph = product_graph(product);
  EXPECT_TRUE(graph.ok()) << product.name() << ": " << graph.error().to_string();
  BuildConfig config;
  config.compile.device = {"sm_" + std::to_string(architecture), 1};
  config.compile.build.optimization_level = 0;
  MemorySink sink;
  Status built = build_plan(*graph, config, sink);
  EXPECT_TRUE(built.ok()) << product.name() << ": " << built.error().to_string();
  auto bytes = std::make_shared<std::vector<std::byte>>(sink.take());
  auto parts = read_plan(*bytes, bytes);
  std::vector<cuda::KernelProgram> programs;
  for (const auto& step : parts->plan->steps) {
    if (step->kind != plan::StepKind::Launch) continue;
    ByteReader reader(std::as_bytes(std::span(step->blob)));
    programs.push_back(*cuda::decode_program(reader));
  }
  return programs;
}

// "24 bytes spill stores" and the like: the first number that is not 0, or 0.
int bytes_of(const std::string& report, const std::string& what) {
  for (size_t at = 0; (at = report.find(" bytes " + what, at)) != std::string::npos; ++at) {
    size_t start = at;
    while (start > 0 && report[start - 1] >= '0' && report[start - 1] <= '9') --start;
    if (const int bytes = std::atoi(report.substr(start, at - start).c_str())) return bytes;
  }
  return 0;
}

TEST_P(ProductCompile, KeepsEverythingInRegisters) {
  const int architecture = GetParam();
  if (Status usable = cuda::nvrtc_status(architecture); !usable.ok()) GTEST_SKIP() << usable.error().to_string();
  const std::vector<ProductCase> cases = product_cases();
  for (size_t k = 0; k < cases.size(); ++k) {
    if (!std::getenv("TEMPER_FULL") && k % kShare != 0) continue;
    for (const cuda::KernelProgram& program : programs_of(cases[k], architecture)) {
      if (program.source.find("\nwide_chain<") == std::string::npos && program.source.find("_product<") == std::string::npos &&
          program.source.find("\nnarrow_window<") == std::string::npos)
        continue;
      EXPECT_FALSE(program.code.empty());
      auto report = cuda::compiler_report(program.source, architecture);
      ASSERT_TRUE(report.ok()) << cases[k].name() << ": " << report.error().to_string();
      for (const char* what : {"stack frame", "spill stores", "spill loads"})
        EXPECT_EQ(bytes_of(*report, what), 0) << cases[k].name() << ": " << what;
      EXPECT_EQ(report->find("C75"), std::string::npos) << cases[k].name() << "\n" << *report;
    }
  }
}

TEST(ProductKernels, FewChannelsHaveAKernelOfTheirOwn) {
  if (Status usable = cuda::nvrtc_status(80); !usable.ok()) GTEST_SKIP() << usable.error().to_string();
  const ProductCase few{"conv", "f16[64, 3, 224, 224], f16[64, 3, 7, 7] {strides = [2, 2], pads = [3, 3, 3, 3]}", true};
  int found = 0;
  for (const cuda::KernelProgram& program : programs_of(few, 80)) {
    if (program.source.find(" narrow_window_") == std::string::npos) continue;
    ++found;
    auto report = cuda::compiler_report(program.source, 80);
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    EXPECT_EQ(bytes_of(*report, "spill stores"), 0) << *report;
  }
  EXPECT_EQ(found, 1);
}

INSTANTIATE_TEST_SUITE_P(Architectures, ProductCompile, ::testing::Values(80, 90, 100, 120),
                         [](const auto& info) { return "Sm" + std::to_string(info.param); });

}  // namespace
}  // namespace temper::testing
