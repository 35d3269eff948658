#include "backend/cuda/run/gpu_backend.h"

#include <algorithm>
#include <string>

#include "backend/cuda/run/gpu_kernel.h"
#include "backend/cuda/run/gpu_queue.h"
#include "backend/cuda/run/lt_kernel.h"
#include "backend/cuda/run/nvrtc.h"

namespace temper::cuda {
namespace {

class GpuBackend final : public Backend {
 public:
  explicit GpuBackend(std::shared_ptr<GpuDevice> gpu) : gpu_(std::move(gpu)) {}

  void foresee(std::string_view kernel, std::span<const std::byte> blob) override {
    ByteReader reader(blob);
    auto program = decode_program(reader);
    if (kernel == kKernelName && program.ok() && !program->runs_on(gpu_->architecture()))
      begin_compiling(program->source, gpu_->architecture());
  }

  Expected<std::unique_ptr<Kernel>> decode(std::string_view kernel, std::span<const std::byte> blob) override {
    if (kernel == kLtKernelName) {
      ByteReader reader(blob);
      LtProgram program = TEMPER_TRY(decode_lt_program(reader));
      TEMPER_TRY(reader.finish());
      if (!lt_) lt_ = TEMPER_TRY(LtDevice::open(gpu_));
      return std::unique_ptr<Kernel>(TEMPER_TRY(LtKernel::load(lt_, std::move(program))));
    }
    if (kernel != kKernelName) {
      return Error(ErrorCode::kIncompatible, "the plan uses the GPU kernel '" + std::string(kernel) +
                                                 "', which this version of Temper does not have; build the plan again");
    }
    ByteReader reader(blob);
    KernelProgram program = TEMPER_TRY(decode_program(reader));
    TEMPER_TRY(reader.finish());
    compiled_ += !program.runs_on(gpu_->architecture());
    return std::unique_ptr<Kernel>(TEMPER_TRY(GpuKernel::load(gpu_, std::move(program))));
  }

  std::vector<std::string> remarks() const override {
    if (compiled_ == 0) return {};
    return {std::to_string(compiled_) + " kernels of the plan had no machine code for '" + gpu_->name() + "' (sm_" +
            std::to_string(gpu_->architecture()) +
            ") and were compiled when it was loaded, as they were chosen for another device; build the plan for this one to "
            "have it tuned"};
  }

  // One block of memory, in which the parts lie as near to each other as in the file: neighbours are written together.
  Expected<Placed> place_weights(std::span<const std::byte> weights, std::span<const Part> used,
                                 std::shared_ptr<const void>) override {
    struct Piece {
      size_t from, end, to;
    };
    std::vector<Part> sorted(used.begin(), used.end());
    std::sort(sorted.begin(), sorted.end(), [](const Part& a, const Part& b) { return a.offset < b.offset; });
    std::vector<Piece> pieces;
    size_t total = 0;
    for (const Part& part : sorted) {
      constexpr size_t kGap = 256;  // the alignment of parts in a file leaves less
      if (pieces.empty() || part.offset > pieces.back().end + kGap) {
        total = (total + kGap - 1) / kGap * kGap;
        pieces.push_back({part.offset, part.offset, total});
      }
      pieces.back().end = std::max(pieces.back().end, part.offset + part.bytes);
      total = pieces.back().to + (pieces.back().end - pieces.back().from);
    }
    Placed placed;
    if (total == 0) {
      placed.addresses.resize(used.size());
      return placed;
    }
    std::shared_ptr<Queue> queue = TEMPER_TRY(GpuQueue::make(gpu_));
    std::byte* memory = queue->allocate(int64_t(total));
    if (!memory) {
      return Error(ErrorCode::kOutOfMemory,
                   "the GPU has no memory for the " + std::to_string(total) +
                       " bytes of the plan's weights; end other programs on it, or choose another GPU");
    }
    placed.memory = std::shared_ptr<const void>(memory, [queue, memory](const void*) { queue->release(memory); });
    for (const Piece& p : pieces) TEMPER_TRY(queue->write(memory + p.to, weights.data() + p.from, int64_t(p.end - p.from)));
    TEMPER_TRY(queue->finish());
    for (const Part& part : used) {
      auto piece = std::upper_bound(pieces.begin(), pieces.end(), part.offset,
                                    [](size_t offset, const Piece& p) { return offset < p.from; });
      placed.addresses.push_back(memory + std::prev(piece)->to + (part.offset - std::prev(piece)->from));
    }
    return placed;
  }

  bool has_streams() const override { return true; }
  Expected<std::unique_ptr<Queue>> make_queue() override { return std::unique_ptr<Queue>(TEMPER_TRY(GpuQueue::make(gpu_))); }

 private:
  std::shared_ptr<GpuDevice> gpu_;
  std::shared_ptr<LtDevice> lt_;  // where a kernel needs it
  int compiled_ = 0;
};

// The one that the calling thread has made current (cudaSetDevice does), else the first.
Expected<std::shared_ptr<Backend>> open_current_gpu(std::string_view) {
  const Driver* driver = TEMPER_TRY(Driver::get());
  CuDevice device = 0;
  if (driver->api.cuCtxGetDevice(&device) != 0) device = 0;
  return make_gpu_backend(TEMPER_TRY(GpuDevice::open(*driver, device)));
}

const RegisterBackend kGpu{"sm", &open_current_gpu};

}  // namespace

std::shared_ptr<Backend> make_gpu_backend(std::shared_ptr<GpuDevice> gpu) {
  return std::make_shared<GpuBackend>(std::move(gpu));
}

}  // namespace temper::cuda
