// A network that a test builds with the API, and runs: inputs are given as vectors, outputs come back as such.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <deque>
#include <map>

#include "client.h"

namespace client {

class Net {
 public:
  explicit Net(uint32_t flags = 0)
      : builder(nvinfer1::createInferBuilder(logger)),
        network(builder->createNetworkV2(flags)),
        config(builder->createBuilderConfig()) {
    config->setBuilderOptimizationLevel(0);
  }
  nvinfer1::INetworkDefinition* operator->() { return network.get(); }

  nvinfer1::ITensor& input(const char* name, nvinfer1::Dims const& dims, nvinfer1::DataType type = nvinfer1::DataType::kFLOAT) {
    return *network->addInput(name, type, dims);
  }
  // Kept as long as the network.
  nvinfer1::Weights weights(std::vector<float> values) {
    kept.push_back(std::move(values));
    return {nvinfer1::DataType::kFLOAT, kept.back().data(), int64_t(kept.back().size())};
  }
  nvinfer1::ITensor& constant(nvinfer1::Dims const& dims, std::vector<float> values) {
    return *network->addConstant(dims, weights(std::move(values)))->getOutput(0);
  }
  nvinfer1::ITensor& ints(nvinfer1::Dims const& dims, std::vector<int32_t> values) {
    kept_ints.push_back(std::move(values));
    nvinfer1::Weights w{nvinfer1::DataType::kINT32, kept_ints.back().data(), int64_t(kept_ints.back().size())};
    return *network->addConstant(dims, w)->getOutput(0);
  }
  void output(nvinfer1::ITensor* tensor, const char* name) {
    ASSERT_NE(tensor, nullptr);
    tensor->setName(name);
    network->markOutput(*tensor);
  }
  void output(nvinfer1::ILayer* layer, const char* name = "y", int index = 0) {
    ASSERT_NE(layer, nullptr) << temper::lastError().text();
    output(layer->getOutput(index), name);
  }

  bool build() {
    plan.reset(builder->buildSerializedNetwork(*network, *config));
    if (!plan) return false;
    runtime.reset(nvinfer1::createInferRuntime(logger));
    engine.reset(runtime->deserializeCudaEngine(plan->data(), plan->size()));
    if (engine) context.reset(engine->createExecutionContext());
    return context != nullptr;
  }

  // The output `name` as T, for inputs of these shapes and values. Builds at the first call.
  template <class T = float>
  struct Result {
    nvinfer1::Dims shape{};
    std::vector<T> values;
  };
  template <class T, class In>
  Result<T> run(const std::map<std::string, std::pair<nvinfer1::Dims, std::vector<In>>>& inputs, const char* name = "y") {
    Result<T> result;
    if (!context && !build()) {
      ADD_FAILURE() << temper::lastError().text();
      return result;
    }
    for (const auto& [tensor, value] : inputs) {
      EXPECT_TRUE(context->setInputShape(tensor.c_str(), value.first)) << temper::lastError().text();
      EXPECT_TRUE(context->setInputTensorAddress(tensor.c_str(), value.second.data()));
    }
    std::deque<Receiver> receivers;
    for (int i = 0; i < engine->getNbIOTensors(); ++i) {
      const char* tensor = engine->getIOTensorName(i);
      if (engine->getTensorIOMode(tensor) != nvinfer1::TensorIOMode::kOUTPUT) continue;
      receivers.emplace_back();
      EXPECT_TRUE(context->setOutputAllocator(tensor, &receivers.back()));
      if (std::strcmp(tensor, name) == 0) wanted = &receivers.back();
    }
    Stream stream;
    EXPECT_TRUE(context->enqueueV3(stream.handle)) << temper::lastError().text();
    EXPECT_EQ(cudaStreamSynchronize(stream.handle), cudaSuccess);
    for (int i = 0; i < engine->getNbIOTensors(); ++i) {
      const char* tensor = engine->getIOTensorName(i);
      if (engine->getTensorIOMode(tensor) == nvinfer1::TensorIOMode::kOUTPUT) context->setOutputAllocator(tensor, nullptr);
    }
    EXPECT_EQ(size_t(engine->getTensorBytesPerComponent(name)), sizeof(T));
    result.shape = wanted->shape;
    int64_t count = 1;
    for (int i = 0; i < result.shape.nbDims; ++i) count *= result.shape.d[i];
    result.values.resize(size_t(count));
    std::memcpy(result.values.data(), wanted->memory.data(), size_t(count) * sizeof(T));
    return result;
  }
  template <class T = float>
  Result<T> run(nvinfer1::Dims const& shape, const std::vector<float>& x) {
    return run<T, float>({{"x", {shape, x}}});
  }

  Logger logger;
  std::deque<std::vector<float>> kept;
  std::deque<std::vector<int32_t>> kept_ints;
  std::unique_ptr<nvinfer1::IBuilder> builder;
  std::unique_ptr<nvinfer1::INetworkDefinition> network;
  std::unique_ptr<nvinfer1::IBuilderConfig> config;
  std::unique_ptr<nvinfer1::IHostMemory> plan;
  std::unique_ptr<nvinfer1::IRuntime> runtime;
  std::unique_ptr<nvinfer1::ICudaEngine> engine;
  std::unique_ptr<nvinfer1::IExecutionContext> context;
  Receiver* wanted = nullptr;
};

inline std::vector<float> wave(size_t count, float phase = 0) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = std::sin(float(i) * 0.7f + phase) * 2;
  return values;
}

inline void expect_near(const std::vector<float>& got, const std::vector<double>& wanted, double tolerance = 1e-5) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], tolerance * (1 + std::abs(wanted[i]))) << "element " << i;
}
inline void expect_shape(const nvinfer1::Dims& dims, std::vector<int64_t> wanted) {
  ASSERT_EQ(dims.nbDims, int(wanted.size()));
  for (int i = 0; i < dims.nbDims; ++i) EXPECT_EQ(dims.d[i], wanted[size_t(i)]) << "dimension " << i;
}

}  // namespace client
