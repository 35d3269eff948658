// Plugins of a plan that is loaded: found by the registry, run on a stream.
#include "api/plugin.h"
#include "api/plugin_registry.h"
#include "api/reporter.h"
#include "hostcuda/queue.h"

namespace temper::api {

Expected<std::unique_ptr<LoadedPlugin>> load_plugin(const plan::StepT& step) {
  const plan::PluginInfoT& info = *step.plugin;
  const std::string place = Plugin{.identity = {info.name, info.version, info.name_space, info.generation}}.display_name();
  auto& registry = PluginRegistry::of_process();
  nvinfer1::IPluginCreatorInterface* creator =
      registry.getCreator(info.name.c_str(), info.version.c_str(), info.name_space.c_str());
  if (!creator) {
    return Error(ErrorCode::kNotFound,
                 "nobody has registered a creator for it; link or load the library that holds it (REGISTER_TENSORRT_PLUGIN, "
                 "IPluginRegistry::loadLibrary) before the plan is loaded")
        .at(place);
  }
  nvinfer1::IPluginCreator* old = registry.getPluginCreator(info.name.c_str(), info.version.c_str(), info.name_space.c_str());
  if ((old ? "2" : "3") != info.generation) {
    return Error(ErrorCode::kIncompatible, "the plan was built with a plugin of generation " + info.generation +
                                               " of this name, and the registered creator makes one of another; build again")
        .at(place);
  }
  auto loaded = called([&] {
    return old ? load_plugin_v2(*old, step) : load_plugin_v3(static_cast<nvinfer1::IPluginCreatorV3One&>(*creator), step);
  });
  if (!loaded.ok()) return std::move(loaded).error().at(place);
  return loaded;
}

namespace {

class IdleRun final : public PluginRun {
 public:
  Status set_shapes(std::span<const PluginTensor>) override { return {}; }
  Status enqueue(std::span<std::byte* const>, std::byte*, Queue::Stream) override {
    return Error(ErrorCode::kInternal, "a plan that is only looked at is run");
  }
};
class IdlePlugin final : public LoadedPlugin {
 public:
  Expected<std::unique_ptr<PluginRun>> attach() const override { return std::unique_ptr<PluginRun>(new IdleRun); }
};

}  // namespace

Expected<std::unique_ptr<LoadedPlugin>> idle_plugin(const plan::StepT&) {
  return std::unique_ptr<LoadedPlugin>(new IdlePlugin);
}

std::vector<PluginTensorRange> ranges_of(const plan::PluginInfoT& info, std::span<const PluginTensor> tensors) {
  std::vector<PluginTensorRange> ranges;
  ptrdiff_t at = 0;
  for (const PluginTensor& tensor : tensors) {
    const auto rank = static_cast<ptrdiff_t>(tensor.dims.size());
    const auto part = [&](const std::vector<int64_t>& all) {
      return std::vector<int64_t>(all.begin() + at, all.begin() + at + rank);
    };
    ranges.push_back(
        {tensor.dtype, {tensor.dims.begin(), tensor.dims.end()}, part(info.least), part(info.best), part(info.largest)});
    at += rank;
  }
  return ranges;
}

PluginStream::~PluginStream() {
  if (own_) cudaStreamDestroy(own_);
}

// With NVIDIA's runtime and a plan for the processor there is no stream that could be waited for.
Expected<cudaStream_t> PluginStream::open(Queue::Stream stream) {
  drains_ = !stream;
  if (stream) return static_cast<cudaStream_t>(*stream);
  if (hostcuda::submit && !own_) {
    if (const cudaError_t failed = cudaStreamCreateWithFlags(&own_, cudaStreamNonBlocking); failed != cudaSuccess)
      return Error(ErrorCode::kOutOfMemory, std::string("there is no stream for it: ") + cudaGetErrorString(failed));
  }
  (void)cudaGetLastError();  // of what was before
  return own_;
}

Status PluginStream::close(int32_t result) {
  if (result != 0) return Error(ErrorCode::kInternal, "its enqueue() returned " + std::to_string(result));
  cudaError_t failed = cudaSuccess;
  if (drains_) failed = cudaGetLastError();
  if (drains_ && own_ && failed == cudaSuccess) failed = cudaStreamSynchronize(own_);
  if (failed == cudaSuccess) return {};
  return Error(ErrorCode::kInternal, std::string("what its enqueue() has begun has failed: ") + cudaGetErrorString(failed) +
                                         (failed == cudaErrorNoKernelImageForDevice
                                              ? "; on the processor a plugin computes in host code, not in kernels"
                                              : ""));
}

}  // namespace temper::api
