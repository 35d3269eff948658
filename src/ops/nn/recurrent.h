// What LSTM, GRU and RNN share: the input's part of all gates and all steps is one contraction; a loop carries the states
// through the steps and does there what depends on them. Directions run in the same loop, as one more dimension in front.
//
// The cell of an operator is its step: from the gates' input part [d, b, gates * h] and the states [d, b, h] to the new states,
// of which the first is the step's output.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/nn/activations.h"
#include "ops/nn/operands.h"

namespace temper {

// Attributes of the three operators. `variant` is input_forget of LSTM, linear_before_reset of GRU.
struct Recurrent {
  std::string direction = "forward";
  std::vector<std::string> activations;
  std::vector<double> activation_alpha, activation_beta;
  double clip = 0;  // 0: none
  bool batch_first = false;
  bool variant = false;
  TEMPER_FIELDS(direction, activations, activation_alpha, activation_beta, clip, batch_first, variant)
};
Expected<Recurrent> read_recurrent(const OnnxNode& node);

struct CellStep {
  Builder& b;
  Val input;                // [d, b, gates * h], biases included
  std::vector<Val> states;  // [d, b, h]
  std::vector<Val> extra;   // as given to run_recurrent
  std::span<const ActivationFunction> activations;
};
using Cell = std::function<std::vector<Val>(const CellStep&)>;

struct RecurrentInputs {
  Val x;                    // [t, b, i]; batch_first: [b, t, i]
  Val w;                    // [d, gates * h, i]
  Val bias;                 // [d, gates * h] or absent
  Val lengths;              // [b] or absent
  std::vector<Val> states;  // [d, b, h] (batch_first: [b, d, h]) or absent: zeros
  std::vector<Val> extra;   // [d, ...]: what the step needs besides; may be absent
  SymInt hidden;
};
// Results: all outputs [t, d, b, h] ([b, t, d, h]), then each last state [d, b, h] ([b, d, h]). `defaults`: activations of one
// direction.
Vals run_recurrent(Builder& b, const Recurrent& attrs, const RecurrentInputs& inputs,
                   std::span<const std::string_view> defaults, const Cell& cell);

// Both halves of an ONNX bias [d, 2 * gates * h]: of the input's part and of the recurrence's.
struct Biases {
  Val input, recurrence;
};
Biases split_bias(Builder& b, Val bias, SymInt columns);

// states[d, b, k] * r[d, first + g, k] summed over k: [d, b, columns].
Val recur(Builder& b, Val state, Val r, SymInt first, SymInt columns);
// Columns [first, first + count) of the last dimension.
Val columns_of(Builder& b, Val v, SymInt first, SymInt count);
// [d, n] as [d, 1, n].
Val over_batch(Builder& b, Val v);
inline Expr clipped(Expr x, double clip) { return clip > 0 ? max(min(x, clip), -clip) : x; }

// x, w and r fit each other and the number of directions; sets hidden.
bool check_recurrent(Builder& b, const Recurrent& attrs, Operands in, int64_t gates, SymInt& hidden);

}  // namespace temper
