// Race: times several trials against each other, in turns, so that what disturbs the machine disturbs all of them.
//
// A runner leaves the race when it is clearly behind, and stops when it has had its share of time. The least time of each
// counts.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tune/runner.h"
#include "tune/timing_cache.h"

namespace temper {

struct RaceLimits {
  double each_us = 4000;  // running time of one trial; four times that while its least time is not yet repeated
  int most_runs = 100;
  int least_runs = 2;
  double behind = 1.3;  // times the leader, after 3 runs
  static RaceLimits for_level(int level);
};

class Race {
 public:
  struct Runner {
    size_t tag;
    std::unique_ptr<Trial> trial;
    std::vector<double> us;
    double spent = 0;  // in this heat
    int heat_runs = 0;
    bool out = false;
    double least() const;
    Timing timing() const;
    bool enough(const RaceLimits& limits) const;
  };
  struct Failure {
    size_t tag;
    Error error;
  };

  explicit Race(RaceLimits limits) : limits_(limits) {}
  size_t size() const { return runners_.size(); }
  int64_t held_bytes() const;

  // `first_us`: what its first run took, warming up.
  void enter(size_t tag, std::unique_ptr<Trial> trial, double first_us);
  // One heat of all that entered.
  std::vector<Failure> run();
  void retire_all_but_leader(const std::function<void(const Runner&)>& keep);
  void retire_all(const std::function<void(const Runner&)>& keep);

 private:
  size_t leader() const;

  RaceLimits limits_;
  std::vector<Runner> runners_;
};

}  // namespace temper
