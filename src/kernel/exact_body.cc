#include "kernel/exact_state.h"

namespace temper {

Expected<ExactBody> ExactBody::compile(const ExactState& state, const ScalarBodyPtr& body,
                                       const std::vector<Access>& operands) {
  ExactBody result;
  result.body_ = body;
  for (const Access& operand : operands) result.operands_.push_back(TEMPER_TRY(state.compile_access(operand)));
  std::vector<SymInt> syms;
  for (const ScalarInstruction& instruction : body->code()) {
    if (instruction.op == ScalarOp::kSym) syms.push_back(instruction.sym);
  }
  result.syms_ = TEMPER_TRY(ExactExpressions::compile(state.symbols, syms));
  result.values_.resize(body->code().size());
  result.results_.resize(body->results().size());
  return result;
}

Expected<std::span<const ExactValue>> ExactBody::run(ExactState& state, std::span<const int64_t> point) {
  std::span<const int64_t> syms = TEMPER_TRY(syms_.run(point, {}));
  const std::vector<ScalarInstruction>& code = body_->code();
  size_t next_sym = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    const ScalarInstruction& x = code[i];
    auto arg = [&](int k) { return x.args[k] < 0 ? ExactValue{} : values_[x.args[k]]; };
    switch (x.op) {
      case ScalarOp::kOperand:
        values_[i] = TEMPER_TRY(state.read(operands_[x.index], point));
        break;
      case ScalarOp::kConst:
        values_[i] = {.value = x.constant};
        break;
      case ScalarOp::kSym:
        values_[i] = {.value = {.i = syms[next_sym++]}};
        break;
      case ScalarOp::kCast:
        values_[i] = cast_with_error(arg(0), code[x.args[0]].dtype, x.dtype);
        break;
      default: {
        DType type = code[x.args[x.op == ScalarOp::k_select ? 1 : 0]].dtype;
        values_[i] = evaluate_with_error(x.op, type, arg(0), arg(1), arg(2));
        break;
      }
    }
  }
  for (size_t i = 0; i < results_.size(); ++i) results_[i] = values_[body_->results()[i]];
  return std::span<const ExactValue>(results_);
}

}  // namespace temper
