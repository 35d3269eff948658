#define TEMPER_TILE_ISA isa_baseline
#include "backend/cpu/run/tile/ops_impl.h"

namespace temper::cpu::tile {

const OpTable& ops_baseline() {
  static const OpTable kTable = isa_baseline::make_ops();
  return kTable;
}

}  // namespace temper::cpu::tile
