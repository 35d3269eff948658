// GCC 12 takes the undefined vectors that its own intrinsics start from for a mistake of ours.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#define TEMPER_TILE_ISA isa_avx512
#include "backend/cpu/run/tile/ops_impl.h"

namespace temper::cpu::tile {

const OpTable& ops_avx512() {
  static const OpTable kTable = isa_avx512::make_ops();
  return kTable;
}

}  // namespace temper::cpu::tile
