// Structure: from the form that a network is edited in to the form that is built. There, a layer may read what a later one
// makes, loops and conditionals lie flat among the other layers (ops/layers/flow.h), and sizes that are known only at run time
// have no name yet; here, nodes are sorted and written anew, one by one, so that each is inferred from what it reads, and what
// is in a loop or a branch is written into a body.
#include <algorithm>

#include "ops/layers/flow.h"
#include "ops/nn/window.h"
#include "ops/tensor/shape_arguments.h"
#include "passes/pass.h"
#include "passes/regions.h"
#include "sym/prove.h"

namespace temper {
namespace {

Error refuse(std::string why) { return Error(ErrorCode::kInvalidArgument, std::move(why)); }

// Where nodes are written, and what the network's values are there. A scope with an outer one of another graph takes what it
// lacks from there as a capture; a scope with an outer one of the same graph only sees other values for some.
struct Capture {
  ValueId id;  // in the network
  Val value;   // in the outer scope
};
struct Scope {
  Builder& b;
  Scope* outer = nullptr;
  std::vector<Capture>* captures = nullptr;  // nullptr: the outer scope has the same graph
  std::map<ValueId, Val> values;
};

class Writer {
 public:
  Writer(const Graph& network, const Regions& regions, Graph& result)
      : network_(network), regions_(regions), builder_(result), top_{builder_} {}

  Status write() {
    for (ValueId id : network_.inputs()) {
      Graph& graph = builder_.graph();
      const ValueId input = graph.add_input(network_.value(id).type, network_.value(id).name);
      graph.value(input).contents = network_.value(id).contents;
      top_.values[id] = builder_.val(input);
    }
    const Schedule schedule = TEMPER_TRY(regions_.schedule(Regions::kNetwork));
    TEMPER_TRY(write_items(top_, schedule, nullptr));
    std::vector<ValueId> outputs;
    for (size_t o = 0; o < network_.outputs().size(); ++o) {
      const ValueId id = network_.outputs()[o];
      if (!regions_.path_of_value(id).empty()) {
        return refuse("the network's output '" + network_.output_names()[o] +
                      "' is inside of a loop or conditional; take it out by addLoopOutput, or addOutput of the conditional")
            .at(place_of(*network_.producer(id)));
      }
      outputs.push_back(top_.values.at(id).id);
    }
    builder_.graph().set_outputs(std::move(outputs));
    return {};
  }

 private:
  const Node& node(NodeId id) const { return network_.node(id); }

  // The value in this scope; absent where there is none, because what reads it comes before.
  Val read(Scope& s, ValueId id) {
    if (id == kNone32) return {&s.b, kNone32};
    if (auto found = s.values.find(id); found != s.values.end()) return found->second;
    if (!s.outer) return {&s.b, kNone32};
    const Val there = read(*s.outer, id);
    if (!s.captures || !there) return s.values[id] = {&s.b, there.id};
    if (auto known = s.outer->b.constant_value(there)) return s.values[id] = s.b.constant(*known);
    s.captures->push_back({id, there});
    return s.values[id] = enter(s.b, s.captures->back());
  }
  // A capture as an input of a body.
  static Val enter(Builder& inner, const Capture& capture) {
    const Value& value = capture.value.builder->graph().value(capture.value.id);
    const ValueId input = inner.graph().add_input(value.type, value.name);
    inner.graph().value(input).contents = value.contents;
    return inner.val(input);
  }
  // The operand, which there must be.
  Expected<Val> operand(Scope& s, const Node& reader, size_t index, const char* missing) {
    const ValueId id = index < reader.operands.size() ? reader.operands[index] : kNone32;
    if (id == kNone32) return refuse(missing).at(place_of(reader));
    const Val found = read(s, id);
    if (!found) return refuse("the layer reads, over others, what it makes itself").at(place_of(reader));
    return found;
  }
  Status check(Builder& b, const Node& at) {
    if (b.ok()) return {};
    return std::move(b.take_status()).error().at(place_of(at));
  }

  // The items of a region in order; of these, if `wanted` is given, only those in it.
  Status write_items(Scope& s, const Schedule& schedule, const std::set<int>* wanted) {
    for (int item : schedule.order) {
      if (wanted && !wanted->contains(item)) continue;
      if (item < network_.node_count())
        TEMPER_TRY(write_node(s, node(item)));
      else
        TEMPER_TRY(write_region(s, item - network_.node_count()));
    }
    return {};
  }

  Status write_node(Scope& s, const Node& n) {
    if (layers::region_of(n)) return {};  // what it stands for is written with its region
    std::vector<Val> operands;
    for (size_t i = 0; i < n.operands.size(); ++i) {
      const bool absent = n.operands[i] == kNone32;
      operands.push_back(absent ? Val{&s.b, kNone32} : TEMPER_TRY(operand(s, n, i, "")));
    }
    std::vector<std::unique_ptr<Graph>> bodies;
    for (const auto& body : n.bodies) bodies.push_back(std::make_unique<Graph>(body->clone()));
    s.b.set_name(n.name);
    const std::vector<Val> results = s.b.op(*n.op, n.attrs, operands, std::move(bodies));
    TEMPER_TRY(check(s.b, n));
    for (size_t r = 0; r < n.results.size(); ++r) name(s, n.results[r], results[r]);
    return {};
  }
  void name(Scope& s, ValueId id, Val made) {
    s.values[id] = made;
    Value& value = s.b.graph().value(made.id);
    if (value.name.empty()) value.name = network_.value(id).name;
  }

  Status write_region(Scope& s, int number) {
    const Region& region = regions_[number];
    const bool given_out = std::any_of(region.boundary.begin(), region.boundary.end(), [&](NodeId id) {
      return node(id).op->name == "layer_loop_output" || node(id).op->name == "layer_if_output";
    });
    if (!given_out) return {};
    return region.loop ? write_loop(s, number) : write_conditional(s, number);
  }

  struct Limits {
    const Node *count = nullptr, *condition = nullptr;
  };
  Limits limits(const Region& loop) const {
    Limits found;
    for (NodeId id : loop.of(network_, "layer_trip_limit"))
      (attrs_as<layers::TripLimit>(*node(id).attrs).kind == "count" ? found.count : found.condition) = &node(id);
    return found;
  }

  // Note [Conditions of loops]
  // The condition of a network's loop is asked before each iteration, of the recurrences' values then; the IR's loop asks one
  // condition before the first iteration, and each iteration gives the next one's. So the layers that compute it are written
  // twice: before the loop, over the first values, and at the end of the body, over the next ones.
  Expected<Val> write_condition(Scope& around, const Region& loop, const Schedule& schedule, const Node& limit, int number,
                                const std::vector<Val>& recurrences) {
    Scope s{around.b, &around};
    const std::vector<NodeId> layers = loop.of(network_, "layer_recurrence");
    for (size_t r = 0; r < layers.size(); ++r) s.values[node(layers[r]).results[0]] = recurrences[r];
    const std::set<int> needed = schedule.behind({regions_.maker(number, limit.operands[0])});
    for (NodeId id : loop.of(network_, "layer_iterator")) {
      if (!needed.contains(id)) continue;
      return refuse(
                 "the condition of a loop can't depend on an iterator, which has no value after the last iteration; let a "
                 "recurrence carry what it needs")
          .at(place_of(node(id)));
    }
    TEMPER_TRY(write_items(s, schedule, &needed));
    return operand(s, limit, 0, "the limit has no input");
  }

  Status write_loop(Scope& outer, int number) {
    const Region& loop = regions_[number];
    const Schedule schedule = TEMPER_TRY(regions_.schedule(number));
    const std::vector<NodeId> recurrences = loop.of(network_, "layer_recurrence");
    const std::vector<NodeId> outputs = loop.of(network_, "layer_loop_output");
    const Limits limit = limits(loop);
    const Node& named = node(outputs.front());
    if (!limit.count && !limit.condition)
      return refuse("its loop has no limit and would never end; add one by addTripLimit").at(place_of(named));

    Builder& b = outer.b;
    b.set_name(named.name);
    const Val absent{&b, kNone32};
    Val count = absent;
    if (limit.count) {
      count = TEMPER_TRY(operand(outer, *limit.count, 0, "the limit has no input"));
      const auto known = b.contents(count);
      count = known ? b.size(known->front()) : b.cast(count, DType::kI64);
    }
    std::vector<Val> states;
    for (NodeId id : recurrences)
      states.push_back(TEMPER_TRY(operand(outer, node(id), 0, "the recurrence has no first value")));
    Val condition = absent;
    if (limit.condition) condition = TEMPER_TRY(write_condition(outer, loop, schedule, *limit.condition, number, states));

    auto body = std::make_unique<Graph>(b.graph().context());
    Builder inner(*body, named.name);
    std::vector<Capture> captures;
    Scope s{inner, &outer, &captures};
    const Val iteration = inner.val(body->add_input(TensorType{DType::kI64, {}}, "iteration"));
    Val goes_on = inner.val(body->add_input(TensorType{DType::kBool, {}}, "condition"));
    for (size_t r = 0; r < recurrences.size(); ++r) {
      const ValueId id = node(recurrences[r]).results[0];
      s.values[id] = inner.val(body->add_input(b.graph().type(states[r].id), network_.value(id).name));
    }
    for (NodeId id : loop.of(network_, "layer_iterator"))
      TEMPER_TRY(write_iterator(s, node(id), iteration, limit.count, count));
    TEMPER_TRY(write_items(s, schedule, nullptr));

    std::vector<Val> next;
    for (size_t r = 0; r < recurrences.size(); ++r) {
      const Node& layer = node(recurrences[r]);
      next.push_back(TEMPER_TRY(operand(
          s, layer, 1, "the recurrence has no value for the next iteration; give it as the second input, setInput(1, ...)")));
      const TensorType &now = b.graph().type(states[r].id), &then = body->type(next.back().id);
      if (now == then) continue;
      return refuse("the value for the next iteration is " + then.to_string() + ", but the first one is " + now.to_string() +
                    "; both must have the same type and dimensions")
          .at(place_of(layer));
    }
    if (limit.condition) goes_on = TEMPER_TRY(write_condition(s, loop, schedule, *limit.condition, number, next));
    std::vector<ValueId> given{goes_on.id};
    for (Val v : next) given.push_back(v.id);
    Loop attrs;
    attrs.states = static_cast<int64_t>(states.size());
    for (NodeId id : outputs) {
      if (attrs_as<layers::LoopOutput>(*node(id).attrs).kind == "last_value") continue;
      given.push_back(TEMPER_TRY(operand(s, node(id), 0, "the output has no input")).id);
      ++attrs.scans;
    }
    TEMPER_TRY(check(inner, named));
    body->set_outputs(std::move(given));

    const bool counted = count && !condition && b.contents(count).has_value();
    if (attrs.scans > 0 && !counted) attrs.sizes.push_back(b.sym().fresh_size());
    if (!counted && !condition) condition = b.scalar(1, DType::kBool);
    std::vector<Val> operands{count, condition};
    operands.insert(operands.end(), states.begin(), states.end());
    for (const Capture& c : captures) operands.push_back(c.value);
    std::vector<std::unique_ptr<Graph>> bodies;
    bodies.push_back(std::move(body));
    b.set_name(named.name);
    const std::vector<Val> results = b.op(core_op("loop"), make_attrs(std::move(attrs)), operands, std::move(bodies));
    TEMPER_TRY(check(b, named));

    size_t scan = recurrences.size();
    for (NodeId id : outputs) {
      const Node& output = node(id);
      const auto& kind = attrs_as<layers::LoopOutput>(*output.attrs);
      if (kind.kind != "last_value") {
        const Val length =
            TEMPER_TRY(operand(outer, output, 1, "the values of all iterations need a length, setInput(1, length)"));
        b.set_name(output.name);
        const Val all = stacked(b, results[scan++], length, kind);
        TEMPER_TRY(check(b, output));
        name(outer, output.results[0], all);
        continue;
      }
      const ValueId value = output.operands[0];
      const auto from =
          std::find_if(recurrences.begin(), recurrences.end(), [&](NodeId r) { return node(r).results[0] == value; });
      if (from == recurrences.end())
        return refuse("the last value of a loop is that of a recurrence of the same loop; make one, or concatenate")
            .at(place_of(output));
      name(outer, output.results[0], results[static_cast<size_t>(from - recurrences.begin())]);
    }
    return {};
  }

  Status write_iterator(Scope& s, const Node& n, Val iteration, const Node* counts, Val count) {
    const auto& attrs = attrs_as<layers::Iterator>(*n.attrs);
    const Val all = TEMPER_TRY(operand(s, n, 0, "the iterator has no input"));
    Val at = iteration;
    if (attrs.reverse) {
      if (!counts)
        return refuse("an iterator from the end needs to know the number of iterations; add a limit of kind kCOUNT")
            .at(place_of(n));
      // The count is a value of the outer scope, known there or captured.
      const auto known = count.builder->contents(count);
      const Val total = known ? s.b.size(known->front())
                              : s.b.cast(TEMPER_TRY(operand(s, *counts, 0, "the limit has no input")), DType::kI64);
      at = total - s.b.scalar(1, DType::kI64) - iteration;
    }
    s.b.set_name(n.name);
    s.values[n.results[0]] = s.b.take(all, at, attrs.axis);
    return check(s.b, n);
  }

  // From the values of all iterations along dimension 0 to the layer's output: as long as it says, with 0 where there was no
  // iteration, in the order and along the axis that it asks for.
  static Val stacked(Builder& b, Val all, Val length, const layers::LoopOutput& kind) {
    const SymInt size = shape_argument(b, length, "the length of a loop's output").front();
    if (!b.ok()) return all;
    const Dims dims = b.dims(all);
    const SymInt trips = dims[0];
    if (proves_less(size, trips)) {
      return b.fail(ErrorCode::kInvalidArgument, "the loop runs " + trips.to_string() + " times, but its output has room for " +
                                                     size.to_string() + "; give it a greater length");
    }
    if (trips != size) {
      const Val fits = b.size(trips) <= b.size(size);
      b.op("assert",
           Assert{"the loop ran more often than its output '" + b.name() + "' has room for; give it a greater length"},
           std::span(&fits, 1));
    }
    Dims result = dims;
    result.erase(result.begin());
    result.insert(result.begin() + kind.axis, size);
    const std::vector<SymInt> at = loop_vars(b.sym(), result);
    const SymInt position = kind.kind == "reverse" ? size - 1 - at[kind.axis] : at[kind.axis];
    std::vector<SymInt> from = at;
    from.erase(from.begin() + kind.axis);
    from.insert(from.begin(), position);
    return b.reindex(all, IndexMap{result, std::move(from), trips == size ? SymInt(1) : less(position, trips)});
  }

  Status write_conditional(Scope& outer, int number) {
    const Region& region = regions_[number];
    const Schedule schedule = TEMPER_TRY(regions_.schedule(number));
    const std::vector<NodeId> outputs = region.of(network_, "layer_if_output");
    const std::vector<NodeId> conditions = region.of(network_, "layer_condition");
    const Node& named = node(outputs.front());
    if (conditions.empty()) return refuse("its conditional has no condition; give it by setCondition").at(place_of(named));
    Builder& b = outer.b;
    const Val condition = TEMPER_TRY(operand(outer, node(conditions.front()), 0, "the condition has no input"));

    std::set<int> needed[2];
    for (size_t branch = 0; branch < 2; ++branch) {
      std::vector<int> given;
      for (NodeId id : outputs) given.push_back(regions_.maker(number, node(id).operands[branch]));
      needed[branch] = schedule.behind(std::move(given));
    }
    // What no output depends on, like an assertion, is where all that it reads is.
    const std::set<int> boundary(region.boundary.begin(), region.boundary.end());
    for (int item : schedule.order) {
      if (needed[0].contains(item) || needed[1].contains(item) || boundary.contains(item)) continue;
      for (std::set<int>& branch : needed) {
        const std::set<int>& reads = schedule.reads.at(item);
        if (std::all_of(reads.begin(), reads.end(), [&](int r) { return branch.contains(r) || boundary.contains(r); }))
          branch.insert(item);
      }
    }

    std::vector<Capture> captures;
    std::vector<std::unique_ptr<Graph>> bodies;
    for (size_t branch = 0; branch < 2; ++branch) {
      bodies.push_back(std::make_unique<Graph>(b.graph().context()));
      Builder inner(*bodies.back(), named.name);
      Scope s{inner, &outer, &captures};
      // Both branches have the same captures, in the same order.
      for (const Capture& c : captures) s.values[c.id] = enter(inner, c);
      for (NodeId id : region.of(network_, "layer_if_input"))
        s.values[node(id).results[0]] = TEMPER_TRY(operand(s, node(id), 0, "the conditional's input has no input"));
      TEMPER_TRY(write_items(s, schedule, &needed[branch]));
      std::vector<ValueId> given;
      for (NodeId id : outputs) given.push_back(TEMPER_TRY(operand(s, node(id), branch, "the output lacks a branch")).id);
      TEMPER_TRY(check(inner, named));
      bodies.back()->set_outputs(std::move(given));
    }
    for (size_t i = bodies[0]->inputs().size(); i < captures.size(); ++i) {
      Builder first(*bodies[0]);
      static_cast<void>(enter(first, captures[i]));
    }
    IfAttrs attrs;
    for (size_t o = 0; o < outputs.size(); ++o) {
      const TensorType &yes = bodies[0]->type(bodies[0]->outputs()[o]), &no = bodies[1]->type(bodies[1]->outputs()[o]);
      if (yes.dtype != no.dtype || yes.dims.size() != no.dims.size())
        return refuse("the branches give values of different type or rank, " + yes.to_string() + " and " + no.to_string() +
                      "; cast or reshape one of them")
            .at(place_of(node(outputs[o])));
      for (size_t d = 0; d < yes.dims.size(); ++d) {
        if (yes.dims[d] != no.dims[d]) attrs.sizes.push_back(b.sym().fresh_size());
      }
    }
    std::vector<Val> operands{condition};
    for (const Capture& c : captures) operands.push_back(c.value);
    b.set_name(named.name);
    const std::vector<Val> results = b.op(core_op("if"), make_attrs(std::move(attrs)), operands, std::move(bodies));
    TEMPER_TRY(check(b, named));
    for (size_t o = 0; o < outputs.size(); ++o) name(outer, node(outputs[o]).results[0], results[o]);
    return {};
  }

  const Graph& network_;
  const Regions& regions_;
  Builder builder_;
  Scope top_;
};

}  // namespace

Expected<Graph> structure(const Graph& graph) {
  const Regions regions = TEMPER_TRY(Regions::find(graph));
  Graph result(graph.context());
  TEMPER_TRY(Writer(graph, regions, result).write());
  result.output_names() = graph.output_names();
  return result;
}

}  // namespace temper
