// Structure: from the form that a network is edited in to the form that is built. There, a layer may read what a later one
// makes, and sizes that are known only at run time have no name yet; here, nodes are sorted and written anew, one by one, so
// that each is inferred from what it reads.
#include <algorithm>

#include "passes/pass.h"

namespace temper {
namespace {

std::string place_of(const Node& node) { return "layer '" + node.name + "' (" + node.op->name + ")"; }

// Nodes such that each comes after those that it reads; as they are where that holds already.
Expected<std::vector<NodeId>> sorted(const Graph& graph) {
  std::vector<NodeId> order;
  std::vector<char> state(graph.node_count(), 0);  // 1: waits for its operands, 2: in the order
  for (NodeId root : graph.order()) {
    std::vector<NodeId> open{root};
    while (!open.empty()) {
      const NodeId id = open.back();
      if (state[id] == 2) {
        open.pop_back();
        continue;
      }
      const bool again = state[id] == 1;
      state[id] = 1;
      const size_t before = open.size();
      for (ValueId operand : graph.node(id).operands) {
        if (operand == kNone32) continue;
        const NodeId from = graph.value(operand).producer;
        if (from == kNone32 || state[from] == 2) continue;
        if (again)
          return Error(ErrorCode::kInvalidArgument, "the layer reads, over others, what it makes itself")
              .at(place_of(graph.node(id)));
        open.push_back(from);
      }
      if (open.size() > before) continue;
      state[id] = 2;
      order.push_back(id);
      open.pop_back();
    }
  }
  return order;
}

}  // namespace

Expected<Graph> structure(const Graph& graph) {
  Graph result(graph.context());
  Builder builder(result);
  std::vector<ValueId> map(graph.value_count(), kNone32);
  for (ValueId id : graph.inputs()) {
    map[id] = result.add_input(graph.value(id).type, graph.value(id).name);
    result.value(map[id]).contents = graph.value(id).contents;
  }
  for (NodeId id : TEMPER_TRY(sorted(graph))) {
    const Node& node = graph.node(id);
    std::vector<Val> operands;
    for (ValueId operand : node.operands) operands.push_back({&builder, operand == kNone32 ? kNone32 : map[operand]});
    std::vector<std::unique_ptr<Graph>> bodies;
    for (const auto& body : node.bodies) bodies.push_back(std::make_unique<Graph>(body->clone()));
    builder.set_name(node.name);
    const std::vector<Val> results = builder.op(*node.op, node.attrs, operands, std::move(bodies));
    if (!builder.ok()) return std::move(builder.take_status()).error().at(place_of(node));
    for (size_t r = 0; r < node.results.size(); ++r) {
      map[node.results[r]] = results[r].id;
      Value& value = result.value(results[r].id);
      if (value.name.empty()) value.name = graph.value(node.results[r]).name;
    }
  }
  std::vector<ValueId> outputs;
  for (ValueId id : graph.outputs()) outputs.push_back(map[id]);
  result.set_outputs(std::move(outputs));
  result.output_names() = graph.output_names();
  return result;
}

}  // namespace temper
