// The one device, and errors.
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "stream.h"

namespace hostcuda {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};
constexpr ErrorText kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no device is there"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device number: the host device is number 0"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid stream or event"},
    {cudaErrorNotReady, "cudaErrorNotReady", "work has not ended yet"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "work on a stream failed"},
    {cudaErrorNotPermitted, "cudaErrorNotPermitted", "work on a stream must not wait for that stream"},
    {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice", "a host has no code for kernels of GPUs"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported", "the work of a stream can't be recorded"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated", "the recording of a stream was broken off"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "not supported by the host device"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorText* find_error(cudaError_t error) {
  for (const ErrorText& row : kErrors) {
    if (row.error == error) return &row;
  }
  return nullptr;
}

int processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : int(std::thread::hardware_concurrency());
}

void read_processor_name(char* name, size_t size) {
  std::snprintf(name, size, "host");
  FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (!file) return;
  char line[256];
  while (std::fgets(line, sizeof line, file)) {
    const char* colon = std::strchr(line, ':');
    if (!colon || std::strncmp(line, "model name", 10) != 0) continue;
    line[std::strcspn(line, "\n")] = '\0';
    std::snprintf(name, size, "%s", colon + 2);
    break;
  }
  std::fclose(file);
}

int l2_bytes() {
  const long size = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return size > 0 ? int(size) : 0;
}

}  // namespace

cudaError_t note(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace hostcuda

using hostcuda::note;

cudaError_t cudaGetLastError() {
  const cudaError_t error = hostcuda::last_error;
  hostcuda::last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return hostcuda::last_error; }
const char* cudaGetErrorName(cudaError_t error) {
  const auto* row = hostcuda::find_error(error);
  return row ? row->name : "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  const auto* row = hostcuda::find_error(error);
  return row ? row->text : "unrecognized error code";
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (!count) return note(cudaErrorInvalidValue);
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  if (!device) return note(cudaErrorInvalidValue);
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : note(cudaErrorInvalidDevice); }
cudaError_t cudaSetDeviceFlags(unsigned int flags) { return cudaSuccess; }
cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value) { return cudaSuccess; }
cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit) {
  if (!value) return note(cudaErrorInvalidValue);
  *value = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceReset() { return cudaDeviceSynchronize(); }
cudaError_t cudaProfilerStart() { return cudaSuccess; }
cudaError_t cudaProfilerStop() { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int* driverVersion) {
  if (!driverVersion) return note(cudaErrorInvalidValue);
  *driverVersion = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* runtimeVersion) {
  if (!runtimeVersion) return note(cudaErrorInvalidValue);
  *runtimeVersion = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  if (!prop) return note(cudaErrorInvalidValue);
  if (device != 0) return note(cudaErrorInvalidDevice);
  *prop = cudaDeviceProp{};
  hostcuda::read_processor_name(prop->name, sizeof prop->name);
  size_t unused = 0;
  cudaMemGetInfo(&unused, &prop->totalGlobalMem);
  prop->warpSize = 1;
  prop->maxThreadsPerBlock = 1;
  prop->multiProcessorCount = hostcuda::processors();
  prop->integrated = 1;
  prop->canMapHostMemory = 1;
  prop->unifiedAddressing = 1;
  prop->l2CacheSize = hostcuda::l2_bytes();
  prop->managedMemory = 1;
  prop->pageableMemoryAccess = 1;
  prop->concurrentManagedAccess = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int device) {
  if (!value) return note(cudaErrorInvalidValue);
  if (device != 0) return note(cudaErrorInvalidDevice);
  switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrWarpSize:
    case cudaDevAttrIntegrated:
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrPageableMemoryAccess:
    case cudaDevAttrConcurrentManagedAccess:
    case cudaDevAttrMemoryPoolsSupported:
      *value = 1;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = hostcuda::processors();
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = hostcuda::l2_bytes();
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
    case cudaDevAttrClockRate:
    case cudaDevAttrMemoryClockRate:
    case cudaDevAttrGlobalMemoryBusWidth:
    case cudaDevAttrMaxPersistingL2CacheSize:
    case cudaDevAttrComputeCapabilityMajor:
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
  }
  return note(cudaErrorInvalidValue);
}
