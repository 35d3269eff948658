// StagePlan: one stage of a tile kernel with all numbers known: which dimensions make the tile, in which order the others are
// looped over, and the micro-operations on a tile with their registers.
//
// Everything linear in the iteration variables (addresses, guards, index values) is one entry of the `forms` of the plan; a
// loop adds `advance` to all of them. A value's class says whether it varies along the rows and columns of the tile; what does
// not vary is computed once: per tile, per row or per column. Registers are packed: rows * cols, cols, rows or 1 elements.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/run/tile/ops.h"
#include "backend/cpu/run/tile/program.h"

namespace temper::cpu::tile {

inline constexpr int64_t kMaxTile = 1024;
inline constexpr int64_t kRegisterBytes = kMaxTile * 8;
inline constexpr int kMaxForms = static_cast<int>(kMaxStageForms);

struct Variance {
  bool rows = false, cols = false;
  bool operator==(const Variance&) const = default;
  Variance operator|(Variance o) const { return {rows || o.rows, cols || o.cols}; }
};

// Where a value is found while a tile is worked on.
struct Value {
  enum class Kind : uint8_t { kRegister, kConstant, kView };
  Kind kind = Kind::kRegister;
  RegType type = RegType::kF32;
  Variance varies;
  int64_t offset = 0;  // register: bytes into the worker's registers; constant: bytes into the plan's constants
  int form = 0;        // view: its address,
  int place = 0;       //       its buffer
  int dynamic = -1;    // register: number of the guarded load that becomes a view on tiles where its guards hold throughout
};
inline constexpr int kMaxDynamic = 16;

struct MicroOp {
  enum class Kind : uint8_t { kCompute, kLoad, kForm, kCheck, kExpand };
  Kind kind = Kind::kCompute;
  int result = 0;  // number of a value
  int args[3] = {-1, -1, -1};
  int count = 0;        // of args
  OpFn fn = nullptr;    // compute; load: conversion, or null where the elements are the register's
  uint32_t single = 0;  // see OpCall
  int form = 0;         // load: address; form: itself
  int place = 0;
  int size = 4;                     // load: of an element, see move.h
  int first_guard = 0, guards = 0;  // load: forms
  int index = -1, guard = -1;       // load: values
  int64_t limit = 0;                // load: elements of the place; check: the limit
  std::byte fill[8] = {};           // load: a raw element
  int direct_store = -1;            // compute, load: number of the store that the result goes to at once
};

struct StoreOp {
  int value = 0;  // map: number of a value; reduction: number of the result
  int form = 0;
  int place = 0;
  int size = 4;       // of an element, see move.h
  int width = 4;      // of the register's element
  OpFn fn = nullptr;  // conversion, or null
  bool done = false;  // by the direct store of a micro-operation
};

struct Loop {
  enum class Kind : uint8_t { kPlain, kRows, kCols };
  Kind kind = Kind::kPlain;
  int64_t extent = 1, step = 1;
  std::vector<int64_t> advance;  // per form, for one iteration variable unit
};

struct StagePlan {
  bool reduce = false;
  MonoidKind monoid = MonoidKind::k_sum;
  RegType value_type = RegType::kF32;  // of what is reduced
  std::vector<DType> result_dtypes;
  bool rows_reduced = false, cols_reduced = false;
  int64_t rows = 1, cols = 1;  // of a full tile
  std::vector<Loop> kept, reduced;
  std::vector<int64_t> row_step, col_step;  // per form
  std::vector<int64_t> start;               // per form, at the origin of the block
  std::vector<std::vector<int64_t>> grid;   // per grid dimension: what one step of it adds to each form
  int position_form = -1;                   // reductions: linear position
  std::vector<Value> values;
  std::vector<MicroOp> code;
  std::vector<StoreOp> stores;
  int result = 0;  // reduction: the value folded
  FoldFn fold = nullptr;
  std::vector<std::byte> constants;
  int64_t register_bytes = 0;  // per worker
  int64_t elements = 0;        // points of the stage in a block, reduced ones counted
  double cost_ns = 0;          // estimate for a block
  bool empty = false;          // no kept points

  int form_count() const { return static_cast<int>(start.size()); }
};

}  // namespace temper::cpu::tile
