// One context with its stream, its tensors in memory and its events: all that one stream of inferences needs.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "NvInferRuntime.h"
#include "options.h"
#include "profiler.h"

namespace tool {

// When the parts of one inference happened, in milliseconds since the start of measuring. Computation and copies are timed by
// events of the stream, the enqueue by the host.
struct Times {
  float enqueue_start, enqueue_end;
  float h2d_start, h2d_end;
  float compute_start, compute_end;
  float d2h_start, d2h_end;

  float enqueue() const { return enqueue_end - enqueue_start; }
  float h2d() const { return h2d_end - h2d_start; }
  float compute() const { return compute_end - compute_start; }
  float d2h() const { return d2h_end - d2h_start; }
  float latency() const { return h2d() + compute() + d2h(); }
};

// Throws Problem with the error's text unless it is cudaSuccess.
void check_cuda(cudaError_t error, const char* what);

// Memory of the device, or pinned memory of the host; grows on demand, contents are not kept.
class Buffer {
 public:
  explicit Buffer(bool host) : host_(host) {}
  ~Buffer();
  Buffer(Buffer&& other) noexcept : host_(other.host_), data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  Buffer& operator=(Buffer&&) = delete;
  bool reserve(size_t bytes) noexcept;  // false: no memory
  void* data() const { return data_; }

 private:
  bool host_;
  void* data_ = nullptr;
  size_t size_ = 0;
};

class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// Takes an output whose size the data decides.
class GrowingOutput : public nvinfer1::IOutputAllocator {
 public:
  void* reallocateOutput(const char* name, void* current, uint64_t size, uint64_t alignment) noexcept override;
  void notifyShape(const char* name, const nvinfer1::Dims& dims) noexcept override { dims_ = dims; }
  const nvinfer1::Dims& dims() const { return dims_; }
  void* data() const { return buffer_.data(); }

 private:
  Buffer buffer_{false};
  nvinfer1::Dims dims_{};
};

struct Binding {
  std::string name;
  nvinfer1::DataType type;
  nvinfer1::Dims dims{};  // of the next run; for a growing output, of the last
  bool input;
  bool host_located;  // the engine reads it on the host
  Buffer host{true};
  Buffer device{false};
  std::unique_ptr<GrowingOutput> growing;

  int64_t bytes() const;
};

class Session {
 public:
  // Sets shapes after options.shapes, reads or draws the inputs, and gives every tensor an address.
  Session(nvinfer1::ICudaEngine& engine, const Options& options);
  ~Session();

  // Puts one inference on the stream.
  void enqueue(const Options& options);
  // Waits for it; outputs are then in the host buffers. `start` is the event, and `origin` the moment, that times count from.
  Times finish(cudaEvent_t start, std::chrono::steady_clock::time_point origin);
  // Copies the inputs once, for runs without transfers; and the outputs after the last of them.
  void copy_inputs();
  void copy_outputs();
  void wait();

  // Every inference from now on reports the times of its layers; nullptr: no more.
  void set_profiler(Profiler* profiler);

  nvinfer1::IExecutionContext& context() { return *context_; }
  const std::vector<Binding>& bindings() const { return bindings_; }

 private:
  void set_input(Binding& binding, const Options& options);
  void load_input(Binding& binding, const Options& options);
  void set_output(Binding& binding);

  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  cudaStream_t stream_ = nullptr;
  std::vector<Binding> bindings_;
  Profiler* profiler_ = nullptr;
  Event h2d_start_, h2d_end_, compute_start_, compute_end_, d2h_end_;
  std::chrono::steady_clock::time_point enqueue_start_, enqueue_end_;
};

}  // namespace tool
