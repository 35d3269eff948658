#include "api/plugin_import.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>

#include "api/plugin.h"
#include "api/plugin_fields.h"
#include "api/plugin_registry.h"
#include "api/reporter.h"

namespace temper::api {
namespace {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldType;

std::string text_attribute(const onnx::Node& node, std::string_view name, std::string_view otherwise) {
  const onnx::Attribute* attribute = node.attribute(name);
  return std::string(attribute && attribute->type == onnx::Attribute::kString ? attribute->s : otherwise);
}

// The values of an attribute in the type that a field has.
class FieldData {
 public:
  Expected<PluginField> make(const PluginField& declared, const onnx::Attribute& attribute) {
    using Attribute = onnx::Attribute;
    const std::string name = declared.name;
    const auto refuse = [&] {
      return invalid("its attribute '" + name + "' is " + std::string(attribute_kind_name(attribute.type)) +
                     ", which its creator's field of this name can't be made of");
    };
    switch (attribute.type) {
      case Attribute::kInt:
      case Attribute::kInts:
        return whole(declared, attribute.type == Attribute::kInt ? std::vector<int64_t>{attribute.i} : attribute.ints,
                     refuse());
      case Attribute::kFloat:
      case Attribute::kFloats: {
        const auto values = attribute.type == Attribute::kFloat ? std::vector<float>{attribute.f} : attribute.floats;
        if (declared.type == PluginFieldType::kFLOAT32) return keep<float>(declared, values);
        if (declared.type == PluginFieldType::kFLOAT64)
          return keep<double>(declared, std::vector<double>(values.begin(), values.end()));
        return refuse();
      }
      case Attribute::kString: {
        if (declared.type != PluginFieldType::kCHAR) return refuse();
        std::string text(attribute.s);
        text += '\0';  // for creators that read it as a C string; not counted
        PluginField field = keep<char>(declared, std::vector<char>(text.begin(), text.end()));
        field.length = static_cast<int32_t>(attribute.s.size());
        return field;
      }
      case Attribute::kTensor: {
        const onnx::Tensor* tensor = attribute.tensor();
        const int64_t bits = field_element_bits(declared.type);
        if (!tensor || declared.type == PluginFieldType::kUNKNOWN || bits != onnx::data_type_bits(tensor->data_type))
          return refuse();
        const auto* from = reinterpret_cast<const char*>(tensor->data.data());
        PluginField field = keep<char>(declared, std::vector<char>(from, from + tensor->data.size()));
        field.length = static_cast<int32_t>(tensor->elements());
        return field;
      }
      default:
        return refuse();
    }
  }

 private:
  Expected<PluginField> whole(const PluginField& declared, const std::vector<int64_t>& values, Error refusal) {
    switch (declared.type) {
      case PluginFieldType::kINT8:
        return narrowed<int8_t>(declared, values, std::move(refusal));
      case PluginFieldType::kINT16:
        return narrowed<int16_t>(declared, values, std::move(refusal));
      case PluginFieldType::kINT32:
        return narrowed<int32_t>(declared, values, std::move(refusal));
      case PluginFieldType::kINT64:
        return keep<int64_t>(declared, values);
      case PluginFieldType::kDIMS: {
        if (values.size() > size_t(nvinfer1::Dims::MAX_DIMS)) return refusal;
        nvinfer1::Dims dims{};
        dims.nbDims = static_cast<int32_t>(values.size());
        std::copy(values.begin(), values.end(), dims.d);
        return keep<nvinfer1::Dims>(declared, {dims});
      }
      default:
        return refusal;
    }
  }
  template <class T>
  Expected<PluginField> narrowed(const PluginField& declared, const std::vector<int64_t>& values, Error refusal) {
    std::vector<T> narrow;
    for (int64_t value : values) {
      if (value != static_cast<T>(value)) return refusal;
      narrow.push_back(static_cast<T>(value));
    }
    return keep<T>(declared, narrow);
  }
  template <class T>
  PluginField keep(const PluginField& declared, const std::vector<T>& values) {
    std::vector<std::max_align_t>& to = kept_.emplace_back(values.size() * sizeof(T) / sizeof(std::max_align_t) + 1);
    if (!values.empty()) std::memcpy(to.data(), values.data(), values.size() * sizeof(T));
    return {declared.name, to.data(), declared.type, static_cast<int32_t>(values.size())};
  }
  std::deque<std::vector<std::max_align_t>> kept_;
};

// Operands that hold shapes go last, as addPluginV3 has them.
std::vector<size_t> operand_order(const onnx::Node& node, size_t count, size_t& data) {
  const onnx::Attribute* told = node.attribute("tensorrt_plugin_shape_input_indices");
  const auto holds_shape = [&](size_t k) {
    return told && std::find(told->ints.begin(), told->ints.end(), static_cast<int64_t>(k)) != told->ints.end();
  };
  std::vector<size_t> order;
  for (size_t k = 0; k < count; ++k) {
    if (!holds_shape(k)) order.push_back(k);
  }
  data = order.size();
  for (size_t k = 0; k < count; ++k) {
    if (holds_shape(k)) order.push_back(k);
  }
  return order;
}

}  // namespace

Expected<onnx::PluginNode> read_plugin_node(const onnx::Node& node, const Graph& graph, std::span<const ValueId> operands) {
  const std::string name(node.op_type), version = text_attribute(node, "plugin_version", "1"),
                                        space = text_attribute(node, "plugin_namespace", "");
  auto& registry = PluginRegistry::of_process();
  nvinfer1::IPluginCreatorInterface* creator = registry.getCreator(name.c_str(), version.c_str(), space.c_str());
  if (!creator) return onnx::PluginNode{};
  nvinfer1::IPluginCreator* old = registry.getPluginCreator(name.c_str(), version.c_str(), space.c_str());
  auto* v3 = old ? nullptr : static_cast<nvinfer1::IPluginCreatorV3One*>(creator);
  const std::string place = Plugin{.identity = {name, version, space}}.display_name();
  const auto read = [&]() -> Expected<onnx::PluginNode> {
    if (std::find(operands.begin(), operands.end(), kNone32) != operands.end())
      return invalid("an input of it is left out, and plugins have all of theirs");
    const nvinfer1::PluginFieldCollection* declared = old ? old->getFieldNames() : v3->getFieldNames();
    FieldData data;
    std::vector<PluginField> fields;
    for (int32_t i = 0; declared && i < declared->nbFields; ++i) {
      const PluginField& field = declared->fields[i];
      const onnx::Attribute* attribute = field.name ? node.attribute(field.name) : nullptr;
      if (attribute) fields.push_back(TEMPER_TRY(data.make(field, *attribute)));
    }
    const nvinfer1::PluginFieldCollection collection{static_cast<int32_t>(fields.size()), fields.data()};
    const std::string layer(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name);
    auto* made_old = old ? old->createPlugin(layer.c_str(), &collection) : nullptr;
    auto* made_v3 = v3 ? v3->createPlugin(layer.c_str(), &collection, nvinfer1::TensorRTPhase::kBUILD) : nullptr;
    if (!made_old && !made_v3) return invalid("its creator's createPlugin() gives no plugin of the node's attributes");
    if (made_old) made_old->setPluginNamespace(space.c_str());
    auto plugin = TEMPER_TRY(made_old ? adopt_plugin(made_old) : adopt_plugin(made_v3));
    onnx::PluginNode made;
    size_t data_inputs = 0;
    made.order = operand_order(node, operands.size(), data_inputs);
    if (data_inputs < operands.size() && !plugin->takes_shapes())
      return invalid("only an IPluginV3 has inputs that hold shapes (tensorrt_plugin_shape_input_indices)");
    std::vector<ValueId> ordered;
    ordered.reserve(made.order.size());
    for (size_t k : made.order) ordered.push_back(operands[k]);
    made.attrs = make_attrs(TEMPER_TRY(describe_plugin(graph, std::move(plugin), ordered, data_inputs)));
    return made;
  };
  auto made = read();
  if (!made.ok() && made.error().trail().empty()) return std::move(made).error().at(place);
  return made;
}

}  // namespace temper::api
