// GpuQueue: the Queue of one GPU.
//
// It has a stream of its own, on which memory is allocated and launches are recorded; work goes there too, or to a stream of
// the caller's. An event after each run orders the runs of one queue on different streams, and what is released after them.
// Kernels find an index that is out of range when they run, on the device: they note it in a word of the queue, stay inside
// their buffers, and the next call that waits, or begins a run, makes it an Error that names the kernel.
//
// Note [Recorded launches]
// A recording is a graph captured from the queue's own stream, so that whatever launches on a stream can be recorded. While it
// is captured the driver is asked after each kernel which node it became; so a launch whose addresses have changed gets them by
// setting those nodes' parameters in the executable graph, which costs about a microsecond, and nothing is captured again.
#pragma once

#include <memory>
#include <vector>

#include "backend/base/backend.h"
#include "backend/cuda/run/device_kernel.h"
#include "backend/cuda/run/driver.h"

namespace temper::cuda {

class GpuQueue;

class GpuRecording final : public Recording {
 public:
  ~GpuRecording() override;
  GpuRecording(const GpuRecording&) = delete;
  GpuRecording& operator=(const GpuRecording&) = delete;
  Status rebind(int number, std::span<std::byte* const> buffers, std::byte* workspace) override;
  Status replay() override;
  int size() const override { return static_cast<int>(nodes_.size()); }

 private:
  friend class GpuQueue;
  explicit GpuRecording(GpuQueue& queue) : queue_(queue) {}
  struct Noted {
    DeviceLaunch* launch;
    size_t begin;  // of its nodes
  };
  GpuQueue& queue_;
  CuGraph graph_ = nullptr;  // nodes are named by it for as long as they are to be changed
  CuGraphRun run_ = nullptr;
  std::vector<CuGraphNode> nodes_;
  std::vector<Noted> launches_;
};

class GpuQueue final : public Queue {
 public:
  static Expected<std::unique_ptr<GpuQueue>> make(std::shared_ptr<GpuDevice> gpu);
  ~GpuQueue() override;
  GpuQueue(const GpuQueue&) = delete;
  GpuQueue& operator=(const GpuQueue&) = delete;

  Status direct_to(Stream stream) override;
  Expected<bool> is_captured() override;
  Status mark() override;

  std::byte* allocate(int64_t bytes) override;
  void release(std::byte* memory) override;
  bool reaches(const void* address) const override;

  Status copy(std::byte* to, const std::byte* from, int64_t bytes) override;
  Status write(std::byte* to, const void* from, int64_t bytes) override;
  Status read(void* to, const std::byte* from, int64_t bytes) override;
  Status fetch(void* to, const std::byte* from, int64_t bytes) override;

  Expected<std::unique_ptr<Launch>> prepare(const Kernel& kernel, std::span<const int64_t> numbers,
                                            std::span<const int64_t> buffer_bytes) override;
  Status run(Launch& launch, std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override;
  bool can_record() const override { return true; }
  Status begin_recording() override;
  Expected<std::unique_ptr<Recording>> end_recording() override;
  Status finish() override;

  GpuDevice& device() const { return *gpu_; }
  CuStream stream() const { return target_; }

 private:
  friend class GpuRecording;
  explicit GpuQueue(std::shared_ptr<GpuDevice> gpu) : gpu_(std::move(gpu)) {}
  const DriverApi& api() const { return gpu_->driver().api; }
  Status check(CuResult result, const char* function) const { return gpu_->driver().check(result, function); }
  Expected<bool> is_captured(CuStream stream) const;
  bool is_of_device(const void* address) const;
  Status trouble();
  Status settle();

  std::shared_ptr<GpuDevice> gpu_;
  CuStream own_ = nullptr, target_ = nullptr;  // target_: where work goes
  CuEvent marked_ = nullptr;                   // after the last run on a stream of the caller's
  bool is_marked_ = false;
  std::unique_ptr<GpuRecording> recording_;  // that is being made
  volatile uint64_t* trouble_ = nullptr;     // of the host, and kernels write it
  std::vector<const DeviceKernel*> kernels_;
};

}  // namespace temper::cuda
