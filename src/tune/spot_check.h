// SpotCheck: whether what a tactic wrote is right, by a few dozen elements of each output.
//
// The elements are the corners of the output's index space and some drawn from a fixed seed; each is computed from the Region
// alone (ExactRegion) when it is first needed, and kept for the other tactics. It is a guard against broken kernels in use, not
// their test: it stops drawing when its time is spent, and regions whose single elements take too long are not checked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/exact.h"
#include "tune/runner.h"

namespace temper {

class SpotCheck {
 public:
  // `inputs` are those that the bench runs on.
  // `tf32`: products may take 11 bits of their operands.
  SpotCheck(const Candidate& candidate, const std::vector<Tensor>& inputs, bool tf32 = false);

  // The first wrong element in the outputs that the last run left, as a sentence; nullopt: none found.
  std::optional<std::string> fault(const Bench& bench) const;
  size_t points() const { return points_.size(); }

 private:
  struct Point {
    size_t output;
    std::vector<int64_t> index;
    ExactValue exact;
  };

  std::vector<DType> dtypes_;  // of the outputs
  std::vector<Point> points_;
};

}  // namespace temper
