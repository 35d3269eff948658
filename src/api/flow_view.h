// Loops and conditionals as the API sees them: names for a region of the network (ops/layers/flow.h), by which their boundary
// layers are added. Which layers are inside is found when the network is built.
#pragma once

#include <string>

#include "NvInfer.h"

namespace temper::api {

class Network;

class LoopView final : public nvinfer1::ILoop {
 public:
  LoopView(Network& network, int64_t region) : network_(network), region_(region) {}
  ~LoopView() noexcept override = default;

  nvinfer1::IRecurrenceLayer* addRecurrence(nvinfer1::ITensor& initialValue) noexcept override;
  nvinfer1::ITripLimitLayer* addTripLimit(nvinfer1::ITensor& tensor, nvinfer1::TripLimit limit) noexcept override;
  nvinfer1::IIteratorLayer* addIterator(nvinfer1::ITensor& tensor, int32_t axis, bool reverse) noexcept override;
  nvinfer1::ILoopOutputLayer* addLoopOutput(nvinfer1::ITensor& tensor, nvinfer1::LoopOutput outputKind,
                                            int32_t axis) noexcept override;
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name_.c_str(); }

 private:
  Network& network_;
  int64_t region_;
  std::string name_;
};

class ConditionalView final : public nvinfer1::IIfConditional {
 public:
  ConditionalView(Network& network, int64_t region) : network_(network), region_(region) {}
  ~ConditionalView() noexcept override = default;

  nvinfer1::IConditionLayer* setCondition(nvinfer1::ITensor& condition) noexcept override;
  nvinfer1::IIfConditionalOutputLayer* addOutput(nvinfer1::ITensor& trueSubgraphOutput,
                                                 nvinfer1::ITensor& falseSubgraphOutput) noexcept override;
  nvinfer1::IIfConditionalInputLayer* addInput(nvinfer1::ITensor& input) noexcept override;
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name_.c_str(); }

 private:
  Network& network_;
  int64_t region_;
  std::string name_;
};

}  // namespace temper::api
