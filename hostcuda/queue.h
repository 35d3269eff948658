// The door through which an inference engine puts its work on a stream of hostcuda.
//
// Work runs in the stream's order, once, on the thread of the stream or on a thread that waits for it. A result other than
// cudaSuccess is returned by the next call that waits for the stream. Submitting allocates nothing once the stream's queue has
// reached its size, and never blocks for other work.
//
//   hostcuda::submit(stream, [](void* context) { return static_cast<Context*>(context)->run(); }, context);
#pragma once

#include "cuda_runtime_api.h"

namespace hostcuda {

using Work = cudaError_t (*)(void* argument);

cudaError_t submit(cudaStream_t stream, Work work, void* argument) noexcept;

}  // namespace hostcuda
