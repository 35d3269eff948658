// Constant, Identity, Cast, Shape, Size, Where, Clip, Range, ConstantOfShape and the like.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/nn/operands.h"
#include "ops/tensor/float8.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct LiteralAttrs {
  Tensor value;
  TEMPER_FIELDS(value)
};
const RegisterOp<LiteralAttrs> kLiteral{{
    .name = "literal",
    .body = [](Builder& b, const LiteralAttrs& a, Operands) -> Vals { return {b.constant(a.value)}; },
    .onnx = {{"Constant", 1,
              [](const OnnxNode& n) -> Expected<LiteralAttrs> {
                if (auto t = n.tensor("value")) return LiteralAttrs{*t};
                auto count = [](const auto& v) { return std::vector<int64_t>{static_cast<int64_t>(v.size())}; };
                if (n.has("value_float"))
                  return LiteralAttrs{
                      Tensor::of(DType::kF32, {}, std::vector<float>{static_cast<float>(n.f("value_float", 0))})};
                if (n.has("value_int"))
                  return LiteralAttrs{Tensor::of(DType::kI64, {}, std::vector<int64_t>{n.i("value_int", 0)})};
                if (n.has("value_ints"))
                  return LiteralAttrs{Tensor::of(DType::kI64, count(n.is("value_ints")), n.is("value_ints"))};
                if (n.has("value_floats")) {
                  auto fs = n.fs("value_floats");
                  return LiteralAttrs{Tensor::of(DType::kF32, count(fs), std::vector<float>(fs.begin(), fs.end()))};
                }
                if (n.has("value_string")) return LiteralAttrs{Tensor::strings({}, {n.s("value_string", "")})};
                if (n.has("value_strings"))
                  return LiteralAttrs{Tensor::strings(count(n.ss("value_strings")), n.ss("value_strings"))};
                return Error(ErrorCode::kUnsupported, "a Constant without a dense value");
              }}},
    .samples = {"{value = f32[2] (1.5, -2)}"},
}};

const RegisterOp<NoAttrs> kIdentity{{
    .name = "identity",
    .body = [](Builder&, const NoAttrs&, Operands in) -> Vals { return {in[0]}; },
    .onnx = {{"Identity", 1}},
    .samples = {"f32[n, 3]"},
}};

struct CastAttrs {
  DType to = DType::kF32;
  bool saturate = true;
  TEMPER_FIELDS(to, saturate)
};
struct SaturateAttrs {
  bool saturate = true;
  TEMPER_FIELDS(saturate)
};
const RegisterOp<CastAttrs> kCast{{
    .name = "cast",
    .body = [](Builder& b, const CastAttrs& a, Operands in) -> Vals {
      return {require(b, in, 1) ? cast_to(b, in[0], a.to, a.saturate) : in[0]};
    },
    .onnx = {{"Cast", 1,
              [](const OnnxNode& n) -> Expected<CastAttrs> {
                auto to = n.dtype("to");
                if (!to) return Error(ErrorCode::kUnsupported, "a cast to a type that Temper does not have");
                return CastAttrs{*to, n.i("saturate", 1) != 0};
              }}},
    .samples = {"f32[n, 3] {to = i32}"},
}};
const RegisterOp<SaturateAttrs> kCastLike{{
    .name = "cast_like",
    .body = [](Builder& b, const SaturateAttrs& a, Operands in) -> Vals {
      return {require(b, in, 2) ? cast_to(b, in[0], b.dtype(in[1]), a.saturate) : in[0]};
    },
    .onnx = {{"CastLike", 15,
              [](const OnnxNode& n) -> Expected<SaturateAttrs> { return SaturateAttrs{n.i("saturate", 1) != 0}; }}},
    .samples = {"f32[n, 3], i32[2]", "i64[n], f16[]"},
}};

struct ShapeAttrs {
  int64_t start = 0, end = std::numeric_limits<int64_t>::max();
  TEMPER_FIELDS(start, end)
};
const RegisterOp<ShapeAttrs> kShape{{
    .name = "shape",
    .body = [](Builder& b, const ShapeAttrs& a, Operands in) -> Vals {
      int64_t rank = b.rank(in[0]);
      auto position = [&](int64_t p) { return std::clamp<int64_t>(p < 0 ? p + rank : p, 0, rank); };
      int64_t start = position(a.start), end = std::max(start, position(a.end));
      return {b.sizes(std::span(b.dims(in[0])).subspan(start, end - start))};
    },
    .onnx = {{"Shape", 1,
              [](const OnnxNode& n) -> Expected<ShapeAttrs> {
                return ShapeAttrs{n.i("start", 0), n.i("end", std::numeric_limits<int64_t>::max())};
              }}},
    .samples = {"f32[n, 3]"},
}};
const RegisterOp<NoAttrs> kSize{{
    .name = "size",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals { return {b.size(product(b.dims(in[0])))}; },
    .onnx = {{"Size", 1}},
    .samples = {"f32[n, 3]"},
}};

const RegisterOp<NoAttrs> kWhere{{
    .name = "where",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals { return {b.select(in[0], in[1], in[2])}; },
    .onnx = {{"Where", 9}},
    .samples = {"bool[n, 3], f32[n, 3], f32[3]"},
}};

// Comparisons and logic that scalar.def writes the other way round.
struct RegisterTurned {
  RegisterTurned() {
    auto add = [](const char* name, const char* onnx, int since, std::function<Val(Builder&, Val, Val)> f) {
      RegisterOp<NoAttrs>({.name = name,
                           .body = [f](Builder& b, const NoAttrs&, Operands in) -> Vals { return {f(b, in[0], in[1])}; },
                           .onnx = {{onnx, since}},
                           .samples = {"f32[n, 3], f32[3]"}});
    };
    add("greater", "Greater", 1, [](Builder&, Val x, Val y) { return y < x; });
    add("greater_equal", "GreaterOrEqual", 12, [](Builder&, Val x, Val y) { return y <= x; });
    add("power", "Pow", 1, [](Builder& b, Val x, Val y) { return b.map(ScalarOp::k_pow, x, b.cast(y, b.dtype(x))); });
  }
};
const RegisterTurned kTurned;

struct ModAttrs {
  bool fmod = false;
  TEMPER_FIELDS(fmod)
};
const RegisterOp<ModAttrs> kMod{{
    .name = "mod",
    .body = [](Builder& b, const ModAttrs& a, Operands in) -> Vals {
      return {b.map(a.fmod ? ScalarOp::k_fmod : ScalarOp::k_floor_mod, in[0], in[1])};
    },
    .onnx = {{"Mod", 10, [](const OnnxNode& n) -> Expected<ModAttrs> { return ModAttrs{n.i("fmod", 0) != 0}; }}},
    .samples = {"i64[n, 3], i64[3]"},
}};

struct ShiftAttrs {
  bool left = true;
  TEMPER_FIELDS(left)
};
const RegisterOp<ShiftAttrs> kShift{{
    .name = "bit_shift",
    .body = [](Builder& b, const ShiftAttrs& a, Operands in) -> Vals {
      return {b.map(a.left ? ScalarOp::k_shift_left : ScalarOp::k_shift_right, in[0], in[1])};
    },
    .onnx = {{"BitShift", 11,
              [](const OnnxNode& n) -> Expected<ShiftAttrs> { return ShiftAttrs{n.s("direction", "LEFT") == "LEFT"}; }}},
    .samples = {"u32[n, 3], u32[3]"},
}};

// Variadic: Sum, Max, Min, Mean.
struct RegisterVariadic {
  RegisterVariadic() {
    auto add = [](const char* name, const char* onnx, ScalarOp op, bool mean) {
      RegisterOp<NoAttrs>({.name = name,
                           .body = [op, mean](Builder& b, const NoAttrs&, Operands in) -> Vals {
                             Val total = in[0];
                             for (size_t i = 1; i < in.size(); ++i) total = b.map(op, total, in[i]);
                             return {mean ? total / static_cast<double>(in.size()) : total};
                           },
                           .onnx = {{onnx, 1}},
                           .samples = {"f32[n, 3], f32[3], f32[n, 1]"}});
    };
    add("sum_of", "Sum", ScalarOp::k_add, false);
    add("max_of", "Max", ScalarOp::k_max, false);
    add("min_of", "Min", ScalarOp::k_min, false);
    add("mean_of", "Mean", ScalarOp::k_add, true);
  }
};
const RegisterVariadic kVariadic;

struct ClipAttrs {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  TEMPER_FIELDS(low, high)
};
const RegisterOp<ClipAttrs> kClip{{
    .name = "clip",
    .body = [](Builder& b, const ClipAttrs& a, Operands in) -> Vals {
      Val x = in[0];
      if (in[1])
        x = b.map(ScalarOp::k_max, x, in[1]);
      else if (!std::isinf(a.low))
        x = b.map(ScalarOp::k_max, x, b.like(a.low, x));
      if (in[2])
        x = b.map(ScalarOp::k_min, x, in[2]);
      else if (!std::isinf(a.high))
        x = b.map(ScalarOp::k_min, x, b.like(a.high, x));
      return {x};
    },
    .onnx = {{"Clip", 1,
              [](const OnnxNode& n) -> Expected<ClipAttrs> {
                constexpr double kInfinity = std::numeric_limits<double>::infinity();
                return ClipAttrs{n.f("min", -kInfinity), n.f("max", kInfinity)};
              }}},
    .samples = {"f32[n, 3] {low = 0.0, high = 6.0}"},
}};

const RegisterOp<NoAttrs> kRange{{
    .name = "range",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 3)) return {in[0]};
      DType dtype = b.dtype(in[0]);
      if (b.dtype(in[1]) != dtype || b.dtype(in[2]) != dtype)
        return {b.fail(ErrorCode::kInvalidArgument, "start, limit and delta differ in type")};
      auto first = b.contents(in[0]), last = b.contents(in[1]), step = b.contents(in[2]);
      auto scalar = [](const auto& v) { return v && v->size() == 1; };
      Vals at;
      for (Val v : in) at.push_back(b.reshape(v, {}));
      if (!scalar(first) || !scalar(last) || !scalar(step) || !(*step)[0].is_const() || (*step)[0].is_const(0)) {
        Val span = at[1] - at[0];
        Val count = is_float(dtype) ? b.cast(b.map(ScalarOp::k_ceil, span / at[2]), DType::kI64)
                                    : b.cast((span + at[2] - b.map(ScalarOp::k_sign, at[2])) / at[2], DType::kI64);
        SymInt size = bound_size(b, b.map(ScalarOp::k_max, count, b.like(0, count)));
        return {b.ok() ? b.iota({size}, 0, dtype) * at[2] + at[0] : in[0]};
      }
      SymInt count = (*step)[0].value() > 0 ? ceil_div((*last)[0] - (*first)[0], (*step)[0])
                                            : ceil_div((*first)[0] - (*last)[0], -(*step)[0]);
      return {b.iota({max(SymInt(0), count)}, 0, dtype) * at[2] + at[0]};
    },
    .onnx = {{"Range", 11}},
    .samples = {"i64[] (2), i64[] (11), i64[] (3)", "f32[] (1), f32[] (-2), f32[] (-0.5)", "i64[], i64[], i64[] (1)"},
}};

struct FillAttrs {
  Tensor value = Tensor::zeros(DType::kF32, {1});
  TEMPER_FIELDS(value)
};
const RegisterOp<FillAttrs> kConstantOfShape{{
    .name = "constant_of_shape",
    .body = [](Builder& b, const FillAttrs& a, Operands in) -> Vals {
      Dims dims = shape_argument(b, in[0], "the shape");
      if (!b.ok()) return {in[0]};
      return {b.broadcast(b.constant(a.value.reshaped({})), dims)};
    },
    .onnx = {{"ConstantOfShape", 9,
              [](const OnnxNode& n) -> Expected<FillAttrs> {
                auto t = n.tensor("value");
                return t ? FillAttrs{*t} : FillAttrs{};
              }}},
    .samples = {"i64[2] (3, 4)"},
}};

struct IsInfAttrs {
  bool negative = true, positive = true;
  TEMPER_FIELDS(negative, positive)
};
const RegisterOp<IsInfAttrs> kIsInf{{
    .name = "is_infinite",
    .body = [](Builder& b, const IsInfAttrs& a, Operands in) -> Vals {
      Val inf = b.map(ScalarOp::k_isinf, in[0]);
      if (!a.negative) inf = b.map(ScalarOp::k_logical_and, inf, b.like(0, in[0]) < in[0]);
      if (!a.positive) inf = b.map(ScalarOp::k_logical_and, inf, in[0] < b.like(0, in[0]));
      return {inf};
    },
    .onnx = {{"IsInf", 10,
              [](const OnnxNode& n) -> Expected<IsInfAttrs> {
                return IsInfAttrs{n.i("detect_negative", 1) != 0, n.i("detect_positive", 1) != 0};
              }}},
    .samples = {"f32[n, 3]"},
}};

}  // namespace
}  // namespace temper
