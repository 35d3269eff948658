// Files that are there completely or not at all.
//
// The bytes go to a temporary file in the folder of the target, which is synchronised to disk and then renamed over it: whoever
// opens the target sees the old file or the new one, also after a crash or kill -9. If anything fails (disk full, no
// permission) the target is untouched and the temporary is removed; one that a killed process left behind is removed by the
// next writer of the same target.
//
//   AtomicFileWriter file = TEMPER_TRY(AtomicFileWriter::create("model.plan"));
//   TEMPER_TRY(file.write(header)); TEMPER_TRY(file.write(weights)); TEMPER_TRY(file.write_at(0, final_header));
//   TEMPER_TRY(file.commit());
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"

namespace temper {

class AtomicFileWriter final : public ByteSink {
 public:
  // A symbolic link is followed. The new file gets the permissions of the one it replaces, or the usual ones.
  static Expected<AtomicFileWriter> create(const std::string& path);

  AtomicFileWriter(AtomicFileWriter&& other) noexcept { swap(other); }
  AtomicFileWriter& operator=(AtomicFileWriter&& other) noexcept {
    AtomicFileWriter(std::move(other)).swap(*this);
    return *this;
  }
  ~AtomicFileWriter() override;  // without commit(): removes the temporary

  Status write(std::span<const std::byte> bytes) override;
  Status write_at(uint64_t offset, std::span<const std::byte> bytes) override;
  uint64_t size() const override { return size_; }

  // Makes the file visible under its name. Nothing may be written afterwards.
  Status commit();

 private:
  AtomicFileWriter() = default;
  void swap(AtomicFileWriter& other) noexcept;
  Status flush();
  Status write_out(uint64_t offset, std::span<const std::byte> bytes);
  Error failure(const char* what, int system_error);

  int descriptor_ = -1;
  uint64_t size_ = 0;    // including what is still in buffer_
  bool failed_ = false;  // after an error nothing can be committed
  std::string path_;     // as the caller gave it, for messages
  std::string target_;   // with links followed
  std::string temporary_;
  std::vector<std::byte> buffer_;  // gathers small writes
};

Status write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
Status write_file_atomically(const std::string& path, std::string_view text);

}  // namespace temper
