#include "base/log.h"

#include <sys/uio.h>
#include <unistd.h>

namespace temper {

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::kInternalError:
      return "internal error";
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kInfo:
      return "info";
    case Severity::kVerbose:
      return "verbose";
  }
  return "error";
}

void StderrSink::log(Severity severity, std::string_view text) noexcept {
  if (!wants(severity)) return;
  // One system call: lines of several threads do not mix.
  const std::string_view parts[] = {"temper: ", severity_name(severity), ": ", text, "\n"};
  iovec vectors[5];
  for (int i = 0; i < 5; ++i) vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
  if (writev(STDERR_FILENO, vectors, 5) < 0) return;  // nowhere left to complain
}

}  // namespace temper
