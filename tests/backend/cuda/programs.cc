#include "tests/backend/cuda/programs.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/cuda/run/nvrtc.h"
#include "builder/build.h"
#include "plan/plan.h"

namespace temper::testing {

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

namespace {

// "24 bytes spill stores" and the like: the first number that is not 0, or 0.
int bytes_of(const std::string& report, const std::string& what) {
  for (size_t at = 0; (at = report.find(" bytes " + what, at)) != std::string::npos; ++at) {
    size_t start = at;
    while (start > 0 && report[start - 1] >= '0' && report[start - 1] <= '9') --start;
    if (const int bytes = std::atoi(report.substr(start, at - start).c_str())) return bytes;
  }
  return 0;
}

}  // namespace

void expect_registers_only(const cuda::KernelProgram& program, int architecture, const std::string& name) {
  auto report = cuda::compiler_report(program.source, architecture);
  ASSERT_TRUE(report.ok()) << name << ": " << report.error().to_string();
  for (const char* what : {"stack frame", "spill stores", "spill loads"})
    EXPECT_EQ(bytes_of(*report, what), 0) << name << ": " << what;
  EXPECT_EQ(report->find("C75"), std::string::npos) << name << "\n" << *report;
}

}  // namespace temper::testing
