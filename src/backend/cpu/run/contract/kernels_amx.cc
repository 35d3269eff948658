// The kernels for AMX: products of matrices of pairs and of quads, in registers of 16 rows of 64 bytes; the rest is that of
// AVX-512 with BF16.
//
// A register of a holds 16 units of depth of up to 16 rows, one of b the same units of 16 columns, as they are packed for the
// vector kernels too; a tile of the result is up to 2 x 2 registers of sums. The instruction takes numbers below the least
// normal one for zero.
#include <immintrin.h>

#include <utility>

#include "backend/cpu/run/contract/kernels.h"
#include "base/dtype.h"

// g++ 12 takes the undefined operand of its own masked intrinsics for a use of an uninitialised variable.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace temper::cpu {
namespace {

// Each needs what the ones before it define.
// clang-format off
#include "backend/cpu/run/contract/tile_impl.h"
#include "backend/cpu/run/contract/op_avx512.h"
#include "backend/cpu/run/contract/op_bf16.h"
// clang-format on

constexpr int64_t kHeight = 16, kUnits = 16, kLine = 64;  // rows, units of depth, and bytes of a row of a register

// Registers 0 to 3 are sums, 4 and 5 rows of a, 6 and 7 columns of b.
struct Pairs : Bf16Pairs {
  template <int MT, int NV>
  TEMPER_INLINE static void multiply() {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (NV > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (MT > 1) _tile_dpbf16ps(2, 5, 6);
    if constexpr (MT > 1 && NV > 1) _tile_dpbf16ps(3, 5, 7);
  }
};

struct Quads : Int {
  template <int MT, int NV>
  TEMPER_INLINE static void multiply() {
    _tile_dpbusd(0, 4, 6);
    if constexpr (NV > 1) _tile_dpbusd(1, 4, 7);
    if constexpr (MT > 1) _tile_dpbusd(2, 5, 6);
    if constexpr (MT > 1 && NV > 1) _tile_dpbusd(3, 5, 7);
  }
  TEMPER_INLINE static Acc add(Acc a, Acc b) { return _mm512_add_epi32(a, b); }
};

struct Shape {  // what ldtilecfg reads
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

void open_state(int64_t height) {
  Shape shape;
  for (int i = 0; i < 8; ++i) {
    shape.row_bytes[i] = kLine;
    shape.rows[i] = static_cast<uint8_t>(i < 6 ? height : kUnits);
  }
  asm volatile("" ::"r"(&shape) : "memory");  // g++ 12 believes that only its first bytes are read
  _tile_loadconfig(&shape);
}

void close_state() { _tile_release(); }

// One step of the depth: from rows of a `a_row` bytes apart, the second register's `second` bytes behind the first's.
template <class Op, int MT, int NV>
TEMPER_INLINE inline void step(const char* a, int64_t a_row, int64_t second, const char* b, int64_t b_step) {
  _tile_loadd(6, b, b_step);
  if constexpr (NV > 1) _tile_loadd(7, b + kLine, b_step);
  _tile_loadd(4, a, a_row);
  if constexpr (MT > 1) _tile_loadd(5, a + second, a_row);
  Op::template multiply<MT, NV>();
}

// The last units of a tap, fewer than a register holds: rows and columns with zeros behind them. What lies there is another
// tap's, or nobody's.
template <int MT, int NV>
struct Tail {
  alignas(64) char a[MT * kHeight * kLine];
  alignas(64) char b[kUnits * NV * kLine];

  TEMPER_INLINE void copy(const char* from_a, int64_t a_row, int64_t second, int64_t height, const char* from_b, int64_t b_step,
                          int64_t units) {
    const __mmask16 some = lane_mask(units);
    for (int64_t half = 0; half < MT; ++half) {
      for (int64_t i = 0; i < height; ++i) {
        _mm512_store_si512(a + (half * kHeight + i) * kLine,
                           _mm512_maskz_loadu_epi32(some, from_a + half * second + i * a_row));
      }
    }
    for (int64_t k = 0; k < kUnits; ++k) {
      for (int64_t j = 0; j < NV; ++j) {
        _mm512_store_si512(b + (k * NV + j) * kLine,
                           k < units ? _mm512_loadu_si512(from_b + k * b_step + j * kLine) : _mm512_setzero_si512());
      }
    }
    asm volatile("" ::: "memory");  // loads of registers don't say what they read
  }
};

// Of the columns of a tile in a result or residual.
TEMPER_INLINE inline int64_t row_bytes(const TileCall& t, int32_t kind) {
  if (kind == kElementU8 || kind == kElementI8) return t.cols;
  return kind == kElementF16 || kind == kElementBF16 ? 2 * t.cols : 4 * t.cols;
}

// A tile of fewer rows than a register begins above row 0; one of more has two registers that may share rows: those are summed
// up twice, alike.
template <class Op, int MT, int NV>
TEMPER_KERNEL void matrix_tile(const TileCall& t) {
  alignas(64) char sums[MT * kHeight * NV * kLine];
  const int64_t above = MT == 1 ? t.height - t.rows : 0, second = MT == 1 ? 0 : (t.rows - t.height) * t.a_row;
  _tile_zero(0);
  if constexpr (NV > 1) _tile_zero(1);
  if constexpr (MT > 1) _tile_zero(2);
  if constexpr (MT > 1 && NV > 1) _tile_zero(3);
  for (int64_t i = 0; i < t.rows; ++i) {
    for (int64_t at = 0; at < row_bytes(t, t.finish.out_kind); at += kLine) __builtin_prefetch(t.c + i * t.c_row + at, 1);
    if (t.finish.residual == nullptr) continue;
    const char* residual = t.finish.residual + i * t.finish.residual_row;
    for (int64_t at = 0; at < row_bytes(t, t.finish.residual_kind); at += kLine) __builtin_prefetch(residual + at);
  }
  const char* b = t.b;
  const char* ahead = t.prefetch;
  for (int64_t tap = 0; tap < t.tap_count; ++tap) {
    const char* a = t.a + t.taps[tap] - above * t.a_row;
    int64_t units = t.depth;
    for (; units >= kUnits; units -= kUnits, a += kLine, b += kUnits * t.b_step) {
      step<Op, MT, NV>(a, t.a_row, second, b, t.b_step);
      if (t.prefetch_step == 0) continue;
      for (int64_t k = 0; k < kUnits / 4; ++k, ahead += t.prefetch_step) {
        __builtin_prefetch(ahead, 0, 2);
        __builtin_prefetch(ahead + 64, 0, 2);
      }
    }
    if (units == 0) continue;
    Tail<MT, NV> tail;
    tail.copy(a, t.a_row, second, t.height, b, t.b_step, units);
    step<Op, MT, NV>(tail.a, kLine, kHeight * kLine, tail.b, NV * kLine);
    b += units * t.b_step;
    for (int64_t k = 0; k < units / 4; ++k, ahead += t.prefetch_step) {
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + 64, 0, 2);
    }
  }
  constexpr int64_t kRow = NV * kLine;
  _tile_stored(0, sums, kRow);
  if constexpr (NV > 1) _tile_stored(1, sums + kLine, kRow);
  if constexpr (MT > 1) _tile_stored(2, sums + (t.rows - t.height) * kRow, kRow);
  if constexpr (MT > 1 && NV > 1) _tile_stored(3, sums + (t.rows - t.height) * kRow + kLine, kRow);
  char* from = sums + above * kRow;
  const auto mask = Op::mask(t.cols - (NV - 1) * Op::kLanes);
  if constexpr (Op::kAddsBias) {
    if (t.finish.activation != nullptr) {  // of many values at a time
      for (int64_t i = 0; t.finish.bias != nullptr && i < t.rows; ++i) {
        unrolled<NV>([&](auto j) TEMPER_INLINE {
          char* at = from + i * kRow + j * kLine;
          const auto bias = Op::load_sum(reinterpret_cast<const char*>(t.finish.bias + j * Op::kLanes), mask, j == NV - 1);
          Op::store_sum(at, Op::add(Op::load_sum(at, mask, false), bias), mask, false);
        });
      }
      return Op::end_rows(reinterpret_cast<float*>(from), NV * Op::kLanes, t, t.rows);
    }
  }
  const TileCall call = t;  // nothing that is stored below can change it, so the loop is made for one kind of result
  typename Op::Acc start[NV];
  unrolled<NV>([&](auto j) TEMPER_INLINE { start[j] = Op::begin(t.finish, j * Op::kLanes, mask, j == NV - 1); });
  for (int64_t i = 0; i < t.rows; ++i) {
    typename Op::Acc acc[NV];
    unrolled<NV>([&](auto j)
                     TEMPER_INLINE { acc[j] = Op::add(Op::load_sum(from + i * kRow + j * kLine, mask, false), start[j]); });
    end_tile<Op, 1, NV>(acc, call, i, mask);
  }
}

template <class Op, int MT, int NV>
void fill_rows(TileFn (&table)[kMaxVectors + 1][kMaxRows + 1]) {
  for (int64_t rows = (MT - 1) * kHeight + 1; rows <= MT * kHeight; ++rows) table[NV][rows] = &matrix_tile<Op, MT, NV>;
}

template <class Op>
void fill_matrices(TileFn (&table)[kMaxVectors + 1][kMaxRows + 1]) {
  for (auto& row : table) {
    for (TileFn& tile : row) tile = nullptr;
  }
  fill_rows<Op, 1, 1>(table);
  fill_rows<Op, 1, 2>(table);
  fill_rows<Op, 2, 1>(table);
  fill_rows<Op, 2, 2>(table);
}

}  // namespace

const KernelTable& kernels_amx() {
  static const KernelTable table = [] {
    KernelTable t = kernels_bf16();
    fill_matrices<Pairs>(t.bf16);
    fill_matrices<Quads>(t.i8);
    t.state = {kHeight, &open_state, &close_state};
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
