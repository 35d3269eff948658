// Who runs the tasks of a kernel.
//
// A kernel cuts its work into tasks by the problem, never by the number of workers, and hands them to an Executor. Invariants:
// every task in [0, tasks) runs exactly once, `worker` is in [0, workers()), no two tasks run at the same time on one worker
// (so scratch memory may be indexed by it), and parallel_for returns after the last task ended, with its writes visible.
// Tasks run with the default floating-point environment. parallel_for allocates nothing, fn must not throw, and a task must not
// call parallel_for of the executor that runs it.
//
//   executor.parallel_for(blocks, [](void* self, int64_t task, int worker) { static_cast<Job*>(self)->block(task); }, &job);
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/float_environment.h"

namespace temper {

class Executor {
 public:
  virtual ~Executor() = default;
  virtual int workers() const = 0;
  virtual void parallel_for(int64_t tasks, void (*fn)(void* self, int64_t task, int worker), void* self) = 0;

  // Whether each worker should go through its share of the tasks from its end: a hint, since a task does not depend on others.
  // Who runs a kernel again and again turns it round each time: a run then begins with what the run before ended with, and of
  // operands that are larger than a cache some part is still there (in one direction it would be none).
  void go_backwards(bool backwards) { backwards_ = backwards; }

 protected:
  bool backwards() const { return backwards_; }

 private:
  bool backwards_ = false;
};

// The caller's own thread, in order.
class SerialExecutor final : public Executor {
 public:
  int workers() const override { return 1; }
  void parallel_for(int64_t tasks, void (*fn)(void* self, int64_t task, int worker), void* self) override {
    FloatEnvironment environment;
    for (int64_t task = 0; task < tasks; ++task) fn(self, task, 0);
  }
};

// parallel_for over a callable (int64_t task, int worker), which is not copied:
//
//   for_each_task(executor, rows, [&](int64_t row, int worker) { ... });
template <class Body>
void for_each_task(Executor& executor, int64_t tasks, Body&& body) {
  using Callable = std::remove_reference_t<Body>;
  executor.parallel_for(
      tasks, [](void* self, int64_t task, int worker) { (*static_cast<Callable*>(self))(task, worker); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace temper
