// Caffe models, at level 8. Temper reads ONNX: the factory says so and gives nullptr.
#pragma once

#include "NvInfer.h"

namespace nvcaffeparser1 {

// Tensors by the names that a prototxt gives them.
class IBlobNameToTensor {
 public:
  virtual nvinfer1::ITensor* find(char const* name) const noexcept = 0;

 protected:
  virtual ~IBlobNameToTensor() = default;
};

class ICaffeParser {
 public:
  virtual IBlobNameToTensor const* parse(char const* deploy, char const* model, nvinfer1::INetworkDefinition& network,
                                         nvinfer1::DataType weightType) noexcept = 0;
  virtual void setProtobufBufferSize(size_t size) noexcept = 0;
  virtual void destroy() noexcept = 0;
  virtual ~ICaffeParser() noexcept = default;
};

namespace {
inline ICaffeParser* createCaffeParser() noexcept {
  if (nvinfer1::ILogger* logger = getLogger()) {
    logger->log(nvinfer1::ILogger::Severity::kERROR,
                "Caffe models are not read; convert the model to ONNX and use nvonnxparser::createParser");
  }
  return nullptr;
}
inline void shutdownProtobufLibrary() noexcept {}
}  // namespace

}  // namespace nvcaffeparser1
