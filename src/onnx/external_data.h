// Files beside a model that hold its weights. The model names them, and models come from strangers, so a location may lead
// nowhere but to a regular file beneath the model's own folder:
//   - no absolute path, no "..", no symbolic link on the way (openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; on kernels
//     without it, component by component with O_NOFOLLOW);
//   - no file with a second hard link. Where the other names of a file are cannot be asked of the system, so any second link
//     may be the way in from outside; the cure is to copy the file.
// A range may start at any byte, but must lie within the file. A file is mapped once, however many tensors use it.
//
//   ExternalFiles files("models/bert", storage);
//   std::span<const std::byte> weights = TEMPER_TRY(files.range({"weights.bin", 4096}, 1 << 20));
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "onnx/model.h"
#include "onnx/storage.h"

namespace temper::onnx {

enum class BeneathMethod { kAny, kByComponent };  // kByComponent: as if the kernel had no openat2, for tests

// A read-only descriptor of the regular file `location` beneath `folder`; the caller closes it.
Expected<int> open_beneath(const std::string& folder, std::string_view location, BeneathMethod method = BeneathMethod::kAny);

class ExternalFiles {
 public:
  // `folder` empty: there may be no external data.
  ExternalFiles(std::string folder, Storage& storage) : folder_(std::move(folder)), storage_(storage) {}

  // The `size` bytes that `place` points at, kept alive by the storage.
  Expected<std::span<const std::byte>> range(const ExternalLocation& place, uint64_t size);

 private:
  Expected<std::span<const std::byte>> whole(std::string_view location);

  std::string folder_;
  Storage& storage_;
  // By location; a file that could not be opened is not tried again for each of its tensors.
  std::map<std::string, Expected<std::span<const std::byte>>, std::less<>> files_;
};

}  // namespace temper::onnx
