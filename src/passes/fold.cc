// Constant folding: what is computed from constants alone is computed now, by the exact interpreter. A constant that would
// become larger (a broadcast) stays as it is: readers look through the movement.
#include <algorithm>

#include "interp/interp.h"
#include "passes/pass.h"

namespace temper {
namespace {

bool only_contractions_read(const Graph& graph, const std::vector<std::vector<NodeId>>& uses, ValueId v) {
  return !uses[v].empty() &&
         std::all_of(uses[v].begin(), uses[v].end(), [&](NodeId id) { return graph.node(id).op->name == "contract"; });
}

}  // namespace

Expected<Graph> fold(const Graph& graph) {
  const auto uses = graph.uses();
  const Graph* outer = &graph;
  return Rewrite::run(graph, [&, outer](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    Builder& b = rewrite.builder();
    if (node.op->name == "constant" || !node.bodies.empty() || node.results.empty() || node.op->name == "bind_size" ||
        node.op->name == "compact")
      return {};
    std::vector<Tensor> held;
    int64_t operand_elements = 0;
    for (Val v : operands) {
      auto data = b.constant_value(v);
      if (!data || data->dtype() == DType::kString) return {};
      operand_elements = std::max(operand_elements, data->count());
      held.push_back(std::move(*data));
    }
    int64_t result_elements = 0;
    for (ValueId v : node.results) {
      SymInt count = element_count(rewrite.old_graph().type(v));
      if (!count.is_const()) return {};
      result_elements = std::max(result_elements, count.value());
    }
    if (result_elements > std::max<int64_t>(operand_elements, 1024)) return {};
    // Weights are read in any order as they lie.
    bool moves = node.op->name == "reindex";
    if (moves && operand_elements > 4096 && &rewrite.old_graph() == outer &&
        only_contractions_read(graph, uses, node.results[0]))
      return {};
    auto results = fold_node(rewrite.old_graph(), node, held);
    // It may speak of dimensions that only a run knows; what is wrong with it, a run will say.
    if (!results.ok()) return {};
    std::vector<Val> folded;
    for (Tensor& t : *results) folded.push_back(b.constant(std::move(t)));
    return folded;
  });
}

}  // namespace temper
