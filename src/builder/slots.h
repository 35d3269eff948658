// SlotTable: gives each SymInt that a plan needs a slot, and writes the shape programs that fill them.
//
// Dimensions are known before anything runs (segment 0); a size becomes known at the segment that
// make_size() opens for it. An expression belongs to the segment in which its last variable becomes known.
#pragma once

#include <unordered_map>
#include <vector>

#include "plan/plan.h"
#include "sym/sym.h"

namespace temper {

class SlotTable {
 public:
  // Opens a new segment, at the end of which the sizes among `variables` are known.
  int open_segment(std::span<const SymInt> variables);
  int slot(SymInt e);
  SymInt expression(int slot) const { return slots_[slot]; }
  int segment(SymInt e) const;  // the last of those of its variables
  // Expressions whose values go into the slots of sizes when this segment runs: how a branch tells the dims of its result.
  int assign_segment(std::span<const SymInt> sizes, std::span<const SymInt> values);

  // Writes segments and slot count.
  Status finish(plan::PlanT& plan) const;

 private:
  struct Assignment {
    std::vector<SymInt> sizes, values;
  };
  std::unordered_map<SymInt, int> known_at_;  // sizes only
  std::vector<SymInt> slots_;
  std::unordered_map<SymInt, int> slot_of_;
  std::vector<Assignment> assignments_{1};  // by segment; segment 0 always exists
};

}  // namespace temper
