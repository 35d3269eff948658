// What a GpuQueue runs: launches that put work on a stream, of kernels of our own or of a library.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "backend/base/backend.h"
#include "backend/cuda/run/driver.h"

namespace temper::cuda {

class DeviceLaunch : public Launch {
 public:
  // `nodes`: of a stream that is being captured; takes what the kernels became that rebind() changes.
  virtual Status run(const Driver& driver, CuStream stream, std::span<std::byte* const> buffers, std::byte* workspace,
                     std::vector<CuGraphNode>* nodes) = 0;
  // Gives the nodes that run() made other addresses. kUnsupported: they must be captured again.
  virtual Status rebind(const GpuDevice& gpu, CuGraphRun graph, std::span<const CuGraphNode> nodes,
                        std::span<std::byte* const> buffers, std::byte* workspace) = 0;
};

class DeviceKernel : public Kernel {
 public:
  virtual std::string_view name() const = 0;
  // `trouble`: the queue's word; `ordinal`: what is noted there, at least 1.
  virtual Expected<std::unique_ptr<DeviceLaunch>> prepare(std::span<const int64_t> numbers,
                                                          std::span<const int64_t> buffer_bytes, CuPointer trouble,
                                                          int64_t ordinal) const = 0;
};

}  // namespace temper::cuda
