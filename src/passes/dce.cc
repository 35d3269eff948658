// Dead code elimination: what no output needs, directly or through the sizes it makes known, is not written. Assertions stay.
#include <algorithm>
#include <set>

#include "ops/core/plugin.h"
#include "passes/pass.h"

namespace temper {
namespace {

void collect_sizes(SymInt e, std::set<const SymNode*>& sizes) {
  for (SymInt v : vars_of(e)) {
    if (var_of(v).kind == VarKind::kSize) sizes.insert(v.node());
  }
}

void collect_sizes(const AttrValue& value, std::set<const SymNode*>& sizes) {
  auto map = [&](const IndexMap& m) {
    for (SymInt e : m.domain) collect_sizes(e, sizes);
    for (SymInt e : m.results) collect_sizes(e, sizes);
    collect_sizes(m.guard, sizes);
  };
  if (auto* s = std::get_if<SymInt>(&value)) collect_sizes(*s, sizes);
  if (auto* dims = std::get_if<Dims>(&value)) {
    for (SymInt e : *dims) collect_sizes(e, sizes);
  }
  if (auto* m = std::get_if<IndexMap>(&value)) map(*m);
  if (auto* all = std::get_if<IndexMaps>(&value)) std::for_each(all->begin(), all->end(), map);
  if (auto* body = std::get_if<ScalarBodyPtr>(&value); body && *body) {
    for (const ScalarInstruction& in : (*body)->code()) collect_sizes(in.sym, sizes);
  }
}

// Sizes that a node uses: in its types, its attributes and, below, in its bodies.
void used_sizes(const Graph& graph, const Node& node, std::set<const SymNode*>& sizes) {
  for (ValueId id : node.results) {
    if (auto* type = std::get_if<TensorType>(&graph.value(id).type)) {
      for (SymInt e : type->dims) collect_sizes(e, sizes);
    }
  }
  for (const auto& [name, value] : node.attrs->fields()) collect_sizes(value, sizes);
  for (const auto& body : node.bodies) {
    for (NodeId id : body->order()) used_sizes(*body, body->node(id), sizes);
  }
}

// Sizes that become known when the node has run.
std::vector<SymInt> made_sizes(const Node& node) {
  if (node.op->name == "compact") return {attrs_as<CompactAttrs>(*node.attrs).size};
  if (node.op->name == "bind_size") return {attrs_as<BindSize>(*node.attrs).size};
  if (node.op->name == "if") return attrs_as<IfAttrs>(*node.attrs).sizes;
  if (node.op->name == "loop") return attrs_as<Loop>(*node.attrs).sizes;
  if (node.op->name == "plugin") return attrs_as<Plugin>(*node.attrs).sizes;
  return {};
}

}  // namespace

Expected<Graph> dce(const Graph& graph) {
  std::vector<char> live_value(graph.value_count(), 0), live_node(graph.node_count(), 0);
  std::set<const SymNode*> sizes;
  for (ValueId id : graph.outputs()) {
    live_value[id] = 1;
    if (auto* type = std::get_if<TensorType>(&graph.value(id).type)) {
      for (SymInt e : type->dims) collect_sizes(e, sizes);
    }
  }
  // Sizes may be used before, in the order, only by what comes later: one backward walk sees every use before its maker.
  for (size_t i = graph.order().size(); i-- > 0;) {
    NodeId id = graph.order()[i];
    const Node& node = graph.node(id);
    bool live = node.op->name == "assert";
    live = live || std::any_of(node.results.begin(), node.results.end(), [&](ValueId v) { return live_value[v]; });
    for (SymInt s : made_sizes(node)) live = live || sizes.contains(s.node());
    if (!live) continue;
    live_node[id] = 1;
    for (ValueId operand : node.operands) {
      if (operand != kNone32) live_value[operand] = 1;
    }
    used_sizes(graph, node, sizes);
  }
  Graph copy = graph.clone();
  copy.erase_if([&](const Node& node) { return !live_node[copy.value(node.results.at(0)).producer]; });
  for (NodeId id : copy.order()) {
    for (auto& body : copy.node(id).bodies) {
      Graph written = TEMPER_TRY(dce(*body));
      *body = std::move(written);
    }
  }
  return copy;
}

}  // namespace temper
