// GpuBackend: the Backend of one NVIDIA GPU.
//
// Weights lie there once, for all contexts; see gpu_queue.h for what runs.
//
//   auto backend = TEMPER_TRY(make_gpu_backend(gpu));          // over any GpuDevice: tests give it one of a stub driver
#pragma once

#include "backend/base/backend.h"
#include "backend/cuda/run/driver.h"

namespace temper::cuda {

std::shared_ptr<Backend> make_gpu_backend(std::shared_ptr<GpuDevice> gpu);

}  // namespace temper::cuda
