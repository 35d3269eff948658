#include "builder/slots.h"

#include <algorithm>

namespace temper {

int SlotTable::open_segment(std::span<const SymInt> variables) {
  int segment = static_cast<int>(assignments_.size());
  assignments_.emplace_back();
  for (SymInt v : variables) known_at_[v] = segment;
  return segment;
}

int SlotTable::assign_segment(std::span<const SymInt> sizes, std::span<const SymInt> values) {
  int segment = static_cast<int>(assignments_.size());
  assignments_.push_back({{sizes.begin(), sizes.end()}, {values.begin(), values.end()}});
  for (SymInt s : sizes) slot(s);
  for (SymInt v : values) slot(v);
  return segment;
}

int SlotTable::slot(SymInt e) {
  auto [place, fresh] = slot_of_.emplace(e, static_cast<int>(slots_.size()));
  if (fresh) {
    slots_.push_back(e);
    for (SymInt v : vars_of(e)) slot(v);
  }
  return place->second;
}

int SlotTable::segment(SymInt e) const {
  int last = 0;
  for (SymInt v : vars_of(e)) {
    auto found = known_at_.find(v);
    if (found != known_at_.end()) last = std::max(last, found->second);
  }
  return last;
}

Status SlotTable::finish(plan::PlanT& plan) const {
  plan.slot_count = static_cast<int>(slots_.size());
  std::vector<std::vector<SymInt>> results(assignments_.size());
  for (SymInt e : slots_) {
    bool variable = !e.is_const() && kind_of(e) == SymKind::kVar;
    if (!variable) results[segment(e)].push_back(e);
  }
  for (size_t s = 0; s < assignments_.size(); ++s) {
    auto segment = std::make_unique<plan::SegmentT>();
    std::vector<SymInt> wanted = results[s];
    std::vector<int> targets;
    for (SymInt e : results[s]) targets.push_back(slot_of_.at(e));
    for (size_t k = 0; k < assignments_[s].sizes.size(); ++k) {
      wanted.push_back(assignments_[s].values[k]);
      targets.push_back(slot_of_.at(assignments_[s].sizes[k]));
    }
    std::vector<SymInt> inputs;
    for (SymInt e : wanted) {
      for (SymInt v : vars_of(e)) {
        if (std::find(inputs.begin(), inputs.end(), v) == inputs.end()) inputs.push_back(v);
      }
    }
    for (SymInt v : inputs) {
      // A size that nothing makes would silently be 0.
      if (var_of(v).kind == VarKind::kSize && !known_at_.contains(v)) {
        return Error(ErrorCode::kInternal, "size " + v.to_string() + " is used, but no step of the plan makes it");
      }
      segment->inputs.push_back(slot_of_.at(v));
    }
    set_program(*segment, TEMPER_TRY(compile_shapes(inputs, wanted)));
    segment->results = std::move(targets);
    plan.segments.push_back(std::move(segment));
  }
  return {};
}

}  // namespace temper
