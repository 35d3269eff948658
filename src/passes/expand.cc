// Expansion: each composite operator is replaced by its body, until only core ops are left.
#include "passes/pass.h"

namespace temper {

Expected<Graph> expand(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (node.op->is_core()) return {};
    std::vector<ValueId> ids;
    for (Val v : operands) ids.push_back(v.id);
    std::vector<Val> results;
    for (ValueId id : node.op->body(rewrite.builder(), *node.attrs, ids)) results.push_back(rewrite.builder().val(id));
    return results;
  });
}

}  // namespace temper
