// From a Region of maps and reductions to a kernel of kind "tile", and from the maps behind a contraction to its epilogue.
//
// Buffers of the kernel are the Region's inputs, then its outputs, in order; layouts[i] says how buffer i lies in memory. Any
// Region of Map and Reduce stages can be lowered; dimensions that all stages share become the parallel loop, values that only
// pass between stages live in the cache. SymInts (extents, strides, offsets) become parameters; index expressions that are not
// affine become integer opcodes.
//
//   KernelCode code = TEMPER_TRY(lower_tile(context, region, layouts));
//   auto kernel = TEMPER_TRY(decode_kernel(code.name, code.blob));
#pragma once

#include <optional>
#include <span>
#include <string>

#include "backend/cpu/gen/kernel_code.h"
#include "base/error.h"
#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper::cpu {

struct TileConfig {
  int tile_elements = 0;   // elements of one L1 tile, 64 .. 1024; 0: chosen by the kernel
  int block_elements = 0;  // elements of one task; 0: chosen by the kernel
};

// Why lower_tile would refuse; nullopt when it will not.
std::optional<std::string> tile_refusal(const Region& region);
inline bool can_lower_tile(const Region& region) { return !tile_refusal(region); }

Expected<KernelCode> lower_tile(SymContext& context, const Region& region, std::span<const Layout> layouts,
                                const TileConfig& config = {});

// The stages of `region` after its stage 0 (a contraction, or anything with one f32 or i32 result), as a program that is
// applied to tiles of that result: see backend/cpu/run/tile/epilogue.h. These stages are maps over the dims of stage 0's
// result, and read that result and each other's at the point itself. Row and column of a tile count the points of row_dims and
// col_dims (numbers of dimensions of stage 0's result, outermost first; together all of them).
struct EpilogueCode {
  std::vector<std::byte> blob;     // for TileEpilogue::decode
  std::vector<SymInt> parameters;  // for TileEpilogue::prepare
};
std::optional<std::string> epilogue_refusal(const Region& region);
// `in_place`: number of the Region output that is computed where the contraction's result lies (its layout is the caller's
// affair, its dtype f32 or i32), or -1 when all outputs go to buffers of their own.
Expected<EpilogueCode> lower_epilogue(SymContext& context, const Region& region, std::span<const Layout> layouts,
                                      std::span<const int> row_dims, std::span<const int> col_dims, int in_place);

}  // namespace temper::cpu
