// ReduceSum and its family, ArgMax, ArgMin, CumSum.
#include "ops/nn/operands.h"
#include "ops/tensor/dynamic_axes.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct ReductionAttrs {
  std::vector<int64_t> axes;
  bool has_axes = false, keep = true, none_means_none = false;
  TEMPER_FIELDS(axes, has_axes, keep, none_means_none)
};
Expected<ReductionAttrs> read_reduction(const OnnxNode& n) {
  return ReductionAttrs{n.is("axes"), n.has("axes"), n.i("keepdims", 1) != 0, n.i("noop_with_empty_axes", 0) != 0};
}

struct RegisterReduction {
  RegisterReduction(const char* name, const char* onnx, Reduction f, std::function<Val(Builder&, Val)> of_none = nullptr) {
    RegisterOp<ReductionAttrs>({
        .name = name,
        .body = [f, of_none](Builder& b, const ReductionAttrs& a, Operands in) -> Vals {
          if (!require(b, in, 1)) return {in[0]};
          auto axes = a.axes;
          if (!a.has_axes && in[1]) {
            bool none = b.rank(in[1]) == 1 && b.dims(in[1])[0].is_const(0);
            if (!none && !b.contents(in[1])) return {reduce_dynamic(b, in[0], in[1], a.keep, f)};
            if (!none) axes = constant_argument(b, in[1], "axes");
          }
          if (axes.empty() && a.none_means_none) return {of_none ? of_none(b, in[0]) : in[0]};
          if (axes.empty()) {
            for (int d = 0; d < b.rank(in[0]); ++d) axes.push_back(d);
          }
          return {f(b, in[0], axes, a.keep)};
        },
        .onnx = {{onnx, 1, read_reduction}},
        .samples = {"f32[n, 3, 5] {axes = [1], has_axes = true}", "f32[2, n] {keep = false}"},
    });
  }
};
Reduction plain(MonoidKind monoid) {
  return [monoid](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) { return b.reduce(monoid, x, axes, keep); };
}
Val absolute(Builder& b, Val x) { return b.map(ScalarOp::k_abs, x); }
Val square(Builder&, Val x) { return x * x; }

const RegisterReduction kSum("reduce_sum", "ReduceSum", plain(MonoidKind::k_sum));
const RegisterReduction kProd("reduce_prod", "ReduceProd", plain(MonoidKind::k_prod));
const RegisterReduction kMax("reduce_max", "ReduceMax", [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
  return b.reduce(b.dtype(x) == DType::kBool ? MonoidKind::k_any : MonoidKind::k_max, x, axes, keep);
});
const RegisterReduction kMin("reduce_min", "ReduceMin", [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
  return b.reduce(b.dtype(x) == DType::kBool ? MonoidKind::k_all : MonoidKind::k_min, x, axes, keep);
});
const RegisterReduction kMean("reduce_mean", "ReduceMean", [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
  return b.mean(x, axes, keep);
});
const RegisterReduction kL1(
    "reduce_l1", "ReduceL1",
    [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
      return b.reduce(MonoidKind::k_sum, absolute(b, x), axes, keep);
    },
    absolute);
const RegisterReduction kL2(
    "reduce_l2", "ReduceL2",
    [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
      DType dtype = b.dtype(x);
      Val wide = is_float(dtype) ? x : b.cast(x, DType::kF32);
      return b.cast(b.map(ScalarOp::k_sqrt, b.reduce(MonoidKind::k_sum, wide * wide, axes, keep)), dtype);
    },
    absolute);
const RegisterReduction kSumSquare(
    "reduce_sum_square", "ReduceSumSquare",
    [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
      return b.reduce(MonoidKind::k_sum, x * x, axes, keep);
    },
    square);
const RegisterReduction kLogSum(
    "reduce_log_sum", "ReduceLogSum",
    [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
      DType dtype = b.dtype(x);
      return b.cast(
          b.map(ScalarOp::k_log, b.cast(b.reduce(MonoidKind::k_sum, x, axes, keep), is_float(dtype) ? dtype : DType::kF32)),
          dtype);
    },
    [](Builder& b, Val x) { return b.map(ScalarOp::k_log, x); });
const RegisterReduction kLogSumExp("reduce_log_sum_exp", "ReduceLogSumExp",
                                   [](Builder& b, Val x, const std::vector<int64_t>& axes, bool keep) {
                                     DType dtype = b.dtype(x);
                                     Val wide = is_float(dtype) ? x : b.cast(x, DType::kF32);
                                     auto both = b.reduce_all(MonoidKind::k_max_sum_exp, wide, axes, keep);
                                     return b.cast(both[0] + b.map(ScalarOp::k_log, both[1]), dtype);
                                   });

struct ArgAttrs {
  int64_t axis = 0;
  bool keep = true, last = false;
  TEMPER_FIELDS(axis, keep, last)
};
struct RegisterArg {
  RegisterArg(const char* name, const char* onnx, MonoidKind first, MonoidKind last) {
    RegisterOp<ArgAttrs>({
        .name = name,
        .body = [first, last](Builder& b, const ArgAttrs& a, Operands in) -> Vals {
          return {b.reduce(a.last ? last : first, in[0], {a.axis}, a.keep)};
        },
        .onnx = {{onnx, 1,
                  [](const OnnxNode& n) -> Expected<ArgAttrs> {
                    return ArgAttrs{n.i("axis", 0), n.i("keepdims", 1) != 0, n.i("select_last_index", 0) != 0};
                  }}},
        .samples = {"f32[n, 5] {axis = 1}"},
    });
  }
};
const RegisterArg kArgMax("arg_max", "ArgMax", MonoidKind::k_arg_max, MonoidKind::k_arg_max_last);
const RegisterArg kArgMin("arg_min", "ArgMin", MonoidKind::k_arg_min, MonoidKind::k_arg_min_last);

struct CumSumAttrs {
  bool exclusive = false, reverse = false;
  TEMPER_FIELDS(exclusive, reverse)
};
struct RegisterCumulative {
  RegisterCumulative(const char* name, const char* onnx, int since, MonoidKind monoid) {
    RegisterOp<CumSumAttrs>({
        .name = name,
        .body = [monoid](Builder& b, const CumSumAttrs& a, Operands in) -> Vals {
          if (!require(b, in, 2)) return {in[0]};
          int rank = b.rank(in[0]);
          auto along = [&](int64_t axis) {
            return b.op("scan", ScanAttrs{axis, monoid, a.exclusive, a.reverse}, std::span(in.begin(), 1))[0];
          };
          if (b.contents(in[1])) {
            auto axis = constant_argument(b, in[1], "axis");
            if (b.ok() && axis.size() != 1) b.fail(ErrorCode::kInvalidArgument, "one axis is needed");
            int64_t normal = b.ok() ? b.normal_axis(axis[0], rank) : 0;
            if (!b.ok()) return {in[0]};
            return {along(normal)};
          }
          // An axis that is not known: all of them, and the right one is chosen.
          Val flags = axis_flags(b, in[1], rank), y = in[0];
          for (int d = 0; d < rank && b.ok(); ++d) y = b.select(element(b, flags, d) == b.scalar(1, DType::kI64), along(d), y);
          return {y};
        },
        .onnx = {{onnx, since,
                  [](const OnnxNode& n) -> Expected<CumSumAttrs> {
                    return CumSumAttrs{n.i("exclusive", 0) != 0, n.i("reverse", 0) != 0};
                  }}},
        .samples = {"f32[n, 3, 5], i64[] (-1)", "f32[4, n], i32[1] (0) {exclusive = true, reverse = true}", "i64[3, n], i64[]"},
    });
  }
};
const RegisterCumulative kCumSum("cumulative_sum", "CumSum", 11, MonoidKind::k_sum);
const RegisterCumulative kCumProd("cumulative_product", "CumProd", 26, MonoidKind::k_prod);

}  // namespace
}  // namespace temper
