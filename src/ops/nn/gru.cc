#include "ops/nn/recurrent.h"

namespace temper {
namespace {

// Gates in the order z, r, h. Operands: x, W, R, B, sequence_lens, initial_h. `variant`: the reset gate is applied after the
// product with R instead of before it.
Vals gru(Builder& b, const Recurrent& a, Operands in) {
  SymInt h;
  if (!check_recurrent(b, a, in, 3, h)) return {};
  Biases biases = split_bias(b, in[3], h * 3);
  if (!b.ok()) return {};
  Val bias = biases.input, late{&b, kNone32};
  if (bias && !a.variant) {
    bias = bias + biases.recurrence;
  } else if (bias) {
    // The recurrence's bias of the candidate is inside of what the reset gate scales.
    const Val parts[] = {columns_of(b, biases.input, 0, h * 2) + columns_of(b, biases.recurrence, 0, h * 2),
                         columns_of(b, biases.input, h * 2, h)};
    bias = b.concat(parts, 1);
    late = columns_of(b, biases.recurrence, h * 2, h);
  }
  RecurrentInputs inputs{in[0], in[1], bias, in[4], {in[5]}, {in[2], late}, h};
  static constexpr std::string_view kDefaults[] = {"Sigmoid", "Tanh"};
  return run_recurrent(b, a, inputs, kDefaults, [&](const CellStep& s) {
    Val state = s.states[0], r = s.extra[0], inner_bias = over_batch(s.b, s.extra[1]);
    auto part = [&](Val v, int64_t g) { return columns_of(s.b, v, h * g, h); };
    auto gate = [&](Expr sum) { return s.activations[0](clipped(sum, a.clip)); };
    auto candidate = [&](Expr sum) { return s.activations[1](clipped(sum, a.clip)); };
    if (a.variant) {
      Val recurrence = recur(s.b, state, r, 0, h * 3);
      std::vector<Val> operands{part(s.input, 0),
                                part(s.input, 1),
                                part(s.input, 2),
                                part(recurrence, 0),
                                part(recurrence, 1),
                                part(recurrence, 2),
                                state};
      if (inner_bias) operands.push_back(inner_bias);
      return std::vector<Val>{pointwise_all(s.b, operands, [&](std::span<const Expr> v) {
        Expr z = gate(v[0] + v[3]), reset = gate(v[1] + v[4]);
        Expr c = candidate(v[2] + reset * (v.size() > 7 ? v[5] + v[7] : v[5]));
        return std::vector<Expr>{(1.0 - z) * c + z * v[6]};
      })[0]};
    }
    Val recurrence = recur(s.b, state, r, 0, h * 2);
    Val reset_state = pointwise(s.b, {part(s.input, 1), part(recurrence, 1), state},
                                [&](std::span<const Expr> v) { return gate(v[0] + v[1]) * v[2]; });
    Val last = recur(s.b, reset_state, r, h * 2, h);
    return std::vector<Val>{
        pointwise(s.b, {part(s.input, 0), part(recurrence, 0), part(s.input, 2), last, state}, [&](std::span<const Expr> v) {
          Expr z = gate(v[0] + v[1]);
          return (1.0 - z) * candidate(v[2] + v[3]) + z * v[4];
        })};
  });
}

const RegisterOp<Recurrent> kGru{{
    .name = "gru",
    .body = gru,
    .onnx = {{"GRU", 1, read_recurrent}},
    .samples = {"f32[t, b, 3], f32[1, 15, 3], f32[1, 15, 5], f32[1, 30]",
                "f32[4, 2, 3], f32[2, 15, 3], f32[2, 15, 5], f32[2, 30], i32[2], f32[2, 2, 5] {direction = \"bidirectional\", "
                "variant = true}"},
}};

}  // namespace
}  // namespace temper
