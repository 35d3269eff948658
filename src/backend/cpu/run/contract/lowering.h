// A problem with its config, brought to one form for the row driver (rows.cc): a sum of matrix products over taps.
//
// An image of outputs is one grid, or, for a transposed convolution, stride_h * stride_w interleaved grids ("phases"), each an
// ordinary convolution with a subset of the taps. In each grid outputs and taps are arithmetic progressions along both axes,
// so the input pixel of output i and tap j is i * in_step + shift + j * shift_step. A matrix is an image of height 1.
// All strides are in bytes here. Depth is in units of 4 bytes (see kernels.h).
#pragma once

#include <cstdint>

#include "backend/cpu/run/contract/contract.h"
#include "backend/cpu/run/contract/families.h"
#include "backend/cpu/run/contract/kernels.h"

namespace temper::cpu {

struct Axis {
  int64_t outs = 1;                           // grid points
  int64_t out_first = 0, out_step = 1;        // in output pixels
  int64_t in_step = 1;                        // input pixels from grid point to grid point
  int64_t taps = 1;                           // in ascending order of their displacement
  int64_t shift = 0, shift_step = 1;          // input pixel of tap 0 at grid point 0; from tap to tap, > 0
  int64_t kernel_first = 0, kernel_step = 1;  // index of the taps in the weights
  int64_t in = 1;                             // input pixels that exist
};

struct Phase {
  Axis y, x;
  int64_t taps() const { return y.taps * x.taps; }
};

struct Lowering {
  const KernelTable* kernels = nullptr;
  bool integer = false;
  bool pairs = false;     // bf16 operands, multiplied as they are
  bool widens = false;    // 16-bit operands that become f32 in the slab and in packed weights
  bool one_pass = false;  // all depth at once: sums of integers, and those whose result is in scratch or narrower, lie nowhere
                          // between passes
  int64_t unit_elements = 1;  // elements of a unit
  int64_t phases_y = 1, phases_x = 1;
  Phase phase_of_all;  // the only phase, or the largest in every respect

  int64_t images = 1, groups = 1;                                // instances; a matrix problem has its batch points as images
  int64_t channels = 1;                                          // depth of a tap, in elements
  int64_t units = 1;                                             // and in units
  int64_t cols = 1, panel = 1;                                   // columns of a group; of a panel (nv vectors)
  int64_t a_bytes = 4, c_bytes = 4;                              // of an element
  int64_t in_row = 0, in_pixel = 0, out_row = 0, out_pixel = 0;  // bytes
  int64_t in_height = 1, in_width = 1;
  int64_t image_rows = 1;  // output pixels of an image: how epilogue rows are counted
  int64_t row_width = 1;   // output pixels of an image row

  // Blocks: a task is block_h x block_w grid points and block_cols columns.
  int64_t block_h = 1, block_w = 1, block_cols = 1;
  int64_t blocks_y = 1, blocks_x = 1, blocks_n = 1;
  bool flat = false;  // the rows of a block are one run: uniform in a and in c

  // What the register tile is told: merged taps are as deep as several.
  bool merged = false;
  int64_t tap_units = 1;                                                 // depth of a tap as the tile sees it
  int64_t slab_pixel = 0, slab_row = 0, slab_class = 0, slab_bytes = 0;  // bytes; class: Note [Row classes]
  int64_t a_row = 0;                                                     // from output row to output row of a run
  bool shared_slab = false;

  int64_t phases() const { return phases_y * phases_x; }
  int64_t instances() const { return images * groups; }
  int64_t m_blocks() const { return blocks_y * blocks_x; }
  int64_t tiled_taps(const Phase& p) const { return merged ? p.y.taps : p.taps(); }
  int64_t padded_cols() const { return (cols + kernels->lanes - 1) / kernels->lanes * kernels->lanes; }
};

// Phase `index` of the problem; its axes may have no outputs, or no taps.
Phase make_phase(const ContractProblem& problem, const Lowering& lowering, int64_t index);
Lowering lower(const ContractProblem& problem, const ContractConfig& config);

// Byte offsets of the taps from the first row of a run, in the order of the packed weights.
void tap_offsets(const Lowering& lowering, const ContractConfig& config, const Phase& phase, int64_t* offsets);

// Packed weights: [group][phase][panel][tap][unit][column of the panel][element of the unit], then for integers the sums
// of all columns: [group][phase][column, padded]. Bytes:
int64_t phase_offset(const ContractProblem& problem, const Lowering& lowering, int64_t phase);  // within a group
int64_t group_bytes(const ContractProblem& problem, const Lowering& lowering);
int64_t packed_matrices(const ContractProblem& problem);  // groups, or distinct matrices of a batch

struct BatchPoint {
  int64_t a = 0, b = 0, c = 0;  // elements; b is an index for packed matrices
};
BatchPoint batch_point(const GemmGeometry& gemm, int64_t index);

// Copies a block of a, with its padding, into scratch in the order that a_source wants; converts integers.
struct SlabFill {
  const char* a = nullptr;           // the image (and group), pixel (0, 0)
  int64_t first_y = 0, first_x = 0;  // of the block, in grid points
  int32_t a_fill = 0;
};
void fill_slab(const ContractProblem& problem, const ContractConfig& config, const Lowering& lowering, const Phase& phase,
               const SlabFill& fill, char* slab);

// What both drivers of integer kernels put into a TileFinish: all but addresses and a_offset.
int32_t element_kind(DType type);
void start_quantized(const Quantization& q, DType result, TileFinish& f);
inline int64_t residual_bytes(const Epilogue& e) { return e.residual_type == DType::kF32 ? 4 : 2; }
inline int64_t residual_bytes(const Quantization& q) { return q.residual_type == DType::kF32 ? 4 : 1; }

inline int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }
inline int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

}  // namespace temper::cpu
