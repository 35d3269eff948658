#include "passes/float_flow.h"

#include <algorithm>
#include <cmath>

#include "ops/core/core.h"
#include "scalar/scalar.h"

namespace temper {
namespace {

// Functions whose results are far from the ends of any range, or that turn numbers beyond one into infinities themselves.
bool bounds(ScalarOp op) {
  switch (op) {
    case ScalarOp::k_exp:
    case ScalarOp::k_expm1:
    case ScalarOp::k_log:
    case ScalarOp::k_log1p:
    case ScalarOp::k_sin:
    case ScalarOp::k_cos:
    case ScalarOp::k_tanh:
    case ScalarOp::k_erf:
    case ScalarOp::k_sigmoid:
    case ScalarOp::k_atan:
    case ScalarOp::k_rsqrt:
    case ScalarOp::k_reciprocal:
      return true;
    default:
      return false;
  }
}

bool body_is_beyond(const ScalarBody& body, std::span<const ValueId> operands, const std::vector<char>& beyond, DType type,
                    size_t result) {
  std::vector<char> flags;
  flags.reserve(body.code().size());
  for (const ScalarInstruction& in : body.code()) {
    bool flag = false;
    if (in.op == ScalarOp::kOperand) flag = beyond[operands[in.index]];
    if (in.op == ScalarOp::kConst) flag = is_float(in.dtype) && overflows(in.constant.f, type);
    if (is_float(in.dtype) && !bounds(in.op)) {
      // The condition of a select is no number, and a bool anyway.
      for (int32_t arg : in.args) flag = flag || (arg >= 0 && flags[arg]);
    }
    flags.push_back(flag);
  }
  return flags[body.results()[result]];
}

bool tensor_is_beyond(const Tensor& data, DType type) {
  if (data.dtype() != DType::kF32) return false;
  const auto values = data.as<float>();
  return std::any_of(values.begin(), values.end(), [&](float x) { return overflows(x, type); });
}

}  // namespace

bool overflows(double value, DType type) {
  // Half a unit above the largest number is where rounding leaves the range.
  const double limit = type == DType::kF16 ? 65520.0 : type == DType::kBF16 ? 0x1.FFp127 : HUGE_VAL;
  return std::isfinite(value) && std::fabs(value) >= limit;
}

FloatFlow float_flow(const Graph& graph, DType type) {
  const auto count = static_cast<size_t>(graph.value_count());
  FloatFlow flow{std::vector<char>(count), std::vector<char>(count), std::vector<char>(count), std::vector<char>(count)};
  for (ValueId v : graph.inputs()) flow.measured[v] = is_float(graph.type(v).dtype);
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    bool behind = node.op->name == "contract", measured = !node.bodies.empty(), beyond = false;
    for (ValueId v : node.operands) {
      if (v == kNone32) continue;
      behind = behind || flow.behind_product[v];
      measured = measured || flow.measured[v];
      beyond = beyond || flow.beyond[v];
    }
    if (node.op->name == "contract") beyond = false;
    // A table read by positions is as good as an input.
    if (node.op->name == "gather") measured = measured || is_float(graph.type(node.operands[0]).dtype);
    if (node.op->name == "constant") beyond = tensor_is_beyond(attrs_as<Constant>(*node.attrs).data, type);
    for (size_t r = 0; r < node.results.size(); ++r) {
      const ValueId v = node.results[r];
      flow.behind_product[v] = behind;
      flow.measured[v] = measured;
      flow.beyond[v] = node.op->name == "map"
                           ? body_is_beyond(*attrs_as<MapAttrs>(*node.attrs).body, node.operands, flow.beyond, type, r)
                           : beyond;
    }
  }
  for (size_t k = graph.order().size(); k-- > 0;) {
    const Node& node = graph.node(graph.order()[k]);
    bool before = node.op->name == "contract";
    for (ValueId v : node.results) before = before || flow.before_product[v];
    for (ValueId v : node.operands) {
      if (v != kNone32) flow.before_product[v] = flow.before_product[v] || before;
    }
  }
  return flow;
}

}  // namespace temper
