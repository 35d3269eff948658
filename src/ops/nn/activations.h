// The activation functions of neural networks, by their ONNX names; also those that recurrent networks apply inside.
#pragma once

#include <optional>
#include <string_view>

#include "ops/nn/pointwise.h"

namespace temper {

struct ActivationRow;  // activations.cc

struct ActivationFunction {
  const ActivationRow* row = nullptr;
  double alpha = 0, beta = 0;
  Expr operator()(Expr x) const;
  bool has_alpha() const;
  bool has_beta() const;
};

// By name, in any case, with the defaults of its parameters; nullopt if there is none.
std::optional<ActivationFunction> find_activation(std::string_view onnx_name);

}  // namespace temper
