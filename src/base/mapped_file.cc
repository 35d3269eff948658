#include "base/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

namespace temper {
namespace {

// Note [Shrinking files]
// Reading a mapped page that the file no longer has raises SIGBUS in whichever thread reads. Copying the file instead would
// cost its size in memory for each process. So while mappings exist there is a SIGBUS handler: if the address lies in one of
// our mappings, it puts pages of zeros in place of the rest of that mapping, marks it as faulted, and returns; the read is
// repeated and yields zero. The reader computes nonsense, harmlessly (contents of files are never trusted to be in range),
// until it asks faulted() or still_intact(). Any other SIGBUS goes to the handler that was there before ours.
//
// The handler may run at any instant in any thread, so the table is an array of atomics, and mmap is the only thing called. A
// slot is switched off (end = 0) before its mapping goes and reused only afterwards. The handler is installed with the first
// mapping and stays.
constexpr int kSlots = 4096;  // mapped files at the same time; more are refused

struct Slot {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};    // 0: not yet or no longer guarded
  std::atomic<bool> faulted{false};
};
Slot slots[kSlots];
std::atomic<int> slots_used{0};  // slots at and after it were never used
struct sigaction previous_action;

bool patch(uintptr_t address) {
  const int used = slots_used.load(std::memory_order_acquire);
  for (int i = 0; i < used; ++i) {
    Slot& slot = slots[i];
    const uintptr_t end = slot.end.load(std::memory_order_acquire);
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (address < begin || address >= end || slot.end.load(std::memory_order_acquire) != end) continue;
    static constexpr uintptr_t kPage = 4096;
    const uintptr_t from = address & ~(kPage - 1);
    slot.faulted.store(true, std::memory_order_release);
    void* zeros = mmap(reinterpret_cast<void*>(from), end - from, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return zeros != MAP_FAILED;
  }
  return false;
}

void on_bus_error(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool ours = patch(reinterpret_cast<uintptr_t>(info->si_addr));
  errno = saved_errno;
  if (ours) return;
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(number, info, context);
  } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
    signal(number, SIG_DFL);  // returning repeats the access, which then ends the process in the usual way
  } else {
    previous_action.sa_handler(number);
  }
}

int take_slot(uintptr_t begin, uintptr_t end) {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action {};
    action.sa_sigaction = &on_bus_error;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGBUS, &action, &previous_action);
  });
  for (int i = 0; i < kSlots; ++i) {
    uintptr_t free = 0;
    if (!slots[i].begin.compare_exchange_strong(free, begin)) continue;
    slots[i].faulted.store(false, std::memory_order_relaxed);
    slots[i].end.store(end, std::memory_order_release);
    int used = slots_used.load();
    while (used <= i && !slots_used.compare_exchange_weak(used, i + 1)) {
    }
    return i;
  }
  return -1;
}

Error system_error(const std::string& name, const char* what, int number) {
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound
                         : number == ENOMEM                    ? ErrorCode::kOutOfMemory
                                                               : ErrorCode::kIo;
  return Error(code, std::string(what) + ": " + strerror(number) + (code == ErrorCode::kNotFound ? "; check the path" : ""))
      .at(name);
}

int64_t modified_ns(const struct stat& info) { return int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec; }

}  // namespace

Expected<MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return system_error(path, "the file cannot be opened", errno);
  return from_descriptor(descriptor, path);
}

Expected<MappedFile> MappedFile::from_descriptor(int descriptor, std::string name) {
  MappedFile file;
  file.descriptor_ = descriptor;
  file.path_ = std::move(name);
  struct stat info;
  if (fstat(descriptor, &info) != 0) return system_error(file.path_, "the file cannot be examined", errno);
  if (S_ISDIR(info.st_mode)) return Error(ErrorCode::kInvalidArgument, "this is a folder; a file is wanted").at(file.path_);
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalidArgument, "this is a device or a pipe; copy it to a regular file first").at(file.path_);
  }
  file.modified_ns_ = modified_ns(info);
  const size_t size = static_cast<size_t>(info.st_size);
  if (size == 0) return file;
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) return system_error(file.path_, "the file cannot be mapped into memory", errno);
  file.data_ = static_cast<const std::byte*>(data);
  file.size_ = size;
  const auto begin = reinterpret_cast<uintptr_t>(data);
  file.guard_ = take_slot(begin, begin + size);
  if (file.guard_ < 0) {
    return Error(ErrorCode::kOutOfMemory, "more than " + std::to_string(kSlots) + " files are mapped; close some")
        .at(file.path_);
  }
  return file;
}

MappedFile::~MappedFile() {
  if (guard_ >= 0) slots[guard_].end.store(0);
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (guard_ >= 0) slots[guard_].begin.store(0, std::memory_order_release);
  if (descriptor_ >= 0) close(descriptor_);
}

void MappedFile::swap(MappedFile& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(guard_, other.guard_);
  std::swap(modified_ns_, other.modified_ns_);
  std::swap(path_, other.path_);
}

bool MappedFile::faulted() const { return guard_ >= 0 && slots[guard_].faulted.load(std::memory_order_acquire); }

Status MappedFile::still_intact() const {
  if (descriptor_ < 0) return {};
  struct stat info;
  if (fstat(descriptor_, &info) != 0) return system_error(path_, "the mapped file cannot be examined", errno);
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < size_) {
    return Error(ErrorCode::kIo, "the file was cut from " + std::to_string(size_) + " to " + std::to_string(size) +
                                     " bytes while it was in use; restore it, load it again, and replace files by renaming")
        .at(path_);
  }
  if (faulted())
    return Error(ErrorCode::kIo, "a part of the file could not be read while it was in use; load it again").at(path_);
  if (size != size_ || modified_ns(info) != modified_ns_) {
    return Error(ErrorCode::kIo, "the file was written to while it was in use; load it again, and replace files by renaming")
        .at(path_);
  }
  return {};
}

Status MappedFile::read(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    return Error(ErrorCode::kCorrupt, std::to_string(out.size()) + " bytes are wanted at offset " + std::to_string(offset) +
                                          ", but the file has " + std::to_string(size_))
        .at(path_);
  }
  while (!out.empty()) {
    const ssize_t count = pread(descriptor_, out.data(), std::min(out.size(), size_t(1) << 30), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path_, "the file cannot be read", errno);
    if (count == 0) return Error(ErrorCode::kIo, "the file was cut short while it was in use; load it again").at(path_);
    out = out.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

void MappedFile::will_need() const {
  if (size_ == 0) return;
#ifdef MADV_POPULATE_READ
  if (madvise(const_cast<std::byte*>(data_), size_, MADV_POPULATE_READ) == 0) return;
#endif
  madvise(const_cast<std::byte*>(data_), size_, MADV_WILLNEED);
}

void MappedFile::let_go() const {
  // Pages that were lost are a mapping of their own, of zeros (see Note [Shrinking files]): they are zeros again.
  if (size_ != 0) madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

}  // namespace temper
