#include "output_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "problem.h"

namespace tool {
namespace {

// The temporary file that the second Ctrl-C removes: one at a time is written.
char pending_path[4096];
std::atomic<bool> pending{false};
std::atomic<bool> interrupt_seen{false};

void on_interrupt(int number) {
  if (!interrupt_seen.exchange(true)) return;
  if (pending.load()) unlink(pending_path);
  _exit(128 + number);
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  struct stat facts;
  if (stat(path_.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {  // a device or a pipe: written to, never replaced
    file_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (file_ < 0) throw io_problem("can't write '" + path_ + "': " + std::strerror(errno));
    return;
  }
  temporary_ = path_ + ".tmp" + std::to_string(getpid());
  file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0 && errno == EEXIST) {  // left by a process of the same number that was killed
    unlink(temporary_.c_str());
    file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  }
  if (file_ < 0) {
    throw io_problem("can't write '" + path_ + "': " + std::strerror(errno) + "; choose a folder that exists and is writable");
  }
  if (temporary_.size() < sizeof pending_path) {
    std::memcpy(pending_path, temporary_.c_str(), temporary_.size() + 1);
    pending = true;
  }
}

OutputFile::~OutputFile() {
  if (file_ < 0) return;
  close(file_);
  if (temporary_.empty()) return;
  unlink(temporary_.c_str());
  pending = false;
}

bool OutputFile::write_some(const void* data, size_t size) noexcept {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t done = ::write(file_, from, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    from += done;
    size -= size_t(done);
  }
  return true;
}

void OutputFile::write(std::string_view bytes) {
  if (!write_some(bytes.data(), bytes.size())) {
    throw io_problem("writing '" + path_ + "' failed: " + std::strerror(errno) + "; the file was left as it was");
  }
}

void OutputFile::commit() {
  const bool good = fsync(file_) == 0 || errno == EINVAL;  // EINVAL: a special file, which has nothing to flush
  if (!good || (!temporary_.empty() && rename(temporary_.c_str(), path_.c_str()) != 0)) {
    throw io_problem("writing '" + path_ + "' failed: " + std::strerror(errno) + "; the file was left as it was");
  }
  close(file_);
  file_ = -1;
  pending = false;
}

int64_t StreamToFile::write(const void* data, int64_t size) noexcept {
  if (size < 0) return -1;
  if (file_.write_some(data, size_t(size))) return size;
  error_number_ = errno;
  return -1;
}

void write_file(const std::string& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

std::string read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts;
  if (file < 0 || fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    const std::string reason = file < 0 ? std::strerror(errno) : "it is not a file";
    if (file >= 0) close(file);
    throw Problem(errno == ENOENT && file < 0 ? "E_NOT_FOUND" : "E_IO", "can't read '" + path + "': " + reason);
  }
  std::string bytes(size_t(facts.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = read(file, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += size_t(got);
  }
  close(file);
  bytes.resize(have);
  if (have != size_t(facts.st_size)) throw io_problem("'" + path + "' could only be read in part");
  return bytes;
}

bool file_exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, which removes what is half-written
}

bool interrupted() noexcept { return interrupt_seen.load(std::memory_order_relaxed); }

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted();
}

}  // namespace tool
