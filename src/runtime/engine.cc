#include "runtime/engine.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace temper {
namespace {

Recompile recompile_hook = nullptr;

}  // namespace

RegisterRecompile::RegisterRecompile(Recompile recompile) { recompile_hook = recompile; }

Expected<std::shared_ptr<const Engine>> Engine::load(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                                     const PluginLoader& plugins) {
  return std::shared_ptr<const Engine>(TEMPER_TRY(decode_or_recompile(bytes, std::move(owner), plugins)));
}

Expected<std::shared_ptr<const Engine>> Engine::load(std::shared_ptr<const MappedFile> file, const PluginLoader& plugins) {
  auto engine = decode_or_recompile(file->bytes(), file, plugins);
  TEMPER_TRY(file->still_intact());
  if (!engine.ok()) return std::move(engine).error();
  (*engine)->file_ = std::move(file);
  return std::shared_ptr<const Engine>(std::move(*engine));
}

// An accelerator goes before the processor, which is always there.
Expected<size_t> Engine::open_device(std::span<const std::string> targets) {
  std::vector<size_t> order(targets.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_partition(order.begin(), order.end(), [&](size_t t) { return family_of(targets[t]) != "cpu"; });
  std::optional<Error> why;
  for (size_t t : order) {
    auto opened = open_backend(targets[t]);
    if (opened.ok()) {
      backend_ = std::move(*opened);
      return t;
    }
    if (!why) why = std::move(opened).error();
  }
  return *std::move(why);
}

// Of a file for several targets each has constants of its own: the others' stay where they are.
Status Engine::place_weights(std::shared_ptr<const void> owner) {
  std::vector<Backend::Part> used;
  std::vector<size_t> number(plan().buffers.size());
  for (size_t b = 0; b < plan().buffers.size(); ++b) {
    const plan::BufferT& buffer = *plan().buffers[b];
    number[b] = used.size();
    if (buffer.kind == plan::BufferKind::Constant)
      used.push_back({static_cast<size_t>(buffer.offset), static_cast<size_t>(buffer.size)});
  }
  Backend::Placed placed = TEMPER_TRY(backend_->place_weights(parts_.weights, used, std::move(owner)));
  weights_ = std::move(placed.memory);
  constants_.resize(plan().buffers.size());
  for (size_t b = 0; b < plan().buffers.size(); ++b) {
    if (plan().buffers[b]->kind == plan::BufferKind::Constant) constants_[b] = placed.addresses[number[b]];
  }
  return {};
}

std::vector<std::string> Engine::remarks() const {
  std::vector<std::string> all = remarks_, more = backend_->remarks();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Expected<std::shared_ptr<Engine>> Engine::decode_or_recompile(std::span<const std::byte> bytes,
                                                              std::shared_ptr<const void> owner, const PluginLoader& plugins) {
  auto engine = decode(bytes, owner, plugins);
  if (engine.ok()) return engine;
  const ErrorCode code = engine.error().code();
  if (code != ErrorCode::kIncompatible && code != ErrorCode::kNotFound && code != ErrorCode::kUnsupported) return engine;
  auto parts = read_plan(bytes, owner);
  if (!parts.ok() || parts->plan->constants.empty() || !recompile_hook) return engine;
  // A graph that is read has no code for plugins: what was wrong, a missing creator perhaps, is the answer then.
  const auto& steps = parts->plan->steps;
  if (std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s->kind == plan::StepKind::Plugin; })) return engine;
  auto made = std::make_shared<const std::vector<std::byte>>(
      TEMPER_TRY_AT(recompile_hook(*parts), "compiling the plan for this machine"));
  auto again = TEMPER_TRY(decode(*made, made, plugins));
  std::string targets;
  for (const std::string& target : parts->plan->targets) targets += (targets.empty() ? "" : ", ") + target;
  again->remarks_.push_back(
      "the plan is for " + targets + ", which can't run here (" + engine.error().message() + "); it was compiled for " +
      again->plan().targets.at(0) +
      " when it was loaded, without measuring; save the engine, or build the plan for this machine, to have "
      "that done");
  return again;
}

Expected<std::shared_ptr<Engine>> Engine::decode(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                                 const PluginLoader& plugins) {
  auto engine = std::make_shared<Engine>();
  engine->bytes_ = bytes;
  engine->parts_ =
      TEMPER_TRY(read_plan(bytes, owner, [&](std::span<const std::string> targets) { return engine->open_device(targets); }));
  TEMPER_TRY(engine->place_weights(std::move(owner)));
  for (const auto& segment : engine->plan().segments) {
    engine->programs_.push_back(to_program(*segment));
    engine->most_slots_ = std::max(engine->most_slots_, engine->programs_.back().slot_count());
  }
  for (const auto& step : engine->plan().steps) {
    if (step->kind == plan::StepKind::Launch) engine->backend_->foresee(step->kernel, std::as_bytes(std::span(step->blob)));
  }
  engine->plugins_.resize(engine->plan().steps.size());
  for (size_t i = 0; i < engine->plan().steps.size(); ++i) {
    const plan::StepT& step = *engine->plan().steps[i];
    if (step.kind == plan::StepKind::Plugin) {
      if (!plugins) {
        return Error(ErrorCode::kUnsupported, "the plan calls plugin '" + step.plugin->name +
                                                  "', and who loads it knows no plugins; load it with an IRuntime")
            .at("step " + std::to_string(i) + " '" + step.name + "'");
      }
      engine->plugins_[i] = TEMPER_TRY_AT(plugins(step), "layer '" + step.name + "'");
    }
    if (step.kind != plan::StepKind::Launch) {
      engine->kernels_.push_back(nullptr);
      continue;
    }
    std::string place = "step " + std::to_string(i) + " '" + step.name + "'";
    auto kernel = TEMPER_TRY_AT(engine->backend_->decode(step.kernel, std::as_bytes(std::span(step.blob))), place);
    if (kernel->buffer_count() != static_cast<int>(step.buffers.size()) ||
        kernel->parameter_count() != static_cast<int>(step.parameters.size())) {
      return Error(ErrorCode::kCorrupt,
                   "a kernel is given another number of buffers or parameters than it has; build the plan again")
          .at(place);
    }
    for (size_t b = 0; b < step.buffers.size(); ++b) {
      auto kind = engine->plan().buffers[step.buffers[b]]->kind;
      if (kernel->writes(static_cast<int>(b)) && (kind == plan::BufferKind::Constant || kind == plan::BufferKind::Input)) {
        return Error(ErrorCode::kCorrupt, "a kernel would write to a weight or an input; build the plan again").at(place);
      }
    }
    engine->kernels_.push_back(std::move(kernel));
  }
  return engine;
}

}  // namespace temper
