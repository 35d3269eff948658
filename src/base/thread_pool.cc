#include "base/thread_pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/cpu_info.h"
#include "base/error.h"

namespace temper {
namespace {

// Note [Mailboxes]
// Each worker has a state word, its mailbox:
//
//   kIdle -> kPosted    the caller has a job           kPosted  -> kRunning   the worker takes it
//   kIdle -> kAsleep    the worker tired of spinning   kPosted  -> kIdle      the caller withdraws it
//   kAsleep -> kPosted  and the caller wakes it        kRunning -> kIdle      the worker is done
//                                                      kRunning -> kAwaited   the caller sleeps until then
//
// The caller works on the tasks too, until none is left; then it withdraws the job from all who have not taken it, and waits
// only for those who have. After that no worker reads the job. So a worker that sleeps, or that the system does not run, delays
// nobody, and in a forked child, which has no workers, the caller does everything.
constexpr int32_t kIdle = 0;
constexpr int32_t kAsleep = 1;
constexpr int32_t kPosted = 2;
constexpr int32_t kRunning = 3;
constexpr int32_t kAwaited = 4;
constexpr int32_t kStop = 5;

void futex_wait(std::atomic<int32_t>& word, int32_t while_value) {
  syscall(SYS_futex, reinterpret_cast<int32_t*>(&word), FUTEX_WAIT_PRIVATE, while_value, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<int32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<int32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

// Spins until done() or the time is up; says which. Looks at the clock only now and then: that costs as much as a task
// hand-over.
template <class Done>
bool spin_until(Done done) {
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    _mm_pause();
  }
  const int64_t end = now_ns() + ThreadPool::kSpinNs;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      _mm_pause();
    }
  } while (now_ns() < end);
  return false;
}

void pin_thread(std::thread& thread, int index) {
  const std::vector<int>& cpus = one_cpu_per_core();
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus[index % cpus.size()], &set);
  pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);  // a hint: a failure changes nothing but speed
}

}  // namespace

// One line of cache: what caller and worker exchange for a job. A worker begins with its own share of the tasks, which is the
// same in each job of the same size (so its cache still has what it needs), and then takes single tasks from the shares of
// others.
struct alignas(64) ThreadPool::Worker {
  std::atomic<int32_t> state{kIdle};
  std::atomic<int64_t> next{0};
  int64_t begin = 0, end = 0;
  std::thread thread;
};

struct alignas(64) ThreadPool::Job {
  void (*fn)(void*, int64_t, int) = nullptr;
  void* self = nullptr;
  int participants = 0;
  bool backwards = false;
  std::atomic<bool> running{false};
};

ThreadPool::ThreadPool(int cores) : cores_(std::max(cores, 1)), job_(std::make_unique<Job>()) {
  workers_.reserve(kMaxThreads);
  workers_.push_back(std::make_unique<Worker>());
}

ThreadPool::~ThreadPool() {
  TEMPER_CHECK(active_.load() == 0, "a thread pool must outlive its leases");
  for (size_t i = 1; i < workers_.size(); ++i) {
    if (workers_[i]->state.exchange(kStop, std::memory_order_release) == kAsleep) futex_wake(workers_[i]->state);
    workers_[i]->thread.join();
  }
}

ThreadPool& ThreadPool::process() {
  static ThreadPool* const pool = new ThreadPool(default_thread_count());
  return *pool;
}

// Are there cores for all who want to run? If not, spinning takes the core from the one who is waited for.
bool ThreadPool::may_spin() const {
  const int helpers = std::max(helpers_.load(std::memory_order_relaxed), 1);
  return active_.load(std::memory_order_relaxed) + helpers <= cores_;
}

ThreadPool::Lease ThreadPool::try_acquire(int threads) {
  const int others = active_.fetch_add(1, std::memory_order_relaxed);
  // With other runs active, the threads of all together should not exceed the cores: they would only preempt each other.
  int workers = std::clamp(others == 0 ? threads : std::min(threads, cores_ - others), 1, kMaxThreads);
  if (workers > 1 && leased_.exchange(true, std::memory_order_acquire)) workers = 1;
  if (workers > 1) {
    workers = 1 + start_workers(workers - 1);
    helpers_.store(workers - 1, std::memory_order_relaxed);
    if (workers == 1) leased_.store(false, std::memory_order_release);
  }
  return Lease(this, workers);
}

void ThreadPool::release(int workers) {
  if (workers > 1) {
    helpers_.store(0, std::memory_order_relaxed);
    leased_.store(false, std::memory_order_release);
  }
  active_.fetch_sub(1, std::memory_order_relaxed);
}

ThreadPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->release(workers_);
}

void ThreadPool::Lease::parallel_for(int64_t tasks, void (*fn)(void* self, int64_t task, int worker), void* self) {
  if (tasks <= 1) return SerialExecutor().parallel_for(tasks, fn, self);
  if (workers_ > 1) return pool_->run(workers_, tasks, backwards(), fn, self);
  FloatEnvironment environment;
  for (int64_t i = 0; i < tasks; ++i) fn(self, backwards() ? tasks - 1 - i : i, 0);
}

int ThreadPool::start_workers(int wanted) {
  int started = static_cast<int>(workers_.size()) - 1;
  if (started >= wanted) return wanted;
  std::lock_guard lock(growing_);
  // Signals are for the threads of the host.
  sigset_t all, before;
  sigfillset(&all);
  // But not those that a thread raises itself: blocked, they end the process, whatever handler there is (Note [Shrinking
  // files]).
  for (int own : {SIGBUS, SIGSEGV, SIGFPE, SIGILL}) sigdelset(&all, own);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (; started < wanted; ++started) {
    auto worker = std::make_unique<Worker>();
    Worker* const self = worker.get();
    workers_.push_back(std::move(worker));
    try {
      self->thread = std::thread([this, self, me = started + 1] { worker_main(*self, me); });
    } catch (const std::system_error&) {  // no more threads: go on with those that there are
      workers_.pop_back();
      break;
    }
    pthread_setname_np(self->thread.native_handle(), "temper-worker");
    if (pinned_) pin_thread(self->thread, started + 1);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void ThreadPool::pin_workers() {
  std::lock_guard lock(growing_);
  pinned_ = true;
  for (size_t i = 1; i < workers_.size(); ++i) pin_thread(workers_[i]->thread, static_cast<int>(i));
}

void ThreadPool::worker_main(Worker& self, int me) {
  for (;;) {
    auto called = [&] { return self.state.load(std::memory_order_relaxed) != kIdle; };
    if (!(may_spin() ? spin_until(called) : called())) {
      int32_t idle = kIdle;
      if (self.state.compare_exchange_strong(idle, kAsleep, std::memory_order_relaxed)) {
        while (self.state.load(std::memory_order_relaxed) == kAsleep) futex_wait(self.state, kAsleep);
      }
    }
    int32_t state = kPosted;
    if (self.state.compare_exchange_strong(state, kRunning, std::memory_order_acquire)) {
      {
        FloatEnvironment environment;
        work_through(me);
      }
      if (self.state.exchange(kIdle, std::memory_order_release) == kAwaited) futex_wake(self.state);
    } else if (state == kStop) {
      return;
    }
  }
}

void ThreadPool::work_through(int me) {
  const Job& job = *job_;
  int victim = me;
  for (int i = 0; i < job.participants; ++i) {
    Worker& share = *workers_[victim];
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task >= share.end) break;
      job.fn(job.self, job.backwards ? share.begin + share.end - 1 - task : task, me);
    }
    if (++victim == job.participants) victim = 0;
  }
}

void ThreadPool::post(Worker& worker) {
  if (worker.state.exchange(kPosted, std::memory_order_release) == kAsleep) futex_wake(worker.state);
}

void ThreadPool::withdraw_or_wait(Worker& worker) {
  int32_t state = kPosted;
  if (worker.state.compare_exchange_strong(state, kIdle, std::memory_order_acquire)) return;
  auto done = [&] { return worker.state.load(std::memory_order_acquire) != kRunning; };
  if (may_spin() ? spin_until(done) : done()) return;
  state = kRunning;
  if (!worker.state.compare_exchange_strong(state, kAwaited, std::memory_order_acquire)) return;
  while (worker.state.load(std::memory_order_acquire) == kAwaited) futex_wait(worker.state, kAwaited);
}

void ThreadPool::run(int workers, int64_t tasks, bool backwards, void (*fn)(void*, int64_t, int), void* self) {
  FloatEnvironment environment;
  Job& job = *job_;
  TEMPER_CHECK(!job.running.load(std::memory_order_relaxed), "parallel_for was called from inside a task, or by two threads");
  job.running.store(true, std::memory_order_relaxed);
  const int participants = static_cast<int>(std::min<int64_t>(workers, tasks));
  job.fn = fn;
  job.self = self;
  job.backwards = backwards;
  job.participants = participants;
  const int64_t share = tasks / participants, more = tasks % participants;
  int64_t begin = 0;
  for (int i = 0; i < participants; ++i) {
    Worker& worker = *workers_[i];
    worker.next.store(begin, std::memory_order_relaxed);
    worker.begin = begin;
    begin += share + (i < more ? 1 : 0);
    worker.end = begin;
  }
  for (int i = 1; i < participants; ++i) post(*workers_[i]);
  work_through(0);
  for (int i = 1; i < participants; ++i) withdraw_or_wait(*workers_[i]);
  job.running.store(false, std::memory_order_relaxed);
}

}  // namespace temper
