// What the compiler says of kernels that are no products for tensor cores, for each architecture and type, on a machine without
// a GPU: that the kernel meant for such work does it, and nothing lies in local memory.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cuda/run/nvrtc.h"
#include "tests/backend/cuda/programs.h"
#include "tests/conformance/product_case.h"

namespace temper::testing {
namespace {

class KernelCompile : public ::testing::TestWithParam<int> {};

TEST_P(KernelCompile, DoesTheWorkInRegisters) {
  const int architecture = GetParam();
  if (Status usable = cuda::nvrtc_status(architecture); !usable.ok()) GTEST_SKIP() << usable.error().to_string();
  for (const KernelCase& kernel : kernel_cases()) {
    bool found = false;
    for (const cuda::KernelProgram& program : programs_of(kernel.what, architecture)) {
      if (std::none_of(program.entries.begin(), program.entries.end(),
                       [&](const auto& entry) { return entry.name.starts_with(kernel.entry); }))
        continue;
      found = true;
      EXPECT_FALSE(program.code.empty());
      expect_registers_only(program, architecture, kernel.what.name());
    }
    EXPECT_TRUE(found) << kernel.what.name() << ": no kernel '" << kernel.entry << "'";
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, KernelCompile, ::testing::Values(80, 90, 100, 120),
                         [](const auto& info) { return "Sm" + std::to_string(info.param); });

}  // namespace
}  // namespace temper::testing
