#include "backend/cpu/run/tile/program_run.h"

#include "backend/cpu/run/tile/reduce.h"
#include "backend/cpu/run/tile/run_stage.h"

namespace temper::cpu::tile {
namespace {

constexpr double kWorthForking = 8000;  // ns: waking the workers costs a part of that
constexpr int kMaxPlaces = 128;

}  // namespace

Expected<std::unique_ptr<ProgramRun>> ProgramRun::prepare(const Program& program, std::span<const int64_t> parameters,
                                                          std::span<const int64_t> buffer_bytes) {
  KernelPlan plan = TEMPER_TRY(make_plan(program, parameters, buffer_bytes));
  return std::unique_ptr<ProgramRun>(new ProgramRun(std::move(plan), static_cast<int>(program.buffers.size())));
}

Status ProgramRun::run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) {
  TEMPER_CHECK(static_cast<int>(buffers.size()) == buffers_, "a tile kernel runs with as many buffers as it was prepared for");
  Job job{*this, buffers.data(), workspace};
  if (plan_.serial || plan_.cost_ns < kWorthForking || plan_.tasks <= 1) {
    for (int64_t t = 0; t < plan_.tasks; ++t) task(job, t, 0);
  } else {
    for_each_task(executor, plan_.tasks, [&](int64_t t, int worker) { task(job, t, worker); });
  }
  if (job.fault.load(std::memory_order_relaxed) != 0) {
    return Error(ErrorCode::kInvalidArgument,
                 "an index read from a tensor is outside the dimension that it selects from; correct the input");
  }
  return {};
}

void ProgramRun::task(Job& job, int64_t t, int worker) const {
  std::byte* scratch = job.workspace + per_worker() * worker;
  std::byte* places[kMaxPlaces];
  for (int b = 0; b < buffers_; ++b) places[b] = job.buffers[b];
  for (size_t v = 0; v < plan_.scratch_offset.size(); ++v)
    places[static_cast<size_t>(buffers_) + v] = scratch + plan_.scratch_offset[v];
  StageRun run;
  run.places = places;
  run.registers = scratch + plan_.register_offset;
  for (int k = 0; k < kStateArrays; ++k) run.state[k] = scratch + plan_.state_offset + k * kRegisterBytes;
  run.fault = &job.fault;
  int64_t point[32];
  for (size_t g = plan_.grid.size(); g-- > 0;) {
    point[g] = t % plan_.grid[g];
    t /= plan_.grid[g];
  }
  const bool tail = plan_.has_tail && point[plan_.grid.size() - 1] == plan_.grid.back() - 1;
  int64_t forms[kMaxForms];
  for (const StagePlan& stage : tail ? plan_.tail : plan_.full) {
    for (size_t f = 0; f < stage.start.size(); ++f) {
      int64_t at = stage.start[f];
      for (size_t g = 0; g < plan_.grid.size(); ++g) at += point[g] * stage.grid[g][f];
      forms[f] = at;
    }
    run_stage(stage, run, forms);
  }
}

Expected<Program> decode_kernel_program(ByteReader& blob) {
  Program program = TEMPER_TRY(decode_program(blob));
  if (program.row_dims >= 0) return Error(ErrorCode::kCorrupt, "an epilogue where a kernel should be; build the plan again");
  if (program.buffers.size() + program.scratch.size() > static_cast<size_t>(kMaxPlaces)) {
    return Error(ErrorCode::kCorrupt, "a tile kernel with too many tensors; build the plan again");
  }
  return program;
}

}  // namespace temper::cpu::tile
