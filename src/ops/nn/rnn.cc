#include "ops/nn/recurrent.h"

namespace temper {
namespace {

// Operands: x, W, R, B, sequence_lens, initial_h.
Vals rnn(Builder& b, const Recurrent& a, Operands in) {
  SymInt h;
  if (!check_recurrent(b, a, in, 1, h)) return {};
  Biases biases = split_bias(b, in[3], h);
  RecurrentInputs inputs{in[0],   in[1], biases.input ? biases.input + biases.recurrence : biases.input, in[4], {in[5]},
                         {in[2]}, h};
  static constexpr std::string_view kDefaults[] = {"Tanh"};
  return run_recurrent(b, a, inputs, kDefaults, [&](const CellStep& s) {
    Val recurrence = recur(s.b, s.states[0], s.extra[0], 0, h);
    return std::vector<Val>{pointwise(s.b, {s.input, recurrence},
                                      [&](std::span<const Expr> v) { return s.activations[0](clipped(v[0] + v[1], a.clip)); })};
  });
}

const RegisterOp<Recurrent> kRnn{{
    .name = "rnn",
    .body = rnn,
    .onnx = {{"RNN", 1, read_recurrent}},
    .samples = {"f32[t, b, 3], f32[1, 5, 3], f32[1, 5, 5], f32[1, 10]",
                "f32[4, 2, 3], f32[1, 5, 3], f32[1, 5, 5] {direction = \"reverse\"}"},
}};

}  // namespace
}  // namespace temper
