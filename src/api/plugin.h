// PluginObject: a plugin of the program's, of whatever generation, as network, builder and runtime see it. Two adapters make
// all generations one mechanism: of IPluginV2 and what derives from it (plugin_v2.cc), and of IPluginV3 (plugin_v3.cc).
//
// Each owns its plugin, a clone of what the program gave. Tensors lie row-major (kLINEAR).
#pragma once

#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "api/plugin_shapes.h"
#include "ops/core/plugin.h"
#include "runtime/plugin.h"

namespace temper::api {

class PluginObject : public PluginCode {
 public:
  virtual std::vector<std::string> identity() const = 0;  // as Plugin::identity
  virtual int32_t output_count() const = 0;
  virtual Expected<std::vector<DType>> output_types(std::span<const DType> inputs) const = 0;
  // `shapes`: the elements of the inputs that hold shapes.
  virtual Expected<std::vector<nvinfer1::DimsExprs>> output_shapes(std::span<const nvinfer1::DimsExprs> inputs,
                                                                   std::span<const nvinfer1::DimsExprs> shapes,
                                                                   ExprBuilder& expressions) const = 0;
  virtual bool takes_shapes() const { return false; }
  // Whether tensor `position` (inputs first) may be as it is, given those before it.
  virtual bool supports(int32_t position, std::span<const PluginTensorRange> tensors, size_t inputs) const = 0;
  virtual int32_t combination_limit() const { return 100; }
  virtual int32_t aliased_input(int32_t output) const { return -1; }
  virtual nvinfer1::IPluginV2* v2() const { return nullptr; }
  virtual nvinfer1::IPluginV3* v3() const { return nullptr; }
  // "plugin 'Name' version '1' of namespace ''"
  std::string display_name() const;
};

// Calls the program's code: what it throws is an Error.
template <class Body>
auto called(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& thrown) {
    return Error(ErrorCode::kInternal, std::string("its code has thrown: ") + thrown.what());
  } catch (...) {
    return Error(ErrorCode::kInternal, "its code has thrown something that is no std::exception");
  }
}

// Take the plugin over; null is refused.
Expected<std::shared_ptr<const PluginObject>> adopt_plugin(nvinfer1::IPluginV2* plugin);
Expected<std::shared_ptr<const PluginObject>> adopt_plugin(nvinfer1::IPluginV3* plugin);

// The attributes of a node that `plugin` computes of these operands, of which the first `data` are read and the others hold
// shapes. Asks the plugin.
Expected<Plugin> describe_plugin(const Graph& graph, std::shared_ptr<const PluginObject> plugin,
                                 std::span<const ValueId> operands, size_t data);
inline const PluginObject& object_of(const Plugin& attributes) { return static_cast<const PluginObject&>(*attributes.code); }

// Bodies of control flow are looked into.
bool has_plugins(const Graph& graph);
// Chooses types of tensors that each plugin supports, and writes casts to and from them. Strongly typed, types stay.
Expected<Graph> choose_plugin_types(const Graph& graph, bool strongly_typed);

// Makes the plugins of a plan by the creators of the process's registry.
Expected<std::unique_ptr<LoadedPlugin>> load_plugin(const plan::StepT& step);
// In their place where a plan is looked at and not run: needs no creator.
Expected<std::unique_ptr<LoadedPlugin>> idle_plugin(const plan::StepT& step);
Expected<std::unique_ptr<LoadedPlugin>> load_plugin_v2(nvinfer1::IPluginCreator& creator, const plan::StepT& step);
Expected<std::unique_ptr<LoadedPlugin>> load_plugin_v3(nvinfer1::IPluginCreatorV3One& creator, const plan::StepT& step);

// The ranges that a plan keeps of a plugin's tensors, with the dims of now.
std::vector<PluginTensorRange> ranges_of(const plan::PluginInfoT& info, std::span<const PluginTensor> tensors);

// The stream that a plugin is given. On the CPU that is one of hostcuda's, of its own, and what was put there is waited for.
class PluginStream {
 public:
  PluginStream() = default;
  PluginStream(const PluginStream&) = delete;
  PluginStream& operator=(const PluginStream&) = delete;
  ~PluginStream();
  Expected<cudaStream_t> open(Queue::Stream stream);
  // After enqueue, which returned `result`.
  Status close(int32_t result);

 private:
  cudaStream_t own_ = nullptr;
  bool drains_ = false;
};

}  // namespace temper::api
