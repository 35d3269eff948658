// Constant folding: what is computed from constants alone is computed now, by the exact interpreter. A constant that would
// become larger (a broadcast) stays as it is: readers look through the movement, and so does folding.
#include <algorithm>

#include "interp/interp.h"
#include "passes/pass.h"

namespace temper {
namespace {

bool only_contractions_read(const Graph& graph, const std::vector<std::vector<NodeId>>& uses, ValueId v) {
  return !uses[v].empty() &&
         std::all_of(uses[v].begin(), uses[v].end(), [&](NodeId id) { return graph.node(id).op->name == "contract"; });
}

bool is_affine(SymContext& context, const Node& reindex) {
  const IndexMap& map = attrs_as<Reindex>(*reindex.attrs).map;
  const auto vars = index_vars(context, map.domain);
  return std::all_of(map.results.begin(), map.results.end(), [&](SymInt e) { return as_affine(e, vars).has_value(); });
}

// The constant that a value is, or that it spreads over more points than it has elements; null: neither.
const Node* stored_in(Builder& b, Val v) {
  const Node* node = v ? b.graph().producer(v.id) : nullptr;
  if (node && node->op->name == "reindex") node = b.graph().producer(node->operands[0]);
  return node && node->op->name == "constant" ? node : nullptr;
}

}  // namespace

Expected<Graph> fold(const Graph& graph) {
  const auto uses = graph.uses();
  const Graph* outer = &graph;
  return Rewrite::run(graph, [&, outer](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    Builder& b = rewrite.builder();
    if (node.op->name == "constant" || !node.bodies.empty() || node.results.empty() || node.op->name == "bind_size" ||
        node.op->name == "compact" || node.op->name == "plugin")
      return {};
    int64_t largest = 0, most_points = 0;
    for (Val v : operands) {
      const Node* constant = stored_in(b, v);
      const SymInt points = constant ? element_count(b.graph().type(v.id)) : SymInt(-1);
      if (!constant || !points.is_const()) return {};
      const Tensor& data = attrs_as<Constant>(*constant->attrs).data;
      if (data.dtype() == DType::kString) return {};
      largest = std::max(largest, data.count());
      most_points = std::max(most_points, points.value());
    }
    for (ValueId v : node.results) {
      SymInt count = element_count(rewrite.old_graph().type(v));
      if (!count.is_const()) return {};
      most_points = std::max(most_points, count.value());
    }
    if (most_points > std::max<int64_t>(largest, 1024)) return {};
    // Weights are read in any order as they lie.
    if (node.op->name == "reindex" && largest > 4096 && &rewrite.old_graph() == outer && is_affine(b.sym(), node) &&
        only_contractions_read(graph, uses, node.results[0]))
      return {};
    std::vector<Tensor> held;
    for (Val v : operands) {
      auto data = b.constant_value(v);
      if (!data) {
        const Tensor source[] = {attrs_as<Constant>(*stored_in(b, v)->attrs).data};
        auto spread = fold_node(b.graph(), *b.graph().producer(v.id), source);
        if (!spread.ok()) return {};
        data = std::move((*spread)[0]);
      }
      held.push_back(std::move(*data));
    }
    auto results = fold_node(rewrite.old_graph(), node, held);
    // It may speak of dimensions that only a run knows; what is wrong with it, a run will say.
    if (!results.ok()) return {};
    std::vector<Val> folded;
    for (Tensor& t : *results) folded.push_back(b.constant(std::move(t)));
    return folded;
  });
}

}  // namespace temper
