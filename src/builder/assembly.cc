#include "builder/assembly.h"

#include <algorithm>

#include "base/hash.h"

namespace temper {

namespace {
constexpr uint64_t kWeightAlignment = 64;
// A size that depends on data is taken to be this, when the time of a kernel is to be guessed.
constexpr int64_t kAssumedSize = 100;

// f(buffer, throughout) for each buffer that a step names; throughout: a loop uses it from its start to its end.
template <class F>
void for_each_buffer(plan::StepT& step, F f) {
  for (int& b : step.buffers) f(b, false);
  if (!step.loop) return;
  plan::LoopInfoT& l = *step.loop;
  for (int* b : {&l.trip, &l.condition, &l.iteration, &l.body_condition}) {
    if (*b != -1) f(*b, true);
  }
  for (auto* list : {&l.states_from, &l.states_in, &l.states_out, &l.states_result, &l.scans_from, &l.scans_to}) {
    for (int& b : *list) f(b, true);
  }
}
}  // namespace

PlanAssembly::PlanAssembly(const CompileOptions& options, SymContext& context) : options_(options), context_(context) {
  result_.plan.targets.push_back(options.device.target);
  result_.plan.threads = options.device.threads;
}

int PlanAssembly::add_buffer(plan::BufferKind kind, DType dtype, SymInt bytes, std::string name) {
  auto buffer = std::make_unique<plan::BufferT>();
  buffer->kind = kind;
  buffer->dtype = static_cast<uint8_t>(dtype);
  buffer->bytes = slots_.slot(bytes);
  buffer->name = std::move(name);
  result_.plan.buffers.push_back(std::move(buffer));
  return buffer_count() - 1;
}

int PlanAssembly::constant_buffer(const Tensor& tensor, const std::string& name) {
  auto [place, fresh] =
      constants_.emplace(std::pair(tensor.bytes().data(), tensor.bytes().size()), Constant{buffer_count(), tensor});
  if (!fresh) return place->second.buffer;
  auto buffer = std::make_unique<plan::BufferT>();
  buffer->kind = plan::BufferKind::Constant;
  buffer->dtype = static_cast<uint8_t>(tensor.dtype());
  buffer->size = tensor.bytes().size();
  buffer->name = name;
  result_.plan.buffers.push_back(std::move(buffer));
  return place->second.buffer;
}

plan::StepT& PlanAssembly::add_step(plan::StepKind kind, std::string name) {
  auto step = std::make_unique<plan::StepT>();
  step->kind = kind;
  step->name = std::move(name);
  result_.plan.steps.push_back(std::move(step));
  return *result_.plan.steps.back();
}

int64_t PlanAssembly::best(SymInt e) const {
  if (e.is_const()) return e.value();
  auto value = evaluate(e, [&](SymInt v) -> std::optional<int64_t> {
    auto found = ranges_.find(v);
    if (found != ranges_.end()) return found->second[1];
    SymBounds range = context_.range(v);
    return std::clamp(var_of(v).kind == VarKind::kSize ? kAssumedSize : int64_t(1), range.lo, range.hi);
  });
  return value.ok() ? *value : 1;
}

std::optional<PlanAssembly::Range> PlanAssembly::range(SymInt e, const std::unordered_map<SymInt, Range>& more) const {
  Range result{};
  for (size_t end = 0; end < result.size(); ++end) {
    auto value = evaluate(e, [&](SymInt v) -> std::optional<int64_t> {
      for (const auto* known : {&more, &ranges_}) {
        if (auto found = known->find(v); found != known->end()) return found->second[end];
      }
      return std::nullopt;
    });
    if (!value.ok()) return std::nullopt;
    result[end] = *value;
  }
  std::sort(result.begin(), result.end());  // an extent may become smaller where a dimension grows
  return result;
}

// Steps were given the constants that they asked for; what they read in the end may be packed copies. Only what is read enters
// the plan.
void PlanAssembly::drop_unread_constants() {
  plan::PlanT& plan = result_.plan;
  std::vector<char> kept(plan.buffers.size());
  for (size_t b = 0; b < kept.size(); ++b) kept[b] = plan.buffers[b]->kind != plan::BufferKind::Constant;
  for (const auto& step : plan.steps) for_each_buffer(*step, [&](int& b, bool) { kept[b] = true; });
  std::vector<int> number(plan.buffers.size(), -1);
  std::vector<std::unique_ptr<plan::BufferT>> buffers;
  for (size_t b = 0; b < kept.size(); ++b) {
    if (!kept[b]) continue;
    number[b] = static_cast<int>(buffers.size());
    buffers.push_back(std::move(plan.buffers[b]));
  }
  plan.buffers = std::move(buffers);
  for (const auto& step : plan.steps) for_each_buffer(*step, [&](int& b, bool) { b = number[b]; });
  for (auto* list : {&plan.inputs, &plan.outputs}) {
    for (const auto& binding : *list) binding->buffer = number[binding->buffer];
  }
  std::vector<const Tensor*> tensors(plan.buffers.size());
  for (const auto& [bytes, constant] : constants_) {
    if (number[constant.buffer] != -1) tensors[number[constant.buffer]] = &constant.tensor;
  }
  place_constants(tensors);
}

// In the order of the buffers; equal bytes lie in one place.
void PlanAssembly::place_constants(std::span<const Tensor* const> tensors) {
  std::multimap<Hash128, size_t> pieces;
  uint64_t end = 0;
  for (size_t b = 0; b < tensors.size(); ++b) {
    if (!tensors[b]) continue;
    const std::span<const std::byte> bytes = tensors[b]->bytes();
    const Hash128 hash = hash128(bytes);
    auto [same, last] = pieces.equal_range(hash);
    while (same != last && !std::ranges::equal(result_.weights[same->second].bytes, bytes)) ++same;
    if (same != last) {
      result_.plan.buffers[b]->offset = result_.weights[same->second].offset;
      continue;
    }
    pieces.emplace(hash, result_.weights.size());
    result_.plan.buffers[b]->offset = end;
    result_.weights.push_back({end, bytes, std::make_shared<const Tensor>(*tensors[b])});
    end = (end + bytes.size() + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
  }
  result_.plan.weights_bytes = end;
}

void PlanAssembly::compute_lifetimes() {
  plan::PlanT& plan = result_.plan;
  std::vector<int> first(plan.buffers.size(), INT32_MAX), last(plan.buffers.size(), -1);
  auto touch = [&](int buffer, int from, int to) {
    first[buffer] = std::min(first[buffer], from);
    last[buffer] = std::max(last[buffer], to);
  };
  int steps = static_cast<int>(plan.steps.size());
  for (int i = 0; i < steps; ++i) {
    plan::StepT& step = *plan.steps[i];
    for_each_buffer(step, [&](int& b, bool throughout) { touch(b, i, throughout ? step.end : i); });
  }
  // What a loop's body reads from outside must live until the last iteration.
  for (int i = steps - 1; i >= 0; --i) {
    const plan::StepT& step = *plan.steps[i];
    if (step.kind != plan::StepKind::Loop) continue;
    for (size_t b = 0; b < plan.buffers.size(); ++b) {
      bool inside = last[b] >= step.begin && first[b] < step.end;
      if (inside && (first[b] < i || last[b] >= step.end))
        touch(static_cast<int>(b), std::min(first[b], i), std::max(last[b], step.end));
    }
  }
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    plan.buffers[b]->first = last[b] < 0 ? 0 : first[b];
    plan.buffers[b]->last = last[b] < 0 ? 0 : last[b];
  }
}

void PlanAssembly::compute_segments() {
  plan::PlanT& plan = result_.plan;
  for (auto& buffer : plan.buffers) {
    if (buffer->kind != plan::BufferKind::Constant) buffer->segment = slots_.segment(slots_.expression(buffer->bytes));
  }
  for (auto& step : plan.steps) {
    if (step->kind != plan::StepKind::Launch && step->kind != plan::StepKind::Plugin) continue;
    for (int slot : step->parameters) step->segment = std::max(step->segment, slots_.segment(slots_.expression(slot)));
    for (int b : step->buffers) step->segment = std::max(step->segment, plan.buffers[b]->segment);
  }
}

Expected<CompiledPlan> PlanAssembly::finish() {
  drop_unread_constants();
  compute_segments();
  compute_lifetimes();
  TEMPER_TRY(slots_.finish(result_.plan));
  return std::move(result_);
}

}  // namespace temper
