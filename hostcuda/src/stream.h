// Streams and events inside hostcuda.
//
// A Stream is a queue of items that run one after another. Two kinds of thread work it off: the stream's worker, and any thread
// that waits for the stream ("helping wait"): it takes the items itself, so that submit-and-wait costs no change of thread. At
// any time at most one thread runs items of a stream; `running_` says so.
//
// Note [Deferred wake]
// Waking the worker costs the submitter a system call and disturbs another core, and is for nothing when the submitter is about
// to wait. So a submit to an idle stream leaves the worker asleep while the stream's recent past says that a wait follows at
// once
// (`expects_wait_`). Progress does not depend on that guess: for as long as the stream is in use the worker looks every kTick
// whether an item has been left lying, takes it, and turns the guess off; a wait soon after a submit turns it on again. A
// thread that turns to a second stream, or polls, wakes the workers at once. After kHot without use the worker sleeps until it
// is woken.
//
// Invariants: positions count items from 1; `completed_` <= `submitted_`; an item that waits for another stream's item refers
// to one submitted earlier, so that waits form no cycle. No thread holds the locks of two streams.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "hostcuda/queue.h"

namespace hostcuda {

// Holds an object that counts its references with retain() and release().
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->release();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

class Counted {
 public:
  void retain() { count_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  virtual ~Counted() = default;

 private:
  std::atomic<int64_t> count_{0};
};

class Stream;
class Event;
using Clock = std::chrono::steady_clock;

// One entry of a stream: a call with its arguments, the recording of an event, or waiting for a position of another stream.
struct Item {
  static constexpr int kArguments = 6;
  using Run = cudaError_t (*)(void* const* arguments);

  Run run = nullptr;
  void* arguments[kArguments] = {};
  Ref<Event> event;
  uint64_t generation = 0;  // of the event's recording
  Ref<Stream> other;
  uint64_t position = 0;  // of `other`
};

class Stream : public Counted {
 public:
  // `blocking`: takes part in the order of the null stream. Comes with one reference, which close() doesn't take.
  static Stream* create(bool blocking);
  // What a handle stands for; nullptr is the null stream.
  static Stream* from_handle(cudaStream_t handle);
  static Stream* null_stream();
  cudaStream_t handle() { return reinterpret_cast<cudaStream_t>(this); }

  // Adds an item, after what the null stream's order asks for. Returns its position.
  uint64_t submit(Item item);
  // Until the position is reached, helping. cudaErrorNotPermitted: called by work of this very stream.
  cudaError_t finish(uint64_t position);
  // The same, and takes the error of an item that failed since the last wait.
  cudaError_t wait(uint64_t position);
  cudaError_t wait_all() { return wait(submitted_.load(std::memory_order_acquire)); }
  bool reached(uint64_t position) const { return completed_.load(std::memory_order_acquire) >= position; }
  bool idle() const { return reached(submitted_.load(std::memory_order_acquire)); }
  // For a thread that polls: sees to it that the worker runs.
  void poke();
  bool runs_on_this_thread();
  // Waits, ends the worker and takes the stream out of the null stream's order. Items can't follow.
  cudaError_t close();

  // All blocking streams, and waiting for them, as the null stream and synchronous calls do.
  static cudaError_t wait_blocking_streams();
  static cudaError_t wait_every_stream();

 private:
  explicit Stream(bool blocking) : blocking_(blocking) {}
  ~Stream() override = default;

  using Lock = std::unique_lock<std::mutex>;
  void push(Lock& lock, Item item);
  void push_null_stream_order();
  void run_items(Lock& lock, uint64_t until);
  void wake_worker(Lock& lock);
  void work();

  const bool blocking_;
  std::mutex mutex_;
  std::condition_variable work_;  // for the worker
  std::condition_variable done_;  // for waiters
  std::vector<Item> ring_;        // a power of two; item of position p at p & (size - 1)
  std::atomic<uint64_t> submitted_{0};
  std::atomic<uint64_t> completed_{0};
  std::thread worker_;
  std::thread::id runner_;  // of the thread that runs items, while running_
  Clock::time_point last_submit_to_idle_{};
  int waiters_ = 0;
  cudaError_t error_ = cudaSuccess;
  bool running_ = false;
  bool eager_ = false;  // the worker is to take what is there
  bool expects_wait_ = true;
  bool asleep_ = false;  // the worker sleeps without looking
  bool closed_ = false;
};

// A point in a stream. An event stands for its latest recording; never recorded, it counts as reached.
class Event : public Counted {
 public:
  explicit Event(bool timed) : timed_(timed) {}
  static Event* from_handle(cudaEvent_t handle) { return reinterpret_cast<Event*>(handle); }
  cudaEvent_t handle() { return reinterpret_cast<cudaEvent_t>(this); }

  void record(Stream& stream);
  // Called by the stream when it gets there.
  void reach(uint64_t generation);
  cudaError_t wait();
  cudaError_t query();
  // The stream and position of the latest recording; an empty Ref when there is none.
  std::pair<Ref<Stream>, uint64_t> point();
  static cudaError_t elapsed_ms(Event& start, Event& end, float& ms);

 private:
  const bool timed_;
  std::mutex mutex_;
  Ref<Stream> stream_;
  uint64_t position_ = 0;
  uint64_t generation_ = 0;  // of the latest recording
  uint64_t reached_ = 0;     // the generation that time_ belongs to
  Clock::time_point time_{};
};

// Keeps `error` for cudaGetLastError of this thread, and returns it.
cudaError_t note(cudaError_t error);

}  // namespace hostcuda
