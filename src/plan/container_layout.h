// The numbers of the plan's container that reader, writer and the tests that forge plans agree on; docs/plan_format.md has them
// in words. Nothing else needs this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/hash.h"
#include "plan/container.h"

namespace temper::plan_layout {

inline constexpr std::string_view kMagic = "TEMPRPLN";
inline constexpr size_t kSealedBytes = 24;  // of the header: magic, version, section count, file size
inline constexpr size_t kSealOffset = 24;
inline constexpr size_t kHashBytes = 16;
inline constexpr uint32_t kFlagBlocked = 1;  // starts on a page, has a checksum per MiB
inline constexpr std::string_view kOnnxFile = "an ONNX file";

inline bool is_blocked(SectionKind kind) { return kind == SectionKind::kWeights; }
inline uint32_t flags_of(SectionKind kind) { return is_blocked(kind) ? kFlagBlocked : 0; }
inline uint64_t alignment_of(SectionKind kind) { return is_blocked(kind) ? kPlanWeightsAlignment : kPlanSectionAlignment; }

// alignment: a power of two. Cannot overflow for a value that is at most the size of something in memory.
inline uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
inline uint64_t block_count(uint64_t bytes) { return bytes / kPlanBlockBytes + (bytes % kPlanBlockBytes != 0); }

// The checksum that covers the header and the section table, and through it everything.
inline Hash128 seal_of(std::span<const std::byte> header, std::span<const std::byte> table) {
  return Hasher().add_bytes(header).add_bytes(table).finish();
}

}  // namespace temper::plan_layout
