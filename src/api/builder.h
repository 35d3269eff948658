// Builder: makes networks, configurations, profiles and plans.
#pragma once

#include <memory>
#include <vector>

#include "api/config.h"
#include "api/network.h"
#include "api/page_memory.h"

namespace temper::api {

class Builder final : public nvinfer1::IBuilder {
 public:
  Builder(nvinfer1::ILogger* logger, int api_level) : reporter_(logger), api_level_(api_level) {}

  nvinfer1::INetworkDefinition* createNetworkV2(nvinfer1::NetworkDefinitionCreationFlags flags) noexcept override;
  nvinfer1::IBuilderConfig* createBuilderConfig() noexcept override;
  nvinfer1::IOptimizationProfile* createOptimizationProfile() noexcept override;
  nvinfer1::IHostMemory* buildSerializedNetwork(nvinfer1::INetworkDefinition& network,
                                                nvinfer1::IBuilderConfig& config) noexcept override;
  nvinfer1::IHostMemory* buildSerializedNetwork(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                                nvinfer1::IHostMemory*& kernel_text) noexcept override;
  bool buildSerializedNetworkToStream(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                      nvinfer1::IStreamWriter& writer) noexcept override;
  nvinfer1::ICudaEngine* buildEngineWithConfig(nvinfer1::INetworkDefinition& network,
                                               nvinfer1::IBuilderConfig& config) noexcept override;
  bool isNetworkSupported(nvinfer1::INetworkDefinition const& network,
                          nvinfer1::IBuilderConfig const& config) const noexcept override;

  // A CPU has neither binary16 arithmetic worth the name nor TF32; 8-bit dot products depend on the instruction set.
  bool platformHasFastFp16() const noexcept override { return false; }
  bool platformHasFastInt8() const noexcept override;
  bool platformHasTf32() const noexcept override { return false; }
  // There is no DLA.
  int32_t getMaxDLABatchSize() const noexcept override { return 0; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void setMaxBatchSize(int32_t size) noexcept override;
  int32_t getMaxBatchSize() const noexcept override { return max_batch_; }
  nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override { return *::getPluginRegistry(); }
  void setGpuAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override {}
  bool setMaxThreads(int32_t count) noexcept override;
  int32_t getMaxThreads() const noexcept override { return max_threads_; }
  nvinfer1::ILogger* getLogger() const noexcept override { return reporter_.logger(); }
  TEMPER_API_RECORDER(reporter_)
  void reset() noexcept override {
    profiles_.clear();
    max_threads_ = 1;
    max_batch_ = 1;
  }

 private:
  Expected<PageMemory> build(const Network& network, BuilderConfig& config) const;

  Reporter reporter_;
  int api_level_;
  int32_t max_batch_ = 1;
  std::vector<std::unique_ptr<OptimizationProfile>> profiles_;
  int32_t max_threads_ = 1;
};

}  // namespace temper::api
