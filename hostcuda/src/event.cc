#include <utility>

#include "stream.h"

namespace hostcuda {

void Event::record(Stream& stream) {
  Item item;
  item.event = Ref<Event>(this);
  {
    std::lock_guard lock(mutex_);
    item.generation = ++generation_;
    stream_ = Ref<Stream>();
  }
  const uint64_t generation = item.generation;
  const uint64_t position = stream.submit(std::move(item));
  std::lock_guard lock(mutex_);
  if (generation_ != generation) return;  // recorded again meanwhile
  stream_ = Ref<Stream>(&stream);
  position_ = position;
}

void Event::reach(uint64_t generation) {
  const Clock::time_point now = Clock::now();
  std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  reached_ = generation;
  time_ = now;
}

std::pair<Ref<Stream>, uint64_t> Event::point() {
  std::lock_guard lock(mutex_);
  return {stream_, position_};
}

cudaError_t Event::wait() {
  const auto [stream, position] = point();
  return stream ? stream->wait(position) : cudaSuccess;
}

cudaError_t Event::query() {
  const auto [stream, position] = point();
  if (!stream || stream->reached(position)) return cudaSuccess;
  stream->poke();
  return cudaErrorNotReady;
}

cudaError_t Event::elapsed_ms(Event& start, Event& end, float& ms) {
  Clock::time_point times[2];
  Event* events[2] = {&start, &end};
  for (int i = 0; i < 2; ++i) {
    std::lock_guard lock(events[i]->mutex_);
    if (!events[i]->timed_ || events[i]->generation_ == 0) return cudaErrorInvalidResourceHandle;
    if (events[i]->reached_ != events[i]->generation_) return cudaErrorNotReady;
    times[i] = events[i]->time_;
  }
  ms = std::chrono::duration<float, std::milli>(times[1] - times[0]).count();
  return cudaSuccess;
}

}  // namespace hostcuda

using hostcuda::Event;
using hostcuda::note;
using hostcuda::Stream;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  if (!event || (flags & ~7U)) return note(cudaErrorInvalidValue);
  auto* made = new Event(!(flags & cudaEventDisableTiming));
  made->retain();
  *event = made->handle();
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (!event) return note(cudaErrorInvalidResourceHandle);
  Event::from_handle(event)->release();
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (!event) return note(cudaErrorInvalidResourceHandle);
  Event::from_handle(event)->record(*Stream::from_handle(stream));
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (!event) return note(cudaErrorInvalidResourceHandle);
  return note(Event::from_handle(event)->wait());
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (!event) return note(cudaErrorInvalidResourceHandle);
  const cudaError_t state = Event::from_handle(event)->query();
  return state == cudaErrorNotReady ? state : note(state);
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  if (!ms) return note(cudaErrorInvalidValue);
  if (!start || !end) return note(cudaErrorInvalidResourceHandle);
  return note(Event::elapsed_ms(*Event::from_handle(start), *Event::from_handle(end), *ms));
}
