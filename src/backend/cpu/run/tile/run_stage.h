// Running one stage of a tile kernel over a block, or over one given tile (epilogues).
#pragma once

#include <atomic>
#include <span>

#include "backend/cpu/run/tile/stage_plan.h"

namespace temper::cpu::tile {

enum class Fault : int { kNone, kIndex };  // an index loaded from a tensor is out of range

struct StageRun {
  std::byte* const* places = nullptr;  // buffers, then the worker's scratch values
  std::byte* registers = nullptr;      // the worker's, and behind them one raw tile
  std::byte* state[2] = {};            // accumulators
  std::atomic<int>* fault = nullptr;
  std::byte* tile = nullptr;  // the accumulator tile of an epilogue,
  int64_t tile_step = 0;      // and its rows' distance in bytes
};

// `forms`: the values of all forms at the origin of the block.
void run_stage(const StagePlan& plan, const StageRun& run, const int64_t* forms);
// One tile of a map whose first element has these values of the forms.
void run_tile(const StagePlan& plan, const StageRun& run, const int64_t* forms, int64_t rows, int64_t cols);

}  // namespace temper::cpu::tile
