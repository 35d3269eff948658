// PlanAssembly: the plan while it is being compiled: buffers, constants, steps; one for a model, shared by the compilers of
// nested graphs.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "builder/compile.h"
#include "builder/slots.h"

namespace temper {

class PlanAssembly {
 public:
  PlanAssembly(const CompileOptions& options, SymContext& context);

  const CompileOptions& options() const { return options_; }
  SymContext& sym() { return context_; }
  SlotTable& slots() { return slots_; }
  plan::PlanT& plan() { return result_.plan; }

  int add_buffer(plan::BufferKind kind, DType dtype, SymInt bytes, std::string name);
  // The constant's bytes become part of the weights if a step reads the buffer; equal bytes only once.
  int constant_buffer(const Tensor& tensor, const std::string& name);
  plan::StepT& add_step(plan::StepKind kind, std::string name);
  int step_count() const { return static_cast<int>(result_.plan.steps.size()); }

  // The value at the shapes to be fast for.
  int64_t best(SymInt e) const;
  // What the profile says of a variable: its least, its best and its largest value.
  using Range = std::array<int64_t, 3>;
  void set_range(SymInt variable, Range range) { ranges_[variable] = range; }
  // The values at the ends of the profile, and at its best; nullopt where a variable has no profile and is not in `more`.
  std::optional<Range> range(SymInt e, const std::unordered_map<SymInt, Range>& more) const;

  // Segments, lifetimes and shape programs.
  Expected<CompiledPlan> finish();

 private:
  struct Constant {
    int buffer;
    Tensor tensor;
  };
  int buffer_count() const { return static_cast<int>(result_.plan.buffers.size()); }
  void drop_unread_constants();
  void place_constants(std::span<const Tensor* const> tensors);
  void compute_lifetimes();
  // When each buffer and launch has its sizes. Asked at the end only: a buffer may be made before the step that tells its size.
  void compute_segments();

  const CompileOptions& options_;
  SymContext& context_;
  SlotTable slots_;
  CompiledPlan result_;
  std::unordered_map<SymInt, Range> ranges_;
  std::map<std::pair<const std::byte*, size_t>, Constant> constants_;  // by address and size
};

}  // namespace temper
