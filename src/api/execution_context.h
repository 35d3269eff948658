// ContextView: an IExecutionContext. The caller's thread keeps shapes and addresses as they are set; each enqueue takes a copy
// of them (a Run) to the stream, where the one runtime Context of this object executes it. So shapes and addresses may be set
// anew as soon as enqueueV3 returns. A stream of NVIDIA's runtime is given the work on the caller's thread.
//
// After the first enqueue of a shape an enqueue allocates nothing: Runs are kept for reuse, and what was checked is not checked
// again.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "api/engine.h"
#include "runtime/context.h"

namespace temper::api {

class ContextView final : public nvinfer1::IExecutionContext {
 public:
  ContextView(const EngineView& engine, const Reporter& reporter, std::shared_ptr<const EngineFacts> facts);
  ~ContextView() noexcept override;

  bool setOptimizationProfileAsync(int32_t profile, cudaStream_t stream) noexcept override;
  int32_t getOptimizationProfile() const noexcept override { return profile_; }

  bool setInputShape(char const* name, nvinfer1::Dims const& dims) noexcept override;
  nvinfer1::Dims getTensorShape(char const* name) const noexcept override;
  nvinfer1::Dims getTensorStrides(char const* name) const noexcept override;
  bool allInputDimensionsSpecified() const noexcept override;
  bool allInputShapesSpecified() const noexcept override { return allInputDimensionsSpecified(); }
  int32_t inferShapes(int32_t count, char const** names) noexcept override;

  bool setTensorAddress(char const* name, void* data) noexcept override;
  void const* getTensorAddress(char const* name) const noexcept override;
  bool setInputTensorAddress(char const* name, void const* data) noexcept override;
  bool setOutputTensorAddress(char const* name, void* data) noexcept override;
  void* getOutputTensorAddress(char const* name) const noexcept override;
  bool setOutputAllocator(char const* name, nvinfer1::IOutputAllocator* allocator) noexcept override;
  nvinfer1::IOutputAllocator* getOutputAllocator(char const* name) const noexcept override;
  int64_t getMaxOutputSize(char const* name) const noexcept override;

  bool enqueueV3(cudaStream_t stream) noexcept override;
  bool executeV2(void* const* bindings) noexcept override;
  bool setInputConsumedEvent(cudaEvent_t event) noexcept override {
    consumed_ = event;
    return true;
  }
  cudaEvent_t getInputConsumedEvent() const noexcept override { return consumed_; }

  void setProfiler(nvinfer1::IProfiler* profiler) noexcept override { profiler_ = profiler; }
  nvinfer1::IProfiler* getProfiler() const noexcept override { return profiler_; }
  void setEnqueueEmitsProfile(bool emits) noexcept override { emits_profile_ = emits; }
  bool getEnqueueEmitsProfile() const noexcept override { return emits_profile_; }
  bool reportToProfiler() const noexcept override;

  bool setTemporaryStorageAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override {
    storage_allocator_ = allocator;
    return true;
  }
  nvinfer1::IGpuAllocator* getTemporaryStorageAllocator() const noexcept override { return storage_allocator_; }

  // The library takes the memory for activations itself; what the program gives is left alone.
  void setDeviceMemory(void* memory) noexcept override {}
  void setDeviceMemoryV2(void* memory, int64_t size) noexcept override {}
  size_t updateDeviceMemorySizeForShapes() noexcept override;
  void setPersistentCacheLimit(size_t bytes) noexcept override { cache_limit_ = bytes; }
  size_t getPersistentCacheLimit() const noexcept override { return cache_limit_; }
  // A run is one sequence of kernels on the stream that it was given.
  void setAuxStreams(cudaStream_t* streams, int32_t count) noexcept override {}
  void setDebugSync(bool sync) noexcept override { debug_sync_ = sync; }
  bool getDebugSync() const noexcept override { return debug_sync_; }
  bool setNvtxVerbosity(nvinfer1::ProfilingVerbosity verbosity) noexcept override;
  nvinfer1::ProfilingVerbosity getNvtxVerbosity() const noexcept override { return nvtx_verbosity_; }
  nvinfer1::IRuntimeConfig* getRuntimeConfig() const noexcept override { return nullptr; }
  // No tensor is a debug tensor.
  bool setDebugListener(nvinfer1::IDebugListener* listener) noexcept override {
    debug_listener_ = listener;
    return true;
  }
  nvinfer1::IDebugListener* getDebugListener() noexcept override { return debug_listener_; }
  bool setTensorDebugState(char const* name, bool on) noexcept override;
  bool getDebugState(char const*) const noexcept override { return false; }
  bool setAllTensorsDebugState(bool) noexcept override { return true; }
  bool setUnfusedTensorsDebugState(bool) noexcept override { return true; }
  bool getUnfusedTensorsDebugState() const noexcept override { return false; }
  bool setCommunicator(void* communicator) noexcept override;
  bool execute(int32_t batch, void* const* bindings) noexcept override;
  bool enqueue(int32_t batch, void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) noexcept override;
  bool getShapeBinding(int32_t index, int32_t* data) const noexcept override;

  nvinfer1::ICudaEngine const& getEngine() const noexcept override { return engine_; }
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name_.c_str(); }
  TEMPER_API_RECORDER(reporter_)

 private:
  // What one enqueue saw. By tensor, but `extents`: those of all inputs, one after another.
  struct Run {
    ContextView* context;
    std::vector<void*> addresses;
    std::vector<nvinfer1::IOutputAllocator*> allocators;
    std::vector<int64_t> extents;
    uint64_t shape_version;
    cudaStream_t stream;
    bool timed;
  };

  int find(char const* name) const noexcept;  // reports an unknown name
  int find_output(char const* name) const noexcept;
  bool has_shape(int input) const;
  // All of an input's extents, as the plan has them.
  Status set_extents(int input, std::span<const int64_t> extents);
  // Of all inputs that have an implicit batch.
  Status set_batch(int32_t size, const char* call);
  // Shapes of outputs, once all inputs have one; computed again only when a shape has changed.
  Status resolve() const;
  int64_t byte_size(int tensor) const;  // -1: not known yet
  Status check_ready();
  Run* take_run();
  void give_back(Run* run);
  void fill(Run& run, cudaStream_t stream);
  static cudaError_t work(void* run) noexcept;
  // Waits for the end, or leaves the run to its stream, which is the driver's.
  enum class Way { kWait, kStream };
  Status execute(const Run& run, Way way);
  Status enqueue_on_device(const Run& run);
  void* output_address(int output, int64_t bytes);

  const EngineView& engine_;
  Reporter reporter_;
  std::shared_ptr<const EngineFacts> facts_;
  int32_t profile_ = 0;
  std::string name_;
  cudaEvent_t consumed_ = nullptr;
  nvinfer1::IProfiler* profiler_ = nullptr;
  bool emits_profile_ = true;
  nvinfer1::IGpuAllocator* storage_allocator_ = nullptr;
  nvinfer1::IDebugListener* debug_listener_ = nullptr;
  nvinfer1::ProfilingVerbosity nvtx_verbosity_ = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
  size_t cache_limit_ = 0;
  bool debug_sync_ = false;

  // As the caller sets it.
  mutable Context shapes_;  // shapes only: it never runs
  uint64_t shape_version_ = 1;
  std::vector<void*> addresses_;
  std::vector<nvinfer1::IOutputAllocator*> allocators_;
  bool checked_ = false;  // shapes and addresses are good, as they are now

  std::mutex runs_mutex_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::vector<Run*> idle_runs_;
  std::atomic<int> pending_{0};

  // What executes, one Run at a time.
  mutable std::mutex run_mutex_;
  Context run_;
  uint64_t run_version_ = 0;  // whose shapes run_ has
  const Run* current_ = nullptr;
  std::vector<int64_t> step_ns_;  // of the last timed run, by step
};

}  // namespace temper::api
