// Kernel: one launch step of a CPU plan, in the two forms that the runtime needs.
//
// A Kernel is what the plan holds, decoded and verified once: immutable, shared by all contexts and threads. Sizes, strides and
// offsets in it are numbers of parameters, which the plan's ShapePrograms compute. `prepare` fixes them for one shape and
// returns a Launch, which belongs to one context; whatever needs checking or allocating is done there, so that `Launch::run`
// only computes. A Launch may read and write only inside the buffers: prepare() is given their sizes and refuses parameters
// that would lead outside.
//
// Kernels register under a name ("tile", "contract", ...) with a function that decodes the parameter blob of a plan: untrusted
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/base/backend.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/parallel.h"

namespace temper::cpu {

class Launch : public temper::Launch {
 public:
  // buffers: one pointer per buffer of the step, inputs and outputs as the kernel numbers them. Allocates nothing unless it
  // fails.
  virtual Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) = 0;

  // Which way the next run should go (Executor::go_backwards): each time the other.
  bool turn() { return std::exchange(backwards_, !backwards_); }

 private:
  bool backwards_ = false;
};

class Kernel : public temper::Kernel {
 public:
  // buffer_bytes[i] is how much of buffer i may be touched.
  virtual Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters,
                                                    std::span<const int64_t> buffer_bytes) const = 0;
};

using KernelDecoder = Expected<std::unique_ptr<Kernel>> (*)(ByteReader& blob);

// Adds a kernel kind; called by static initialisers `const RegisterKernel kTile{"tile", &decode_tile};`.
struct RegisterKernel {
  RegisterKernel(std::string_view name, KernelDecoder decoder);
};
Expected<std::unique_ptr<Kernel>> decode_kernel(std::string_view name, std::span<const std::byte> blob);

}  // namespace temper::cpu
