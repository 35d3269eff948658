// TacticChooser: decides, for each unit that the compiler reaches, which tactic of which source does it.
//
// The compiler asks once for each unit, in the order in which it compiles them; the same questions in the same order get the
// same answers where a timing cache covers them.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "tune/source.h"

namespace temper {

// Chooses among the tactics that the sources offer for a candidate; keeps what it saw in `seen`. A chooser that surveys a
// network gives no source: the plan compiled with it has no kernels, and is for nothing but to ask the questions.
class TacticChooser {
 public:
  virtual ~TacticChooser() = default;
  struct Choice {
    const TacticSource* source = nullptr;
    Tactic tactic;
  };
  virtual Expected<Choice> choose(const Candidate& candidate, const std::string& name, std::vector<plan::CandidateT>& seen) = 0;
};

}  // namespace temper
