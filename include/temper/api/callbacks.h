// The interfaces that a program implements and the library calls: logger, profiler, allocators, streams, progress.
// Only what is marked `= 0` must be implemented. The library may call them from its own threads where that is said.
#pragma once

#include "types.h"

namespace nvinfer1 {

// Receives every message of the library. The one thing that each program has to implement.
//
//   struct Logger : nvinfer1::ILogger {
//     void log(Severity severity, char const* text) noexcept override { if (severity <= Severity::kWARNING) puts(text); }
//   };
//
// May be called from several threads at once; must not call back into the object that logs.
class ILogger : public IVersionedInterface {
 public:
  enum class Severity : int32_t {
    kINTERNAL_ERROR = 0,  // a fault of the library
    kERROR = 1,           // the call fails
    kWARNING = 2,         // it goes on, though perhaps not as meant
    kINFO = 3,
    kVERBOSE = 4,
  };
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"ILogger", 1, 0}; }
  ILogger() = default;
  ~ILogger() noexcept override = default;
  virtual void log(Severity severity, AsciiChar const* msg) = 0;
};
TEMPER_ENUM_COUNT(ILogger::Severity, 5)

// For plugin libraries: how one finds the logger of the program that loads it.
class ILoggerFinder : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"ILoggerFinder", 1, 0}; }
  virtual ILogger* findLogger() = 0;

 protected:
  ~ILoggerFinder() override = default;
};

// Receives the time of each layer of one inference, in milliseconds, in the order of execution.
class IProfiler : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IProfiler", 1, 0}; }
  ~IProfiler() noexcept override = default;
  virtual void reportLayerTime(char const* layerName, float ms) = 0;
};

enum class AllocatorFlag : int32_t { kRESIZABLE = 0 };
TEMPER_ENUM_COUNT(AllocatorFlag, 1)
using AllocatorFlags = uint32_t;

// Gives the library the memory for activations and scratch. `allocate` returns nullptr when it can't; alignment is a power of
// two in bytes. Must be safe to call from several threads.
class IGpuAllocator : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IGpuAllocator", 1, 0}; }
  IGpuAllocator() = default;
  ~IGpuAllocator() noexcept override = default;
  virtual void* allocate(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags) = 0;
  // Grows a block of kRESIZABLE memory in place or by copying; nullptr: not possible, and the block stays.
  virtual void* reallocate(void* const, uint64_t, uint64_t) { return nullptr; }
  virtual bool deallocate(void* const memory) {
    free(memory);
    return true;
  }
  // The form of level 8, which deallocate() falls back to.
  virtual void free(void* const) {}
  // Stream-ordered forms: the memory is used only by work that the stream runs later.
  virtual void* allocateAsync(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags, cudaStream_t) {
    return allocate(size, alignment, flags);
  }
  virtual bool deallocateAsync(void* const memory, cudaStream_t) { return deallocate(memory); }
};

// An allocator whose stream-ordered forms are the ones to implement; the others are made of them.
class IGpuAsyncAllocator : public IGpuAllocator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IGpuAllocator", 1, 0}; }
  IGpuAsyncAllocator() = default;
  ~IGpuAsyncAllocator() noexcept override = default;
  void* allocateAsync(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags,
                      cudaStream_t stream) override = 0;
  bool deallocateAsync(void* const memory, cudaStream_t stream) override = 0;
  void* allocate(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags) override {
    return allocateAsync(size, alignment, flags, nullptr);
  }
  bool deallocate(void* const memory) override { return deallocateAsync(memory, nullptr); }
};

// Takes the output of data-dependent size: asked for memory once the size is known, then told the shape.
class IOutputAllocator : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IOutputAllocator", 1, 0}; }
  ~IOutputAllocator() noexcept override = default;
  // The form of level 8 without the versioned base.
  virtual int32_t getInterfaceVersion() const { return 1; }
  // Memory of at least `size` bytes for the tensor; currentMemory is what setTensorAddress gave or an earlier call returned.
  virtual void* reallocateOutput(char const* tensorName, void* currentMemory, uint64_t size, uint64_t alignment) {
    return nullptr;
  }
  virtual void* reallocateOutputAsync(char const* tensorName, void* currentMemory, uint64_t size, uint64_t alignment,
                                      cudaStream_t) {
    return reallocateOutput(tensorName, currentMemory, size, alignment);
  }
  // Comes after the memory is settled and before enqueueV3's work has ended.
#if TEMPER_API_LEVEL == 8
  virtual void notifyShape64(char const* tensorName, Dims64 const& dims) { notifyShape(tensorName, impl::dims_as(dims)); }
#endif
  virtual void notifyShape(char const* tensorName, Dims const& dims) = 0;
};

// Told of the values of tensors that the network marked with markDebug, as an inference passes them. Returns false to say that
// it failed, which the library logs; the inference goes on.
class IDebugListener : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IDebugListener", 1, 0}; }
  ~IDebugListener() noexcept override = default;
#if TEMPER_API_LEVEL == 8
  virtual bool processDebugTensor64(void const* address, TensorLocation location, DataType type, Dims64 const& shape,
                                    char const* name, cudaStream_t stream) {
    return processDebugTensor(address, location, type, impl::dims_as(shape), name, stream);
  }
#endif
  virtual bool processDebugTensor(void const* address, TensorLocation location, DataType type, Dims const& shape,
                                  char const* name, cudaStream_t stream) = 0;
};

// Reads a plan piece by piece: returns how many bytes it wrote to destination, less than nbBytes only at the end, negative on
// error.
class IStreamReader : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IStreamReader", 1, 0}; }
  IStreamReader() = default;
  ~IStreamReader() noexcept override = default;
  virtual int64_t read(void* destination, int64_t nbBytes) = 0;
};

enum class SeekPosition : int32_t { kSET = 0, kCUR = 1, kEND = 2 };
TEMPER_ENUM_COUNT(SeekPosition, 3)

// The same with random access; destination may be device memory, filled in the order of the stream.
class IStreamReaderV2 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IStreamReaderV2", 1, 0}; }
  IStreamReaderV2() = default;
  ~IStreamReaderV2() noexcept override = default;
  virtual int64_t read(void* destination, int64_t nbBytes, cudaStream_t stream) = 0;
  virtual bool seek(int64_t offset, SeekPosition where) = 0;
};

// Takes a plan piece by piece as it is written; returns how many bytes it took: fewer than nbBytes is an error and ends the
// build.
class IStreamWriter : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept final { return {"IStreamWriter", 1, 0}; }
  IStreamWriter() = default;
  ~IStreamWriter() noexcept override = default;
  virtual int64_t write(void const* data, int64_t nbBytes) = 0;
};

// Follows a build. Phases nest: parentPhase is nullptr for the outermost. A phase of n steps reports each step as it ends;
// stepComplete returning false cancels the build, which then returns nullptr. Called from the building thread.
class IProgressMonitor : public IVersionedInterface {
 public:
  IProgressMonitor() = default;
  ~IProgressMonitor() noexcept override = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IProgressMonitor", 1, 0}; }
  virtual void phaseStart(char const* phaseName, char const* parentPhase, int32_t nbSteps) = 0;
  virtual bool stepComplete(char const* phaseName, int32_t step) = 0;
  virtual void phaseFinish(char const* phaseName) = 0;
};

namespace v_1_0 {
using nvinfer1::IDebugListener;
using nvinfer1::IGpuAllocator;
using nvinfer1::IGpuAsyncAllocator;
using nvinfer1::ILogger;
using nvinfer1::ILoggerFinder;
using nvinfer1::IOutputAllocator;
using nvinfer1::IProfiler;
using nvinfer1::IProgressMonitor;
using nvinfer1::IStreamReader;
using nvinfer1::IStreamReaderV2;
using nvinfer1::IStreamWriter;
}  // namespace v_1_0

}  // namespace nvinfer1
