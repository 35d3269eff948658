// Network: the Graph that is edited, through views. A TensorView is a value, a LayerView a node; they are made when they are
// asked for and live as long as the network. A parser replaces the whole graph.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "NvInfer.h"
#include "api/reporter.h"
#include "ir/graph.h"
#include "onnx/storage.h"

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
  nvinfer1::TensorLocation getLocation() const noexcept override { return nvinfer1::TensorLocation::kDEVICE; }
  bool isShapeTensor() const noexcept override { return false; }
  bool isExecutionTensor() const noexcept override { return true; }
  void setDimensionName(int32_t index, char const* name) noexcept override;
  char const* getDimensionName(int32_t index) const noexcept override;

  ValueId id() const { return id_; }

 private:
  Network& network_;
  ValueId id_;
  mutable std::string name_;                                // what getName returned
  mutable std::map<int32_t, std::string> dimension_names_;  // what getDimensionName returned
};

class LayerView final : public nvinfer1::ILayer {
 public:
  LayerView(Network& network, NodeId id) : network_(network), id_(id) {}
  ~LayerView() noexcept override = default;

  nvinfer1::LayerType getType() const noexcept override;
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override;
  void setMetadata(char const* metadata) noexcept override;
  char const* getMetadata() const noexcept override { return metadata_.c_str(); }
  int32_t getNbInputs() const noexcept override;
  nvinfer1::ITensor* getInput(int32_t index) const noexcept override;
  int32_t getNbOutputs() const noexcept override;
  nvinfer1::ITensor* getOutput(int32_t index) const noexcept override;
  void setInput(int32_t index, nvinfer1::ITensor& tensor) noexcept override;
  nvinfer1::DataType getOutputType(int32_t index) const noexcept override;

 private:
  Network& network_;
  NodeId id_;
  std::string metadata_;
};

class Network final : public nvinfer1::INetworkDefinition {
 public:
  Network(nvinfer1::IBuilder& builder, const Reporter& reporter, nvinfer1::NetworkDefinitionCreationFlags flags)
      : builder_(builder), reporter_(reporter), flags_(flags), graph_(std::make_shared<SymContext>()) {}

  nvinfer1::ITensor* addInput(char const* name, nvinfer1::DataType type, nvinfer1::Dims const& dims) noexcept override;
  void markOutput(nvinfer1::ITensor& tensor) noexcept override;
  void unmarkOutput(nvinfer1::ITensor& tensor) noexcept override;
  void removeTensor(nvinfer1::ITensor& tensor) noexcept override;
  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(graph_.order().size()); }
  nvinfer1::ILayer* getLayer(int32_t index) const noexcept override;
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(graph_.inputs().size()); }
  nvinfer1::ITensor* getInput(int32_t index) const noexcept override;
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(graph_.outputs().size()); }
  nvinfer1::ITensor* getOutput(int32_t index) const noexcept override;
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name_.c_str(); }
  bool hasImplicitBatchDimension() const noexcept override { return false; }
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

 private:
  nvinfer1::IBuilder& builder_;
  Reporter reporter_;
  nvinfer1::NetworkDefinitionCreationFlags flags_;
  std::string name_;
  Graph graph_;
  Metadata metadata_;
  std::shared_ptr<onnx::Storage> storage_;
  std::shared_ptr<const void> bytes_;
  mutable std::map<ValueId, std::unique_ptr<TensorView>> tensors_;
  mutable std::map<NodeId, std::unique_ptr<LayerView>> layers_;
};

}  // namespace temper::api
