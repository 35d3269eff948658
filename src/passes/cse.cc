// Common subexpression elimination: a node that repeats an earlier one (same op, attributes and operands) is not written again.
#include <map>

#include "passes/pass.h"

namespace temper {

Expected<Graph> cse(const Graph& graph) {
  std::map<std::tuple<uint64_t, std::string, std::vector<ValueId>>, std::vector<std::pair<AttrsPtr, std::vector<Val>>>> seen;
  return Rewrite::run(graph, [&](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (!node.bodies.empty() || node.results.empty()) return {};
    if (node.op->name == "compact" || node.op->name == "bind_size" || node.op->name == "plugin") return {};
    if (node.op->name == "constant" && attrs_as<Constant>(*node.attrs).data.count() > 4096) return {};
    std::vector<ValueId> ids;
    for (Val v : operands) ids.push_back(v.id);
    auto& alike = seen[{rewrite.id(), node.op->name, ids}];
    for (const auto& [attrs, results] : alike) {
      if (attrs == node.attrs || equal_attrs(*attrs, *node.attrs)) return results;
    }
    alike.emplace_back(node.attrs, rewrite.copy(node, operands));
    return alike.back().second;
  });
}

}  // namespace temper
