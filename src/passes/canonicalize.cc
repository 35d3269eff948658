// Canonical form: what does nothing is left out. A map that returns its operand; movement that moves nothing, also as a chain (a transpose
// and its inverse).
#include "passes/pass.h"

namespace temper {

Expected<Graph> canonicalize(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    Builder& b = rewrite.builder();
    if (node.op->name == "map") {
      const ScalarBody& body = *attrs_as<MapAttrs>(*node.attrs).body;
      if (body.results().size() != 1) return {};
      const ScalarInstruction& result = body.code()[body.results()[0]];
      if (result.op == ScalarOp::kOperand) return {operands[result.index]};
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
