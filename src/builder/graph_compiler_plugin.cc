// How a plugin becomes a step: its tensors lie row-major, its code is told what the profile allows, and what it makes of itself
// goes into the plan.
#include <algorithm>
#include <numeric>

#include "builder/graph_compiler.h"
#include "ops/core/plugin.h"

namespace temper {
namespace {

bool any_of_sizes(const Dims& dims, const Dims& sizes) {
  return std::any_of(dims.begin(), dims.end(), [&](SymInt e) {
    return std::any_of(sizes.begin(), sizes.end(), [&](SymInt s) { return depends_on(e, s); });
  });
}

}  // namespace

Status GraphCompiler::compile_plugin(const Node& node) {
  const auto& plugin = attrs_as<Plugin>(*node.attrs);
  const std::string place = "layer '" + node.name + "' (" + plugin.display_name() + ")";
  if (!plugin.code) {
    return Error(ErrorCode::kUnsupported, "a graph that was read from text has no code for plugins; build it from its network")
        .at(place);
  }
  const Dims limits = TEMPER_TRY(plugin_dims(graph_, plugin, node.operands, plugin.limits));
  Dims most;
  std::unordered_map<SymInt, PlanAssembly::Range> own;
  for (size_t k = 0; k < plugin.sizes.size(); ++k) {
    most.push_back(limits[2 * k + 1]);
    const auto likely = assembly_.range(limits[2 * k], {}), whole = assembly_.range(most.back(), {});
    if (likely && whole) own[plugin.sizes[k]] = {0, (*likely)[1], (*whole)[2]};
  }
  auto info = std::make_unique<plan::PluginInfoT>();
  std::vector<int> buffers, parameters;
  std::vector<PluginTensorRange> tensors;
  const auto add = [&](ValueId v, int buffer) -> Status {
    const TensorType& type = graph_.type(v);
    PluginTensorRange range{type.dtype, {}, {}, {}, {}};
    for (SymInt e : type.dims) {
      const auto ends = assembly_.range(e, own);
      if (!ends) {
        return Error(ErrorCode::kInvalidArgument,
                     "the extent " + e.to_string() + " of tensor '" + graph_.value(v).name +
                         "' has no bounds, and plugins are made for what the profile allows; add an optimization profile for "
                         "the network's inputs, and don't give a plugin what has a size that depends on data")
            .at(place);
      }
      const bool open = any_of_sizes({&e, &e + 1}, plugin.sizes);
      range.dims.push_back(e.is_const() ? e.value() : -1);
      range.least.push_back((*ends)[0]);
      range.best.push_back((*ends)[1]);
      range.largest.push_back((*ends)[2]);
      info->open.push_back(open);
      parameters.push_back(assembly_.slots().slot(open ? substitute(e, plugin.sizes, most) : e));
    }
    info->ranks.push_back(static_cast<int>(type.dims.size()));
    for (auto [to, from] :
         {std::pair(&info->least, &range.least), {&info->best, &range.best}, {&info->largest, &range.largest}})
      to->insert(to->end(), from->begin(), from->end());
    tensors.push_back(std::move(range));
    buffers.push_back(buffer);
    return {};
  };
  const std::span data(node.operands.data(), static_cast<size_t>(plugin.data));
  for (ValueId v : data) TEMPER_TRY(add(v, TEMPER_TRY(plain_buffer(v))));
  for (ValueId v : node.results) {
    TensorType room = graph_.type(v);
    const Layout layout = Layout::row_major(room.dims);
    const bool open = any_of_sizes(room.dims, plugin.sizes);
    for (SymInt& e : room.dims) e = substitute(e, plugin.sizes, most);
    auto bound = bound_outputs_.find(v);
    std::vector<int> order(room.dims.size());
    std::iota(order.begin(), order.end(), 0);
    const int buffer =
        bound != bound_outputs_.end() && !open ? bound->second : new_storage(room, order, graph_.value(v).name).buffer;
    storage_[v] = {buffer, layout};
    TEMPER_TRY(add(v, buffer));
  }
  const std::span all(tensors);
  PluginRecord record = TEMPER_TRY_AT(plugin.code->configure(all.first(data.size()), all.subspan(data.size())), place);
  info->name = plugin.identity[0];
  info->version = plugin.identity[1];
  info->name_space = plugin.identity[2];
  info->generation = plugin.identity[3];
  info->state.assign(record.state.begin(), record.state.end());
  info->inputs = static_cast<int>(data.size());
  info->aliases.assign(plugin.aliases.begin(), plugin.aliases.end());
  info->workspace = static_cast<uint64_t>(record.workspace);
  info->tactic = record.tactic;
  plan::StepT& step = assembly_.add_step(plan::StepKind::Plugin, node.name);
  step.nodes = {node.name};
  step.tactic = plugin.display_name() + (record.tactic ? " tactic " + std::to_string(record.tactic) : "");
  step.buffers = std::move(buffers);
  step.parameters = std::move(parameters);
  step.plugin = std::move(info);
  if (plugin.sizes.empty()) return {};
  std::vector<int> tell;
  for (int64_t r : plugin.size_results) tell.push_back(storage_.at(node.results[static_cast<size_t>(r)]).buffer);
  make_sizes(plugin.sizes, tell);
  return {};
}

}  // namespace temper
