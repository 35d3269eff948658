// Building plans.
//
//   std::unique_ptr<IBuilder> builder{createInferBuilder(logger)};
//   std::unique_ptr<INetworkDefinition> network{builder->createNetworkV2(0)};
//   ... nvonnxparser::createParser(*network, logger)->parseFromFile("model.onnx", 0) ...
//   std::unique_ptr<IBuilderConfig> config{builder->createBuilderConfig()};
//   std::unique_ptr<IHostMemory> plan{builder->buildSerializedNetwork(*network, *config)};
//
// The network being edited: temper/api/network.h. Options: temper/api/config.h. What goes beyond TensorRT's options:
// temper/temper.h.
#pragma once

#include "NvInferLegacyDims.h"
#include "NvInferRuntime.h"
#include "temper/api/config.h"
#include "temper/api/network.h"

namespace nvinfer1 {

// Makes networks, configurations and plans. Not for use by several threads at once.
class IBuilder : public INoCopy {
 public:
  ~IBuilder() noexcept override = default;
  TEMPER_DESTROY

  virtual INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept = 0;
  virtual IBuilderConfig* createBuilderConfig() noexcept = 0;
  // Owned by the builder.
  virtual IOptimizationProfile* createOptimizationProfile() noexcept = 0;

  // The plan, or nullptr when the network has errors, memory does not suffice or a progress monitor stopped it.
  virtual IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
  // The same, and the text of the kernels that were generated for it, for other tools to read.
  virtual IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config,
                                              IHostMemory*& kernelText) noexcept = 0;
  virtual bool buildSerializedNetworkToStream(INetworkDefinition& network, IBuilderConfig& config,
                                              IStreamWriter& writer) noexcept = 0;
  // Builds and loads in one.
  virtual ICudaEngine* buildEngineWithConfig(INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
  // Would a build be refused? Runs its checks without building.
  virtual bool isNetworkSupported(INetworkDefinition const& network, IBuilderConfig const& config) const noexcept = 0;

  virtual bool platformHasFastFp16() const noexcept = 0;
  virtual bool platformHasFastInt8() const noexcept = 0;
  virtual bool platformHasTf32() const noexcept = 0;
  virtual int32_t getMaxDLABatchSize() const noexcept = 0;  // 0: there is no DLA
  virtual int32_t getNbDLACores() const noexcept = 0;       // 0
  // Level 8, for networks with an implicit batch: the largest batch. At least 1; without effect else.
  virtual void setMaxBatchSize(int32_t batchSize) noexcept = 0;
  virtual int32_t getMaxBatchSize() const noexcept = 0;
  virtual IPluginRegistry& getPluginRegistry() noexcept = 0;
  virtual void setGpuAllocator(IGpuAllocator* allocator) noexcept = 0;
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  virtual ILogger* getLogger() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual void reset() noexcept = 0;
};

}  // namespace nvinfer1

// The factory that createInferBuilder calls: `version` is the API version that the program was compiled for.
extern "C" TENSORRTAPI void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept;

namespace nvinfer1 {

namespace safe {
class IPluginRegistry;
}  // namespace safe

// The registry for networks of a capability; nullptr where there is none (kSAFETY).
extern "C" TENSORRTAPI IPluginRegistry* getBuilderPluginRegistry(EngineCapability capability) noexcept;
extern "C" TENSORRTAPI safe::IPluginRegistry* getBuilderSafePluginRegistry(EngineCapability capability) noexcept;
// Where the library finds its parts. Temper has none beside itself: true for a path that exists, without effect.
extern "C" TENSORRTAPI bool setInternalLibraryPath(AsciiChar const* path) noexcept;

namespace {
// A builder that logs to `logger`, which must outlive it. nullptr when the program's API version is newer than the library.
inline IBuilder* createInferBuilder(ILogger& logger) noexcept {
  return static_cast<IBuilder*>(createInferBuilder_INTERNAL(&logger, NV_TENSORRT_VERSION));
}
}  // namespace
}  // namespace nvinfer1
