// The kernel kind "contract" as a plan holds it: one choice, and whatever shapes come.
#include <gtest/gtest.h>

#include "backend/cpu/run/contract_code.h"
#include "backend/cpu/run/kernel.h"
#include "base/bytes.h"
#include "base/thread_pool.h"

namespace temper::cpu {
namespace {

// Kernels of few rows are chosen where a plan is to be fast for few; the same plan must do with many.
TEST(ContractKernel, RunsShapesThatItsChoiceDoesNot) {
  constexpr int64_t kDepth = 24, kCols = 7;
  ContractCode code;
  code.b_form = BForm::kTransposed;
  code.buffers = 3;
  code.config.kind = ContractKind::kDot;
  code.config.isa = IsaLevel::kV1;
  code.config.mc = 1;
  code.config.nc = 16;
  ByteWriter writer;
  code.encode(writer);
  auto kernel = decode_kernel("contract", writer.take());
  ASSERT_TRUE(kernel.ok()) << kernel.error().to_string();
  SerialExecutor executor;
  for (const int64_t rows : {1, 4, 5, 40}) {
    std::vector<float> a(rows * kDepth), b(kCols * kDepth), c(rows * kCols, -1), want(rows * kCols);
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 11) - 5;
    for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 7) - 3;
    for (int64_t i = 0; i < rows * kCols; ++i) {
      for (int64_t k = 0; k < kDepth; ++k) want[i] += a[i / kCols * kDepth + k] * b[i % kCols * kDepth + k];
    }
    std::vector<int64_t> fields(code.field_count());
    const int64_t sizes[] = {rows, kDepth, kCols, kDepth, kDepth, kCols};
    std::copy(std::begin(sizes), std::end(sizes), fields.begin());
    for (int batch = 0; batch < 3; ++batch) fields[6 + 4 * batch] = 1;
    const int64_t bytes[] = {rows * kDepth * 4, kCols * kDepth * 4, rows * kCols * 4};
    auto launch = (*kernel)->prepare(fields, bytes);
    ASSERT_TRUE(launch.ok()) << rows << ": " << launch.error().to_string();
    std::vector<std::byte> workspace((*launch)->workspace_bytes(1) + 64);
    auto* aligned = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
    std::byte* buffers[] = {reinterpret_cast<std::byte*>(a.data()), reinterpret_cast<std::byte*>(b.data()),
                            reinterpret_cast<std::byte*>(c.data())};
    ASSERT_TRUE((*launch)->run(buffers, aligned, executor).ok());
    EXPECT_EQ(c, want) << rows;
  }
}

}  // namespace
}  // namespace temper::cpu
