// What the flatbuffer verifier can't know: that every number which the runtime will use as an index is one, and that a buffer
// has its memory before a step uses it.
//
// Note [Sized before used]
// The buffers of a segment get memory, and its kernels are bound to it, when the segment's shape program runs: at the start for
// segment 0, at a Shapes step (or the end of a loop that counts) for others. So on every path to a step, the segment of each
// buffer that it touches must have run; and when a segment runs, so must have those of all buffers of its kernels. Walking the
// steps with the set of segments that have run so far proves it: a branch adds what both of its sides add, a loop's body adds
// nothing (it may not run).
#include <algorithm>

#include "base/dtype.h"
#include "plan/plan.h"

namespace temper {
namespace {

Error bad(const std::string& what) {
  return Error(ErrorCode::kCorrupt, "the plan is inconsistent: " + what + "; build it again");
}

constexpr int kMostSlots = 1 << 24;
constexpr int kMostPluginRank = 8;  // of the API's Dims
constexpr uint64_t kMostWorkspace = uint64_t(1) << 44;

class Verifier {
 public:
  Verifier(const plan::PlanT& plan, uint64_t weights) : plan_(plan), weights_(weights) {}

  Status run() {
    if (plan_.slot_count < 0 || plan_.slot_count > kMostSlots) return bad("its number of slots");
    if (plan_.segments.empty()) return bad("it has no shape program");
    for (const auto& s : plan_.segments) TEMPER_TRY_AT(segment(*s), "a shape program");
    for (const auto& b : plan_.buffers) TEMPER_TRY_AT(buffer(*b), "buffer '" + b->name + "'");
    for (const auto& c : plan_.constants) {
      if (c->offset > weights_ || c->size > weights_ - c->offset) return bad("a constant of the graph");
    }
    for (const auto& b : plan_.inputs) TEMPER_TRY_AT(binding(*b, plan::BufferKind::Input), "input '" + b->name + "'");
    for (const auto& b : plan_.outputs) TEMPER_TRY_AT(binding(*b, plan::BufferKind::Output), "output '" + b->name + "'");
    TEMPER_TRY(all_bound());
    TEMPER_TRY(shapes_stay());
    TEMPER_TRY(range(0, static_cast<int>(plan_.steps.size()), 0));
    Sized sized(plan_.segments.size());
    TEMPER_TRY(run_segment(0, sized));
    return order(0, static_cast<int>(plan_.steps.size()), sized);
  }

 private:
  using Sized = std::vector<bool>;  // by segment

  bool slot(int s) const { return s >= 0 && s < plan_.slot_count; }
  bool slots(const std::vector<int>& list) const {
    return std::all_of(list.begin(), list.end(), [&](int s) { return slot(s); });
  }
  bool is_buffer(int b) const { return b >= 0 && b < static_cast<int>(plan_.buffers.size()); }
  bool maybe_buffer(int b) const { return b == -1 || is_buffer(b); }
  bool are_buffers(const std::vector<int>& list) const {
    return std::all_of(list.begin(), list.end(), [&](int b) { return is_buffer(b); });
  }

  Status segment(const plan::SegmentT& s) {
    size_t n = s.ops.size();
    if (s.a.size() != n || s.b.size() != n || s.constants.size() != n) return bad("its instructions");
    if (std::any_of(s.ops.begin(), s.ops.end(), [](uint8_t op) { return op > static_cast<uint8_t>(ShapeOp::kEqual); }))
      return bad("an opcode");
    if (!slots(s.inputs) || !slots(s.results) || s.results.size() != s.values.size()) return bad("a slot");
    return temper::verify(to_program(s));
  }

  Status buffer(const plan::BufferT& b) {
    if (b.dtype >= kDTypeCount) return bad("its element type");
    switch (b.kind) {
      case plan::BufferKind::Constant:
        if (b.offset > weights_ || b.size > weights_ - b.offset || b.offset % 64 != 0)
          return bad("it lies outside the weights");
        return {};
      case plan::BufferKind::Arena:
        if (b.first < 0 || b.last < b.first || b.last > static_cast<int>(plan_.steps.size())) return bad("its lifetime");
        [[fallthrough]];
      case plan::BufferKind::Input:
      case plan::BufferKind::Output:
        if (!slot(b.bytes) || b.segment < 0 || b.segment >= static_cast<int>(plan_.segments.size())) return bad("its size");
        return {};
    }
    return bad("its kind");
  }

  // Memory of inputs and outputs comes from the caller, who knows the bound ones only.
  Status all_bound() const {
    std::vector<bool> bound(plan_.buffers.size());
    for (const auto* bindings : {&plan_.inputs, &plan_.outputs}) {
      for (const auto& b : *bindings) bound[static_cast<size_t>(b->buffer)] = true;
    }
    for (size_t b = 0; b < bound.size(); ++b) {
      const auto kind = plan_.buffers[b]->kind;
      if ((kind == plan::BufferKind::Input || kind == plan::BufferKind::Output) && !bound[b])
        return bad("buffer '" + plan_.buffers[b]->name + "' is the caller's, but is neither an input nor an output");
    }
    return {};
  }

  // What the caller was told about shapes is not changed by the run: later segments and steps have slots of their own.
  Status shapes_stay() {
    std::vector<bool> fixed(static_cast<size_t>(plan_.slot_count));
    for (const auto& input : plan_.inputs) {
      if (plan_.buffers[input->buffer]->segment != 0) return bad("the size of input '" + input->name + "' depends on data");
      for (size_t d = 0; d < input->dims.size(); ++d) {
        if (input->sets[d]) fixed[static_cast<size_t>(input->dims[d])] = true;
      }
    }
    for (int s : plan_.segments[0]->results) fixed[static_cast<size_t>(s)] = true;
    auto is_fixed = [&](int s) { return s >= 0 && fixed[static_cast<size_t>(s)]; };
    for (size_t i = 1; i < plan_.segments.size(); ++i) {
      if (std::any_of(plan_.segments[i]->results.begin(), plan_.segments[i]->results.end(), is_fixed))
        return bad("a size is computed twice");
    }
    for (const auto& step : plan_.steps) {
      int counted = step->kind == plan::StepKind::Loop && step->loop ? step->loop->count_slot
                    : step->kind == plan::StepKind::Size             ? step->slot
                                                                     : -1;
      if (counted < plan_.slot_count && is_fixed(counted)) return bad("a size is computed twice");
    }
    return {};
  }

  Status binding(const plan::BindingT& b, plan::BufferKind kind) {
    if (b.dtype >= kDTypeCount || !slots(b.dims) || b.dims.size() > 64) return bad("its type");
    size_t rank = b.dims.size();
    for (size_t n : {b.least.size(), b.best.size(), b.largest.size()}) {
      if (n != 0 && n != rank) return bad("its profile");
    }
    if (b.dim_names.size() != rank || (kind == plan::BufferKind::Input && b.sets.size() != rank)) return bad("its dims");
    if (!is_buffer(b.buffer) || plan_.buffers[b.buffer]->kind != kind) return bad("its buffer");
    return {};
  }

  Status range(int begin, int end, int depth) {
    if (depth > 64) return bad("control flow is nested too deeply");
    for (int i = begin; i < end;) {
      const plan::StepT& step = *plan_.steps[i];
      TEMPER_TRY_AT(check(step, i, end), "step " + std::to_string(i) + " '" + step.name + "'");
      if (step.kind == plan::StepKind::If) {
        TEMPER_TRY(range(step.begin, step.middle, depth + 1));
        TEMPER_TRY(range(step.middle, step.end, depth + 1));
        i = step.end;
      } else if (step.kind == plan::StepKind::Loop) {
        TEMPER_TRY(range(step.begin, step.end, depth + 1));
        i = step.end;
      } else {
        ++i;
      }
    }
    return {};
  }

  Status check(const plan::StepT& step, int at, int end) {
    if (!are_buffers(step.buffers) || !slots(step.parameters)) return bad("a buffer or slot");
    bool has_segment = step.segment >= 0 && step.segment < static_cast<int>(plan_.segments.size());
    switch (step.kind) {
      case plan::StepKind::Launch:
        return has_segment ? Status() : bad("its shape program");
      case plan::StepKind::Shapes:
        return has_segment && step.segment > 0 ? Status() : bad("its shape program");
      case plan::StepKind::Size:
        return slot(step.slot) && step.buffers.size() == 1 && holds_size(step.buffers[0]) ? Status() : bad("its size");
      case plan::StepKind::Assert:
        return step.buffers.size() == 1 ? Status() : bad("its condition");
      case plan::StepKind::If:
        if (step.buffers.size() != 1 || step.begin != at + 1 || step.middle < step.begin || step.end < step.middle ||
            step.end > end)
          return bad("its range");
        return {};
      case plan::StepKind::Loop:
        return check_loop(step, at, end);
      case plan::StepKind::Plugin:
        return has_segment ? check_plugin(step) : bad("its shape program");
    }
    return bad("its kind");
  }

  bool holds_size(int b) const {
    const auto dtype = static_cast<DType>(plan_.buffers[b]->dtype);
    return dtype == DType::kI64 || dtype == DType::kI32;
  }

  Status check_plugin(const plan::StepT& step) {
    if (!step.plugin) return bad("its plugin");
    const plan::PluginInfoT& p = *step.plugin;
    const size_t tensors = step.buffers.size(), extents = step.parameters.size();
    if (p.inputs < 0 || static_cast<size_t>(p.inputs) > tensors || p.ranks.size() != tensors || p.open.size() != extents ||
        p.least.size() != extents || p.best.size() != extents || p.largest.size() != extents ||
        p.aliases.size() != tensors - static_cast<size_t>(p.inputs) || p.workspace > kMostWorkspace)
      return bad("its tensors");
    size_t sum = 0;
    for (int rank : p.ranks) {
      if (rank < 0 || rank > kMostPluginRank) return bad("the rank of a tensor");
      sum += static_cast<size_t>(rank);
    }
    if (sum != extents) return bad("the rank of a tensor");
    for (size_t t = static_cast<size_t>(p.inputs); t < tensors; ++t) {
      const int aliased = p.aliases[t - static_cast<size_t>(p.inputs)];
      if (!writable(step.buffers[t])) return bad("a plugin would write to a weight or an input");
      if (aliased < -1 || aliased >= p.inputs) return bad("an input that is written over");
    }
    return {};
  }

  Status check_loop(const plan::StepT& step, int at, int end) {
    if (!step.loop || step.begin != at + 1 || step.end < step.begin || step.end > end) return bad("its range");
    const plan::LoopInfoT& l = *step.loop;
    for (int b : {l.trip, l.condition, l.iteration, l.body_condition}) {
      if (!maybe_buffer(b)) return bad("a buffer of a loop");
    }
    size_t states = l.states_from.size();
    if (l.states_in.size() != states || l.states_out.size() != states || l.states_result.size() != states ||
        l.scans_from.size() != l.scans_to.size()) {
      return bad("the states of a loop");
    }
    for (const auto* list : {&l.states_from, &l.states_in, &l.states_out, &l.states_result, &l.scans_from, &l.scans_to}) {
      if (!are_buffers(*list)) return bad("a buffer of a loop");
    }
    if (l.trip == -1 && l.condition == -1 && l.trip_slot == -1) return bad("a loop without an end");
    if (l.trip_slot != -1 && !slot(l.trip_slot)) return bad("a slot of a loop");
    if (l.count_slot != -1 && !slot(l.count_slot)) return bad("a slot of a loop");
    if (l.count_slot != -1 && step.segment != -1 &&
        (step.segment < 1 || step.segment >= static_cast<int>(plan_.segments.size()))) {
      return bad("the shape program of a loop");
    }
    for (const auto* list : {&l.states_in, &l.states_result, &l.scans_to}) {
      if (!std::all_of(list->begin(), list->end(), [&](int b) { return writable(b); }))
        return bad("a loop would write to a weight or an input");
    }
    if (l.iteration != -1 && !writable(l.iteration)) return bad("a loop would write to a weight or an input");
    return {};
  }

  bool writable(int b) const {
    auto kind = plan_.buffers[b]->kind;
    return kind == plan::BufferKind::Arena || kind == plan::BufferKind::Output;
  }

  // See Note [Sized before used].
  bool ready(int b, const Sized& sized) const {
    return b == -1 || plan_.buffers[b]->kind == plan::BufferKind::Constant ||
           sized[static_cast<size_t>(plan_.buffers[b]->segment)];
  }
  bool ready(const std::vector<int>& list, const Sized& sized) const {
    return std::all_of(list.begin(), list.end(), [&](int b) { return ready(b, sized); });
  }

  Status run_segment(int segment, Sized& sized) {
    sized[static_cast<size_t>(segment)] = true;
    for (const auto& step : plan_.steps) {
      if (step->kind == plan::StepKind::Launch && step->segment == segment && !ready(step->buffers, sized)) {
        return bad("step '" + step->name + "' is prepared before its buffers have a size");
      }
    }
    return {};
  }

  Status order(int begin, int end, Sized& sized) {
    for (int i = begin; i < end;) {
      const plan::StepT& step = *plan_.steps[i];
      const bool has_shapes = step.kind == plan::StepKind::Launch || step.kind == plan::StepKind::Plugin;
      if (!ready(step.buffers, sized) || (has_shapes && !sized[static_cast<size_t>(step.segment)])) {
        return bad("step '" + step.name + "' runs before its buffers have a size");
      }
      if (step.kind == plan::StepKind::If) {
        Sized other = sized;
        TEMPER_TRY(order(step.begin, step.middle, sized));
        TEMPER_TRY(order(step.middle, step.end, other));
        for (size_t s = 0; s < sized.size(); ++s) sized[s] = sized[s] && other[s];
        i = step.end;
      } else if (step.kind == plan::StepKind::Loop) {
        TEMPER_TRY(order_loop(step, sized));
        i = step.end;
      } else {
        if (step.kind == plan::StepKind::Shapes) TEMPER_TRY(run_segment(step.segment, sized));
        ++i;
      }
    }
    return {};
  }

  Status order_loop(const plan::StepT& step, Sized& sized) {
    const plan::LoopInfoT& l = *step.loop;
    const bool counted = l.count_slot == -1;
    bool good = ready({l.trip, l.condition, l.iteration}, sized) && ready(l.states_from, sized) && ready(l.states_in, sized) &&
                ready(l.states_result, sized) && (!counted || ready(l.scans_to, sized));
    Sized inside = sized;
    TEMPER_TRY(order(step.begin, step.end, inside));
    good = good && ready(l.body_condition, inside) && ready(l.states_out, inside) && ready(l.scans_from, inside);
    if (!counted && step.segment != -1) TEMPER_TRY(run_segment(step.segment, sized));
    good = good && ready(l.scans_to, sized);
    return good ? Status() : bad("loop '" + step.name + "' uses a buffer before it has a size");
  }

  const plan::PlanT& plan_;
  uint64_t weights_;
};

}  // namespace

Status verify(const plan::PlanT& plan, uint64_t weights_bytes) { return Verifier(plan, weights_bytes).run(); }

}  // namespace temper
