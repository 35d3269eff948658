// Ctrl-C as a flag that long work looks at, for programs (a library does not take signals from its host).
//
// The first SIGINT or SIGTERM during an InterruptScope sets the flag; a second one ends the process at once, as without the
// scope.
//
//   InterruptScope scope;
//   while (...) { if (interrupted()) return Error(ErrorCode::kCancelled, "stopped by Ctrl-C; nothing was written"); ... }
#pragma once

#include <signal.h>

namespace temper {

// Was there a signal since the outermost scope began? One atomic load, from any thread.
bool interrupted();

// One at a time in a process. The end of the scope restores the handlers that were there.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  struct sigaction old_interrupt_;
  struct sigaction old_terminate_;
};

}  // namespace temper
