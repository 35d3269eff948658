// One row per activation function: a new one is one line.
#include "ops/nn/activations.h"

#include <algorithm>
#include <cmath>

#include "ops/nn/operands.h"

namespace temper {

struct ActivationRow {
  std::string_view name, onnx, domain;
  // The ONNX names of its two parameters ("" for none) and their defaults.
  std::string_view first;
  double alpha;
  std::string_view second;
  double beta;
  bool any_number;  // defined for integers too
  Expr (*value)(Expr x, double alpha, double beta);
};

namespace {

Expr softplus(Expr x) { return max(x, 0.0) + log1p(exp(-abs(x))); }
Expr gelu(Expr x) { return 0.5 * x * (1.0 + erf(x * M_SQRT1_2)); }
Expr gelu_tanh(Expr x) { return 0.5 * x * (1.0 + tanh(std::sqrt(M_2_PI) * (x + 0.044715 * (x * x * x)))); }
Expr choose(Expr condition, Expr a, Expr b) { return select(condition, a, b); }

#define ACTIVATION_VALUE(formula) \
  [](Expr x, double a, double b) -> Expr { return static_cast<void>(a), static_cast<void>(b), formula; }
constexpr std::string_view kMs = "com.microsoft";
const ActivationRow kRows[] = {
    {"relu", "Relu", "", "", 0, "", 0, true, ACTIVATION_VALUE(max(x, 0.0))},
    {"leaky_relu", "LeakyRelu", "", "alpha", 0.01, "", 0, false, ACTIVATION_VALUE(choose(x < 0.0, x* a, x))},
    {"elu", "Elu", "", "alpha", 1, "", 0, false, ACTIVATION_VALUE(choose(x < 0.0, a* expm1(x), x))},
    {"selu", "Selu", "", "alpha", 1.67326319217681884765625, "gamma", 1.05070102214813232421875, false,
     ACTIVATION_VALUE(b* choose(0.0 < x, x, a* expm1(x)))},
    {"celu", "Celu", "", "alpha", 1, "", 0, false, ACTIVATION_VALUE(max(x, 0.0) + min(a * expm1(x / a), 0.0))},
    {"quick_gelu", "QuickGelu", kMs, "alpha", 1.702, "", 0, false, ACTIVATION_VALUE(x* sigmoid(x* a))},
    {"swish", "Swish", "", "alpha", 1, "", 0, false, ACTIVATION_VALUE(x* sigmoid(x* a))},
    {"hard_sigmoid", "HardSigmoid", "", "alpha", 0.2, "beta", 0.5, false,
     ACTIVATION_VALUE(max(min(x* a + b, x.like(1.0)), 0.0))},
    {"hard_swish", "HardSwish", "", "", 0, "", 0, false, ACTIVATION_VALUE(hard_swish(x))},
    {"softplus", "Softplus", "", "", 0, "", 0, false, ACTIVATION_VALUE(softplus(x))},
    {"softsign", "Softsign", "", "", 0, "", 0, false, ACTIVATION_VALUE(x / (1.0 + abs(x)))},
    {"mish", "Mish", "", "", 0, "", 0, false, ACTIVATION_VALUE(x* tanh(softplus(x)))},
    {"thresholded_relu", "ThresholdedRelu", "", "alpha", 1, "", 0, false, ACTIVATION_VALUE(choose(a < x, x, x.like(0)))},
    {"shrink", "Shrink", "", "lambd", 0.5, "bias", 0, true,
     ACTIVATION_VALUE(choose(x < -a, x + b, choose(a < x, x - b, x.like(0))))},
    {"affine", "Affine", "", "alpha", 1, "beta", 0, false, ACTIVATION_VALUE(x* a + b)},
    {"scaled_tanh", "ScaledTanh", "", "alpha", 1, "beta", 1, false, ACTIVATION_VALUE(a* tanh(x* b))},
    {"silu", "", "", "", 0, "", 0, false, ACTIVATION_VALUE(x* sigmoid(x))},
};
// Functions of scalar.def that recurrent networks apply.
const ActivationRow kInnerRows[] = {
    {"", "Sigmoid", "", "", 0, "", 0, false, ACTIVATION_VALUE(sigmoid(x))},
    {"", "Tanh", "", "", 0, "", 0, false, ACTIVATION_VALUE(tanh(x))},
};
#undef ACTIVATION_VALUE

struct Activation {
  double alpha = 0, beta = 0;
  TEMPER_FIELDS(alpha, beta)
};

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

const bool kRegistered = [] {
  for (const ActivationRow& row : kRows) {
    OpSpec<Activation> spec;
    spec.name = row.name;
    spec.body = [&row](Builder& b, const Activation& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {};
      if (!(row.any_number && is_int(b.dtype(in[0]))) &&
          !require_float(b, in[0], "the operand of '" + std::string(row.name) + "'"))
        return {};
      return {pointwise(b, {in[0]}, [&](std::span<const Expr> v) { return row.value(v[0], a.alpha, a.beta); })};
    };
    if (!row.onnx.empty()) {
      auto read = [&row](const OnnxNode& n) -> Expected<Activation> {
        return Activation{row.first.empty() ? 0 : n.f(row.first, row.alpha),
                          row.second.empty() ? 0 : n.f(row.second, row.beta)};
      };
      spec.onnx = {{std::string(row.onnx), 1, read, std::string(row.domain)}};
    }
    std::string attrs =
        " {alpha = " + to_string({row.alpha, 0}, DType::kF64) + ", beta = " + to_string({row.beta, 0}, DType::kF64) + "}";
    spec.samples = {"f32[n, 5]" + attrs, "f16[3, 4]" + attrs};
    RegisterOp<Activation>{std::move(spec)};
  }
  return true;
}();

// Gelu chooses between two functions by an attribute.
struct Gelu {
  bool tanh = false;
  TEMPER_FIELDS(tanh)
};
const RegisterOp<Gelu> kGelu{{
    .name = "gelu",
    .body = [](Builder& b, const Gelu& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the operand of Gelu")) return {};
      return {pointwise(b, {in[0]}, [&](std::span<const Expr> v) { return a.tanh ? gelu_tanh(v[0]) : gelu(v[0]); })};
    },
    .onnx = {{"Gelu", 20,
              [](const OnnxNode& n) -> Expected<Gelu> {
                std::string how = n.s("approximate", "none");
                if (how != "none" && how != "tanh")
                  return Error(ErrorCode::kInvalidArgument, "approximate is '" + how + "'; it must be none or tanh");
                return Gelu{how == "tanh"};
              }},
             {"Gelu", 1, [](const OnnxNode&) -> Expected<Gelu> { return Gelu{false}; }, "com.microsoft"}},
    .samples = {"f32[n, 5]", "f32[3, 4] {tanh = true}"},
}};

const RegisterOp<NoAttrs> kFastGelu{{
    .name = "fast_gelu",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the operand of FastGelu")) return {};
      Val x = in[1] ? in[0] + in[1] : in[0];
      return {pointwise(b, {x}, [&](std::span<const Expr> v) { return gelu_tanh(v[0]); })};
    },
    .onnx = {{"FastGelu", 1, [](const OnnxNode&) -> Expected<NoAttrs> { return NoAttrs{}; }, "com.microsoft"}},
    .samples = {"f32[3, 4], f32[4]"},
}};

// slope * x below zero; the slope broadcasts towards x.
const RegisterOp<NoAttrs> kPRelu{{
    .name = "prelu",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 2)) return {};
      if (b.dtype(in[0]) != b.dtype(in[1]))
        return {b.fail(ErrorCode::kInvalidArgument, "input and slope of PRelu differ in type")};
      if (!is_int(b.dtype(in[0])) && !require_float(b, in[0], "the operand of PRelu")) return {};
      return {pointwise(b, {in[0], in[1]}, [](std::span<const Expr> v) { return select(v[0] < 0.0, v[0] * v[1], v[0]); })};
    },
    .onnx = {{"PRelu", 7}},
    .samples = {"f32[n, 3, 4], f32[3, 1]", "f16[2, 5], f16[5]"},
}};

}  // namespace

Expr ActivationFunction::operator()(Expr x) const { return row->value(x, alpha, beta); }
bool ActivationFunction::has_alpha() const { return !row->first.empty(); }
bool ActivationFunction::has_beta() const { return !row->second.empty(); }

std::optional<ActivationFunction> find_activation(std::string_view onnx_name) {
  for (std::span<const ActivationRow> rows :
       {std::span<const ActivationRow>(kRows), std::span<const ActivationRow>(kInnerRows)}) {
    for (const ActivationRow& row : rows) {
      if (!row.onnx.empty() && row.domain.empty() && same_name(row.onnx, onnx_name))
        return ActivationFunction{&row, row.alpha, row.beta};
    }
  }
  return std::nullopt;
}

}  // namespace temper
