#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <thread>
#include <vector>

namespace temper {
namespace {

TEST(ThreadPool, EveryTaskRunsOnce) {
  ThreadPool pool(4);
  ThreadPool::Lease lease = pool.try_acquire(4);
  ASSERT_EQ(lease.workers(), 4);
  for (int64_t tasks : {0, 1, 2, 3, 4, 5, 7, 8, 64, 1000}) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::vector<int> runs(tasks);  // not atomic: the thread sanitizer sees two tasks on one index, and a missing join
      for_each_task(lease, tasks, [&](int64_t task, int worker) {
        ASSERT_TRUE(worker >= 0 && worker < 4);
        ++runs[task];
      });
      for (int64_t i = 0; i < tasks; ++i) ASSERT_EQ(runs[i], 1) << i << " of " << tasks;
    }
  }
}

TEST(ThreadPool, BackwardsEachShareIsGoneThroughFromItsEnd) {
  constexpr int64_t kShare = 20;
  for (const int threads : {1, 3}) {
    ThreadPool pool(4);
    ThreadPool::Lease lease = pool.try_acquire(threads);
    for (const bool backwards : {true, false, true}) {
      lease.go_backwards(backwards);
      std::vector<std::vector<int64_t>> begun(threads);
      std::atomic<int> started{0};
      for_each_task(lease, kShare * threads, [&](int64_t task, int worker) {
        begun[worker].push_back(task);
        if (begun[worker].size() > 1) return;
        for (++started; started < threads;) std::this_thread::yield();  // so that nobody's share is taken by others
      });
      std::vector<int64_t> all;
      for (int worker = 0; worker < threads; ++worker) {
        EXPECT_EQ(begun[worker].at(0), worker * kShare + (backwards ? kShare - 1 : 0));
        all.insert(all.end(), begun[worker].begin(), begun[worker].end());
      }
      std::sort(all.begin(), all.end());
      for (int64_t i = 0; i < kShare * threads; ++i) ASSERT_EQ(all.at(i), i);
    }
  }
}

TEST(ThreadPool, WorkersDoNotOverlapWithThemselves) {
  ThreadPool pool(3);
  ThreadPool::Lease lease = pool.try_acquire(3);
  std::vector<int64_t> scratch(3 * 64);  // one line a worker, not atomic
  for (int repeat = 0; repeat < 200; ++repeat) {
    for_each_task(lease, 20, [&](int64_t task, int worker) { scratch[worker * 64] += task; });
  }
  EXPECT_EQ(scratch[0] + scratch[64] + scratch[128], 200 * 190);
}

TEST(ThreadPool, OthersHelpWithASlowShare) {
  ThreadPool pool(2);
  ThreadPool::Lease lease = pool.try_acquire(2);
  // The first task cannot end before all others have: whoever does not run it must take the rest of that share too.
  std::atomic<int> done{0};
  for_each_task(lease, 10, [&](int64_t task, int) {
    if (task == 0) {
      while (done.load() < 9) std::this_thread::yield();
    }
    ++done;
  });
  EXPECT_EQ(done.load(), 10);
}

TEST(ThreadPool, WorkersWakeAfterSleeping) {
  ThreadPool pool(2);
  ThreadPool::Lease lease = pool.try_acquire(2);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int> arrived{0};
    // Ends only if two threads take part.
    for_each_task(lease, 2, [&](int64_t, int) {
      ++arrived;
      while (arrived.load() < 2) std::this_thread::yield();
    });
  }
}

TEST(ThreadPool, TheSecondRunGetsItsOwnThreadOnly) {
  ThreadPool pool(4);
  ThreadPool::Lease first = pool.try_acquire(4);
  {
    ThreadPool::Lease second = pool.try_acquire(4);
    EXPECT_EQ(first.workers(), 4);
    EXPECT_EQ(second.workers(), 1);
    const std::thread::id me = std::this_thread::get_id();
    int runs = 0;
    for_each_task(second, 5, [&](int64_t, int worker) {
      EXPECT_EQ(worker, 0);
      EXPECT_EQ(std::this_thread::get_id(), me);
      ++runs;
    });
    EXPECT_EQ(runs, 5);
  }
}

TEST(ThreadPool, RunsSideBySideShareTheCores) {
  ThreadPool pool(4);
  {
    ThreadPool::Lease serial = pool.try_acquire(1);
    EXPECT_EQ(pool.try_acquire(4).workers(), 3);  // one core is taken
  }
  EXPECT_EQ(pool.try_acquire(4).workers(), 4);
  EXPECT_EQ(pool.try_acquire(9).workers(), 9);  // alone, one may have more threads than cores
  EXPECT_EQ(pool.try_acquire(0).workers(), 1);
  EXPECT_EQ(pool.try_acquire(-3).workers(), 1);
}

TEST(ThreadPool, MovedLeaseKeepsTheWorkers) {
  ThreadPool pool(2);
  {
    ThreadPool::Lease first = pool.try_acquire(2);
    ThreadPool::Lease moved = std::move(first);
    EXPECT_EQ(moved.workers(), 2);
    EXPECT_EQ(pool.try_acquire(2).workers(), 1);
  }
  EXPECT_EQ(pool.try_acquire(2).workers(), 2);
}

TEST(ThreadPool, ManyRunsAtTheSameTime) {
  ThreadPool pool(4);
  std::vector<std::thread> users;
  std::atomic<int64_t> total{0};
  for (int user = 0; user < 8; ++user) {
    users.emplace_back([&] {
      for (int repeat = 0; repeat < 300; ++repeat) {
        ThreadPool::Lease lease = pool.try_acquire(4);
        std::vector<int64_t> sums(lease.workers());
        for_each_task(lease, 16, [&](int64_t task, int worker) { sums[worker] += task; });
        for (int64_t sum : sums) total += sum;
      }
    });
  }
  for (std::thread& user : users) user.join();
  EXPECT_EQ(total.load(), 8 * 300 * 120);
}

TEST(ThreadPool, MoreThreadsThanCores) {
  ThreadPool pool(1);
  ThreadPool::Lease lease = pool.try_acquire(6);
  EXPECT_EQ(lease.workers(), 6);
  std::atomic<int64_t> sum{0};
  for (int repeat = 0; repeat < 100; ++repeat) for_each_task(lease, 30, [&](int64_t task, int) { sum += task; });
  EXPECT_EQ(sum.load(), 100 * 435);
}

TEST(ThreadPool, AForkedChildDoesItsWorkAlone) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer does not follow a fork of several threads";
#endif
  ThreadPool pool(3);
  ThreadPool::Lease lease = pool.try_acquire(3);
  for_each_task(lease, 8, [](int64_t, int) {});
  const pid_t child = fork();
  if (child == 0) {
    int64_t sum = 0;
    for_each_task(lease, 8, [&](int64_t task, int) { sum += task; });
    _exit(sum == 28 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(ThreadPoolDeathTest, NestedUseIsABug) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        ThreadPool::Lease lease = pool.try_acquire(2);
        for_each_task(lease, 2, [&](int64_t, int) { for_each_task(lease, 2, [](int64_t, int) {}); });
      },
      "broken invariant");
}

TEST(ThreadPool, PinnedWorkersStillWork) {
  ThreadPool pool(2);
  { ThreadPool::Lease lease = pool.try_acquire(2); }
  pool.pin_workers();
  ThreadPool::Lease lease = pool.try_acquire(3);
  std::atomic<int> runs{0};
  for_each_task(lease, 9, [&](int64_t, int) { ++runs; });
  EXPECT_EQ(runs.load(), 9);
}

TEST(ThreadPool, ProcessPoolIsOne) { EXPECT_EQ(&ThreadPool::process(), &ThreadPool::process()); }

constexpr uint32_t kFlushToZero = 0x8000, kDenormalsAreZero = 0x40, kRounding = 0x6000;

// Whatever the caller set, tasks see the defaults, and the caller gets its own back.
void check_environment(Executor& executor) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr((before & ~kRounding) | kFlushToZero | kDenormalsAreZero);
  std::fesetround(FE_TOWARDZERO);
  const unsigned changed = _mm_getcsr();
  std::vector<unsigned> seen(16);
  std::vector<int> rounding(16);
  for_each_task(executor, 16, [&](int64_t task, int) {
    seen[task] = _mm_getcsr();
    rounding[task] = std::fegetround();
  });
  const unsigned after = _mm_getcsr();
  std::fesetround(FE_TONEAREST);
  _mm_setcsr(before);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(seen[i] & ~0x3fu, 0x1f80u);
    EXPECT_EQ(rounding[i], FE_TONEAREST);
  }
  EXPECT_EQ(after & ~0x3fu, changed & ~0x3fu);
}

TEST(FloatEnvironment, TasksHaveTheDefaults) {
  ThreadPool pool(4);
  // The workers are started by a thread with other modes, which they inherit.
  _mm_setcsr(_mm_getcsr() | kFlushToZero);
  ThreadPool::Lease lease = pool.try_acquire(4);
  _mm_setcsr(_mm_getcsr() & ~kFlushToZero);
  for (int repeat = 0; repeat < 20; ++repeat) check_environment(lease);
  SerialExecutor serial;
  check_environment(serial);
}

TEST(FloatEnvironment, StickyFlagsOfTheTaskDoNotLeakModes) {
  const unsigned before = _mm_getcsr();
  {
    FloatEnvironment environment;
    _mm_setcsr(_mm_getcsr() | 0x3f);
  }
  EXPECT_EQ(_mm_getcsr() & ~0x3fu, before & ~0x3fu);
}

}  // namespace
}  // namespace temper
