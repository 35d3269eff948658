// Engine: a verified plan with its kernels decoded; immutable, shared by contexts and threads.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/base/backend.h"
#include "plan/plan.h"

namespace temper {

class Engine {
 public:
  // The bytes stay referenced (weights are used where they lie) and `owner` keeps them alive.
  static Expected<std::shared_ptr<const Engine>> load(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  const plan::PlanT& plan() const { return *parts_.plan; }
  const std::string& graph_text() const { return parts_.graph_text; }
  std::span<const std::byte> plan_bytes() const { return bytes_; }
  Backend& backend() const { return *backend_; }
  // Address of a constant buffer, for kernels.
  const std::byte* constant(int buffer) const { return weights_.get() + plan().buffers[buffer]->offset; }
  const Kernel& kernel(int step) const { return *kernels_[step]; }
  const ShapeProgram& program(int segment) const { return programs_[segment]; }
  // Most slots that a shape program needs.
  int most_slots() const { return most_slots_; }

 private:
  PlanParts parts_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const std::byte> weights_;      // where kernels read them
  std::vector<std::unique_ptr<Kernel>> kernels_;  // by step; null where it is not a launch
  std::vector<ShapeProgram> programs_;
  int most_slots_ = 0;
};

}  // namespace temper
