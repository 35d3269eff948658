// A Contract stage with the maps behind it, as a problem of the contraction core: what every source that can run contractions
// starts from.
//
// It says which buffers the operands are, the sizes as expressions, where constant weights lie, and how much of the epilogue is
// simple enough for registers (+ bias, + residual, clamp); a longer one is lowered to a tile program.
//
//   auto lowered = ContractLowering::analyse(candidate);
//   if (auto* why = std::get_if<std::string>(&lowered)) return Decline{*why};
//   ContractProblem problem = std::get<ContractLowering>(lowered).problem_at_best();
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "backend/cpu/gen/quantized_epilogue.h"
#include "backend/cpu/run/contract_code.h"
#include "kernel/contraction.h"
#include "tune/source.h"

namespace temper::cpu {

// The machine that a contraction is planned for.
Machine machine_of(const Device& device);

// What the epilogue does when registers suffice: + bias, + residual, clamp.
struct SimpleEpilogue {
  int bias = -1, residual = -1;  // buffers of the candidate
  DType residual_type = DType::kF32, result = DType::kF32;
  SymInt residual_row = 0, residual_offset = 0;
  float lo = -std::numeric_limits<float>::infinity(), hi = std::numeric_limits<float>::infinity();
  // Of 16-bit results, see Epilogue:
  int activation = -1;
  float slope = 1;
  ResidualUse residual_use = ResidualUse::kFirst;
};

class ContractLowering {
 public:
  // Or why no kernel for contractions can run it.
  static std::variant<ContractLowering, std::string> analyse(const Candidate& candidate);

  ContractCode code_;  // its config is the source's affair
  std::vector<SymInt> parameters_;
  std::vector<Tensor> constants_;  // the last buffers of the step, behind those of the candidate
  const Contraction& contraction() const { return contraction_; }

  ContractProblem problem_at_best() const { return code_.problem(fields_at_best()); }
  std::vector<int64_t> fields_at_best() const;
  // The problems with every dimension that only a run knows at one extent, small and large: a plan runs at any shape, so a
  // library that has one kernel for all must do more than the best one. Those that make no sense are left out.
  std::vector<ContractProblem> problems_at_other_extents() const;
  // Of the constant right operand whose elements begin at `data`.
  WeightView weights(const void* data) const;

 private:
  explicit ContractLowering(const Candidate& candidate) : candidate_(&candidate) {}

  std::optional<std::string> run();
  // One map, one output: acc [+ per column] [+ same index] [max, min with constants] [as the type of the operands].
  bool as_simple(const Contract& stage, const std::vector<TensorType>& types, SimpleEpilogue& e) const;
  // The same for a result of 16 bits: [f or slope] of acc [+ per column] [+ same index], then [+ or * same index].
  bool as_activation(const Contract& stage, const std::vector<TensorType>& types, SimpleEpilogue& e) const;
  // The region less the sums that its first map begins with and that registers can do: to the map, the accumulator is their
  // result.
  std::optional<Region> without_sums(const std::vector<TensorType>& types, SimpleEpilogue& e) const;
  bool take_residual(const Access& access, const std::vector<SymInt>& vars, const std::vector<TensorType>& types,
                     SimpleEpilogue& e) const;
  bool take_operand(const Access& access, const std::vector<SymInt>& vars, const std::vector<TensorType>& types,
                    SimpleEpilogue& e) const;

  // The epilogue of integers that registers do, with its tensors as constants.
  void take(QuantizedEpilogue& epilogue);

  const Candidate* candidate_;
  Contraction contraction_;
};

}  // namespace temper::cpu
