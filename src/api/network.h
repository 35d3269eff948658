// Network: the Graph that is edited, through views. A TensorView is a value, a layer (layer_view.h) a node; they are made when
// they are asked for and live as long as the network. A parser replaces the whole graph.
//
// Layers that a program adds are nodes of the operators of ops/layers. A setter changes attributes or operands, so the types of
// results are inferred when they are asked for (settle), and `finished` writes the graph that is built.
//
// A network of level 8 with an implicit batch is the network of one sample: views and layers know of no batch. The graph that
// is built from it does the same to many samples (pass batch).
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "NvInfer.h"
#include "api/flow_view.h"
#include "api/layer_view.h"
#include "api/reporter.h"
#include "ir/graph.h"
#include "onnx/storage.h"
#include "passes/narrow_floats.h"

namespace temper::api {

class Network;

class TensorView final : public nvinfer1::ITensor {
 public:
  TensorView(Network& network, ValueId id) : network_(network), id_(id) {}
  ~TensorView() noexcept override = default;

  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override;
  void setDimensions(nvinfer1::Dims const& dims) noexcept override;
  nvinfer1::Dims getDimensions() const noexcept override;
  void setType(nvinfer1::DataType type) noexcept override;
  nvinfer1::DataType getType() const noexcept override;
  bool isNetworkInput() const noexcept override;
  bool isNetworkOutput() const noexcept override;
  void setAllowedFormats(nvinfer1::TensorFormats formats) noexcept override;
  nvinfer1::TensorFormats getAllowedFormats() const noexcept override { return 1U << int(nvinfer1::TensorFormat::kLINEAR); }
  nvinfer1::TensorLocation getLocation() const noexcept override { return location_; }
  void setLocation(nvinfer1::TensorLocation location) noexcept override;
  void setBroadcastAcrossBatch(bool broadcast) noexcept override;
  bool getBroadcastAcrossBatch() const noexcept override { return broadcast_; }
  bool setDynamicRange(float min, float max) noexcept override;
  bool dynamicRangeIsSet() const noexcept override { return range_.has_value(); }
  void resetDynamicRange() noexcept override { range_.reset(); }
  float getDynamicRangeMin() const noexcept override { return range_ ? range_->first : std::nanf(""); }
  float getDynamicRangeMax() const noexcept override { return range_ ? range_->second : std::nanf(""); }
  bool isShapeTensor() const noexcept override { return false; }
  bool isExecutionTensor() const noexcept override { return true; }
  void setDimensionName(int32_t index, char const* name) noexcept override;
  char const* getDimensionName(int32_t index) const noexcept override;

  ValueId id() const { return id_; }
  const Network& network() const { return network_; }

 private:
  Network& network_;
  ValueId id_;
  bool broadcast_ = false;  // of an implicit batch
  nvinfer1::TensorLocation location_ = nvinfer1::TensorLocation::kDEVICE;
  std::optional<std::pair<float, float>> range_;
  mutable std::string name_;                                // what getName returned
  mutable std::map<int32_t, std::string> dimension_names_;  // what getDimensionName returned
};

// A layer before it is a node: what an add... method was given, once it has found good what only it can judge.
struct LayerDraft {
  explicit LayerDraft(Network& network) : network(network) {}
  void reads(nvinfer1::ITensor& tensor);
  Status reads(nvinfer1::ITensor* const* tensors, int32_t count);
  // Constant weights; absent when their count is 0.
  Status reads(nvinfer1::Weights weights, const char* what);

  Network& network;
  std::string_view type;  // the operator's name
  AttrsPtr attrs = make_attrs(NoAttrs{});
  std::vector<ValueId> operands;
  int results = 1;
  bool mendable = false;  // a setter may still make its inputs fit
  std::vector<NodeId> constants;
  Status problem;
};

class Network final : public nvinfer1::INetworkDefinition {
 public:
  Network(nvinfer1::IBuilder& builder, const Reporter& reporter, nvinfer1::NetworkDefinitionCreationFlags flags, int api_level)
      : builder_(builder), reporter_(reporter), flags_(flags), api_level_(api_level), graph_(std::make_shared<SymContext>()) {}

  nvinfer1::ITensor* addInput(char const* name, nvinfer1::DataType type, nvinfer1::Dims const& dims) noexcept override;
  void markOutput(nvinfer1::ITensor& tensor) noexcept override;
  void unmarkOutput(nvinfer1::ITensor& tensor) noexcept override;
  void removeTensor(nvinfer1::ITensor& tensor) noexcept override;
  bool markOutputForShapes(nvinfer1::ITensor& tensor) noexcept override;
  bool unmarkOutputForShapes(nvinfer1::ITensor& tensor) noexcept override;
  bool markDebug(nvinfer1::ITensor& tensor) noexcept override { return refuse("markDebug", kNoDebugTensors); }
  bool unmarkDebug(nvinfer1::ITensor& tensor) noexcept override { return refuse("unmarkDebug", kNoDebugTensors); }
  bool isDebugTensor(nvinfer1::ITensor const& tensor) const noexcept override { return false; }
  bool markUnfusedTensorsAsDebugTensors() noexcept override {
    return refuse("markUnfusedTensorsAsDebugTensors", kNoDebugTensors);
  }
  bool unmarkUnfusedTensorsAsDebugTensors() noexcept override { return true; }

  nvinfer1::IConvolutionLayer* addConvolutionNd(nvinfer1::ITensor& input, int64_t nbOutputMaps,
                                                nvinfer1::Dims const& kernelSize, nvinfer1::Weights kernelWeights,
                                                nvinfer1::Weights biasWeights) noexcept override;
  nvinfer1::IDeconvolutionLayer* addDeconvolutionNd(nvinfer1::ITensor& input, int64_t nbOutputMaps,
                                                    nvinfer1::Dims const& kernelSize, nvinfer1::Weights kernelWeights,
                                                    nvinfer1::Weights biasWeights) noexcept override;
  nvinfer1::IPoolingLayer* addPoolingNd(nvinfer1::ITensor& input, nvinfer1::PoolingType type,
                                        nvinfer1::Dims const& windowSize) noexcept override;
  nvinfer1::IPaddingLayer* addPaddingNd(nvinfer1::ITensor& input, nvinfer1::Dims const& prePadding,
                                        nvinfer1::Dims const& postPadding) noexcept override;
  nvinfer1::IActivationLayer* addActivation(nvinfer1::ITensor& input, nvinfer1::ActivationType type) noexcept override;
  nvinfer1::IParametricReLULayer* addParametricReLU(nvinfer1::ITensor& input, nvinfer1::ITensor& slope) noexcept override;
  nvinfer1::ILRNLayer* addLRN(nvinfer1::ITensor& input, int64_t window, float alpha, float beta, float k) noexcept override;
  nvinfer1::IScaleLayer* addScale(nvinfer1::ITensor& input, nvinfer1::ScaleMode mode, nvinfer1::Weights shift,
                                  nvinfer1::Weights scale, nvinfer1::Weights power) noexcept override;
  nvinfer1::IScaleLayer* addScaleNd(nvinfer1::ITensor& input, nvinfer1::ScaleMode mode, nvinfer1::Weights shift,
                                    nvinfer1::Weights scale, nvinfer1::Weights power, int32_t channelAxis) noexcept override;
  nvinfer1::ISoftMaxLayer* addSoftMax(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IRaggedSoftMaxLayer* addRaggedSoftMax(nvinfer1::ITensor& input, nvinfer1::ITensor& bounds) noexcept override;
  nvinfer1::INormalizationLayer* addNormalization(nvinfer1::ITensor& input, nvinfer1::ITensor& scale, nvinfer1::ITensor& bias,
                                                  uint32_t axesMask) noexcept override {
    return add_normalization(input, scale, bias, axesMask, false);
  }
  nvinfer1::INormalizationLayer* addNormalizationV2(nvinfer1::ITensor& input, nvinfer1::ITensor& scale, nvinfer1::ITensor& bias,
                                                    uint32_t axesMask) noexcept override {
    return add_normalization(input, scale, bias, axesMask, true);
  }
  nvinfer1::IElementWiseLayer* addElementWise(nvinfer1::ITensor& input1, nvinfer1::ITensor& input2,
                                              nvinfer1::ElementWiseOperation op) noexcept override;
  nvinfer1::IUnaryLayer* addUnary(nvinfer1::ITensor& input, nvinfer1::UnaryOperation operation) noexcept override;
  nvinfer1::IReduceLayer* addReduce(nvinfer1::ITensor& input, nvinfer1::ReduceOperation operation, uint32_t reduceAxes,
                                    bool keepDimensions) noexcept override;
  nvinfer1::ICumulativeLayer* addCumulative(nvinfer1::ITensor& input, nvinfer1::ITensor& axis,
                                            nvinfer1::CumulativeOperation operation, bool exclusive,
                                            bool reverse) noexcept override;
  nvinfer1::IMatrixMultiplyLayer* addMatrixMultiply(nvinfer1::ITensor& input0, nvinfer1::MatrixOperation op0,
                                                    nvinfer1::ITensor& input1, nvinfer1::MatrixOperation op1) noexcept override;
  nvinfer1::IEinsumLayer* addEinsum(nvinfer1::ITensor* const* inputs, int32_t nbInputs, char const* equation) noexcept override;
  nvinfer1::ISelectLayer* addSelect(nvinfer1::ITensor& condition, nvinfer1::ITensor& thenInput,
                                    nvinfer1::ITensor& elseInput) noexcept override;
  nvinfer1::ICastLayer* addCast(nvinfer1::ITensor& input, nvinfer1::DataType toType) noexcept override;
  nvinfer1::IIdentityLayer* addIdentity(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IAssertionLayer* addAssertion(nvinfer1::ITensor& condition, char const* message) noexcept override;
  nvinfer1::IQuantizeLayer* addQuantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale) noexcept override;
  nvinfer1::IQuantizeLayer* addQuantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale,
                                        nvinfer1::DataType outputType) noexcept override;
  nvinfer1::IDequantizeLayer* addDequantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale) noexcept override;
  nvinfer1::IDequantizeLayer* addDequantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale,
                                            nvinfer1::DataType outputType) noexcept override;
  nvinfer1::IDynamicQuantizeLayer* addDynamicQuantize(nvinfer1::ITensor& input, int32_t axis, int32_t blockSize,
                                                      nvinfer1::DataType outputType,
                                                      nvinfer1::DataType scaleType) noexcept override;
  nvinfer1::IDynamicQuantizeLayer* addDynamicQuantizeV2(nvinfer1::ITensor& input, nvinfer1::Dims const& blockShape,
                                                        nvinfer1::DataType outputType,
                                                        nvinfer1::DataType scaleType) noexcept override;
  nvinfer1::IShuffleLayer* addShuffle(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::ISliceLayer* addSlice(nvinfer1::ITensor& input, nvinfer1::Dims const& start, nvinfer1::Dims const& size,
                                  nvinfer1::Dims const& stride) noexcept override;
  nvinfer1::IShapeLayer* addShape(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IConcatenationLayer* addConcatenation(nvinfer1::ITensor* const* inputs, int32_t nbInputs) noexcept override;
  nvinfer1::IGatherLayer* addGather(nvinfer1::ITensor& data, nvinfer1::ITensor& indices, int32_t axis) noexcept override {
    return add_gather(data, indices, axis, nvinfer1::GatherMode::kDEFAULT);
  }
  nvinfer1::IGatherLayer* addGatherV2(nvinfer1::ITensor& data, nvinfer1::ITensor& indices,
                                      nvinfer1::GatherMode mode) noexcept override {
    return add_gather(data, indices, 0, mode);
  }
  nvinfer1::IScatterLayer* addScatter(nvinfer1::ITensor& data, nvinfer1::ITensor& indices, nvinfer1::ITensor& updates,
                                      nvinfer1::ScatterMode mode) noexcept override;
  nvinfer1::ISqueezeLayer* addSqueeze(nvinfer1::ITensor& input, nvinfer1::ITensor& axes) noexcept override;
  nvinfer1::IUnsqueezeLayer* addUnsqueeze(nvinfer1::ITensor& input, nvinfer1::ITensor& axes) noexcept override;
  nvinfer1::ITopKLayer* addTopK(nvinfer1::ITensor& input, nvinfer1::TopKOperation op, int32_t k,
                                uint32_t reduceAxes) noexcept override;
  nvinfer1::ITopKLayer* addTopK(nvinfer1::ITensor& input, nvinfer1::TopKOperation op, int32_t k, uint32_t reduceAxes,
                                nvinfer1::DataType indicesType) noexcept override;
  nvinfer1::INonZeroLayer* addNonZero(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::INonZeroLayer* addNonZero(nvinfer1::ITensor& input, nvinfer1::DataType indicesType) noexcept override;
  nvinfer1::IOneHotLayer* addOneHot(nvinfer1::ITensor& indices, nvinfer1::ITensor& values, nvinfer1::ITensor& depth,
                                    int32_t axis) noexcept override;
  nvinfer1::IConstantLayer* addConstant(nvinfer1::Dims const& dimensions, nvinfer1::Weights weights) noexcept override;
  nvinfer1::IFillLayer* addFill(nvinfer1::Dims const& dimensions, nvinfer1::FillOperation op) noexcept override;
  nvinfer1::IFillLayer* addFill(nvinfer1::Dims const& dimensions, nvinfer1::FillOperation op,
                                nvinfer1::DataType outputType) noexcept override;
  nvinfer1::IResizeLayer* addResize(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IGridSampleLayer* addGridSample(nvinfer1::ITensor& input, nvinfer1::ITensor& grid) noexcept override;
  nvinfer1::INMSLayer* addNMS(nvinfer1::ITensor& boxes, nvinfer1::ITensor& scores,
                              nvinfer1::ITensor& maxOutputBoxesPerClass) noexcept override;
  nvinfer1::INMSLayer* addNMS(nvinfer1::ITensor& boxes, nvinfer1::ITensor& scores, nvinfer1::ITensor& maxOutputBoxesPerClass,
                              nvinfer1::DataType indicesType) noexcept override;
  nvinfer1::IReverseSequenceLayer* addReverseSequence(nvinfer1::ITensor& input,
                                                      nvinfer1::ITensor& sequenceLens) noexcept override;
  nvinfer1::ILoop* addLoop() noexcept override;
  nvinfer1::IIfConditional* addIfConditional() noexcept override;
  nvinfer1::IRNNv2Layer* addRNNv2(nvinfer1::ITensor& input, int32_t layerCount, int32_t hiddenSize, int32_t maxSeqLen,
                                  nvinfer1::RNNOperation op) noexcept override;
  nvinfer1::IFullyConnectedLayer* addFullyConnected(nvinfer1::ITensor& input, int32_t nbOutputs,
                                                    nvinfer1::Weights kernelWeights,
                                                    nvinfer1::Weights biasWeights) noexcept override;
  nvinfer1::IAttention* addAttention(nvinfer1::ITensor& query, nvinfer1::ITensor& key, nvinfer1::ITensor& value,
                                     nvinfer1::AttentionNormalizationOp normOp, bool causal) noexcept override;
  nvinfer1::IAttention* addAttentionV2(nvinfer1::ITensor& query, nvinfer1::ITensor& key, nvinfer1::ITensor& value,
                                       nvinfer1::AttentionNormalizationOp normOp,
                                       nvinfer1::CausalMaskKind causalKind) noexcept override;
  nvinfer1::IRotaryEmbeddingLayer* addRotaryEmbedding(nvinfer1::ITensor& input, nvinfer1::ITensor& cosCache,
                                                      nvinfer1::ITensor& sinCache, bool interleaved,
                                                      int32_t rotaryEmbeddingDim) noexcept override;
  nvinfer1::IKVCacheUpdateLayer* addKVCacheUpdate(nvinfer1::ITensor& cache, nvinfer1::ITensor& update,
                                                  nvinfer1::ITensor& writeIndices,
                                                  nvinfer1::KVCacheMode cacheMode) noexcept override;
  nvinfer1::IMoELayer* addMoE(nvinfer1::ITensor& hiddenStates, nvinfer1::ITensor& selectedExpertsForTokens,
                              nvinfer1::ITensor& scoresForSelectedExperts) noexcept override;
  nvinfer1::IDistCollectiveLayer* addDistCollective(nvinfer1::ITensor& input, nvinfer1::CollectiveOperation distCollectiveOp,
                                                    nvinfer1::ReduceOperation reduceOp, int64_t root, int64_t* groups,
                                                    int64_t groupSize) noexcept override;
  nvinfer1::IPluginV2Layer* addPluginV2(nvinfer1::ITensor* const* inputs, int32_t nbInputs,
                                        nvinfer1::IPluginV2& plugin) noexcept override;
  nvinfer1::IPluginV3Layer* addPluginV3(nvinfer1::ITensor* const* inputs, int32_t nbInputs,
                                        nvinfer1::ITensor* const* shapeInputs, int32_t nbShapeInputs,
                                        nvinfer1::IPluginV3& plugin) noexcept override;
  bool setWeightsName(nvinfer1::Weights weights, char const* name) noexcept override;
  bool markWeightsRefittable(char const* name) noexcept override { return refuse("markWeightsRefittable", kNoRefit); }
  bool unmarkWeightsRefittable(char const* name) noexcept override { return true; }
  bool areWeightsMarkedRefittable(char const* name) const noexcept override { return false; }
  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(shown().size()); }
  nvinfer1::ILayer* getLayer(int32_t index) const noexcept override;
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(graph_.inputs().size()); }
  nvinfer1::ITensor* getInput(int32_t index) const noexcept override;
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(graph_.outputs().size()); }
  nvinfer1::ITensor* getOutput(int32_t index) const noexcept override;
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name_.c_str(); }
  bool hasImplicitBatchDimension() const noexcept override {
    return api_level_ == 8 && !(flags_ >> int(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH) & 1U);
  }
  nvinfer1::NetworkDefinitionCreationFlags getFlags() const noexcept override { return flags_; }
  bool getFlag(nvinfer1::NetworkDefinitionCreationFlag flag) const noexcept override;
  nvinfer1::IBuilder& getBuilder() const noexcept override { return builder_; }
  TEMPER_API_RECORDER(reporter_)

  using Metadata = std::vector<std::pair<std::string, std::string>>;
  // What was read from a model, and what its weights lie in.
  struct Imported {
    Graph graph;
    Metadata metadata;
    std::shared_ptr<onnx::Storage> storage;
    std::shared_ptr<const void> bytes;  // of a model that was in memory
  };
  // Takes it in place of the graph, which must be empty.
  Status adopt(Imported imported);
  // An Error when a file that weights lie in was changed since it was read.
  Status still_intact() const;
  // The constants will not be read for a while: what is mapped of them need not stay in memory.
  void let_go_of_files() const;

  const Reporter& reporter() const { return reporter_; }
  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }
  const Metadata& metadata() const { return metadata_; }
  TensorView* tensor(ValueId id) const;  // nullptr for kNone32

  // The network as a graph to build from: layers sorted and checked, an implicit batch made a dimension. An Error names the
  // layer.
  Expected<Graph> finished() const;
  // By input: whether it has an implicit batch in front of the dimensions that the network shows.
  std::vector<bool> batched_inputs() const;
  // Dims that an input may have.
  Status check_input_dims(nvinfer1::Dims const& dims) const;
  // The types that layers were given, by their names.
  void add_layer_types(std::map<std::string, LayerTypes, std::less<>>& layers) const;
  // Types and dims of a value and of all that it depends on, inferred as the layers now are.
  Status settle(ValueId id) const;
  // The node was changed: what it makes, and what is made of that, is to be inferred anew.
  void changed(NodeId id);
  // An input of another type or other dims; an Error when what reads it can't be inferred anew.
  Status change_input(ValueId id, TensorType type);
  void set_output_type(ValueId id, DType type) { output_types_[id] = type; }
  std::optional<DType> chosen_output_type(ValueId id) const;

  // Weights of the program as a vector, which is not copied: the program keeps them until the build has ended.
  Expected<Tensor> weights_tensor(nvinfer1::Weights weights, const char* what) const;
  // A constant that belongs to a layer and is none itself.
  NodeId add_hidden_constant(Tensor data);
  bool is_hidden(ValueId id) const;
  // The value behind a tensor; an Error for one of another network.
  Expected<ValueId> value_of(const nvinfer1::ITensor& tensor) const;
  // Those of a region; nullptr where there is none.
  nvinfer1::ILoop* loop(int64_t region) const;
  nvinfer1::IIfConditional* conditional(int64_t region) const;

  // A layer that `prepare` describes; nullptr, and a report that names the call, when that makes no sense.
  template <class View, class Prepare>
  View* add(const char* call, const Prepare& prepare) noexcept {
    return guarded<View*>(reporter_, nullptr, [&]() -> Expected<View*> {
      LayerDraft draft(*this);
      Status good = prepare(draft);
      auto id = good.ok() ? add_layer(draft) : Expected<NodeId>(std::move(good).error());
      if (!id.ok()) return discard(draft, std::move(id).error().at(call));
      auto view = std::make_unique<View>(*this, *id);
      View* made = view.get();
      layers_[*id] = std::move(view);
      return made;
    });
  }

 private:
  static constexpr const char* kNoDebugTensors = "tensors can't be watched; mark them as outputs";
  static constexpr const char* kNoRefit = "weights can't be replaced in a plan; build again with the new ones";

  Expected<NodeId> add_layer(LayerDraft& draft);
  Error discard(const LayerDraft& draft, Error error);
  bool refuse(const char* call, const char* why) const noexcept;
  nvinfer1::INormalizationLayer* add_normalization(nvinfer1::ITensor& input, nvinfer1::ITensor& scale, nvinfer1::ITensor& bias,
                                                   uint32_t axes, bool plain) noexcept;
  nvinfer1::IGatherLayer* add_gather(nvinfer1::ITensor& data, nvinfer1::ITensor& indices, int32_t axis,
                                     nvinfer1::GatherMode mode) noexcept;
  // Nodes that are layers, in the order they were added.
  const std::vector<NodeId>& shown() const;
  Status infer(NodeId id) const;
  // What must be inferred anew before the node can be; kNone32: nothing.
  NodeId waits_for(NodeId id) const;
  // What a plugin says of its outputs, into the node.
  Status ask_plugin(Node& node) const;
  std::unique_ptr<LayerBase> view_of(NodeId id) const;

  nvinfer1::IBuilder& builder_;
  Reporter reporter_;
  nvinfer1::NetworkDefinitionCreationFlags flags_;
  int api_level_;
  std::string name_;
  mutable Graph graph_;  // types of results are inferred when they are asked for
  mutable std::set<NodeId> stale_;
  std::set<NodeId> hidden_;
  mutable std::vector<NodeId> shown_;
  std::map<ValueId, DType> output_types_;
  std::map<const void*, std::string> weight_names_;
  std::map<int64_t, std::unique_ptr<LoopView>> loops_;  // by region
  std::map<int64_t, std::unique_ptr<ConditionalView>> conditionals_;
  Metadata metadata_;
  std::shared_ptr<onnx::Storage> storage_;
  std::shared_ptr<const void> bytes_;
  mutable std::map<ValueId, std::unique_ptr<TensorView>> tensors_;
  mutable std::map<NodeId, std::unique_ptr<LayerBase>> layers_;
};

}  // namespace temper::api
