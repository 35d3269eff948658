// Layers over elements: activations, arithmetic, scale, selection, conversion, quantisation.
#include <cmath>

#include "ops/layers/layers.h"
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"

namespace temper::layers {
namespace {

// The API broadcasts extents of 1, never ranks.
bool same_rank(Builder& b, const Vals& operands, const std::string& what) {
  for (Val v : operands) {
    if (!b.ok()) return false;
    if (b.rank(v) == b.rank(operands[0])) continue;
    b.fail(ErrorCode::kInvalidArgument, "the inputs of " + what + " have ranks " + std::to_string(b.rank(operands[0])) +
                                            " and " + std::to_string(b.rank(v)) +
                                            "; give the smaller one more dimensions of 1 with a shuffle");
    return false;
  }
  return b.ok();
}
bool same_type(Builder& b, Val x, Val y, const std::string& what) {
  if (!b.ok()) return false;
  if (b.dtype(x) == b.dtype(y)) return true;
  b.fail(ErrorCode::kInvalidArgument, "the inputs of " + what + " are of types " + std::string(dtype_name(b.dtype(x))) +
                                          " and " + std::string(dtype_name(b.dtype(y))) + "; cast one of them");
  return false;
}

Vals activation(Builder& b, const Activation& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const Val x = in[0];
  auto with = [&](std::string_view name, double alpha, double beta) {
    return compose(b, name, {{"alpha", alpha}, {"beta", beta}}, {x});
  };
  if (a.type == "relu") return with("relu", 0, 0);
  if (!require_float(b, x, "the input of an activation")) return {};
  if (a.type == "sigmoid") return {b.map(ScalarOp::k_sigmoid, x)};
  if (a.type == "tanh") return {b.map(ScalarOp::k_tanh, x)};
  if (a.type == "gelu_erf" || a.type == "gelu_tanh") return compose(b, "gelu", {{"tanh", a.type == "gelu_tanh"}}, {x});
  if (a.type == "clip") return {b.map(ScalarOp::k_max, b.map(ScalarOp::k_min, x, b.like(a.beta, x)), b.like(a.alpha, x))};
  if (a.type == "softplus") {
    return {pointwise(b, {x}, [&](std::span<const Expr> v) {
      const Expr y = v[0] * a.beta;
      return a.alpha * (max(y, 0.0) + log1p(exp(-abs(y))));
    })};
  }
  return with(a.type, a.alpha, a.beta);  // leaky_relu, elu, selu, softsign, hard_sigmoid, scaled_tanh, thresholded_relu
}

struct Function {
  std::string_view name;
  ScalarOp op;
};
constexpr Function kUnary[] = {
    {"exp", ScalarOp::k_exp},          {"log", ScalarOp::k_log},     {"sqrt", ScalarOp::k_sqrt},
    {"recip", ScalarOp::k_reciprocal}, {"abs", ScalarOp::k_abs},     {"neg", ScalarOp::k_neg},
    {"sin", ScalarOp::k_sin},          {"cos", ScalarOp::k_cos},     {"tan", ScalarOp::k_tan},
    {"sinh", ScalarOp::k_sinh},        {"cosh", ScalarOp::k_cosh},   {"asin", ScalarOp::k_asin},
    {"acos", ScalarOp::k_acos},        {"atan", ScalarOp::k_atan},   {"asinh", ScalarOp::k_asinh},
    {"acosh", ScalarOp::k_acosh},      {"atanh", ScalarOp::k_atanh}, {"ceil", ScalarOp::k_ceil},
    {"floor", ScalarOp::k_floor},      {"erf", ScalarOp::k_erf},     {"not", ScalarOp::k_logical_not},
    {"sign", ScalarOp::k_sign},        {"round", ScalarOp::k_round}, {"isinf", ScalarOp::k_isinf},
    {"isnan", ScalarOp::k_isnan},
};
constexpr Function kBinary[] = {
    {"sum", ScalarOp::k_add},         {"prod", ScalarOp::k_mul},        {"max", ScalarOp::k_max},
    {"min", ScalarOp::k_min},         {"sub", ScalarOp::k_sub},         {"div", ScalarOp::k_div},
    {"pow", ScalarOp::k_pow},         {"and", ScalarOp::k_logical_and}, {"or", ScalarOp::k_logical_or},
    {"xor", ScalarOp::k_logical_xor}, {"equal", ScalarOp::k_equal},     {"less", ScalarOp::k_less},
};
template <size_t N>
const Function* find(const Function (&table)[N], std::string_view name) {
  for (const Function& f : table) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

Vals unary(Builder& b, const Operation& a, Operands in) {
  if (!require(b, in, 1)) return {};
  const Function* f = find(kUnary, a.type);
  if (!f) return {b.fail(ErrorCode::kInvalidArgument, "there is no unary operation '" + a.type + "'")};
  const bool rounds = f->op == ScalarOp::k_ceil || f->op == ScalarOp::k_floor || f->op == ScalarOp::k_round;
  if (rounds && is_int(b.dtype(in[0]))) return {in[0]};
  return {b.map(f->op, in[0])};
}

Vals elementwise(Builder& b, const Operation& a, Operands in) {
  if (!require(b, in, 2)) return {};
  const Val x = in[0], y = in[1];
  if (!same_rank(b, {x, y}, "an elementwise layer") || !same_type(b, x, y, "an elementwise layer")) return {};
  if (a.type == "greater") return {b.map(ScalarOp::k_less, y, x)};
  if (a.type == "floor_div") {
    if (is_float(b.dtype(x))) return {b.map(ScalarOp::k_floor, x / y)};
    // (x - x mod y) / y, with the remainder of y's sign: exact in integers.
    return {(x - b.map(ScalarOp::k_floor_mod, x, y)) / y};
  }
  const Function* f = find(kBinary, a.type);
  if (!f) return {b.fail(ErrorCode::kInvalidArgument, "there is no elementwise operation '" + a.type + "'")};
  return {b.map(f->op, x, y)};
}

Vals scale(Builder& b, const Scale& a, Operands in) {
  if (!require(b, in, 1) || !require_float(b, in[0], "the input of a scale layer")) return {};
  const Val x = in[0];
  const int rank = b.rank(x);
  if (a.mode != "uniform" && (a.axis < 0 || a.axis >= rank)) {
    return {b.fail(ErrorCode::kInvalidArgument,
                   "the channel axis " + std::to_string(a.axis) + " is outside an input of rank " + std::to_string(rank))};
  }
  // The dims under which `w` broadcasts to x.
  auto fit = [&](Val w, const char* what) -> Val {
    if (!w || !b.ok()) return w;
    Dims dims(rank, SymInt(1));
    SymInt count = 1;
    for (int i = 0; i < rank; ++i) {
      const bool own = a.mode == "channel" ? i == a.axis : a.mode == "elementwise" && i >= a.axis;
      if (own) dims[i] = b.dims(x)[i];
      count *= dims[i];
    }
    if (b.rank(w) != 1 || !(b.dims(w)[0] == count)) {
      return b.fail(ErrorCode::kInvalidArgument, "the " + std::string(what) + " has " +
                                                     (b.rank(w) == 1 ? b.dims(w)[0].to_string() : "no vector of") +
                                                     " weights, but the mode '" + a.mode + "' needs " + count.to_string());
    }
    return b.cast(b.reshape(w, dims), b.dtype(x));
  };
  const Val shift = fit(in[1], "shift"), factor = fit(in[2], "scale"), power = fit(in[3], "power");
  if (!b.ok()) return {};
  Val y = x;
  if (factor) y = y * factor;
  if (shift) y = y + shift;
  // x^1 is x also where pow() is not: of no number.
  if (power) {
    auto known = b.constant_value(in[3]);
    bool one = known.has_value();
    for (int64_t i = 0; one && i < known->count(); ++i) one = known->at(i).f == 1;
    if (!one) y = b.map(ScalarOp::k_pow, y, power);
  }
  return {y};
}

Vals quantize(Builder& b, const Quantization& a, Operands in, const char* which) {
  if (!require(b, in, 2)) return {};
  AttrFields fields{{"axis", a.axis < 0 ? int64_t(1) : a.axis}, {"block", int64_t(0)}};
  if (std::string_view(which) == "quantize") {
    fields["has_dtype"] = true;
    fields["dtype"] = a.to;
  }
  for (size_t i = 0; i < a.block.size(); ++i) {
    if (a.block[i] == 1) continue;
    fields["axis"] = static_cast<int64_t>(i);
    fields["block"] = a.block[i];
  }
  Val s = in[1];
  if (b.ok() && b.rank(s) == 1 && b.dims(s)[0].is_const(1)) s = b.reshape(s, {});
  if (b.ok() && a.axis < 0 && b.rank(s) > 0 && a.block.empty()) {
    return {b.fail(ErrorCode::kInvalidArgument, "a scale with more than one element needs an axis; call setAxis")};
  }
  Vals operands{in[0], s};
  if (in[2]) {
    Val zero = in[2];
    if (b.ok() && b.rank(zero) == 1 && b.dims(zero)[0].is_const(1)) zero = b.reshape(zero, {});
    operands.push_back(zero);
  }
  Vals y = compose(b, which, fields, operands);
  if (std::string_view(which) == "dequantize") y[0] = b.cast(y[0], a.to);
  return {y[0]};
}

const RegisterOp<Activation> kActivation{{
    .name = "layer_activation",
    .body = activation,
    .samples = {"f32[n, 5]", "f32[3, 4] {type = \"clip\", alpha = -0.5, beta = 0.75}",
                "f32[3, 4] {type = \"softplus\", alpha = 0.5, beta = 2.0}", "f32[6] {type = \"selu\", alpha = 1.5, beta = 1.1}",
                "f16[3, 4] {type = \"gelu_tanh\"}"},
}};
const RegisterOp<Operation> kUnaryLayer{{
    .name = "layer_unary",
    .body = unary,
    .samples = {"f32[n, 5] {type = \"exp\"}", "bool[4] {type = \"not\"}", "i32[4] {type = \"ceil\"}"},
}};
const RegisterOp<Operation> kElementwise{{
    .name = "layer_elementwise",
    .body = elementwise,
    .samples = {"f32[n, 5], f32[1, 5] {type = \"sum\"}", "i32[2, 3], i32[2, 1] (3, -2) {type = \"floor_div\"}",
                "f32[4], f32[4] {type = \"greater\"}", "bool[4], bool[4] {type = \"xor\"}"},
}};
const RegisterOp<Scale> kScale{{
    .name = "layer_scale",
    .body = scale,
    .samples = {"f32[n, 3, 4], f32[3], f32[3] {mode = \"channel\"}", "f32[2, 3], f32[1], _, f32[1] (2.0)",
                "f32[2, 3, 2], f32[6], f32[6] {mode = \"elementwise\"}"},
}};
const RegisterOp<NoAttrs> kSelect{{
    .name = "layer_select",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 3) || !same_rank(b, {in[0], in[1], in[2]}, "a select layer") ||
          !same_type(b, in[1], in[2], "a select layer"))
        return {};
      return {b.select(in[0], in[1], in[2])};
    },
    .samples = {"bool[n, 3], f32[n, 3], f32[1, 3]"},
}};
const RegisterOp<Cast> kCast{{
    .name = "layer_cast",
    .body = [](Builder& b, const Cast& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      return {b.cast(in[0], a.to)};
    },
    .samples = {"f32[n, 3] {to = i32}"},
}};
const RegisterOp<NoAttrs> kIdentity{{
    .name = "layer_identity",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      return compose(b, "identity", {}, {in[0]});
    },
    .samples = {"f32[n, 3]"},
}};
const RegisterOp<NoAttrs> kParametricRelu{{
    .name = "layer_parametric_relu",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 2) || !same_rank(b, {in[0], in[1]}, "a parametric ReLU")) return {};
      return compose(b, "prelu", {}, {in[0], in[1]});
    },
    .samples = {"f32[n, 3], f32[1, 3]"},
}};
const RegisterOp<Quantization> kQuantize{{
    .name = "layer_quantize",
    .body = [](Builder& b, const Quantization& a, Operands in) -> Vals { return quantize(b, a, in, "quantize"); },
    .samples = {"f32[n, 3], f32[] (0.25)", "f32[2, 3], f32[3] (0.25, 0.5, 1) {axis = 1}"},
}};
const RegisterOp<Quantization> kDequantize{{
    .name = "layer_dequantize",
    .body = [](Builder& b, const Quantization& a, Operands in) -> Vals { return quantize(b, a, in, "dequantize"); },
    .samples = {"i8[n, 3], f32[] (0.25) {to = f32}", "i8[2, 3], f32[3] (0.25, 0.5, 1) {axis = 1, to = f32}"},
}};

}  // namespace
}  // namespace temper::layers
