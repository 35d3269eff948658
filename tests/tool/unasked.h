// The calls of the API that the tool never makes, for a library that is none: one of them ends the test.
#pragma once

#include <cstdlib>

#include "NvInfer.h"
#include "NvOnnxParser.h"

namespace fake {

using namespace nvinfer1;

struct UnaskedContext : IExecutionContext {
  void setDeviceMemory(void*) noexcept override { std::abort(); }
  void setDeviceMemoryV2(void*, int64_t) noexcept override { std::abort(); }
  size_t updateDeviceMemorySizeForShapes() noexcept override { std::abort(); }
  void setPersistentCacheLimit(size_t) noexcept override { std::abort(); }
  size_t getPersistentCacheLimit() const noexcept override { std::abort(); }
  void setAuxStreams(cudaStream_t*, int32_t) noexcept override { std::abort(); }
  void setDebugSync(bool) noexcept override { std::abort(); }
  bool getDebugSync() const noexcept override { std::abort(); }
  bool setNvtxVerbosity(ProfilingVerbosity) noexcept override { std::abort(); }
  ProfilingVerbosity getNvtxVerbosity() const noexcept override { std::abort(); }
  IRuntimeConfig* getRuntimeConfig() const noexcept override { std::abort(); }
  bool setDebugListener(IDebugListener*) noexcept override { std::abort(); }
  IDebugListener* getDebugListener() noexcept override { std::abort(); }
  bool setTensorDebugState(char const*, bool) noexcept override { std::abort(); }
  bool getDebugState(char const*) const noexcept override { std::abort(); }
  bool setAllTensorsDebugState(bool) noexcept override { std::abort(); }
  bool setUnfusedTensorsDebugState(bool) noexcept override { std::abort(); }
  bool getUnfusedTensorsDebugState() const noexcept override { std::abort(); }
  bool setCommunicator(void*) noexcept override { std::abort(); }
  bool execute(int32_t, void* const*) noexcept override { std::abort(); }
  bool enqueue(int32_t, void* const*, cudaStream_t, cudaEvent_t*) noexcept override { std::abort(); }
  bool getShapeBinding(int32_t, int32_t*) const noexcept override { std::abort(); }
};

struct UnaskedEngine : ICudaEngine {
  IExecutionContext* createExecutionContext(IRuntimeConfig*) noexcept override { std::abort(); }
  int32_t const* getProfileTensorValues(char const*, int32_t, OptProfileSelector) const noexcept override { std::abort(); }
  char const* getAliasedInputTensor(char const*) const noexcept override { std::abort(); }
  bool isDebugTensor(char const*) const noexcept override { std::abort(); }
  IRuntimeConfig* createRuntimeConfig() noexcept override { std::abort(); }
  IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept override { std::abort(); }
  size_t getDeviceMemorySizeForProfile(int32_t) const noexcept override { std::abort(); }
  ISerializationConfig* createSerializationConfig() noexcept override { std::abort(); }
  IHostMemory* serializeWithConfig(ISerializationConfig&) const noexcept override { std::abort(); }
  int64_t getStreamableWeightsSize() const noexcept override { std::abort(); }
  bool setWeightStreamingBudgetV2(int64_t) noexcept override { std::abort(); }
  int64_t getWeightStreamingBudgetV2() const noexcept override { std::abort(); }
  int64_t getWeightStreamingAutomaticBudget() const noexcept override { std::abort(); }
  int64_t getWeightStreamingScratchMemorySize() const noexcept override { std::abort(); }
  bool setWeightStreamingBudget(int64_t) noexcept override { std::abort(); }
  int64_t getWeightStreamingBudget() const noexcept override { std::abort(); }
  int64_t getMinimumWeightStreamingBudget() const noexcept override { std::abort(); }
};

struct UnaskedRuntime : IRuntime {
  void setDLACore(int32_t) noexcept override { std::abort(); }
  int32_t getDLACore() const noexcept override { std::abort(); }
  int32_t getNbDLACores() const noexcept override { std::abort(); }
  void setTemporaryDirectory(char const*) noexcept override { std::abort(); }
  char const* getTemporaryDirectory() const noexcept override { std::abort(); }
  void setTempfileControlFlags(TempfileControlFlags) noexcept override { std::abort(); }
  TempfileControlFlags getTempfileControlFlags() const noexcept override { std::abort(); }
  IPluginRegistry& getPluginRegistry() noexcept override { std::abort(); }
  IRuntime* loadRuntime(char const*) noexcept override { std::abort(); }
};

struct UnaskedRegistry : IPluginRegistry {
  bool registerCreator(IPluginCreator&, AsciiChar const* const) noexcept override { std::abort(); }
  bool registerCreator(IPluginCreatorInterface&, AsciiChar const* const) noexcept override { std::abort(); }
  bool deregisterCreator(IPluginCreator const&) noexcept override { std::abort(); }
  bool deregisterCreator(IPluginCreatorInterface const&) noexcept override { std::abort(); }
  IPluginCreator* getPluginCreator(AsciiChar const* const, AsciiChar const* const, AsciiChar const* const) noexcept override {
    std::abort();
  }
  IPluginCreatorInterface* getCreator(AsciiChar const* const, AsciiChar const* const,
                                      AsciiChar const* const) noexcept override {
    std::abort();
  }
  IPluginCreator* const* getPluginCreatorList(int32_t* const) const noexcept override { std::abort(); }
  IPluginCreatorInterface* const* getAllCreators(int32_t* const) const noexcept override { std::abort(); }
  IPluginCreatorInterface* const* getAllCreatorsRecursive(int32_t* const) noexcept override { std::abort(); }
  bool isParentSearchEnabled() const override { std::abort(); }
  void setParentSearchEnabled(bool const) override { std::abort(); }
  void deregisterLibrary(PluginLibraryHandle) noexcept override { std::abort(); }
  IPluginResource* acquirePluginResource(AsciiChar const*, IPluginResource*) noexcept override { std::abort(); }
  int32_t releasePluginResource(AsciiChar const*) noexcept override { std::abort(); }
  void setErrorRecorder(IErrorRecorder* const) noexcept override { std::abort(); }
  IErrorRecorder* getErrorRecorder() const noexcept override { std::abort(); }
};

struct UnaskedTensor : ITensor {
  bool setDynamicRange(float, float) noexcept override { std::abort(); }
  bool dynamicRangeIsSet() const noexcept override { std::abort(); }
  void resetDynamicRange() noexcept override { std::abort(); }
  float getDynamicRangeMin() const noexcept override { std::abort(); }
  float getDynamicRangeMax() const noexcept override { std::abort(); }
  void setLocation(TensorLocation) noexcept override { std::abort(); }
  void setBroadcastAcrossBatch(bool) noexcept override { std::abort(); }
  bool getBroadcastAcrossBatch() const noexcept override { std::abort(); }
};

struct UnaskedNetwork : INetworkDefinition {
  bool markOutputForShapes(ITensor&) noexcept override { std::abort(); }
  bool unmarkOutputForShapes(ITensor&) noexcept override { std::abort(); }
  bool markDebug(ITensor&) noexcept override { std::abort(); }
  bool unmarkDebug(ITensor&) noexcept override { std::abort(); }
  bool isDebugTensor(ITensor const&) const noexcept override { std::abort(); }
  bool markUnfusedTensorsAsDebugTensors() noexcept override { std::abort(); }
  bool unmarkUnfusedTensorsAsDebugTensors() noexcept override { std::abort(); }
  IConvolutionLayer* addConvolutionNd(ITensor&, int64_t, Dims const&, Weights, Weights) noexcept override { std::abort(); }
  IDeconvolutionLayer* addDeconvolutionNd(ITensor&, int64_t, Dims const&, Weights, Weights) noexcept override { std::abort(); }
  IPoolingLayer* addPoolingNd(ITensor&, PoolingType, Dims const&) noexcept override { std::abort(); }
  IPaddingLayer* addPaddingNd(ITensor&, Dims const&, Dims const&) noexcept override { std::abort(); }
  IActivationLayer* addActivation(ITensor&, ActivationType) noexcept override { std::abort(); }
  IParametricReLULayer* addParametricReLU(ITensor&, ITensor&) noexcept override { std::abort(); }
  ILRNLayer* addLRN(ITensor&, int64_t, float, float, float) noexcept override { std::abort(); }
  IScaleLayer* addScale(ITensor&, ScaleMode, Weights, Weights, Weights) noexcept override { std::abort(); }
  IScaleLayer* addScaleNd(ITensor&, ScaleMode, Weights, Weights, Weights, int32_t) noexcept override { std::abort(); }
  ISoftMaxLayer* addSoftMax(ITensor&) noexcept override { std::abort(); }
  IRaggedSoftMaxLayer* addRaggedSoftMax(ITensor&, ITensor&) noexcept override { std::abort(); }
  INormalizationLayer* addNormalization(ITensor&, ITensor&, ITensor&, uint32_t) noexcept override { std::abort(); }
  INormalizationLayer* addNormalizationV2(ITensor&, ITensor&, ITensor&, uint32_t) noexcept override { std::abort(); }
  IElementWiseLayer* addElementWise(ITensor&, ITensor&, ElementWiseOperation) noexcept override { std::abort(); }
  IUnaryLayer* addUnary(ITensor&, UnaryOperation) noexcept override { std::abort(); }
  IReduceLayer* addReduce(ITensor&, ReduceOperation, uint32_t, bool) noexcept override { std::abort(); }
  ICumulativeLayer* addCumulative(ITensor&, ITensor&, CumulativeOperation, bool, bool) noexcept override { std::abort(); }
  IMatrixMultiplyLayer* addMatrixMultiply(ITensor&, MatrixOperation, ITensor&, MatrixOperation) noexcept override {
    std::abort();
  }
  IEinsumLayer* addEinsum(ITensor* const*, int32_t, char const*) noexcept override { std::abort(); }
  ISelectLayer* addSelect(ITensor&, ITensor&, ITensor&) noexcept override { std::abort(); }
  ICastLayer* addCast(ITensor&, DataType) noexcept override { std::abort(); }
  IIdentityLayer* addIdentity(ITensor&) noexcept override { std::abort(); }
  IAssertionLayer* addAssertion(ITensor&, char const*) noexcept override { std::abort(); }
  IQuantizeLayer* addQuantize(ITensor&, ITensor&) noexcept override { std::abort(); }
  IQuantizeLayer* addQuantize(ITensor&, ITensor&, DataType) noexcept override { std::abort(); }
  IDequantizeLayer* addDequantize(ITensor&, ITensor&) noexcept override { std::abort(); }
  IDequantizeLayer* addDequantize(ITensor&, ITensor&, DataType) noexcept override { std::abort(); }
  IDynamicQuantizeLayer* addDynamicQuantize(ITensor&, int32_t, int32_t, DataType, DataType) noexcept override { std::abort(); }
  IDynamicQuantizeLayer* addDynamicQuantizeV2(ITensor&, Dims const&, DataType, DataType) noexcept override { std::abort(); }
  IShuffleLayer* addShuffle(ITensor&) noexcept override { std::abort(); }
  ISliceLayer* addSlice(ITensor&, Dims const&, Dims const&, Dims const&) noexcept override { std::abort(); }
  IShapeLayer* addShape(ITensor&) noexcept override { std::abort(); }
  IConcatenationLayer* addConcatenation(ITensor* const*, int32_t) noexcept override { std::abort(); }
  IGatherLayer* addGather(ITensor&, ITensor&, int32_t) noexcept override { std::abort(); }
  IGatherLayer* addGatherV2(ITensor&, ITensor&, GatherMode) noexcept override { std::abort(); }
  IScatterLayer* addScatter(ITensor&, ITensor&, ITensor&, ScatterMode) noexcept override { std::abort(); }
  ISqueezeLayer* addSqueeze(ITensor&, ITensor&) noexcept override { std::abort(); }
  IUnsqueezeLayer* addUnsqueeze(ITensor&, ITensor&) noexcept override { std::abort(); }
  ITopKLayer* addTopK(ITensor&, TopKOperation, int32_t, uint32_t) noexcept override { std::abort(); }
  ITopKLayer* addTopK(ITensor&, TopKOperation, int32_t, uint32_t, DataType) noexcept override { std::abort(); }
  INonZeroLayer* addNonZero(ITensor&) noexcept override { std::abort(); }
  INonZeroLayer* addNonZero(ITensor&, DataType) noexcept override { std::abort(); }
  IOneHotLayer* addOneHot(ITensor&, ITensor&, ITensor&, int32_t) noexcept override { std::abort(); }
  IConstantLayer* addConstant(Dims const&, Weights) noexcept override { std::abort(); }
  IFillLayer* addFill(Dims const&, FillOperation) noexcept override { std::abort(); }
  IFillLayer* addFill(Dims const&, FillOperation, DataType) noexcept override { std::abort(); }
  IResizeLayer* addResize(ITensor&) noexcept override { std::abort(); }
  IGridSampleLayer* addGridSample(ITensor&, ITensor&) noexcept override { std::abort(); }
  INMSLayer* addNMS(ITensor&, ITensor&, ITensor&) noexcept override { std::abort(); }
  INMSLayer* addNMS(ITensor&, ITensor&, ITensor&, DataType) noexcept override { std::abort(); }
  IReverseSequenceLayer* addReverseSequence(ITensor&, ITensor&) noexcept override { std::abort(); }
  ILoop* addLoop() noexcept override { std::abort(); }
  IIfConditional* addIfConditional() noexcept override { std::abort(); }
  IRNNv2Layer* addRNNv2(ITensor&, int32_t, int32_t, int32_t, RNNOperation) noexcept override { std::abort(); }
  IFullyConnectedLayer* addFullyConnected(ITensor&, int32_t, Weights, Weights) noexcept override { std::abort(); }
  IAttention* addAttention(ITensor&, ITensor&, ITensor&, AttentionNormalizationOp, bool) noexcept override { std::abort(); }
  IAttention* addAttentionV2(ITensor&, ITensor&, ITensor&, AttentionNormalizationOp, CausalMaskKind) noexcept override {
    std::abort();
  }
  IRotaryEmbeddingLayer* addRotaryEmbedding(ITensor&, ITensor&, ITensor&, bool, int32_t) noexcept override { std::abort(); }
  IKVCacheUpdateLayer* addKVCacheUpdate(ITensor&, ITensor&, ITensor&, KVCacheMode) noexcept override { std::abort(); }
  IMoELayer* addMoE(ITensor&, ITensor&, ITensor&) noexcept override { std::abort(); }
  IDistCollectiveLayer* addDistCollective(ITensor&, CollectiveOperation, ReduceOperation, int64_t, int64_t*,
                                          int64_t) noexcept override {
    std::abort();
  }
  IPluginV2Layer* addPluginV2(ITensor* const*, int32_t, IPluginV2&) noexcept override { std::abort(); }
  IPluginV3Layer* addPluginV3(ITensor* const*, int32_t, ITensor* const*, int32_t, IPluginV3&) noexcept override {
    std::abort();
  }
  bool setWeightsName(Weights, char const*) noexcept override { std::abort(); }
  bool markWeightsRefittable(char const*) noexcept override { std::abort(); }
  bool unmarkWeightsRefittable(char const*) noexcept override { std::abort(); }
  bool areWeightsMarkedRefittable(char const*) const noexcept override { std::abort(); }
};

struct UnaskedCache : ITimingCache {
  int64_t queryKeys(TimingCacheKey*, int64_t) const noexcept override { std::abort(); }
  TimingCacheValue query(TimingCacheKey const&) const noexcept override { std::abort(); }
  bool update(TimingCacheKey const&, TimingCacheValue const&) noexcept override { std::abort(); }
};

struct UnaskedConfig : IBuilderConfig {
  void setDeviceType(ILayer const*, DeviceType) noexcept override { std::abort(); }
  DeviceType getDeviceType(ILayer const*) const noexcept override { std::abort(); }
  bool isDeviceTypeSet(ILayer const*) const noexcept override { std::abort(); }
  void resetDeviceType(ILayer const*) noexcept override { std::abort(); }
  bool canRunOnDLA(ILayer const*) const noexcept override { std::abort(); }
  void setDLACore(int32_t) noexcept override { std::abort(); }
  int32_t getDLACore() const noexcept override { std::abort(); }
  void setDefaultDeviceType(DeviceType) noexcept override { std::abort(); }
  DeviceType getDefaultDeviceType() const noexcept override { std::abort(); }
  void setInt8Calibrator(IInt8Calibrator*) noexcept override { std::abort(); }
  IInt8Calibrator* getInt8Calibrator() const noexcept override { std::abort(); }
  bool setCalibrationProfile(IOptimizationProfile const*) noexcept override { std::abort(); }
  IOptimizationProfile const* getCalibrationProfile() noexcept override { std::abort(); }
  void setQuantizationFlags(QuantizationFlags) noexcept override { std::abort(); }
  QuantizationFlags getQuantizationFlags() const noexcept override { std::abort(); }
  void clearQuantizationFlag(QuantizationFlag) noexcept override { std::abort(); }
  void setQuantizationFlag(QuantizationFlag) noexcept override { std::abort(); }
  bool getQuantizationFlag(QuantizationFlag) const noexcept override { std::abort(); }
  void setAlgorithmSelector(IAlgorithmSelector*) noexcept override { std::abort(); }
  IAlgorithmSelector* getAlgorithmSelector() const noexcept override { std::abort(); }
  void setPreviewFeature(PreviewFeature, bool) noexcept override { std::abort(); }
  bool getPreviewFeature(PreviewFeature) const noexcept override { std::abort(); }
  void setRuntimePlatform(RuntimePlatform) noexcept override { std::abort(); }
  RuntimePlatform getRuntimePlatform() const noexcept override { std::abort(); }
  bool setTilingOptimizationLevel(TilingOptimizationLevel) noexcept override { std::abort(); }
  TilingOptimizationLevel getTilingOptimizationLevel() const noexcept override { std::abort(); }
  bool setL2LimitForTiling(int64_t) noexcept override { std::abort(); }
  int64_t getL2LimitForTiling() const noexcept override { std::abort(); }
  void setPluginsToSerialize(char const* const*, int32_t) noexcept override { std::abort(); }
  char const* getPluginToSerialize(int32_t) const noexcept override { std::abort(); }
  int32_t getNbPluginsToSerialize() const noexcept override { std::abort(); }
  bool setRemoteAutoTuningConfig(char const*) noexcept override { std::abort(); }
  char const* getRemoteAutoTuningConfig() const noexcept override { std::abort(); }
  bool setBuildRoute(char const*) noexcept override { std::abort(); }
  char const* getBuildRoute() const noexcept override { std::abort(); }
  char const* getAllBuildRoutes() const noexcept override { std::abort(); }
};

struct UnaskedBuilder : IBuilder {
  IHostMemory* buildSerializedNetwork(INetworkDefinition&, IBuilderConfig&, IHostMemory*&) noexcept override { std::abort(); }
  int32_t getMaxDLABatchSize() const noexcept override { std::abort(); }
  int32_t getNbDLACores() const noexcept override { std::abort(); }
  void setMaxBatchSize(int32_t) noexcept override { std::abort(); }
  int32_t getMaxBatchSize() const noexcept override { std::abort(); }
  IPluginRegistry& getPluginRegistry() noexcept override { std::abort(); }
};

struct UnaskedParser : nvonnxparser::IParser {
  bool supportsModel(void const*, size_t, SubGraphCollection_t&, char const*) noexcept override { std::abort(); }
  int64_t getNbSubgraphs() noexcept override { std::abort(); }
  bool isSubgraphSupported(int64_t const) noexcept override { std::abort(); }
  int64_t* getSubgraphNodes(int64_t const, int64_t&) noexcept override { std::abort(); }
  bool parseWithWeightDescriptors(void const*, size_t) noexcept override { std::abort(); }
  bool loadModelProto(void const*, size_t, char const*) noexcept override { std::abort(); }
  bool loadInitializer(char const*, void const*, size_t) noexcept override { std::abort(); }
  bool parseModelProto() noexcept override { std::abort(); }
  bool setBuilderConfig(nvinfer1::IBuilderConfig const* const) noexcept override { std::abort(); }
  char const* const* getUsedVCPluginLibraries(int64_t&) const noexcept override { std::abort(); }
};

}  // namespace fake
