// How a Context runs: its steps, walked or replayed.
#include <algorithm>
#include <chrono>

#include "base/float_environment.h"
#include "runtime/context.h"

namespace temper {

Status Context::run(Executor& executor) {
  TEMPER_TRY(open_queue());
  TEMPER_TRY(queue_->direct_to(std::nullopt));
  stream_ = std::nullopt;
  captured_ = false;
  TEMPER_TRY(prepare(executor.workers()));
  TEMPER_TRY(go(executor));
  return give_outputs(true);
}

Status Context::enqueue(void* stream, Executor& executor) {
  TEMPER_TRY(open_queue());
  TEMPER_TRY(queue_->direct_to(stream));
  stream_ = stream;
  captured_ = TEMPER_TRY(queue_->is_captured());
  if (captured_ && !ready_) {
    return Error(ErrorCode::kInvalidArgument,
                 "the stream is being captured, and the context has not run with these shapes; run it once before the capture");
  }
  was_captured_ = was_captured_ || captured_;
  TEMPER_TRY(prepare(executor.workers()));
  TEMPER_TRY(go(executor));
  TEMPER_TRY(give_outputs(false));
  return captured_ ? Status() : queue_->mark();
}

Status Context::go(Executor& executor) {
  TEMPER_TRY(take_outputs(0));
  TEMPER_TRY(take_inputs());
  FloatEnvironment defaults;
  TEMPER_TRY(run_range(0, static_cast<int>(engine_->plan().steps.size()), executor));
  now_.record = true;
  return {};
}

Status Context::run_launch(int i, Executor& executor) {
  const plan::StepT& step = *engine_->plan().steps[i];
  using Clock = std::chrono::steady_clock;
  std::vector<std::byte*>& arguments = now_.arguments[i];
  for (size_t k = 0; k < arguments.size(); ++k) arguments[k] = now_.addresses[step.buffers[k]];
  if (mode_ == Mode::kRebind) TEMPER_TRY_AT(rebind(arguments), "'" + step.name + "'");
  if (mode_ == Mode::kRebind) return {};
  if (mode_ == Mode::kWalk && part_ && part_->fixed && !part_->recording) {
    const auto last = part_->arguments.begin() + static_cast<ptrdiff_t>(argument_);
    part_->moved = part_->moved || !std::equal(arguments.begin(), arguments.end(), last);
    std::copy(arguments.begin(), arguments.end(), last);
    argument_ += arguments.size();
  }
  if (mode_ == Mode::kRecord) part_->arguments.insert(part_->arguments.end(), arguments.begin(), arguments.end());
  const bool timed = on_step && !captured_;
  auto start = timed ? Clock::now() : Clock::time_point();
  TEMPER_TRY_AT(queue_->run(*now_.launches[i], arguments, now_.workspace, executor), "'" + step.name + "'");
  if (timed) TEMPER_TRY_AT(queue_->finish(), "'" + step.name + "'");
  if (timed) on_step(i, std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
  return {};
}

// The launch that comes next in the recording has these arguments.
Status Context::rebind(std::span<std::byte* const> arguments) {
  const std::span<std::byte*> held = std::span(part_->arguments).subspan(argument_, arguments.size());
  argument_ += arguments.size();
  const int number = launch_++;
  if (part_->workspace == now_.workspace && std::equal(held.begin(), held.end(), arguments.begin())) return {};
  std::copy(arguments.begin(), arguments.end(), held.begin());
  return part_->recording->rebind(number, arguments, now_.workspace);
}

Status Context::go_through(RecordedPart& part, Mode mode, Executor& executor) {
  part_ = &part;
  mode_ = mode;
  argument_ = 0;
  launch_ = 0;
  Status done = run_range(part.begin, part.end, executor);
  part_ = nullptr;
  mode_ = Mode::kWalk;
  return done;
}

// Note [Recorded parts].
Status Context::run_part(RecordedPart& part, Executor& executor) {
  const bool replays = !captured_ && !on_step;
  part.moved = false;
  if (replays && part.recording && part.workspace == now_.workspace && part.addresses == now_.addresses)
    return part.recording->replay();
  if (replays && part.recording) {
    Status bound = go_through(part, Mode::kRebind, executor);
    if (bound.ok()) {
      part.workspace = now_.workspace;
      part.addresses = now_.addresses;
      return part.recording->replay();
    }
    part.recording = nullptr;  // which may hold some addresses and not others
    if (bound.error().code() != ErrorCode::kUnsupported) return bound;
    part.fixed = part.moved = true;
  }
  TEMPER_TRY(go_through(part, Mode::kWalk, executor));
  return replays && now_.record && !part.refused && !part.moved ? record(part, executor) : Status();
}

// The launches of the walk that has just ended. What can't be recorded is walked from now on.
Status Context::record(RecordedPart& part, Executor& executor) {
  Status noted = queue_->begin_recording();
  if (noted.ok()) {
    part.arguments.clear();
    noted = go_through(part, Mode::kRecord, executor);
    auto made = queue_->end_recording();
    if (noted.ok() && made.ok()) {
      part.recording = std::move(*made);
      part.workspace = now_.workspace;
      part.addresses = now_.addresses;
      return {};
    }
    if (noted.ok()) noted = std::move(made).error();
  }
  part.refused = true;
  return noted.error().code() == ErrorCode::kDeviceLost ? noted : Status();
}

Expected<bool> Context::truth(int buffer) {
  uint8_t value = 0;
  TEMPER_TRY(queue_->read(&value, TEMPER_TRY(room(buffer, 1)), 1));
  return value != 0;
}

Status Context::read_size(const plan::StepT& step) {
  const int buffer = step.buffers[0];
  if (static_cast<DType>(engine_->plan().buffers[buffer]->dtype) == DType::kI64)
    return queue_->read(&now_.slots[step.slot], TEMPER_TRY(room(buffer, sizeof(int64_t))), sizeof(int64_t));
  int32_t value = 0;
  TEMPER_TRY(queue_->read(&value, TEMPER_TRY(room(buffer, sizeof(value))), sizeof(value)));
  now_.slots[step.slot] = value;
  return {};
}

Status Context::copy(const std::vector<int>& to, const std::vector<int>& from) {
  for (size_t s = 0; s < to.size(); ++s) {
    const int64_t bytes = now_.bytes[from[s]];
    TEMPER_TRY(queue_->copy(TEMPER_TRY(room(to[s], bytes)), now_.addresses[from[s]], bytes));
  }
  return {};
}

Status Context::run_range(int begin, int end, Executor& executor) {
  const plan::PlanT& plan = engine_->plan();
  for (int i = begin; i < end;) {
    const plan::StepT& step = *plan.steps[i];
    if (!part_ && !part_at_.empty() && part_at_[i] >= 0) {
      RecordedPart& part = now_.parts[part_at_[i]];
      TEMPER_TRY(run_part(part, executor));
      i = part.end;
      continue;
    }
    if (interrupted && interrupted()) return Error(ErrorCode::kCancelled, "the run was interrupted");
    switch (step.kind) {
      case plan::StepKind::Launch:
        TEMPER_TRY(run_launch(i, executor));
        ++i;
        break;
      case plan::StepKind::Shapes:
        TEMPER_TRY(run_segment(step.segment));
        TEMPER_TRY(size_buffers(step.segment));
        TEMPER_TRY(take_outputs(step.segment));
        TEMPER_TRY(prepare_launches(step.segment));
        TEMPER_TRY(place_workspace());
        ++i;
        break;
      case plan::StepKind::Size:
        TEMPER_TRY(read_size(step));
        ++i;
        break;
      case plan::StepKind::Plugin:
        TEMPER_TRY_AT(run_plugin(i), "layer '" + step.name + "'");
        ++i;
        break;
      case plan::StepKind::If: {
        bool yes = TEMPER_TRY(truth(step.buffers[0]));
        TEMPER_TRY(yes ? run_range(step.begin, step.middle, executor) : run_range(step.middle, step.end, executor));
        i = step.end;
        break;
      }
      case plan::StepKind::Assert:
        if (!TEMPER_TRY(truth(step.buffers[0])))
          return Error(ErrorCode::kInvalidArgument, step.message).at("'" + step.name + "'");
        ++i;
        break;
      case plan::StepKind::Loop:
        TEMPER_TRY_AT(run_loop(i, executor), "'" + step.name + "'");
        i = step.end;
        break;
    }
  }
  return {};
}

}  // namespace temper
