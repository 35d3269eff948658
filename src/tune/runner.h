// Runner: runs tactics of a backend on the machine at hand, so that they can be measured and checked.
//
// A Bench is one candidate's memory at its best shapes: the given inputs in the candidate's layouts, room for its outputs. A
// Trial is one tactic, realized and ready to run on it; trials of a bench share its memory and run one at a time.
//
//   const Runner* runner = runner_for(device);                                  // null: such a device is not here
//   auto bench = TEMPER_TRY(runner->open(candidate, sample_inputs(candidate), device, {}));
//   auto trial = TEMPER_TRY(bench->prepare(TEMPER_TRY(source.realize(candidate, tactic, device))));
//   double us = TEMPER_TRY(trial->time_us());
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "tune/source.h"

namespace temper {

class Trial {
 public:
  virtual ~Trial() = default;
  // One run.
  virtual Expected<double> time_us() = 0;
  // Memory that only this trial needs.
  virtual int64_t held_bytes() const = 0;
};

class Bench {
 public:
  virtual ~Bench() = default;
  virtual Expected<std::unique_ptr<Trial>> prepare(std::vector<KernelStep> steps) = 0;
  // Fills the outputs with bytes that no kernel writes on purpose, so that what was left out shows.
  virtual void spoil_outputs() = 0;
  // The element of an output that the last run left.
  virtual ScalarValue output(size_t output, std::span<const int64_t> index) const = 0;
};

struct BenchOptions {
  bool cold_constants = false;  // weights come from memory, as they do in a network that does not fit the caches
  int64_t max_bytes = int64_t{1} << 30;
};

class Runner {
 public:
  virtual ~Runner() = default;
  virtual bool serves(const Device& device) const = 0;
  // What, besides the tactic and the candidate, its times depend on: cache sizes, processor.
  virtual std::string machine() const = 0;
  // The last cache of the device: weights that take more come from memory at every run.
  virtual int64_t cache_bytes(const Device& device) const = 0;
  // The least time in which the device does 10^9 operations of f32 arithmetic, measured now; 0: not known.
  virtual int64_t ns_per_gigaoperation(const Device& device) const { return 0; }
  virtual Expected<std::unique_ptr<Bench>> open(const Candidate& candidate, const std::vector<Tensor>& inputs,
                                                const Device& device, const BenchOptions& options) const = 0;
};

struct RegisterRunner {
  explicit RegisterRunner(const Runner& runner);
};
// Null: no backend can run what is built for that device on this machine.
const Runner* runner_for(const Device& device);

// A tensor for each input of the candidate at its best shapes: constants as they are, the others random from a fixed seed. No
// zeros; integers are small, and less than the extent of whatever they may index.
std::vector<Tensor> sample_inputs(const Candidate& candidate);

}  // namespace temper
