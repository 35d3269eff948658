// How a Context runs: its steps, walked or replayed.
#include <algorithm>
#include <chrono>

#include "base/float_environment.h"
#include "runtime/context.h"

namespace temper {

Status Context::run(Executor& executor) {
  TEMPER_TRY(open_queue());
  TEMPER_TRY(queue_->direct_to(std::nullopt));
  captured_ = false;
  TEMPER_TRY(prepare(executor.workers()));
  TEMPER_TRY(go(executor));
  return give_outputs(true);
}

Status Context::enqueue(void* stream, Executor& executor) {
  TEMPER_TRY(open_queue());
  TEMPER_TRY(queue_->direct_to(stream));
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
  const bool timed = on_step && !captured_;
  auto start = timed ? Clock::now() : Clock::time_point();
  TEMPER_TRY_AT(queue_->run(*now_.launches[i], arguments, now_.workspace, executor), "'" + step.name + "'");
  if (timed) TEMPER_TRY_AT(queue_->finish(), "'" + step.name + "'");
  if (timed) on_step(i, std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
  return {};
}

// Note [Recorded parts].
Status Context::run_part(RecordedPart& part, Executor& executor) {
  if (interrupted && interrupted()) return Error(ErrorCode::kCancelled, "the run was interrupted");
  const bool replays = !captured_ && !on_step;
  if (replays && part.recording) {
    TEMPER_TRY(rebind(part));
    return part.recording->replay();
  }
  part.stale = true;
  for (int i = part.begin; i < part.end; ++i) {
    if (interrupted && interrupted()) return Error(ErrorCode::kCancelled, "the run was interrupted");
    TEMPER_TRY(run_launch(i, executor));
  }
  return replays && now_.record && !part.refused ? record(part, executor) : Status();
}

// The launches of the walk that has just ended. What can't be recorded is walked from now on.
Status Context::record(RecordedPart& part, Executor& executor) {
  Status noted = queue_->begin_recording();
  if (noted.ok()) {
    for (int i = part.begin; i < part.end && noted.ok(); ++i)
      noted = queue_->run(*now_.launches[i], now_.arguments[i], now_.workspace, executor);
    auto made = queue_->end_recording();
    if (noted.ok() && made.ok()) {
      part.recording = std::move(*made);
      part.workspace = now_.workspace;
      part.stale = false;
      return {};
    }
    if (noted.ok()) noted = std::move(made).error();
  }
  part.refused = true;
  return noted.error().code() == ErrorCode::kDeviceLost ? noted : Status();
}

Status Context::rebind(RecordedPart& part) {
  const bool all = part.stale || part.workspace != now_.workspace;
  part.stale = true;
  for (int i = part.begin; i < part.end; ++i) {
    const plan::StepT& step = *engine_->plan().steps[i];
    std::vector<std::byte*>& arguments = now_.arguments[i];
    bool changed = all;
    for (size_t k = 0; k < arguments.size(); ++k) {
      std::byte* address = now_.addresses[step.buffers[k]];
      changed = changed || arguments[k] != address;
      arguments[k] = address;
    }
    if (changed) TEMPER_TRY_AT(part.recording->rebind(i - part.begin, arguments, now_.workspace), "'" + step.name + "'");
  }
  part.workspace = now_.workspace;
  part.stale = false;
  return {};
}

Expected<bool> Context::truth(int buffer) {
  uint8_t value = 0;
  TEMPER_TRY(queue_->read(&value, TEMPER_TRY(room(buffer, 1)), 1));
  return value != 0;
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
    if (!part_at_.empty() && part_at_[i] >= 0) {
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
        TEMPER_TRY(queue_->read(&now_.slots[step.slot], TEMPER_TRY(room(step.buffers[0], sizeof(int64_t))), sizeof(int64_t)));
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
        TEMPER_TRY_AT(run_loop(step, executor), "'" + step.name + "'");
        i = step.end;
        break;
    }
  }
  return {};
}

Status Context::run_loop(const plan::StepT& step, Executor& executor) {
  const plan::LoopInfoT& loop = *step.loop;
  bool going = loop.condition == -1 || TEMPER_TRY(truth(loop.condition));
  int64_t trip = INT64_MAX;
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
