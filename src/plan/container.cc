#include "plan/container.h"

#include <algorithm>

#include "base/bytes.h"
#include "plan/container_layout.h"

namespace temper {
namespace {

using namespace plan_layout;

constexpr std::string_view kKindNames[kSectionKindCount] = {"meta", "graph", "weights", "kernels", "shapes", "tuning"};

Error corrupt(const std::string& what) {
  return Error(ErrorCode::kCorrupt, "the plan is damaged: " + what + "; build or copy it again");
}

std::string describe(SectionKind kind, std::string_view name) {
  std::string text = "section " + std::string(section_kind_name(kind));
  return name.empty() ? text : text + "/" + std::string(name);
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool valid_name(std::string_view name) {
  return name.size() <= kPlanNameBytes && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Error not_a_plan(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Error(ErrorCode::kCorrupt, "the file is empty; build the plan again");
  const std::string_view what = recognise_foreign_file(bytes);
  if (what == kOnnxFile)
    return Error(ErrorCode::kInvalidArgument, "this is an ONNX file, not a plan; use --onnx= to build one from it");
  if (!what.empty())
    return Error(ErrorCode::kInvalidArgument,
                 "this is " + std::string(what) + ", not a plan; give a file that Temper has built");
  return Error(ErrorCode::kCorrupt, "this is not a plan of Temper, or its beginning is damaged; build it again");
}

struct Header {
  uint32_t sections;
  Hash128 seal;
};

Expected<Header> read_header(std::span<const std::byte> bytes) {
  const size_t compared = std::min(bytes.size(), kMagic.size());
  if (compared == 0 || std::memcmp(bytes.data(), kMagic.data(), compared) != 0) return not_a_plan(bytes);
  if (bytes.size() < kPlanHeaderBytes) return corrupt("it ends inside its header");
  ByteReader reader(bytes.subspan(kMagic.size(), kPlanHeaderBytes - kMagic.size()));
  const uint32_t version = TEMPER_TRY(reader.u32());
  if (version != kPlanVersion) {
    return Error(ErrorCode::kIncompatible, "the plan has format version " + std::to_string(version) +
                                               ", this Temper reads version " + std::to_string(kPlanVersion) +
                                               "; build it again with this Temper");
  }
  Header header;
  header.sections = TEMPER_TRY(reader.u32());
  const uint64_t file_bytes = TEMPER_TRY(reader.u64());
  if (file_bytes != bytes.size()) {
    return corrupt("it should have " + std::to_string(file_bytes) + " bytes and has " + std::to_string(bytes.size()));
  }
  header.seal.high = TEMPER_TRY(reader.u64());
  header.seal.low = TEMPER_TRY(reader.u64());
  if (!all_zero(TEMPER_TRY(reader.raw(reader.remaining())))) return corrupt("the end of its header is not zero");
  if (header.sections == 0 || header.sections > kPlanMaxSections ||
      header.sections * kPlanEntryBytes > bytes.size() - kPlanHeaderBytes) {
    return corrupt("it claims " + std::to_string(header.sections) + " sections");
  }
  return header;
}

struct Entry {
  PlanSection section;
  Hash128 checksum;
};

Expected<Entry> read_entry(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const uint32_t kind = TEMPER_TRY(reader.u32());
  const uint32_t flags = TEMPER_TRY(reader.u32());
  if (kind == 0 || kind > kSectionKindCount) return corrupt("a section has the unknown kind " + std::to_string(kind));
  Entry entry;
  entry.section.kind = static_cast<SectionKind>(kind);
  if (flags != flags_of(entry.section.kind)) return corrupt("a section has wrong flags");
  entry.section.offset = TEMPER_TRY(reader.u64());
  entry.section.size = TEMPER_TRY(reader.u64());
  entry.checksum.high = TEMPER_TRY(reader.u64());
  entry.checksum.low = TEMPER_TRY(reader.u64());
  std::span<const std::byte> name = TEMPER_TRY(reader.raw(kPlanNameBytes));
  std::string_view text(reinterpret_cast<const char*>(name.data()), name.size());
  text = text.substr(0, std::min(text.size(), text.find('\0')));
  if (!valid_name(text) || !all_zero(name.subspan(text.size()))) return corrupt("a section has a malformed name");
  entry.section.name = text;
  return entry;
}

// One checksum to compare; all of them are independent of each other.
struct Check {
  std::span<const std::byte> bytes;
  Hash128 expected;
  uint32_t section;
};

Hash128 stored_hash(std::span<const std::byte> bytes) {
  Hash128 hash;
  std::memcpy(&hash.high, bytes.data(), 8);
  std::memcpy(&hash.low, bytes.data() + 8, 8);
  return hash;
}

}  // namespace

std::string_view section_kind_name(SectionKind kind) { return kKindNames[static_cast<uint32_t>(kind) - 1]; }

Expected<PlanReader> PlanReader::open(std::span<const std::byte> bytes) {
  SerialExecutor serial;
  return open(bytes, serial);
}

Expected<PlanReader> PlanReader::open(std::span<const std::byte> bytes, Executor& executor) {
  const Header header = TEMPER_TRY(read_header(bytes));
  const uint64_t table_bytes = header.sections * kPlanEntryBytes;
  const uint64_t table_offset = bytes.size() - table_bytes;
  const std::span<const std::byte> table = bytes.subspan(table_offset);
  if (seal_of(bytes.first(kSealedBytes), table) != header.seal) return corrupt("the checksum of its section table is wrong");

  PlanReader plan;
  plan.bytes_ = bytes;
  plan.fingerprint_ = header.seal;
  std::vector<Check> checks;
  // Everything between the sections is padding, so walking them in order accounts for each byte of the file.
  uint64_t end = kPlanHeaderBytes;
  auto skip_padding = [&](uint64_t to) {
    const bool good = to >= end && to <= table_offset && all_zero(bytes.subspan(end, to - end));
    end = to;
    return good;
  };
  for (uint32_t i = 0; i < header.sections; ++i) {
    Entry entry = TEMPER_TRY(read_entry(table.subspan(i * kPlanEntryBytes, kPlanEntryBytes)));
    const PlanSection& section = entry.section;
    const std::string name = describe(section.kind, section.name);
    if (plan.find(section.kind, section.name)) return corrupt(name + " is there twice");
    if (section.offset != align_up(end, alignment_of(section.kind)) || !skip_padding(section.offset)) {
      return corrupt(name + " is not where it belongs, or the bytes before it are not zero");
    }
    if (section.size > table_offset - end) return corrupt(name + " reaches beyond the end");
    const std::span<const std::byte> data = plan.bytes(section);
    end += section.size;
    if (is_blocked(section.kind)) {
      const uint64_t blocks = block_count(section.size);
      const uint64_t hashes_at = align_up(end, kPlanSectionAlignment);
      if (!skip_padding(hashes_at) || blocks * kHashBytes > table_offset - end)
        return corrupt("the checksums of " + name + " are not there");
      const std::span<const std::byte> hashes = bytes.subspan(end, blocks * kHashBytes);
      end += hashes.size();
      if (hash128(hashes) != entry.checksum) return corrupt("the list of checksums of " + name + " is damaged");
      for (uint64_t b = 0; b < blocks; ++b) {
        const uint64_t at = b * kPlanBlockBytes;
        checks.push_back({data.subspan(at, std::min<uint64_t>(kPlanBlockBytes, section.size - at)),
                          stored_hash(hashes.subspan(b * kHashBytes)), i});
      }
    } else {
      checks.push_back({data, entry.checksum, i});
    }
    plan.sections_.push_back(std::move(entry.section));
  }
  if (table_offset != align_up(end, kPlanSectionAlignment) || !skip_padding(table_offset)) {
    return corrupt("there are bytes that belong to no section");
  }

  std::vector<uint8_t> good(checks.size());
  for_each_task(executor, static_cast<int64_t>(checks.size()),
                [&](int64_t i, int) { good[i] = hash128(checks[i].bytes) == checks[i].expected; });
  const auto bad = std::find(good.begin(), good.end(), 0);
  if (bad != good.end()) {
    const Check& check = checks[bad - good.begin()];
    const PlanSection& section = plan.sections_[check.section];
    return corrupt("the checksum of " + describe(section.kind, section.name) + " is wrong, in the " +
                   std::to_string(check.bytes.size()) + " bytes from offset " +
                   std::to_string(check.bytes.data() - bytes.data()));
  }
  return plan;
}

std::optional<std::span<const std::byte>> PlanReader::find(SectionKind kind, std::string_view name) const {
  for (const PlanSection& section : sections_)
    if (section.kind == kind && section.name == name) return bytes(section);
  return std::nullopt;
}

Expected<std::span<const std::byte>> PlanReader::require(SectionKind kind, std::string_view name) const {
  if (auto found = find(kind, name)) return *found;
  return Error(ErrorCode::kCorrupt, "the plan has no " + describe(kind, name) + "; build it again");
}

Status PlanWriter::pad(size_t alignment) {
  static constexpr std::byte kZeros[4096] = {};
  const uint64_t size = sink_.size();
  uint64_t missing = align_up(size, alignment) - size;
  while (missing > 0) {
    const size_t piece = std::min<uint64_t>(missing, sizeof(kZeros));
    TEMPER_TRY(sink_.write(std::span(kZeros).first(piece)));
    missing -= piece;
  }
  return {};
}

Status PlanWriter::begin(SectionKind kind, std::string_view name) {
  TEMPER_CHECK(valid_name(name), "section names are short and printable");
  for (const Entry& entry : entries_) {
    TEMPER_CHECK(entry.kind != kind || entry.name != name, "each section once: " + describe(kind, name));
  }
  TEMPER_CHECK(entries_.size() < kPlanMaxSections, "too many sections");
  if (entries_.empty()) {
    TEMPER_CHECK(sink_.size() == 0, "a plan begins at the start of its sink");
    const std::byte header[kPlanHeaderBytes] = {};  // its place; finish() fills it
    TEMPER_TRY(sink_.write(header));
  }
  TEMPER_TRY(end_section());
  TEMPER_TRY(pad(alignment_of(kind)));
  entries_.push_back({kind, std::string(name), sink_.size()});
  open_ = true;
  position_ = 0;
  hasher_.reset();
  blocks_.clear();
  return {};
}

Status PlanWriter::write(std::span<const std::byte> bytes) {
  TEMPER_CHECK(open_, "begin a section first");
  if (is_blocked(entries_.back().kind)) {
    for (std::span<const std::byte> rest = bytes; !rest.empty();) {
      const size_t left = kPlanBlockBytes - position_ % kPlanBlockBytes;
      const size_t piece = std::min(left, rest.size());
      hasher_.add_bytes(rest.first(piece));
      position_ += piece;
      rest = rest.subspan(piece);
      if (piece == left) {
        blocks_.push_back(hasher_.finish());
        hasher_.reset();
      }
    }
  } else {
    hasher_.add_bytes(bytes);
    position_ += bytes.size();
  }
  return sink_.write(bytes);
}

Status PlanWriter::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

Status PlanWriter::align(size_t alignment) {
  static constexpr std::byte kZeros[4096] = {};
  while (position_ % alignment != 0) {
    const size_t piece = std::min<uint64_t>(alignment - position_ % alignment, sizeof(kZeros));
    TEMPER_TRY(write(std::span(kZeros).first(piece)));
  }
  return {};
}

Status PlanWriter::end_section() {
  if (!open_) return {};
  open_ = false;
  Entry& entry = entries_.back();
  entry.size = position_;
  if (!is_blocked(entry.kind)) {
    entry.checksum = hasher_.finish();
    return {};
  }
  if (position_ % kPlanBlockBytes != 0) blocks_.push_back(hasher_.finish());
  TEMPER_TRY(pad(kPlanSectionAlignment));
  ByteWriter hashes;
  for (const Hash128& hash : blocks_) {
    hashes.u64(hash.high);
    hashes.u64(hash.low);
  }
  entry.checksum = hash128(hashes.bytes());
  return sink_.write(hashes.bytes());
}

Status PlanWriter::finish() {
  TEMPER_CHECK(!entries_.empty(), "a plan has at least one section");
  TEMPER_TRY(end_section());
  TEMPER_TRY(pad(kPlanSectionAlignment));
  ByteWriter table;
  for (const Entry& entry : entries_) {
    table.u32(static_cast<uint32_t>(entry.kind));
    table.u32(flags_of(entry.kind));
    table.u64(entry.offset);
    table.u64(entry.size);
    table.u64(entry.checksum.high);
    table.u64(entry.checksum.low);
    table.raw(std::as_bytes(std::span(entry.name)));
    for (size_t i = entry.name.size(); i < kPlanNameBytes; ++i) table.u8(0);
  }
  TEMPER_TRY(sink_.write(table.bytes()));
  ByteWriter header;
  header.raw(std::as_bytes(std::span(kMagic)));
  header.u32(kPlanVersion);
  header.u32(static_cast<uint32_t>(entries_.size()));
  header.u64(sink_.size());
  const Hash128 seal = seal_of(header.bytes(), table.bytes());
  header.u64(seal.high);
  header.u64(seal.low);
  return sink_.write_at(0, header.bytes());
}

}  // namespace temper
