// Two products with rows between them become one kernel on Hopper, and the compiler keeps all of it in registers: read off what
// it says, on a machine without a GPU.
#include <gtest/gtest.h>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/run/nvrtc.h"

namespace temper::testing {
namespace {

// Attention of `heads` heads, of queries and keys that are `depth` wide and values that are `width` wide, in one tensor.
std::string attention(const std::string& type, int rows, int keys, int heads, int depth, int width, bool masked) {
  auto n = [](int x) { return std::to_string(x); };
  const std::string scores = "[2, " + n(heads) + ", " + n(rows) + ", " + n(keys), from = n(heads * depth),
                    line = n(2 * heads * depth + heads * width);
  return "region (%0: " + type + "[2, " + n(std::max(rows, keys)) + ", " + line + "], %1: bool[2, 1, " + n(rows) + ", " +
         n(keys) + "]) {\n" + "  %2 = contract f32" + scores + " | " + n(depth) + "] %0[d0, d2, d1*" + n(depth) +
         " + d4] * %0[d0, d3, d1*" + n(depth) + " + d4 + " + from + "]\n" +
         (masked ? "  %3 = map f32" + scores +
                       "] (%2[d0, d1, d2, d3], %1[d0, 0, d2, d3]) (f32 %0, bool %1) { %2 = const f32 -inf; %3 = select f32 %1 "
                       "%0 %2 } -> %3\n"
                 : "  %3 = map f32" + scores +
                       "] (%2[d0, d1, d2, d3]) (f32 %0) { %1 = const f32 0.125; %2 = mul f32 %0 %1 } -> %2\n") +
         "  %4 = reduce max f32[2, " + n(heads) + ", " + n(rows) + " | " + n(keys) +
         "] (%3[d0, d1, d2, d3]) (f32 %0) {} -> %0\n" + "  %5 = map f32" + scores +
         "] (%3[d0, d1, d2, d3], %4[d0, d1, d2]) (f32 %0, f32 %1) { %2 = sub f32 %0 %1; %3 = exp f32 %2 } -> %3\n" +
         "  %6 = reduce sum f32[2, " + n(heads) + ", " + n(rows) + " | " + n(keys) +
         "] (%5[d0, d1, d2, d3]) (f32 %0) {} -> %0\n" + "  %7 = map " + type + scores +
         "] (%5[d0, d1, d2, d3], %6[d0, d1, d2]) (f32 %0, f32 %1) { %2 = div f32 %0 %1; %3 = cast " + type + " %2 } -> %3\n" +
         "  %8 = contract f32[2, " + n(heads) + ", " + n(rows) + ", " + n(width) + " | " + n(keys) +
         "] %7[d0, d1, d2, d4] * %0[d0, d4, d1*" + n(width) + " + d3 + " + n(2 * heads * depth) + "]\n" + "  %9 = map " + type +
         "[2, " + n(heads) + ", " + n(rows) + ", " + n(width) + "] (%8[d0, d1, d2, d3]) (f32 %0) { %1 = cast " + type +
         " %0 } -> %1\n} -> (%9)\n";
}

TEST(GpuChain, IsOneKernelOnHopper) {
  const std::string cases[] = {
      attention("f16", 128, 128, 12, 64, 64, true),  attention("bf16", 197, 197, 3, 64, 64, false),
      attention("f16", 70, 300, 2, 80, 48, true),    attention("f16", 1, 520, 4, 64, 64, false),
      attention("bf16", 129, 70, 1, 256, 256, true),
  };
  for (const std::string& text : cases) {
    SymContext context;
    auto region = parse_region(text, context);
    ASSERT_TRUE(region.ok()) << region.error().to_string() << text;
    std::vector<Layout> layouts;
    for (const TensorType& type : region->inputs) layouts.push_back(Layout::row_major(type.dims));
    layouts.push_back(Layout::row_major(region->value_types().back().dims));
    auto best = [](SymInt e) { return e.value(); };
    const auto kernel = cuda::generate_kernel(context, *region, layouts, best, {}, 90);
    ASSERT_TRUE(kernel.ok()) << kernel.error().to_string();
    ASSERT_EQ(kernel->program.entries.size(), 1u) << text;
    EXPECT_NE(kernel->program.entries[0].name.find("wide_chain"), std::string::npos) << text;
    // On another architecture each stage has its own.
    const auto elsewhere = cuda::generate_kernel(context, *region, layouts, best, {}, 80);
    ASSERT_TRUE(elsewhere.ok()) << elsewhere.error().to_string();
    EXPECT_GT(elsewhere->program.entries.size(), 2u) << text;
    if (!cuda::nvrtc_status(90).ok()) continue;
    auto report = cuda::compiler_report(kernel->program.source, 90);
    ASSERT_TRUE(report.ok()) << report.error().to_string();
    for (const char* what : {" 0 bytes stack frame", " 0 bytes spill stores", " 0 bytes spill loads"})
      EXPECT_NE(report->find(what), std::string::npos) << text << *report;
    EXPECT_EQ(report->find("C75"), std::string::npos) << text << *report;
  }
}

}  // namespace
}  // namespace temper::testing
