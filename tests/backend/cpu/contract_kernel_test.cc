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

// A choice that reads its input in place, where the shape that it was made for has no padding.
TEST(ContractKernel, CopiesWhereAnotherShapeHasPadding) {
  constexpr int64_t kIn = 3, kOut = 20, kTaps = 9;
  ContractCode code;
  code.form = ContractProblem::Form::kConv;
  code.buffers = 3;
  code.config = {.kind = ContractKind::kDirect, .isa = IsaLevel::kV1, .mr = 4, .nv = 2, .mc = 8, .kc = kIn * kTaps, .nc = 16};
  ByteWriter writer;
  code.encode(writer);
  auto kernel = decode_kernel("contract", writer.take());
  ASSERT_TRUE(kernel.ok()) << kernel.error().to_string();
  std::vector<float> weights(kOut * kIn * kTaps);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 13) - 6;
  SerialExecutor executor;
  for (const int64_t size : {5, 4, 1}) {  // the window of the last output ends inside, one beyond, two beyond
    const int64_t out = (size + 1) / 2 - (size == 5 ? 1 : 0);
    ConvGeometry g;
    g.in_h = g.in_w = size, g.in_c = kIn, g.out_h = g.out_w = out, g.out_c = kOut;
    g.kernel_h = g.kernel_w = 3, g.stride_h = g.stride_w = 2;
    const ContractProblem problem = ContractProblem::make_conv(g);
    ASSERT_EQ(validate(problem, code.config).ok(), size == 5);
    std::vector<std::byte> packed(packed_size(problem, code.config));
    pack(problem, code.config, onnx_conv_weights(problem, weights.data()), packed.data());
    std::vector<float> a(size * size * kIn), c(out * out * kOut, -1), want(c.size());
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 11) - 5;
    for (int64_t i = 0; i < out * out * kOut; ++i) {
      const int64_t n = i % kOut, y = i / kOut / out * 2, x = i / kOut % out * 2;
      for (int64_t tap = 0; tap < kTaps; ++tap) {
        const int64_t in_y = y + tap / 3, in_x = x + tap % 3;
        if (in_y >= size || in_x >= size) continue;
        for (int64_t k = 0; k < kIn; ++k) want[i] += a[(in_y * size + in_x) * kIn + k] * weights[(n * kIn + k) * kTaps + tap];
      }
    }
    std::vector<int64_t> fields = {1, size, size, kIn, out, out, kOut, 1, 3, 3, 2, 2, 1, 1, 0, 0};
    fields.insert(fields.end(), {size * size * kIn, size * kIn, kIn, out * out * kOut, out * kOut, kOut});
    fields.resize(code.field_count());
    const int64_t bytes[] = {int64_t(a.size()) * 4, int64_t(packed.size()), int64_t(c.size()) * 4};
    auto launch = (*kernel)->prepare(fields, bytes);
    ASSERT_TRUE(launch.ok()) << size << ": " << launch.error().to_string();
    std::vector<std::byte> workspace((*launch)->workspace_bytes(1) + 64);
    auto* aligned = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
    std::byte* buffers[] = {reinterpret_cast<std::byte*>(a.data()), packed.data(), reinterpret_cast<std::byte*>(c.data())};
    ASSERT_TRUE((*launch)->run(buffers, aligned, executor).ok());
    EXPECT_EQ(c, want) << size;
  }
}

}  // namespace
}  // namespace temper::cpu
