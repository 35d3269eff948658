// Expansion: each composite operator is replaced by its body, until only core ops are left. A body may use other composites:
// the layers of the network API do.
#include <algorithm>

#include "passes/pass.h"

namespace temper {
namespace {

Expected<Graph> expand_once(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (node.op->is_core()) return {};
    std::vector<ValueId> ids;
    for (Val v : operands) ids.push_back(v.id);
    std::vector<Val> results;
    for (ValueId id : node.op->body(rewrite.builder(), *node.attrs, ids)) results.push_back(rewrite.builder().val(id));
    return results;
  });
}

bool is_expanded(const Graph& graph) {
  return std::all_of(graph.order().begin(), graph.order().end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    return node.op->is_core() &&
           std::all_of(node.bodies.begin(), node.bodies.end(), [](const auto& body) { return is_expanded(*body); });
  });
}

}  // namespace

Expected<Graph> expand(const Graph& graph) {
  Graph expanded = TEMPER_TRY(expand_once(graph));
  while (!is_expanded(expanded)) expanded = TEMPER_TRY(expand_once(expanded));
  return expanded;
}

}  // namespace temper
