// Threads that compile kernels ahead of need: as many as the process may use cores.
//
// A Job is one text for one architecture. Whoever comes first does it: a thread of the pool, or the one that needs the result;
// the others wait. At the end of the process what has not begun is dropped.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace temper::cuda {

class CompilePool {
 public:
  static CompilePool& process();
  explicit CompilePool(int threads) : most_(threads) {}
  ~CompilePool();
  CompilePool(const CompilePool&) = delete;
  CompilePool& operator=(const CompilePool&) = delete;
  void add(std::function<void()> job);

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  int most_, idle_ = 0;
  bool ending_ = false;
};

}  // namespace temper::cuda
