#include "stream.h"

#include <algorithm>
#include <utility>

namespace hostcuda {
namespace {

constexpr auto kTick = std::chrono::milliseconds(5);
constexpr auto kHot = std::chrono::milliseconds(50);
constexpr auto kAtOnce = std::chrono::microseconds(200);

// All open blocking streams but the null stream.
struct Registry {
  std::mutex mutex;
  std::vector<Stream*> blocking;
  std::vector<Stream*> other;

  std::vector<Ref<Stream>> snapshot(bool every) {
    std::lock_guard lock(mutex);
    std::vector<Ref<Stream>> streams;
    for (Stream* stream : blocking) streams.emplace_back(stream);
    if (every) {
      for (Stream* stream : other) streams.emplace_back(stream);
    }
    return streams;
  }
};

Registry& registry() {
  static Registry* all = new Registry;  // streams may still be used while the process ends
  return *all;
}

// The stream whose worker this thread left asleep, expecting to wait for it. See Note [Deferred wake].
thread_local Ref<Stream> deferred;

// The stream of cudaStreamPerThread.
struct PerThread {
  Ref<Stream> stream;
  ~PerThread() {
    if (stream) stream->close();
  }
};
thread_local PerThread per_thread;

}  // namespace

Stream* Stream::create(bool blocking) {
  auto* stream = new Stream(blocking);
  stream->retain();
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  (blocking ? all.blocking : all.other).push_back(stream);
  return stream;
}

Stream* Stream::null_stream() {
  static Stream* stream = [] {
    auto* made = new Stream(false);
    made->retain();
    return made;
  }();
  return stream;
}

Stream* Stream::from_handle(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return null_stream();
  if (handle == cudaStreamPerThread) {
    if (!per_thread.stream) {
      Stream* made = create(true);
      per_thread.stream = Ref<Stream>(made);
      made->release();
    }
    return per_thread.stream.get();
  }
  return reinterpret_cast<Stream*>(handle);
}

void Stream::push(Lock& lock, Item item) {
  const uint64_t position = submitted_.load(std::memory_order_relaxed) + 1;
  const uint64_t pending = position - completed_.load(std::memory_order_relaxed);
  if (pending > ring_.size()) {
    std::vector<Item> wider(std::max<size_t>(16, ring_.size() * 2));
    for (uint64_t p = position - pending + 1; p < position; ++p) {
      wider[p & (wider.size() - 1)] = std::move(ring_[p & (ring_.size() - 1)]);
    }
    ring_ = std::move(wider);
  }
  ring_[position & (ring_.size() - 1)] = std::move(item);
  submitted_.store(position, std::memory_order_release);
  if (pending > 1 || running_) return;  // whoever runs the items before this one sees to it
  last_submit_to_idle_ = Clock::now();
  if (!worker_.joinable()) worker_ = std::thread([this] { work(); });
  if (!expects_wait_) {
    wake_worker(lock);
  } else if (asleep_) {
    work_.notify_one();  // to look every kTick again
  }
}

// A blocking stream runs after what the null stream has been given, and the null stream after all blocking streams.
void Stream::push_null_stream_order() {
  auto wait_for = [this](Stream* other) {
    if (other->idle()) return;
    Item item;
    item.other = Ref<Stream>(other);
    item.position = other->submitted_.load(std::memory_order_acquire);
    Lock lock(mutex_);
    push(lock, std::move(item));
  };
  if (this == null_stream()) {
    for (const Ref<Stream>& stream : registry().snapshot(false)) wait_for(stream.get());
  } else if (blocking_) {
    wait_for(null_stream());
  }
}

uint64_t Stream::submit(Item item) {
  if (deferred && deferred.get() != this) {
    deferred->poke();
    deferred = Ref<Stream>();
  }
  push_null_stream_order();
  Lock lock(mutex_);
  push(lock, std::move(item));
  const uint64_t position = submitted_.load(std::memory_order_relaxed);
  const bool left_lying = !running_ && !eager_;
  lock.unlock();
  if (left_lying && deferred.get() != this) deferred = Ref<Stream>(this);
  return position;
}

void Stream::wake_worker(Lock& lock) {
  eager_ = true;
  work_.notify_one();
}

void Stream::poke() {
  Lock lock(mutex_);
  if (running_ || idle()) return;
  expects_wait_ = false;
  wake_worker(lock);
}

bool Stream::runs_on_this_thread() {
  Lock lock(mutex_);
  return running_ && runner_ == std::this_thread::get_id();
}

// Runs items until `until` is completed. The lock is held on entry and exit, and not while an item runs.
void Stream::run_items(Lock& lock, uint64_t until) {
  running_ = true;
  runner_ = std::this_thread::get_id();
  uint64_t completed = completed_.load(std::memory_order_relaxed);
  while (completed < until && completed < submitted_.load(std::memory_order_relaxed)) {
    Item item = std::move(ring_[(completed + 1) & (ring_.size() - 1)]);
    lock.unlock();
    cudaError_t error = cudaSuccess;
    if (item.other) item.other->finish(item.position);
    if (item.event) item.event->reach(item.generation);
    if (item.run) error = item.run(item.arguments);
    item = Item();
    lock.lock();
    completed_.store(++completed, std::memory_order_release);
    if (error != cudaSuccess && error_ == cudaSuccess) error_ = error;
    if (waiters_ > 0) done_.notify_all();
  }
  running_ = false;
}

cudaError_t Stream::finish(uint64_t position) {
  Lock lock(mutex_);
  if (!reached(position)) {
    if (running_ && runner_ == std::this_thread::get_id()) return cudaErrorNotPermitted;  // work that waits for its own stream
    const bool at_once = Clock::now() - last_submit_to_idle_ < kAtOnce;
    if (at_once || !running_) expects_wait_ = at_once;
    while (!reached(position)) {
      if (!running_) {
        run_items(lock, position);
      } else if (deferred && deferred.get() != this) {  // this thread is about to sleep, so it won't run that one either
        lock.unlock();
        deferred->poke();
        deferred = Ref<Stream>();
        lock.lock();
      } else {
        ++waiters_;
        done_.wait(lock);
        --waiters_;
      }
    }
    // What came after the position is for the worker, and so are other threads that wait for it.
    if (!running_ && !idle()) {
      wake_worker(lock);
      if (waiters_ > 0) done_.notify_all();
    }
  }
  return cudaSuccess;
}

cudaError_t Stream::wait(uint64_t position) {
  if (cudaError_t error = finish(position); error != cudaSuccess) return error;
  Lock lock(mutex_);
  return std::exchange(error_, cudaSuccess);
}

void Stream::work() {
  Lock lock(mutex_);
  Clock::time_point last_use = Clock::now();
  while (true) {
    const bool pending = !idle();
    if (closed_ && !pending) return;
    if (pending || running_) last_use = Clock::now();
    if (pending && !running_ && (eager_ || closed_ || last_use - last_submit_to_idle_ >= kTick)) {
      if (!eager_) expects_wait_ = false;
      run_items(lock, UINT64_MAX);
      eager_ = false;
      continue;
    }
    if (!pending) eager_ = false;
    if (pending || Clock::now() - last_use < kHot) {
      work_.wait_for(lock, kTick);
    } else {
      asleep_ = true;
      work_.wait(lock);
      asleep_ = false;
      last_use = Clock::now();
    }
  }
}

cudaError_t Stream::close() {
  const cudaError_t error = wait_all();
  {
    Lock lock(mutex_);
    closed_ = true;
    work_.notify_one();
  }
  if (worker_.joinable()) worker_.join();
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  std::erase(all.blocking, this);
  std::erase(all.other, this);
  return error;
}

cudaError_t Stream::wait_blocking_streams() {
  cudaError_t error = null_stream()->wait_all();
  for (const Ref<Stream>& stream : registry().snapshot(false)) {
    const cudaError_t other = stream->wait_all();
    if (error == cudaSuccess) error = other;
  }
  return error;
}

cudaError_t Stream::wait_every_stream() {
  cudaError_t error = null_stream()->wait_all();
  for (const Ref<Stream>& stream : registry().snapshot(true)) {
    const cudaError_t other = stream->wait_all();
    if (error == cudaSuccess) error = other;
  }
  return error;
}

cudaError_t submit(cudaStream_t stream, Work work, void* argument) noexcept {
  Item item;
  item.run = [](void* const* arguments) { return reinterpret_cast<Work>(arguments[0])(arguments[1]); };
  item.arguments[0] = reinterpret_cast<void*>(work);
  item.arguments[1] = argument;
  Stream::from_handle(stream)->submit(std::move(item));
  return cudaSuccess;
}

}  // namespace hostcuda
