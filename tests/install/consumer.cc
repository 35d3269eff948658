#include <cstdio>
#include <memory>

#include "NvInfer.h"
#include "NvInferPlugin.h"
#include "NvOnnxParser.h"
#include "cuda_runtime_api.h"

class Logger : public nvinfer1::ILogger {
  void log(Severity severity, nvinfer1::AsciiChar const* text) noexcept override {
    if (severity <= Severity::kERROR) std::puts(text);
  }
};

int main() {
  Logger logger;
  std::unique_ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(logger));
  std::unique_ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(0));
  std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
  cudaStream_t stream = nullptr;
  const bool good = parser && initLibNvInferPlugins(&logger, "") && cudaStreamCreate(&stream) == cudaSuccess;
  cudaStreamDestroy(stream);
  std::puts(good ? "PASSED" : "FAILED");
  return good ? 0 : 1;
}
