#include "api/plugin_shapes.h"

#include "api/plugin.h"
#include "api/reporter.h"
#include "ops/core/core.h"

namespace temper::api {

using nvinfer1::DimensionOperation;
using nvinfer1::DimsExprs;

nvinfer1::IDimensionExpr const* ExprBuilder::operation(DimensionOperation op, nvinfer1::IDimensionExpr const& first,
                                                       nvinfer1::IDimensionExpr const& second) noexcept {
  const SymInt a = value(first), b = value(second);
  switch (op) {
    case DimensionOperation::kSUM:
      return of(a + b);
    case DimensionOperation::kPROD:
      return of(a * b);
    case DimensionOperation::kMAX:
      return of(max(a, b));
    case DimensionOperation::kMIN:
      return of(min(a, b));
    case DimensionOperation::kSUB:
      return of(a - b);
    case DimensionOperation::kEQUAL:
      return of(equal(a, b));
    case DimensionOperation::kLESS:
      return of(less(a, b));
    case DimensionOperation::kFLOOR_DIV:
    case DimensionOperation::kCEIL_DIV:
      if (b.is_const(0)) return nullptr;
      return of(op == DimensionOperation::kFLOOR_DIV ? floor_div(a, b) : ceil_div(a, b));
  }
  return nullptr;
}

nvinfer1::IDimensionExpr const* ExprBuilder::declareSizeTensor(int32_t output, nvinfer1::IDimensionExpr const& likely,
                                                               nvinfer1::IDimensionExpr const& most) {
  sizes_.push_back({context_.fresh_size(), value(likely), value(most), output});
  return &expressions_.emplace_back(sizes_.back().size, true);
}

DimsExprs ExprBuilder::of(std::span<const SymInt> values) {
  DimsExprs dims{};
  dims.nbDims = static_cast<int32_t>(values.size());
  for (size_t d = 0; d < values.size(); ++d) dims.d[d] = of(values[d]);
  return dims;
}

std::string PluginObject::display_name() const { return Plugin{.identity = identity()}.display_name(); }

namespace {

Expected<SymInt> extent(const DimsExprs& dims, int32_t d, size_t output) {
  if (dims.d[d]) return ExprBuilder::value(*dims.d[d]);
  return invalid("it gives no expression for extent " + std::to_string(d) + " of its output " + std::to_string(output));
}

// The extents of an operand as a plugin is told them: numbers, and placeholders for the rest. Note [Shapes of plugins]
Expected<DimsExprs> told(const Graph& graph, ValueId id, size_t operand, ExprBuilder& expressions) {
  const auto* type = std::get_if<TensorType>(&graph.value(id).type);
  if (!type || type->dims.size() > size_t(nvinfer1::Dims::MAX_DIMS))
    return invalid("its input " + std::to_string(operand) + " has more than " + std::to_string(nvinfer1::Dims::MAX_DIMS) +
                   " dimensions");
  std::vector<SymInt> dims;
  for (size_t d = 0; d < type->dims.size(); ++d)
    dims.push_back(type->dims[d].is_const() ? type->dims[d] : plugin_extent(graph.sym(), operand, d));
  return expressions.of(dims);
}

// The elements of an operand that holds a shape.
Expected<DimsExprs> told_shape(const Graph& graph, ValueId id, size_t operand, ExprBuilder& expressions) {
  const TensorType& type = graph.type(id);
  const SymInt count = element_count(type);
  if (!is_int(type.dtype) || !count.is_const() || count.value() > nvinfer1::Dims::MAX_DIMS) {
    return invalid("its shape input '" + graph.value(id).name + "' must be at most " +
                   std::to_string(nvinfer1::Dims::MAX_DIMS) + " integers");
  }
  std::vector<SymInt> elements;
  for (int64_t i = 0; i < count.value(); ++i) elements.push_back(plugin_element(graph.sym(), operand, size_t(i)));
  // Numbers where they are known, so that the plugin can look at them.
  const Node* node = graph.producer(id);
  if (node && node->op->name == "constant") {
    const Tensor& data = attrs_as<Constant>(*node->attrs).data;
    for (int64_t i = 0; i < count.value(); ++i) elements[size_t(i)] = data.at(i).i;
  }
  return expressions.of(elements);
}

}  // namespace

Expected<Plugin> describe_plugin(const Graph& graph, std::shared_ptr<const PluginObject> plugin,
                                 std::span<const ValueId> operands, size_t data) {
  const auto describe = [&]() -> Expected<Plugin> {
    ExprBuilder expressions(graph.sym());
    std::vector<DType> types;
    std::vector<DimsExprs> inputs, shapes;
    for (size_t k = 0; k < operands.size(); ++k) {
      const bool read = k < data;
      inputs.push_back(
          TEMPER_TRY(read ? told(graph, operands[k], k, expressions) : told_shape(graph, operands[k], k, expressions)));
      if (read) types.push_back(graph.type(operands[k]).dtype);
    }
    shapes.assign(inputs.begin() + static_cast<ptrdiff_t>(data), inputs.end());
    inputs.resize(data);
    Plugin made{.identity = plugin->identity(), .data = static_cast<int64_t>(data)};
    const auto count = static_cast<size_t>(std::max(plugin->output_count(), 0));
    const std::vector<DType> outputs = TEMPER_TRY(plugin->output_types(types));
    const std::vector<DimsExprs> dims = TEMPER_TRY(plugin->output_shapes(inputs, shapes, expressions));
    if (count == 0 || outputs.size() != count || dims.size() != count) return invalid("it has no outputs");
    for (size_t o = 0; o < count; ++o) {
      made.dtypes.emplace_back(dtype_name(outputs[o]));
      if (dims[o].nbDims < 0 || dims[o].nbDims > nvinfer1::Dims::MAX_DIMS) {
        return invalid("it gives its output " + std::to_string(o) + " a rank of " + std::to_string(dims[o].nbDims));
      }
      made.ranks.push_back(dims[o].nbDims);
      for (int32_t d = 0; d < dims[o].nbDims; ++d) made.dims.push_back(TEMPER_TRY(extent(dims[o], d, o)));
      const int32_t aliased = plugin->aliased_input(static_cast<int32_t>(o));
      if (aliased < -1 || aliased >= static_cast<int32_t>(data))
        return invalid("it wants to write its output " + std::to_string(o) + " over an input that it does not have");
      made.aliases.push_back(aliased);
    }
    for (const ExprBuilder::Size& size : expressions.sizes()) {
      made.sizes.push_back(size.size);
      made.size_results.push_back(size.output);
      made.limits.push_back(size.likely);
      made.limits.push_back(size.most);
    }
    made.code = plugin;
    return made;
  };
  auto made = called(describe);
  if (!made.ok()) return std::move(made).error().at(plugin->display_name());
  return made;
}

}  // namespace temper::api
