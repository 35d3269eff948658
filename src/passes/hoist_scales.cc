// Scales move out of products: contract(x * c, y) becomes contract(x, y) * c where c is one number. The product then reads x
// where it lies, also through movement, and the scale costs nothing behind it (attention scales its queries and keys before
// they are multiplied).
#include "passes/pass.h"

namespace temper {
namespace {

// Without the scale a product may leave the range of a type with few bits of exponent; these have those of f32 at least.
bool has_range(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kBF16; }

// c of a map that multiplies its only operand by c.
std::optional<double> scale_of(const Node& node) {
  if (node.op->name != "map" || node.operands.size() != 1) return std::nullopt;
  const ScalarBody& body = *attrs_as<MapAttrs>(*node.attrs).body;
  const auto& code = body.code();
  if (code.size() != 3 || body.results().size() != 1 || body.results()[0] != 2 || code[2].op != ScalarOp::k_mul)
    return std::nullopt;
  const ScalarInstruction &a = code[code[2].args[0]], &b = code[code[2].args[1]];
  if (a.op == ScalarOp::kOperand && b.op == ScalarOp::kConst) return b.constant.f;
  if (a.op == ScalarOp::kConst && b.op == ScalarOp::kOperand) return a.constant.f;
  return std::nullopt;
}

}  // namespace

Expected<Graph> hoist_scales(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (node.op->name != "contract") return {};
    Builder& b = rewrite.builder();
    const Graph& old = rewrite.old_graph();
    // A scale in front of weights belongs into them.
    if (!has_range(old.type(node.results[0]).dtype) || b.constant_value(operands[0]) || b.constant_value(operands[1]))
      return {};
    double scale = 1;
    std::vector<Val> sides(operands.begin(), operands.end());
    for (size_t side = 0; side < 2; ++side) {
      std::vector<const Node*> movement;
      const Node* at = old.producer(node.operands[side]);
      ValueId value = node.operands[side];
      for (; at && at->op->name == "reindex" && rewrite.use_count(value) == 1; at = old.producer(value)) {
        const auto& moved = attrs_as<Reindex>(*at->attrs);
        if (!moved.map.guard.is_const(1) && moved.fill != 0) break;
        movement.push_back(at);
        value = at->operands[0];
      }
      auto factor = at && rewrite.use_count(value) == 1 && has_range(old.type(value).dtype) ? scale_of(*at) : std::nullopt;
      if (!factor) continue;
      scale *= *factor;
      sides[side] = rewrite.mapped(at->operands[0]);
      for (size_t k = movement.size(); k-- > 0;) {
        const auto& moved = attrs_as<Reindex>(*movement[k]->attrs);
        sides[side] = b.reindex(sides[side], moved.map, moved.fill);
      }
    }
    if (sides[0].id == operands[0].id && sides[1].id == operands[1].id) return {};
    Val product = b.op(*node.op, node.attrs, sides)[0];
    ScalarBuilder body;
    int32_t x = body.operand(0, b.dtype(product));
    return b.map(body.finish(body.apply(ScalarOp::k_mul, x, body.constant(scale, b.dtype(product))), 1),
                 std::span(&product, 1));
  });
}

}  // namespace temper
