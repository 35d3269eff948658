// How a Context runs loops.
#include <algorithm>

#include "runtime/context.h"

namespace temper {

// Restores the addresses of a loop's buffers, and takes them from the stack.
class Context::LoopAddresses {
 public:
  explicit LoopAddresses(Context& context) : context_(context), begin_(context.moved_.size()) {}
  ~LoopAddresses() {
    for (size_t i = begin_; i < context_.moved_.size(); ++i)
      context_.now_.addresses[context_.moved_[i].first] = context_.moved_[i].second;
    context_.moved_.resize(begin_);
  }
  LoopAddresses(const LoopAddresses&) = delete;
  LoopAddresses& operator=(const LoopAddresses&) = delete;
  void keep(int buffer) { context_.moved_.emplace_back(buffer, context_.now_.addresses[buffer]); }
  std::byte* kept(size_t number) const { return context_.moved_[begin_ + number].second; }

 private:
  Context& context_;
  size_t begin_;
};

// Note [Loops without copies]
// Where the number of iterations is known, and nothing but that ends the loop, no state need be copied from what an iteration
// has made to what the next reads: each iteration is given other addresses. It reads states where the one before has written
// them (the first: where they come from), writes them alternately to one of two places (the last: where they go), and writes
// what is stacked to its place in the stack; a state that is stacked too is read there by the next iteration. So a loop is
// launches only, and can be recorded. `moves_` says for which loops the plan allows that; the sizes, which must fit, are looked
// at here.
bool Context::fits_moving(const plan::LoopInfoT& loop, int64_t trip) const {
  constexpr int64_t kMostTrips = 1 << 16, kAligned = 16;  // as kernels may want it of a GPU's buffers
  if (trip < 1 || trip > kMostTrips) return false;
  const auto& bytes = now_.bytes;
  for (size_t s = 0; s < loop.states_from.size(); ++s) {
    const int64_t size = bytes[loop.states_in[s]];
    if (bytes[loop.states_from[s]] != size || bytes[loop.states_out[s]] != size || bytes[loop.states_result[s]] != size)
      return false;
  }
  for (size_t s = 0; s < loop.scans_from.size(); ++s) {
    int64_t end = 0;
    if (bytes[loop.scans_from[s]] % kAligned != 0) return false;
    if (__builtin_mul_overflow(bytes[loop.scans_from[s]], trip, &end) || bytes[loop.scans_to[s]] < end) return false;
  }
  return loop.iteration == -1 || bytes[loop.iteration] >= int64_t(sizeof(int64_t));
}

// Memory with the numbers of iterations, as far from each other as kernels want their buffers aligned.
Expected<const std::byte*> Context::numbers(int64_t count) {
  if (count <= numbered_) return numbers_.data();
  std::vector<int64_t> values(static_cast<size_t>(count) * kNumberStride);
  for (int64_t i = 0; i < count; ++i) values[static_cast<size_t>(i) * kNumberStride] = i;
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(int64_t));
  numbered_ = 0;
  std::byte* memory = grow(numbers_, bytes);
  if (!memory) return Error(ErrorCode::kOutOfMemory, "no memory for the numbers of " + std::to_string(count) + " iterations");
  TEMPER_TRY(queue_->write(memory, values.data(), bytes));
  numbered_ = count;
  return memory;
}

Status Context::run_moving(const plan::StepT& step, int64_t trip, Executor& executor) {
  const plan::LoopInfoT& loop = *step.loop;
  std::vector<std::byte*>& addresses = now_.addresses;
  const std::byte* numbers = loop.iteration == -1 ? nullptr : TEMPER_TRY(this->numbers(trip));
  LoopAddresses kept(*this);
  const size_t states = loop.states_from.size();
  for (size_t s = 0; s < states; ++s) {
    kept.keep(loop.states_in[s]);
    kept.keep(loop.states_out[s]);
  }
  for (int b : loop.scans_from) kept.keep(b);
  if (loop.iteration != -1) kept.keep(loop.iteration);
  for (int64_t i = 0; i < trip; ++i) {
    for (size_t s = 0; s < states; ++s) {
      std::byte* const before = addresses[loop.states_out[s]];
      addresses[loop.states_in[s]] = i == 0 ? addresses[loop.states_from[s]] : before;
      addresses[loop.states_out[s]] = i + 1 == trip ? addresses[loop.states_result[s]] : kept.kept(2 * s + size_t(i % 2));
    }
    for (size_t s = 0; s < loop.scans_from.size(); ++s)
      addresses[loop.scans_from[s]] = addresses[loop.scans_to[s]] + i * now_.bytes[loop.scans_from[s]];
    if (loop.iteration != -1)
      addresses[loop.iteration] = const_cast<std::byte*>(numbers) + i * int64_t(kNumberStride * sizeof(int64_t));
    TEMPER_TRY(run_range(step.begin, step.end, executor));
  }
  return {};
}

Status Context::run_loop(int at, Executor& executor) {
  const plan::StepT& step = *engine_->plan().steps[at];
  const plan::LoopInfoT& loop = *step.loop;
  if (moves_[at] && fits_moving(loop, now_.slots[loop.trip_slot]))
    return run_moving(step, now_.slots[loop.trip_slot], executor);
  if (mode_ != Mode::kWalk) return Error(ErrorCode::kUnsupported, "a loop that copies its states is not recorded");
  bool going = loop.condition == -1 || TEMPER_TRY(truth(loop.condition));
  int64_t trip = INT64_MAX;
  if (loop.trip_slot != -1) trip = now_.slots[loop.trip_slot];
  if (loop.trip != -1) TEMPER_TRY(queue_->read(&trip, TEMPER_TRY(room(loop.trip, sizeof(trip))), sizeof(trip)));
  TEMPER_TRY(copy(loop.states_in, loop.states_from));
  // Scans of a loop whose length is not known before grow with it: the stacked tensor gets its size when the loop has ended.
  bool counted = loop.count_slot == -1;
  std::vector<std::vector<std::byte>> stacks(counted ? 0 : loop.scans_from.size());
  int64_t iteration = 0;
  for (; going && iteration < trip; ++iteration) {
    if (loop.iteration != -1)
      TEMPER_TRY(queue_->write(TEMPER_TRY(room(loop.iteration, sizeof(iteration))), &iteration, sizeof(iteration)));
    TEMPER_TRY(run_range(step.begin, step.end, executor));
    for (size_t s = 0; s < loop.scans_from.size(); ++s) {
      int64_t bytes = now_.bytes[loop.scans_from[s]];
      if (bytes == 0) continue;
      const std::byte* from = now_.addresses[loop.scans_from[s]];
      if (counted) {
        int64_t end = bytes;
        if (__builtin_mul_overflow(bytes, iteration + 1, &end)) end = INT64_MAX;
        TEMPER_TRY(queue_->copy(TEMPER_TRY(room(loop.scans_to[s], end)) + (end - bytes), from, bytes));
      } else {
        const size_t end = stacks[s].size();
        stacks[s].resize(end + static_cast<size_t>(bytes));
        TEMPER_TRY(queue_->read(stacks[s].data() + end, from, bytes));
      }
    }
    if (loop.body_condition != -1) going = TEMPER_TRY(truth(loop.body_condition));
    // All states are taken before any is overwritten: a body may hand one state's input on as another's output.
    TEMPER_TRY(copy(loop.states_result, loop.states_out));
    TEMPER_TRY(copy(loop.states_in, loop.states_result));
  }
  if (iteration == 0) TEMPER_TRY(copy(loop.states_result, loop.states_in));
  if (!counted) {
    now_.slots[loop.count_slot] = iteration;
    if (step.segment >= 0) {
      TEMPER_TRY(run_segment(step.segment));
      TEMPER_TRY(size_buffers(step.segment));
      TEMPER_TRY(take_outputs(step.segment));
      TEMPER_TRY(prepare_launches(step.segment));
      TEMPER_TRY(place_workspace());
    }
    for (size_t s = 0; s < stacks.size(); ++s) {
      const auto bytes = static_cast<int64_t>(stacks[s].size());
      TEMPER_TRY(queue_->write(TEMPER_TRY(room(loop.scans_to[s], bytes)), stacks[s].data(), bytes));
    }
  }
  return {};
}

}  // namespace temper
