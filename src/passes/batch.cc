// Batch: from a network that says what happens to one sample to a graph that does it to many. Each value that depends on the
// sample gets the number of samples as its first dimension, and each core op one more variable in front; what does not depend
// on the sample (constants, sizes) stays as it is and is read by all. A composite is what its body says, but for one that has a
// form with the batch (`sample`). So nothing but this file knows of networks whose batch is implicit, and all that remains of
// it is a dimension.
#include <algorithm>
#include <deque>

#include "passes/pass.h"

namespace temper {
namespace {

struct Batched {
  Val v;
  bool batched = false;
};

class BatchWriter {
 public:
  BatchWriter(const Graph& graph, Graph& result, SymInt size)
      : graph_(graph), b_(result), size_(size), map_(graph.value_count()) {}

  // Inputs as they are given: which have the batch.
  void enter(const std::vector<bool>& batched) {
    for (size_t i = 0; i < graph_.inputs().size(); ++i) {
      const Value& value = graph_.value(graph_.inputs()[i]);
      ValueType type = value.type;
      if (auto* tensor = std::get_if<TensorType>(&type); tensor && batched[i]) tensor->dims.insert(tensor->dims.begin(), size_);
      const ValueId id = b_.graph().add_input(type, value.name);
      if (!batched[i]) b_.graph().value(id).contents = value.contents;
      map_[graph_.inputs()[i]] = {b_.val(id), batched[i]};
    }
  }

  Status write() {
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      b_.set_name(node.name);
      const std::string place = "layer '" + node.name + "'";
      const std::vector<Batched> results = TEMPER_TRY_AT(write(node), place);
      if (!b_.ok()) return std::move(b_.take_status()).error().at(place);
      for (size_t r = 0; r < node.results.size(); ++r) {
        map_[node.results[r]] = results[r];
        Value& value = b_.graph().value(results[r].v.id);
        if (value.name.empty()) value.name = graph_.value(node.results[r]).name;
      }
    }
    return {};
  }

  Batched output(size_t i) const { return map_[graph_.outputs()[i]]; }
  // With the batch, repeated if it does not depend on the sample.
  Val spread(Batched x) {
    if (x.batched || !x.v) return x.v;
    Dims dims = b_.dims(x.v);
    dims.insert(dims.begin(), size_);
    const IndexMap each = in_front(dims);
    return b_.reindex(x.v, each);
  }
  Builder& builder() { return b_; }

 private:
  // The map of a domain with the batch in front to the rest of it.
  IndexMap in_front(Dims domain) const {
    const auto vars = index_vars(graph_.sym(), domain);
    return IndexMap{std::move(domain), {vars.begin() + 1, vars.end()}, 1};
  }
  Dims with_batch(Dims domain) const {
    domain.insert(domain.begin(), size_);
    return domain;
  }
  // A map whose tensor has the batch or has not, over a domain with the batch.
  IndexMap shifted(const IndexMap& map, bool batched) const {
    IndexMap result = compose(graph_.sym(), in_front(with_batch(map.domain)), map);
    if (batched) result.results.insert(result.results.begin(), index_vars(graph_.sym(), result.domain)[0]);
    return result;
  }
  IndexMaps shifted(const IndexMaps& maps, std::span<const Batched> tensors) const {
    IndexMaps result;
    for (size_t k = 0; k < maps.size(); ++k) result.push_back(shifted(maps[k], tensors[k].batched));
    return result;
  }

  static Error differs(const std::string& what, const std::string& cure) {
    return Error(ErrorCode::kUnsupported, what + " would differ from one sample of the batch to the next; " + cure +
                                              ", or make the network with kEXPLICIT_BATCH");
  }
  std::vector<Batched> all(std::vector<Val> results) const {
    std::vector<Batched> batched;
    for (Val v : results) batched.push_back({v, true});
    return batched;
  }
  std::vector<Batched> op(std::string_view name, AttrsPtr attrs, const std::vector<Val>& operands) {
    return all(b_.op(core_op(name), std::move(attrs), operands));
  }

  Expected<std::vector<Batched>> write(const Node& node) {
    std::vector<Batched> in;
    for (ValueId id : node.operands) in.push_back(id == kNone32 ? Batched{{&b_, kNone32}, false} : map_[id]);
    std::vector<Val> vals;
    for (const Batched& x : in) vals.push_back(x.v);
    const std::string& name = node.op->name;
    if (std::none_of(in.begin(), in.end(), [](const Batched& x) { return x.batched; })) {
      std::vector<std::unique_ptr<Graph>> bodies;
      for (const auto& body : node.bodies) bodies.push_back(std::make_unique<Graph>(body->clone()));
      std::vector<Batched> results;
      for (Val v : b_.op(*node.op, node.attrs, vals, std::move(bodies))) results.push_back({v, false});
      return results;
    }
    if (!node.op->is_core()) return write_composite(node, in);
    if (name == "map") return write_map(attrs_as<MapAttrs>(*node.attrs), in);
    if (name == "reindex") {
      const auto& a = attrs_as<Reindex>(*node.attrs);
      return op(name, make_attrs(Reindex{shifted(a.map, true), a.fill}), vals);
    }
    if (name == "gather") {
      const auto& a = attrs_as<Gather>(*node.attrs);
      Gather wide{shifted(a.map, in[0].batched), shifted(a.loads, std::span(in).subspan(1)), a.fill};
      return op(name, make_attrs(std::move(wide)), vals);
    }
    if (name == "contract") {
      ContractAttrs a = attrs_as<ContractAttrs>(*node.attrs);
      a.lhs = shifted(a.lhs, in[0].batched);
      a.rhs = shifted(a.rhs, in[1].batched);
      return op(name, make_attrs(std::move(a)), vals);
    }
    if (name == "scatter") return write_scatter(attrs_as<ScatterAttrs>(*node.attrs), in);
    if (name == "concat") {
      for (size_t i = 0; i < in.size(); ++i) vals[i] = spread(in[i]);
      return op(name, make_attrs(Concat{attrs_as<Concat>(*node.attrs).axis + 1}), vals);
    }
    if (name == "reduce") {
      ReduceAttrs a = attrs_as<ReduceAttrs>(*node.attrs);
      for (int64_t& axis : a.axes) ++axis;
      return op(name, make_attrs(std::move(a)), vals);
    }
    if (name == "scan") {
      ScanAttrs a = attrs_as<ScanAttrs>(*node.attrs);
      ++a.axis;
      return op(name, make_attrs(a), vals);
    }
    if (name == "sort") {
      SortAttrs a = attrs_as<SortAttrs>(*node.attrs);
      ++a.axis;
      return op(name, make_attrs(a), vals);
    }
    if (name == "assert") {
      const Val holds = b_.reduce(MonoidKind::k_all, vals[0], {0}, false);
      return std::vector<Batched>{{b_.op(core_op(name), node.attrs, std::span(&holds, 1))[0], false}};
    }
    if (name == "suppress" && !in[1].batched) {
      // The lists of all samples one after another.
      const Dims boxes = b_.dims(vals[0]);
      const Val lists[] = {b_.reshape(vals[0], {boxes[0] * boxes[1], boxes[2], boxes[3]}), vals[1]};
      if (!b_.ok()) return all({});
      return all({b_.reshape(b_.op(*node.op, node.attrs, lists)[0], {boxes[0], boxes[1], boxes[2]})});
    }
    if (name == "if") return write_if(node, in);
    if (name == "loop") return write_loop(node, in);
    if (name == "plugin")
      return Error(ErrorCode::kUnsupported, "plugins see whole tensors, and no batch; make the network with kEXPLICIT_BATCH");
    return differs("the number of elements that it gives", "give the network a fixed size");
  }

  Expected<std::vector<Batched>> write_composite(const Node& node, const std::vector<Batched>& in) {
    AttrFields fields;
    for (const auto& [field, value] : node.attrs->fields()) fields.emplace(field, value);
    const auto sample = fields.find("sample");
    const bool first_only = in[0].batched && std::none_of(in.begin() + 1, in.end(), [](const Batched& x) { return x.batched; });
    if (sample != fields.end() && std::get<bool>(sample->second) && first_only) {
      sample->second = false;
      std::vector<Val> operands;
      for (const Batched& x : in) operands.push_back(x.v);
      return all(b_.op(*node.op, TEMPER_TRY(node.op->make_attrs(fields)), operands));
    }
    Graph one(graph_.context());
    Builder body(one, node.name);
    std::vector<ValueId> operands;
    std::vector<Batched> given;
    for (size_t i = 0; i < in.size(); ++i) {
      const auto known = in[i].v && !in[i].batched ? b_.constant_value(in[i].v) : std::nullopt;
      if (!in[i].v || known) {
        operands.push_back(known ? body.constant(*known).id : kNone32);
        continue;
      }
      const Value& value = graph_.value(node.operands[i]);
      operands.push_back(one.add_input(value.type, value.name));
      one.value(operands.back()).contents = value.contents;
      given.push_back(in[i]);
    }
    std::vector<ValueId> results = node.op->body(body, *node.attrs, operands);
    TEMPER_TRY(body.take_status());
    one.set_outputs(std::move(results));
    const Graph core = TEMPER_TRY(expand(one));
    BatchWriter inner(core, b_.graph(), size_);
    for (size_t i = 0; i < given.size(); ++i) inner.map_[core.inputs()[i]] = {inner.b_.val(given[i].v.id), given[i].batched};
    TEMPER_TRY(inner.write());
    std::vector<Batched> made;
    for (size_t r = 0; r < core.outputs().size(); ++r) {
      const Batched x = inner.output(r);
      made.push_back({b_.val(x.v.id), x.batched});
    }
    return made;
  }

  std::vector<Batched> write_map(const MapAttrs& a, const std::vector<Batched>& in) {
    const IndexMap rest = in_front(with_batch(a.domain));
    const std::vector<SymInt> vars = index_vars(graph_.sym(), a.domain);
    std::vector<Val> operands;
    ScalarBuilder body;
    std::vector<int32_t> arguments;
    for (size_t i = 0; i < in.size(); ++i) {
      operands.push_back(spread(in[i]));
      arguments.push_back(body.operand(static_cast<int>(i), b_.dtype(operands.back())));
    }
    const auto results = body.inline_body(*a.body, arguments, [&](SymInt e) { return substitute(e, vars, rest.results); });
    return op("map", make_attrs(MapAttrs{rest.domain, body.finish(results, static_cast<int>(in.size()))}), operands);
  }

  std::vector<Batched> write_scatter(const ScatterAttrs& a, const std::vector<Batched>& in) {
    std::vector<Val> operands{spread(in[0]), spread(in[1])};
    for (size_t k = 2; k < in.size(); ++k) operands.push_back(in[k].v);
    ScatterAttrs wide{shifted(a.target, true), shifted(a.loads, std::span(in).subspan(2)), a.combine};
    return op("scatter", make_attrs(std::move(wide)), operands);
  }

  // Bodies whose outputs have the batch where `wanted` says so.
  static Expected<std::unique_ptr<Graph>> finish(BatchWriter& body, std::unique_ptr<Graph> graph,
                                                 const std::vector<bool>& wanted) {
    std::vector<ValueId> outputs;
    for (size_t o = 0; o < wanted.size(); ++o)
      outputs.push_back(wanted[o] ? body.spread(body.output(o)).id : body.output(o).v.id);
    TEMPER_TRY(body.b_.take_status());
    graph->set_outputs(std::move(outputs));
    return graph;
  }

  Expected<std::vector<Batched>> write_if(const Node& node, const std::vector<Batched>& in) {
    if (in[0].batched) return differs("the branch that is taken", "compute both and choose by addSelect");
    std::vector<bool> given, batched(node.results.size(), false);
    for (size_t i = 1; i < in.size(); ++i) given.push_back(in[i].batched);
    std::vector<std::unique_ptr<Graph>> graphs;
    std::deque<BatchWriter> writers;  // values refer to their builders
    for (const auto& body : node.bodies) {
      graphs.push_back(std::make_unique<Graph>(body->context()));
      BatchWriter& writer = writers.emplace_back(*body, *graphs.back(), size_);
      writer.enter(given);
      TEMPER_TRY(writer.write());
      for (size_t r = 0; r < batched.size(); ++r) batched[r] = batched[r] || writer.output(r).batched;
    }
    std::vector<std::unique_ptr<Graph>> bodies;
    for (size_t i = 0; i < graphs.size(); ++i) bodies.push_back(TEMPER_TRY(finish(writers[i], std::move(graphs[i]), batched)));
    std::vector<Val> operands;
    for (const Batched& x : in) operands.push_back(x.v);
    const std::vector<Val> made = b_.op(*node.op, node.attrs, operands, std::move(bodies));
    std::vector<Batched> results;
    for (size_t r = 0; r < batched.size(); ++r) results.push_back({made[r], batched[r]});
    return results;
  }

  // A state has the batch when its first value has, or what an iteration makes of it: the body is written again until all that
  // follows from this is found.
  Expected<std::vector<Batched>> write_loop(const Node& node, const std::vector<Batched>& in) {
    const auto& a = attrs_as<Loop>(*node.attrs);
    if (in[0].batched || in[1].batched) return number_differs();
    const auto states = static_cast<size_t>(a.states), outputs = states + static_cast<size_t>(a.scans) + 1;
    std::vector<bool> given{false, false};
    for (size_t i = 2; i < in.size(); ++i) given.push_back(in[i].batched);
    for (;;) {
      auto graph = std::make_unique<Graph>(graph_.context());
      BatchWriter body(*node.bodies[0], *graph, size_);
      body.enter(given);
      TEMPER_TRY(body.write());
      if (body.output(0).batched) return number_differs();
      std::vector<bool> batched{false};
      bool more = false;
      for (size_t o = 1; o < outputs; ++o) {
        batched.push_back(body.output(o).batched || (o <= states && given[o + 1]));
        if (o > states || batched[o] == given[o + 1]) continue;
        given[o + 1] = more = true;
      }
      if (more) continue;
      std::vector<std::unique_ptr<Graph>> bodies;
      bodies.push_back(TEMPER_TRY(finish(body, std::move(graph), batched)));
      std::vector<Val> operands;
      for (size_t i = 0; i < in.size(); ++i) operands.push_back(given[i] ? spread(in[i]) : in[i].v);
      const std::vector<Val> made = b_.op(*node.op, node.attrs, operands, std::move(bodies));
      std::vector<Batched> results;
      for (size_t r = 0; r + 1 < outputs && b_.ok(); ++r) {
        Val v = made[r];
        // Iterations are stacked in front of the batch.
        if (r >= states && batched[r + 1]) {
          std::vector<int64_t> permutation;
          for (int64_t d = 0; d < b_.rank(v); ++d) permutation.push_back(d);
          std::swap(permutation[0], permutation[1]);
          v = b_.transpose(v, permutation);
        }
        results.push_back({v, batched[r + 1]});
      }
      return results;
    }
  }
  static Error number_differs() {
    return differs("the number of iterations", "let it depend on constants and on inputs that are broadcast across the batch");
  }

  const Graph& graph_;
  Builder b_;
  SymInt size_;
  std::vector<Batched> map_;
};

}  // namespace

Expected<Graph> batch(const Graph& graph, SymInt size, const std::vector<bool>& batched) {
  Graph result(graph.context());
  BatchWriter writer(graph, result, size);
  writer.enter(batched);
  TEMPER_TRY(writer.write());
  std::vector<ValueId> outputs;
  for (size_t o = 0; o < graph.outputs().size(); ++o) outputs.push_back(writer.spread(writer.output(o)).id);
  TEMPER_TRY(writer.builder().take_status());
  result.set_outputs(std::move(outputs));
  result.output_names() = graph.output_names();
  return result;
}

}  // namespace temper
