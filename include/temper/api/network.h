// A network while it is edited. Its tensors and layers are views, owned by it. Included by NvInfer.h.
#pragma once

#include "layers_attention.h"
#include "layers_elements.h"
#include "layers_flow.h"
#include "layers_nn.h"
#include "layers_shape.h"

namespace nvinfer1 {

class IBuilder;

enum class NetworkDefinitionCreationFlag : int32_t {
  kEXPLICIT_BATCH = 0,  // level 8: the batch is an extent like any other; always so since level 10
  kSTRONGLY_TYPED = 1,  // every tensor has the type that the network gives it; always so at level 11
  kPREFER_JIT_PYTHON_PLUGINS = 2,
  kPREFER_AOT_PYTHON_PLUGINS = 3,
  kEXPLICIT_PRECISION = 4,  // level 8; without effect
};
TEMPER_ENUM_COUNT(NetworkDefinitionCreationFlag, 5)
using NetworkDefinitionCreationFlags = uint32_t;  // bits 1U << NetworkDefinitionCreationFlag

// The network. Made by IBuilder::createNetworkV2, filled by a parser or by hand.
//
// Each add... makes a layer and returns it, or returns nullptr and reports why: an argument that has no meaning, or inputs that
// no later setting could make fit. What settings may still mend (a kernel that is too large until padding is set) is checked
// when the tensor is asked for its dimensions, and when the network is built.
class INetworkDefinition : public INoCopy {
 public:
  ~INetworkDefinition() noexcept override = default;
  TEMPER_DESTROY

  // ---- Inputs and outputs ----

  // A new input. nullptr when the name is taken, the rank is over MAX_DIMS or an extent is under -1.
#if TEMPER_API_LEVEL == 8
  virtual ITensor* addInput64(char const* name, DataType type, Dims64 const& dimensions) noexcept = 0;
  ITensor* addInput(char const* name, DataType type, Dims const& dimensions) noexcept {
    return addInput64(name, type, impl::dims_as(dimensions));
  }
#else
  virtual ITensor* addInput(char const* name, DataType type, Dims const& dimensions) noexcept = 0;
#endif
  virtual void markOutput(ITensor& tensor) noexcept = 0;
  virtual void unmarkOutput(ITensor& tensor) noexcept = 0;
  // As an output whose values the runtime knows before it runs, in host memory.
  virtual bool markOutputForShapes(ITensor& tensor) noexcept = 0;
  virtual bool unmarkOutputForShapes(ITensor& tensor) noexcept = 0;
  // Tensors that an IDebugListener may see.
  virtual bool markDebug(ITensor& tensor) noexcept = 0;
  virtual bool unmarkDebug(ITensor& tensor) noexcept = 0;
  virtual bool isDebugTensor(ITensor const& tensor) const noexcept = 0;
  virtual bool markUnfusedTensorsAsDebugTensors() noexcept = 0;
  virtual bool unmarkUnfusedTensorsAsDebugTensors() noexcept = 0;
  // Takes away a tensor that nothing reads.
  virtual void removeTensor(ITensor& tensor) noexcept = 0;

  // ---- Looking at it: layers in the order they were added, inputs and outputs in the order they were added or marked ----

  virtual int32_t getNbLayers() const noexcept = 0;
  virtual ILayer* getLayer(int32_t index) const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;

  // ---- Channels and windows (layers_nn.h) ----

#if TEMPER_API_LEVEL == 8
  virtual IConvolutionLayer* addConvolutionNd64(ITensor& input, int64_t nbOutputMaps, Dims64 const& kernelSize,
                                                Weights kernelWeights, Weights biasWeights) noexcept = 0;
  IConvolutionLayer* addConvolutionNd(ITensor& input, int64_t nbOutputMaps, Dims const& kernelSize, Weights kernelWeights,
                                      Weights biasWeights) noexcept {
    return addConvolutionNd64(input, nbOutputMaps, impl::dims_as(kernelSize), kernelWeights, biasWeights);
  }
  virtual IDeconvolutionLayer* addDeconvolutionNd64(ITensor& input, int64_t nbOutputMaps, Dims64 const& kernelSize,
                                                    Weights kernelWeights, Weights biasWeights) noexcept = 0;
  IDeconvolutionLayer* addDeconvolutionNd(ITensor& input, int64_t nbOutputMaps, Dims const& kernelSize, Weights kernelWeights,
                                          Weights biasWeights) noexcept {
    return addDeconvolutionNd64(input, nbOutputMaps, impl::dims_as(kernelSize), kernelWeights, biasWeights);
  }
  virtual IPoolingLayer* addPoolingNd64(ITensor& input, PoolingType type, Dims64 const& windowSize) noexcept = 0;
  IPoolingLayer* addPoolingNd(ITensor& input, PoolingType type, Dims const& windowSize) noexcept {
    return addPoolingNd64(input, type, impl::dims_as(windowSize));
  }
  virtual IPaddingLayer* addPaddingNd64(ITensor& input, Dims64 const& prePadding, Dims64 const& postPadding) noexcept = 0;
  IPaddingLayer* addPaddingNd(ITensor& input, Dims const& prePadding, Dims const& postPadding) noexcept {
    return addPaddingNd64(input, impl::dims_as(prePadding), impl::dims_as(postPadding));
  }
#else
  virtual IConvolutionLayer* addConvolutionNd(ITensor& input, int64_t nbOutputMaps, Dims const& kernelSize,
                                              Weights kernelWeights, Weights biasWeights) noexcept = 0;
  virtual IDeconvolutionLayer* addDeconvolutionNd(ITensor& input, int64_t nbOutputMaps, Dims const& kernelSize,
                                                  Weights kernelWeights, Weights biasWeights) noexcept = 0;
  virtual IPoolingLayer* addPoolingNd(ITensor& input, PoolingType type, Dims const& windowSize) noexcept = 0;
  virtual IPaddingLayer* addPaddingNd(ITensor& input, Dims const& prePadding, Dims const& postPadding) noexcept = 0;
#endif
  virtual IActivationLayer* addActivation(ITensor& input, ActivationType type) noexcept = 0;
  virtual IParametricReLULayer* addParametricReLU(ITensor& input, ITensor& slope) noexcept = 0;
  virtual ILRNLayer* addLRN(ITensor& input, int64_t window, float alpha, float beta, float k) noexcept = 0;
  virtual IScaleLayer* addScale(ITensor& input, ScaleMode mode, Weights shift, Weights scale, Weights power) noexcept = 0;
  virtual IScaleLayer* addScaleNd(ITensor& input, ScaleMode mode, Weights shift, Weights scale, Weights power,
                                  int32_t channelAxis) noexcept = 0;
  virtual ISoftMaxLayer* addSoftMax(ITensor& input) noexcept = 0;
  virtual IRaggedSoftMaxLayer* addRaggedSoftMax(ITensor& input, ITensor& bounds) noexcept = 0;
  virtual INormalizationLayer* addNormalization(ITensor& input, ITensor& scale, ITensor& bias, uint32_t axesMask) noexcept = 0;
  virtual INormalizationLayer* addNormalizationV2(ITensor& input, ITensor& scale, ITensor& bias,
                                                  uint32_t axesMask) noexcept = 0;

  // ---- Elements, rows, matrices (layers_elements.h) ----

  virtual IElementWiseLayer* addElementWise(ITensor& input1, ITensor& input2, ElementWiseOperation op) noexcept = 0;
  virtual IUnaryLayer* addUnary(ITensor& input, UnaryOperation operation) noexcept = 0;
  virtual IReduceLayer* addReduce(ITensor& input, ReduceOperation operation, uint32_t reduceAxes,
                                  bool keepDimensions) noexcept = 0;
  virtual ICumulativeLayer* addCumulative(ITensor& input, ITensor& axis, CumulativeOperation operation, bool exclusive,
                                          bool reverse) noexcept = 0;
  virtual IMatrixMultiplyLayer* addMatrixMultiply(ITensor& input0, MatrixOperation op0, ITensor& input1,
                                                  MatrixOperation op1) noexcept = 0;
  virtual IEinsumLayer* addEinsum(ITensor* const* inputs, int32_t nbInputs, char const* equation) noexcept = 0;
  virtual ISelectLayer* addSelect(ITensor& condition, ITensor& thenInput, ITensor& elseInput) noexcept = 0;
  virtual ICastLayer* addCast(ITensor& input, DataType toType) noexcept = 0;
  virtual IIdentityLayer* addIdentity(ITensor& input) noexcept = 0;
  virtual IAssertionLayer* addAssertion(ITensor& condition, char const* message) noexcept = 0;
  // Without a type: kINT8 for quantize, kFLOAT for dequantize.
  virtual IQuantizeLayer* addQuantize(ITensor& input, ITensor& scale) noexcept = 0;
  virtual IQuantizeLayer* addQuantize(ITensor& input, ITensor& scale, DataType outputType) noexcept = 0;
  virtual IDequantizeLayer* addDequantize(ITensor& input, ITensor& scale) noexcept = 0;
  virtual IDequantizeLayer* addDequantize(ITensor& input, ITensor& scale, DataType outputType) noexcept = 0;
  virtual IDynamicQuantizeLayer* addDynamicQuantize(ITensor& input, int32_t axis, int32_t blockSize, DataType outputType,
                                                    DataType scaleType) noexcept = 0;
#if TEMPER_API_LEVEL == 8
  virtual IDynamicQuantizeLayer* addDynamicQuantizeV264(ITensor& input, Dims64 const& blockShape, DataType outputType,
                                                        DataType scaleType) noexcept = 0;
  IDynamicQuantizeLayer* addDynamicQuantizeV2(ITensor& input, Dims const& blockShape, DataType outputType,
                                              DataType scaleType) noexcept {
    return addDynamicQuantizeV264(input, impl::dims_as(blockShape), outputType, scaleType);
  }
#else
  virtual IDynamicQuantizeLayer* addDynamicQuantizeV2(ITensor& input, Dims const& blockShape, DataType outputType,
                                                      DataType scaleType) noexcept = 0;
#endif

  // ---- Movement and selection (layers_shape.h) ----

  virtual IShuffleLayer* addShuffle(ITensor& input) noexcept = 0;
#if TEMPER_API_LEVEL == 8
  virtual ISliceLayer* addSlice64(ITensor& input, Dims64 const& start, Dims64 const& size, Dims64 const& stride) noexcept = 0;
  ISliceLayer* addSlice(ITensor& input, Dims const& start, Dims const& size, Dims const& stride) noexcept {
    return addSlice64(input, impl::dims_as(start), impl::dims_as(size), impl::dims_as(stride));
  }
#else
  virtual ISliceLayer* addSlice(ITensor& input, Dims const& start, Dims const& size, Dims const& stride) noexcept = 0;
#endif
  virtual IShapeLayer* addShape(ITensor& input) noexcept = 0;
  virtual IConcatenationLayer* addConcatenation(ITensor* const* inputs, int32_t nbInputs) noexcept = 0;
  virtual IGatherLayer* addGather(ITensor& data, ITensor& indices, int32_t axis) noexcept = 0;
  virtual IGatherLayer* addGatherV2(ITensor& data, ITensor& indices, GatherMode mode) noexcept = 0;
  virtual IScatterLayer* addScatter(ITensor& data, ITensor& indices, ITensor& updates, ScatterMode mode) noexcept = 0;
  virtual ISqueezeLayer* addSqueeze(ITensor& input, ITensor& axes) noexcept = 0;
  virtual IUnsqueezeLayer* addUnsqueeze(ITensor& input, ITensor& axes) noexcept = 0;
  virtual ITopKLayer* addTopK(ITensor& input, TopKOperation op, int32_t k, uint32_t reduceAxes) noexcept = 0;
  virtual ITopKLayer* addTopK(ITensor& input, TopKOperation op, int32_t k, uint32_t reduceAxes,
                              DataType indicesType) noexcept = 0;
  virtual INonZeroLayer* addNonZero(ITensor& input) noexcept = 0;
  virtual INonZeroLayer* addNonZero(ITensor& input, DataType indicesType) noexcept = 0;
  virtual IOneHotLayer* addOneHot(ITensor& indices, ITensor& values, ITensor& depth, int32_t axis) noexcept = 0;
#if TEMPER_API_LEVEL == 8
  virtual IConstantLayer* addConstant64(Dims64 const& dimensions, Weights weights) noexcept = 0;
  IConstantLayer* addConstant(Dims const& dimensions, Weights weights) noexcept {
    return addConstant64(impl::dims_as(dimensions), weights);
  }
  virtual IFillLayer* addFill64(Dims64 const& dimensions, FillOperation op) noexcept = 0;
  IFillLayer* addFill(Dims const& dimensions, FillOperation op) noexcept { return addFill64(impl::dims_as(dimensions), op); }
  virtual IFillLayer* addFill64(Dims64 const& dimensions, FillOperation op, DataType outputType) noexcept = 0;
  IFillLayer* addFill(Dims const& dimensions, FillOperation op, DataType outputType) noexcept {
    return addFill64(impl::dims_as(dimensions), op, outputType);
  }
#else
  virtual IConstantLayer* addConstant(Dims const& dimensions, Weights weights) noexcept = 0;
  virtual IFillLayer* addFill(Dims const& dimensions, FillOperation op) noexcept = 0;
  virtual IFillLayer* addFill(Dims const& dimensions, FillOperation op, DataType outputType) noexcept = 0;
#endif
  virtual IResizeLayer* addResize(ITensor& input) noexcept = 0;
  virtual IGridSampleLayer* addGridSample(ITensor& input, ITensor& grid) noexcept = 0;
  virtual INMSLayer* addNMS(ITensor& boxes, ITensor& scores, ITensor& maxOutputBoxesPerClass) noexcept = 0;
  virtual INMSLayer* addNMS(ITensor& boxes, ITensor& scores, ITensor& maxOutputBoxesPerClass,
                            DataType indicesType) noexcept = 0;
  virtual IReverseSequenceLayer* addReverseSequence(ITensor& input, ITensor& sequenceLens) noexcept = 0;

  // ---- Flow (layers_flow.h) ----

  virtual ILoop* addLoop() noexcept = 0;
  virtual IIfConditional* addIfConditional() noexcept = 0;
  // Level 8.
  virtual IRNNv2Layer* addRNNv2(ITensor& input, int32_t layerCount, int32_t hiddenSize, int32_t maxSeqLen,
                                RNNOperation op) noexcept = 0;
  virtual IFullyConnectedLayer* addFullyConnected(ITensor& input, int32_t nbOutputs, Weights kernelWeights,
                                                  Weights biasWeights) noexcept = 0;

  // ---- Transformers, devices, plugins (layers_attention.h) ----

  virtual IAttention* addAttention(ITensor& query, ITensor& key, ITensor& value, AttentionNormalizationOp normOp,
                                   bool causal) noexcept = 0;
  virtual IAttention* addAttentionV2(ITensor& query, ITensor& key, ITensor& value, AttentionNormalizationOp normOp,
                                     CausalMaskKind causalKind) noexcept = 0;
  virtual IRotaryEmbeddingLayer* addRotaryEmbedding(ITensor& input, ITensor& cosCache, ITensor& sinCache, bool interleaved,
                                                    int32_t rotaryEmbeddingDim) noexcept = 0;
  virtual IKVCacheUpdateLayer* addKVCacheUpdate(ITensor& cache, ITensor& update, ITensor& writeIndices,
                                                KVCacheMode cacheMode) noexcept = 0;
  virtual IMoELayer* addMoE(ITensor& hiddenStates, ITensor& selectedExpertsForTokens,
                            ITensor& scoresForSelectedExperts) noexcept = 0;
  virtual IDistCollectiveLayer* addDistCollective(ITensor& input, CollectiveOperation distCollectiveOp,
                                                  ReduceOperation reduceOp, int64_t root, int64_t* groups,
                                                  int64_t groupSize) noexcept = 0;
  virtual IPluginV2Layer* addPluginV2(ITensor* const* inputs, int32_t nbInputs, IPluginV2& plugin) noexcept = 0;
  virtual IPluginV3Layer* addPluginV3(ITensor* const* inputs, int32_t nbInputs, ITensor* const* shapeInputs,
                                      int32_t nbShapeInputs, IPluginV3& plugin) noexcept = 0;

  // ---- Weights that can be replaced in an engine ----

  // Gives the weights at this address a name for the refitter. false when no layer has them or the name is taken.
  virtual bool setWeightsName(Weights weights, char const* name) noexcept = 0;
  virtual bool markWeightsRefittable(char const* name) noexcept = 0;
  virtual bool unmarkWeightsRefittable(char const* name) noexcept = 0;
  virtual bool areWeightsMarkedRefittable(char const* name) const noexcept = 0;

  // ---- The network itself ----

  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual bool hasImplicitBatchDimension() const noexcept = 0;  // at level 8 without kEXPLICIT_BATCH
  virtual NetworkDefinitionCreationFlags getFlags() const noexcept = 0;
  virtual bool getFlag(NetworkDefinitionCreationFlag flag) const noexcept = 0;
  virtual IBuilder& getBuilder() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;

  // ---- Forms of level 8 ----

  IConvolutionLayer* addConvolution(ITensor& input, int32_t nbOutputMaps, DimsHW kernelSize, Weights kernelWeights,
                                    Weights biasWeights) noexcept {
    return addConvolutionNd(input, nbOutputMaps, kernelSize, kernelWeights, biasWeights);
  }
  IDeconvolutionLayer* addDeconvolution(ITensor& input, int32_t nbOutputMaps, DimsHW kernelSize, Weights kernelWeights,
                                        Weights biasWeights) noexcept {
    return addDeconvolutionNd(input, nbOutputMaps, kernelSize, kernelWeights, biasWeights);
  }
  IPoolingLayer* addPooling(ITensor& input, PoolingType type, DimsHW windowSize) noexcept {
    return addPoolingNd(input, type, windowSize);
  }
  IPaddingLayer* addPadding(ITensor& input, DimsHW prePadding, DimsHW postPadding) noexcept {
    return addPaddingNd(input, prePadding, postPadding);
  }
  bool hasExplicitPrecision() const noexcept { return getFlag(NetworkDefinitionCreationFlag::kEXPLICIT_PRECISION); }
};

}  // namespace nvinfer1
