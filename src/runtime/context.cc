#include "runtime/context.h"

#include <algorithm>

#include "base/dtype.h"
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

std::byte* GrowingBuffer::reserve(Queue& queue, int64_t bytes, std::vector<GrowingBuffer>* kept) {
  if (bytes <= bytes_ && data_) return data_;
  if (kept && data_) kept->push_back(std::move(*this));
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
  scratch_.resize(engine_->most_slots());
  bound_.resize(plan.buffers.size());
  checked_.resize(plan.buffers.size());
  reached_.resize(plan.buffers.size());
  unbounded_.resize(plan.buffers.size());
  now_ = fresh_shape();
  find_moving_loops();
}

Shaped Context::fresh_shape() const {
  const plan::PlanT& plan = engine_->plan();
  Shaped shape;
  shape.slots.resize(plan.slot_count);
  shape.segment_done.resize(plan.segments.size());
  shape.addresses.resize(plan.buffers.size());
  shape.bytes.resize(plan.buffers.size());
  shape.launches.resize(plan.steps.size());
  shape.arguments.resize(plan.steps.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) shape.arguments[i].resize(plan.steps[i]->buffers.size());
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    // Constants are never written: kernels take plain pointers for inputs and outputs alike.
    if (plan.buffers[b]->kind != plan::BufferKind::Constant) continue;
    shape.addresses[b] = const_cast<std::byte*>(engine_->constant(static_cast<int>(b)));
    shape.bytes[b] = static_cast<int64_t>(plan.buffers[b]->size);
  }
  return shape;
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
  if (Status attached = attach_plugins(); !attached.ok()) {
    queue_ = nullptr;
    return attached;
  }
  if (queue_->can_record()) find_parts();
  return {};
}

// The caller changes addresses of inputs and outputs as it likes.
bool Context::keeps_bound_addresses(int step) const {
  const plan::PlanT& plan = engine_->plan();
  return engine_->kernel(step).keeps_addresses() &&
         std::any_of(plan.steps[step]->buffers.begin(), plan.steps[step]->buffers.end(), [&](int b) {
           return plan.buffers[b]->kind == plan::BufferKind::Input || plan.buffers[b]->kind == plan::BufferKind::Output;
         });
}

// Launches that follow each other on every path, and whose sizes don't depend on data. Note [Recorded parts].
void Context::find_parts() {
  constexpr int kMostLaunches = 20000;  // of steps; loops may have more
  const auto& steps = engine_->plan().steps;
  std::vector<char> fixed(engine_->plan().slot_count, 0);
  for (int s : engine_->plan().segments[0]->results) fixed[s] = 1;
  for (int s : engine_->plan().segments[0]->inputs) fixed[s] = 1;
  part_at_.assign(steps.size(), -1);
  std::vector<char> cut(steps.size() + 1, 0);
  // Whether all of a loop is recordable; bodies come after their loops.
  std::vector<char> recordable(steps.size(), 0);
  for (size_t i = steps.size(); i-- > 0;) {
    const plan::StepT& step = *steps[i];
    recordable[i] = step.kind == plan::StepKind::Launch && step.segment == 0 && !keeps_bound_addresses(static_cast<int>(i));
    if (step.kind == plan::StepKind::Loop && moves_[i] && fixed[step.loop->trip_slot]) {
      recordable[i] =
          std::all_of(recordable.begin() + step.begin, recordable.begin() + step.end, [](char r) { return r != 0; });
    }
    if (step.kind == plan::StepKind::If || (step.kind == plan::StepKind::Loop && !recordable[i]))
      cut[step.begin] = cut[step.end] = 1;
    if (step.kind == plan::StepKind::If) cut[step.middle] = 1;
  }
  const auto next = [&](size_t i) {
    return steps[i]->kind == plan::StepKind::Loop ? static_cast<size_t>(steps[i]->end) : i + 1;
  };
  for (size_t begin = 0; begin < steps.size();) {
    size_t end = begin;
    while (end < steps.size() && recordable[end] && (end == begin || !cut[end]) && end - begin < kMostLaunches) end = next(end);
    if (end > begin + 1) {
      part_at_[begin] = static_cast<int>(part_ranges_.size());
      part_ranges_.emplace_back(static_cast<int>(begin), static_cast<int>(end));
    }
    begin = std::max(end, begin + 1);
  }
}

// Note [Loops without copies].
void Context::find_moving_loops() {
  const plan::PlanT& plan = engine_->plan();
  moves_.assign(plan.steps.size(), 0);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i]->kind != plan::StepKind::Loop) continue;
    const plan::LoopInfoT& loop = *plan.steps[i]->loop;
    std::vector<int> own;
    for (const auto* list : {&loop.states_in, &loop.states_out}) own.insert(own.end(), list->begin(), list->end());
    // A state whose last value has no place of its own lies in the stack.
    std::vector<int> stacked, results;
    for (size_t s = 0; s < loop.states_out.size(); ++s)
      (loop.states_result[s] == loop.states_out[s] ? stacked : results).push_back(loop.states_result[s]);
    const auto is_stacked = [&](int b) { return std::ranges::count(stacked, b) > 0; };
    std::ranges::copy_if(loop.scans_from, std::back_inserter(own), [&](int b) { return !is_stacked(b); });
    if (loop.iteration != -1) own.push_back(loop.iteration);
    std::vector<int> sorted = own;
    std::sort(sorted.begin(), sorted.end());
    const auto is_own = [&](int b) { return std::binary_search(sorted.begin(), sorted.end(), b); };
    moves_[i] = loop.trip_slot != -1 && loop.condition == -1 && loop.body_condition == -1 && loop.count_slot == -1 &&
                std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end() &&
                std::all_of(own.begin(), own.end(), [&](int b) { return plan.buffers[b]->kind == plan::BufferKind::Arena; }) &&
                std::none_of(loop.states_from.begin(), loop.states_from.end(), is_own) &&
                std::none_of(results.begin(), results.end(), is_own) &&
                std::ranges::all_of(stacked, [&](int b) { return std::ranges::count(loop.scans_from, b) == 1; }) &&
                std::none_of(loop.scans_to.begin(), loop.scans_to.end(), is_own);
  }
}

void Context::change_shape() {
  // How much is kept: shapes, and recorded kernels of all of them, of which each takes some kilobytes.
  constexpr size_t kMostShapes = 128;
  constexpr int64_t kMostKernels = 1 << 15;
  if (now_.dims == input_dims_) return;
  const bool keep = now_.prepared && queue_->can_record();
  Shaped next;
  auto found = std::find_if(others_.begin(), others_.end(), [&](const Shaped& s) { return s.dims == input_dims_; });
  if (found != others_.end()) {
    next = std::move(*found);
    others_.erase(found);
  } else {
    next = keep ? fresh_shape() : std::move(now_);
    next.prepared = false;
    next.record = true;
    next.parts.clear();
    next.dims = input_dims_;
  }
  if (keep) {
    now_.last_use = ++uses_;
    others_.push_back(std::move(now_));
  }
  now_ = std::move(next);
  const auto kernels = [](const Shaped& s) {
    int64_t count = 0;
    for (const RecordedPart& part : s.parts) count += part.recording ? part.recording->size() : 0;
    return count;
  };
  int64_t total = 0;
  for (const Shaped& s : others_) total += kernels(s);
  while (others_.size() >= kMostShapes || total > kMostKernels) {
    auto oldest = std::min_element(others_.begin(), others_.end(),
                                   [](const Shaped& a, const Shaped& b) { return a.last_use < b.last_use; });
    total -= kernels(*oldest);
    others_.erase(oldest);
    if (!now_.prepared) now_.record = false;
  }
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
      if (set[slot] && now_.slots[slot] != input_dims_[i][d]) {
        return Error(ErrorCode::kInvalidArgument, "dimension '" + binding.dim_names[d] + "' is " +
                                                      std::to_string(now_.slots[slot]) + " elsewhere, but " +
                                                      std::to_string(input_dims_[i][d]) + " in input '" + binding.name +
                                                      "' of shape " + dims_text(input_dims_[i]));
      }
      now_.slots[slot] = input_dims_[i][d];
      set[slot] = 1;
    }
  }
  return {};
}

Status Context::run_segment(int segment) {
  const plan::SegmentT& s = *engine_->plan().segments[segment];
  const ShapeProgram& program = engine_->program(segment);
  std::span<int64_t> scratch(scratch_.data(), program.slot_count());
  for (size_t i = 0; i < s.inputs.size(); ++i) scratch[i] = now_.slots[s.inputs[i]];
  TEMPER_TRY_AT(temper::run(program, scratch), "shape program " + std::to_string(segment));
  for (size_t i = 0; i < s.results.size(); ++i) now_.slots[s.results[i]] = scratch[s.values[i]];
  now_.segment_done[segment] = 1;
  return {};
}

// The caller gives as much memory as the dims say; a plan that counts otherwise must not run.
Status Context::check_binding(const plan::BindingT& binding) const {
  int64_t elements = 1;
  bool good = true;
  for (int slot : binding.dims)
    good = good && now_.slots[slot] >= 0 && !__builtin_mul_overflow(elements, now_.slots[slot], &elements);
  if (good && elements < (int64_t(1) << 56) &&
      now_.bytes[binding.buffer] <= dtype_bytes(static_cast<DType>(binding.dtype), elements))
    return {};
  return Error(ErrorCode::kCorrupt,
               "tensor '" + binding.name + "' has another size than its dimensions say; build the plan again");
}

// The address of a buffer that is known to have so many bytes.
Expected<std::byte*> Context::room(int buffer, int64_t bytes) const {
  if (now_.bytes[buffer] >= bytes) return now_.addresses[buffer];
  return Error(ErrorCode::kCorrupt, "tensor '" + engine_->plan().buffers[buffer]->name + "' has " +
                                        std::to_string(now_.bytes[buffer]) + " bytes where a step needs " +
                                        std::to_string(bytes) + "; build the plan again");
}

Status Context::size_buffers(int segment) {
  const plan::PlanT& plan = engine_->plan();
  std::vector<Lifetime> lifetimes;
  std::vector<int> planned;
  int64_t sum = 0;
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    const plan::BufferT& buffer = *plan.buffers[b];
    if (buffer.segment != segment || buffer.kind == plan::BufferKind::Constant) continue;
    int64_t bytes = now_.slots[buffer.bytes];
    if (bytes < 0 || bytes > (int64_t(1) << 44) || (sum += bytes) > (int64_t(1) << 46)) {
      return Error(ErrorCode::kOutOfMemory, "tensor '" + buffer.name + "' would have " + std::to_string(bytes) + " bytes");
    }
    now_.bytes[b] = bytes;
    if (buffer.kind != plan::BufferKind::Arena) continue;
    if (segment == 0) {
      lifetimes.push_back({buffer.first, buffer.last, bytes});
      planned.push_back(static_cast<int>(b));
    } else {
      now_.addresses[b] = grow(unbounded_[b], bytes);
      if (!now_.addresses[b])
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
  now_.arena_bytes = placement.total;
  now_.planned.clear();
  for (size_t i = 0; i < planned.size(); ++i) now_.planned.emplace_back(planned[i], placement.offsets[i]);
  return {};
}

Status Context::prepare_launches(int segment) {
  const plan::PlanT& plan = engine_->plan();
  std::vector<int64_t> parameters, bytes;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::StepT& step = *plan.steps[i];
    if (step.segment != segment) continue;
    if (step.kind == plan::StepKind::Plugin)
      now_.workspace_bytes = std::max(now_.workspace_bytes, static_cast<int64_t>(step.plugin->workspace));
    if (step.kind != plan::StepKind::Launch) continue;
    parameters.clear();
    bytes.clear();
    for (int slot : step.parameters) parameters.push_back(now_.slots[slot]);
    for (int buffer : step.buffers) bytes.push_back(now_.bytes[buffer]);
    now_.launches[i] = TEMPER_TRY_AT(queue_->prepare(engine_->kernel(static_cast<int>(i)), parameters, bytes),
                                     "kernel of '" + step.name + "'");
    now_.workspace_bytes = std::max(now_.workspace_bytes, now_.launches[i]->workspace_bytes(workers_));
  }
  return {};
}

std::byte* Context::grow(GrowingBuffer& buffer, int64_t bytes) {
  return buffer.reserve(*queue_, bytes, was_captured_ ? &kept_ : nullptr);
}

Status Context::place_memory() {
  const int64_t arena_room = (now_.arena_bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (given_ && arena_room + now_.workspace_bytes > given_bytes_) {
    return Error(ErrorCode::kOutOfMemory, "the context was given " + std::to_string(given_bytes_) +
                                              " bytes of memory, and needs " +
                                              std::to_string(arena_room + now_.workspace_bytes) + " at this shape");
  }
  std::byte* base = given_ ? given_ : grow(arena_, now_.arena_bytes);
  if (!base)
    return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(now_.arena_bytes) + " bytes of activations");
  for (auto [buffer, offset] : now_.planned) now_.addresses[buffer] = base + offset;
  return place_workspace();
}

// That of steps whose sizes depend on data was not counted when memory was given.
Status Context::place_workspace() {
  const int64_t arena_room = (now_.arena_bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (given_ && arena_room + now_.workspace_bytes <= given_bytes_) {
    now_.workspace = given_ + arena_room;
    return {};
  }
  now_.workspace = grow(workspace_, now_.workspace_bytes);
  if (now_.workspace) return {};
  return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(now_.workspace_bytes) + " bytes of workspace");
}

Status Context::attach(int buffer, const std::string& name) {
  const int64_t bytes = now_.bytes[buffer];
  if (checked_[buffer] != bound_[buffer] || !bound_[buffer]) {
    reached_[buffer] = queue_->reaches(bound_[buffer]);
    checked_[buffer] = bound_[buffer];
  }
  if (reached_[buffer]) {
    now_.addresses[buffer] = bound_[buffer];
    return {};
  }
  now_.addresses[buffer] = grow(unbounded_[buffer], bytes);
  if (!now_.addresses[buffer])
    return Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(bytes) + " bytes of tensor '" + name + "'");
  return {};
}

Status Context::take_inputs() {
  for (const auto& input : engine_->plan().inputs) {
    const int b = input->buffer;
    if (!bound_[b] && now_.bytes[b] > 0) {
      return Error(ErrorCode::kInvalidArgument, "input '" + input->name + "' has no address; set one before the context runs");
    }
    TEMPER_TRY(attach(b, input->name));
    if (now_.addresses[b] != bound_[b])
      TEMPER_TRY_AT(queue_->write(now_.addresses[b], bound_[b], now_.bytes[b]), "input '" + input->name + "'");
  }
  return {};
}

Status Context::take_outputs(int segment) {
  const plan::PlanT& plan = engine_->plan();
  for (size_t o = 0; o < plan.outputs.size(); ++o) {
    int b = plan.outputs[o]->buffer;
    if (plan.buffers[b]->segment != segment) continue;
    if (allocators_[o])
      bound_[b] = static_cast<std::byte*>(allocators_[o](static_cast<int>(o), std::max<int64_t>(1, now_.bytes[b])));
    if (!bound_[b] && now_.bytes[b] > 0) {
      return Error(
          ErrorCode::kInvalidArgument,
          "output '" + plan.outputs[o]->name + "' has no address; set one, or an output allocator, before the context runs");
    }
    TEMPER_TRY(attach(b, plan.outputs[o]->name));
  }
  return {};
}

Status Context::give_outputs(bool wait) {
  for (const auto& output : engine_->plan().outputs) {
    const int b = output->buffer;
    if (now_.addresses[b] == bound_[b]) continue;
    Status given = wait ? queue_->read(bound_[b], now_.addresses[b], now_.bytes[b])
                        : queue_->fetch(bound_[b], now_.addresses[b], now_.bytes[b]);
    if (!given.ok()) return std::move(given).error().at("output '" + output->name + "'");
  }
  if (wait) TEMPER_TRY(queue_->finish());
  return engine_->source_intact();
}

Status Context::resolve_shapes() {
  if (resolved_) return {};
  ready_ = false;
  change_shape();
  std::fill(now_.segment_done.begin(), now_.segment_done.end(), 0);
  if (now_.prepared) {
    now_.segment_done[0] = 1;
    resolved_ = true;
    return {};
  }
  TEMPER_TRY(bind_shapes());
  TEMPER_TRY(run_segment(0));
  const plan::PlanT& plan = engine_->plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    for (size_t d = 0; d < plan.inputs[i]->dims.size(); ++d) {
      int64_t expected = now_.slots[plan.inputs[i]->dims[d]];
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

Status Context::plan_shape(int workers) {
  TEMPER_TRY(resolve_shapes());
  ready_ = false;
  TEMPER_TRY(open_queue());
  if (workers > workers_) {
    workers_ = workers;
    others_.clear();
    now_.prepared = false;
  }
  if (now_.prepared) return {};
  now_.parts.clear();
  now_.workspace_bytes = 0;
  TEMPER_TRY(size_buffers(0));
  TEMPER_TRY(prepare_launches(0));
  for (auto [begin, end] : part_ranges_) now_.parts.push_back({.begin = begin, .end = end});
  now_.prepared = true;
  return {};
}

Status Context::prepare(int workers) {
  if (ready_ && workers <= workers_) return {};
  TEMPER_TRY(plan_shape(workers));
  TEMPER_TRY(place_memory());
  ready_ = true;
  return {};
}

void Context::set_memory(void* memory, int64_t bytes) {
  given_ = static_cast<std::byte*>(memory);
  given_bytes_ = bytes;
  ready_ = false;
}

Expected<int64_t> Context::memory_needed(int workers) {
  TEMPER_TRY(plan_shape(workers));
  return (now_.arena_bytes + kAlignment - 1) / kAlignment * kAlignment + now_.workspace_bytes;
}

int64_t Context::output_extent(int output, int dim) const {
  const plan::BindingT& binding = *engine_->plan().outputs[output];
  int segment = engine_->plan().buffers[binding.buffer]->segment;
  return resolved_ && now_.segment_done[segment] ? now_.slots[binding.dims[dim]] : -1;
}

std::vector<int64_t> Context::output_shape(int output) const {
  std::vector<int64_t> dims(engine_->plan().outputs[output]->dims.size());
  for (size_t d = 0; d < dims.size(); ++d) dims[d] = output_extent(output, static_cast<int>(d));
  return dims;
}

}  // namespace temper
