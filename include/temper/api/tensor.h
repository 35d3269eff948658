// What a network consists of: tensors, and layers over them. The views are owned by the network and live as long as it.
#pragma once

#include "NvInferRuntime.h"

namespace nvinfer1 {

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
  kFULLY_CONNECTED = 57,  // level 8
  kRNN_V2 = 58,           // level 8
};
TEMPER_ENUM_COUNT(LayerType, 59)

using TensorFormats = uint32_t;  // bits 1U << TensorFormat

// A value of the network: an input, or what a layer computes. Type and shape are inferred when they are asked for.
class ITensor : public INoCopy {
 public:
  // Names are unique within a network; those of inputs and outputs are the names in the engine.
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  // Inputs only: an extent may be -1 if an optimization profile, or the shape at run time, gives it.
  TEMPER_SETS_DIMS(setDimensions, dimensions)
  // -1 for extents that are not known at build time; nbDims = -1 when the inputs of the layer contradict, which is logged.
  TEMPER_GETS_DIMS(getDimensions)
  // Inputs and outputs only.
  virtual void setType(DataType type) noexcept = 0;
  virtual DataType getType() const noexcept = 0;
  // Weak typing: the values lie between min and max, so that 8-bit integers may stand for them. Only ranges around 0 are used:
  // the larger of |min| and |max| counts. false for ranges that are not finite.
  virtual bool setDynamicRange(float min, float max) noexcept = 0;
  virtual bool dynamicRangeIsSet() const noexcept = 0;
  virtual void resetDynamicRange() noexcept = 0;
  virtual float getDynamicRangeMin() const noexcept = 0;  // NaN when none is set
  virtual float getDynamicRangeMax() const noexcept = 0;
  virtual bool isNetworkInput() const noexcept = 0;
  virtual bool isNetworkOutput() const noexcept = 0;
  // Inputs and outputs only: the layouts that the program accepts there. Default: kLINEAR alone.
  virtual void setAllowedFormats(TensorFormats formats) noexcept = 0;
  virtual TensorFormats getAllowedFormats() const noexcept = 0;
  // Where the program's memory for it must be; kHOST for tensors whose values decide shapes.
  virtual TensorLocation getLocation() const noexcept = 0;
  virtual void setLocation(TensorLocation location) noexcept = 0;
  // Implicit batch of level 8 only: the same for every element of a batch. Without effect else.
  virtual void setBroadcastAcrossBatch(bool broadcastAcrossBatch) noexcept = 0;
  virtual bool getBroadcastAcrossBatch() const noexcept = 0;
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

  // Weak typing: what the layer computes in, and what its outputs are kept in. BuilderFlag::kOBEY_PRECISION_CONSTRAINTS and
  // kPREFER_PRECISION_CONSTRAINTS say how much it counts. Types of integers and booleans follow from the layer.
  virtual void setPrecision(DataType dataType) noexcept = 0;
  virtual DataType getPrecision() const noexcept = 0;  // kFLOAT when none is set
  virtual bool precisionIsSet() const noexcept = 0;
  virtual void resetPrecision() noexcept = 0;
  virtual void setOutputType(int32_t index, DataType dataType) noexcept = 0;
  virtual DataType getOutputType(int32_t index) const noexcept = 0;  // the type of the tensor where none is set
  virtual bool outputTypeIsSet(int32_t index) const noexcept = 0;
  virtual void resetOutputType(int32_t index) noexcept = 0;

  // Over how many devices the layer is spread. Default 1; false for another number, as one device runs a plan.
  virtual bool setNbRanks(int32_t nbRanks) noexcept = 0;
  virtual int32_t getNbRanks() const noexcept = 0;

 protected:
  ~ILayer() noexcept override = default;
};

}  // namespace nvinfer1
