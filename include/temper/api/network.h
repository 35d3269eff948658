// A network while it is edited: layers over tensors. The views are owned by the network and live as long as it.
// Included by NvInfer.h.
#pragma once

#include "NvInferRuntime.h"

namespace nvinfer1 {

class IBuilder;

enum class LayerType : int32_t {
  kCONVOLUTION = 0,
  kCAST = 1,
  kACTIVATION = 2,
  kPOOLING = 3,
  kLRN = 4,
  kSCALE = 5,
  kSOFTMAX = 6,
  kDECONVOLUTION = 7,
  kCONCATENATION = 8,
  kELEMENTWISE = 9,
  kPLUGIN = 10,
  kUNARY = 11,
  kPADDING = 12,
  kSHUFFLE = 13,
  kREDUCE = 14,
  kTOPK = 15,
  kGATHER = 16,
  kMATRIX_MULTIPLY = 17,
  kRAGGED_SOFTMAX = 18,
  kCONSTANT = 19,
  kIDENTITY = 20,
  kPLUGIN_V2 = 21,
  kSLICE = 22,
  kSHAPE = 23,
  kPARAMETRIC_RELU = 24,
  kRESIZE = 25,
  kTRIP_LIMIT = 26,
  kRECURRENCE = 27,
  kITERATOR = 28,
  kLOOP_OUTPUT = 29,
  kSELECT = 30,
  kFILL = 31,
  kQUANTIZE = 32,
  kDEQUANTIZE = 33,
  kCONDITION = 34,
  kCONDITIONAL_INPUT = 35,
  kCONDITIONAL_OUTPUT = 36,
  kSCATTER = 37,
  kEINSUM = 38,
  kASSERTION = 39,
  kONE_HOT = 40,
  kNON_ZERO = 41,
  kGRID_SAMPLE = 42,
  kNMS = 43,
  kREVERSE_SEQUENCE = 44,
  kNORMALIZATION = 45,
  kPLUGIN_V3 = 46,  // also nodes of an ONNX model that no layer of this list describes
  kSQUEEZE = 47,
  kUNSQUEEZE = 48,
  kCUMULATIVE = 49,
  kDYNAMIC_QUANTIZE = 50,
  kATTENTION_INPUT = 51,
  kATTENTION_OUTPUT = 52,
  kROTARY_EMBEDDING = 53,
  kKVCACHE_UPDATE = 54,
  kMOE = 55,
  kDIST_COLLECTIVE = 56,
};
TEMPER_ENUM_COUNT(LayerType, 57)

using TensorFormats = uint32_t;  // bits 1U << TensorFormat

// A value of the network: an input, or what a layer computes. Type and shape are inferred when they are asked for.
class ITensor : public INoCopy {
 public:
  // Names are unique within a network; those of inputs and outputs are the names in the engine.
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  // Inputs only: an extent may be -1 if an optimization profile, or the shape at run time, gives it.
  virtual void setDimensions(Dims const& dimensions) noexcept = 0;
  // -1 for extents that are not known at build time; nbDims = -1 when the inputs of the layer contradict.
  virtual Dims getDimensions() const noexcept = 0;
  // Inputs and outputs only.
  virtual void setType(DataType type) noexcept = 0;
  virtual DataType getType() const noexcept = 0;
  virtual bool isNetworkInput() const noexcept = 0;
  virtual bool isNetworkOutput() const noexcept = 0;
  // Inputs and outputs only: the layouts that the program accepts there. Default: kLINEAR alone.
  virtual void setAllowedFormats(TensorFormats formats) noexcept = 0;
  virtual TensorFormats getAllowedFormats() const noexcept = 0;
  virtual TensorLocation getLocation() const noexcept = 0;
  // Are its values needed to compute shapes, or to compute results? Both may be true.
  virtual bool isShapeTensor() const noexcept = 0;
  virtual bool isExecutionTensor() const noexcept = 0;
  // Inputs only: extents of the same name are the same number at run time. nullptr when it has no name.
  virtual void setDimensionName(int32_t index, char const* name) noexcept = 0;
  virtual char const* getDimensionName(int32_t index) const noexcept = 0;

 protected:
  ~ITensor() noexcept override = default;
};

// One operation of the network.
class ILayer : public INoCopy {
 public:
  virtual LayerType getType() const noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  // Text of the program's own that follows the layer into the inspector's output. Default: empty.
  virtual void setMetadata(char const* metadata) noexcept = 0;
  virtual char const* getMetadata() const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;  // nullptr: out of range, or an input left out
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;
  // Takes another tensor of the same network as input `index`.
  virtual void setInput(int32_t index, ITensor& tensor) noexcept = 0;
  virtual DataType getOutputType(int32_t index) const noexcept = 0;

 protected:
  ~ILayer() noexcept override = default;
};

enum class NetworkDefinitionCreationFlag : int32_t {
  kEXPLICIT_BATCH = 0,  // accepted and without effect: the batch is an extent like any other
  kSTRONGLY_TYPED = 1,  // every tensor has the type that the network gives it
  kPREFER_JIT_PYTHON_PLUGINS = 2,
  kPREFER_AOT_PYTHON_PLUGINS = 3,
};
TEMPER_ENUM_COUNT(NetworkDefinitionCreationFlag, 4)
using NetworkDefinitionCreationFlags = uint32_t;  // bits 1U << NetworkDefinitionCreationFlag

// The network. Made by IBuilder::createNetworkV2, filled by a parser or by hand.
class INetworkDefinition : public INoCopy {
 public:
  ~INetworkDefinition() noexcept override = default;

  // A new input. nullptr when the name is taken, the rank is over MAX_DIMS or an extent is under -1.
  virtual ITensor* addInput(char const* name, DataType type, Dims const& dimensions) noexcept = 0;
  virtual void markOutput(ITensor& tensor) noexcept = 0;
  virtual void unmarkOutput(ITensor& tensor) noexcept = 0;
  // Takes away a tensor that nothing reads.
  virtual void removeTensor(ITensor& tensor) noexcept = 0;

  // Layers in an order in which they could run; inputs and outputs in the order they were added or marked.
  virtual int32_t getNbLayers() const noexcept = 0;
  virtual ILayer* getLayer(int32_t index) const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;

  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual bool hasImplicitBatchDimension() const noexcept = 0;  // always false at level 10
  virtual NetworkDefinitionCreationFlags getFlags() const noexcept = 0;
  virtual bool getFlag(NetworkDefinitionCreationFlag flag) const noexcept = 0;
  virtual IBuilder& getBuilder() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
};

}  // namespace nvinfer1
