// GpuBackend: the Backend of one NVIDIA GPU.
//
// Its queue is a stream of its own, with memory from the device's stream-ordered pool. Kernels find an index that is out of
// range when they run, on the device: they note it in a word of the queue, stay inside their buffers, and the next `read` or
// `finish` makes it an Error that names the kernel.
//
//   auto backend = TEMPER_TRY(make_gpu_backend(gpu));          // over any GpuDevice: tests give it one of a stub driver
#pragma once

#include "backend/base/backend.h"
#include "backend/cuda/run/driver.h"

namespace temper::cuda {

std::shared_ptr<Backend> make_gpu_backend(std::shared_ptr<GpuDevice> gpu);

}  // namespace temper::cuda
