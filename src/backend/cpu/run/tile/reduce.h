// What surrounds the folds of a reduction: neutral accumulators before, results after. State arrays are described in
// fold_impl.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/run/tile/program.h"

namespace temper::cpu::tile {

inline constexpr int kStateArrays = 2;

void clear_state(MonoidKind monoid, RegType type, std::byte* const* state, int64_t n);
// Writes result `k` of n accumulators, of type reg_type(dtype), wrapped to dtype. `count` is how many values each folded.
void finish_state(MonoidKind monoid, RegType type, std::byte* const* state, int64_t n, int64_t count, int k, DType dtype,
                  std::byte* result);
// Folds the accumulators `from` (which folded from_count values that come after) into `into`.
void merge_state(MonoidKind monoid, RegType type, std::byte* const* into, int64_t into_count, std::byte* const* from,
                 int64_t from_count, int64_t n);

}  // namespace temper::cpu::tile
