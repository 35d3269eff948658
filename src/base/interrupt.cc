#include "base/interrupt.h"

#include <atomic>

#include "base/error.h"

namespace temper {
namespace {

std::atomic<bool> flag{false};
std::atomic<bool> in_scope{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may touch nothing else");

void on_signal(int number) {
  if (flag.exchange(true)) {
    // The second one: end as if nobody had caught it. The signal is blocked until the handler returns, and then ends the
    // process.
    signal(number, SIG_DFL);
    raise(number);
  }
}

}  // namespace

bool interrupted() { return flag.load(std::memory_order_relaxed); }

InterruptScope::InterruptScope() {
  TEMPER_CHECK(!in_scope.exchange(true), "one InterruptScope at a time");
  flag.store(false);
  struct sigaction action {};
  action.sa_handler = &on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &old_interrupt_);
  sigaction(SIGTERM, &action, &old_terminate_);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGINT, &old_interrupt_, nullptr);
  sigaction(SIGTERM, &old_terminate_, nullptr);
  in_scope.store(false);
}

}  // namespace temper
