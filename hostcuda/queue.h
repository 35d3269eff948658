// The door through which an inference engine puts its work on a stream of hostcuda.
//
// Work runs in the stream's order, once, on the thread of the stream or on a thread that waits for it. A result other than
// cudaSuccess is returned by the next call that waits for the stream. Submitting allocates nothing once the stream's queue has
// reached its size, and never blocks for other work.
//
// A program that links NVIDIA's runtime in place of hostcuda has none: the address of submit() is null there, and streams are
// those of the driver.
//
//   if (hostcuda::submit) hostcuda::submit(stream, [](void* context) { return static_cast<Context*>(context)->run(); },
//   context);
#pragma once

#include "cuda_runtime_api.h"

namespace hostcuda {

using Work = cudaError_t (*)(void* argument);

[[gnu::weak]] cudaError_t submit(cudaStream_t stream, Work work, void* argument) noexcept;

}  // namespace hostcuda
