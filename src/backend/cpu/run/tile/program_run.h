// ProgramRun: a decoded tile program, planned for one set of numbers and ready to run on buffers. The kernel kind "tile" is
// this and nothing else; other kinds use it to bring operands into the form that they work on.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "backend/cpu/run/kernel.h"
#include "backend/cpu/run/tile/plan.h"

namespace temper::cpu::tile {

class ProgramRun final : public Launch {
 public:
  static Expected<std::unique_ptr<ProgramRun>> prepare(const Program& program, std::span<const int64_t> parameters,
                                                       std::span<const int64_t> buffer_bytes);

  int64_t workspace_bytes(int workers) const override { return per_worker() * workers; }
  // Changes nothing in this object: several threads may run it at the same time, each with buffers and workspace of its own.
  Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override;

 private:
  ProgramRun(KernelPlan plan, int buffers) : plan_(std::move(plan)), buffers_(buffers) {}
  int64_t per_worker() const { return (plan_.scratch_bytes + 127) & ~int64_t{63}; }
  struct Job {
    const ProgramRun& program;
    std::byte* const* buffers;
    std::byte* workspace;
    std::atomic<int> fault{0};
  };
  void task(Job& job, int64_t t, int worker) const;

  KernelPlan plan_;
  int buffers_;
};

// A program that is a kernel of its own, not an epilogue.
Expected<Program> decode_kernel_program(ByteReader& blob);

}  // namespace temper::cpu::tile
