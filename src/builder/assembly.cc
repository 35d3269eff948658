#include "builder/assembly.h"

#include <algorithm>


namespace temper {

namespace {
constexpr uint64_t kWeightAlignment = 64;
// A size that depends on data is taken to be this, when the time of a kernel is to be guessed.
constexpr int64_t kAssumedSize = 100;
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
  buffer->segment = slots_.segment(bytes);
  buffer->name = std::move(name);
  result_.plan.buffers.push_back(std::move(buffer));
  return static_cast<int>(result_.plan.buffers.size()) - 1;
}

int PlanAssembly::constant_buffer(const Tensor& tensor, const std::string& name) {
  auto [place, fresh] = constants_.emplace(std::pair(tensor.bytes().data(), tensor.bytes().size()), static_cast<int>(result_.plan.buffers.size()));
  if (!fresh) return place->second;
  auto buffer = std::make_unique<plan::BufferT>();
  buffer->kind = plan::BufferKind::Constant;
  buffer->dtype = static_cast<uint8_t>(tensor.dtype());
  buffer->offset = weights_end_;
  buffer->size = tensor.bytes().size();
  buffer->name = name;
  result_.weights.push_back({weights_end_, tensor.bytes()});
  result_.keep.push_back(tensor);
  weights_end_ = (weights_end_ + tensor.bytes().size() + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
  result_.plan.buffers.push_back(std::move(buffer));
  return place->second;
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
    auto found = best_.find(v);
    if (found != best_.end()) return found->second;
    SymBounds range = context_.range(v);
    return std::clamp(var_of(v).kind == VarKind::kSize ? kAssumedSize : int64_t(1), range.lo, range.hi);
  });
  return value.ok() ? *value : 1;
}

void PlanAssembly::compute_lifetimes() {
  plan::PlanT& plan = result_.plan;
  std::vector<int> first(plan.buffers.size(), INT32_MAX), last(plan.buffers.size(), -1);
  auto touch = [&](int buffer, int from, int to) {
    if (buffer < 0) return;
    first[buffer] = std::min(first[buffer], from);
    last[buffer] = std::max(last[buffer], to);
  };
  int steps = static_cast<int>(plan.steps.size());
  for (int i = 0; i < steps; ++i) {
    const plan::StepT& step = *plan.steps[i];
    for (int b : step.buffers) touch(b, i, i);
    if (!step.loop) continue;
    const plan::LoopInfoT& l = *step.loop;
    for (int b : {l.trip, l.condition, l.iteration, l.body_condition}) touch(b, i, step.end);
    for (const auto* list : {&l.states_from, &l.states_in, &l.states_out, &l.states_result, &l.scans_from, &l.scans_to}) {
      for (int b : *list) touch(b, i, step.end);
    }
  }
  // What a loop's body reads from outside must live until the last iteration.
  for (int i = steps - 1; i >= 0; --i) {
    const plan::StepT& step = *plan.steps[i];
    if (step.kind != plan::StepKind::Loop) continue;
    for (size_t b = 0; b < plan.buffers.size(); ++b) {
      bool inside = last[b] >= step.begin && first[b] < step.end;
      if (inside && (first[b] < i || last[b] >= step.end)) touch(static_cast<int>(b), std::min(first[b], i), std::max(last[b], step.end));
    }
  }
  for (size_t b = 0; b < plan.buffers.size(); ++b) {
    plan.buffers[b]->first = last[b] < 0 ? 0 : first[b];
    plan.buffers[b]->last = last[b] < 0 ? 0 : last[b];
  }
}

Expected<CompiledPlan> PlanAssembly::finish() {
  compute_lifetimes();
  result_.plan.weights_bytes = weights_end_;
  TEMPER_TRY(slots_.finish(result_.plan));
  return std::move(result_);
}

}  // namespace temper
