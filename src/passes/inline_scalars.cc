// A constant of one element that a map reads becomes part of the map's body: no operand to load, and what the numbers are (the
// bounds of a clamp, a factor of one half) is known to all that look at the body. It comes after what folds constants into each
// other and into weights.
#include "passes/pass.h"

namespace temper {
namespace {

// The value that an operand has at each point, if that is one and known.
std::optional<ScalarValue> only_value(Builder& b, Val v) {
  if (const Node* node = b.graph().producer(v.id);
      node && node->op->name == "reindex" && attrs_as<Reindex>(*node->attrs).map.guard.is_const(1)) {
    v.id = node->operands[0];
  }
  auto data = b.constant_value(v);
  if (!data || data->count() != 1 || data->dtype() == DType::kString) return std::nullopt;
  return data->at(0);
}

}  // namespace

Expected<Graph> inline_scalars(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (node.op->name != "map") return {};
    Builder& b = rewrite.builder();
    const auto& attrs = attrs_as<MapAttrs>(*node.attrs);
    std::vector<Val> kept;
    std::vector<int32_t> arguments;
    ScalarBuilder body;
    for (Val operand : operands) {
      const DType dtype = b.dtype(operand);
      if (auto value = only_value(b, operand)) {
        arguments.push_back(is_float(dtype) ? body.constant(value->f, dtype) : body.constant_int(value->i, dtype));
      } else {
        arguments.push_back(body.operand(static_cast<int>(kept.size()), dtype));
        kept.push_back(operand);
      }
    }
    // A map of nothing would have no type to start from; such a one is a constant that is too large to be written down.
    if (kept.empty() || kept.size() == operands.size()) return {};
    auto results = body.inline_body(*attrs.body, arguments);
    return b.op("map", MapAttrs{attrs.domain, body.finish(results, static_cast<int>(kept.size()))}, kept);
  });
}

}  // namespace temper
