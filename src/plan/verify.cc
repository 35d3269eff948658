// What the flatbuffer verifier can't know: that every number which the runtime will use as an index is one.
#include <algorithm>

#include "base/dtype.h"
#include "plan/plan.h"

namespace temper {
namespace {

Error bad(const std::string& what) {
  return Error(ErrorCode::kCorrupt, "the plan is inconsistent: " + what + "; build it again");
}

constexpr int kMostSlots = 1 << 24;

class Verifier {
 public:
  Verifier(const plan::PlanT& plan, uint64_t weights) : plan_(plan), weights_(weights) {}

  Status run() {
    if (plan_.slot_count < 0 || plan_.slot_count > kMostSlots) return bad("its number of slots");
    if (plan_.segments.empty()) return bad("it has no shape program");
    for (const auto& s : plan_.segments) TEMPER_TRY_AT(segment(*s), "a shape program");
    for (const auto& b : plan_.buffers) TEMPER_TRY_AT(buffer(*b), "buffer '" + b->name + "'");
    for (const auto& b : plan_.inputs) TEMPER_TRY_AT(binding(*b, plan::BufferKind::Input), "input '" + b->name + "'");
    for (const auto& b : plan_.outputs) TEMPER_TRY_AT(binding(*b, plan::BufferKind::Output), "output '" + b->name + "'");
    return range(0, static_cast<int>(plan_.steps.size()), 0);
  }

 private:
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
      case plan::StepKind::Shapes:
        return has_segment ? Status() : bad("its shape program");
      case plan::StepKind::Size:
        return slot(step.slot) && step.buffers.size() == 1 ? Status() : bad("its size");
      case plan::StepKind::Assert:
        return step.buffers.size() == 1 ? Status() : bad("its condition");
      case plan::StepKind::If:
        if (step.buffers.size() != 1 || step.begin != at + 1 || step.middle < step.begin || step.end < step.middle ||
            step.end > end)
          return bad("its range");
        return {};
      case plan::StepKind::Loop:
        return check_loop(step, at, end);
    }
    return bad("its kind");
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
    if (l.trip == -1 && l.condition == -1) return bad("a loop without an end");
    if (l.count_slot != -1 && !slot(l.count_slot)) return bad("a slot of a loop");
    return {};
  }

  const plan::PlanT& plan_;
  uint64_t weights_;
};

}  // namespace

Status verify(const plan::PlanT& plan, uint64_t weights_bytes) { return Verifier(plan, weights_bytes).run(); }

}  // namespace temper
