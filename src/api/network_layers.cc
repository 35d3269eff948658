// How layers come into a network, and what is known of their results while it is edited.
#include <algorithm>

#include "api/network.h"
#include "api/plugin.h"
#include "api/translate.h"
#include "ir/op.h"
#include "ops/builder.h"
#include "ops/layers/flow.h"
#include "passes/pass.h"

namespace temper::api {

void LayerDraft::reads(nvinfer1::ITensor& tensor) {
  auto id = network.value_of(tensor);
  if (id.ok())
    operands.push_back(*id);
  else if (problem.ok())
    problem = std::move(id).error();
}

Status LayerDraft::reads(nvinfer1::ITensor* const* tensors, int32_t count) {
  if (!tensors || count < 1) return invalid("the layer needs at least one input");
  for (int32_t i = 0; i < count; ++i) {
    if (!tensors[i]) return invalid("input " + std::to_string(i) + " is missing");
    reads(*tensors[i]);
  }
  return {};
}

Status LayerDraft::reads(nvinfer1::Weights weights, const char* what) {
  if (weights.count == 0) {
    operands.push_back(kNone32);
    return {};
  }
  constants.push_back(network.add_hidden_constant(TEMPER_TRY(network.weights_tensor(weights, what))));
  operands.push_back(network.graph().node(constants.back()).results[0]);
  return {};
}

Expected<ValueId> Network::value_of(const nvinfer1::ITensor& tensor) const {
  const auto& view = static_cast<const TensorView&>(tensor);
  if (&view.network() != this) {
    return invalid("the tensor '" + std::string(tensor.getName()) + "' is of another network; use one of this network");
  }
  return view.id();
}

Expected<Tensor> Network::weights_tensor(nvinfer1::Weights weights, const char* what) const {
  const auto dtype = from_public(weights.type);
  if (!dtype || *dtype == DType::kString) return invalid(std::string(what) + " are of no element type that there is");
  if (weights.count < 1 || !weights.values) return invalid(std::string(what) + " have no values, or a count under 1");
  const auto bytes = static_cast<size_t>(dtype_bytes(*dtype, weights.count));
  const size_t width = std::max(1, dtype_bits(*dtype) / 8);
  if (reinterpret_cast<uintptr_t>(weights.values) % width == 0) {
    return Tensor(*dtype, {weights.count}, {static_cast<const std::byte*>(weights.values), bytes}, nullptr);
  }
  Tensor copy = Tensor::zeros(*dtype, {weights.count});
  std::copy_n(static_cast<const std::byte*>(weights.values), bytes, copy.mutable_bytes());
  return copy;
}

NodeId Network::add_hidden_constant(Tensor data) {
  TensorType type{data.dtype(), {SymInt(data.count())}};
  const NodeId id = graph_.add_node(core_op("constant"), make_attrs(Constant{std::move(data)}), {}, {std::move(type)}, {}, "");
  hidden_.insert(id);
  shown_.clear();
  return id;
}

bool Network::is_hidden(ValueId id) const {
  const NodeId producer = graph_.value(id).producer;
  return producer != kNone32 && hidden_.contains(producer);
}

const std::vector<NodeId>& Network::shown() const {
  if (shown_.empty()) {
    for (NodeId id : graph_.order()) {
      if (!hidden_.contains(id)) shown_.push_back(id);
    }
  }
  return shown_;
}

Expected<NodeId> Network::add_layer(LayerDraft& draft) {
  if (!draft.problem.ok()) return std::move(draft.problem).error();
  const Op& op = core_op(draft.type);
  while (!draft.operands.empty() && draft.operands.back() == kNone32) draft.operands.pop_back();
  std::vector<ValueType> types(draft.results, TensorType{DType::kF32, {}});
  const size_t number = shown().size();
  const NodeId id = graph_.add_node(op, draft.attrs, draft.operands, types, {}, "");
  shown_.clear();
  Node& node = graph_.node(id);
  node.name = "(Unnamed Layer* " + std::to_string(number) + ") [" + std::string(layer_word(op.name)) + "]";
  for (size_t r = 0; r < node.results.size(); ++r) {
    graph_.value(node.results[r]).name = node.name + "_output" + (r ? "_" + std::to_string(r) : "");
  }
  stale_.insert(id);
  if (waits_for(id) != kNone32) return id;
  Status good = infer(id);
  if (good.ok() || draft.mendable) return id;
  stale_.erase(id);
  graph_.erase_if([&](const Node& other) { return &other == &node; });
  shown_.clear();
  return std::move(good).error();
}

Error Network::discard(const LayerDraft& draft, Error error) {
  for (NodeId id : draft.constants) {
    hidden_.erase(id);
    const Node* node = &graph_.node(id);
    graph_.erase_if([&](const Node& other) { return &other == node; });
  }
  shown_.clear();
  return error;
}

Status Network::infer(NodeId id) const {
  Node& node = graph_.node(id);
  if (is_plugin(node)) TEMPER_TRY(ask_plugin(node));
  if (node.op->is_core()) {
    auto types = node.op->infer(graph_, *node.attrs, node.operands, node.bodies);
    if (!types.ok()) return std::move(types).error();
    for (size_t r = 0; r < node.results.size(); ++r) graph_.value(node.results[r]).type = (*types)[r];
    for (ValueId result : node.results) graph_.value(result).contents.reset();
    derive_contents(graph_, id);
  } else {
    Inferred inferred = TEMPER_TRY(infer_composite(graph_, *node.op, *node.attrs, node.operands));
    for (size_t r = 0; r < node.results.size() && r < inferred.types.size(); ++r) {
      graph_.value(node.results[r]).type = std::move(inferred.types[r]);
      graph_.value(node.results[r]).contents = std::move(inferred.contents[r]);
    }
  }
  stale_.erase(id);
  return {};
}

void Network::changed(NodeId id) {
  stale_.insert(id);
  for (bool more = true; more;) {
    more = false;
    for (NodeId other : graph_.order()) {
      if (!stale_.contains(other) && waits_for(other) != kNone32) more = stale_.insert(other).second;
    }
  }
}

NodeId Network::waits_for(NodeId id) const {
  for (ValueId operand : layers::read_before(graph_.node(id))) {
    if (operand == kNone32) continue;
    if (const NodeId from = graph_.value(operand).producer; from != kNone32 && stale_.contains(from)) return from;
  }
  return kNone32;
}

Status Network::settle(ValueId wanted) const {
  const NodeId target = graph_.value(wanted).producer;
  if (target == kNone32 || !stale_.contains(target)) return {};
  std::map<NodeId, Error> problems;
  for (bool more = true; more && stale_.contains(target);) {
    more = false;
    for (NodeId id : graph_.order()) {
      if (!stale_.contains(id) || problems.contains(id) || waits_for(id) != kNone32) continue;
      Status good = infer(id);
      if (good.ok())
        more = true;
      else
        problems.emplace(id, std::move(good).error());
    }
  }
  if (!stale_.contains(target)) return {};
  NodeId cause = target;
  for (std::set<NodeId> seen; !problems.contains(cause) && seen.insert(cause).second;) {
    if (const NodeId next = waits_for(cause); next != kNone32) cause = next;
  }
  const Node& node = graph_.node(cause);
  const std::string place = "layer '" + node.name + "'";
  auto found = problems.find(cause);
  if (found == problems.end()) return invalid("the layer reads, over others, what it makes itself").at(place);
  return std::move(found->second).at(place);
}

Status Network::change_input(ValueId id, TensorType type) {
  std::set<ValueId> reached{id};
  for (NodeId node_id : graph_.order()) {
    const Node& node = graph_.node(node_id);
    const bool reads =
        std::any_of(node.operands.begin(), node.operands.end(), [&](ValueId operand) { return reached.contains(operand); });
    if (!reads) continue;
    if (!is_layer(node)) return Error(ErrorCode::kUnsupported, "a model that was read in depends on it");
    reached.insert(node.results.begin(), node.results.end());
  }
  graph_.value(id).type = std::move(type);
  for (NodeId node_id : graph_.order()) {
    const auto& operands = graph_.node(node_id).operands;
    if (std::find(operands.begin(), operands.end(), id) != operands.end()) changed(node_id);
  }
  return {};
}

std::optional<DType> Network::chosen_output_type(ValueId id) const {
  auto found = output_types_.find(id);
  return found == output_types_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<bool> Network::batched_inputs() const {
  std::vector<bool> batched;
  for (ValueId id : graph_.inputs()) batched.push_back(hasImplicitBatchDimension() && !tensor(id)->getBroadcastAcrossBatch());
  return batched;
}

Expected<Graph> Network::finished() const {
  for (NodeId id : graph_.order()) {
    if (is_plugin(graph_.node(id))) TEMPER_TRY(settle(graph_.node(id).results[0]));
  }
  const bool edited = std::any_of(graph_.order().begin(), graph_.order().end(),
                                  [&](NodeId id) { return is_layer(graph_.node(id)) || hidden_.contains(id); });
  Graph graph = edited ? TEMPER_TRY(structure(graph_)) : graph_.clone();
  if (hasImplicitBatchDimension()) {
    graph = TEMPER_TRY(batch(graph, graph.sym().symbol("implicit_batch"), batched_inputs()));
  }
  Builder builder(graph);
  std::vector<ValueId> outputs = graph.outputs();
  for (size_t o = 0; o < outputs.size(); ++o) {
    const auto type = chosen_output_type(graph_.outputs()[o]);
    if (type) outputs[o] = builder.cast(builder.val(outputs[o]), *type).id;
  }
  TEMPER_TRY(builder.take_status());
  graph.set_outputs(std::move(outputs));
  if (has_plugins(graph)) return choose_plugin_types(graph, getFlag(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED));
  return graph;
}

void Network::add_layer_types(std::map<std::string, LayerTypes, std::less<>>& types) const {
  for (const auto& [id, view] : layers_) {
    const LayerCore& core = view->core();
    for (int32_t i = 0; i < core.output_count(); ++i) {
      const auto chosen = core.chosen_output_type(i);
      if (!chosen) continue;
      auto& outputs = types[core.name()].outputs;
      outputs.resize(std::max<size_t>(outputs.size(), size_t(i) + 1));
      outputs[i] = chosen;
    }
    if (core.precision()) types[core.name()].compute = core.precision();
  }
}

bool Network::setWeightsName(nvinfer1::Weights weights, char const* name) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!name || !*name || !weights.values) return invalid("setWeightsName needs weights and a name");
    for (const auto& [values, taken] : weight_names_) {
      if (taken == name && values != weights.values)
        return invalid("there are weights of the name '" + std::string(name) + "' already");
    }
    const bool read = std::any_of(graph_.order().begin(), graph_.order().end(), [&](NodeId id) {
      const Node& node = graph_.node(id);
      return node.op->name == "constant" && attrs_as<Constant>(*node.attrs).data.bytes().data() == weights.values;
    });
    if (!read) return invalid("no layer has the weights that are to be named '" + std::string(name) + "'");
    weight_names_[weights.values] = name;
    return true;
  });
}

bool Network::markOutputForShapes(nvinfer1::ITensor& tensor) noexcept {
  const int32_t before = getNbOutputs();
  markOutput(tensor);
  return getNbOutputs() > before;
}
bool Network::unmarkOutputForShapes(nvinfer1::ITensor& tensor) noexcept {
  const int32_t before = getNbOutputs();
  unmarkOutput(tensor);
  return getNbOutputs() < before;
}

}  // namespace temper::api
