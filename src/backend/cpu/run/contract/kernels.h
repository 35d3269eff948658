// The compiled kernels of one instruction set, as a table of functions.
//
// Each kernels_<isa>.cc fills one table; everything else in this folder is compiled for baseline x86-64 and reaches vector code
// only through the table. Depth is counted in units of 4 bytes: one f32, two 16-bit or four 8-bit elements, so one register
// tile serves all element types. Rows of a are read by broadcasting units; b is read by vectors of `lanes` units.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_info.h"

namespace temper::cpu::tile {
struct OpCall;
}

namespace temper::cpu {

inline constexpr int kMaxRows = 32;    // the tallest register tile of any kernel
inline constexpr int kMaxVectors = 4;  // the widest

// How sums become results; see Epilogue and Quantization. For an integer result lo and hi are in its units before the zero
// point is added, and no wider than it can hold.
struct TileFinish {
  const float* bias = nullptr;  // for the first column of the tile
  const char* residual = nullptr;
  int64_t residual_row = 0;  // bytes
  float lo = 0, hi = 0;
  // Integers only:
  const int32_t* column_sum = nullptr;  // of b, for the first column
  int32_t a_offset = 0;                 // what was added to each a: a_offset * column_sum is taken off
  const int32_t* shift = nullptr;
  const float* scale = nullptr;
  float middle_lo = 0, middle_hi = 0, middle_scale = 0;  // scale 0: no middle
  float residual_zero = 0, residual_scale = 1;
  int32_t out_zero = 0;
  int32_t out_kind = 0, residual_kind = 0;  // ElementKind; of floats too
  // Results of 16 bits only:
  float slope = 1;
  void (*activation)(const tile::OpCall&) = nullptr;
  int32_t residual_use = 0;  // ResidualUse
};
enum ElementKind : int32_t { kElementF32, kElementI32, kElementU8, kElementI8, kElementF16, kElementBF16 };

// values[i] = activation(values[i]).
void activate(void (*activation)(const tile::OpCall&), float* values, int64_t count);

// One register tile: c[rows x cols] (+)= sum over taps and depth of a * b.
struct TileCall {
  int64_t rows = 0;               // as the place in the table says
  int64_t height = 0;             // of TileState
  const char* a = nullptr;        // row 0
  int64_t a_row = 0;              // bytes from row to row
  const int64_t* taps = nullptr;  // byte offsets from a, one for each tap
  int64_t tap_count = 0;
  int64_t depth = 0;  // units of each tap
  const char* b = nullptr;
  int64_t b_step = 0;  // bytes from unit to unit
  char* c = nullptr;
  int64_t c_row = 0;               // bytes
  int64_t cols = 0;                // in ((nv - 1) * lanes, nv * lanes]
  bool first = true;               // start from zero, else from what c holds
  bool last = true;                // clamp, add the residual, convert
  const char* prefetch = nullptr;  // touched from here on (any readable place), two lines every four units,
  int64_t prefetch_step = 0;       // and advanced by this
  TileFinish finish;
};
using TileFn = void (*)(const TileCall& call);

// Winograd transforms of one tile, all channels. With t = m + 2, m = 2 or 4: a patch of t x t pixels becomes a row in each of
// t * t matrices, and a row of t * t matrices of products becomes m x m pixels. Strides count floats.
struct WinogradInput {
  const float* in = nullptr;  // patch pixel (0, 0), which need not exist
  int64_t row = 0, pixel = 0;
  int64_t y_begin = 0, y_end = 0, x_begin = 0, x_end = 0;  // the part of the patch that exists
  float* out = nullptr;
  int64_t matrix = 0;  // from matrix to matrix
  int64_t channels = 0;
};
struct WinogradOutput {
  const float* in = nullptr;
  int64_t matrix = 0;
  float* out = nullptr;
  int64_t row = 0, pixel = 0;
  int64_t rows = 0, cols = 0;  // pixels that exist, up to m each
  int64_t channels = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t residual_row = 0, residual_pixel = 0;
  float lo = 0, hi = 0;
};

// The same of 3x3 weights: one vector of elements after another, each from 9 matrices into t * t.
struct WinogradWeights {
  const float* in = nullptr;
  int64_t in_matrix = 0;
  float* out = nullptr;
  int64_t out_matrix = 0;
  int64_t elements = 0;  // a multiple of the lanes
};

// Depthwise and thin groups: `pixels` outputs of one image row, for `channels` channels, from the taps [0, tap_rows) x
// [0, tap_cols). All rows exist; tap col of output p exists where 0 <= x + p * x_step + col * x_tap < x_end, others are left
// out. Groups have `group` inputs and as many outputs. Strides count floats.
struct DepthwiseCall {
  int64_t group = 1;  // a power of two, at most a vector

  const void* in = nullptr;                     // f32 or bf16 (strides count its elements): tap (0, 0) of output pixel 0
  int64_t in_row = 0, in_tap = 0, in_step = 0;  // from tap row to tap row, tap to tap, output pixel to output pixel
  const float* weights = nullptr;               // of tap (0, 0)
  int64_t weight_row = 0, weight_tap = 0, weight_input = 0;  // from row to row, tap to tap, input of the group to input
  int64_t tap_rows = 0, tap_cols = 0;
  int64_t x = 0, x_step = 1, x_tap = 1, x_end = 0;  // input columns
  float* out = nullptr;
  int64_t out_step = 0;
  int64_t pixels = 0, channels = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t residual_step = 0;
  float lo = 0, hi = 0;
};

inline constexpr int64_t kMaxDotVectors = 4;

// Dot products of `rows` long rows with each of up to kMaxDotVectors vectors. Both are tap_rows x tap_cols pieces of `depth`
// elements; a matrix has one piece. Strides count floats.
struct DotCall {
  const float* row = nullptr;
  int64_t row_step = 0, row_tap_row = 0, row_tap = 0;
  int64_t rows = 0;
  const float* vector = nullptr;
  int64_t vector_step = 0, vector_tap_row = 0, vector_tap = 0;
  int64_t vectors = 0;
  int64_t tap_rows = 1, tap_cols = 1;
  int64_t depth = 0;
  float* out = nullptr;  // out[row * out_row + vector * out_vector]
  int64_t out_row = 0, out_vector = 0;
};

// The same for 8-bit integers, one channel a group. Strides count bytes for a and the result, and weights for the weights; each
// is a 16-bit number in the lower half of 32 bits, so that the product of pairs of words is that of one.
struct DepthwiseI8Call {
  const char* in = nullptr;
  int64_t in_row = 0, in_tap = 0, in_step = 0;
  bool is_signed = false;
  int32_t a_fill = 0;  // taken off each a, so that taps that do not exist count nothing; finish.a_offset is -a_fill
  const int32_t* weights = nullptr;
  int64_t weight_row = 0, weight_tap = 0;
  int64_t tap_rows = 0, tap_cols = 0;
  char* out = nullptr;
  int64_t out_step = 0, residual_step = 0;
  int64_t pixels = 0, channels = 0;
  TileFinish finish;  // of pixel 0
};

// State of a thread that register tiles of pairs and of 8-bit elements need where they are matrices (AMX): it is set up for a
// number of rows and given up behind the last tile. Each call of a tile names that number as its height. It may read as many
// rows before row 0, where it has fewer itself.
struct TileState {
  int64_t most_rows = 0;  // 0: there is none
  void (*open)(int64_t height) = nullptr;
  void (*close)() = nullptr;
};

struct KernelTable {
  int lanes = 1;                                    // units of a vector
  TileFn f32[kMaxVectors + 1][kMaxRows + 1] = {};   // [nv][mr]; null where the tile does not fit the registers
  TileFn bf16[kMaxVectors + 1][kMaxRows + 1] = {};  // pairs, multiplied as they are; all null where there is no instruction
  TileFn i8[kMaxVectors + 1][kMaxRows + 1] = {};
  TileState state;
  bool i8_quads = false;                                 // four 8-bit elements a unit (a unsigned), else two 16-bit
  void (*winograd_input[2])(const WinogradInput&) = {};  // m = 2, 4
  void (*winograd_output[2])(const WinogradOutput&) = {};
  void (*winograd_weights[2])(const WinogradWeights&) = {};
  void (*depthwise)(const DepthwiseCall&) = nullptr;
  void (*grouped)(const DepthwiseCall&) = nullptr;         // null where there is no permutation of lanes
  void (*depthwise_bf16)(const DepthwiseCall&) = nullptr;  // the same of bf16 inputs, with an f32 result
  void (*grouped_bf16)(const DepthwiseCall&) = nullptr;
  // Pixels of an odd number of 16-bit channels, up to 31, which lie close together: each gets a zero behind it.
  void (*pad_pixels)(const uint16_t* from, int64_t channels, int64_t pixels, uint16_t* to) = nullptr;
  // Rows k and k + 1 of a 16-bit matrix become pairs: to[2 j] = even[j], to[2 j + 1] = odd[j].
  void (*pair)(const uint16_t* even, const uint16_t* odd, int64_t count, uint16_t* to) = nullptr;
  void (*depthwise_i8)(const DepthwiseI8Call&) = nullptr;  // null on the baseline
  void (*dot)(const DotCall&) = nullptr;
};
const KernelTable& kernels_baseline();
const KernelTable& kernels_avx2();
const KernelTable& kernels_avx512();
const KernelTable& kernels_vnni();
const KernelTable& kernels_bf16();
const KernelTable& kernels_amx();

inline const KernelTable& kernels_of(IsaLevel isa) {
  switch (isa) {
    case IsaLevel::kV1:
      return kernels_baseline();
    case IsaLevel::kV3:
      return kernels_avx2();
    case IsaLevel::kV4:
      return kernels_avx512();
    case IsaLevel::kV4Vnni:
      return kernels_vnni();
    case IsaLevel::kV4Bf16:
      return kernels_bf16();
    case IsaLevel::kV4Amx:
      return kernels_amx();
  }
  return kernels_baseline();
}

}  // namespace temper::cpu
