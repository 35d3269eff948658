#include "api/network.h"

#include <algorithm>

#include "api/translate.h"

namespace temper::api {

namespace {

std::string unused_output_name(const Graph& graph, const std::string& wanted) {
  auto taken = [&](const std::string& name) {
    return std::find(graph.output_names().begin(), graph.output_names().end(), name) != graph.output_names().end();
  };
  if (!wanted.empty() && !taken(wanted)) return wanted;
  for (int i = 0;; ++i) {
    std::string name = (wanted.empty() ? "output" : wanted) + "_" + std::to_string(i);
    if (!taken(name)) return name;
  }
}

}  // namespace

TensorView* Network::tensor(ValueId id) const {
  if (id == kNone32) return nullptr;
  return guarded<TensorView*>(reporter_, nullptr, [&]() -> Expected<TensorView*> {
    auto& view = tensors_[id];
    if (!view) view = std::make_unique<TensorView>(const_cast<Network&>(*this), id);
    return view.get();
  });
}

nvinfer1::ILayer* Network::getLayer(int32_t index) const noexcept {
  if (index < 0 || index >= getNbLayers()) return nullptr;
  return guarded<nvinfer1::ILayer*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ILayer*> {
    const NodeId id = shown()[index];
    auto& view = layers_[id];
    if (!view) view = view_of(id);
    return &view->layer();
  });
}

nvinfer1::ITensor* Network::getInput(int32_t index) const noexcept {
  return index < 0 || index >= getNbInputs() ? nullptr : tensor(graph_.inputs()[index]);
}

nvinfer1::ITensor* Network::getOutput(int32_t index) const noexcept {
  return index < 0 || index >= getNbOutputs() ? nullptr : tensor(graph_.outputs()[index]);
}

nvinfer1::ITensor* Network::addInput(char const* name, nvinfer1::DataType type, nvinfer1::Dims const& dims) noexcept {
  return guarded<nvinfer1::ITensor*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ITensor*> {
    if (!name || !*name) return invalid("an input needs a name");
    std::string place = "input '" + std::string(name) + "'";
    auto dtype = from_public(type);
    if (!dtype) return invalid("there is no such element type").at(place);
    for (ValueId id : graph_.inputs()) {
      if (graph_.value(id).name == name) return invalid("there is an input of this name already").at(place);
    }
    TEMPER_TRY_AT(check_input_dims(dims), place);
    TensorType made{*dtype, {}};
    for (int i = 0; i < dims.nbDims; ++i) {
      std::string symbol = "input" + std::to_string(graph_.inputs().size()) + "_" + std::to_string(i);
      made.dims.push_back(dims.d[i] >= 0 ? SymInt(dims.d[i]) : graph_.sym().symbol(symbol));
    }
    return tensor(graph_.add_input(std::move(made), name));
  });
}

Status Network::check_input_dims(nvinfer1::Dims const& dims) const {
  if (!from_public(dims)) return invalid("a shape has 0 to 8 extents, not " + dims_text(dims));
  for (int i = 0; i < dims.nbDims; ++i) {
    if (dims.d[i] < -1)
      return invalid("an extent is at least 0, or -1 for one that is not known yet, unlike " + dims_text(dims));
    if (dims.d[i] < 0 && hasImplicitBatchDimension())
      return invalid("with an implicit batch all extents are known, unlike " + dims_text(dims) +
                     "; give them, or make the network with kEXPLICIT_BATCH");
  }
  return {};
}

void Network::markOutput(nvinfer1::ITensor& given) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    ValueId id = TEMPER_TRY(value_of(given));
    std::vector<ValueId> outputs = graph_.outputs();
    if (std::find(outputs.begin(), outputs.end(), id) != outputs.end())
      return invalid("the tensor '" + std::string(given.getName()) + "' is an output already");
    graph_.output_names().push_back(unused_output_name(graph_, graph_.value(id).name));
    outputs.push_back(id);
    graph_.set_outputs(std::move(outputs));
    return true;
  });
}

void Network::unmarkOutput(nvinfer1::ITensor& given) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    ValueId id = static_cast<TensorView&>(given).id();
    std::vector<ValueId> outputs;
    std::vector<std::string> names;
    for (size_t o = 0; o < graph_.outputs().size(); ++o) {
      if (graph_.outputs()[o] == id) continue;
      outputs.push_back(graph_.outputs()[o]);
      names.push_back(graph_.output_names()[o]);
    }
    if (outputs.size() == graph_.outputs().size())
      return invalid("the tensor '" + std::string(given.getName()) + "' is not an output");
    graph_.set_outputs(std::move(outputs));
    graph_.output_names() = std::move(names);
    return true;
  });
}

void Network::removeTensor(nvinfer1::ITensor& given) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    const auto& view = static_cast<TensorView&>(given);
    const std::string name = view.getName();
    if (view.isNetworkOutput()) return invalid("the tensor '" + name + "' is an output; unmark it first");
    if (view.isNetworkInput())
      return Error(ErrorCode::kUnsupported, "the input '" + name + "' can't be taken away; make the network without it");
    if (!graph_.uses()[view.id()].empty())
      return invalid("the tensor '" + name + "' is read by a layer, so it can't be taken away");
    const Node* producer = graph_.producer(view.id());
    for (ValueId other : producer->results) {
      bool marked = std::find(graph_.outputs().begin(), graph_.outputs().end(), other) != graph_.outputs().end();
      if (marked || !graph_.uses()[other].empty())
        return invalid("another tensor of the layer that makes '" + name + "' is still used");
    }
    graph_.erase_if([&](const Node& node) { return &node == producer; });
    shown_.clear();
    return true;
  });
}

void Network::setName(char const* name) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!name) return invalid("the network was given no name");
    name_ = name;
    return true;
  });
}

bool Network::getFlag(nvinfer1::NetworkDefinitionCreationFlag flag) const noexcept {
  return is_value(flag) && (flags_ >> int(flag) & 1U);
}

Status Network::adopt(Imported imported) {
  if (hasImplicitBatchDimension())
    return Error(ErrorCode::kUnsupported, "the inputs of a model have their batch; make the network with kEXPLICIT_BATCH");
  if (graph_.value_count() > 0) {
    return Error(ErrorCode::kUnsupported, "a model can only be read into an empty network; make another network for it");
  }
  graph_ = std::move(imported.graph);
  shown_.clear();
  metadata_ = std::move(imported.metadata);
  storage_ = std::move(imported.storage);
  bytes_ = std::move(imported.bytes);
  return {};
}

Status Network::still_intact() const { return storage_ ? storage_->still_intact() : Status(); }

void Network::let_go_of_files() const {
  if (storage_) storage_->let_go();
}

}  // namespace temper::api
