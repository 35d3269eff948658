#define TEMPER_TILE_ISA isa_avx2
#include "backend/cpu/run/tile/ops_impl.h"

namespace temper::cpu::tile {

const OpTable& ops_avx2() {
  static const OpTable kTable = isa_avx2::make_ops();
  return kTable;
}

}  // namespace temper::cpu::tile
