#include "onnx/external_data.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/mapped_file.h"
#include "onnx/wire_fields.h"

namespace temper::onnx {
namespace {

using wire::quoted;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// O_NONBLOCK: opening a pipe must not wait for a writer before fstat can refuse it.
constexpr int kOpenFile = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

int open_with_openat2(int folder, const std::string& location) {
  open_how how{};
  how.flags = kOpenFile;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    int fd = int(syscall(SYS_openat2, folder, location.c_str(), &how, sizeof(how)));
    // EAGAIN: somebody renamed something on the way while the kernel looked; it asks to be asked again.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return fd;
  }
}

// Each step opens one name within the folder of the step before, so that no rename in between can lead elsewhere.
int open_by_component(int folder, const std::string& location) {
  Descriptor at(fcntl(folder, F_DUPFD_CLOEXEC, 0));
  if (at.get() < 0) return -1;
  size_t begin = 0;
  while (true) {
    size_t slash = location.find('/', begin);
    std::string name = location.substr(begin, slash - begin);
    if (slash == std::string::npos) return openat(at.get(), name.c_str(), kOpenFile);
    begin = slash + 1;
    if (name.empty() || name == ".") continue;
    int next = openat(at.get(), name.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
    if (next < 0) return -1;
    at.reset(next);
  }
}

Error not_opened(int error, std::string_view location, const std::string& folder) {
  std::string file = "the external data file " + quoted(location);
  switch (error) {
    case ENOENT:
      return Error(ErrorCode::kNotFound, file + " is not in the model's folder " + quoted(folder) + "; put it there");
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
      return Error(
          ErrorCode::kInvalidArgument,
          file + " is reached over a symbolic link, which is not followed; replace the link by a copy of the file (cp -L)");
    default:
      return Error(ErrorCode::kIo, file + " can't be opened: " + std::strerror(error));
  }
}

}  // namespace

Expected<int> open_beneath(const std::string& folder, std::string_view location, BeneathMethod method) {
  std::string file = "the external data file " + quoted(location);
  if (location.empty()) {
    return Error(ErrorCode::kCorrupt,
                 "the tensor's data is said to be in an external file, but no 'location' is given; save the model again");
  }
  if (location.find('\0') != std::string_view::npos) {
    return Error(ErrorCode::kCorrupt, file + " has a name with a zero byte; save the model again");
  }
  if (location.front() == '/') {
    return Error(ErrorCode::kInvalidArgument,
                 file + " is given by an absolute path; it must be within the model's folder, save the model again");
  }
  for (size_t begin = 0; begin <= location.size();) {
    size_t end = std::min(location.find('/', begin), location.size());
    if (location.substr(begin, end - begin) == "..") {
      return Error(ErrorCode::kInvalidArgument,
                   file + " leads out of the model's folder; put it beside the model and save the model again");
    }
    begin = end + 1;
  }

  Descriptor root(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) {
    return Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 "the model's folder " + quoted(folder) + " can't be opened: " + std::strerror(errno));
  }
  std::string path(location);
  int opened = -1;
  errno = ENOSYS;
  if (method == BeneathMethod::kAny) opened = open_with_openat2(root.get(), path);
  // EPERM: a sandbox that does not know the call.
  if (opened < 0 && (errno == ENOSYS || errno == EPERM)) opened = open_by_component(root.get(), path);
  if (opened < 0) return not_opened(errno, location, folder);

  Descriptor fd(opened);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Error(ErrorCode::kIo, file + " can't be read: " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Error(ErrorCode::kInvalidArgument, file + " is no regular file; put the weights there");
  if (status.st_nlink > 1) {
    return Error(ErrorCode::kInvalidArgument,
                 file + " has " + std::to_string(status.st_nlink) +
                     " hard links, so it may be a file from outside the model's folder; replace it by a copy (cp, then mv)");
  }
  return fd.release();
}

Expected<std::span<const std::byte>> ExternalFiles::whole(std::string_view location) {
  Descriptor fd(TEMPER_TRY(open_beneath(folder_, location)));
  return storage_.keep(TEMPER_TRY(MappedFile::from_descriptor(fd.release(), std::string(location))));
}

Expected<std::span<const std::byte>> ExternalFiles::range(const ExternalLocation& place, uint64_t size) {
  if (folder_.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "the tensor's data is in the external file " + quoted(place.location) +
                     ", and a model read from memory has no folder; give its folder or load it by path");
  }
  auto found = files_.find(place.location);
  if (found == files_.end()) found = files_.emplace(place.location, whole(place.location)).first;
  if (!found->second.ok()) return found->second.error();
  std::span<const std::byte> all = *found->second;
  uint64_t offset = uint64_t(place.offset);  // never negative: it was read as digits
  if (offset > all.size() || size > all.size() - offset) {
    return Error(ErrorCode::kCorrupt, "the tensor takes " + std::to_string(size) + " bytes from byte " +
                                          std::to_string(offset) + " of the external data file " + quoted(place.location) +
                                          ", which has only " + std::to_string(all.size()) +
                                          "; copy the file again, or save the model again");
  }
  return all.subspan(offset, size);
}

}  // namespace temper::onnx
