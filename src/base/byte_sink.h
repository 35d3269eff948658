// ByteSink: where a writer of a file format puts its bytes; a file (AtomicFileWriter) or memory (MemorySink). Bytes are
// appended; those already written can be overwritten, so that a header can be completed at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"

namespace temper {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status write(std::span<const std::byte> bytes) = 0;
  // [offset, offset + size) must have been written.
  virtual Status write_at(uint64_t offset, std::span<const std::byte> bytes) = 0;
  virtual uint64_t size() const = 0;
};

class MemorySink final : public ByteSink {
 public:
  Status write(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Status write_at(uint64_t offset, std::span<const std::byte> bytes) override {
    TEMPER_CHECK(offset <= bytes_.size() && bytes.size() <= bytes_.size() - offset, "write_at beyond what was written");
    if (!bytes.empty()) std::memcpy(bytes_.data() + offset, bytes.data(), bytes.size());
    return {};
  }
  uint64_t size() const override { return bytes_.size(); }

  std::span<const std::byte> bytes() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace temper
