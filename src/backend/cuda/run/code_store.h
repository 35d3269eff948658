// CodeStore: machine code of kernels in a folder, from one process to the next.
//
// A file per kernel, named by the key, there completely or not at all; damage of any kind counts as absence. The folder is
// bounded: the files that were used longest ago go first. What fails (a full disk, no permission) is no error: then code is
// compiled again. TEMPER_KERNEL_CACHE names the folder, or nothing for none; else it is temper/kernels in the user's cache
// folder.
//
//   CodeStore store(*CodeStore::usual_folder());
//   store.put(key, code);  store.get(key);
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"

namespace temper::cuda {

class CodeStore {
 public:
  static std::optional<std::string> usual_folder();
  explicit CodeStore(std::string folder, int64_t most_bytes = int64_t{512} << 20)
      : folder_(std::move(folder)), most_bytes_(most_bytes) {}

  std::optional<std::vector<std::byte>> get(const Hash128& key) const;
  void put(const Hash128& key, std::span<const std::byte> code) const;
  // Removes what is too much.
  void trim() const;

 private:
  std::string path(const Hash128& key) const { return folder_ + "/" + key.hex() + ".cubin"; }
  std::string folder_;
  int64_t most_bytes_;
};

}  // namespace temper::cuda
