#include "backend/cuda/run/gpu_kernel.h"

#include <algorithm>

#include "backend/cuda/run/nvrtc.h"

namespace temper::cuda {
Expected<std::unique_ptr<GpuKernel>> GpuKernel::load(std::shared_ptr<GpuDevice> gpu, KernelProgram program) {
  std::unique_ptr<GpuKernel> kernel(new GpuKernel(std::move(gpu), std::move(program)));
  KernelProgram& p = kernel->program_;
  if (p.only_there && p.architecture != kernel->gpu_->architecture()) {
    return Error(ErrorCode::kIncompatible, "the plan has a kernel that is for sm_" + std::to_string(p.architecture) +
                                               " alone, and this GPU is an sm_" + std::to_string(kernel->gpu_->architecture()) +
                                               "; build the plan for it");
  }
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
    int most = INT32_MAX;
    if (entry.together) {
      TEMPER_TRY_AT(driver.check(driver.api.cuOccupancyMaxActiveBlocksPerMultiprocessor(&most, function, entry.threads,
                                                                                        size_t(entry.shared_bytes)),
                                 "cuOccupancyMaxActiveBlocksPerMultiprocessor"),
                    entry.name);
      most *= kernel->gpu_->multiprocessors();
    }
    kernel->most_blocks_.push_back(most);
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

Expected<std::unique_ptr<DeviceLaunch>> GpuKernel::prepare(std::span<const int64_t> numbers,
                                                           std::span<const int64_t> buffer_bytes, CuPointer trouble,
                                                           int64_t ordinal) const {
  return std::unique_ptr<DeviceLaunch>(TEMPER_TRY(GpuLaunch::prepare(*this, numbers, buffer_bytes, trouble, ordinal)));
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
  for (size_t e = 0; e < p.entries.size(); ++e) {
    const int64_t blocks = std::min<int64_t>(numbers[p.entries[e].blocks], kernel.most_blocks(e));
    if (blocks < 0 || blocks > INT32_MAX)
      return Error(ErrorCode::kUnsupported, "a launch of " + std::to_string(blocks) + " blocks");
    launch->blocks_.push_back(unsigned(blocks));
  }
  launch->words_.resize(size_t(p.buffers) + p.temporaries.size());
  for (int64_t n : numbers) launch->words_.push_back(uint64_t(n));
  if (numbers.empty()) launch->words_.push_back(0);
  launch->words_.push_back(trouble);
  launch->words_.push_back(uint64_t(ordinal));
  launch->words_.resize(size_t(args_words(p)));
  for (const KernelProgram::Map& m : p.maps) {
    auto number = [&](int32_t n) { return uint64_t(numbers[size_t(n)]); };
    Map map{m, number(m.offset), {}, {}};
    std::transform(m.dims.begin(), m.dims.end(), map.dims.begin(), number);
    std::transform(m.strides.begin(), m.strides.end(), map.strides.begin(), number);
    launch->maps_.push_back(std::move(map));
  }
  return launch;
}

// A map is made again when its buffer lies elsewhere. Of a tensor without elements there is none.
Status GpuLaunch::make_maps(const Driver& driver) {
  constexpr unsigned kLine = 64;  // elements
  uint64_t* to = words_.data() + first_map_word(kernel_.program());
  for (Map& m : maps_) {
    constexpr auto rank = unsigned(kRankOfMaps);
    const uint64_t address = words_[size_t(m.what.buffer)] + m.offset;
    const bool has_elements = std::count(m.dims.begin(), m.dims.begin() + rank, 0) == 0;
    if (address != m.address && has_elements) {
      const int dtype = static_cast<DType>(m.what.dtype) == DType::kF16 ? kMapF16 : kMapBF16;
      const auto lines = unsigned(m.what.lines);
      alignas(64) uint64_t map[kWordsOfMap];
      auto* place = reinterpret_cast<void*>(address);
      if (const std::vector<int32_t>& w = m.what.window; w.empty()) {
        const unsigned box[] = {kLine, lines, 1, 1}, steps[] = {1, 1, 1, 1};
        TEMPER_TRY(driver.check(driver.api.cuTensorMapEncodeTiled(map, dtype, rank, place, m.dims.data(), m.strides.data(), box,
                                                                  steps, 0, kMapSwizzle128, kMapPromotion256, 0),
                                "cuTensorMapEncodeTiled"));
      } else {
        const unsigned steps[] = {1, unsigned(w[4]), unsigned(w[5]), 1};
        TEMPER_TRY(
            driver.check(driver.api.cuTensorMapEncodeIm2col(map, dtype, rank, place, m.dims.data(), m.strides.data(), &w[0],
                                                            &w[2], kLine, lines, steps, 0, kMapSwizzle128, kMapPromotion256, 0),
                         "cuTensorMapEncodeIm2col"));
      }
      std::copy_n(map, kWordsOfMap, to);
      m.address = address;
    }
    to += kWordsOfMap;
  }
  return {};
}

Status GpuLaunch::set_addresses(const Driver& driver, std::span<std::byte* const> buffers, std::byte* workspace) {
  for (size_t i = 0; i < buffers.size(); ++i) words_[i] = reinterpret_cast<uint64_t>(buffers[i]);
  for (size_t t = 0; t < places_.size(); ++t) words_[buffers.size() + t] = reinterpret_cast<uint64_t>(workspace + places_[t]);
  return make_maps(driver);
}

Status GpuLaunch::run(const Driver& driver, CuStream stream, std::span<std::byte* const> buffers, std::byte* workspace,
                      std::vector<CuGraphNode>* nodes) {
  TEMPER_TRY(set_addresses(driver, buffers, workspace));
  void* parameters[] = {words_.data()};
  for (size_t e = 0; e < blocks_.size(); ++e) {
    if (blocks_[e] == 0) continue;
    const KernelProgram::Entry& entry = kernel_.program().entries[e];
    const CuLaunchAttribute way{.id = entry.together ? kLaunchTogether : kLaunchEarly, .value = 1};
    const CuLaunch launch{.grid_x = blocks_[e],
                          .block_x = unsigned(entry.threads),
                          .shared_bytes = unsigned(entry.shared_bytes),
                          .stream = stream,
                          .attributes = &way,
                          .attribute_count = entry.waits || entry.together ? 1u : 0u};
    TEMPER_TRY(
        driver.check(driver.api.cuLaunchKernelEx(&launch, kernel_.function(e), parameters, nullptr), "cuLaunchKernelEx"));
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
  TEMPER_TRY(set_addresses(gpu.driver(), buffers, workspace));
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
