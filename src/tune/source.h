// TacticSource: something that can implement candidates; and what it is asked and what it answers.
//
// A Candidate is a Region in concrete layouts. `enumerate` is cheap: it lists the ways in which the source could do it, best
// first by its own model, or declines with a reason that users can read. `realize` makes the launch steps of one way; a step's
// arguments are buffers of the candidate (inputs, then outputs) or constants that the source has prepared (packed weights).
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/tensor.h"
#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper {

// What is built for: a target's name and the threads that it will have (of a CPU).
struct Device {
  std::string target;  // "cpu-v4-vnni", "sm_90"
  int threads = 1;
};

// Why products of that 16-bit type would be no faster on the device than those of f32; nullopt: they are. A family of targets
// registers its judge.
std::optional<std::string> why_not_narrow(const Device& device, DType type);
struct RegisterArithmetic {
  using Judge = std::optional<std::string> (*)(const Device& device, DType type);
  RegisterArithmetic(std::string_view family, Judge judge);
};

struct BuildOptions {
  int optimization_level = 3;
  bool tf32 = false;                                 // GPUs may take f32 operands of products with 11 bits
  std::string only_source;                           // tests: no other source is asked; "" for all
  std::map<std::string, bool, std::less<>> sources;  // asked or not, by name; others as on_by_default() says
};

struct Candidate {
  SymContext* context = nullptr;
  const Region* region = nullptr;
  std::vector<Layout> layouts;           // of inputs, then outputs
  std::vector<const Tensor*> constants;  // by input; null where it is not constant
  // The value of an expression at the shapes to be fast for.
  std::function<int64_t(SymInt)> best;
};

struct Tactic {
  std::string source;
  std::string config;  // in the source's own text
  double estimate_us = 0;
  int64_t growth_bytes = 0;  // what its constants take beyond those of the candidate that they replace
};

struct Decline {
  std::string reason;
};

struct Argument {
  int buffer = -1;  // of the candidate; -1: `constant`
  Tensor constant;
};

struct KernelStep {
  std::string kernel;
  std::vector<std::byte> blob;
  std::vector<SymInt> parameters;
  std::vector<Argument> arguments;
};

class TacticSource {
 public:
  virtual ~TacticSource() = default;
  virtual std::string_view name() const = 0;
  virtual bool on_by_default() const { return true; }
  virtual std::string fingerprint() const = 0;  // of everything that may change what it yields; part of every cache key
  virtual std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate&, const Device&, const BuildOptions&) const = 0;
  // It will be asked to realize this: what takes long may begin in other threads.
  virtual void foresee(const Candidate&, const Tactic&, const Device&) const {}
  virtual Expected<std::vector<KernelStep>> realize(const Candidate&, const Tactic&, const Device&) const = 0;
};

// Sources register themselves, by static initialisers, for a family of targets ("cpu", "sm"), and are asked in order of
// priority (highest first).
struct RegisterSource {
  RegisterSource(int priority, const TacticSource& source, std::string_view family = "cpu");
};
const std::vector<const TacticSource*>& tactic_sources(std::string_view target);
std::vector<const TacticSource*> every_source();  // of all families
// Those of them that a build asks.
std::vector<const TacticSource*> asked_sources(const Device& device, const BuildOptions& build);

}  // namespace temper
