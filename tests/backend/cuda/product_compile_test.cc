// What the compiler says of products on tensor cores, for each architecture, on a machine without a GPU: nothing lies in local
// memory, wgmma stays asynchronous and registers are given to the teams as asked. Every fifth case; all with TEMPER_FULL set.
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/cuda/run/nvrtc.h"
#include "tests/backend/cuda/programs.h"

namespace temper::testing {
namespace {

constexpr size_t kShare = 5;

class ProductCompile : public ::testing::TestWithParam<int> {};

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
      expect_registers_only(program, architecture, cases[k].name());
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
    expect_registers_only(program, 80, few.name());
  }
  EXPECT_EQ(found, 1);
}

INSTANTIATE_TEST_SUITE_P(Architectures, ProductCompile, ::testing::Values(80, 90, 100, 120),
                         [](const auto& info) { return "Sm" + std::to_string(info.param); });

}  // namespace
}  // namespace temper::testing
