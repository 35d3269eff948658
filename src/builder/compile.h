// Compilation: from a Graph of core ops to a plan. Partition, layouts, one tactic for each unit, steps, lifetimes, shape
// programs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "plan/plan.h"
#include "tune/chooser.h"

namespace temper {

// What a plan is to be fast for: dims of each input at their least, best and largest. Any other shape runs too.
struct Profile {
  struct Range {
    std::vector<int64_t> least, best, largest;
  };
  std::map<std::string, Range> inputs;
};

struct CompileOptions {
  Device device;
  BuildOptions build;
  Profile profile;
  TacticChooser* chooser = nullptr;  // null: the first tactic of the first source that has one
  std::function<bool(const std::string& unit, int done, int of)> progress;  // false: cancelled
};

struct CompiledPlan {
  plan::PlanT plan;
  std::vector<WeightPiece> weights;
};

Expected<CompiledPlan> compile(const Graph& graph, const CompileOptions& options);

}  // namespace temper
