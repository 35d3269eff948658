// Maps: the body's instructions run over blocks of points, so that large constants fold quickly.
#include <algorithm>

#include "interp/kernels.h"
#include "scalar/exact_functions.h"

namespace temper::exact {
namespace {

constexpr int64_t kBlock = PointProgram::kRow;

// The values of one instruction at the points of a block; of its type only one of the two is used.
struct Lane {
  std::vector<double> f;
  std::vector<int64_t> i;
  ScalarValue at(int64_t k) const { return f.empty() ? ScalarValue{0, i[k]} : ScalarValue{f[k], 0}; }
  void set(int64_t k, ScalarValue v) { f.empty() ? void(i[k] = v.i) : void(f[k] = v.f); }
};

template <class T>
constexpr bool takes_floats(TypeRule rule) {
  return rule == TypeRule::kNumeric || rule == TypeRule::kFloat || rule == TypeRule::kPredicate || rule == TypeRule::kCompare;
}

// The rows of scalar.def over doubles. (A template, so that rows which take no floats are not compiled.)
template <class T>
bool float_row(ScalarOp op, const T* x, const T* y, int64_t n, Lane& out) {
  switch (op) {
#define SCALAR(name, onnx, arity, rule, value, cuda, facts)                                        \
  case ScalarOp::k_##name:                                                                         \
    if constexpr (takes_floats<T>(TypeRule::rule)) {                                                  \
      for (int64_t k = 0; k < n; ++k) {                                                            \
        [[maybe_unused]] T a = x[k], b = y[k], c = a;                                              \
        if constexpr (TypeRule::rule == TypeRule::kPredicate || TypeRule::rule == TypeRule::kCompare) { \
          out.i[k] = value;                                                                        \
        } else {                                                                                   \
          out.f[k] = value;                                                                        \
        }                                                                                          \
      }                                                                                            \
      return true;                                                                                 \
    }                                                                                              \
    return false;
#include "scalar/scalar.def"
#undef SCALAR
    default: return false;
  }
}

struct Block {
  const ScalarBody& body;
  Operands in;
  std::vector<Lane> lanes;

  void run(const PointProgram* syms, int64_t start, int64_t n) {
    const auto& code = body.code();
    for (size_t c = 0, s = 0; c < code.size(); ++c) {
      const ScalarInstruction& instruction = code[c];
      Lane& out = lanes[c];
      switch (instruction.op) {
        case ScalarOp::kConst: break;  // set once
        case ScalarOp::kSym:
          for (int64_t k = 0; k < n; ++k) out.i[k] = syms->value(s, k);
          ++s;
          break;
        case ScalarOp::kOperand: {
          const ExactTensor& x = *in[instruction.index];
          if (out.f.empty()) std::copy_n(x.ints.begin() + start, n, out.i.begin());
          else std::copy_n(x.floats.begin() + start, n, out.f.begin());
          break;
        }
        case ScalarOp::kCast: {
          const Lane& x = lanes[instruction.args[0]];
          DType from = code[instruction.args[0]].dtype;
          for (int64_t k = 0; k < n; ++k) out.set(k, cast_scalar(x.at(k), from, instruction.dtype));
          break;
        }
        default: apply(instruction, n, out);
      }
    }
  }

  void apply(const ScalarInstruction& instruction, int64_t n, Lane& out) {
    const auto* args = instruction.args;
    const Lane& x = lanes[args[0]];
    const Lane& y = lanes[args[1] < 0 ? args[0] : args[1]];
    if (instruction.op == ScalarOp::k_select) {
      const Lane& z = lanes[args[2]];
      for (int64_t k = 0; k < n; ++k) out.set(k, x.i[k] ? y.at(k) : z.at(k));
      return;
    }
    if (!x.f.empty() && float_row(instruction.op, x.f.data(), y.f.data(), n, out)) return;
    DType type = body.code()[args[0]].dtype;
    for (int64_t k = 0; k < n; ++k) out.set(k, evaluate_scalar(instruction.op, type, x.at(k), args[1] < 0 ? ScalarValue{} : y.at(k), {}));
  }
};

}  // namespace

Expected<std::vector<ExactTensor>> map(SymContext& context, const MapAttrs& attrs, Operands in, const SymbolValues& symbols) {
  auto dims = TEMPER_TRY(symbol_values(attrs.domain, symbols));
  const auto& code = attrs.body->code();
  for (const ExactTensor* t : in) {
    if (t->dims != dims) return Error(ErrorCode::kInvalidArgument, "an operand has other dims than the result: shapes that were taken to be equal differ");
  }
  std::vector<ExactTensor> results;
  for (size_t r = 0; r < attrs.body->results().size(); ++r) results.push_back(ExactTensor::zeros(attrs.body->result_dtype(static_cast<int>(r)), dims));
  std::vector<SymInt> syms;
  Block block{*attrs.body, in, std::vector<Lane>(code.size())};
  for (size_t c = 0; c < code.size(); ++c) {
    if (code[c].op == ScalarOp::kSym) syms.push_back(code[c].sym);
    Lane& lane = block.lanes[c];
    if (is_float(code[c].dtype)) lane.f.assign(kBlock, code[c].constant.f);
    else lane.i.assign(kBlock, code[c].constant.i);
  }
  auto store = [&](int64_t start, int64_t n) {
    for (size_t r = 0; r < results.size(); ++r) {
      const Lane& from = block.lanes[attrs.body->results()[r]];
      if (from.f.empty()) std::copy_n(from.i.begin(), n, results[r].ints.begin() + start);
      else std::copy_n(from.f.begin(), n, results[r].floats.begin() + start);
    }
  };
  if (syms.empty()) {
    int64_t count = element_count(dims);
    for (int64_t start = 0; start < count; start += kBlock) {
      int64_t n = std::min(kBlock, count - start);
      block.run(nullptr, start, n);
      store(start, n);
    }
    return results;
  }
  auto program = TEMPER_TRY(PointProgram::make(context, attrs.domain, syms, 0, symbols));
  TEMPER_TRY(for_each_row(dims, [&](const int64_t* point, int64_t n, int64_t at) -> Status {
    program.run_row(point, n, {});
    block.run(&program, at, n);
    store(at, n);
    return {};
  }));
  return results;
}

}  // namespace temper::exact
