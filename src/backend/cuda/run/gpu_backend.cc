#include "backend/cuda/run/gpu_backend.h"

#include <algorithm>
#include <string>

#include "backend/cuda/run/gpu_kernel.h"

namespace temper::cuda {
namespace {

CuPointer device_pointer(const std::byte* p) { return reinterpret_cast<CuPointer>(p); }

class GpuQueue final : public Queue {
 public:
  static Expected<std::unique_ptr<Queue>> make(std::shared_ptr<GpuDevice> gpu) {
    std::unique_ptr<GpuQueue> queue(new GpuQueue(std::move(gpu)));
    CurrentContext current(*queue->gpu_);
    TEMPER_TRY(current.status());
    TEMPER_TRY(queue->check(queue->api().cuStreamCreate(&queue->stream_, kStreamNonBlocking), "cuStreamCreate"));
    void* trouble = nullptr;
    TEMPER_TRY(queue->check(queue->api().cuMemHostAlloc(&trouble, sizeof(uint64_t), kHostMemoryForDevices), "cuMemHostAlloc"));
    queue->trouble_ = static_cast<volatile uint64_t*>(trouble);
    *queue->trouble_ = 0;
    return std::unique_ptr<Queue>(std::move(queue));
  }
  ~GpuQueue() override {
    CurrentContext current(*gpu_);
    if (!current.status().ok()) return;
    drop_recording();
    if (stream_) {
      api().cuStreamSynchronize(stream_);
      api().cuStreamDestroy_v2(stream_);
    }
    if (trouble_) api().cuMemFreeHost(const_cast<uint64_t*>(trouble_));
  }
  GpuQueue(const GpuQueue&) = delete;
  GpuQueue& operator=(const GpuQueue&) = delete;

  std::byte* allocate(int64_t bytes) override {
    CurrentContext current(*gpu_);
    CuPointer memory = 0;
    if (!current.status().ok() || api().cuMemAllocAsync(&memory, size_t(std::max<int64_t>(bytes, 1)), stream_) != 0)
      return nullptr;
    return reinterpret_cast<std::byte*>(memory);
  }
  void release(std::byte* memory) override {
    CurrentContext current(*gpu_);
    if (current.status().ok()) api().cuMemFreeAsync(device_pointer(memory), stream_);
  }
  bool reaches(const void* address) const override {
    CurrentContext current(*gpu_);
    unsigned type = 0;
    if (!current.status().ok()) return false;
    const CuResult known = api().cuPointerGetAttribute(&type, kPointerMemoryType, reinterpret_cast<CuPointer>(address));
    return known == 0 && (type == 2 || type == 4);
  }

  Status copy(std::byte* to, const std::byte* from, int64_t bytes) override {
    if (bytes == 0) return {};
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    return check(api().cuMemcpyDtoDAsync_v2(device_pointer(to), device_pointer(from), size_t(bytes), stream_),
                 "cuMemcpyDtoDAsync");
  }
  // From memory that is not page-locked the driver returns only when it has a copy, as write() promises.
  Status write(std::byte* to, const void* from, int64_t bytes) override {
    if (bytes == 0) return {};
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    return check(api().cuMemcpyHtoDAsync_v2(device_pointer(to), from, size_t(bytes), stream_), "cuMemcpyHtoDAsync");
  }
  Status read(void* to, const std::byte* from, int64_t bytes) override {
    if (bytes == 0) return {};
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    TEMPER_TRY(check(api().cuMemcpyDtoHAsync_v2(to, device_pointer(from), size_t(bytes), stream_), "cuMemcpyDtoHAsync"));
    return settle();
  }

  Expected<std::unique_ptr<Launch>> prepare(const Kernel& kernel, std::span<const int64_t> numbers,
                                            std::span<const int64_t> buffer_bytes) override {
    const auto& gpu_kernel = static_cast<const GpuKernel&>(kernel);
    // One ordinal per kernel: it is prepared again at every shape.
    auto found = std::find(kernels_.begin(), kernels_.end(), &gpu_kernel);
    const int64_t ordinal = found - kernels_.begin() + 1;
    if (found == kernels_.end()) kernels_.push_back(&gpu_kernel);
    return std::unique_ptr<Launch>(
        TEMPER_TRY(GpuLaunch::prepare(gpu_kernel, numbers, buffer_bytes, reinterpret_cast<CuPointer>(trouble_), ordinal)));
  }
  Status run(Launch& launch, std::span<std::byte* const> buffers, std::byte* workspace, Executor&) override {
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    return static_cast<GpuLaunch&>(launch).run(gpu_->driver(), stream_, buffers, workspace);
  }
  bool can_record() const override { return true; }
  Status begin_recording() override {
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    drop_recording();
    return check(api().cuStreamBeginCapture_v2(stream_, kCaptureOfThread), "cuStreamBeginCapture");
  }
  Status end_recording() override {
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    CuGraph graph = nullptr;
    TEMPER_TRY(check(api().cuStreamEndCapture(stream_, &graph), "cuStreamEndCapture"));
    const CuResult made = api().cuGraphInstantiateWithFlags(&recording_, graph, 0);
    if (made != 0) recording_ = nullptr;
    api().cuGraphDestroy(graph);
    return check(made, "cuGraphInstantiate");
  }
  Status replay() override {
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    if (!recording_) return Error(ErrorCode::kInternal, "nothing is recorded");
    return check(api().cuGraphLaunch(recording_, stream_), "cuGraphLaunch");
  }
  Status finish() override {
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    return settle();
  }

 private:
  explicit GpuQueue(std::shared_ptr<GpuDevice> gpu) : gpu_(std::move(gpu)) {}
  const DriverApi& api() const { return gpu_->driver().api; }
  Status check(CuResult result, const char* function) const { return gpu_->driver().check(result, function); }

  void drop_recording() {
    if (recording_) api().cuGraphExecDestroy(recording_);
    recording_ = nullptr;
  }

  // Waits, and reports what kernels have noted.
  Status settle() {
    TEMPER_TRY(check(api().cuStreamSynchronize(stream_), "cuStreamSynchronize"));
    const uint64_t noted = *trouble_;
    if (noted == 0) return {};
    *trouble_ = 0;
    std::string where = "a kernel";
    if (noted <= kernels_.size()) where = "kernel '" + kernels_[noted - 1]->program().entries.front().name + "'";
    return Error(ErrorCode::kInvalidArgument,
                 "an index that " + where + " read is outside of what it indexes; check the inputs that hold indices");
  }

  std::shared_ptr<GpuDevice> gpu_;
  CuStream stream_ = nullptr;
  CuGraphRun recording_ = nullptr;
  volatile uint64_t* trouble_ = nullptr;  // of the host, and kernels write it
  std::vector<const GpuKernel*> kernels_;
};

class GpuBackend final : public Backend {
 public:
  explicit GpuBackend(std::shared_ptr<GpuDevice> gpu) : gpu_(std::move(gpu)) {}

  Expected<std::unique_ptr<Kernel>> decode(std::string_view kernel, std::span<const std::byte> blob) override {
    if (kernel != kKernelName) {
      return Error(ErrorCode::kIncompatible, "the plan uses the GPU kernel '" + std::string(kernel) +
                                                 "', which this version of Temper does not have; build the plan again");
    }
    ByteReader reader(blob);
    KernelProgram program = TEMPER_TRY(decode_program(reader));
    TEMPER_TRY(reader.finish());
    return std::unique_ptr<Kernel>(TEMPER_TRY(GpuKernel::load(gpu_, std::move(program))));
  }

  Expected<std::shared_ptr<const std::byte>> place_weights(std::span<const std::byte> weights,
                                                           std::shared_ptr<const void>) override {
    if (weights.empty()) return std::shared_ptr<const std::byte>();
    std::shared_ptr<Queue> queue = TEMPER_TRY(GpuQueue::make(gpu_));
    std::byte* memory = queue->allocate(int64_t(weights.size()));
    if (!memory)
      return Error(ErrorCode::kOutOfMemory, "no memory on the GPU for " + std::to_string(weights.size()) + " bytes of weights");
    std::shared_ptr<const std::byte> placed(memory, [queue](const std::byte* p) { queue->release(const_cast<std::byte*>(p)); });
    TEMPER_TRY(queue->write(memory, weights.data(), int64_t(weights.size())));
    TEMPER_TRY(queue->finish());
    return placed;
  }

  Expected<std::unique_ptr<Queue>> make_queue() override { return GpuQueue::make(gpu_); }

 private:
  std::shared_ptr<GpuDevice> gpu_;
};

Expected<std::shared_ptr<Backend>> open_first_gpu(std::string_view) {
  const Driver* driver = TEMPER_TRY(Driver::get());
  return make_gpu_backend(TEMPER_TRY(GpuDevice::open(*driver, 0)));
}

const RegisterBackend kGpu{"sm", &open_first_gpu};

}  // namespace

std::shared_ptr<Backend> make_gpu_backend(std::shared_ptr<GpuDevice> gpu) {
  return std::make_shared<GpuBackend>(std::move(gpu));
}

}  // namespace temper::cuda
