// Loops, conditionals and recurrent networks.
//
// A loop is the set of layers between its boundaries: what enters comes through iterators and recurrences, what leaves through
// loop outputs.
//
//   ILoop* loop = network->addLoop();
//   loop->addTripLimit(*count, TripLimit::kCOUNT);
//   IRecurrenceLayer* sum = loop->addRecurrence(*zero);
//   ITensor* next = network->addElementWise(*sum->getOutput(0), *one, ElementWiseOperation::kSUM)->getOutput(0);
//   sum->setInput(1, *next);
//   loop->addLoopOutput(*sum->getOutput(0), LoopOutput::kLAST_VALUE)->getOutput(0);
#pragma once

#include "tensor.h"

namespace nvinfer1 {

class ILoop;
class IIfConditional;

class ILoopBoundaryLayer : public ILayer {
 public:
  virtual ILoop* getLoop() const noexcept = 0;

 protected:
  ~ILoopBoundaryLayer() noexcept override = default;
};

// Input 0 in the first iteration, then input 1 of the iteration before.
class IRecurrenceLayer : public ILoopBoundaryLayer {
 protected:
  ~IRecurrenceLayer() noexcept override = default;
};

// What leaves a loop of a value.
enum class LoopOutput : int32_t {
  kLAST_VALUE = 0,   // of the last iteration; the value must be a recurrence's output
  kCONCATENATE = 1,  // of all iterations, along an axis
  kREVERSE = 2,      // the same from the last to the first
};
TEMPER_ENUM_COUNT(LoopOutput, 3)

// Input 1, for kCONCATENATE and kREVERSE: how many iterations the result has room for, an integer scalar from outside of the
// loop. Where there was no iteration the result is 0: the value of iteration i lies at i, for kREVERSE at length - 1 - i.
class ILoopOutputLayer : public ILoopBoundaryLayer {
 public:
  virtual LoopOutput getLoopOutput() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;

 protected:
  ~ILoopOutputLayer() noexcept override = default;
};

// How often a loop runs.
enum class TripLimit : int32_t {
  kCOUNT = 0,  // an integer, as many times
  kWHILE = 1,  // a boolean, computed inside: as long as it is true
};
TEMPER_ENUM_COUNT(TripLimit, 2)

class ITripLimitLayer : public ILoopBoundaryLayer {
 public:
  virtual TripLimit getTripLimit() const noexcept = 0;

 protected:
  ~ITripLimitLayer() noexcept override = default;
};

// The slice of a tensor along an axis that belongs to the iteration.
class IIteratorLayer : public ILoopBoundaryLayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;  // default 0
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setReverse(bool reverse) noexcept = 0;  // from the end
  virtual bool getReverse() const noexcept = 0;

 protected:
  ~IIteratorLayer() noexcept override = default;
};

class ILoop : public INoCopy {
 public:
  virtual IRecurrenceLayer* addRecurrence(ITensor& initialValue) noexcept = 0;
  virtual ITripLimitLayer* addTripLimit(ITensor& tensor, TripLimit limit) noexcept = 0;
  virtual IIteratorLayer* addIterator(ITensor& tensor, int32_t axis = 0, bool reverse = false) noexcept = 0;
  virtual ILoopOutputLayer* addLoopOutput(ITensor& tensor, LoopOutput outputKind, int32_t axis = 0) noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;

 protected:
  ~ILoop() noexcept override = default;
};

class IIfConditionalBoundaryLayer : public ILayer {
 public:
  virtual IIfConditional* getConditional() const noexcept = 0;

 protected:
  ~IIfConditionalBoundaryLayer() noexcept override = default;
};

// The boolean scalar that decides.
class IConditionLayer : public IIfConditionalBoundaryLayer {
 protected:
  ~IConditionLayer() noexcept override = default;
};

// Input 0 if the condition is true, else input 1.
class IIfConditionalOutputLayer : public IIfConditionalBoundaryLayer {
 protected:
  ~IIfConditionalOutputLayer() noexcept override = default;
};

// A value for the layers of either branch.
class IIfConditionalInputLayer : public IIfConditionalBoundaryLayer {
 protected:
  ~IIfConditionalInputLayer() noexcept override = default;
};

class IIfConditional : public INoCopy {
 public:
  virtual IConditionLayer* setCondition(ITensor& condition) noexcept = 0;
  virtual IIfConditionalOutputLayer* addOutput(ITensor& trueSubgraphOutput, ITensor& falseSubgraphOutput) noexcept = 0;
  virtual IIfConditionalInputLayer* addInput(ITensor& input) noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;

 protected:
  ~IIfConditional() noexcept override = default;
};

// ---- Level 8: recurrent networks ----

enum class RNNOperation : int32_t { kRELU = 0, kTANH = 1, kLSTM = 2, kGRU = 3 };
TEMPER_ENUM_COUNT(RNNOperation, 4)
enum class RNNDirection : int32_t { kUNIDIRECTION = 0, kBIDIRECTION = 1 };
TEMPER_ENUM_COUNT(RNNDirection, 2)
enum class RNNInputMode : int32_t {
  kLINEAR = 0,  // the input is multiplied with weights
  kSKIP = 1,    // it is added as it is
};
TEMPER_ENUM_COUNT(RNNInputMode, 2)
enum class RNNGateType : int32_t { kINPUT = 0, kOUTPUT = 1, kFORGET = 2, kUPDATE = 3, kRESET = 4, kCELL = 5, kHIDDEN = 6 };
TEMPER_ENUM_COUNT(RNNGateType, 7)

class IRNNv2Layer : public ILayer {
 public:
  virtual int32_t getLayerCount() const noexcept = 0;
  virtual int32_t getHiddenSize() const noexcept = 0;
  virtual int32_t getMaxSeqLength() const noexcept = 0;
  virtual int32_t getDataLength() const noexcept = 0;
  virtual void setSequenceLengths(ITensor& seqLengths) noexcept = 0;
  virtual ITensor* getSequenceLengths() const noexcept = 0;
  virtual void setOperation(RNNOperation op) noexcept = 0;
  virtual RNNOperation getOperation() const noexcept = 0;
  virtual void setInputMode(RNNInputMode op) noexcept = 0;
  virtual RNNInputMode getInputMode() const noexcept = 0;
  virtual void setDirection(RNNDirection op) noexcept = 0;
  virtual RNNDirection getDirection() const noexcept = 0;
  // isW: the weights of the input, else those of the state.
  virtual void setWeightsForGate(int32_t layerIndex, RNNGateType gate, bool isW, Weights weights) noexcept = 0;
  virtual Weights getWeightsForGate(int32_t layerIndex, RNNGateType gate, bool isW) const noexcept = 0;
  virtual void setBiasForGate(int32_t layerIndex, RNNGateType gate, bool isW, Weights bias) noexcept = 0;
  virtual Weights getBiasForGate(int32_t layerIndex, RNNGateType gate, bool isW) const noexcept = 0;
  virtual void setHiddenState(ITensor& hidden) noexcept = 0;
  virtual ITensor* getHiddenState() const noexcept = 0;
  virtual void setCellState(ITensor& cell) noexcept = 0;
  virtual ITensor* getCellState() const noexcept = 0;

 protected:
  ~IRNNv2Layer() noexcept override = default;
};

}  // namespace nvinfer1
