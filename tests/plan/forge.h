// Makes the checksums of a tampered plan right again, as an attacker would, so that tests and fuzzers get past them to the
// checks behind.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/hash.h"
#include "plan/container_layout.h"

namespace temper {

inline uint64_t forge_read(std::span<const std::byte> bytes, uint64_t offset, int size) {
  uint64_t value = 0;
  if (offset <= bytes.size() && bytes.size() - offset >= size_t(size)) std::memcpy(&value, bytes.data() + offset, size_t(size));
  return value;
}

inline void forge_hash(std::span<std::byte> bytes, uint64_t offset, const Hash128& hash) {
  if (offset > bytes.size() || bytes.size() - offset < 16) return;
  std::memcpy(bytes.data() + offset, &hash.high, 8);
  std::memcpy(bytes.data() + offset + 8, &hash.low, 8);
}

// Whatever cannot be found (an offset that leads outside, ...) is left as it is. `fix_size`: also the file size in the header.
inline void reseal_plan(std::span<std::byte> plan, bool fix_size = false) {
  using namespace plan_layout;
  if (plan.size() < kPlanHeaderBytes) return;
  const uint64_t size = plan.size();
  if (fix_size) std::memcpy(plan.data() + 16, &size, 8);
  const uint64_t count = std::min<uint64_t>(forge_read(plan, 12, 4), (size - kPlanHeaderBytes) / kPlanEntryBytes);
  const uint64_t table = size - count * kPlanEntryBytes;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t entry = table + i * kPlanEntryBytes;
    const auto kind = static_cast<SectionKind>(forge_read(plan, entry, 4));
    const uint64_t offset = forge_read(plan, entry + 8, 8), bytes = forge_read(plan, entry + 16, 8);
    if (offset > size || bytes > size - offset) continue;
    std::span<std::byte> checked = plan.subspan(offset, bytes);
    if (is_blocked(kind)) {
      const uint64_t hashes = align_up(offset + bytes, kPlanSectionAlignment), blocks = block_count(bytes);
      if (hashes > size || blocks * kHashBytes > size - hashes) continue;
      for (uint64_t b = 0; b < blocks; ++b) {
        const uint64_t at = b * kPlanBlockBytes;
        forge_hash(plan, hashes + b * kHashBytes,
                   hash128(checked.subspan(at, std::min<uint64_t>(kPlanBlockBytes, bytes - at))));
      }
      checked = plan.subspan(hashes, blocks * kHashBytes);
    }
    forge_hash(plan, entry + 24, hash128(checked));
  }
  forge_hash(plan, kSealOffset, seal_of(plan.first(kSealedBytes), plan.subspan(table)));
}

}  // namespace temper
