// A map of one operand that makes wider elements than it reads (levels to numbers, half to single precision) is computed by
// each map that reads it: so what lies in memory between kernels is the narrow value, and widening costs a few instructions in
// registers. It is read through movement that guards nothing. Readers of other kinds keep the map.
#include "passes/pass.h"

namespace temper {
namespace {

constexpr size_t kMostInstructions = 8;

struct Widening {
  Val source;
  const ScalarBody* body;
};

std::optional<Widening> widening(Builder& b, Val v) {
  const Node* node = b.graph().producer(v.id);
  if (!node || node->op->name != "map" || node->operands.size() != 1) return std::nullopt;
  const ScalarBody& body = *attrs_as<MapAttrs>(*node->attrs).body;
  if (body.results().size() != 1 || body.code().size() > kMostInstructions) return std::nullopt;
  for (const ScalarInstruction& in : body.code()) {
    if (in.op == ScalarOp::kSym) return std::nullopt;
  }
  Val source = b.val(node->operands[0]);
  if (b.dtype(source) == DType::kString || dtype_bits(b.dtype(source)) >= dtype_bits(body.result_dtype())) return std::nullopt;
  return Widening{source, &body};
}

}  // namespace

Expected<Graph> inline_widening(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (node.op->name != "map") return {};
    Builder& b = rewrite.builder();
    const auto& attrs = attrs_as<MapAttrs>(*node.attrs);
    std::vector<Val> sources(operands.begin(), operands.end());
    std::vector<int32_t> arguments;
    ScalarBuilder body;
    bool any = false;
    for (size_t i = 0; i < operands.size(); ++i) {
      const Node* moved = b.graph().producer(operands[i].id);
      const bool through = moved && moved->op->name == "reindex" && attrs_as<Reindex>(*moved->attrs).map.guard.is_const(1);
      auto found = widening(b, through ? b.val(moved->operands[0]) : operands[i]);
      if (!found || b.constant_value(found->source)) {
        arguments.push_back(body.operand(static_cast<int>(i), b.dtype(operands[i])));
        continue;
      }
      const IndexMap map = through ? attrs_as<Reindex>(*moved->attrs).map : IndexMap{};
      sources[i] = through ? b.reindex(found->source, map) : found->source;
      const int32_t narrow[] = {body.operand(static_cast<int>(i), b.dtype(found->source))};
      arguments.push_back(body.inline_body(*found->body, narrow)[0]);
      any = true;
    }
    if (!any) return {};
    auto results = body.inline_body(*attrs.body, arguments);
    return b.op("map", MapAttrs{attrs.domain, body.finish(results, static_cast<int>(sources.size()))}, sources);
  });
}

}  // namespace temper
