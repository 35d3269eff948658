// ThreadPool: the worker threads of the process, lent to one run at a time.
//
// A run asks for a Lease and uses it as its Executor. The lease never waits: whoever does not get the workers (another run has
// them, or as many runs are active as there are cores) gets a lease of one worker, its own thread, and the same bits, since
// work is cut by problem and not by worker. The calling thread is worker 0. Workers spin for a short time after each job, then
// sleep; a hot fork and join takes well under a microsecond. A worker that comes late finds its job withdrawn: nobody waits for
// a thread that has not started.
//
//   ThreadPool::Lease lease = ThreadPool::process().try_acquire(default_thread_count());
//   kernel.run(buffers, workspace, lease);   // a Lease is an Executor
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/parallel.h"

namespace temper {

class ThreadPool {
 public:
  // How long an idle worker, or a caller that waits for one, spins before it sleeps.
  static constexpr int64_t kSpinNs = 60'000;
  static constexpr int kMaxThreads = 1024;

  // cores: how many threads can run at the same time; more may be leased, but then they do not spin.
  explicit ThreadPool(int cores);
  ~ThreadPool();  // no lease may be left
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The one of the process, for default_thread_count() cores. Never destroyed, so that a run at exit is safe.
  static ThreadPool& process();

  // Exclusive use of workers until destroyed, by one thread at a time.
  class Lease final : public Executor {
   public:
    Lease(Lease&& other) noexcept : pool_(other.pool_), workers_(other.workers_) { other.pool_ = nullptr; }
    Lease& operator=(Lease&&) = delete;
    ~Lease() override;
    int workers() const override { return workers_; }
    void parallel_for(int64_t tasks, void (*fn)(void* self, int64_t task, int worker), void* self) override;

   private:
    friend class ThreadPool;
    Lease(ThreadPool* pool, int workers) : pool_(pool), workers_(workers) {}
    ThreadPool* pool_;
    int workers_;
  };

  // threads: how many to use, the caller included; at least 1. Starts threads the first time that so many are asked for; if the
  // system has no more, the lease has fewer. Never waits.
  Lease try_acquire(int threads);

  // Binds worker i to the i-th core that the process may use (and later workers too). Only for processes that own the machine.
  void pin_workers();

 private:
  struct Worker;
  struct Job;

  void run(int workers, int64_t tasks, bool backwards, void (*fn)(void*, int64_t, int), void* self);
  void work_through(int me);
  void worker_main(Worker& self, int me);
  void post(Worker& worker);
  void withdraw_or_wait(Worker& worker);
  bool may_spin() const;
  int start_workers(int wanted);
  void release(int workers);

  const int cores_;
  std::unique_ptr<Job> job_;
  std::vector<std::unique_ptr<Worker>> workers_;  // [0] is the caller's share; kMaxThreads reserved, so that it never moves
  std::mutex growing_;                            // start_workers against pin_workers
  bool pinned_ = false;                           // under growing_
  std::atomic<bool> leased_{false};
  std::atomic<int> active_{0};   // leases alive, the serial ones too: each has a thread of its caller
  std::atomic<int> helpers_{0};  // workers that the lease has besides its caller
};

}  // namespace temper
