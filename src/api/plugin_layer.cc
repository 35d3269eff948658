// Plugins as layers of a network.
#include "api/network.h"
#include "api/plugin.h"
#include "passes/pass.h"

namespace temper::api {
namespace {

class PluginV2View final : public LayerOf<nvinfer1::IPluginV2Layer> {
 public:
  PluginV2View(Network& network, NodeId id) : LayerOf(network, id, int32_t(network.graph().node(id).operands.size())) {}
  ~PluginV2View() noexcept override = default;
  nvinfer1::IPluginV2& getPlugin() noexcept override { return *object_of(attrs_as<Plugin>(*core_.node().attrs)).v2(); }
};

class PluginV3View final : public LayerOf<nvinfer1::IPluginV3Layer> {
 public:
  PluginV3View(Network& network, NodeId id) : LayerOf(network, id, int32_t(network.graph().node(id).operands.size())) {}
  ~PluginV3View() noexcept override = default;
  nvinfer1::IPluginV3& getPlugin() noexcept override { return *object_of(attrs_as<Plugin>(*core_.node().attrs)).v3(); }
};

Status draft_plugin(LayerDraft& draft, Expected<std::shared_ptr<const PluginObject>> adopted, int32_t data) {
  auto plugin = TEMPER_TRY(std::move(adopted));
  const int32_t outputs = plugin->output_count();
  if (outputs < 1) return invalid("it has no outputs").at(plugin->display_name());
  draft.type = "plugin";
  draft.results = outputs;
  // The rest is asked when types are inferred.
  draft.attrs = make_attrs(Plugin{.identity = plugin->identity(), .data = data, .code = plugin});
  return {};
}

Status draft_inputs(LayerDraft& draft, nvinfer1::ITensor* const* tensors, int32_t count) {
  if (count < 0) return invalid("it was given " + std::to_string(count) + " inputs");
  return count == 0 ? Status() : draft.reads(tensors, count);
}

}  // namespace

nvinfer1::IPluginV2Layer* Network::addPluginV2(nvinfer1::ITensor* const* inputs, int32_t count,
                                               nvinfer1::IPluginV2& plugin) noexcept {
  return add<PluginV2View>("addPluginV2", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(draft_inputs(draft, inputs, count));
    return draft_plugin(draft, adopt_plugin(plugin.clone()), count);
  });
}

nvinfer1::IPluginV3Layer* Network::addPluginV3(nvinfer1::ITensor* const* inputs, int32_t count,
                                               nvinfer1::ITensor* const* shapes, int32_t shape_count,
                                               nvinfer1::IPluginV3& plugin) noexcept {
  return add<PluginV3View>("addPluginV3", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(draft_inputs(draft, inputs, count));
    TEMPER_TRY(draft_inputs(draft, shapes, shape_count));
    return draft_plugin(draft, adopt_plugin(plugin.clone()), count);
  });
}

std::unique_ptr<LayerBase> Network::view_of(NodeId id) const {
  auto& network = const_cast<Network&>(*this);
  const Node& node = graph_.node(id);
  if (!is_plugin(node)) return std::make_unique<PlainLayer>(network, id);
  if (object_of(attrs_as<Plugin>(*node.attrs)).v2()) return std::make_unique<PluginV2View>(network, id);
  return std::make_unique<PluginV3View>(network, id);
}

bool is_plugin(const Node& node) { return node.op->name == "plugin"; }

Status Network::ask_plugin(Node& node) const {
  const auto& now = attrs_as<Plugin>(*node.attrs);
  auto object = std::static_pointer_cast<const PluginObject>(now.code);
  node.attrs = make_attrs(TEMPER_TRY(describe_plugin(graph_, std::move(object), node.operands, size_t(now.data))));
  return {};
}

namespace {

// One plugin's tensors while types are tried: inputs, then outputs, each as it is or, in weak typing, as another type that
// holds the same values more or less finely.
class TypeSearch {
 public:
  TypeSearch(const Graph& graph, const Node& node, bool strongly_typed)
      : object_(object_of(attrs_as<Plugin>(*node.attrs))), strong_(strongly_typed) {
    const auto& plugin = attrs_as<Plugin>(*node.attrs);
    inputs_ = static_cast<size_t>(plugin.data);
    for (size_t k = 0; k < inputs_; ++k) add(graph.type(node.operands[k]));
    for (ValueId v : node.results) add(graph.type(v));
  }

  Status run() {
    if (TEMPER_TRY(called([&]() -> Expected<bool> { return fits(0); }))) return {};
    std::string asked;
    for (const PluginTensorRange& tensor : tensors_)
      asked += (asked.empty() ? "" : ", ") + std::string(dtype_name(tensor.dtype));
    return Error(ErrorCode::kUnsupported,
                 "it supports no types for its tensors that the network can give: row-major (kLINEAR) tensors of " + asked +
                     (strong_ ? "; cast its inputs to types that it supports"
                              : ", or other floating types in their places; let it support kLINEAR"))
        .at(object_.display_name());
  }
  DType chosen(size_t tensor) const { return tensors_[tensor].dtype; }

 private:
  void add(const TensorType& type) {
    PluginTensorRange range{type.dtype, {}, {}, {}, {}};
    for (SymInt d : type.dims) range.dims.push_back(d.is_const() ? d.value() : -1);
    range.least = range.best = range.largest = range.dims;
    tensors_.push_back(std::move(range));
  }

  std::vector<DType> candidates(DType given) const {
    std::vector<DType> all{given};
    if (strong_) return all;
    if (is_float(given)) {
      for (DType other : {DType::kF32, DType::kF16, DType::kBF16}) {
        if (other != given) all.push_back(other);
      }
    }
    if (given == DType::kI64) all.push_back(DType::kI32);
    return all;
  }

  bool fits(size_t position) {
    if (position == tensors_.size()) return true;
    if (position == inputs_) {
      std::vector<DType> given;
      for (size_t k = 0; k < inputs_; ++k) given.push_back(tensors_[k].dtype);
      auto types = object_.output_types(given);
      if (!types.ok() || types->size() != tensors_.size() - inputs_) return false;
      for (size_t o = 0; o < types->size(); ++o) tensors_[inputs_ + o].dtype = (*types)[o];
    }
    const DType given = tensors_[position].dtype;
    for (DType type : candidates(given)) {
      if (++tried_ > object_.combination_limit() * int64_t(tensors_.size())) break;
      tensors_[position].dtype = type;
      if (object_.supports(static_cast<int32_t>(position), tensors_, inputs_) && fits(position + 1)) return true;
    }
    tensors_[position].dtype = given;
    return false;
  }

  const PluginObject& object_;
  bool strong_;
  size_t inputs_;
  std::vector<PluginTensorRange> tensors_;
  int64_t tried_ = 0;
};

}  // namespace

bool has_plugins(const Graph& graph) {
  return std::any_of(graph.order().begin(), graph.order().end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    return is_plugin(node) ||
           std::any_of(node.bodies.begin(), node.bodies.end(), [](const auto& b) { return has_plugins(*b); });
  });
}

Expected<Graph> choose_plugin_types(const Graph& graph, bool strongly_typed) {
  return Rewrite::run(graph, [&](Rewrite& rewrite, const Node& node, std::span<const Val> operands) -> std::vector<Val> {
    if (!is_plugin(node)) return {};
    Builder& b = rewrite.builder();
    TypeSearch search(rewrite.old_graph(), node, strongly_typed);
    if (Status found = search.run(); !found.ok()) return {b.fail(std::move(found).error())};
    Plugin plugin = attrs_as<Plugin>(*node.attrs);
    const auto inputs = static_cast<size_t>(plugin.data);
    std::vector<Val> given(operands.begin(), operands.end());
    for (size_t k = 0; k < inputs; ++k) given[k] = b.cast(given[k], search.chosen(k));
    for (size_t o = 0; o < plugin.dtypes.size(); ++o) plugin.dtypes[o] = dtype_name(search.chosen(inputs + o));
    std::vector<Val> results = b.op(core_op("plugin"), make_attrs(std::move(plugin)), given);
    for (size_t o = 0; b.ok() && o < results.size(); ++o)
      results[o] = b.cast(results[o], rewrite.old_graph().type(node.results[o]).dtype);
    return results;
  });
}

}  // namespace temper::api
