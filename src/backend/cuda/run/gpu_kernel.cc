#include "backend/cuda/run/gpu_kernel.h"

#include <algorithm>

#include "backend/cuda/run/nvrtc.h"

namespace temper::cuda {
Expected<std::unique_ptr<GpuKernel>> GpuKernel::load(std::shared_ptr<GpuDevice> gpu, KernelProgram program) {
  std::unique_ptr<GpuKernel> kernel(new GpuKernel(std::move(gpu), std::move(program)));
  KernelProgram& p = kernel->program_;
  if (!p.runs_on(kernel->gpu_->architecture())) {
    auto code = TEMPER_TRY(compile_cuda(p.source, kernel->gpu_->architecture()));
    p.code = *code;
    p.architecture = kernel->gpu_->architecture();
  }
  const Driver& driver = kernel->gpu_->driver();
  CurrentContext current(*kernel->gpu_);
  TEMPER_TRY(current.status());
  TEMPER_TRY(driver.check(driver.api.cuModuleLoadData(&kernel->module_, p.code.data()), "cuModuleLoadData"));
  for (const KernelProgram::Entry& entry : p.entries) {
    CuFunction function = nullptr;
    TEMPER_TRY_AT(
        driver.check(driver.api.cuModuleGetFunction(&function, kernel->module_, entry.name.c_str()), "cuModuleGetFunction"),
        entry.name);
    constexpr int kUnasked = 48 << 10;  // that every kernel may use
    if (entry.shared_bytes > kUnasked) {
      TEMPER_TRY_AT(driver.check(driver.api.cuFuncSetAttribute(function, kAttributeSharedBytes, entry.shared_bytes),
                                 "cuFuncSetAttribute"),
                    entry.name);
    }
    kernel->functions_.push_back(function);
  }
  // The module has it now; the text stays for other devices.
  std::vector<std::byte>().swap(p.code);
  return kernel;
}

GpuKernel::~GpuKernel() {
  if (!module_) return;
  CurrentContext current(*gpu_);
  gpu_->driver().api.cuModuleUnload(module_);
}

Expected<std::unique_ptr<GpuLaunch>> GpuLaunch::prepare(const GpuKernel& kernel, std::span<const int64_t> numbers,
                                                        std::span<const int64_t> buffer_bytes, CuPointer trouble,
                                                        int64_t ordinal) {
  std::unique_ptr<GpuLaunch> launch(new GpuLaunch(kernel));
  const KernelProgram& p = kernel.program();
  if (p.narrow) {
    // Note [Narrow indices] in kernel_expression.cc.
    bool fits = std::all_of(buffer_bytes.begin(), buffer_bytes.end(), [](int64_t bytes) { return bytes <= INT32_MAX; });
    for (size_t n = 0; n < numbers.size(); ++n) {
      const bool is_size = std::find(p.temporaries.begin(), p.temporaries.end(), int32_t(n)) != p.temporaries.end();
      fits = fits && (is_size || (numbers[n] >= INT32_MIN && numbers[n] <= INT32_MAX));
    }
    if (!fits) {
      return Error(ErrorCode::kUnsupported,
                   "a kernel for tensors of less than 2 GiB is given larger ones; build the plan with a profile that has this "
                   "shape as its best");
    }
  }
  constexpr int64_t kAlignment = 256;
  for (int32_t t : p.temporaries) {
    const int64_t bytes = numbers[t];
    if (bytes < 0 || bytes > (int64_t{1} << 44))
      return Error(ErrorCode::kOutOfMemory, "a temporary of " + std::to_string(bytes) + " bytes");
    launch->places_.push_back(launch->workspace_);
    launch->workspace_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  for (const KernelProgram::Entry& e : p.entries) {
    const int64_t blocks = numbers[e.blocks];
    if (blocks < 0 || blocks > INT32_MAX)
      return Error(ErrorCode::kUnsupported, "a launch of " + std::to_string(blocks) + " blocks");
    launch->blocks_.push_back(unsigned(blocks));
  }
  launch->words_.resize(size_t(p.buffers) + p.temporaries.size());
  for (int64_t n : numbers) launch->words_.push_back(uint64_t(n));
  if (numbers.empty()) launch->words_.push_back(0);
  launch->words_.push_back(trouble);
  launch->words_.push_back(uint64_t(ordinal));
  return launch;
}

void GpuLaunch::set_addresses(std::span<std::byte* const> buffers, std::byte* workspace) {
  for (size_t i = 0; i < buffers.size(); ++i) words_[i] = reinterpret_cast<uint64_t>(buffers[i]);
  for (size_t t = 0; t < places_.size(); ++t) words_[buffers.size() + t] = reinterpret_cast<uint64_t>(workspace + places_[t]);
}

Status GpuLaunch::run(const Driver& driver, CuStream stream, std::span<std::byte* const> buffers, std::byte* workspace,
                      std::vector<CuGraphNode>* nodes) {
  set_addresses(buffers, workspace);
  void* parameters[] = {words_.data()};
  for (size_t e = 0; e < blocks_.size(); ++e) {
    if (blocks_[e] == 0) continue;
    const KernelProgram::Entry& entry = kernel_.program().entries[e];
    TEMPER_TRY(driver.check(driver.api.cuLaunchKernel(kernel_.function(e), blocks_[e], 1, 1, unsigned(entry.threads), 1, 1,
                                                      unsigned(entry.shared_bytes), stream, parameters, nullptr),
                            "cuLaunchKernel"));
    if (!nodes) continue;
    int status = 0;
    const CuGraphNode* last = nullptr;
    const void* edges = nullptr;
    size_t count = 0;
    TEMPER_TRY(driver.check(driver.api.cuStreamGetCaptureInfo_v3(stream, &status, nullptr, nullptr, &last, &edges, &count),
                            "cuStreamGetCaptureInfo"));
    if (status != kCapturing || count != 1)
      return Error(ErrorCode::kInternal, "a kernel that was recorded is not in the graph");
    nodes->push_back(*last);
  }
  return {};
}

Status GpuLaunch::rebind(const GpuDevice& gpu, CuGraphRun graph, std::span<const CuGraphNode> nodes,
                         std::span<std::byte* const> buffers, std::byte* workspace) {
  set_addresses(buffers, workspace);
  void* parameters[] = {words_.data()};
  for (size_t e = 0, n = 0; e < blocks_.size(); ++e) {
    if (blocks_[e] == 0) continue;
    const KernelProgram::Entry& entry = kernel_.program().entries[e];
    const CuKernelNode node{.function = kernel_.function(e),
                            .grid_x = blocks_[e],
                            .block_x = unsigned(entry.threads),
                            .shared_bytes = unsigned(entry.shared_bytes),
                            .parameters = parameters};
    const Driver& driver = gpu.driver();
    TEMPER_TRY(
        driver.check(driver.api.cuGraphExecKernelNodeSetParams_v2(graph, nodes[n++], &node), "cuGraphExecKernelNodeSetParams"));
  }
  return {};
}

}  // namespace temper::cuda
