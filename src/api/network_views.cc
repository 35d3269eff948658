#include <algorithm>

#include "api/network.h"
#include "api/translate.h"
#include "ir/op.h"

namespace temper::api {

using nvinfer1::LayerType;

namespace {

// What a node is in the API's words. Operators that are not here count as plugins, as the API has no layer for them.
constexpr std::pair<std::string_view, LayerType> kLayerTypes[] = {
    {"conv", LayerType::kCONVOLUTION},
    {"conv_transpose", LayerType::kDECONVOLUTION},
    {"cast", LayerType::kCAST},
    {"max_pool", LayerType::kPOOLING},
    {"average_pool", LayerType::kPOOLING},
    {"lrn", LayerType::kLRN},
    {"softmax", LayerType::kSOFTMAX},
    {"concat", LayerType::kCONCATENATION},
    {"map", LayerType::kELEMENTWISE},
    {"pad", LayerType::kPADDING},
    {"reshape", LayerType::kSHUFFLE},
    {"transpose", LayerType::kSHUFFLE},
    {"reindex", LayerType::kSHUFFLE},
    {"reduce", LayerType::kREDUCE},
    {"top_k", LayerType::kTOPK},
    {"topk", LayerType::kTOPK},
    {"gather", LayerType::kGATHER},
    {"matmul", LayerType::kMATRIX_MULTIPLY},
    {"gemm", LayerType::kMATRIX_MULTIPLY},
    {"contract", LayerType::kMATRIX_MULTIPLY},
    {"constant", LayerType::kCONSTANT},
    {"identity", LayerType::kIDENTITY},
    {"slice", LayerType::kSLICE},
    {"shape", LayerType::kSHAPE},
    {"resize", LayerType::kRESIZE},
    {"where", LayerType::kSELECT},
    {"quantize_linear", LayerType::kQUANTIZE},
    {"dequantize_linear", LayerType::kDEQUANTIZE},
    {"scatter", LayerType::kSCATTER},
    {"einsum", LayerType::kEINSUM},
    {"one_hot", LayerType::kONE_HOT},
    {"non_zero", LayerType::kNON_ZERO},
    {"grid_sample", LayerType::kGRID_SAMPLE},
    {"non_max_suppression", LayerType::kNMS},
    {"squeeze", LayerType::kSQUEEZE},
    {"unsqueeze", LayerType::kUNSQUEEZE},
    {"cum_sum", LayerType::kCUMULATIVE},
    {"batch_norm", LayerType::kNORMALIZATION},
    {"layer_norm", LayerType::kNORMALIZATION},
    {"instance_norm", LayerType::kNORMALIZATION},
};

nvinfer1::DataType type_of(const Graph& graph, ValueId id) {
  const auto* tensor = std::get_if<TensorType>(&graph.value(id).type);
  return tensor ? to_public(tensor->dtype) : static_cast<nvinfer1::DataType>(-1);
}

}  // namespace

bool TensorView::isNetworkInput() const noexcept {
  const auto& inputs = network_.graph().inputs();
  return std::find(inputs.begin(), inputs.end(), id_) != inputs.end();
}

bool TensorView::isNetworkOutput() const noexcept {
  const auto& outputs = network_.graph().outputs();
  return std::find(outputs.begin(), outputs.end(), id_) != outputs.end();
}

void TensorView::setName(char const* name) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    if (!name || !*name) return invalid("a tensor needs a name");
    Graph& graph = network_.graph();
    for (ValueId id : graph.inputs()) {
      if (id != id_ && graph.value(id).name == name)
        return invalid("there is an input of the name '" + std::string(name) + "' already");
    }
    for (size_t o = 0; o < graph.outputs().size(); ++o) {
      if (graph.outputs()[o] != id_ && graph.output_names()[o] == name)
        return invalid("there is an output of the name '" + std::string(name) + "' already");
    }
    for (size_t o = 0; o < graph.outputs().size(); ++o) {
      if (graph.outputs()[o] == id_) graph.output_names()[o] = name;
    }
    graph.value(id_).name = name;
    return true;
  });
}

char const* TensorView::getName() const noexcept {
  return guarded<char const*>(network_.reporter(), "", [&]() -> Expected<char const*> {
    const Graph& graph = network_.graph();
    name_ = graph.value(id_).name;
    for (size_t o = 0; o < graph.outputs().size() && !isNetworkInput(); ++o) {
      if (graph.outputs()[o] == id_) {
        name_ = graph.output_names()[o];
        break;
      }
    }
    if (name_.empty()) name_ = "(tensor " + std::to_string(id_) + ")";
    return name_.c_str();
  });
}

// Dims of a graph with nodes are fixed: layers behind have derived theirs from them.
void TensorView::setDimensions(nvinfer1::Dims const& dims) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    std::string place = "tensor '" + std::string(getName()) + "'";
    if (!isNetworkInput()) return invalid("only the dimensions of inputs can be set").at(place);
    if (!from_public(dims)) return invalid("a shape has 0 to 8 extents, not " + dims_text(dims)).at(place);
    Graph& graph = network_.graph();
    const nvinfer1::Dims now = getDimensions();
    if (now.nbDims == dims.nbDims && std::equal(dims.d, dims.d + dims.nbDims, now.d)) return true;
    if (!graph.uses()[id_].empty()) {
      return Error(ErrorCode::kUnsupported,
                   "the dimensions of an input can't be changed once layers read it; give its shape in an optimization profile")
          .at(place);
    }
    TensorType type = graph.type(id_);
    type.dims.clear();
    for (int i = 0; i < dims.nbDims; ++i) {
      if (dims.d[i] < -1)
        return invalid("an extent is at least 0, or -1 for one that is not known yet, unlike " + dims_text(dims)).at(place);
      type.dims.push_back(dims.d[i] >= 0 ? SymInt(dims.d[i])
                                         : graph.sym().symbol("tensor" + std::to_string(id_) + "_" + std::to_string(i)));
    }
    graph.value(id_).type = std::move(type);
    return true;
  });
}

nvinfer1::Dims TensorView::getDimensions() const noexcept {
  const auto* type = std::get_if<TensorType>(&network_.graph().value(id_).type);
  if (!type || type->dims.size() > size_t(nvinfer1::Dims::MAX_DIMS)) return invalid_dims();
  nvinfer1::Dims dims{};
  dims.nbDims = static_cast<int32_t>(type->dims.size());
  for (size_t i = 0; i < type->dims.size(); ++i) dims.d[i] = type->dims[i].is_const() ? type->dims[i].value() : -1;
  return dims;
}

void TensorView::setType(nvinfer1::DataType type) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    std::string place = "tensor '" + std::string(getName()) + "'";
    auto dtype = from_public(type);
    if (!dtype) return invalid("there is no such element type").at(place);
    if (type == getType()) return true;
    Graph& graph = network_.graph();
    if (!isNetworkInput() || !graph.uses()[id_].empty()) {
      return Error(ErrorCode::kUnsupported,
                   "the type of a tensor that a layer makes or reads can't be changed; add a cast to the model")
          .at(place);
    }
    TensorType changed = graph.type(id_);
    changed.dtype = *dtype;
    graph.value(id_).type = std::move(changed);
    return true;
  });
}

nvinfer1::DataType TensorView::getType() const noexcept { return type_of(network_.graph(), id_); }

void TensorView::setAllowedFormats(nvinfer1::TensorFormats formats) noexcept {
  if (formats & getAllowedFormats()) return;
  network_.reporter().report(ErrorCode::kUnsupported,
                             "tensors of a network are row-major (kLINEAR) only; allow this format too");
}

void TensorView::setDimensionName(int32_t index, char const* name) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    std::string place = "tensor '" + std::string(getName()) + "'";
    Graph& graph = network_.graph();
    if (!isNetworkInput() || !name || !*name || index < 0 || index >= getDimensions().nbDims) {
      return invalid("setDimensionName needs an input, one of its dimensions and a name").at(place);
    }
    TensorType type = graph.type(id_);
    if (type.dims[index].is_const()) return true;  // a number needs no name
    SymInt named = graph.sym().symbol(name);
    if (named == type.dims[index]) return true;
    if (!graph.uses()[id_].empty()) {
      return Error(ErrorCode::kUnsupported, "dimensions can't be named once layers read the input; name them in the model")
          .at(place);
    }
    type.dims[index] = named;
    graph.value(id_).type = std::move(type);
    return true;
  });
}

char const* TensorView::getDimensionName(int32_t index) const noexcept {
  return guarded<char const*>(network_.reporter(), nullptr, [&]() -> Expected<char const*> {
    const auto* type = std::get_if<TensorType>(&network_.graph().value(id_).type);
    if (!type || index < 0 || size_t(index) >= type->dims.size()) return nullptr;
    SymInt dim = type->dims[index];
    if (dim.is_const() || kind_of(dim) != SymKind::kVar) return nullptr;
    return (dimension_names_[index] = var_of(dim).name).c_str();
  });
}

LayerType LayerView::getType() const noexcept {
  const std::string& op = network_.graph().node(id_).op->name;
  for (const auto& [name, type] : kLayerTypes) {
    if (name == op) return type;
  }
  return LayerType::kPLUGIN_V3;
}

void LayerView::setName(char const* name) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    if (!name) return invalid("a layer was given no name");
    network_.graph().node(id_).name = name;
    return true;
  });
}

char const* LayerView::getName() const noexcept { return network_.graph().node(id_).name.c_str(); }

void LayerView::setMetadata(char const* metadata) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    metadata_ = metadata ? metadata : "";
    return true;
  });
}

int32_t LayerView::getNbInputs() const noexcept { return static_cast<int32_t>(network_.graph().node(id_).operands.size()); }
int32_t LayerView::getNbOutputs() const noexcept { return static_cast<int32_t>(network_.graph().node(id_).results.size()); }

nvinfer1::ITensor* LayerView::getInput(int32_t index) const noexcept {
  return index < 0 || index >= getNbInputs() ? nullptr : network_.tensor(network_.graph().node(id_).operands[index]);
}

nvinfer1::ITensor* LayerView::getOutput(int32_t index) const noexcept {
  return index < 0 || index >= getNbOutputs() ? nullptr : network_.tensor(network_.graph().node(id_).results[index]);
}

nvinfer1::DataType LayerView::getOutputType(int32_t index) const noexcept {
  if (index < 0 || index >= getNbOutputs()) return static_cast<nvinfer1::DataType>(-1);
  return type_of(network_.graph(), network_.graph().node(id_).results[index]);
}

// The new tensor must be of the same type, so that nothing behind the layer changes, and be made before it.
void LayerView::setInput(int32_t index, nvinfer1::ITensor& tensor) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    Graph& graph = network_.graph();
    Node& node = graph.node(id_);
    std::string place = "layer '" + node.name + "'";
    if (index < 0 || index >= getNbInputs()) return invalid("there is no input " + std::to_string(index)).at(place);
    ValueId now = node.operands[index], wanted = static_cast<TensorView&>(tensor).id();
    if (now == kNone32 || graph.value(now).type != graph.value(wanted).type) {
      return Error(ErrorCode::kUnsupported, "an input can only be replaced by a tensor of the same type and shape").at(place);
    }
    node.operands[index] = wanted;
    if (auto good = verify(graph); !good.ok()) {
      node.operands[index] = now;
      return std::move(good).error().at(place);
    }
    return true;
  });
}

}  // namespace temper::api
