// Reading ONNX models into a network.
//
//   std::unique_ptr<nvonnxparser::IParser> parser{nvonnxparser::createParser(*network, logger)};
//   if (!parser->parseFromFile("model.onnx", 0))
//     for (int i = 0; i < parser->getNbErrors(); ++i) puts(parser->getError(i)->desc());
//
// Opsets 7 to 26, IR versions 3 to 13. All problems of a model are reported, not the first only.
#pragma once

#include <utility>
#include <vector>

#include "NvInfer.h"

#define NV_ONNX_PARSER_MAJOR 0
#define NV_ONNX_PARSER_MINOR 1
#define NV_ONNX_PARSER_PATCH 0

static constexpr int32_t NV_ONNX_PARSER_VERSION =
    (NV_ONNX_PARSER_MAJOR * 10000) + (NV_ONNX_PARSER_MINOR * 100) + NV_ONNX_PARSER_PATCH;

// Indices of nodes, and whether all of them are supported.
using SubGraph_t = std::pair<std::vector<size_t>, bool>;
using SubGraphCollection_t = std::vector<SubGraph_t>;

namespace nvonnxparser {

enum class ErrorCode : int {
  kSUCCESS = 0,
  kINTERNAL_ERROR = 1,
  kMEM_ALLOC_FAILED = 2,
  kMODEL_DESERIALIZE_FAILED = 3,  // not an ONNX model, damaged, or its external data cannot be read
  kINVALID_VALUE = 4,
  kINVALID_GRAPH = 5,
  kINVALID_NODE = 6,
  kUNSUPPORTED_GRAPH = 7,
  kUNSUPPORTED_NODE = 8,  // an operator that Temper does not have
  kUNSUPPORTED_NODE_ATTR = 9,
  kUNSUPPORTED_NODE_INPUT = 10,
  kUNSUPPORTED_NODE_DATATYPE = 11,
  kUNSUPPORTED_NODE_DYNAMIC = 12,
  kUNSUPPORTED_NODE_SHAPE = 13,
  kREFIT_FAILED = 14,
};
template <typename T>
constexpr int32_t EnumMax() noexcept;
template <>
constexpr int32_t EnumMax<ErrorCode>() noexcept {
  return 15;
}

enum class OnnxParserFlag : int32_t {
  kNATIVE_INSTANCENORM = 0,  // on by default
  kENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA = 1,
  kREPORT_CAPABILITY_DLA = 2,
  kENABLE_PLUGIN_OVERRIDE = 3,
  kADJUST_FOR_DLA = 4,
};
using OnnxParserFlags = uint32_t;  // bits 1U << OnnxParserFlag
template <>
constexpr int32_t EnumMax<OnnxParserFlag>() noexcept {
  return 5;
}

// One problem of a model. Owned by the parser, until clearErrors() or the next parse.
class IParserError {
 public:
  virtual ErrorCode code() const = 0;
  virtual char const* desc() const = 0;  // cause and cure, in a sentence
  virtual char const* file() const = 0;  // the place in Temper's sources that noticed it, with line and func
  virtual int line() const = 0;
  virtual char const* func() const = 0;
  virtual int node() const = 0;              // index of the node in its graph; -1: not of a node
  virtual char const* nodeName() const = 0;  // "" where there is no node
  virtual char const* nodeOperator() const = 0;
  // The local functions around the node, outermost first.
  virtual char const* const* localFunctionStack() const = 0;
  virtual int32_t localFunctionStackSize() const = 0;

 protected:
  virtual ~IParserError() = default;
};

// Reads one model into one network.
class IParser {
 public:
  virtual ~IParser() noexcept = default;
  TEMPER_DESTROY

  // A model in memory. modelPath: where it came from, for external data beside it; nullptr when it has none.
  virtual bool parse(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                     char const* modelPath = nullptr) noexcept = 0;
  // A model file, memory-mapped. verbosity is an ILogger::Severity: messages up to it are logged.
  virtual bool parseFromFile(char const* onnxModelFile, int verbosity) noexcept = 0;
  // Would the model be read? Reads it without filling a network; the errors say what is missing.
  virtual bool supportsModelV2(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                               char const* modelPath = nullptr) noexcept = 0;
  // The same, with the nodes in groups that are supported or not.
  virtual bool supportsModel(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                             SubGraphCollection_t& subGraphCollection, char const* modelPath = nullptr) noexcept = 0;
  // Groups of the last supportsModelV2: how many, whether one is supported, and the indices of its nodes (their number goes to
  // subgraphLength; the array is the parser's).
  virtual int64_t getNbSubgraphs() noexcept = 0;
  virtual bool isSubgraphSupported(int64_t const index) noexcept = 0;
  virtual int64_t* getSubgraphNodes(int64_t const index, int64_t& subgraphLength) noexcept = 0;
  // A model whose weights stay where they are: the same as parse.
  virtual bool parseWithWeightDescriptors(void const* serializedOnnxModel, size_t serializedOnnxModelSize) noexcept = 0;
  // A model and its large weights in pieces: loadModelProto, then loadInitializer for each initializer that the model says is
  // outside of it, then parseModelProto. The memory must stay until then.
  virtual bool loadModelProto(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                              char const* modelPath = nullptr) noexcept = 0;
  virtual bool loadInitializer(char const* name, void const* data, size_t size) noexcept = 0;
  virtual bool parseModelProto() noexcept = 0;
  // What the model will be built with, for decisions of the parser that depend on it.
  virtual bool setBuilderConfig(nvinfer1::IBuilderConfig const* const builderConfig) noexcept = 0;
  // Is there an operator of this name, such as "Conv", in some opset?
  virtual bool supportsOperator(char const* opName) const noexcept = 0;

  virtual int getNbErrors() const noexcept = 0;
  virtual IParserError const* getError(int index) const noexcept = 0;
  virtual void clearErrors() noexcept = 0;

  virtual void setFlags(OnnxParserFlags onnxParserFlags) noexcept = 0;
  virtual OnnxParserFlags getFlags() const noexcept = 0;
  virtual void setFlag(OnnxParserFlag onnxParserFlag) noexcept = 0;
  virtual void clearFlag(OnnxParserFlag onnxParserFlag) noexcept = 0;
  virtual bool getFlag(OnnxParserFlag onnxParserFlag) const noexcept = 0;

  // Plugin libraries that the network needs in a version-compatible plan; their number goes to nbPluginLibs.
  virtual char const* const* getUsedVCPluginLibraries(int64_t& nbPluginLibs) const noexcept = 0;

  // The tensor that output `i` of the ONNX node of this name became; nullptr when there is none.
  virtual nvinfer1::ITensor const* getLayerOutputTensor(char const* name, int64_t i) noexcept = 0;
};

// Replaces weights of an engine by those of a model.
class IParserRefitter {
 public:
  virtual ~IParserRefitter() noexcept = default;
  virtual bool refitFromBytes(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                              char const* modelPath = nullptr) noexcept = 0;
  virtual bool refitFromFile(char const* onnxModelFile) noexcept = 0;
  virtual bool loadModelProto(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                              char const* modelPath = nullptr) noexcept = 0;
  virtual bool loadInitializer(char const* name, void const* data, size_t size) noexcept = 0;
  virtual bool refitModelProto() noexcept = 0;
  virtual int32_t getNbErrors() const noexcept = 0;
  virtual IParserError const* getError(int32_t index) const noexcept = 0;
  virtual void clearErrors() = 0;
};

}  // namespace nvonnxparser

// The factory that createParserRefitter calls.
extern "C" TENSORRTAPI void* createNvOnnxParserRefitter_INTERNAL(void* refitter, void* logger, int32_t version) noexcept;
// The factory that createParser calls.
extern "C" TENSORRTAPI void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) noexcept;
extern "C" TENSORRTAPI int getNvOnnxParserVersion() noexcept;

namespace nvonnxparser {
namespace {
// A parser that fills `network` and logs to `logger`; both must outlive it.
inline IParser* createParser(nvinfer1::INetworkDefinition& network, nvinfer1::ILogger& logger) noexcept {
  return static_cast<IParser*>(createNvOnnxParser_INTERNAL(&network, &logger, NV_ONNX_PARSER_VERSION));
}
// What `refitter` is given comes from a model.
inline IParserRefitter* createParserRefitter(nvinfer1::IRefitter& refitter, nvinfer1::ILogger& logger) noexcept {
  return static_cast<IParserRefitter*>(createNvOnnxParserRefitter_INTERNAL(&refitter, &logger, NV_ONNX_PARSER_VERSION));
}
}  // namespace
}  // namespace nvonnxparser
