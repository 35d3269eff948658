// IPluginV2 and what derives from it. In networks whose batch is a dimension like any other, the older three see whole tensors
// and a batch of 1.
#include "api/plugin.h"
#include "api/plugin_descriptors.h"
#include "api/reporter.h"
#include "api/runtime.h"
#include "api/translate.h"

namespace temper::api {
namespace {

using nvinfer1::Dims;
using nvinfer1::DimsExprs;
using nvinfer1::IPluginV2;
using nvinfer1::IPluginV2DynamicExt;
using nvinfer1::IPluginV2Ext;
using nvinfer1::IPluginV2IOExt;
using nvinfer1::PluginVersion;

constexpr auto kLinear = nvinfer1::TensorFormat::kLINEAR;

// What getTensorRTVersion() of a plugin says.
struct Kind {
  explicit Kind(const IPluginV2& plugin) {
    const auto told = static_cast<uint32_t>(plugin.getTensorRTVersion());
    version = static_cast<PluginVersion>(told >> 24U);
    if (version == PluginVersion::kV2_DYNAMICEXT_PYTHON) version = PluginVersion::kV2_DYNAMICEXT;
    narrow = api_level(static_cast<int32_t>(told & 0xFFFFFFU)) == 8;
  }
  bool is_dynamic() const { return version == PluginVersion::kV2_DYNAMICEXT; }
  PluginVersion version;
  bool narrow;  // Note [Plugins of level 8]
};

struct Destroy {
  void operator()(IPluginV2* plugin) const { plugin->destroy(); }
};
using Owned = std::unique_ptr<IPluginV2, Destroy>;

std::string text(const char* given) { return given ? given : ""; }

class PluginV2 final : public PluginObject {
 public:
  explicit PluginV2(Owned plugin) : plugin_(std::move(plugin)), kind_(*plugin_) {}

  std::vector<std::string> identity() const override {
    return {text(plugin_->getPluginType()), text(plugin_->getPluginVersion()), text(plugin_->getPluginNamespace()), "2"};
  }
  int32_t output_count() const override { return plugin_->getNbOutputs(); }
  IPluginV2* v2() const override { return plugin_.get(); }

  Expected<std::vector<DType>> output_types(std::span<const DType> inputs) const override {
    std::vector<nvinfer1::DataType> given;
    for (DType type : inputs) given.push_back(to_public(type));
    std::vector<DType> types;
    for (int32_t o = 0; o < output_count(); ++o) {
      if (kind_.version == PluginVersion::kV2) {
        types.push_back(inputs.empty() ? DType::kF32 : inputs[0]);
        continue;
      }
      const auto type = from_public(as<IPluginV2Ext>().getOutputDataType(o, given.data(), int32_t(given.size())));
      if (!type) return invalid("it gives its output " + std::to_string(o) + " an element type that there is not");
      types.push_back(*type);
    }
    return types;
  }

  Expected<std::vector<DimsExprs>> output_shapes(std::span<const DimsExprs> inputs, std::span<const DimsExprs>,
                                                 ExprBuilder& expressions) const override {
    std::vector<DimsExprs> shapes;
    const auto count = static_cast<int32_t>(inputs.size());
    if (kind_.is_dynamic()) {
      for (int32_t o = 0; o < output_count(); ++o)
        shapes.push_back(as<IPluginV2DynamicExt>().getOutputDimensions(o, inputs.data(), count, expressions));
      return shapes;
    }
    std::vector<PluginTensorRange> fixed(inputs.size());
    for (size_t k = 0; k < inputs.size(); ++k) {
      for (int32_t d = 0; d < inputs[k].nbDims; ++d) {
        if (!inputs[k].d[d]->isConstant()) {
          return Error(ErrorCode::kUnsupported, "extent " + std::to_string(d) + " of its input " + std::to_string(k) +
                                                    " is known at run time only, and a plugin of this kind has fixed extents; "
                                                    "derive it from IPluginV2DynamicExt or IPluginV3");
        }
        fixed[k].dims.push_back(inputs[k].d[d]->getConstantValue());
      }
    }
    const Descriptors descriptors(kind_.narrow, fixed);
    for (int32_t o = 0; o < output_count(); ++o) {
      Dims dims = plugin_->getOutputDimensions(o, descriptors.dims(0), count);
      if (kind_.narrow) dims = widened(dims);
      const auto extents = from_public(dims);
      if (!extents) return invalid("it gives its output " + std::to_string(o) + " a rank of " + std::to_string(dims.nbDims));
      shapes.push_back(expressions.of(std::vector<SymInt>(extents->begin(), extents->end())));
    }
    return shapes;
  }

  bool supports(int32_t position, std::span<const PluginTensorRange> tensors, size_t inputs) const override {
    const Descriptors descriptors(kind_.narrow, tensors);
    const auto in = static_cast<int32_t>(inputs), out = static_cast<int32_t>(tensors.size() - inputs);
    switch (kind_.version) {
      case PluginVersion::kV2_IOEXT:
        return as<IPluginV2IOExt>().supportsFormatCombination(position, descriptors.plain(0), in, out);
      case PluginVersion::kV2_DYNAMICEXT:
        return as<IPluginV2DynamicExt>().supportsFormatCombination(position, descriptors.plain(0), in, out);
      default:
        // These are asked for the one type that their floating tensors have.
        return !is_float(tensors[size_t(position)].dtype) ||
               plugin_->supportsFormat(to_public(tensors[size_t(position)].dtype), kLinear);
    }
  }

  Expected<PluginRecord> configure(std::span<const PluginTensorRange> inputs,
                                   std::span<const PluginTensorRange> outputs) const override {
    return called([&] { return record_of(inputs, outputs); });
  }

 private:
  Expected<PluginRecord> record_of(std::span<const PluginTensorRange> inputs,
                                   std::span<const PluginTensorRange> outputs) const {
    Owned copy(plugin_->clone());
    if (!copy) return invalid("its clone() gives no plugin");
    std::vector<PluginTensorRange> tensors(inputs.begin(), inputs.end());
    tensors.insert(tensors.end(), outputs.begin(), outputs.end());
    const Descriptors all(kind_.narrow, tensors);
    const auto in = static_cast<int32_t>(inputs.size()), out = static_cast<int32_t>(outputs.size());
    PluginRecord record;
    size_t workspace = 0;
    const std::vector<char> broadcast(tensors.size(), 0);
    const auto* none = reinterpret_cast<const bool*>(broadcast.data());
    const auto type = inputs.empty() ? nvinfer1::DataType::kFLOAT : to_public(inputs[0].dtype);
    switch (kind_.version) {
      case PluginVersion::kV2_DYNAMICEXT: {
        auto& plugin = static_cast<IPluginV2DynamicExt&>(*copy);
        plugin.configurePlugin(all.dynamic(0), in, all.dynamic(inputs.size()), out);
        workspace = plugin.getWorkspaceSize(all.largest(0), in, all.largest(inputs.size()), out);
        break;
      }
      case PluginVersion::kV2_IOEXT:
        static_cast<IPluginV2IOExt&>(*copy).configurePlugin(all.plain(0), in, all.plain(inputs.size()), out);
        break;
      case PluginVersion::kV2_EXT:
        static_cast<IPluginV2Ext&>(*copy).configurePlugin(all.dims(0), in, all.dims(inputs.size()), out, all.types(0),
                                                          all.types(inputs.size()), none, none, kLinear, 1);
        break;
      default:
        copy->configureWithFormat(all.dims(0), in, all.dims(inputs.size()), out, type, kLinear, 1);
    }
    if (!kind_.is_dynamic()) workspace = copy->getWorkspaceSize(1);
    record.workspace = static_cast<int64_t>(workspace);
    record.state.resize(copy->getSerializationSize());
    copy->serialize(record.state.data());
    return record;
  }

  template <class T>
  T& as() const {
    return static_cast<T&>(*plugin_);
  }
  Owned plugin_;
  Kind kind_;
};

class RunV2 final : public PluginRun {
 public:
  RunV2(Owned plugin, const plan::PluginInfoT& info)
      : plugin_(std::move(plugin)), kind_(*plugin_), info_(info), attached_(kind_.version != PluginVersion::kV2) {
    if (attached_) static_cast<IPluginV2Ext&>(*plugin_).attachToContext(nullptr, nullptr, nullptr);
  }
  ~RunV2() override {
    if (attached_) static_cast<IPluginV2Ext&>(*plugin_).detachFromContext();
  }

  Status set_shapes(std::span<const PluginTensor> tensors) override {
    return called([&] { return tell(tensors); });
  }
  Status enqueue(std::span<std::byte* const> buffers, std::byte* workspace, Queue::Stream queue) override {
    return called([&] { return begin(buffers, workspace, queue); });
  }

 private:
  Status tell(std::span<const PluginTensor> tensors) {
    if (!kind_.is_dynamic()) return {};
    tensors_.emplace(kind_.narrow, ranges_of(info_, tensors));
    const auto in = static_cast<size_t>(info_.inputs);
    static_cast<IPluginV2DynamicExt&>(*plugin_).configurePlugin(tensors_->dynamic(0), info_.inputs, tensors_->dynamic(in),
                                                                static_cast<int32_t>(tensors.size() - in));
    return {};
  }
  Status begin(std::span<std::byte* const> buffers, std::byte* workspace, Queue::Stream queue) {
    const cudaStream_t stream = TEMPER_TRY(stream_.open(queue));
    auto* const* all = reinterpret_cast<void* const*>(buffers.data());
    const auto in = static_cast<size_t>(info_.inputs);
    int32_t result;
    if (kind_.is_dynamic()) {
      result = static_cast<IPluginV2DynamicExt&>(*plugin_).enqueue(tensors_->plain(0), tensors_->plain(in), all, all + in,
                                                                   workspace, stream);
    } else {
      result = plugin_->enqueue(1, all, all + in, workspace, stream);
    }
    return stream_.close(result);
  }

  Owned plugin_;
  Kind kind_;
  const plan::PluginInfoT& info_;
  bool attached_;
  std::optional<Descriptors> tensors_;
  PluginStream stream_;
};

class LoadedV2 final : public LoadedPlugin {
 public:
  LoadedV2(Owned plugin, const plan::PluginInfoT& info) : plugin_(std::move(plugin)), info_(info) {}
  ~LoadedV2() override {
    if (initialized_) plugin_->terminate();
  }
  Status initialize() {
    const int32_t result = plugin_->initialize();
    if (result != 0) return invalid("its initialize() returned " + std::to_string(result));
    initialized_ = true;
    return {};
  }
  Expected<std::unique_ptr<PluginRun>> attach() const override {
    return called([&]() -> Expected<std::unique_ptr<PluginRun>> {
      Owned copy(plugin_->clone());
      if (!copy) return invalid("its clone() gives no plugin");
      return std::unique_ptr<PluginRun>(new RunV2(std::move(copy), info_));
    });
  }

 private:
  Owned plugin_;
  const plan::PluginInfoT& info_;
  bool initialized_ = false;
};

}  // namespace

Expected<std::shared_ptr<const PluginObject>> adopt_plugin(IPluginV2* plugin) {
  if (!plugin) return invalid("the plugin's clone() gives no plugin");
  return std::shared_ptr<const PluginObject>(new PluginV2(Owned(plugin)));
}

Expected<std::unique_ptr<LoadedPlugin>> load_plugin_v2(nvinfer1::IPluginCreator& creator, const plan::StepT& step) {
  const plan::PluginInfoT& info = *step.plugin;
  Owned plugin(creator.deserializePlugin(step.name.c_str(), info.state.data(), info.state.size()));
  if (!plugin) return invalid("its creator's deserializePlugin() gives no plugin");
  plugin->setPluginNamespace(info.name_space.c_str());
  auto loaded = std::make_unique<LoadedV2>(std::move(plugin), info);
  TEMPER_TRY(loaded->initialize());
  return std::unique_ptr<LoadedPlugin>(std::move(loaded));
}

}  // namespace temper::api
