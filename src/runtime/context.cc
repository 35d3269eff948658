#include "runtime/context.h"

#include <algorithm>
#include <chrono>

#include "base/dtype.h"
#include "base/float_environment.h"
#include "memory/plan_memory.h"

namespace temper {

namespace {
constexpr int64_t kAlignment = 64;

std::string dims_text(std::span<const int64_t> dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}
}  // namespace

void GrowingBuffer::clear() {
  if (data_) queue_->release(data_);
  data_ = nullptr;
  bytes_ = 0;
}

std::byte* GrowingBuffer::reserve(Queue& queue, int64_t bytes) {
  if (bytes <= bytes_ && data_) return data_;
  clear();
  queue_ = &queue;
  data_ = queue.allocate(bytes);
  if (data_) bytes_ = bytes;
  return data_;
}

Context::Context(std::shared_ptr<const Engine> engine) : engine_(std::move(engine)) {
  const plan::PlanT& plan = engine_->plan();
  input_dims_.resize(plan.inputs.size());
  allocators_.resize(plan.outputs.size());
  slots_.resize(plan.slot_count);
  segment_done_.resize(plan.segments.size());
  scratch_.resize(engine_->most_slots());
  bound_.resize(plan.buffers.size());
  addresses_.resize(plan.buffers.size());
  bytes_.resize(plan.buffers.size());
  unbounded_.resize(plan.buffers.size());
  launches_.resize(plan.steps.size());
  arguments_.resize(plan.steps.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) arguments_[i].resize(plan.steps[i]->buffers.size());
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    // Constants are never written: kernels take plain pointers for inputs and outputs alike.
    if (plan.buffers[b]->kind != plan::BufferKind::Constant) continue;
    addresses_[b] = const_cast<std::byte*>(engine_->constant(static_cast<int>(b)));
    bytes_[b] = static_cast<int64_t>(plan.buffers[b]->size);
  }
}

Status Context::set_input_shape(int input, std::span<const int64_t> dims) {
  const plan::BindingT& binding = *engine_->plan().inputs[input];
  if (dims.size() != binding.dims.size()) {
    return Error(ErrorCode::kInvalidArgument, "input '" + binding.name + "' has rank " + std::to_string(binding.dims.size()) +
                                                  ", not that of " + dims_text(dims));
  }
  for (int64_t d : dims) {
    if (d < 0 || d > (int64_t(1) << 40))
      return Error(ErrorCode::kInvalidArgument, "input '" + binding.name + "' can't have the shape " + dims_text(dims));
  }
  if (std::ranges::equal(input_dims_[input], dims)) return {};
  input_dims_[input].assign(dims.begin(), dims.end());
  resolved_ = ready_ = false;
  return {};
}

void Context::set_address(Direction direction, int index, void* data) {
  const auto& bindings = direction == kInput ? engine_->plan().inputs : engine_->plan().outputs;
  bound_[bindings[index]->buffer] = static_cast<std::byte*>(data);
}

void* Context::address(Direction direction, int index) const {
  const auto& bindings = direction == kInput ? engine_->plan().inputs : engine_->plan().outputs;
  return bound_[bindings[index]->buffer];
}

Status Context::open_queue() {
  if (queue_) return {};
  queue_ = TEMPER_TRY(engine_->backend().make_queue());
  const auto& steps = engine_->plan().steps;
  recordable_ = queue_->can_record() &&
                std::all_of(steps.begin(), steps.end(), [](const auto& step) { return step->kind == plan::StepKind::Launch; });
  return {};
}

Status Context::bind_shapes() {
  const plan::PlanT& plan = engine_->plan();
  std::vector<char> set(plan.slot_count, 0);
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    const plan::BindingT& binding = *plan.inputs[i];
    if (input_dims_[i].size() != binding.dims.size()) {
      return Error(ErrorCode::kInvalidArgument,
                   "the shape of input '" + binding.name + "' is not set; it must be before the context runs");
    }
    for (size_t d = 0; d < binding.dims.size(); ++d) {
      if (!binding.sets[d]) continue;
      int slot = binding.dims[d];
      if (set[slot] && slots_[slot] != input_dims_[i][d]) {
        return Error(ErrorCode::kInvalidArgument, "dimension '" + binding.dim_names[d] + "' is " +
                                                      std::to_string(slots_[slot]) + " elsewhere, but " +
                                                      std::to_string(input_dims_[i][d]) + " in input '" + binding.name +
                                                      "' of shape " + dims_text(input_dims_[i]));
      }
      slots_[slot] = input_dims_[i][d];
      set[slot] = 1;
    }
  }
  return {};
}

Status Context::run_segment(int segment) {
  const plan::SegmentT& s = *engine_->plan().segments[segment];
  const ShapeProgram& program = engine_->program(segment);
  std::span<int64_t> scratch(scratch_.data(), program.slot_count());
  for (size_t i = 0; i < s.inputs.size(); ++i) scratch[i] = slots_[s.inputs[i]];
  TEMPER_TRY_AT(temper::run(program, scratch), "shape program " + std::to_string(segment));
  for (size_t i = 0; i < s.results.size(); ++i) slots_[s.results[i]] = scratch[s.values[i]];
  segment_done_[segment] = 1;
  return {};
}

// The caller gives as much memory as the dims say; a plan that counts otherwise must not run.
Status Context::check_binding(const plan::BindingT& binding) const {
  int64_t elements = 1;
  bool good = true;
  for (int slot : binding.dims) good = good && slots_[slot] >= 0 && !__builtin_mul_overflow(elements, slots_[slot], &elements);
  if (good && elements < (int64_t(1) << 56) &&
      bytes_[binding.buffer] <= dtype_bytes(static_cast<DType>(binding.dtype), elements))
    return {};
  return Error(ErrorCode::kCorrupt,
               "tensor '" + binding.name + "' has another size than its dimensions say; build the plan again");
}

// The address of a buffer that is known to have so many bytes.
Expected<std::byte*> Context::room(int buffer, int64_t bytes) const {
  if (bytes_[buffer] >= bytes) return addresses_[buffer];
  return Error(ErrorCode::kCorrupt, "tensor '" + engine_->plan().buffers[buffer]->name + "' has " +
                                        std::to_string(bytes_[buffer]) + " bytes where a step needs " + std::to_string(bytes) +
                                        "; build the plan again");
}

Status Context::size_buffers(int segment) {
  const plan::PlanT& plan = engine_->plan();
  std::vector<Lifetime> lifetimes;
  std::vector<int> planned;
  int64_t sum = 0;
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    const plan::BufferT& buffer = *plan.buffers[b];
    if (buffer.segment != segment || buffer.kind == plan::BufferKind::Constant) continue;
    int64_t bytes = slots_[buffer.bytes];
    if (bytes < 0 || bytes > (int64_t(1) << 44) || (sum += bytes) > (int64_t(1) << 46)) {
      return Error(ErrorCode::kOutOfMemory, "tensor '" + buffer.name + "' would have " + std::to_string(bytes) + " bytes");
    }
    bytes_[b] = bytes;
    if (buffer.kind != plan::BufferKind::Arena) continue;
    if (segment == 0) {
      lifetimes.push_back({buffer.first, buffer.last, bytes});
      planned.push_back(static_cast<int>(b));
    } else {
      addresses_[b] = unbounded_[b].reserve(*queue_, bytes);
      if (!addresses_[b])
        return Error(ErrorCode::kOutOfMemory,
                     "no memory for " + std::to_string(bytes) + " bytes of tensor '" + buffer.name + "'");
    }
  }
  for (const auto* bindings : {&plan.inputs, &plan.outputs}) {
    for (const auto& binding : *bindings) {
      if (plan.buffers[binding->buffer]->segment == segment) TEMPER_TRY(check_binding(*binding));
    }
  }
  if (segment != 0) return {};
  Placement placement = plan_memory(lifetimes, kAlignment);
  std::byte* base = arena_.reserve(*queue_, placement.total);
  if (!base)
    return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(placement.total) + " bytes of activations");
  for (size_t i = 0; i < planned.size(); ++i) addresses_[planned[i]] = base + placement.offsets[i];
  return {};
}

Status Context::prepare_launches(int segment) {
  const plan::PlanT& plan = engine_->plan();
  std::vector<int64_t> parameters, bytes;
  int64_t workspace = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::StepT& step = *plan.steps[i];
    if (step.kind != plan::StepKind::Launch || step.segment != segment) continue;
    parameters.clear();
    bytes.clear();
    for (int slot : step.parameters) parameters.push_back(slots_[slot]);
    for (int buffer : step.buffers) bytes.push_back(bytes_[buffer]);
    launches_[i] = TEMPER_TRY_AT(queue_->prepare(engine_->kernel(static_cast<int>(i)), parameters, bytes),
                                 "kernel of '" + step.name + "'");
    workspace = std::max(workspace, launches_[i]->workspace_bytes(workers_));
  }
  if (!workspace_.reserve(*queue_, workspace))
    return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(workspace) + " bytes of workspace");
  return {};
}

Status Context::attach(int buffer, const std::string& name) {
  const int64_t bytes = bytes_[buffer];
  if (queue_->reaches(bound_[buffer])) {
    addresses_[buffer] = bound_[buffer];
    return {};
  }
  addresses_[buffer] = unbounded_[buffer].reserve(*queue_, bytes);
  if (!addresses_[buffer])
    return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(bytes) + " bytes of tensor '" + name + "'");
  return {};
}

Status Context::take_inputs() {
  for (const auto& input : engine_->plan().inputs) {
    const int b = input->buffer;
    if (!bound_[b] && bytes_[b] > 0) {
      return Error(ErrorCode::kInvalidArgument, "input '" + input->name + "' has no address; set one before the context runs");
    }
    TEMPER_TRY(attach(b, input->name));
    if (addresses_[b] != bound_[b])
      TEMPER_TRY_AT(queue_->write(addresses_[b], bound_[b], bytes_[b]), "input '" + input->name + "'");
  }
  return {};
}

Status Context::take_outputs(int segment) {
  const plan::PlanT& plan = engine_->plan();
  for (size_t o = 0; o < plan.outputs.size(); ++o) {
    int b = plan.outputs[o]->buffer;
    if (plan.buffers[b]->segment != segment) continue;
    if (allocators_[o])
      bound_[b] = static_cast<std::byte*>(allocators_[o](static_cast<int>(o), std::max<int64_t>(1, bytes_[b])));
    if (!bound_[b] && bytes_[b] > 0) {
      return Error(
          ErrorCode::kInvalidArgument,
          "output '" + plan.outputs[o]->name + "' has no address; set one, or an output allocator, before the context runs");
    }
    TEMPER_TRY(attach(b, plan.outputs[o]->name));
  }
  return {};
}

Status Context::give_outputs() {
  for (const auto& output : engine_->plan().outputs) {
    const int b = output->buffer;
    if (addresses_[b] != bound_[b])
      TEMPER_TRY_AT(queue_->read(bound_[b], addresses_[b], bytes_[b]), "output '" + output->name + "'");
  }
  TEMPER_TRY(queue_->finish());
  return engine_->source_intact();
}

Status Context::resolve_shapes() {
  if (resolved_) return {};
  ready_ = false;
  std::fill(segment_done_.begin(), segment_done_.end(), 0);
  TEMPER_TRY(bind_shapes());
  TEMPER_TRY(run_segment(0));
  const plan::PlanT& plan = engine_->plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    for (size_t d = 0; d < plan.inputs[i]->dims.size(); ++d) {
      int64_t expected = slots_[plan.inputs[i]->dims[d]];
      if (expected != input_dims_[i][d]) {
        return Error(ErrorCode::kInvalidArgument, "input '" + plan.inputs[i]->name + "' has the shape " +
                                                      dims_text(input_dims_[i]) + ", but dimension " + std::to_string(d) +
                                                      " must be " + std::to_string(expected));
      }
    }
  }
  resolved_ = true;
  return {};
}

Status Context::prepare(int workers) {
  if (ready_ && workers <= workers_) return {};
  TEMPER_TRY(resolve_shapes());
  ready_ = false;
  workers_ = std::max(workers, workers_);
  TEMPER_TRY(open_queue());
  TEMPER_TRY(size_buffers(0));
  TEMPER_TRY(prepare_launches(0));
  last_addresses_.clear();
  recorded_ = false;
  ready_ = true;
  return {};
}

int64_t Context::output_extent(int output, int dim) const {
  const plan::BindingT& binding = *engine_->plan().outputs[output];
  int segment = engine_->plan().buffers[binding.buffer]->segment;
  return resolved_ && segment_done_[segment] ? slots_[binding.dims[dim]] : -1;
}

std::vector<int64_t> Context::output_shape(int output) const {
  std::vector<int64_t> dims(engine_->plan().outputs[output]->dims.size());
  for (size_t d = 0; d < dims.size(); ++d) dims[d] = output_extent(output, static_cast<int>(d));
  return dims;
}

Status Context::run(Executor& executor) {
  TEMPER_TRY(prepare(executor.workers()));
  TEMPER_TRY(take_outputs(0));
  TEMPER_TRY(take_inputs());
  FloatEnvironment defaults;
  TEMPER_TRY(run_steps(executor));
  return give_outputs();
}

Status Context::run_steps(Executor& executor) {
  const auto walk = [&] { return run_range(0, static_cast<int>(engine_->plan().steps.size()), executor); };
  if (!recordable_ || on_step) return walk();
  if (interrupted && interrupted()) return Error(ErrorCode::kCancelled, "the run was interrupted");
  if (last_addresses_ != addresses_) {
    last_addresses_ = addresses_;
    recorded_ = false;
    return walk();
  }
  if (!recorded_) {
    Status status = queue_->begin_recording();
    if (status.ok()) {
      Status walked = walk();
      status = queue_->end_recording();
      if (!walked.ok()) return walked;
    }
    // What can't be recorded is walked from now on.
    if (!status.ok()) {
      recordable_ = false;
      return walk();
    }
    recorded_ = true;
  }
  return queue_->replay();
}

Expected<bool> Context::truth(int buffer) {
  uint8_t value = 0;
  TEMPER_TRY(queue_->read(&value, TEMPER_TRY(room(buffer, 1)), 1));
  return value != 0;
}

Status Context::copy(const std::vector<int>& to, const std::vector<int>& from) {
  for (size_t s = 0; s < to.size(); ++s) {
    const int64_t bytes = bytes_[from[s]];
    TEMPER_TRY(queue_->copy(TEMPER_TRY(room(to[s], bytes)), addresses_[from[s]], bytes));
  }
  return {};
}

Status Context::run_range(int begin, int end, Executor& executor) {
  const plan::PlanT& plan = engine_->plan();
  using Clock = std::chrono::steady_clock;
  for (int i = begin; i < end;) {
    const plan::StepT& step = *plan.steps[i];
    if (interrupted && interrupted()) return Error(ErrorCode::kCancelled, "the run was interrupted");
    switch (step.kind) {
      case plan::StepKind::Launch: {
        std::vector<std::byte*>& arguments = arguments_[i];
        for (size_t k = 0; k < arguments.size(); ++k) arguments[k] = addresses_[step.buffers[k]];
        auto start = on_step ? Clock::now() : Clock::time_point();
        TEMPER_TRY_AT(queue_->run(*launches_[i], arguments, workspace_.data(), executor), "'" + step.name + "'");
        if (on_step) TEMPER_TRY_AT(queue_->finish(), "'" + step.name + "'");
        if (on_step) on_step(i, std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
        ++i;
        break;
      }
      case plan::StepKind::Shapes:
        TEMPER_TRY(run_segment(step.segment));
        TEMPER_TRY(size_buffers(step.segment));
        TEMPER_TRY(take_outputs(step.segment));
        TEMPER_TRY(prepare_launches(step.segment));
        ++i;
        break;
      case plan::StepKind::Size:
        TEMPER_TRY(queue_->read(&slots_[step.slot], TEMPER_TRY(room(step.buffers[0], sizeof(int64_t))), sizeof(int64_t)));
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
      int64_t bytes = bytes_[loop.scans_from[s]];
      if (bytes == 0) continue;
      const std::byte* from = addresses_[loop.scans_from[s]];
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
    slots_[loop.count_slot] = iteration;
    if (step.segment >= 0) {
      TEMPER_TRY(run_segment(step.segment));
      TEMPER_TRY(size_buffers(step.segment));
      TEMPER_TRY(take_outputs(step.segment));
      TEMPER_TRY(prepare_launches(step.segment));
    }
    for (size_t s = 0; s < stacks.size(); ++s) {
      const auto bytes = static_cast<int64_t>(stacks[s].size());
      TEMPER_TRY(queue_->write(TEMPER_TRY(room(loop.scans_to[s], bytes)), stacks[s].data(), bytes));
    }
  }
  return {};
}

}  // namespace temper
