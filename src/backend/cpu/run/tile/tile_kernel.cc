// The kernel kind "tile": decodes a Program, plans it for each shape, runs its blocks.
#include "backend/cpu/run/tile/program_run.h"

namespace temper::cpu::tile {
namespace {

class TileKernel final : public Kernel {
 public:
  explicit TileKernel(Program program) : program_(std::move(program)) {}
  int buffer_count() const override { return static_cast<int>(program_.buffers.size()); }
  int parameter_count() const override { return program_.parameters; }
  bool writes(int buffer) const override { return stores_to(program_, buffer); }
  Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters,
                                            std::span<const int64_t> buffer_bytes) const override {
    return std::unique_ptr<Launch>(TEMPER_TRY(ProgramRun::prepare(program_, parameters, buffer_bytes)));
  }

 private:
  Program program_;
};

Expected<std::unique_ptr<Kernel>> decode_tile(ByteReader& blob) {
  return std::unique_ptr<Kernel>(std::make_unique<TileKernel>(TEMPER_TRY(decode_kernel_program(blob))));
}

const RegisterKernel kTile{"tile", &decode_tile};

}  // namespace
}  // namespace temper::cpu::tile
