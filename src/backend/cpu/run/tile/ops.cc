#include "backend/cpu/run/tile/ops.h"

#include <atomic>

namespace temper::cpu::tile {
namespace {
std::atomic<int> override_level{-1};
}  // namespace

const OpTable& tile_ops() {
  const int wanted = override_level.load(std::memory_order_relaxed);
  const IsaLevel level = wanted < 0 ? cpu_info().isa : static_cast<IsaLevel>(wanted);
  if (level >= IsaLevel::kV4) return ops_avx512();
  if (level >= IsaLevel::kV3) return ops_avx2();
  return ops_baseline();
}

void override_isa(std::optional<IsaLevel> level) { override_level = level ? static_cast<int>(*level) : -1; }

}  // namespace temper::cpu::tile
