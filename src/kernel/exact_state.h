// The insides of ExactRegion: accesses compiled to ShapePrograms, and one evaluator per kind of stage.
//
// Every value has `known` results by row-major position. An evaluator is asked for one position and may learn many: a scan
// learns a row, a scatter everything.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "kernel/exact.h"
#include "sym/shape_program.h"

namespace temper {

int64_t position_of(std::span<const int64_t> point, std::span<const int64_t> dims);
void point_of(int64_t position, std::span<const int64_t> dims, std::span<int64_t> point);

// SymInts over the variables of a domain (and loaded ones), with the symbols' values put in.
class ExactExpressions {
 public:
  static Expected<ExactExpressions> compile(const SymValues& symbols, std::span<const SymInt> expressions);
  // The values are valid until the next call.
  Expected<std::span<const int64_t>> run(std::span<const int64_t> point, std::span<const int64_t> loaded);

 private:
  ShapeProgram program_;
  std::vector<int> indices_, loaded_;  // which variable of the domain, or -1; which loaded variable
  std::vector<int64_t> slots_, results_;
};

struct ExactMap {
  std::vector<int64_t> dims;     // of the tensor that is read
  ExactExpressions expressions;  // the guard, then the indices
  bool is_guarded = false;

  // The position that is read; nullopt where the guard is 0.
  Expected<std::optional<int64_t>> locate(std::span<const int64_t> point, std::span<const int64_t> loaded);
};

struct ExactAccess {
  int value = -1;
  ExactMap map;
  ScalarValue fill;
  struct Load {
    int value;
    ExactMap map;
  };
  std::vector<Load> loads;
  std::vector<int64_t> extents;  // of the loaded variables; -1 for one that the map does not use
  std::vector<int64_t> loaded;   // their values at the last point
};

class ExactStage;

struct ExactState {
  Region region;
  SymValues symbols;
  std::vector<Tensor> inputs;
  double operand_rounding = 0;  // of contractions
  struct Value {
    DType dtype = DType::kF32;
    std::vector<int64_t> dims;
    ExactStage* stage = nullptr;    // null for inputs
    std::vector<ExactValue> dense;  // by position, where `is_known`; empty for large values, which use `sparse`
    std::vector<char> is_known;
    std::unordered_map<int64_t, ExactValue> sparse;
  };
  std::vector<Value> values;
  std::vector<std::unique_ptr<ExactStage>> stages;

  Expected<ExactValue> element(int value, int64_t position);
  const ExactValue* known(int value, int64_t position) const;
  void learn(int value, int64_t position, ExactValue exact);

  Expected<int64_t> evaluate_dim(SymInt e) const;
  Expected<std::vector<int64_t>> evaluate_dims(const Dims& dims) const;
  Expected<ExactMap> compile_map(const IndexMap& map, std::vector<int64_t> dims) const;
  Expected<ExactAccess> compile_access(const Access& access) const;
  // The loads of an access; also for the target of a scatter, which reads nothing itself.
  Status compile_loads(const Access& access, ExactAccess& result) const;
  // The element that an access reads at a point of its domain.
  Expected<ExactValue> read(ExactAccess& access, std::span<const int64_t> point);
  // The position that it reads; nullopt where the guard is 0. `is_certain`: no loaded variable has an error.
  Expected<std::optional<int64_t>> locate(ExactAccess& access, std::span<const int64_t> point, bool& is_certain);
};

class ExactStage {
 public:
  virtual ~ExactStage() = default;
  // Learns the element at `position` of all results (or more).
  virtual Status evaluate(ExactState& state, int64_t position) = 0;

  int first = 0;  // number of the first result
  std::vector<int64_t> domain;
};

Expected<std::unique_ptr<ExactStage>> make_exact_stage(const ExactState& state, const Stage& stage);

// A body over operands that are read through accesses.
class ExactBody {
 public:
  static Expected<ExactBody> compile(const ExactState& state, const ScalarBodyPtr& body, const std::vector<Access>& operands);
  // The results, valid until the next call.
  Expected<std::span<const ExactValue>> run(ExactState& state, std::span<const int64_t> point);
  DType result_dtype(int i) const { return body_->result_dtype(i); }

 private:
  ScalarBodyPtr body_;
  std::vector<ExactAccess> operands_;
  ExactExpressions syms_;
  std::vector<ExactValue> values_, results_;
};

}  // namespace temper
