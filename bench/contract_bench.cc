// Times the contraction kernels on layers of known networks: every candidate of the enumeration, as percent of the measured
// peak of multiply-adds of one core (times the workers). Data is random, times are the least of many repetitions.
//
//   contract_bench [--set=resnet50|bert|mobilenet|unet|decode|stem] [--threads=N] [--isa=cpu-v3] [--int8] [--all] [--cold]
//   [--config=TEXT]
//
// --int8 multiplies u8 by i8 into u8 (percent of four times the peak of f32, as VNNI has it), --all prints every candidate,
// --cold takes weights that are not in the caches, --config times one tactic only, --only=TEXT the layers with TEXT in their
// name.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/run/contract/contract.h"
#include "base/thread_pool.h"

namespace {

using namespace temper;
using namespace temper::cpu;

// With one worker the time that the thread had the processor, so that other programs disturb less.
bool cpu_time = true;
double now() {
  timespec t;
  clock_gettime(cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

#define TEMPER_FMA(n, type) "vfmadd231ps %%" type "30, %%" type "31, %%" type #n "\n"
// clang-format off
#define TEMPER_FMAS(type) \
  TEMPER_FMA(0, type) TEMPER_FMA(1, type) TEMPER_FMA(2, type) TEMPER_FMA(3, type) TEMPER_FMA(4, type) TEMPER_FMA(5, type) \
  TEMPER_FMA(6, type) TEMPER_FMA(7, type) TEMPER_FMA(8, type) TEMPER_FMA(9, type) TEMPER_FMA(10, type) TEMPER_FMA(11, type)
// clang-format on

__attribute__((target("avx512f,avx512vl"))) void spin(bool wide, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (wide) {
      asm volatile(TEMPER_FMAS("zmm")::
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
    } else {
      asm volatile(TEMPER_FMAS("ymm")::
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
    }
  }
}

double peak_flops(IsaLevel isa) {
  if (cpu_info().isa < IsaLevel::kV4) return 0;
  const bool wide = isa >= IsaLevel::kV4;
  double best = 1e9;
  for (int i = 0; i < 50; ++i) {
    const double start = now();
    spin(wide, 20000);
    best = std::min(best, now() - start);
  }
  return 20000.0 * 12 * (wide ? 32 : 16) / best;
}

struct Buffer {
  explicit Buffer(int64_t bytes)
      : data(static_cast<char*>(std::aligned_alloc(4096, (bytes + 8191) / 4096 * 4096)), &std::free) {}
  std::unique_ptr<char, void (*)(void*)> data;
};

Buffer random_buffer(int64_t floats) {
  Buffer b(floats * 4);
  std::mt19937 random(7);
  for (int64_t i = 0; i < floats; ++i)
    reinterpret_cast<float*>(b.data.get())[i] = static_cast<float>(random() % 2001) / 1000 - 1;
  return b;
}

struct Layer {
  std::string name;
  ContractProblem problem;
  int times = 1;
};

Layer conv(int64_t in_c, int64_t size, int64_t out_c, int64_t kernel, int64_t stride, int times = 1, int64_t groups = 1) {
  ConvGeometry g;
  g.in_h = g.in_w = size;
  g.in_c = in_c / groups;
  g.out_c = out_c / groups;
  g.groups = groups;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.pad_top = g.pad_left = (kernel - 1) / 2;
  g.out_h = g.out_w = (size + 2 * g.pad_top - kernel) / stride + 1;
  char name[64];
  std::snprintf(name, sizeof name, "%ldx%ld -> %ld k%ld s%ld", long(in_c), long(size), long(out_c), long(kernel), long(stride));
  return {name, ContractProblem::make_conv(g), times};
}

Layer transposed(int64_t in_c, int64_t size, int64_t out_c, int64_t kernel, int64_t stride) {
  Layer l = conv(in_c, size, out_c, kernel, 1);
  ConvGeometry g = l.problem.conv;
  g.stride_h = g.stride_w = stride;
  g.pad_top = g.pad_left = (kernel - stride) / 2;
  g.out_h = g.out_w = size * stride;
  l.problem = ContractProblem::make_conv_transpose(g);
  l.name += " transposed s" + std::to_string(stride);
  return l;
}

Layer gemm(int64_t rows, int64_t depth, int64_t cols, BForm form = BForm::kPacked, int64_t batch = 1) {
  GemmGeometry g;
  g.rows = rows, g.depth = depth, g.cols = cols;
  g.b_form = form;
  if (batch > 1) g.batch[2] = {batch, rows * depth, depth * cols, rows * cols};
  char name[64];
  std::snprintf(name, sizeof name, "%s%ldx%ldx%ld", batch > 1 ? "batch " : "", long(rows), long(depth), long(cols));
  return {name, ContractProblem::make_gemm(g), 1};
}

std::vector<Layer> layers(const std::string& set) {
  if (set == "resnet50") {
    return {
        conv(3, 224, 64, 7, 2),      conv(64, 56, 64, 1, 1),       conv(64, 56, 64, 3, 1, 3),   conv(64, 56, 256, 1, 1, 4),
        conv(256, 56, 64, 1, 1, 2),  conv(256, 56, 128, 1, 1),     conv(128, 56, 128, 3, 2),    conv(128, 28, 512, 1, 1, 4),
        conv(256, 56, 512, 1, 2),    conv(512, 28, 128, 1, 1, 3),  conv(128, 28, 128, 3, 1, 3), conv(512, 28, 256, 1, 1),
        conv(256, 28, 256, 3, 2),    conv(256, 14, 1024, 1, 1, 6), conv(512, 28, 1024, 1, 2),   conv(1024, 14, 256, 1, 1, 5),
        conv(256, 14, 256, 3, 1, 5), conv(1024, 14, 512, 1, 1),    conv(512, 14, 512, 3, 2),    conv(512, 7, 2048, 1, 1, 3),
        conv(1024, 14, 2048, 1, 2),  conv(2048, 7, 512, 1, 1, 2),  conv(512, 7, 512, 3, 1, 2)};
  }
  if (set == "bert")
    return {gemm(128, 768, 768), gemm(128, 768, 3072), gemm(128, 3072, 768), gemm(384, 1024, 4096), gemm(197, 192, 576)};
  if (set == "mobilenet") {
    return {conv(16, 112, 16, 3, 1, 1, 16),   conv(32, 112, 32, 3, 1, 1, 32),   conv(64, 112, 64, 3, 2, 1, 64),
            conv(72, 56, 72, 3, 1, 1, 72),    conv(72, 56, 72, 5, 2, 1, 72),    conv(120, 28, 120, 5, 1, 2, 120),
            conv(240, 28, 240, 3, 2, 1, 240), conv(184, 14, 184, 3, 1, 2, 184), conv(480, 14, 480, 3, 1, 1, 480),
            conv(672, 14, 672, 3, 1, 1, 672), conv(672, 14, 672, 5, 2, 1, 672), conv(960, 7, 960, 5, 1, 2, 960),
            conv(192, 56, 192, 7, 1, 1, 192), conv(16, 112, 64, 1, 1),          conv(64, 56, 24, 1, 1),
            conv(40, 28, 120, 1, 1),          conv(960, 7, 160, 1, 1)};
  }
  if (set == "unet") {
    return {conv(64, 256, 64, 3, 1),        conv(128, 128, 128, 3, 1),      conv(256, 64, 256, 3, 1),
            conv(512, 32, 512, 3, 1),       conv(1024, 16, 1024, 3, 1),     conv(128, 256, 64, 3, 1),
            transposed(128, 128, 64, 2, 2), transposed(512, 16, 256, 4, 2), conv(64, 64, 64, 3, 1)};
  }
  if (set == "decode") {
    return {gemm(1, 768, 3072),
            gemm(1, 3072, 768),
            gemm(1, 768, 50257),
            gemm(4, 768, 3072),
            gemm(16, 768, 3072),
            gemm(128, 64, 128, BForm::kTransposed, 12),
            gemm(128, 128, 64, BForm::kRowMajor, 12),
            gemm(1, 64, 512, BForm::kTransposed, 12),
            gemm(1, 512, 64, BForm::kRowMajor, 12),
            gemm(512, 512, 8),
            gemm(1000, 512, 1),
            gemm(256, 256, 256, BForm::kRowMajor)};
  }
  return {conv(3, 224, 32, 3, 2),          conv(3, 224, 64, 7, 2),          conv(3, 640, 32, 6, 2),
          conv(3, 224, 16, 3, 2),          conv(3, 224, 192, 16, 16),       conv(128, 56, 128, 3, 1, 1, 32),
          conv(256, 56, 256, 3, 1, 1, 32), conv(512, 14, 512, 3, 1, 1, 32), conv(9, 180, 64, 3, 1)};
}

struct Bench {
  Executor& executor;
  double peak;
  bool cold;

  double time_us(const ContractProblem& p, const ContractConfig& c) const {
    const Extents e = extents(p);
    const bool packs = p.form != ContractProblem::Form::kGemm || p.gemm.b_form == BForm::kPacked;
    const int64_t b_bytes = packs ? packed_size(p, c) : e.b * 4;
    const int copies = cold ? static_cast<int>(std::clamp<int64_t>((200 << 20) / (b_bytes + 1), 2, 2000)) : 1;
    Buffer a = random_buffer(e.a), out(e.c * 4), workspace(workspace_bytes(p, c, executor.workers())),
           bias = random_buffer(e.cols), scale = random_buffer(e.cols);
    std::vector<Buffer> b;
    const ConvGeometry& g = p.conv;
    const int64_t raw = p.form == ContractProblem::Form::kGemm ? p.gemm.depth * p.gemm.cols
                                                               : g.groups * g.in_c * g.out_c * g.kernel_h * g.kernel_w;
    const Buffer weights = random_buffer(packs ? raw : e.b);
    for (int i = 0; i < copies; ++i) {
      b.emplace_back(b_bytes);
      if (!packs) {
        std::memcpy(b[i].data.get(), weights.data.get(), b_bytes);
      } else if (i == 0) {
        const WeightView view = p.form == ContractProblem::Form::kGemm ? row_major_weights(p, weights.data.get())
                                                                       : onnx_conv_weights(p, weights.data.get());
        pack(p, c, view, b[i].data.get());
      } else {
        std::memcpy(b[i].data.get(), b[0].data.get(), b_bytes);
      }
    }
    ContractArgs args{a.data.get(), nullptr, out.data.get()};
    args.epilogue.bias = reinterpret_cast<const float*>(bias.data.get());
    args.epilogue.lo = 0;
    args.workspace = workspace.data.get();
    args.quantization.a_fill = 128;
    args.quantization.scale = reinterpret_cast<const float*>(scale.data.get());
    args.quantization.shift = reinterpret_cast<const int32_t*>(scale.data.get());
    const double budget = std::getenv("BUDGET") ? std::atof(std::getenv("BUDGET")) : 0.25;
    double best = 1e9, begin = now();
    for (int i = 0; i < 3000 && (i < 5 || now() - begin < budget); ++i) {
      args.b = b[i % copies].data.get();
      const double start = now();
      run(p, c, args, executor);
      if (i > 1) best = std::min(best, now() - start);
    }
    return best * 1e6;
  }

  void line(const char* name, const ContractProblem& p, const ContractConfig& c, double us) const {
    std::printf("%-34s %9.1f us %6.1f %% %8.1f GFLOP/s   %s\n", name, us,
                p.flops() / (us * 1e-6) / (peak * executor.workers()) * 100, p.flops() / us * 1e-3, c.to_string().c_str());
    std::fflush(stdout);
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::string set = "resnet50", config, only;
  int threads = 1;
  bool all = false, cold = false, int8 = false;
  Machine machine = Machine::detect();
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const std::string value = flag.substr(std::min(flag.size(), flag.find('=') + 1));
    if (flag.starts_with("--set="))
      set = value;
    else if (flag.starts_with("--threads="))
      threads = std::atoi(value.c_str());
    else if (flag.starts_with("--isa="))
      machine.isa = isa_from_name(value).value_or(machine.isa);
    else if (flag.starts_with("--config="))
      config = value;
    else if (flag.starts_with("--only="))
      only = value;
    else if (flag == "--all")
      all = true;
    else if (flag == "--cold")
      cold = true;
    else if (flag == "--int8")
      int8 = true;
    else
      return std::fprintf(stderr, "unknown flag %s\n", flag.c_str()), 2;
  }
  machine.workers = threads;
  cpu_time = threads == 1;
  ThreadPool::Lease lease = ThreadPool::process().try_acquire(threads);
  const double peak = peak_flops(machine.isa);
  std::printf("peak of one core %.1f GFLOP/s, %d workers, %s\n", peak * 1e-9, lease.workers(),
              std::string(isa_name(machine.isa)).c_str());
  Bench bench{lease, peak, cold};
  double total = 0, flops = 0;
  std::vector<Layer> all_layers = layers(set);
  for (Layer& layer : all_layers) {
    if (layer.name.find(only) == std::string::npos) continue;
    bench.peak = peak_flops(machine.isa) * (int8 ? 4 : 1);
    if (int8) {
      layer.problem.a = layer.problem.c = DType::kU8;
      layer.problem.b = DType::kI8;
    }
    std::vector<ContractConfig> configs = enumerate_configs(layer.problem, machine);
    if (!config.empty()) {
      const Expected<ContractConfig> one = ContractConfig::parse(config);
      if (!one.ok() || !validate(layer.problem, *one).ok()) continue;
      configs = {*one};
    }
    double best = 1e18;
    ContractConfig best_config;
    for (const ContractConfig& c : configs) {
      const double us = bench.time_us(layer.problem, c);
      if (all) {
        std::printf("    %9.1f us (model %9.1f) %6.1f %%  %s\n", us, estimate_us(layer.problem, c, machine),
                    layer.problem.flops() / us * 1e6 / (bench.peak * threads) * 100, c.to_string().c_str());
      }
      if (us < best) best = us, best_config = c;
    }
    bench.line(layer.name.c_str(), layer.problem, best_config, best);
    total += best * layer.times;
    flops += layer.problem.flops() * layer.times;
  }
  std::printf("total %.2f ms, %.1f %% of peak\n", total * 1e-3, flops / (total * 1e-6) / (bench.peak * threads) * 100);
  return 0;
}
