#include "backend/cuda/run/gpu_queue.h"

#include <algorithm>
#include <string>

namespace temper::cuda {
namespace {

// Kernels move 16 bytes at once, and the copy engine takes no other addresses.
constexpr uintptr_t kAlignment = 16;

CuPointer device_pointer(const std::byte* p) { return reinterpret_cast<CuPointer>(p); }

}  // namespace

Expected<std::unique_ptr<GpuQueue>> GpuQueue::make(std::shared_ptr<GpuDevice> gpu) {
  std::unique_ptr<GpuQueue> queue(new GpuQueue(std::move(gpu)));
  CurrentContext current(*queue->gpu_);
  TEMPER_TRY(current.status());
  TEMPER_TRY(queue->check(queue->api().cuStreamCreate(&queue->own_, kStreamNonBlocking), "cuStreamCreate"));
  queue->target_ = queue->own_;
  TEMPER_TRY(queue->check(queue->api().cuEventCreate(&queue->marked_, kEventWithoutTime), "cuEventCreate"));
  void* trouble = nullptr;
  TEMPER_TRY(queue->check(queue->api().cuMemHostAlloc(&trouble, sizeof(uint64_t), kHostMemoryForDevices), "cuMemHostAlloc"));
  queue->trouble_ = static_cast<volatile uint64_t*>(trouble);
  *queue->trouble_ = 0;
  return queue;
}

// Each call is tried, whatever became of the others: after a fault of the device they fail, and what is left is the driver's.
GpuQueue::~GpuQueue() {
  CurrentContext current(*gpu_);
  recording_.reset();
  if (is_marked_) api().cuEventSynchronize(marked_);
  if (own_) {
    api().cuStreamSynchronize(own_);
    api().cuStreamDestroy_v2(own_);
  }
  if (marked_) api().cuEventDestroy_v2(marked_);
  if (trouble_) api().cuMemFreeHost(const_cast<uint64_t*>(trouble_));
}

Expected<bool> GpuQueue::is_captured(CuStream stream) const {
  int status = 0;
  TEMPER_TRY(check(api().cuStreamIsCapturing(stream, &status), "cuStreamIsCapturing"));
  return status == kCapturing;
}

Expected<bool> GpuQueue::is_captured() {
  if (target_ == own_) return false;
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  return is_captured(target_);
}

Status GpuQueue::direct_to(Stream stream) {
  const CuStream to = stream ? static_cast<CuStream>(*stream) : own_;
  if (to != target_ && is_marked_) {
    CurrentContext current(*gpu_);
    TEMPER_TRY(current.status());
    // What is captured must not wait for what is not: there the order is the caller's to keep.
    if (to == own_ || !TEMPER_TRY(is_captured(to)))
      TEMPER_TRY(check(api().cuStreamWaitEvent(to, marked_, 0), "cuStreamWaitEvent"));
  }
  target_ = to;
  return trouble();
}

Status GpuQueue::mark() {
  if (target_ == own_) return {};
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  TEMPER_TRY(check(api().cuEventRecord(marked_, target_), "cuEventRecord"));
  is_marked_ = true;
  return {};
}

// The own stream makes it; whoever else uses it must find it made.
std::byte* GpuQueue::allocate(int64_t bytes) {
  CurrentContext current(*gpu_);
  CuPointer memory = 0;
  if (!current.status().ok() || api().cuMemAllocAsync(&memory, size_t(std::max<int64_t>(bytes, 1)), own_) != 0) return nullptr;
  if (target_ != own_ && api().cuStreamSynchronize(own_) != 0) {
    api().cuMemFreeAsync(memory, own_);
    return nullptr;
  }
  return reinterpret_cast<std::byte*>(memory);
}

void GpuQueue::release(std::byte* memory) {
  CurrentContext current(*gpu_);
  if (is_marked_) api().cuStreamWaitEvent(own_, marked_, 0);
  api().cuMemFreeAsync(device_pointer(memory), own_);
}

bool GpuQueue::is_of_device(const void* address) const {
  CurrentContext current(*gpu_);
  unsigned type = 0;
  if (!current.status().ok()) return false;
  const CuResult known = api().cuPointerGetAttribute(&type, kPointerMemoryType, reinterpret_cast<CuPointer>(address));
  return known == 0 && (type == 2 || type == 4);
}

bool GpuQueue::reaches(const void* address) const {
  return reinterpret_cast<uintptr_t>(address) % kAlignment == 0 && is_of_device(address);
}

Status GpuQueue::copy(std::byte* to, const std::byte* from, int64_t bytes) {
  if (bytes == 0) return {};
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  return check(api().cuMemcpyDtoDAsync_v2(device_pointer(to), device_pointer(from), size_t(bytes), target_),
               "cuMemcpyDtoDAsync");
}

// From memory that is not page-locked the driver returns only when it has a copy, as write() promises. What lies on the device
// but is not aligned is copied there, in the order of the stream.
Status GpuQueue::write(std::byte* to, const void* from, int64_t bytes) {
  if (bytes == 0) return {};
  if (is_of_device(from)) return copy(to, static_cast<const std::byte*>(from), bytes);
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  return check(api().cuMemcpyHtoDAsync_v2(device_pointer(to), from, size_t(bytes), target_), "cuMemcpyHtoDAsync");
}

Status GpuQueue::fetch(void* to, const std::byte* from, int64_t bytes) {
  if (bytes == 0) return {};
  if (is_of_device(to)) return copy(static_cast<std::byte*>(to), from, bytes);
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  return check(api().cuMemcpyDtoHAsync_v2(to, device_pointer(from), size_t(bytes), target_), "cuMemcpyDtoHAsync");
}

Status GpuQueue::read(void* to, const std::byte* from, int64_t bytes) {
  if (bytes == 0) return {};
  if (TEMPER_TRY(is_captured())) {
    return Error(
        ErrorCode::kUnsupported,
        "the stream is being captured, and this network waits for values that it computes; enqueue it on a stream that "
        "is not captured");
  }
  TEMPER_TRY(fetch(to, from, bytes));
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  return settle();
}

Expected<std::unique_ptr<Launch>> GpuQueue::prepare(const Kernel& kernel, std::span<const int64_t> numbers,
                                                    std::span<const int64_t> buffer_bytes) {
  const auto& device_kernel = static_cast<const DeviceKernel&>(kernel);
  // One ordinal per kernel: it is prepared again at every shape.
  auto found = std::find(kernels_.begin(), kernels_.end(), &device_kernel);
  const int64_t ordinal = found - kernels_.begin() + 1;
  if (found == kernels_.end()) kernels_.push_back(&device_kernel);
  return std::unique_ptr<Launch>(
      TEMPER_TRY(device_kernel.prepare(numbers, buffer_bytes, reinterpret_cast<CuPointer>(trouble_), ordinal)));
}

Status GpuQueue::run(Launch& launch, std::span<std::byte* const> buffers, std::byte* workspace, Executor&) {
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  auto& device_launch = static_cast<DeviceLaunch&>(launch);
  if (!recording_) return device_launch.run(gpu_->driver(), target_, buffers, workspace, nullptr);
  recording_->launches_.push_back({&device_launch, recording_->nodes_.size()});
  return device_launch.run(gpu_->driver(), own_, buffers, workspace, &recording_->nodes_);
}

Status GpuQueue::begin_recording() {
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  TEMPER_TRY(check(api().cuStreamBeginCapture_v2(own_, kCaptureOfThread), "cuStreamBeginCapture"));
  recording_.reset(new GpuRecording(*this));
  return {};
}

Expected<std::unique_ptr<Recording>> GpuQueue::end_recording() {
  std::unique_ptr<GpuRecording> made = std::move(recording_);
  CurrentContext current(*gpu_);
  Status ended = check(api().cuStreamEndCapture(own_, &made->graph_), "cuStreamEndCapture");  // in any case
  TEMPER_TRY(current.status());
  TEMPER_TRY(std::move(ended));
  TEMPER_TRY(check(api().cuGraphInstantiateWithFlags(&made->run_, made->graph_, 0), "cuGraphInstantiate"));
  return std::unique_ptr<Recording>(std::move(made));
}

Status GpuQueue::finish() {
  CurrentContext current(*gpu_);
  TEMPER_TRY(current.status());
  return settle();
}

// Waits, and reports what kernels have noted.
Status GpuQueue::settle() {
  TEMPER_TRY(check(api().cuStreamSynchronize(target_), "cuStreamSynchronize"));
  return trouble();
}

Status GpuQueue::trouble() {
  const uint64_t noted = *trouble_;
  if (noted == 0) return {};
  *trouble_ = 0;
  std::string where = "a kernel";
  if (noted <= kernels_.size()) where = "kernel '" + std::string(kernels_[noted - 1]->name()) + "'";
  return Error(ErrorCode::kInvalidArgument,
               "an index that " + where + " read is outside of what it indexes; check the inputs that hold indices");
}

// A graph that still runs is not taken away from the device.
GpuRecording::~GpuRecording() {
  if (!graph_) return;
  CurrentContext current(*queue_.gpu_);
  const DriverApi& api = queue_.api();
  if (run_) {
    if (queue_.is_marked_) api.cuEventSynchronize(queue_.marked_);
    api.cuGraphExecDestroy(run_);
  }
  api.cuGraphDestroy(graph_);
}

Status GpuRecording::rebind(int number, std::span<std::byte* const> buffers, std::byte* workspace) {
  CurrentContext current(*queue_.gpu_);
  TEMPER_TRY(current.status());
  const Noted& noted = launches_[static_cast<size_t>(number)];
  return noted.launch->rebind(*queue_.gpu_, run_, std::span(nodes_).subspan(noted.begin), buffers, workspace);
}

Status GpuRecording::replay() {
  CurrentContext current(*queue_.gpu_);
  TEMPER_TRY(current.status());
  return queue_.check(queue_.api().cuGraphLaunch(run_, queue_.target_), "cuGraphLaunch");
}

}  // namespace temper::cuda
