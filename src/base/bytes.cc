#include "base/bytes.h"

#include <limits>

namespace temper {

Error ByteReader::too_short(size_t wanted) const {
  return Error(ErrorCode::kCorrupt, "the record ends too early: " + std::to_string(wanted) + " bytes are wanted at offset " +
                                        std::to_string(position_) + ", " + std::to_string(remaining()) + " are left");
}

Error ByteReader::out_of_range(uint64_t value, int count) const {
  return Error(ErrorCode::kCorrupt, "the value " + std::to_string(value) + " before offset " + std::to_string(position_) +
                                        " of the record is not below " + std::to_string(count));
}

Expected<bool> ByteReader::boolean() {
  uint8_t value = TEMPER_TRY(u8());
  if (value > 1) return out_of_range(value, 2);
  return value == 1;
}

Expected<std::span<const std::byte>> ByteReader::raw(size_t size) {
  if (size > remaining()) return too_short(size);
  std::span<const std::byte> part = bytes_.subspan(position_, size);
  position_ += size;
  return part;
}

Expected<std::string_view> ByteReader::string_view() {
  uint32_t size = TEMPER_TRY(count(1));
  std::span<const std::byte> part = TEMPER_TRY(raw(size));
  return std::string_view(reinterpret_cast<const char*>(part.data()), part.size());
}

Expected<std::string> ByteReader::string() { return std::string(TEMPER_TRY(string_view())); }

Expected<uint32_t> ByteReader::count(size_t least_bytes) {
  uint32_t value = TEMPER_TRY(u32());
  if (least_bytes != 0 && value > remaining() / least_bytes) {
    return Error(ErrorCode::kCorrupt, "the record claims " + std::to_string(value) + " elements before offset " +
                                          std::to_string(position_) + ", but only " + std::to_string(remaining()) +
                                          " bytes are left");
  }
  return value;
}

Status ByteReader::finish() const {
  if (remaining() == 0) return {};
  return Error(ErrorCode::kCorrupt,
               "the record has " + std::to_string(remaining()) + " bytes too many after offset " + std::to_string(position_));
}

void ByteWriter::raw(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

void ByteWriter::count(size_t value) {
  TEMPER_CHECK(value <= std::numeric_limits<uint32_t>::max(), "a count in a record has 32 bits");
  u32(static_cast<uint32_t>(value));
}

void ByteWriter::string(std::string_view text) {
  count(text.size());
  raw(std::as_bytes(std::span(text)));
}

}  // namespace temper
