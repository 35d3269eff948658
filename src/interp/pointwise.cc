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
#define SCALAR(name, onnx, arity, rule, value, facts)                                                   \
  case ScalarOp::k_##name:                                                                              \
    if constexpr (takes_floats<T>(TypeRule::rule)) {                                                    \
      for (int64_t k = 0; k < n; ++k) {                                                                 \
        [[maybe_unused]] T a = x[k], b = y[k], c = a;                                                   \
        if constexpr (TypeRule::rule == TypeRule::kPredicate || TypeRule::rule == TypeRule::kCompare) { \
          out.i[k] = value;                                                                             \
        } else {                                                                                        \
          out.f[k] = value;                                                                             \
        }                                                                                               \
      }                                                                                                 \
      return true;                                                                                      \
    }                                                                                                   \
    return false;
#include "scalar/scalar.def"
#undef SCALAR
    default:
      return false;
  }
}

// `load(operand, start, n, lane)` reads elements of an operand.
template <class Load>
struct Block {
  const ScalarBody& body;
  Load load;
  std::vector<Lane> lanes;

  void run(const PointProgram* syms, int64_t start, int64_t n) {
    const auto& code = body.code();
    for (size_t c = 0, s = 0; c < code.size(); ++c) {
      const ScalarInstruction& instruction = code[c];
      Lane& out = lanes[c];
      switch (instruction.op) {
        case ScalarOp::kConst:
          break;  // set once
        case ScalarOp::kSym:
          for (int64_t k = 0; k < n; ++k) out.i[k] = syms->value(s, k);
          ++s;
          break;
        case ScalarOp::kOperand:
          load(instruction.index, start, n, out);
          break;
        case ScalarOp::kCast: {
          const Lane& x = lanes[instruction.args[0]];
          DType from = code[instruction.args[0]].dtype;
          if (!out.f.empty() && !x.f.empty() && (instruction.dtype == DType::kF32 || instruction.dtype == DType::kF64)) {
            bool rounds = instruction.dtype == DType::kF32;
            for (int64_t k = 0; k < n; ++k) out.f[k] = rounds ? static_cast<double>(static_cast<float>(x.f[k])) : x.f[k];
            break;
          }
          for (int64_t k = 0; k < n; ++k) out.set(k, cast_scalar(x.at(k), from, instruction.dtype));
          break;
        }
        default:
          apply(instruction, n, out);
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
    for (int64_t k = 0; k < n; ++k)
      out.set(k, evaluate_scalar(instruction.op, type, x.at(k), args[1] < 0 ? ScalarValue{} : y.at(k), {}));
  }
};

// `store(result, start, n, lane)` takes elements of a result.
template <class Load, class Store>
Status run_map(SymContext& context, const MapAttrs& attrs, const std::vector<int64_t>& dims, const SymbolValues& symbols,
               Load load, Store store) {
  const auto& code = attrs.body->code();
  std::vector<SymInt> syms;
  Block<Load> block{*attrs.body, std::move(load), std::vector<Lane>(code.size())};
  for (size_t c = 0; c < code.size(); ++c) {
    if (code[c].op == ScalarOp::kSym) syms.push_back(code[c].sym);
    Lane& lane = block.lanes[c];
    if (is_float(code[c].dtype))
      lane.f.assign(kBlock, code[c].constant.f);
    else
      lane.i.assign(kBlock, code[c].constant.i);
  }
  auto store_all = [&](int64_t start, int64_t n) {
    for (size_t r = 0; r < attrs.body->results().size(); ++r) store(r, start, n, block.lanes[attrs.body->results()[r]]);
  };
  if (syms.empty()) {
    int64_t count = element_count(dims);
    for (int64_t start = 0; start < count; start += kBlock) {
      int64_t n = std::min(kBlock, count - start);
      block.run(nullptr, start, n);
      store_all(start, n);
    }
    return {};
  }
  auto program = TEMPER_TRY(PointProgram::make(context, attrs.domain, syms, 0, symbols));
  return for_each_row(dims, [&](const int64_t* point, int64_t n, int64_t at) -> Status {
    program.run_row(point, n, {});
    block.run(&program, at, n);
    store_all(at, n);
    return {};
  });
}

Error different_dims() {
  return Error(ErrorCode::kInvalidArgument,
               "an operand has other dims than the result: shapes that were taken to be equal differ");
}

}  // namespace

Expected<std::vector<ExactTensor>> map(SymContext& context, const MapAttrs& attrs, Operands in, const SymbolValues& symbols) {
  auto dims = TEMPER_TRY(symbol_values(attrs.domain, symbols));
  for (const ExactTensor* t : in) {
    if (t->dims != dims) return different_dims();
  }
  std::vector<ExactTensor> results;
  for (size_t r = 0; r < attrs.body->results().size(); ++r)
    results.push_back(ExactTensor::zeros(attrs.body->result_dtype(static_cast<int>(r)), dims));
  auto load = [&](int operand, int64_t start, int64_t n, Lane& lane) {
    const ExactTensor& x = *in[operand];
    if (lane.f.empty())
      std::copy_n(x.ints.begin() + start, n, lane.i.begin());
    else
      std::copy_n(x.floats.begin() + start, n, lane.f.begin());
  };
  auto store = [&](size_t r, int64_t start, int64_t n, const Lane& lane) {
    if (lane.f.empty())
      std::copy_n(lane.i.begin(), n, results[r].ints.begin() + start);
    else
      std::copy_n(lane.f.begin(), n, results[r].floats.begin() + start);
  };
  TEMPER_TRY(run_map(context, attrs, dims, symbols, load, store));
  return results;
}

Expected<std::vector<Tensor>> map(SymContext& context, const MapAttrs& attrs, std::span<const Tensor> in) {
  const SymbolValues none;
  auto dims = TEMPER_TRY(symbol_values(attrs.domain, none));
  for (const Tensor& t : in) {
    if (t.dims() != dims) return different_dims();
  }
  std::vector<Tensor> results;
  for (size_t r = 0; r < attrs.body->results().size(); ++r)
    results.push_back(Tensor::zeros(attrs.body->result_dtype(static_cast<int>(r)), dims));
  auto load = [&](int operand, int64_t start, int64_t n, Lane& lane) {
    const Tensor& x = in[operand];
    if (x.dtype() == DType::kF32)
      std::copy_n(x.as<float>().begin() + start, n, lane.f.begin());
    else
      for (int64_t k = 0; k < n; ++k) lane.set(k, x.at(start + k));
  };
  auto store = [&](size_t r, int64_t start, int64_t n, const Lane& lane) {
    if (results[r].dtype() == DType::kF32) {
      auto* out = reinterpret_cast<float*>(results[r].mutable_bytes()) + start;
      for (int64_t k = 0; k < n; ++k) out[k] = static_cast<float>(lane.f[k]);
    } else {
      for (int64_t k = 0; k < n; ++k) results[r].set(start + k, lane.at(k));
    }
  };
  TEMPER_TRY(run_map(context, attrs, dims, none, load, store));
  return results;
}

}  // namespace temper::exact
