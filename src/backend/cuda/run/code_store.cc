#include "backend/cuda/run/code_store.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/atomic_file.h"

namespace temper::cuda {
namespace {

namespace fs = std::filesystem;

struct Header {
  char magic[8] = {'t', 'e', 'm', 'p', 'e', 'r', 'K', '1'};
  Hash128 key, code;
  uint64_t bytes = 0;
};

}  // namespace

std::optional<std::string> CodeStore::usual_folder() {
  if (const char* named = std::getenv("TEMPER_KERNEL_CACHE")) {
    return *named ? std::optional<std::string>(named) : std::nullopt;
  }
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/') return std::string(cache) + "/temper/kernels";
  if (const char* home = std::getenv("HOME"); home && *home == '/') return std::string(home) + "/.cache/temper/kernels";
  return std::nullopt;
}

std::optional<std::vector<std::byte>> CodeStore::get(const Hash128& key) const {
  std::ifstream file(path(key), std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  const auto size = static_cast<int64_t>(file.tellg());
  constexpr int64_t kMostBytes = int64_t{64} << 20;
  if (size < static_cast<int64_t>(sizeof(Header)) || size > kMostBytes) return std::nullopt;
  Header header;
  std::vector<std::byte> code(static_cast<size_t>(size) - sizeof header);
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
  if (!file.read(reinterpret_cast<char*>(code.data()), static_cast<std::streamsize>(code.size()))) return std::nullopt;
  if (std::memcmp(header.magic, Header{}.magic, sizeof header.magic) != 0 || header.key != key || header.bytes != code.size() ||
      header.code != hash128(code))
    return std::nullopt;
  std::error_code ignored;
  fs::last_write_time(path(key), fs::file_time_type::clock::now(), ignored);  // the one that was used last
  return code;
}

void CodeStore::put(const Hash128& key, std::span<const std::byte> code) const {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) return;
  Header header;
  header.key = key;
  header.code = hash128(code);
  header.bytes = code.size();
  auto file = AtomicFileWriter::create(path(key));
  if (!file.ok()) return;
  if (!file->write(std::as_bytes(std::span(&header, 1))).ok() || !file->write(code).ok()) return;
  (void)file->commit();
}

void CodeStore::trim() const {
  struct File {
    fs::file_time_type used;
    int64_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  int64_t total = 0;
  std::error_code failed;
  for (fs::directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code gone;
    if (at->path().extension() != ".cubin") continue;
    const auto bytes = static_cast<int64_t>(at->file_size(gone));
    const auto used = at->last_write_time(gone);
    if (gone) continue;
    files.push_back({used, bytes, at->path()});
    total += bytes;
  }
  if (total <= most_bytes_) return;
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& file : files) {
    if (total <= most_bytes_ / 4 * 3) return;
    std::error_code gone;
    fs::remove(file.path, gone);
    total -= file.bytes;
  }
}

}  // namespace temper::cuda
