// KernelPlan: a tile program for one set of numbers.
//
// The shared dimensions are sorted by the strides of the output and cut: the outer ones, and blocks of the one at `split`, make
// the grid of tasks; the rest is local to a task, and so are the scratch values, which hold what one block needs. The cut
// depends on the problem alone. The last block of the split dimension may be shorter, so there are two plans of each stage.
#pragma once

#include <span>

#include "backend/cpu/run/tile/stage_plan.h"

namespace temper::cpu::tile {

struct KernelPlan {
  std::vector<int64_t> grid;  // extents; the last is the number of blocks
  int64_t tasks = 1;
  bool has_tail = false;
  std::vector<StagePlan> full, tail;
  std::vector<int64_t> scratch_offset;  // per scratch value, in bytes of the worker's scratch
  int64_t scratch_bytes = 0;            // per worker, registers and accumulators included
  int64_t state_offset = 0, register_offset = 0;
  double cost_ns = 0;   // of everything, on one worker
  bool serial = false;  // tasks might share a byte of the output (nibbles)
};

Expected<KernelPlan> make_plan(const Program& program, std::span<const int64_t> parameters,
                               std::span<const int64_t> buffer_bytes);

// Checks the numbers of a program as make_plan does; returns the elements of each buffer.
Expected<std::vector<int64_t>> check_numbers(const Program& program, std::span<const int64_t> parameters,
                                             std::span<const int64_t> buffer_bytes);

// One stage over given local dimensions: the part that epilogues share.
struct LocalDim {
  int64_t extent = 1;
  bool reduced = false;
  std::vector<int64_t> step;  // per form
};
struct StageInput {
  const Program* program = nullptr;
  const StageCode* stage = nullptr;
  std::span<const int64_t> parameters;
  std::span<const int64_t> places;  // elements of each buffer, then of each scratch value
  std::vector<LocalDim> dims;       // kept ones in the order of the loops, outermost first, then the reduced ones
  std::vector<int64_t> start;       // per form
  bool fixed_tile = false;  // of an epilogue: the last two dimensions are rows and columns, of any tile of kMaxTile elements
};
StagePlan plan_stage(StageInput input);

// The forms of a stage in the order of StagePlan: forms, addresses of accesses, their guards, addresses of stores.
std::vector<const Form*> forms_of(const StageCode& stage);

inline int64_t parameter_value(std::span<const int64_t> parameters, int32_t p) {
  return p < 0 ? 0 : parameters[static_cast<size_t>(p)];
}
int element_size(DType dtype);  // as move.h counts: 0 for nibbles
int64_t element_limit(DType dtype, int64_t bytes);

}  // namespace temper::cpu::tile
