// How a Context runs plugins.
#include <algorithm>
#include <chrono>

#include "runtime/context.h"

namespace temper {

Status Context::attach_plugins() {
  const plan::PlanT& plan = engine_->plan();
  plugins_.clear();
  plugins_.resize(plan.steps.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::StepT& step = *plan.steps[i];
    if (step.kind != plan::StepKind::Plugin) continue;
    AttachedPlugin& plugin = plugins_[i];
    plugin.run = TEMPER_TRY_AT(engine_->plugin(static_cast<int>(i)).attach(), "layer '" + step.name + "'");
    plugin.extents.resize(step.parameters.size());
    plugin.arguments.resize(step.buffers.size());
    const int64_t* from = plugin.extents.data();
    for (size_t t = 0; t < step.buffers.size(); ++t) {
      const auto rank = static_cast<size_t>(step.plugin->ranks[t]);
      plugin.tensors.push_back({static_cast<DType>(plan.buffers[step.buffers[t]]->dtype), {from, rank}});
      from += rank;
    }
  }
  return {};
}

// The plugin is told what its buffers hold: that is checked against their sizes, and against what it was made for.
Status Context::set_plugin_shapes(int i) {
  const plan::StepT& step = *engine_->plan().steps[i];
  const plan::PluginInfoT& info = *step.plugin;
  AttachedPlugin& plugin = plugins_[i];
  bool same = plugin.told;
  for (size_t e = 0; e < plugin.extents.size(); ++e) {
    const int64_t extent = info.open[e] ? -1 : now_.slots[step.parameters[e]];
    same = same && extent == plugin.extents[e];
    plugin.extents[e] = extent;
  }
  if (same) return {};
  plugin.told = false;
  size_t e = 0;
  for (size_t t = 0; t < step.buffers.size(); ++t) {
    int64_t elements = 1;
    for (int d = 0; d < info.ranks[t]; ++d, ++e) {
      const int64_t extent = now_.slots[step.parameters[e]];
      if (extent < info.least[e] || extent > info.largest[e]) {
        return Error(ErrorCode::kInvalidArgument,
                     "extent " + std::to_string(d) + " of tensor '" + engine_->plan().buffers[step.buffers[t]]->name + "' is " +
                         std::to_string(extent) + ", but plugin '" + info.name + "' was made for " +
                         std::to_string(info.least[e]) + " to " + std::to_string(info.largest[e]) +
                         "; give inputs within the optimization profile, or build with a wider one");
      }
      if (__builtin_mul_overflow(elements, extent, &elements)) elements = INT64_MAX / 64;
    }
    TEMPER_TRY(room(step.buffers[t], dtype_bytes(plugin.tensors[t].dtype, elements)));
  }
  TEMPER_TRY_AT(plugin.run->set_shapes(plugin.tensors), "plugin '" + info.name + "'");
  plugin.told = true;
  return {};
}

Status Context::run_plugin(int i) {
  const plan::StepT& step = *engine_->plan().steps[i];
  const plan::PluginInfoT& info = *step.plugin;
  AttachedPlugin& plugin = plugins_[i];
  TEMPER_TRY(set_plugin_shapes(i));
  for (size_t t = 0; t < step.buffers.size(); ++t) plugin.arguments[t] = now_.addresses[step.buffers[t]];
  // An input that is written over is copied to the output first: others may still read it.
  for (size_t o = 0; o < info.aliases.size(); ++o) {
    if (info.aliases[o] < 0) continue;
    const auto from = static_cast<size_t>(info.aliases[o]), to = static_cast<size_t>(info.inputs) + o;
    if (plugin.arguments[to] != plugin.arguments[from]) {
      const int64_t bytes = now_.bytes[step.buffers[to]];
      TEMPER_TRY(queue_->copy(plugin.arguments[to], TEMPER_TRY(room(step.buffers[from], bytes)), bytes));
    }
    plugin.arguments[from] = plugin.arguments[to];
  }
  using Clock = std::chrono::steady_clock;
  const bool timed = on_step && !captured_;
  const auto start = timed ? Clock::now() : Clock::time_point();
  if (!stream_) TEMPER_TRY(queue_->finish());  // the plugin has a stream of its own then
  TEMPER_TRY_AT(plugin.run->enqueue(plugin.arguments, now_.workspace, stream_), "plugin '" + info.name + "'");
  if (timed) TEMPER_TRY(queue_->finish());
  if (timed) on_step(i, std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
  return {};
}

}  // namespace temper
