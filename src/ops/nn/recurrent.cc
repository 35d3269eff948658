#include "ops/nn/recurrent.h"

#include <algorithm>

#include "ops/nn/window.h"

namespace temper {
namespace {

int64_t direction_count(const Recurrent& a) { return a.direction == "bidirectional" ? 2 : 1; }

// The activations of each direction, with their parameters taken from the lists in order.
Expected<std::vector<ActivationFunction>> find_activations(const Recurrent& a, std::span<const std::string_view> defaults) {
  size_t wanted = defaults.size() * direction_count(a), alpha = 0, beta = 0;
  if (!a.activations.empty() && a.activations.size() != wanted) {
    return Error(ErrorCode::kInvalidArgument, std::to_string(a.activations.size()) + " activations are given, but " +
                                                  std::to_string(wanted) + " are needed");
  }
  std::vector<ActivationFunction> functions;
  for (size_t i = 0; i < wanted; ++i) {
    std::string_view name = a.activations.empty() ? defaults[i % defaults.size()] : std::string_view(a.activations[i]);
    auto f = find_activation(name);
    if (!f) return Error(ErrorCode::kUnsupported, "the activation '" + std::string(name) + "' is not known");
    if (f->has_alpha() && alpha < a.activation_alpha.size()) f->alpha = a.activation_alpha[alpha++];
    if (f->has_beta() && beta < a.activation_beta.size()) f->beta = a.activation_beta[beta++];
    functions.push_back(*f);
  }
  return functions;
}

// One loop over some of the directions, all with the same activations.
struct Run {
  Builder& b;
  const Recurrent& a;
  const RecurrentInputs& in;
  const Cell& cell;
  std::span<const ActivationFunction> activations;
  std::vector<bool> reversed;  // each direction of this run
  SymInt time, batch, directions;

  bool any_reversed() const { return std::find(reversed.begin(), reversed.end(), true) != reversed.end(); }
  // `forward` or `backward`, by the direction that variable `d` stands for.
  SymInt by_direction(SymInt d, SymInt forward, SymInt backward) const {
    if (reversed.size() == 1) return reversed[0] ? backward : forward;
    return forward + d * (backward - forward);
  }

  // x * w + bias of all steps: [t, b, d, gates * h].
  Val project(Val w, Val bias) const {
    Dims domain{time, batch, directions, b.dims(w)[1], b.dims(w)[2]};
    auto d = loop_vars(b.sym(), domain);
    IndexMap lhs{domain, a.batch_first ? std::vector<SymInt>{d[1], d[0], d[4]} : std::vector<SymInt>{d[0], d[1], d[4]}, 1};
    IndexMap rhs{domain, {d[2], d[3], d[4]}, 1};
    Val all = b.contract(in.x, w, std::move(lhs), std::move(rhs), 1, b.dtype(in.x));
    return bias ? all + bias : all;
  }

  // The input's part of one step, [d, b, gates * h]; each direction reads its own time.
  Val step_input(Builder& inner, Val projected, Val step, Val lengths) const {
    const Dims p = inner.dims(projected);
    Dims domain{directions, batch, p[3]};
    auto d = loop_vars(inner.sym(), domain);
    if (!step) return inner.reindex(projected, IndexMap{domain, {0, d[1], d[0], d[2]}, 1});
    SymInt now = inner.sym().loaded(0, time), backward = time - 1 - now;
    std::vector<Val> indices{step};
    IndexMaps loads{IndexMap{domain, {}, 1}};
    if (lengths && any_reversed()) {
      // Beyond the end of a sequence anything may be read: the result of the step is not used.
      backward = max(inner.sym().loaded(1, time + 1) - 1 - now, 0);
      indices.push_back(lengths);
      loads.push_back(IndexMap{domain, {d[1]}, 1});
    }
    IndexMap map{domain, {by_direction(d[0], now, backward), d[1], d[0], d[2]}, 1};
    return inner.gather(projected, indices, std::move(map), std::move(loads));
  }

  // New states, then the output of the step. Past the end of a sequence states stay and the output is 0.
  std::vector<Val> step(Builder& inner, Val input, Val step, Val lengths, std::vector<Val> states,
                        std::vector<Val> extra) const {
    auto next = cell({inner, input, states, std::move(extra), activations});
    if (!inner.ok() || next.size() != states.size()) return states;
    Val output = next[0];
    if (lengths) {
      const Dims column{1, inner.dims(lengths)[0], 1};
      Val position = step ? step : inner.scalar(0, DType::kI64);
      Val alive = inner.reshape(inner.cast(lengths, DType::kI64), column);
      alive = position < alive;
      for (size_t s = 0; s < states.size(); ++s) next[s] = inner.select(alive, next[s], states[s]);
      output = inner.select(alive, output, inner.like(0, output));
    }
    next.push_back(output);
    return next;
  }

  // The outputs by time; results [t, d, b, h].
  Val by_time(Val outputs, Val lengths) const {
    if (!any_reversed()) return outputs;
    const Dims domain = b.dims(outputs);
    auto d = loop_vars(b.sym(), domain);
    if (!lengths) return b.reindex(outputs, IndexMap{domain, {by_direction(d[1], d[0], time - 1 - d[0]), d[1], d[2], d[3]}, 1});
    SymInt length = b.sym().loaded(0, time + 1);
    SymInt backward = select(less(d[0], length), length - 1 - d[0], d[0]);
    IndexMap map{domain, {by_direction(d[1], d[0], backward), d[1], d[2], d[3]}, 1};
    return b.gather(outputs, std::span(&lengths, 1), std::move(map), {IndexMap{domain, {d[2]}, 1}});
  }

  // Outputs [t, d, b, h] and the last states.
  Vals run(Val w, Val bias, std::vector<Val> states, std::vector<Val> extra, Val lengths) const {
    Val projected = project(w, bias);
    if (!b.ok()) return {};
    Val absent{&b, kNone32};
    if (time.is_const(1)) {
      auto next = step(b, step_input(b, projected, absent, lengths), absent, lengths, states, extra);
      if (!b.ok()) return {};
      Dims dims = b.dims(next.back());
      dims.insert(dims.begin(), SymInt(1));
      Vals results{b.reshape(next.back(), dims)};
      results.insert(results.end(), next.begin(), next.end() - 1);
      return results;
    }
    auto body = std::make_unique<Graph>(b.graph().context());
    Builder inner(*body, b.name());
    Val now = inner.val(body->add_input(TensorType{DType::kI64, {}}, "step"));
    Val condition = inner.val(body->add_input(TensorType{DType::kBool, {}}, "condition"));
    std::vector<Val> operands{b.size(time), absent}, inner_states, inner_extra;
    for (Val s : states) {
      operands.push_back(s);
      inner_states.push_back(inner.val(body->add_input(b.graph().type(s.id), "state")));
    }
    // Constants are written into the body, so that what reads them there sees that they are constant.
    auto capture = [&](Val v) -> Val {
      if (!v) return {&inner, kNone32};
      if (auto known = b.constant_value(v)) return inner.constant(*known);
      operands.push_back(v);
      return inner.val(body->add_input(b.graph().type(v.id), "captured"));
    };
    Val inner_projected = capture(projected), inner_lengths = capture(lengths);
    for (Val v : extra) inner_extra.push_back(capture(v));
    Val input = step_input(inner, inner_projected, now, inner_lengths);
    auto next = step(inner, input, now, inner_lengths, inner_states, inner_extra);
    if (Status status = inner.take_status(); !status.ok()) {
      b.fail(std::move(status).error());
      return {};
    }
    std::vector<ValueId> outputs{condition.id};
    for (Val v : next) outputs.push_back(v.id);
    body->set_outputs(std::move(outputs));
    std::vector<std::unique_ptr<Graph>> bodies;
    bodies.push_back(std::move(body));
    Loop loop;
    loop.states = static_cast<int64_t>(states.size());
    loop.scans = 1;
    auto results = b.op(core_op("loop"), make_attrs(std::move(loop)), operands, std::move(bodies));
    if (!b.ok()) return {};
    std::rotate(results.begin(), results.end() - 1, results.end());
    results[0] = by_time(results[0], lengths);
    return results;
  }
};

// Lengths that are known to reach to the end say nothing.
bool says_nothing(Builder& b, Val lengths, SymInt time) {
  auto known = b.contents(lengths);
  return known && std::all_of(known->begin(), known->end(), [&](SymInt n) { return n == time; });
}

bool same(std::span<const ActivationFunction> a, std::span<const ActivationFunction> c) {
  return std::equal(a.begin(), a.end(), c.begin(), c.end(),
                    [](const auto& x, const auto& y) { return x.row == y.row && x.alpha == y.alpha && x.beta == y.beta; });
}

}  // namespace

Expected<Recurrent> read_recurrent(const OnnxNode& n) {
  Recurrent a{n.s("direction", "forward"), n.ss("activations"), n.fs("activation_alpha"),
              n.fs("activation_beta"),     n.f("clip", 0),      n.i("layout", 0) != 0};
  if (a.direction != "forward" && a.direction != "reverse" && a.direction != "bidirectional") {
    return Error(ErrorCode::kInvalidArgument,
                 "direction is '" + a.direction + "'; it must be forward, reverse or bidirectional");
  }
  a.variant = n.i("input_forget", 0) != 0 || n.i("linear_before_reset", 0) != 0;
  return a;
}

bool check_recurrent(Builder& b, const Recurrent& a, Operands in, int64_t gates, SymInt& hidden) {
  if (!require(b, in, 3)) return false;
  for (size_t i = 0; i < 3; ++i) {
    if (b.rank(in[i]) != 3) b.fail(ErrorCode::kInvalidArgument, "input, W and R of a recurrent network must have rank 3");
    if (b.dtype(in[i]) != b.dtype(in[0]))
      b.fail(ErrorCode::kInvalidArgument, "input, W and R of a recurrent network differ in type");
    if (!require_float(b, in[i], "operand " + std::to_string(i) + " of a recurrent network")) return false;
  }
  const Dims &x = b.dims(in[0]), &w = b.dims(in[1]), &r = b.dims(in[2]);
  hidden = r[2];
  return require_same(b, w[0], direction_count(a), "W's first dimension and the number of directions") &&
         require_same(b, r[0], direction_count(a), "R's first dimension and the number of directions") &&
         require_same(b, w[1], hidden * gates, "W's rows and those of its gates") &&
         require_same(b, r[1], hidden * gates, "R's rows and those of its gates") &&
         require_same(b, w[2], x[2], "W's columns and the size of the input");
}

Biases split_bias(Builder& b, Val bias, SymInt columns) {
  if (!bias || !b.ok()) return {bias, bias};
  if (b.rank(bias) != 2 || !require_same(b, b.dims(bias)[1], columns * 2, "the bias's columns and twice those of the gates")) {
    Val failed = b.fail(ErrorCode::kInvalidArgument, "the bias of a recurrent network must be a matrix");
    return {failed, failed};
  }
  return {columns_of(b, bias, 0, columns), columns_of(b, bias, columns, columns)};
}

Val columns_of(Builder& b, Val v, SymInt first, SymInt count) {
  if (!b.ok() || !v) return v;
  return b.slice(v, b.rank(v) - 1, first, count);
}

Val over_batch(Builder& b, Val v) {
  const int64_t middle[] = {1};
  return v ? b.unsqueeze(v, middle) : v;
}

Val recur(Builder& b, Val state, Val r, SymInt first, SymInt columns) {
  if (!b.ok()) return state;
  const Dims& s = b.dims(state);
  Dims domain{s[0], s[1], columns, s[2]};
  auto d = loop_vars(b.sym(), domain);
  IndexMap lhs{domain, {d[0], d[1], d[3]}, 1}, rhs{domain, {d[0], first + d[2], d[3]}, 1};
  return b.contract(state, r, std::move(lhs), std::move(rhs), 1, b.dtype(state));
}

Vals run_recurrent(Builder& b, const Recurrent& a, const RecurrentInputs& in, std::span<const std::string_view> defaults,
                   const Cell& cell) {
  if (!b.ok()) return {};
  auto functions = find_activations(a, defaults);
  if (!functions.ok()) return {b.fail(std::move(functions).error())};
  const Dims x = b.dims(in.x);
  SymInt time = x[a.batch_first ? 1 : 0], batch = x[a.batch_first ? 0 : 1];
  int64_t directions = direction_count(a);
  std::span<const ActivationFunction> all(*functions);
  size_t per_direction = defaults.size();
  bool together = directions == 1 || same(all.first(per_direction), all.subspan(per_direction));
  Val lengths = in.lengths;
  if (lengths && (b.rank(lengths) != 1 || !is_int(b.dtype(lengths)))) {
    return {b.fail(ErrorCode::kInvalidArgument, "sequence_lens must be a vector of integers")};
  }
  if (lengths && says_nothing(b, lengths, time)) lengths = Val{&b, kNone32};

  // Initial states as [d, b, h] of this very batch, so that the loop carries one type.
  const Dims state_dims{directions, batch, in.hidden};
  std::vector<Val> states;
  for (Val s : in.states) {
    if (!s) {
      states.push_back(b.fill(0, b.dtype(in.x), state_dims));
      continue;
    }
    if (b.rank(s) != 3 || b.dtype(s) != b.dtype(in.x)) {
      return {b.fail(ErrorCode::kInvalidArgument, "an initial state must have rank 3 and the input's type")};
    }
    auto d = loop_vars(b.sym(), state_dims);
    for (size_t i = 0; i < 3; ++i) {
      size_t at = a.batch_first && i < 2 ? 1 - i : i;
      if (!require_same(b, b.dims(s)[at], state_dims[i], "a dimension of an initial state and what it must be")) return {};
    }
    IndexMap map{state_dims, a.batch_first ? std::vector<SymInt>{d[1], d[0], d[2]} : std::vector<SymInt>{d[0], d[1], d[2]}, 1};
    states.push_back(b.reindex(s, std::move(map)));
  }

  // Directions with different activations run one after the other.
  std::vector<Vals> runs;
  for (int64_t first = 0; first < directions; first += together ? directions : 1) {
    int64_t count = together ? directions : 1;
    Run run{b, a, in, cell, all.subspan(first * per_direction, per_direction), {}, time, batch, count};
    for (int64_t d = first; d < first + count; ++d) run.reversed.push_back(a.direction == "reverse" || d == 1);
    auto part = [&](Val v) { return !v || together ? v : b.slice(v, 0, first, 1); };
    std::vector<Val> own_states, own_extra;
    for (Val s : states) own_states.push_back(part(s));
    for (Val e : in.extra) own_extra.push_back(part(e));
    runs.push_back(run.run(part(in.w), part(in.bias), own_states, own_extra, lengths));
    if (!b.ok()) return {};
  }
  Vals results = runs[0];
  for (size_t r = 0; r < results.size() && runs.size() > 1; ++r) {
    const Val both[] = {runs[0][r], runs[1][r]};
    results[r] = b.concat(both, r == 0 ? 1 : 0);
  }
  if (a.batch_first) {
    const int64_t outputs[] = {2, 0, 1, 3}, state[] = {1, 0, 2};
    results[0] = b.transpose(results[0], outputs);
    for (size_t r = 1; r < results.size(); ++r) results[r] = b.transpose(results[r], state);
  }
  return results;
}

}  // namespace temper
