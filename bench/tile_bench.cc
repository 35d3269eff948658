// Times tile kernels on one thread: nanoseconds per element, and bytes moved per second. Minimum of many runs.
//
//   tile_bench [filter]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/run/kernel.h"

namespace temper::cpu {
namespace {

struct Case {
  const char* name;
  const char* region;
  std::vector<std::vector<int>> orders;  // of the dims in memory, per buffer; empty: row-major
};

const Case kCases[] = {
    {"relu 1M",
     "region (%0: f32[1048576]) { %1 = map f32 [1048576] (%0[d0]) (f32 %0) { %1 = const f32 0; %2 = max f32 %0 %1 } -> %2 } -> "
     "(%1)",
     {}},
    {"relu 128K",
     "region (%0: f32[131072]) { %1 = map f32 [131072] (%0[d0]) (f32 %0) { %1 = const f32 0; %2 = max f32 %0 %1 } -> %2 } -> "
     "(%1)",
     {}},
    {"add 128K",
     "region (%0: f32[131072], %1: f32[131072]) { %2 = map f32 [131072] (%0[d0], %1[d0]) (f32 %0, f32 %1) { %2 = add f32 %0 %1 "
     "} -> %2 } -> (%2)",
     {}},
    {"bias+add+relu nhwc 28x28x128",
     "region (%0: f32[1, 28, 28, 128], %1: f32[128], %2: f32[1, 28, 28, 128]) { %3 = map f32 [1, 28, 28, 128] (%0[d0, d1, d2, "
     "d3], %1[d3], %2[d0, d1, d2, d3]) "
     "(f32 %0, f32 %1, f32 %2) { %3 = add f32 %0 %1; %4 = add f32 %3 %2; %5 = const f32 0; %6 = max f32 %4 %5 } -> %6 } -> "
     "(%3)",
     {}},
    {"hardswish 28x28x128",
     "region (%0: f32[100352]) { %1 = map f32 [100352] (%0[d0]) (f32 %0) { %1 = const f32 3; %2 = add f32 %0 %1; %3 = const "
     "f32 0; %4 = max f32 %2 %3; %5 = const f32 6; "
     "%6 = min f32 %4 %5; %7 = mul f32 %0 %6; %8 = const f32 0.16666667; %9 = mul f32 %7 %8 } -> %9 } -> (%1)",
     {}},
    {"sigmoid 128K",
     "region (%0: f32[131072]) { %1 = map f32 [131072] (%0[d0]) (f32 %0) { %1 = sigmoid f32 %0 } -> %1 } -> (%1)",
     {}},
    {"exp 128K", "region (%0: f32[131072]) { %1 = map f32 [131072] (%0[d0]) (f32 %0) { %1 = exp f32 %0 } -> %1 } -> (%1)", {}},
    {"tanh 128K",
     "region (%0: f32[131072]) { %1 = map f32 [131072] (%0[d0]) (f32 %0) { %1 = tanh f32 %0 } -> %1 } -> (%1)",
     {}},
    {"gelu 128x3072",
     "region (%0: f32[393216]) { %1 = map f32 [393216] (%0[d0]) (f32 %0) { %1 = const f32 0.70710677; %2 = mul f32 %0 %1; %3 = "
     "erf f32 %2; %4 = const f32 1; %5 = add f32 %3 %4; "
     "%6 = mul f32 %0 %5; %7 = const f32 0.5; %8 = mul f32 %6 %7 } -> %8 } -> (%1)",
     {}},
    {"softmax 12x128x128",
     "region (%0: f32[12, 128, 128]) { %1 = reduce max f32 [12, 128 | 128] (%0[d0, d1, d2]) (f32 %0) { } -> %0 "
     "%2 = map f32 [12, 128, 128] (%0[d0, d1, d2], %1[d0, d1]) (f32 %0, f32 %1) { %2 = sub f32 %0 %1; %3 = exp f32 %2 } -> %3 "
     "%3 = reduce sum f32 [12, 128 | 128] (%2[d0, d1, d2]) (f32 %0) { } -> %0 "
     "%4 = map f32 [12, 128, 128] (%2[d0, d1, d2], %3[d0, d1]) (f32 %0, f32 %1) { %2 = div f32 %0 %1 } -> %2 } -> (%4)",
     {}},
    {"softmax max_sum_exp 12x128x128",
     "region (%0: f32[12, 128, 128]) { %1, %2 = reduce max_sum_exp (f32, f32) [12, 128 | 128] (%0[d0, d1, d2]) (f32 %0) { } -> "
     "%0 "
     "%3 = map f32 [12, 128, 128] (%0[d0, d1, d2], %1[d0, d1], %2[d0, d1]) (f32 %0, f32 %1, f32 %2) { %3 = sub f32 %0 %1; %4 = "
     "exp f32 %3; %5 = div f32 %4 %2 } -> %5 } -> (%3)",
     {}},
    {"layernorm 128x768",
     "region (%0: f32[128, 768], %1: f32[768], %2: f32[768]) { %3, %4 = reduce welford (f32, f32) [128 | 768] (%0[d0, d1]) "
     "(f32 %0) { } -> %0 "
     "%5 = map f32 [128, 768] (%0[d0, d1], %3[d0], %4[d0], %1[d1], %2[d1]) (f32 %0, f32 %1, f32 %2, f32 %3, f32 %4) { %5 = sub "
     "f32 %0 %1; %6 = const f32 1e-5; %7 = add f32 %2 %6; "
     "%8 = rsqrt f32 %7; %9 = mul f32 %5 %8; %10 = mul f32 %9 %3; %11 = add f32 %10 %4 } -> %11 } -> (%5)",
     {}},
    {"maxpool nhwc 112x112x64",
     "region (%0: f32[1, 112, 112, 64]) { %1 = reduce max f32 [1, 56, 56, 64 | 3, 3] (%0[d0, 2*d1 + d4 - 1, 2*d2 + d5 - 1, d3] "
     "if ((0 < 2*d1 + d4) * (2*d1 + d4 < 113) * (0 < 2*d2 + d5) * (2*d2 + d5 < 113)) else -inf) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"gap nhwc 7x7x2048",
     "region (%0: f32[1, 7, 7, 2048]) { %1 = reduce sum f32 [1, 2048 | 7, 7] (%0[d0, d2, d3, d1]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"gap nhwc 56x56x64",
     "region (%0: f32[1, 56, 56, 64]) { %1 = reduce sum f32 [1, 64 | 56, 56] (%0[d0, d2, d3, d1]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"gap nchw 64x56x56",
     "region (%0: f32[64, 56, 56]) { %1 = reduce sum f32 [64 | 56, 56] (%0[d0, d1, d2]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"sum of 1M", "region (%0: f32[1048576]) { %1 = reduce sum f32 [| 1048576] (%0[d0]) (f32 %0) { } -> %0 } -> (%1)", {}},
    {"column sums 4096x64",
     "region (%0: f32[4096, 64]) { %1 = reduce sum f32 [64 | 4096] (%0[d1, d0]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"transpose 768x128", "region (%0: f32[768, 128]) { %1 = map f32 [128, 768] (%0[d1, d0]) (f32 %0) { } -> %0 } -> (%1)", {}},
    {"transpose 1024x1024",
     "region (%0: f32[1024, 1024]) { %1 = map f32 [1024, 1024] (%0[d1, d0]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"nchw to nhwc 3x224x224",
     "region (%0: f32[3, 50176]) { %1 = map f32 [50176, 3] (%0[d1, d0]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"nhwc to nchw 56x56x64",
     "region (%0: f32[3136, 64]) { %1 = map f32 [64, 3136] (%0[d1, d0]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"heads 128x12x64",
     "region (%0: f32[128, 12, 64]) { %1 = map f32 [12, 128, 64] (%0[d1, d0, d2]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"copy 1M", "region (%0: f32[1048576]) { %1 = map f32 [1048576] (%0[d0]) (f32 %0) { } -> %0 } -> (%1)", {}},
    {"copy slice 56x56x(64 of 256)",
     "region (%0: f32[3136, 256]) { %1 = map f32 [3136, 64] (%0[d0, d1 + 64]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"pad nhwc 56x56x64",
     "region (%0: f32[56, 56, 64]) { %1 = map f32 [58, 58, 64] (%0[d0 - 1, d1 - 1, d2] if ((0 < d0) * (d0 < 57) * (0 < d1) * "
     "(d1 < 57)) else 0) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"nearest resize x2 28x28x64",
     "region (%0: f32[28, 28, 64]) { %1 = map f32 [56, 56, 64] (%0[d0 / 2, d1 / 2, d2]) (f32 %0) { } -> %0 } -> (%1)",
     {}},
    {"embedding 128 of 30522x768",
     "region (%0: f32[30522, 768], %1: i64[128]) { %2 = map f32 [128, 768] (%0[v0, d1] with (v0 < [30522] = %1[d0])) (f32 %0) "
     "{ } -> %0 } -> (%2)",
     {}},
    {"small add 16",
     "region (%0: f32[16], %1: f32[16]) { %2 = map f32 [16] (%0[d0], %1[d0]) (f32 %0, f32 %1) { %2 = add f32 %0 %1 } -> %2 } "
     "-> (%2)",
     {}},
    {"u8 dequantize 128K",
     "region (%0: u8[131072]) { %1 = map f32 [131072] (%0[d0]) (u8 %0) { %1 = cast f32 %0; %2 = const f32 128; %3 = sub f32 %1 "
     "%2; %4 = const f32 0.02; %5 = mul f32 %3 %4 } -> %5 } -> (%1)",
     {}},
    {"quantize u8 128K",
     "region (%0: f32[131072]) { %1 = map u8 [131072] (%0[d0]) (f32 %0) { %1 = const f32 50; %2 = mul f32 %0 %1; %3 = round "
     "f32 %2; %4 = const f32 128; %5 = add f32 %3 %4; "
     "%6 = const f32 0; %7 = max f32 %5 %6; %8 = const f32 255; %9 = min f32 %7 %8; %10 = cast u8 %9 } -> %10 } -> (%1)",
     {}},
    {"bf16 add 128K",
     "region (%0: bf16[131072], %1: bf16[131072]) { %2 = map bf16 [131072] (%0[d0], %1[d0]) (bf16 %0, bf16 %1) { %2 = add bf16 "
     "%0 %1 } -> %2 } -> (%2)",
     {}},
};

int64_t number(SymInt e) { return e.value(); }

Status run(const Case& c) {
  SymContext context;
  Region region = TEMPER_TRY(parse_region(c.region, context));
  const std::vector<TensorType> types = region.value_types();
  std::vector<TensorType> buffers = region.inputs;
  for (int v : region.outputs) buffers.push_back(types[static_cast<size_t>(v)]);
  std::vector<Layout> layouts;
  std::vector<std::vector<std::byte>> memory;
  std::vector<std::byte*> data;
  std::vector<int64_t> sizes;
  int64_t moved = 0, elements = 0;
  for (size_t b = 0; b < buffers.size(); ++b) {
    layouts.push_back(c.orders.empty() || c.orders[b].empty() ? Layout::row_major(buffers[b].dims)
                                                              : Layout::permuted(buffers[b].dims, c.orders[b]));
    const int64_t n = number(element_count(buffers[b]));
    sizes.push_back(dtype_bytes(buffers[b].dtype, n));
    moved += sizes.back();
    elements = std::max(elements, n);
    memory.emplace_back(static_cast<size_t>(sizes.back()) + 64);
    std::byte* at = memory.back().data();
    at += (64 - reinterpret_cast<uintptr_t>(at) % 64) % 64;
    if (buffers[b].dtype == DType::kF32) {
      for (int64_t i = 0; i < n; ++i) reinterpret_cast<float*>(at)[i] = static_cast<float>((i * 7919) % 1000) / 250.0f - 2.0f;
    }
    data.push_back(at);
  }
  KernelCode code = TEMPER_TRY(lower_tile(context, region, layouts));
  auto kernel = TEMPER_TRY(decode_kernel(code.name, code.blob));
  std::vector<int64_t> parameters;
  for (SymInt p : code.parameters) parameters.push_back(number(p));
  using Clock = std::chrono::steady_clock;
  const auto before = Clock::now();
  auto launch = TEMPER_TRY(kernel->prepare(parameters, sizes));
  const double prepare_us = std::chrono::duration<double, std::micro>(Clock::now() - before).count();
  std::vector<std::byte> workspace(static_cast<size_t>(launch->workspace_bytes(1)) + 64);
  std::byte* aligned = workspace.data() + (64 - reinterpret_cast<uintptr_t>(workspace.data()) % 64) % 64;
  SerialExecutor executor;
  double best = 1e30, spent = 0;
  for (int i = 0; i < 20000 && (spent < 0.15e9 || i < 20); ++i) {
    const auto start = Clock::now();
    TEMPER_TRY(launch->run(data, aligned, executor));
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    best = std::min(best, ns);
    spent += ns;
  }
  std::printf("%-34s %10.2f us %8.3f ns/element %8.1f GB/s   prepare %.1f us\n", c.name, best / 1000,
              best / static_cast<double>(elements), static_cast<double>(moved) / best, prepare_us);
  return {};
}

}  // namespace
}  // namespace temper::cpu

int main(int argc, char** argv) {
  for (const auto& c : temper::cpu::kCases) {
    if (argc > 1 && std::strstr(c.name, argv[1]) == nullptr) continue;
    auto status = temper::cpu::run(c);
    if (!status.ok()) std::printf("%s: %s\n", c.name, status.error().to_string().c_str());
  }
  return 0;
}
