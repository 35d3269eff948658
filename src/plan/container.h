// The container of a plan: a file of named sections, each byte of which is checked. docs/plan_format.md describes it to the
// byte.
//
//   [header 64][section, aligned]...[section table, 64 bytes an entry]
//
// A weights section starts on a page and has a checksum for each MiB, so that it can be verified in parallel and mapped; all
// others start on 64 bytes and have one checksum. Padding is zero. The layout has no freedom: a file that differs from what the
// writer would have written for the same sections is refused. What the sections mean is not known here.
//
// Reading verifies everything once; after that the spans can be used without checks of their own (their *contents* may still be
// nonsense: a checksum can be made right by anyone).
//
//   PlanReader plan = TEMPER_TRY(PlanReader::open(file.bytes(), executor));
//   std::span<const std::byte> meta = TEMPER_TRY(plan.require(SectionKind::kMeta));
//
//   PlanWriter writer(sink);
//   writer.begin(SectionKind::kMeta); TEMPER_TRY(writer.write(bytes)); ...; TEMPER_TRY(writer.finish());
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"

namespace temper {

enum class SectionKind : uint32_t {
  kMeta = 1,     // steps, bindings, memory plan
  kGraph = 2,    // canonical text of the Graph
  kWeights = 3,  // page-aligned, checksum per MiB
  kKernels = 4,  // one section per target, named by it: "cpu-v4", "sm_90a"
  kShapePrograms = 5,
  kTuning = 6,  // record of tuning
};
inline constexpr uint32_t kSectionKindCount = 6;
std::string_view section_kind_name(SectionKind kind);  // "meta", "graph", ...

inline constexpr uint32_t kPlanVersion = 1;
inline constexpr size_t kPlanHeaderBytes = 64;
inline constexpr size_t kPlanEntryBytes = 64;
inline constexpr size_t kPlanSectionAlignment = 64;
inline constexpr size_t kPlanWeightsAlignment = 4096;
inline constexpr size_t kPlanBlockBytes = size_t(1) << 20;
inline constexpr size_t kPlanNameBytes = 24;  // the longest name
inline constexpr size_t kPlanMaxSections = 4096;

struct PlanSection {
  SectionKind kind;
  std::string name;  // often empty
  uint64_t offset;
  uint64_t size;
};

class PlanReader {
 public:
  // Verifies all of `bytes`, which must outlive the reader and not change. The executor takes part in the checksums.
  static Expected<PlanReader> open(std::span<const std::byte> bytes, Executor& executor);
  static Expected<PlanReader> open(std::span<const std::byte> bytes);

  const std::vector<PlanSection>& sections() const { return sections_; }
  std::span<const std::byte> bytes(const PlanSection& section) const { return bytes_.subspan(section.offset, section.size); }
  std::optional<std::span<const std::byte>> find(SectionKind kind, std::string_view name = "") const;
  Expected<std::span<const std::byte>> require(SectionKind kind, std::string_view name = "") const;

  // Identifies the contents: a checksum of the checksums.
  Hash128 fingerprint() const { return fingerprint_; }

 private:
  std::span<const std::byte> bytes_;
  std::vector<PlanSection> sections_;
  Hash128 fingerprint_;
};

// Streams a plan into a sink that is empty at the start. The bytes depend on nothing but the calls. After an Error the writer
// is of no more use.
class PlanWriter {
 public:
  explicit PlanWriter(ByteSink& sink) : sink_(sink) {}

  // Ends the section before and starts another. Each (kind, name) once; the name has at most kPlanNameBytes printable ASCII
  // characters.
  Status begin(SectionKind kind, std::string_view name = "");
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  // Zeros up to the next multiple of the alignment, counted from the start of the section.
  Status align(size_t alignment);
  uint64_t position() const { return position_; }  // in the section
  // Writes the section table and the header. What makes the bytes durable (commit) is for the owner of the sink.
  Status finish();

 private:
  struct Entry {
    SectionKind kind;
    std::string name;
    uint64_t offset = 0;
    uint64_t size = 0;
    Hash128 checksum;
  };
  Status pad(size_t alignment);
  Status end_section();

  ByteSink& sink_;
  std::vector<Entry> entries_;
  bool open_ = false;
  uint64_t position_ = 0;
  Hasher hasher_;
  std::vector<Hash128> blocks_;  // of the open weights section
};

// What the first bytes of a file that is not a plan look like, in words: "an ONNX file", "text"; empty: unknown.
std::string_view recognise_foreign_file(std::span<const std::byte> bytes);

}  // namespace temper
