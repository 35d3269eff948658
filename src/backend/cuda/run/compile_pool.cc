#include "backend/cuda/run/compile_pool.h"

#include "base/cpu_info.h"

namespace temper::cuda {

CompilePool& CompilePool::process() {
  static CompilePool pool(default_thread_count());
  return pool;
}

CompilePool::~CompilePool() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    jobs_.clear();
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void CompilePool::add(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  if (idle_ < static_cast<int>(jobs_.size()) && static_cast<int>(threads_.size()) < most_)
    threads_.emplace_back([this] { work(); });
  more_.notify_one();
}

void CompilePool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    more_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    --idle_;
    if (ending_) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace temper::cuda
