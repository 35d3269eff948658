// Plugins as the runtime sees them: code of the program's, one step of a plan each. Whoever loads a plan says how the plugins
// that it names are made (PluginLoader); the public API does it by its registry.
//
// A LoadedPlugin belongs to an engine and is used by many threads; a PluginRun belongs to one context.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "backend/base/backend.h"
#include "base/dtype.h"
#include "plan/plan.h"

namespace temper {

struct PluginTensor {
  DType dtype;
  std::span<const int64_t> dims;  // -1: the plugin itself decides it in its run
};

class PluginRun {
 public:
  virtual ~PluginRun() = default;
  // Before the first enqueue, and when they have changed: inputs, then outputs.
  virtual Status set_shapes(std::span<const PluginTensor> tensors) = 0;
  // On a stream of the caller's, after what is there; without one, what it has begun has ended when it returns.
  virtual Status enqueue(std::span<std::byte* const> buffers, std::byte* workspace, Queue::Stream stream) = 0;
};

class LoadedPlugin {
 public:
  virtual ~LoadedPlugin() = default;
  virtual Expected<std::unique_ptr<PluginRun>> attach() const = 0;
};

using PluginLoader = std::function<Expected<std::unique_ptr<LoadedPlugin>>(const plan::StepT& step)>;

}  // namespace temper
