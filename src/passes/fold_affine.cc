// Folding of scales into weights: (contract(x, w) + t) * c becomes contract(x, w * c) + t * c, where w, t and c are constant
// and c differs from column to column only. Batch normalisation behind a convolution so disappears. The products of constants
// are folded later.
#include <algorithm>
#include <functional>

#include "passes/pass.h"

namespace temper {
namespace {

// A constant spread over some dims: a constant tensor read through a map.
struct Spread {
  Val source;
  IndexMap map;
};

class ScalePusher {
 public:
  explicit ScalePusher(Rewrite& rewrite) : rewrite_(rewrite), b_(rewrite.builder()), old_(rewrite.old_graph()) {}

  // old value * scale in the new graph, if the scale can be pushed down to weights.
  std::optional<Val> scaled(ValueId v, const Spread& scale) {
    const Node* node = old_.producer(v);
    if (!node || rewrite_.use_count(v) != 1) return std::nullopt;
    if (node->op->name == "contract") return scaled_contract(*node, scale);
    if (node->op->name != "map") return std::nullopt;
    auto op = single_op(*node);
    if (!op || (*op != ScalarOp::k_add && *op != ScalarOp::k_sub) || node->operands.size() != 2) return std::nullopt;
    int variable = spread_of(node->operands[1]) ? 0 : (spread_of(node->operands[0]) && *op == ScalarOp::k_add ? 1 : -1);
    if (variable == -1) return std::nullopt;
    auto inner = scaled(node->operands[variable], scale);
    if (!inner) return std::nullopt;
    Val shift = rewrite_.mapped(node->operands[1 - variable]) * spread(scale);
    return *op == ScalarOp::k_add ? *inner + shift : *inner - shift;
  }

  std::optional<Spread> spread_of(ValueId v) {
    Val value = rewrite_.mapped(v);
    if (b_.constant_value(value)) return Spread{value, identity_map(b_.sym(), b_.dims(value))};
    const Node* node = b_.graph().producer(value.id);
    if (!node || node->op->name != "reindex") return std::nullopt;
    Val source = b_.val(node->operands[0]);
    const auto& attrs = attrs_as<Reindex>(*node->attrs);
    if (!b_.constant_value(source) || !attrs.map.guard.is_const(1)) return std::nullopt;
    return Spread{source, attrs.map};
  }

  // The only function of a map of two operands in order, with nothing around it.
  static std::optional<ScalarOp> single_op(const Node& node) {
    const ScalarBody& body = *attrs_as<MapAttrs>(*node.attrs).body;
    if (body.code().size() != 3 || body.results().size() != 1 || !is_float(body.result_dtype())) return std::nullopt;
    const ScalarInstruction& in = body.code()[2];
    if (body.results()[0] != 2 || in.op >= ScalarOp::kCast || in.args[1] < 0) return std::nullopt;
    const ScalarInstruction &a = body.code()[in.args[0]], &c = body.code()[in.args[1]];
    if (a.op != ScalarOp::kOperand || c.op != ScalarOp::kOperand || a.index != 0 || c.index != 1) return std::nullopt;
    return in.op;
  }

 private:
  Val spread(const Spread& s) { return b_.reindex(s.source, s.map); }

  std::optional<Val> scaled_contract(const Node& node, const Spread& scale) {
    const auto& attrs = attrs_as<ContractAttrs>(*node.attrs);
    Val weights = rewrite_.mapped(node.operands[1]);
    const Dims& weight_dims = b_.dims(weights);
    if (!b_.constant_value(weights) || !is_float(b_.dtype(weights))) return std::nullopt;
    // The scale, over the points of the weights: each variable of the result that it uses must be an index of the weights.
    auto out_vars = index_vars(b_.sym(), scale.map.domain);
    auto contract_vars = index_vars(b_.sym(), attrs.rhs.domain);
    auto weight_vars = index_vars(b_.sym(), weight_dims);
    std::vector<SymInt> replacement(out_vars.size(), SymInt(-1));
    for (size_t d = 0; d < out_vars.size(); ++d) {
      for (size_t j = 0; j < weight_dims.size(); ++j) {
        if (attrs.rhs.results[j] == contract_vars[d] && weight_dims[j] == scale.map.domain[d]) replacement[d] = weight_vars[j];
      }
    }
    IndexMap map{weight_dims, {}, 1};
    for (SymInt e : scale.map.results) {
      for (size_t d = 0; d < out_vars.size(); ++d) {
        if (depends_on(e, out_vars[d]) && replacement[d].is_const(-1)) return std::nullopt;
      }
      map.results.push_back(substitute(e, out_vars, replacement));
    }
    Val scaled_weights = weights * b_.reindex(scale.source, map);
    const Val both[] = {rewrite_.mapped(node.operands[0]), scaled_weights};
    return b_.op(*node.op, node.attrs, both)[0];
  }

  Rewrite& rewrite_;
  Builder& b_;
  const Graph& old_;
};

}  // namespace

Expected<Graph> fold_affine(const Graph& graph) {
  return Rewrite::run(graph, [](Rewrite& rewrite, const Node& node, std::span<const Val>) -> std::vector<Val> {
    if (node.op->name != "map" || node.operands.size() != 2) return {};
    ScalePusher pusher(rewrite);
    auto op = ScalePusher::single_op(node);
    if (!op || (*op != ScalarOp::k_mul && *op != ScalarOp::k_div)) return {};
    for (int side = 0; side < (*op == ScalarOp::k_mul ? 2 : 1); ++side) {
      auto scale = pusher.spread_of(node.operands[1 - side]);
      if (!scale) continue;
      if (*op == ScalarOp::k_div) scale->source = 1.0 / scale->source;
      if (auto result = pusher.scaled(node.operands[side], *scale)) return {*result};
    }
    return {};
  });
}

}  // namespace temper
