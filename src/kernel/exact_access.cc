#include <algorithm>
#include <limits>

#include "kernel/exact_state.h"

namespace temper {

int64_t position_of(std::span<const int64_t> point, std::span<const int64_t> dims) {
  int64_t position = 0;
  for (size_t k = 0; k < dims.size(); ++k) position = position * dims[k] + point[k];
  return position;
}

void point_of(int64_t position, std::span<const int64_t> dims, std::span<int64_t> point) {
  for (size_t k = dims.size(); k-- > 0;) {
    point[k] = position % dims[k];
    position /= dims[k];
  }
}

namespace {

// Writes a ShapeProgram whose inputs are the variables of a point; compile_shapes is for dimensions and sizes alone.
class PointCompiler {
 public:
  PointCompiler(const SymValues& symbols, ShapeProgram& program, std::span<const SymInt> inputs)
      : symbols_(symbols), program_(program) {
    for (SymInt var : inputs) {
      slots_.emplace(var, static_cast<int32_t>(program_.inputs.size()));
      program_.inputs.push_back(var_of(var).name);
    }
  }

  Expected<int32_t> slot(SymInt e) {
    if (auto found = slots_.find(e); found != slots_.end()) return found->second;
    int32_t made = TEMPER_TRY(make(e));
    slots_.emplace(e, made);
    return made;
  }

 private:
  Expected<int32_t> make(SymInt e) {
    switch (kind_of(e)) {
      case SymKind::kConst:
        return emit({.op = ShapeOp::kConst, .constant = e.value()});
      case SymKind::kVar: {
        auto found = symbols_.find(var_of(e).name);
        if (found != symbols_.end()) return emit({.op = ShapeOp::kConst, .constant = found->second});
        return Error(ErrorCode::kNotFound, "no value was given for the dimension '" + var_of(e).name + "'");
      }
      case SymKind::kSum:
        return fold(e, ShapeOp::kAdd);
      case SymKind::kProduct:
        return fold(e, ShapeOp::kMul);
      case SymKind::kFloorDiv:
        return fold(e, ShapeOp::kFloorDiv);
      case SymKind::kMod:
        return fold(e, ShapeOp::kMod);
      case SymKind::kMin:
        return fold(e, ShapeOp::kMin);
      case SymKind::kMax:
        return fold(e, ShapeOp::kMax);
      case SymKind::kLess:
        return fold(e, ShapeOp::kLess);
      case SymKind::kEqual:
        return fold(e, ShapeOp::kEqual);
    }
    TEMPER_CHECK(false, "a kind of SymInt without shape instruction");
  }

  Expected<int32_t> fold(SymInt e, ShapeOp op) {
    std::vector<SymInt> operands = operands_of(e);
    int32_t left = TEMPER_TRY(slot(operands[0]));
    for (size_t i = 1; i < operands.size(); ++i) {
      int32_t right = TEMPER_TRY(slot(operands[i]));
      left = emit({.op = op, .a = left, .b = right});
    }
    return left;
  }

  int32_t emit(ShapeInstruction instruction) {
    program_.code.push_back(instruction);
    return program_.slot_count() - 1;
  }

  const SymValues& symbols_;
  ShapeProgram& program_;
  std::unordered_map<SymInt, int32_t> slots_;
};

}  // namespace

Expected<ExactExpressions> ExactExpressions::compile(const SymValues& symbols, std::span<const SymInt> expressions) {
  std::vector<SymInt> inputs;
  ExactExpressions result;
  for (SymInt e : expressions) {
    for (SymInt var : vars_of(e)) {
      const SymVar& v = var_of(var);
      bool is_new = std::find(inputs.begin(), inputs.end(), var) == inputs.end();
      if (!is_new || (v.kind != VarKind::kIndex && v.kind != VarKind::kLoaded)) continue;
      inputs.push_back(var);
      result.indices_.push_back(v.kind == VarKind::kIndex ? v.ordinal : -1);
      result.loaded_.push_back(v.kind == VarKind::kLoaded ? v.ordinal : -1);
    }
  }
  PointCompiler compiler(symbols, result.program_, inputs);
  for (SymInt e : expressions) result.program_.results.push_back(TEMPER_TRY(compiler.slot(e)));
  result.slots_.resize(result.program_.slot_count());
  result.results_.resize(expressions.size());
  return result;
}

Expected<std::span<const int64_t>> ExactExpressions::run(std::span<const int64_t> point, std::span<const int64_t> loaded) {
  for (size_t i = 0; i < indices_.size(); ++i) slots_[i] = indices_[i] >= 0 ? point[indices_[i]] : loaded[loaded_[i]];
  TEMPER_TRY(temper::run(program_, slots_));
  for (size_t i = 0; i < results_.size(); ++i) results_[i] = slots_[program_.results[i]];
  return std::span<const int64_t>(results_);
}

Expected<std::optional<int64_t>> ExactMap::locate(std::span<const int64_t> point, std::span<const int64_t> loaded) {
  std::span<const int64_t> values = TEMPER_TRY(expressions.run(point, loaded));
  if (is_guarded && values[0] == 0) return std::optional<int64_t>();
  std::span<const int64_t> indices = values.subspan(1);
  for (size_t k = 0; k < dims.size(); ++k) {
    if (indices[k] < 0 || indices[k] >= dims[k]) {
      return Error(ErrorCode::kInvalidArgument, "index " + std::to_string(indices[k]) + " is outside of dimension " +
                                                    std::to_string(k) + ", which has the extent " + std::to_string(dims[k]));
    }
  }
  return std::optional<int64_t>(position_of(indices, dims));
}

Expected<int64_t> ExactState::evaluate_dim(SymInt e) const {
  int64_t extent = TEMPER_TRY(evaluate(e, [&](SymInt var) -> std::optional<int64_t> {
    auto found = symbols.find(var_of(var).name);
    return found == symbols.end() ? std::nullopt : std::optional(found->second);
  }));
  if (extent < 0) return Error(ErrorCode::kInvalidArgument, "the dimension " + e.to_string() + " is " + std::to_string(extent));
  return extent;
}

Expected<std::vector<int64_t>> ExactState::evaluate_dims(const Dims& dims) const {
  std::vector<int64_t> extents;
  for (SymInt dim : dims) extents.push_back(TEMPER_TRY(evaluate_dim(dim)));
  return extents;
}

Expected<ExactMap> ExactState::compile_map(const IndexMap& map, std::vector<int64_t> dims) const {
  std::vector<SymInt> expressions = {map.guard};
  expressions.insert(expressions.end(), map.results.begin(), map.results.end());
  return ExactMap{.dims = std::move(dims),
                  .expressions = TEMPER_TRY(ExactExpressions::compile(symbols, expressions)),
                  .is_guarded = !map.guard.is_const(1)};
}

Expected<ExactAccess> ExactState::compile_access(const Access& access) const {
  ExactAccess result{.value = access.value, .fill = access.fill};
  result.map = TEMPER_TRY(compile_map(access.map, values[access.value].dims));
  TEMPER_TRY(compile_loads(access, result));
  return result;
}

Status ExactState::compile_loads(const Access& access, ExactAccess& result) const {
  for (const Access::Load& load : access.loads) {
    result.loads.push_back({load.value, TEMPER_TRY(compile_map(load.map, values[load.value].dims))});
  }
  result.extents.assign(access.loads.size(), -1);
  result.loaded.assign(access.loads.size(), 0);
  std::vector<SymInt> expressions = access.map.results;
  expressions.push_back(access.map.guard);
  for (SymInt e : expressions) {
    for (SymInt var : vars_of(e)) {
      const SymVar& v = var_of(var);
      if (v.kind == VarKind::kLoaded) result.extents[v.ordinal] = TEMPER_TRY(evaluate_dim(v.extent));
    }
  }
  return {};
}

Expected<std::optional<int64_t>> ExactState::locate(ExactAccess& access, std::span<const int64_t> point, bool& is_certain) {
  is_certain = true;
  for (size_t k = 0; k < access.loads.size(); ++k) {
    std::optional<int64_t> position = TEMPER_TRY(access.loads[k].map.locate(point, {}));
    ExactValue loaded;
    if (position) loaded = TEMPER_TRY(element(access.loads[k].value, *position));
    is_certain = is_certain && loaded.error == 0;
    access.loaded[k] = loaded.value.i;
    if (access.extents[k] >= 0 && (access.loaded[k] < 0 || access.loaded[k] >= access.extents[k])) {
      return Error(ErrorCode::kInvalidArgument, "the index " + std::to_string(access.loaded[k]) + " that was read from %" +
                                                    std::to_string(access.loads[k].value) + " is not in [0, " +
                                                    std::to_string(access.extents[k]) + ")");
    }
  }
  return access.map.locate(point, access.loaded);
}

Expected<ExactValue> ExactState::read(ExactAccess& access, std::span<const int64_t> point) {
  bool is_certain = true;
  std::optional<int64_t> position = TEMPER_TRY(locate(access, point, is_certain));
  ExactValue read{.value = access.fill};
  if (position) read = TEMPER_TRY(element(access.value, *position));
  if (!is_certain) read.error = std::numeric_limits<double>::infinity();
  return read;
}

}  // namespace temper
