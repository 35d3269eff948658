#include "ops/core/plugin.h"

#include <algorithm>

#include "ops/core/core.h"

namespace temper {
namespace {

Error refuse(const Plugin& plugin, const std::string& why) {
  return Error(ErrorCode::kInvalidArgument, why).at(plugin.display_name());
}

// The elements of an operand that holds a shape.
Expected<std::vector<SymInt>> elements(const Graph& graph, const Plugin& plugin, ValueId id) {
  if (graph.value(id).contents) return *graph.value(id).contents;
  const Node* node = graph.producer(id);
  if (node && node->op->name == "constant") {
    const Tensor& data = attrs_as<Constant>(*node->attrs).data;
    std::vector<SymInt> all;
    for (int64_t i = 0; is_int(data.dtype()) && i < data.count(); ++i) all.push_back(data.at(i).i);
    return all;
  }
  return refuse(plugin, "its input '" + graph.value(id).name +
                            "' is to hold a shape, but it is computed from data; compute it from extents and constants");
}

Expected<std::vector<ValueType>> infer(const Graph& graph, const Plugin& plugin, std::span<const ValueId> operands) {
  if (plugin.identity.size() != 4 || plugin.ranks.size() != plugin.dtypes.size() ||
      plugin.aliases.size() != plugin.dtypes.size() || plugin.size_results.size() != plugin.sizes.size() ||
      plugin.limits.size() != 2 * plugin.sizes.size() || plugin.data < 0 ||
      plugin.data > static_cast<int64_t>(operands.size()) || plugin.dtypes.empty())
    return refuse(plugin, "its attributes don't fit each other");
  const Dims dims = TEMPER_TRY(plugin_dims(graph, plugin, operands, plugin.dims));
  std::vector<ValueType> types;
  auto dim = dims.begin();
  for (size_t r = 0; r < plugin.dtypes.size(); ++r) {
    const auto dtype = dtype_from_name(plugin.dtypes[r]);
    if (!dtype || plugin.ranks[r] < 0 || plugin.ranks[r] > dims.end() - dim)
      return refuse(plugin, "its attributes don't fit each other");
    TensorType type{*dtype, {}};
    for (int64_t d = 0; d < plugin.ranks[r]; ++d) type.dims.push_back(*dim++);
    const int64_t aliased = plugin.aliases[r];
    if (aliased >= plugin.data || (aliased >= 0 && graph.type(operands[aliased]) != type))
      return refuse(plugin, "output " + std::to_string(r) + " is to be written over an input of another type or shape");
    types.emplace_back(std::move(type));
  }
  for (int64_t r : plugin.size_results) {
    const auto* type = r >= 0 && r < static_cast<int64_t>(types.size()) ? &std::get<TensorType>(types[r]) : nullptr;
    if (!type || !type->dims.empty() || (type->dtype != DType::kI32 && type->dtype != DType::kI64))
      return refuse(plugin, "an output that tells a size is to be a scalar of int32 or int64");
  }
  return types;
}

const bool kRegistered = [] {
  Op op;
  op.name = "plugin";
  op.infer = [](Graph& graph, const Attrs& attrs, std::span<const ValueId> operands,
                const std::vector<std::unique_ptr<Graph>>&) { return infer(graph, attrs_as<Plugin>(attrs), operands); };
  op.default_attrs = make_attrs(Plugin{});
  op.make_attrs = &attrs_from_fields<Plugin>;
  register_op(std::move(op));
  return true;
}();

}  // namespace

std::string Plugin::display_name() const {
  const auto part = [&](size_t i) { return i < identity.size() ? "'" + identity[i] + "'" : std::string("''"); };
  return "plugin " + part(0) + " version " + part(1) + " of namespace " + part(2);
}

Expected<Dims> plugin_dims(const Graph& graph, const Plugin& plugin, std::span<const ValueId> operands, const Dims& dims) {
  SymContext& context = graph.sym();
  std::vector<SymInt> from, to;
  for (size_t k = 0; k < operands.size(); ++k) {
    const auto* type = operands[k] == kNone32 ? nullptr : std::get_if<TensorType>(&graph.value(operands[k]).type);
    if (!type) return refuse(plugin, "its input " + std::to_string(k) + " is missing, or no tensor");
    for (size_t d = 0; d < type->dims.size(); ++d) {
      from.push_back(plugin_extent(context, k, d));
      to.push_back(type->dims[d]);
    }
    if (static_cast<int64_t>(k) < plugin.data) continue;
    const std::vector<SymInt> shape = TEMPER_TRY(elements(graph, plugin, operands[k]));
    for (size_t i = 0; i < shape.size(); ++i) {
      from.push_back(plugin_element(context, k, i));
      to.push_back(shape[i]);
    }
  }
  Dims result;
  for (SymInt e : dims) result.push_back(substitute(e, from, to));
  return result;
}

SymInt plugin_extent(SymContext& context, size_t operand, size_t dim) {
  return context.symbol("in" + std::to_string(operand) + "d" + std::to_string(dim));
}
SymInt plugin_element(SymContext& context, size_t operand, size_t element) {
  return context.symbol("in" + std::to_string(operand) + "v" + std::to_string(element));
}

}  // namespace temper
