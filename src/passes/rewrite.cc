#include <atomic>

#include "passes/pass.h"

namespace temper {

Rewrite::Rewrite(const Graph& graph, Graph& result, const NodeRewrite& rewrite)
    : old_(graph), builder_(result), rewrite_(rewrite) {
  static std::atomic<uint64_t> last{0};
  id_ = ++last;
}

Expected<Graph> Rewrite::run(const Graph& graph, const NodeRewrite& rewrite) {
  Graph result(graph.context());
  Rewrite writer(graph, result, rewrite);
  TEMPER_TRY(writer.write());
  return result;
}

std::vector<Val> Rewrite::copy(const Node& node, std::span<const Val> operands) {
  std::vector<std::unique_ptr<Graph>> bodies;
  for (const auto& body : node.bodies) {
    auto written = Rewrite::run(*body, rewrite_);
    if (!written.ok()) return {builder_.fail(std::move(written).error())};
    bodies.push_back(std::make_unique<Graph>(std::move(*written)));
  }
  return builder_.op(*node.op, node.attrs, operands, std::move(bodies));
}

Status Rewrite::write() {
  map_.assign(old_.value_count(), kNone32);
  use_counts_.assign(old_.value_count(), 0);
  for (NodeId id : old_.order()) {
    for (ValueId operand : old_.node(id).operands) {
      if (operand != kNone32) ++use_counts_[operand];
    }
  }
  for (ValueId id : old_.outputs()) ++use_counts_[id];
  Graph& result = builder_.graph();
  for (ValueId id : old_.inputs()) {
    map_[id] = result.add_input(old_.value(id).type, old_.value(id).name);
    result.value(map_[id]).contents = old_.value(id).contents;
  }
  for (NodeId id : old_.order()) {
    const Node& node = old_.node(id);
    std::vector<Val> operands;
    for (ValueId operand : node.operands) operands.push_back(mapped(operand));
    builder_.set_name(node.name);
    std::vector<Val> results = rewrite_(*this, node, operands);
    if (results.empty() && !node.results.empty()) results = copy(node, operands);
    if (!builder_.ok()) return std::move(builder_.take_status().error()).at("node '" + node.name + "'");
    TEMPER_CHECK(results.size() >= node.results.size(), "a rewrite of '" + node.op->name + "' lost results");
    for (size_t r = 0; r < node.results.size(); ++r) {
      map_[node.results[r]] = results[r].id;
      Value& value = result.value(results[r].id);
      if (value.name.empty()) value.name = old_.value(node.results[r]).name;
      if (!value.contents) value.contents = old_.value(node.results[r]).contents;
    }
  }
  std::vector<ValueId> outputs;
  for (ValueId id : old_.outputs()) outputs.push_back(map_[id]);
  result.set_outputs(std::move(outputs));
  result.output_names() = old_.output_names();
  return {};
}

}  // namespace temper
