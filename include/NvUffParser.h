// UFF models, at level 8. Temper reads ONNX: the factory says so and gives nullptr.
#pragma once

#include "NvInfer.h"

namespace nvuffparser {

enum class UffInputOrder : int32_t { kNCHW = 0, kNHWC = 1, kNC = 2 };

class IUffParser {
 public:
  virtual bool registerInput(char const* inputName, nvinfer1::Dims inputDims, UffInputOrder inputOrder) noexcept = 0;
  virtual bool registerOutput(char const* outputName) noexcept = 0;
  virtual bool parse(char const* file, nvinfer1::INetworkDefinition& network,
                     nvinfer1::DataType weightsType = nvinfer1::DataType::kFLOAT) noexcept = 0;
  virtual void destroy() noexcept = 0;
  virtual ~IUffParser() noexcept = default;
};

namespace {
inline IUffParser* createUffParser() noexcept {
  if (nvinfer1::ILogger* logger = getLogger()) {
    logger->log(nvinfer1::ILogger::Severity::kERROR,
                "UFF models are not read; convert the TensorFlow model to ONNX (tf2onnx) and use nvonnxparser::createParser");
  }
  return nullptr;
}
inline void shutdownProtobufLibrary() noexcept {}
}  // namespace

}  // namespace nvuffparser
