#include <algorithm>

#include "api/network.h"
#include "api/translate.h"
#include "ir/op.h"

namespace temper::api {

namespace {

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

// Dims of a model that was read in are fixed: its nodes have derived theirs from them.
void TensorView::setDimensions(nvinfer1::Dims const& dims) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    std::string place = "tensor '" + std::string(getName()) + "'";
    if (!isNetworkInput()) return invalid("only the dimensions of inputs can be set").at(place);
    TEMPER_TRY_AT(network_.check_input_dims(dims), place);
    Graph& graph = network_.graph();
    const nvinfer1::Dims now = getDimensions();
    if (now.nbDims == dims.nbDims && std::equal(dims.d, dims.d + dims.nbDims, now.d)) return true;
    TensorType type = graph.type(id_);
    type.dims.clear();
    for (int i = 0; i < dims.nbDims; ++i) {
      type.dims.push_back(dims.d[i] >= 0 ? SymInt(dims.d[i])
                                         : graph.sym().symbol("tensor" + std::to_string(id_) + "_" + std::to_string(i)));
    }
    if (!network_.change_input(id_, std::move(type)).ok()) {
      return Error(ErrorCode::kUnsupported,
                   "the dimensions of an input can't be changed once layers of a model read it; give its shape in an "
                   "optimization "
                   "profile")
          .at(place);
    }
    return true;
  });
}

nvinfer1::Dims TensorView::getDimensions() const noexcept {
  const bool known = guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    TEMPER_TRY(network_.settle(id_));
    return true;
  });
  if (!known) return invalid_dims();
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
    const Graph& graph = network_.graph();
    if (isNetworkInput()) {
      TensorType changed = graph.type(id_);
      changed.dtype = *dtype;
      if (network_.change_input(id_, std::move(changed)).ok()) return true;
    } else if (isNetworkOutput()) {
      network_.set_output_type(id_, *dtype);
      return true;
    }
    return Error(ErrorCode::kUnsupported,
                 "the type of a tensor that a layer makes, or that a model read in depends on, can't be changed; add a cast")
        .at(place);
  });
}

nvinfer1::DataType TensorView::getType() const noexcept {
  if (const auto chosen = network_.chosen_output_type(id_)) return to_public(*chosen);
  static_cast<void>(network_.settle(id_));
  return type_of(network_.graph(), id_);
}

void TensorView::setLocation(nvinfer1::TensorLocation location) noexcept {
  if (!is_value(location)) return network_.reporter().report(ErrorCode::kInvalidArgument, "there is no such tensor location");
  location_ = location;
}

void TensorView::setBroadcastAcrossBatch(bool broadcast) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    if (network_.hasImplicitBatchDimension() && !isNetworkInput())
      return invalid("only inputs can be the same for a whole batch").at("tensor '" + std::string(getName()) + "'");
    broadcast_ = network_.hasImplicitBatchDimension() && broadcast;
    return true;
  });
}

bool TensorView::setDynamicRange(float min, float max) noexcept {
  if (!std::isfinite(min) || !std::isfinite(max) || min > max) {
    network_.reporter().report(ErrorCode::kInvalidArgument, "a dynamic range is two finite numbers, the smaller one first");
    return false;
  }
  range_ = {min, max};
  return true;
}

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

}  // namespace temper::api
