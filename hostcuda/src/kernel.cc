// Kernels: a program that has some links, and its launches say that a host has no code for them. What nvcc writes into a
// program registers its kernels when it starts, and goes through the same calls for each launch.
#include "stream.h"

using hostcuda::note;

cudaError_t cudaLaunchKernel(const void*, dim3, dim3, void**, size_t, cudaStream_t) {
  return note(cudaErrorNoKernelImageForDevice);
}

// The names are those that nvcc writes.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming)
extern "C" {

__attribute__((visibility("default"))) void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
__attribute__((visibility("default"))) void __cudaRegisterFatBinaryEnd(void**) {}
__attribute__((visibility("default"))) void __cudaUnregisterFatBinary(void**) {}
__attribute__((visibility("default"))) void __cudaRegisterFunction(void**, const char*, char*, const char*, int, void*, void*,
                                                                   dim3*, dim3*, int*) {}
__attribute__((visibility("default"))) void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
// Where a launch puts its grid until the kernel's stub on the host asks for it: the stub launches whatever it gets.
__attribute__((visibility("default"))) unsigned __cudaPushCallConfiguration(dim3, dim3, size_t, cudaStream_t) { return 0; }
__attribute__((visibility("default"))) cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, size_t*, void*) {
  return cudaSuccess;
}
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)
