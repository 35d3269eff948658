// Canonical form: what does nothing is left out. A map that returns its operand; movement that moves nothing, also as a chain
// (a transpose and its inverse); dimensions of one element that a map has only because its operands were given them (a mean
// with its axes kept): the map then runs over the points that it is computed from, so that it can join what computes them.
#include <algorithm>

#include "passes/pass.h"

namespace temper {
namespace {

// The map without its dimensions of one element, if every operand was given them by movement or is constant; empty: it stays as
// it is.
std::vector<Val> without_units(Builder& b, const Node& node, std::span<const Val> operands) {
  const auto& attrs = attrs_as<MapAttrs>(*node.attrs);
  Dims dims;
  for (SymInt d : attrs.domain) {
    if (!d.is_const(1)) dims.push_back(d);
  }
  if (dims.size() == attrs.domain.size() || operands.empty()) return {};
  const auto& code = attrs.body->code();
  if (std::any_of(code.begin(), code.end(), [](const ScalarInstruction& in) { return in.op == ScalarOp::kSym; })) return {};
  const IndexMap squeeze = reshape_map(b.sym(), attrs.domain, dims), unsqueeze = reshape_map(b.sym(), dims, attrs.domain);
  std::vector<std::pair<Val, IndexMap>> reads;
  bool any = false;
  for (Val v : operands) {
    const Node* before = b.graph().producer(v.id);
    if (before && before->op->name == "constant") {
      reads.emplace_back(v, squeeze);
      continue;
    }
    if (!before || before->op->name != "reindex") return {};
    const auto& moved = attrs_as<Reindex>(*before->attrs);
    Val source = b.val(before->operands[0]);
    bool given = moved.map == unsqueeze && b.dims(source) == dims;
    if (!moved.map.guard.is_const(1) || !(given || b.constant_value(source))) return {};
    any = any || given;
    reads.emplace_back(source, compose(b.sym(), squeeze, moved.map));
  }
  if (!any) return {};
  std::vector<Val> inner;
  for (auto& [source, map] : reads)
    inner.push_back(is_identity(b.sym(), map, b.dims(source)) ? source : b.reindex(source, std::move(map)));
  std::vector<Val> results;
  for (Val v : b.op("map", MapAttrs{dims, attrs.body}, inner)) results.push_back(b.reindex(v, unsqueeze));
  return results;
}

}  // namespace

Expected<Graph> canonicalize(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    Builder& b = rewrite.builder();
    if (node.op->name == "map") {
      const ScalarBody& body = *attrs_as<MapAttrs>(*node.attrs).body;
      if (body.results().size() != 1) return {};
      const ScalarInstruction& result = body.code()[body.results()[0]];
      if (result.op == ScalarOp::kOperand) return {operands[result.index]};
      return without_units(b, node, operands);
    }
    if (node.op->name == "reindex") {
      IndexMap map = attrs_as<Reindex>(*node.attrs).map;
      Val source = operands[0];
      if (is_identity(b.sym(), map, b.dims(source))) return {source};
      while (const Node* before = b.graph().producer(source.id)) {
        if (before->op->name != "reindex" || !map.guard.is_const(1)) break;
        const auto& inner = attrs_as<Reindex>(*before->attrs);
        if (!inner.map.guard.is_const(1)) break;
        map = compose(b.sym(), map, inner.map);
        source = b.val(before->operands[0]);
        if (is_identity(b.sym(), map, b.dims(source))) return {source};
      }
    }
    return {};
  });
}

}  // namespace temper
