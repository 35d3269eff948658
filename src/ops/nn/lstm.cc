#include "ops/nn/recurrent.h"

namespace temper {
namespace {

// Gates in the order i, o, f, c. Operands: x, W, R, B, sequence_lens, initial_h, initial_c, P (peepholes i, o, f).
Vals lstm(Builder& b, const Recurrent& a, Operands in) {
  SymInt h;
  if (!check_recurrent(b, a, in, 4, h)) return {};
  Biases biases = split_bias(b, in[3], h * 4);
  if (in[7] && b.rank(in[7]) != 2) return {b.fail(ErrorCode::kInvalidArgument, "the peepholes of an LSTM must be a matrix")};
  RecurrentInputs inputs{
      in[0], in[1], biases.input ? biases.input + biases.recurrence : biases.input, in[4], {in[5], in[6]}, {in[2], in[7]}, h};
  static constexpr std::string_view kDefaults[] = {"Sigmoid", "Tanh", "Tanh"};
  return run_recurrent(b, a, inputs, kDefaults, [&](const CellStep& s) {
    Val gates = s.input + recur(s.b, s.states[0], s.extra[0], 0, h * 4);
    std::vector<Val> operands;
    for (int64_t g = 0; g < 4; ++g) operands.push_back(columns_of(s.b, gates, h * g, h));
    operands.push_back(s.states[1]);
    Val peepholes = over_batch(s.b, s.extra[1]);
    for (int64_t g = 0; g < 3 && peepholes; ++g) operands.push_back(columns_of(s.b, peepholes, h * g, h));
    auto next = pointwise_all(s.b, operands, [&](std::span<const Expr> v) {
      Expr c = v[4];
      auto gate = [&](Expr sum, int peephole, Expr cell) {
        return s.activations[0](clipped(v.size() > 5 ? sum + v[5 + peephole] * cell : sum, a.clip));
      };
      Expr input = gate(v[0], 0, c);
      Expr forget = a.variant ? 1.0 - input : gate(v[2], 2, c);
      Expr cell = forget * c + input * s.activations[1](clipped(v[3], a.clip));
      Expr output = gate(v[1], 1, cell) * s.activations[2](clipped(cell, a.clip));
      return std::vector<Expr>{output, cell};
    });
    next.resize(2, Val{&s.b, kNone32});
    return next;
  });
}

const RegisterOp<Recurrent> kLstm{{
    .name = "lstm",
    .body = lstm,
    .onnx = {{"LSTM", 1, read_recurrent}},
    .samples = {"f32[t, b, 3], f32[1, 20, 3], f32[1, 20, 5], f32[1, 40]",
                "f32[4, 2, 3], f32[2, 20, 3], f32[2, 20, 5], f32[2, 40], i32[2], f32[2, 2, 5], f32[2, 2, 5], f32[2, 15] "
                "{direction = \"bidirectional\"}",
                "f32[2, 1, 3], f32[1, 20, 3], f32[1, 20, 5] {batch_first = true}"},
}};

}  // namespace
}  // namespace temper
