#include "base/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace temper {
namespace {

// Note [Temporary files]
// The temporary of "f" is ".f.PID-N.partial". Its writer holds a lock (flock) on it, which the system drops when the process
// ends, however it ends. So a partial file whose lock is free has no writer any more, and the next writer of "f" removes it.
// Between creating and locking a file somebody else may remove it in this way; then its link count is 0 and the creator takes
// another name.
constexpr std::string_view kSuffix = ".partial";
constexpr size_t kBufferBytes = size_t(1) << 16;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void remove_abandoned(const std::string& folder, const std::string& prefix) {
  DIR* listing = opendir(folder.c_str());
  if (listing == nullptr) return;
  while (const dirent* entry = readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) continue;
    const std::string_view middle = name.substr(prefix.size(), name.size() - prefix.size() - kSuffix.size());
    if (middle.find_first_not_of("0123456789-") != std::string_view::npos) continue;
    const std::string path = folder + "/" + std::string(name);
    const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(path.c_str());
    close(descriptor);
  }
  closedir(listing);
}

int sync_folder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int result = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return result == EINVAL ? 0 : result;  // some file systems cannot synchronise a folder
}

const char* cure(int number) {
  switch (number) {
    case ENOSPC:
      return "; make room on that disk or write elsewhere";
    case EDQUOT:
      return "; the disk quota is used up: make room or write elsewhere";
    case EFBIG:
      return "; the file would exceed the size limit: see `ulimit -f`";
    case ENOENT:
      return "; make the folder first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; write to a folder that you may write to";
    default:
      return "";
  }
}

Error system_error(const std::string& path, const char* what, int number) {
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Error(code, std::string(what) + ": " + strerror(number) + cure(number)).at(path);
}

}  // namespace

Expected<AtomicFileWriter> AtomicFileWriter::create(const std::string& path) {
  AtomicFileWriter file;
  file.path_ = path;
  file.target_ = path;
  struct stat existing {};
  bool replaces = false;
  if (char* resolved = realpath(path.c_str(), nullptr)) {
    file.target_ = resolved;
    free(resolved);
    replaces = stat(file.target_.c_str(), &existing) == 0;
    if (replaces && S_ISDIR(existing.st_mode)) {
      return Error(ErrorCode::kInvalidArgument, "this is a folder; name a file in it").at(path);
    }
    if (replaces && !S_ISREG(existing.st_mode)) {
      return Error(ErrorCode::kInvalidArgument, "this is a device or a pipe; name a regular file").at(path);
    }
  }
  const std::string folder = folder_of(file.target_), name = name_of(file.target_);
  if (name.empty() || name == "." || name == "..") {
    return Error(ErrorCode::kInvalidArgument, "the path names no file").at(path);
  }
  // Long names leave no room for the decoration of the temporary one.
  const std::string prefix = "." + name.substr(0, NAME_MAX - 60) + ".";
  remove_abandoned(folder, prefix);
  static std::atomic<uint64_t> counter{0};
  for (int attempt = 0;; ++attempt) {
    file.temporary_ = folder + "/" + prefix + std::to_string(getpid()) + "-" + std::to_string(counter++) + std::string(kSuffix);
    const int descriptor = open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor < 0 && errno == EEXIST && attempt < 100) continue;  // of a process of another machine or container
    if (descriptor < 0) return system_error(path, "no file can be created here", errno);
    // A file system without locks is no reason to fail: then nothing is ever removed as abandoned either.
    const bool taken = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    struct stat made {};
    if (!taken && fstat(descriptor, &made) == 0 && made.st_nlink > 0) {
      file.descriptor_ = descriptor;
      break;
    }
    close(descriptor);
    if (attempt >= 100) return Error(ErrorCode::kIo, "temporary files vanish as soon as they are made").at(path);
  }
  // If the old permissions cannot be given, the new file keeps the usual ones: as if it had been deleted first.
  if (replaces && fchmod(file.descriptor_, existing.st_mode & 07777) != 0) errno = 0;
  file.buffer_.reserve(kBufferBytes);
  return file;
}

AtomicFileWriter::~AtomicFileWriter() {
  if (descriptor_ < 0) return;
  unlink(temporary_.c_str());
  close(descriptor_);
}

void AtomicFileWriter::swap(AtomicFileWriter& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(failed_, other.failed_);
  std::swap(path_, other.path_);
  std::swap(target_, other.target_);
  std::swap(temporary_, other.temporary_);
  std::swap(buffer_, other.buffer_);
}

Error AtomicFileWriter::failure(const char* what, int number) {
  failed_ = true;
  return system_error(path_, what, number);
}

Status AtomicFileWriter::write_out(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), size_t(1) << 30);
    const ssize_t count = pwrite(descriptor_, bytes.data(), piece, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("the file cannot be written", errno);
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Status AtomicFileWriter::flush() {
  Status written = write_out(size_ - buffer_.size(), buffer_);
  buffer_.clear();
  return written;
}

Status AtomicFileWriter::write(std::span<const std::byte> bytes) {
  TEMPER_CHECK(descriptor_ >= 0, "a committed file takes no more bytes");
  if (failed_) return Error(ErrorCode::kIo, "writing failed before; nothing was saved").at(path_);
  if (buffer_.size() + bytes.size() > kBufferBytes) TEMPER_TRY(flush());
  if (bytes.size() >= kBufferBytes) {
    TEMPER_TRY(write_out(size_, bytes));
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  size_ += bytes.size();
  return {};
}

Status AtomicFileWriter::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  TEMPER_CHECK(descriptor_ >= 0, "a committed file takes no more bytes");
  TEMPER_CHECK(offset <= size_ && bytes.size() <= size_ - offset, "write_at beyond what was written");
  if (failed_) return Error(ErrorCode::kIo, "writing failed before; nothing was saved").at(path_);
  TEMPER_TRY(flush());
  return write_out(offset, bytes);
}

Status AtomicFileWriter::commit() {
  TEMPER_CHECK(descriptor_ >= 0, "commit only once");
  if (failed_) return Error(ErrorCode::kIo, "writing failed before; nothing was saved").at(path_);
  TEMPER_TRY(flush());
  if (fsync(descriptor_) != 0) return failure("the file cannot be brought to disk", errno);
  if (rename(temporary_.c_str(), target_.c_str()) != 0) return failure("the finished file cannot be given its name", errno);
  close(std::exchange(descriptor_, -1));
  if (int number = sync_folder(folder_of(target_))) return failure("the folder cannot be brought to disk", number);
  return {};
}

Status write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  AtomicFileWriter file = TEMPER_TRY(AtomicFileWriter::create(path));
  TEMPER_TRY(file.write(bytes));
  return file.commit();
}

Status write_file_atomically(const std::string& path, std::string_view text) {
  return write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace temper
