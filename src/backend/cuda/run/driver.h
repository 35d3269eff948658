// The CUDA driver, found at run time: a table of its functions, and its devices.
//
// Nothing of the toolkit is needed to build: the few types that the functions take are declared here. A machine without a
// driver, or with one that is too old, is an Error that says so. Calls go through `check`, which names the function and the
// driver's words.
//
//   const Driver& driver = *TEMPER_TRY(Driver::get());
//   std::shared_ptr<GpuDevice> gpu = TEMPER_TRY(GpuDevice::open(driver, 0));
//   CurrentContext current(*gpu);                                          // for this thread, until the end of the scope
//   TEMPER_TRY(driver.check(driver.api.cuStreamCreate(&stream, 0), "cuStreamCreate"));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/dynlib.h"
#include "base/error.h"

namespace temper::cuda {

using CuResult = int;
using CuDevice = int;
using CuPointer = unsigned long long;
using CuContext = struct CuContextTag*;
using CuStream = struct CuStreamTag*;
using CuEvent = struct CuEventTag*;
using CuModule = struct CuModuleTag*;
using CuGraph = struct CuGraphTag*;
using CuGraphRun = struct CuGraphRunTag*;  // CUgraphExec
using CuGraphNode = struct CuGraphNodeTag*;
using CuFunction = struct CuFunctionTag*;

// CUDA_KERNEL_NODE_PARAMS_v2.
struct CuKernelNode {
  CuFunction function = nullptr;
  unsigned grid_x = 1, grid_y = 1, grid_z = 1, block_x = 1, block_y = 1, block_z = 1;
  unsigned shared_bytes = 0;
  void** parameters = nullptr;
  void** extra = nullptr;
  void* kernel = nullptr;
  CuContext context = nullptr;
};

// CUlaunchAttribute and CUlaunchConfig.
struct CuLaunchAttribute {
  int id = 0;
  int unused = 0;
  int value = 0;
  char rest[60] = {};
};
struct CuLaunch {
  unsigned grid_x = 1, grid_y = 1, grid_z = 1, block_x = 1, block_y = 1, block_z = 1;
  unsigned shared_bytes = 0;
  CuStream stream = nullptr;
  const CuLaunchAttribute* attributes = nullptr;
  unsigned attribute_count = 0;
};

// The numbers are those of cuda.h.
inline constexpr int kStreamNonBlocking = 1;
inline constexpr unsigned kEventWithoutTime = 2;
inline constexpr int kCaptureOfThread = 1;            // other threads may call the driver meanwhile
inline constexpr unsigned kHostMemoryForDevices = 3;  // portable and mapped
inline constexpr int kAttributeMajor = 75, kAttributeMinor = 76, kAttributeMultiprocessors = 16, kAttributeCacheBytes = 38,
                     kAttributeMemoryPools = 115;
inline constexpr int kPointerMemoryType = 2;     // of cuPointerGetAttribute; 1 host, 2 device, 4 unified
inline constexpr int kAttributeSharedBytes = 8;  // of cuFuncSetAttribute: the most dynamic shared memory
inline constexpr int kCapturing = 1;             // of cuStreamIsCapturing; 0 not, 2 invalidated
inline constexpr int kLaunchTogether = 2;        // cooperative: all blocks are there at once, or the launch fails
inline constexpr int kLaunchEarly = 6;           // programmatic serialization with the kernel before it in the stream
// Of cuTensorMapEncodeTiled.
inline constexpr int kMapF16 = 6, kMapBF16 = 9, kMapSwizzle128 = 3, kMapPromotion256 = 3;
inline constexpr int kLeastDriver = 12030;

struct DriverApi {
#define DRIVER(name, parameters, required) CuResult(*name) parameters = nullptr;
#include "backend/cuda/run/driver.def"
#undef DRIVER
};

class Driver {
 public:
  // The driver of this machine, or the library that TEMPER_CUDA_DRIVER names, opened once; the answer stays the same for the
  // life of the process.
  static Expected<const Driver*> get();
  // From libraries of these names; what get() does with the names of the real driver.
  static Expected<std::unique_ptr<Driver>> open(std::span<const std::string> names);

  DriverApi api;
  int version() const { return version_; }
  Expected<int> device_count() const;
  // No error for 0; else what the driver says about it.
  Status check(CuResult result, const char* function) const;

 private:
  Driver() = default;
  std::optional<DynamicLibrary> library_;
  int version_ = 0;
};

// One device and its primary context, which frameworks in the same process share.
class GpuDevice {
 public:
  static Expected<std::shared_ptr<GpuDevice>> open(const Driver& driver, int ordinal);
  ~GpuDevice();
  GpuDevice(const GpuDevice&) = delete;
  GpuDevice& operator=(const GpuDevice&) = delete;

  const Driver& driver() const { return driver_; }
  CuContext context() const { return context_; }
  const std::string& name() const { return name_; }
  int architecture() const { return architecture_; }  // 90 for compute capability 9.0
  int multiprocessors() const { return multiprocessors_; }
  int64_t cache_bytes() const { return cache_bytes_; }  // of the L2 cache

 private:
  explicit GpuDevice(const Driver& driver) : driver_(driver) {}
  const Driver& driver_;
  CuDevice device_ = 0;
  CuContext context_ = nullptr;
  std::string name_;
  int architecture_ = 0, multiprocessors_ = 0, cache_bytes_ = 0;
};

// Makes the device's context the thread's current one; the one before comes back at the end.
class CurrentContext {
 public:
  explicit CurrentContext(const GpuDevice& device) : device_(device) {
    result_ = device.driver().api.cuCtxPushCurrent_v2(device.context());
  }
  ~CurrentContext() {
    CuContext old = nullptr;
    if (result_ == 0) device_.driver().api.cuCtxPopCurrent_v2(&old);
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;
  Status status() const { return device_.driver().check(result_, "cuCtxPushCurrent"); }

 private:
  const GpuDevice& device_;
  CuResult result_;
};

}  // namespace temper::cuda
