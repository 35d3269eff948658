// MappedFile: a whole regular file, mapped read-only.
//
// The bytes stay readable for as long as the object lives, whatever happens to the file: see Note [Shrinking files] in the .cc.
// A file that someone truncates or a disk that fails makes the lost pages read as zero, never a signal, and from then on
// `still_intact()` is an Error. So: read, then ask `still_intact()` before the result is believed (a checksum does as well).
//
//   MappedFile file = TEMPER_TRY(MappedFile::open("model.plan"));
//   ... file.bytes() ...
//   TEMPER_TRY(file.still_intact());
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace temper {

class MappedFile {
 public:
  static Expected<MappedFile> open(const std::string& path);
  // Takes over the descriptor, which must be open for reading; `name` is for messages. For callers with their own rules about
  // what may be opened.
  static Expected<MappedFile> from_descriptor(int descriptor, std::string name);

  MappedFile() = default;  // an empty file
  MappedFile(MappedFile&& other) noexcept { swap(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    MappedFile(std::move(other)).swap(*this);
    return *this;
  }
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // Did a read of these bytes hit a lost page? One atomic load.
  bool faulted() const;
  // An Error when a page was lost, or the file is now shorter, or was written to since it was opened. One system call. A file
  // that was replaced (renamed over) or deleted is intact: the mapping keeps the old one.
  Status still_intact() const;

  // Copies out.size() bytes at `offset` by reading, not through the mapping; an Error when the file does not have them (any
  // more).
  Status read(uint64_t offset, std::span<std::byte> out) const;

  // Tells the system that all of it is about to be read; brings it into the page tables where the system can. Only a hint.
  void will_need() const;
  // Gives the memory of all pages back to the system; a page that is read again comes back from the file. Changes nothing but
  // what the process holds.
  void let_go() const;

 private:
  void swap(MappedFile& other) noexcept;

  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int descriptor_ = -1;
  int guard_ = -1;           // slot in the table of guarded mappings
  int64_t modified_ns_ = 0;  // when it was opened
  std::string path_;
};

}  // namespace temper
