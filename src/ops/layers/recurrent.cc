// The recurrent layer of level 8: a stack of RNN, LSTM or GRU networks, with weights gate by gate.
#include "ops/layers/layers.h"
#include "ops/nn/operands.h"

namespace temper::layers {
namespace {

// The gates of an operation in the order in which its operator wants them, as places in the list of all gates.
std::vector<int64_t> gates_of(const std::string& type) {
  if (type == "lstm") return {0, 1, 2, 5};
  if (type == "gru") return {3, 4, 6};
  return {0};
}

// One network of the stack, both of its directions.
struct Stage {
  Builder& b;
  const RecurrentStack& a;
  Operands in;
  int64_t number;
  int64_t directions;
  DType dtype;

  Val weights(int64_t direction, int64_t gate, int64_t part, const Dims& dims) const {
    const int64_t layer = number * directions + direction;
    const Val given = in[size_t(RecurrentStack::operand(layer, gate, part))];
    const std::string what = "layer " + std::to_string(layer) + ", gate " + std::string(kRecurrentGates[gate]) + ", " +
                             (part % 2 == 0 ? "input" : "state");
    if (given) return weights_as(b, given, dims, dtype, (part < 2 ? "the weights of " : "the bias of ") + what);
    if (part >= 2) return b.fill(0, dtype, dims);
    return b.fail(ErrorCode::kInvalidArgument, "the weights of " + what + " are missing; give them by setWeightsForGate");
  }
  // Row by row of gates: [directions, gates * h, columns], or without columns [directions, gates * h].
  Val all(int64_t part, std::optional<SymInt> columns) const {
    Dims one{SymInt(a.hidden)};
    if (columns) one.push_back(*columns);
    Vals parts;
    for (int64_t d = 0; d < directions && b.ok(); ++d) {
      Vals gates;
      for (int64_t g : gates_of(a.type)) gates.push_back(weights(d, g, part, one));
      if (!b.ok()) return {&b, kNone32};
      const int64_t front[] = {0};
      parts.push_back(b.unsqueeze(b.concat(gates, 0), front));
    }
    return b.ok() ? b.concat(parts, 0) : Val{&b, kNone32};
  }
  // The input as it is, added to each gate: a product with the identity.
  Val identity() const {
    const auto gates = int64_t(gates_of(a.type).size());
    Tensor one = Tensor::zeros(DType::kF32, {directions, gates * a.hidden, a.hidden});
    for (int64_t row = 0; row < directions * gates * a.hidden; ++row)
      one.set(row * a.hidden + row % a.hidden, ScalarValue{1, 0});
    return b.cast(b.constant(std::move(one)), dtype);
  }

  Vals run(Val x, Val lengths, Val hidden, Val cell) const {
    const SymInt columns = b.dims(x)[2];
    const bool skips = a.skip && number == 0;
    if (skips && !columns.is_const(a.hidden)) {
      return {b.fail(ErrorCode::kInvalidArgument, "an input that is added as it is (kSKIP) needs the size of the state, " +
                                                      std::to_string(a.hidden) + ", but has " + columns.to_string())};
    }
    const Val w = skips ? identity() : all(0, columns), r = all(1, SymInt(a.hidden));
    const Val halves[] = {all(2, std::nullopt), all(3, std::nullopt)};
    if (!b.ok()) return {};
    const Val bias = b.concat(halves, 1);
    auto part = [&](Val states) { return states ? b.slice(states, 1, number * directions, directions) : states; };
    AttrFields fields{{"direction", std::string(directions == 2 ? "bidirectional" : "forward")},
                      {"batch_first", true},
                      {"variant", a.type == "gru"}};
    if (a.type == "relu") fields["activations"] = std::vector<std::string>(size_t(directions), "Relu");
    Vals operands{x, w, r, bias, lengths, part(hidden)};
    if (a.type == "lstm") operands.push_back(part(cell));
    return compose(b, a.type == "lstm" || a.type == "gru" ? a.type : "rnn", fields, operands);
  }
};

Vals recurrent_stack(Builder& b, const RecurrentStack& a, Operands in) {
  if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the input of a recurrent layer") ||
      !require_float(b, in[0], "the input of a recurrent layer"))
    return {};
  const Dims x = b.dims(in[0]);
  const Dims index(x.begin(), x.end() - 2);
  const SymInt time = x[x.size() - 2];
  if (time.is_const() && time.value() != a.length) {
    return {b.fail(ErrorCode::kInvalidArgument, "the input has sequences of " + time.to_string() +
                                                    ", but the layer's length is " + std::to_string(a.length))};
  }
  for (auto i = size_t(RecurrentStack::operand(a.layers * (a.both ? 2 : 1), 0, 0)); i < in.size(); ++i) {
    if (in[i])
      return {b.fail(ErrorCode::kInvalidArgument, "weights are given for layer " + std::to_string((i - 4) / 28) +
                                                      ", but layers are numbered from 0 to " +
                                                      std::to_string(a.layers * (a.both ? 2 : 1) - 1))};
  }
  SymInt batch = 1;
  for (SymInt d : index) batch *= d;
  const int64_t directions = a.both ? 2 : 1;
  // All dims of the index as one, and back.
  auto flat = [&](Val v, Dims last, const char* what) {
    if (!v || !b.ok()) return v;
    Dims wanted = index;
    wanted.insert(wanted.end(), last.begin(), last.end());
    if (b.dims(v) != wanted) {
      return b.fail(ErrorCode::kInvalidArgument, std::string(what) + " is " + b.graph().type(v.id).to_string() +
                                                     ", but must be " + TensorType{b.dtype(v), wanted}.to_string());
    }
    last.insert(last.begin(), batch);
    return b.reshape(v, last);
  };
  auto indexed = [&](Val v) {
    if (!b.ok()) return v;
    Dims dims = index;
    dims.insert(dims.end(), b.dims(v).begin() + 1, b.dims(v).end());
    return b.reshape(v, dims);
  };
  const Dims state{SymInt(a.layers * directions), SymInt(a.hidden)};
  Val y = flat(in[0], {time, x.back()}, "the input");
  const Val lengths = flat(in[1], {}, "the tensor of sequence lengths");
  const Val hidden = flat(in[2], state, "the hidden state"), cell = flat(in[3], state, "the cell state");
  Vals last_hidden, last_cell;
  for (int64_t l = 0; l < a.layers && b.ok(); ++l) {
    const Vals results = Stage{b, a, in, l, directions, b.dtype(in[0])}.run(y, lengths, hidden, cell);
    if (!b.ok()) return {};
    y = b.reshape(results[0], {batch, time, SymInt(directions * a.hidden)});
    last_hidden.push_back(results[1]);
    if (a.type == "lstm") last_cell.push_back(results[2]);
  }
  if (!b.ok()) return {};
  Vals results{indexed(y), indexed(b.concat(last_hidden, 1))};
  if (!last_cell.empty()) results.push_back(indexed(b.concat(last_cell, 1)));
  return results;
}

const RegisterOp<RecurrentStack> kRecurrentStack{{
    .name = "layer_recurrent",
    .body = recurrent_stack,
    .samples = {"f32[2, 4, 3], _, _, _, f32[15], f32[25], f32[5], f32[5] {hidden = 5, length = 4, type = \"tanh\"}",
                "f32[4, 5], _, _, _, _, f32[25], f32[5], _, _, _, _, _, f32[50], f32[25], _, f32[5] "
                "{hidden = 5, length = 4, skip = true}"},
}};

}  // namespace
}  // namespace temper::layers
