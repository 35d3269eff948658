// The CUDA runtime for machines without CUDA: the calls that programs around an inference engine make. See driver_types.h.
//
// Differences worth knowing:
//  - There is one device, number 0. Device, managed and pinned memory are host memory, aligned to 256 bytes.
//  - A stream runs its work in order, on a thread of its own or on a thread that waits for it (which is then as quick as a
//  call).
//  - cudaMemcpyAsync from or to memory that is not pinned keeps CUDA's promise: the source may be changed on return, and a copy
//    to such memory has ended on return.
#pragma once

#include "driver_types.h"

#define CUDART_VERSION 12000
#define CUDART_CB
#define HOSTCUDA_VERSION 1

#ifdef __cplusplus
#define HOSTCUDA_API extern "C" __attribute__((visibility("default")))
#else
#define HOSTCUDA_API extern __attribute__((visibility("default")))
#endif

typedef void(CUDART_CB* cudaHostFn_t)(void* userData);
typedef void(CUDART_CB* cudaStreamCallback_t)(cudaStream_t stream, cudaError_t status, void* userData);

// Errors. The last error of a thread stays until cudaGetLastError takes it.
HOSTCUDA_API cudaError_t cudaGetLastError(void);
HOSTCUDA_API cudaError_t cudaPeekAtLastError(void);
HOSTCUDA_API const char* cudaGetErrorName(cudaError_t error);
HOSTCUDA_API const char* cudaGetErrorString(cudaError_t error);

// The device.
HOSTCUDA_API cudaError_t cudaGetDeviceCount(int* count);
HOSTCUDA_API cudaError_t cudaGetDevice(int* device);
HOSTCUDA_API cudaError_t cudaSetDevice(int device);
HOSTCUDA_API cudaError_t cudaSetDeviceFlags(unsigned int flags);
HOSTCUDA_API cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp* prop, int device);
HOSTCUDA_API cudaError_t cudaDeviceGetAttribute(int* value, enum cudaDeviceAttr attr, int device);
HOSTCUDA_API cudaError_t cudaDeviceSetLimit(enum cudaLimit limit, size_t value);
HOSTCUDA_API cudaError_t cudaDeviceGetLimit(size_t* value, enum cudaLimit limit);
HOSTCUDA_API cudaError_t cudaDeviceSynchronize(void);
HOSTCUDA_API cudaError_t cudaDeviceReset(void);
HOSTCUDA_API cudaError_t cudaDriverGetVersion(int* driverVersion);
HOSTCUDA_API cudaError_t cudaRuntimeGetVersion(int* runtimeVersion);
HOSTCUDA_API cudaError_t cudaProfilerStart(void);
HOSTCUDA_API cudaError_t cudaProfilerStop(void);

// Memory.
HOSTCUDA_API cudaError_t cudaMalloc(void** devPtr, size_t size);
HOSTCUDA_API cudaError_t cudaFree(void* devPtr);
HOSTCUDA_API cudaError_t cudaMallocAsync(void** devPtr, size_t size, cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaFreeAsync(void* devPtr, cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaMallocHost(void** ptr, size_t size);
HOSTCUDA_API cudaError_t cudaHostAlloc(void** ptr, size_t size, unsigned int flags);
HOSTCUDA_API cudaError_t cudaFreeHost(void* ptr);
HOSTCUDA_API cudaError_t cudaHostRegister(void* ptr, size_t size, unsigned int flags);
HOSTCUDA_API cudaError_t cudaHostUnregister(void* ptr);
HOSTCUDA_API cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned int flags);
HOSTCUDA_API cudaError_t cudaMallocManaged(void** devPtr, size_t size, unsigned int flags);
HOSTCUDA_API cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
HOSTCUDA_API cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes* attributes, const void* ptr);
HOSTCUDA_API cudaError_t cudaMemcpy(void* dst, const void* src, size_t count, enum cudaMemcpyKind kind);
HOSTCUDA_API cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t count, enum cudaMemcpyKind kind,
                                         cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaMemcpy2D(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                                      enum cudaMemcpyKind kind);
HOSTCUDA_API cudaError_t cudaMemcpy2DAsync(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width,
                                           size_t height, enum cudaMemcpyKind kind, cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaMemset(void* devPtr, int value, size_t count);
HOSTCUDA_API cudaError_t cudaMemsetAsync(void* devPtr, int value, size_t count, cudaStream_t stream);

// Streams. The null stream orders itself with all streams that were not made with cudaStreamNonBlocking.
HOSTCUDA_API cudaError_t cudaStreamCreate(cudaStream_t* stream);
HOSTCUDA_API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags);
HOSTCUDA_API cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int priority);
HOSTCUDA_API cudaError_t cudaStreamDestroy(cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaStreamSynchronize(cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaStreamQuery(cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus* status);
HOSTCUDA_API cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void* userData);
HOSTCUDA_API cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* userData,
                                               unsigned int flags);

// Recording the work of a stream: cudaErrorNotSupported, so that a program goes on without.
HOSTCUDA_API cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);
HOSTCUDA_API cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
HOSTCUDA_API cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags);
HOSTCUDA_API cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaGraphDestroy(cudaGraph_t graph);
HOSTCUDA_API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

// Events.
HOSTCUDA_API cudaError_t cudaEventCreate(cudaEvent_t* event);
HOSTCUDA_API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags);
HOSTCUDA_API cudaError_t cudaEventDestroy(cudaEvent_t event);
HOSTCUDA_API cudaError_t cudaEventSynchronize(cudaEvent_t event);
HOSTCUDA_API cudaError_t cudaEventQuery(cudaEvent_t event);
HOSTCUDA_API cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end);
#ifdef __cplusplus
HOSTCUDA_API cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = 0);
HOSTCUDA_API cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags = 0);
#else
HOSTCUDA_API cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
HOSTCUDA_API cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags);
#endif

// Kernels: cudaErrorNoKernelImageForDevice, as a host has no code for them.
HOSTCUDA_API cudaError_t cudaLaunchKernel(const void* func, struct dim3 gridDim, struct dim3 blockDim, void** args,
                                          size_t sharedMem, cudaStream_t stream);
