// OpTable: the opcodes of tile programs, compiled once for each instruction set.
//
// An opcode works on a tile of rows x cols elements. Each operand is a pointer, a distance in bytes from row to row (0: every
// row is the same) and a flag that says that it holds one value per row instead of `cols`. Neither operands nor results need be
// aligned, and nothing beyond cols elements of a row is touched, so tensors can be read and written in place. The result may be
// one of the operands.
//
//   tile_ops().scalar[int(ScalarOp::k_add)][int(RegType::kF32)](call);
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "backend/cpu/run/tile/program.h"
#include "base/cpu_info.h"

namespace temper::cpu::tile {

struct OpCall {
  std::byte* dst = nullptr;
  int64_t dst_step = 0;
  const std::byte* src[3] = {};
  int64_t src_step[3] = {};
  int64_t rows = 1, cols = 1;
  uint32_t single = 0;  // bit i: operand i is one value per row
};
using OpFn = void (*)(const OpCall&);

// What a fold of a reduction gets: a tile of values and the state of the accumulators (see reduce.h).
struct FoldCall {
  const std::byte* src = nullptr;
  int64_t src_step = 0;  // bytes from row to row
  int64_t rows = 1, cols = 1;
  bool fold_rows = false, fold_cols = false;                 // else the dimension is kept
  std::byte* state[4] = {};                                  // arrays with one entry per kept element
  int64_t count = 0;                                         // elements folded before this tile, per kept element
  int64_t position = 0, row_position = 0, col_position = 0;  // of the first element, and steps: for arg monoids
};
using FoldFn = void (*)(const FoldCall&);

struct OpTable {
  OpFn scalar[kScalarRows][kRegTypes];  // by the type of the operands; null where a row does not have it
  OpFn cast[kRegTypes][kRegTypes];      // from, to
  OpFn odd;                             // f64 to f32, rounding to odd: before a narrower float
  OpFn narrow[kDTypeCount];             // a register's values rounded or wrapped to that type; null where nothing changes
  OpFn load[kDTypeCount];               // tensor elements to a register
  OpFn store[kDTypeCount];              // and back; values outside wrap
  // d[c * d_row + r] = s[r * s_row + c] for r < rows, c < cols, elements of 4 bytes; rows of s and of d are dense runs.
  void (*transpose)(uint32_t* d, int64_t d_row, const uint32_t* s, int64_t s_row, int64_t rows, int64_t cols);
  FoldFn fold[12][kRegTypes];  // by MonoidKind and type of the values; null where it has no meaning
};

const OpTable& ops_baseline();
const OpTable& ops_avx2();
const OpTable& ops_avx512();

// The table for this machine, or for the level set by override_isa (which must be one that the machine has).
const OpTable& tile_ops();
void override_isa(std::optional<IsaLevel> level);  // for tests and measurements; not while kernels are being prepared

}  // namespace temper::cpu::tile
