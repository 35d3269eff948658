// Autotuner: chooses tactics by measuring them.
//
// For each candidate it asks every source, ranks what they offer by the estimates, times the best few on the machine and takes
// the quickest. The default, which is the first tactic of the first source that has one, is always among them; another takes
// its place only if it is quicker by more than 2 % and by more than what repetition varies. Each tactic's output is
// spot-checked against the exact value first (spot_check.h): a wrong one is a bug of its source, is reported as such and never
// chosen. What was measured is kept in the timing cache, which also answers for equal candidates: ten equal layers are measured
// once.
//
// Some tactics keep weights in a larger form, and all that a plan may grow by is `growth_bytes`. Who gets them is known only
// when all units are: a survey walks them all first, measures, and decides where a byte saves most (share_growth.h). A unit
// that no decision covers draws from what is left, in its turn.
//
// Levels: 0 measures nothing; 1 to 5 time the best 2, 4, 8, 16, all. A tactic that its source expects to be ten times slower
// than the best is not timed. Without a runner for the device (a foreign target) the estimates choose.
//
//   Autotuner survey({.device = device, .build = build, .survey = true}, cache);
//   TEMPER_TRY(survey.choose(candidate, "conv1", seen)); ...            // each unit, in order
//   cache.set_decision(key, survey.decision());
//   Autotuner tuner({.device = device, .build = build}, cache, cache.decision(key));
//   auto choice = TEMPER_TRY(tuner.choose(candidate, "conv1", seen)); ...
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "tune/chooser.h"
#include "tune/runner.h"
#include "tune/share_growth.h"
#include "tune/timing_cache.h"

namespace temper {

struct TuneOptions {
  Device device;
  BuildOptions build;
  bool cold_constants = false;  // see BenchOptions
  int64_t growth_bytes = INT64_MAX;
  bool survey = false;         // measure only: no unit is given a tactic before all are known
  bool error_on_miss = false;  // what the cache does not hold is an error, not a reason to measure
  std::function<bool()> cancelled;
  LogSink* log = nullptr;
};

// The fingerprints of all sources that are asked, for keys of decisions.
std::string source_fingerprints(const Device& device, const BuildOptions& build);

// Nanoseconds in which the device does 10^9 operations of f32 arithmetic at best, from the cache or, if `measure`, measured and
// kept there; 0: not known.
int64_t peak_ns_per_gigaoperation(const Device& device, TimingCache& cache, bool measure);

class Autotuner final : public TacticChooser {
 public:
  // `decision`: of an earlier build of the same, taken again unit by unit; null: there is none.
  Autotuner(TuneOptions options, TimingCache& cache, const std::vector<std::string>* decision = nullptr);

  Expected<Choice> choose(const Candidate& candidate, const std::string& name, std::vector<plan::CandidateT>& seen) override;

  // Of a survey that has seen all units: the tactics to take, in order.
  std::vector<std::string> decision() const;

  // The tactics chosen so far, in order.
  const std::vector<std::string>& chosen() const { return chosen_; }
  // Whether every choice so far came from `decision`.
  bool replayed() const { return replayed_; }
  int64_t measured() const { return measured_; }  // tactics that were timed

 private:
  struct Offer {
    const TacticSource* source;
    Tactic tactic;
    std::string text;  // "source: configuration"
    Hash128 problem;
  };

  // A unit of a survey: what it may take.
  struct Surveyed {
    std::vector<std::string> texts;
    std::vector<GrowthOption> options;
  };

  std::vector<size_t> worth_timing(const std::vector<Offer>& offers) const;
  struct Times {
    std::vector<size_t> offers;
    std::vector<GrowthOption> options;  // of the same number
  };
  Times times_of(const std::vector<Offer>& offers, const std::vector<size_t>& timed) const;
  std::vector<bool> eligible(const std::vector<Offer>& offers) const;
  Status measure(const Candidate& candidate, const std::string& name, const std::vector<Offer>& offers,
                 const std::vector<size_t>& which);
  std::string problem_text(const Candidate& candidate) const;

  TuneOptions options_;
  TimingCache& cache_;
  const std::vector<std::string>* decision_;
  const Runner* runner_;
  std::vector<std::string> chosen_;
  std::vector<Surveyed> surveyed_;
  bool replayed_ = true;
  int64_t measured_ = 0;
  int64_t growth_left_;
};

}  // namespace temper
