// IPluginV3: its core names it, its build part is asked while a plan is built, its runtime part runs.
#include "api/plugin.h"
#include "api/plugin_descriptors.h"
#include "api/plugin_fields.h"
#include "api/reporter.h"
#include "api/translate.h"

namespace temper::api {
namespace {

using nvinfer1::DimsExprs;
using nvinfer1::IPluginV3;
using nvinfer1::IPluginV3OneBuild;
using nvinfer1::IPluginV3OneCore;
using nvinfer1::IPluginV3OneRuntime;
using nvinfer1::PluginCapabilityType;

std::string text(const char* given) { return given ? given : ""; }

// There are no resources that a plugin could use.
class NoResources final : public nvinfer1::IPluginResourceContext {
 public:
  nvinfer1::IGpuAllocator* getGpuAllocator() const noexcept override { return nullptr; }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return nullptr; }
};

Error returned(const char* method, int32_t result) {
  return invalid("its " + std::string(method) + "() returned " + std::to_string(result));
}

IPluginV3OneRuntime* runtime_of(IPluginV3& plugin) {
  return static_cast<IPluginV3OneRuntime*>(plugin.getCapabilityInterface(PluginCapabilityType::kRUNTIME));
}

class PluginV3 final : public PluginObject {
 public:
  PluginV3(std::unique_ptr<IPluginV3> plugin, IPluginV3OneCore& core, IPluginV3OneBuild& build)
      : plugin_(std::move(plugin)), core_(core), build_(build) {}

  std::vector<std::string> identity() const override {
    return {text(core_.getPluginName()), text(core_.getPluginVersion()), text(core_.getPluginNamespace()), "3"};
  }
  int32_t output_count() const override { return build_.getNbOutputs(); }
  bool takes_shapes() const override { return true; }
  IPluginV3* v3() const override { return plugin_.get(); }
  int32_t combination_limit() const override { return build_.getFormatCombinationLimit(); }
  int32_t aliased_input(int32_t output) const override {
    if (build_.getInterfaceInfo().major < 2) return -1;
    return static_cast<nvinfer1::v_2_0::IPluginV3OneBuild&>(build_).getAliasedInput(output);
  }

  Expected<std::vector<DType>> output_types(std::span<const DType> inputs) const override {
    std::vector<nvinfer1::DataType> given, made(static_cast<size_t>(output_count()), nvinfer1::DataType::kFLOAT);
    for (DType type : inputs) given.push_back(to_public(type));
    const int32_t result = build_.getOutputDataTypes(made.data(), int32_t(made.size()), given.data(), int32_t(given.size()));
    if (result != 0) return returned("getOutputDataTypes", result);
    std::vector<DType> types;
    for (nvinfer1::DataType type : made) {
      const auto dtype = from_public(type);
      if (!dtype) return invalid("it gives an output an element type that there is not");
      types.push_back(*dtype);
    }
    return types;
  }

  Expected<std::vector<DimsExprs>> output_shapes(std::span<const DimsExprs> inputs, std::span<const DimsExprs> shapes,
                                                 ExprBuilder& expressions) const override {
    std::vector<DimsExprs> made(static_cast<size_t>(output_count()));
    const int32_t result = build_.getOutputShapes(inputs.data(), int32_t(inputs.size()), shapes.data(), int32_t(shapes.size()),
                                                  made.data(), int32_t(made.size()), expressions);
    if (result != 0) return returned("getOutputShapes", result);
    return made;
  }

  bool supports(int32_t position, std::span<const PluginTensorRange> tensors, size_t inputs) const override {
    const Descriptors descriptors(false, tensors);
    return build_.supportsFormatCombination(position, descriptors.dynamic(0), int32_t(inputs),
                                            int32_t(tensors.size() - inputs));
  }

  Expected<PluginRecord> configure(std::span<const PluginTensorRange> inputs,
                                   std::span<const PluginTensorRange> outputs) const override {
    return called([&] { return record_of(inputs, outputs); });
  }

 private:
  Expected<PluginRecord> record_of(std::span<const PluginTensorRange> inputs,
                                   std::span<const PluginTensorRange> outputs) const {
    std::vector<PluginTensorRange> tensors(inputs.begin(), inputs.end());
    tensors.insert(tensors.end(), outputs.begin(), outputs.end());
    const Descriptors all(false, tensors);
    const auto *in = all.dynamic(0), *out = all.dynamic(inputs.size());
    const auto in_count = int32_t(inputs.size()), out_count = int32_t(outputs.size());
    if (const int32_t result = build_.configurePlugin(in, in_count, out, out_count); result != 0)
      return returned("configurePlugin", result);
    PluginRecord record;
    record.workspace = static_cast<int64_t>(build_.getWorkspaceSize(in, in_count, out, out_count));
    record.tactic = TEMPER_TRY(tactic());
    record.state = TEMPER_TRY(write_fields(runtime_of(*plugin_)->getFieldsToSerialize()));
    return record;
  }

  // The first of those that the plugin holds possible.
  Expected<int64_t> tactic() const {
    const int32_t count = build_.getNbTactics();
    if (count <= 0) return int64_t(0);
    std::vector<int32_t> tactics(static_cast<size_t>(count));
    if (const int32_t result = build_.getValidTactics(tactics.data(), count); result != 0)
      return returned("getValidTactics", result);
    for (int32_t tactic : tactics) {
      if (tactic <= 0) return invalid("its getValidTactics() gives the tactic " + std::to_string(tactic) + "; all are above 0");
    }
    return int64_t(tactics.front());
  }

  std::unique_ptr<IPluginV3> plugin_;
  IPluginV3OneCore& core_;
  IPluginV3OneBuild& build_;
};

class RunV3 final : public PluginRun {
 public:
  RunV3(std::unique_ptr<IPluginV3> plugin, IPluginV3OneRuntime& runtime, const plan::PluginInfoT& info)
      : plugin_(std::move(plugin)), runtime_(runtime), info_(info) {}

  Status set_shapes(std::span<const PluginTensor> tensors) override {
    return called([&] { return tell(tensors); });
  }
  Status enqueue(std::span<std::byte* const> buffers, std::byte* workspace, Queue::Stream queue) override {
    return called([&] { return begin(buffers, workspace, queue); });
  }

 private:
  Status tell(std::span<const PluginTensor> tensors) {
    tensors_.emplace(false, ranges_of(info_, tensors));
    const auto in = static_cast<size_t>(info_.inputs);
    const int32_t result = runtime_.onShapeChange(tensors_->plain(0), info_.inputs, tensors_->plain(in),
                                                  static_cast<int32_t>(tensors.size() - in));
    return result == 0 ? Status() : Status(returned("onShapeChange", result));
  }
  Status begin(std::span<std::byte* const> buffers, std::byte* workspace, Queue::Stream queue) {
    const cudaStream_t stream = TEMPER_TRY(stream_.open(queue));
    auto* const* all = reinterpret_cast<void* const*>(buffers.data());
    const auto in = static_cast<size_t>(info_.inputs);
    return stream_.close(runtime_.enqueue(tensors_->plain(0), tensors_->plain(in), all, all + in, workspace, stream));
  }

  std::unique_ptr<IPluginV3> plugin_;
  IPluginV3OneRuntime& runtime_;
  const plan::PluginInfoT& info_;
  std::optional<Descriptors> tensors_;
  PluginStream stream_;
};

class LoadedV3 final : public LoadedPlugin {
 public:
  LoadedV3(std::unique_ptr<IPluginV3> plugin, IPluginV3OneRuntime& runtime, const plan::PluginInfoT& info)
      : plugin_(std::move(plugin)), runtime_(runtime), info_(info) {}
  Expected<std::unique_ptr<PluginRun>> attach() const override {
    return called([&]() -> Expected<std::unique_ptr<PluginRun>> {
      std::unique_ptr<IPluginV3> own(runtime_.attachToContext(&resources_));
      IPluginV3OneRuntime* runtime = own ? runtime_of(*own) : nullptr;
      if (!runtime) return invalid("its attachToContext() gives no plugin with a runtime part");
      if (info_.tactic != 0) {
        if (const int32_t result = runtime->setTactic(static_cast<int32_t>(info_.tactic)); result != 0)
          return returned("setTactic", result);
      }
      return std::unique_ptr<PluginRun>(new RunV3(std::move(own), *runtime, info_));
    });
  }

 private:
  std::unique_ptr<IPluginV3> plugin_;
  IPluginV3OneRuntime& runtime_;
  const plan::PluginInfoT& info_;
  mutable NoResources resources_;
};

}  // namespace

Expected<std::shared_ptr<const PluginObject>> adopt_plugin(IPluginV3* plugin) {
  if (!plugin) return invalid("the plugin's clone() gives no plugin");
  std::unique_ptr<IPluginV3> own(plugin);
  auto* core = static_cast<IPluginV3OneCore*>(own->getCapabilityInterface(PluginCapabilityType::kCORE));
  auto* build = static_cast<IPluginV3OneBuild*>(own->getCapabilityInterface(PluginCapabilityType::kBUILD));
  if (!core || !build || !runtime_of(*own)) {
    return invalid(
        "a plugin that is built with has a core, a build and a runtime part; its getCapabilityInterface() lacks one");
  }
  return std::shared_ptr<const PluginObject>(new PluginV3(std::move(own), *core, *build));
}

Expected<std::unique_ptr<LoadedPlugin>> load_plugin_v3(nvinfer1::IPluginCreatorV3One& creator, const plan::StepT& step) {
  const plan::PluginInfoT& info = *step.plugin;
  const ReadFields fields = TEMPER_TRY(ReadFields::read(info.state));
  const nvinfer1::PluginFieldCollection collection = fields.collection();
  std::unique_ptr<IPluginV3> plugin(creator.createPlugin(step.name.c_str(), &collection, nvinfer1::TensorRTPhase::kRUNTIME));
  IPluginV3OneRuntime* runtime = plugin ? runtime_of(*plugin) : nullptr;
  if (!runtime) return invalid("its creator's createPlugin() gives no plugin with a runtime part");
  return std::unique_ptr<LoadedPlugin>(new LoadedV3(std::move(plugin), *runtime, info));
}

}  // namespace temper::api
