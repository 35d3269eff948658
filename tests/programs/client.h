// What the tests of the API share: a logger that keeps what it is told, building a plan from the bytes of a model, a stream,
// and an output's memory.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "NvOnnxParser.h"
#include "temper/temper.h"
#include "tests/programs/small_model.h"

namespace client {

class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, nvinfer1::AsciiChar const* text) noexcept override {
    std::lock_guard lock(mutex_);
    if (severity <= Severity::kERROR) errors.push_back(text);
  }
  std::vector<std::string> errors;

 private:
  std::mutex mutex_;
};

struct Build {
  explicit Build(Logger& logger)
      : builder(nvinfer1::createInferBuilder(logger)),
        network(builder->createNetworkV2(0)),
        config(builder->createBuilderConfig()),
        parser(nvonnxparser::createParser(*network, logger)) {
    config->setBuilderOptimizationLevel(0);
  }
  bool parse(const std::string& model) { return parser->parse(model.data(), model.size()); }
  std::unique_ptr<nvinfer1::IHostMemory> plan() {
    return std::unique_ptr<nvinfer1::IHostMemory>(builder->buildSerializedNetwork(*network, *config));
  }

  std::unique_ptr<nvinfer1::IBuilder> builder;
  std::unique_ptr<nvinfer1::INetworkDefinition> network;
  std::unique_ptr<nvinfer1::IBuilderConfig> config;
  std::unique_ptr<nvonnxparser::IParser> parser;
};

// An engine of a model, with all that must outlive it.
struct Loaded {
  Loaded(Logger& logger, const std::string& model) : runtime(nvinfer1::createInferRuntime(logger)) {
    Build build(logger);
    if (!build.parse(model)) return;
    plan = build.plan();
    if (plan) engine.reset(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  }
  std::unique_ptr<nvinfer1::IRuntime> runtime;
  std::unique_ptr<nvinfer1::IHostMemory> plan;
  std::unique_ptr<nvinfer1::ICudaEngine> engine;
};

struct Stream {
  Stream() { cudaStreamCreate(&handle); }
  ~Stream() { cudaStreamDestroy(handle); }
  cudaStream_t handle = nullptr;
};

struct Receiver : nvinfer1::IOutputAllocator {
  void* reallocateOutputAsync(char const*, void*, uint64_t size, uint64_t, cudaStream_t) override {
    memory.resize(size);
    return memory.data();
  }
  void notifyShape(char const*, nvinfer1::Dims const& dims) override { shape = dims; }
  std::vector<char> memory;
  nvinfer1::Dims shape{};
};

}  // namespace client
