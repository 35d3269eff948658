// A program as they were written for TensorRT 8: extents of 32 bits, layers with DimsHW, objects ended with destroy(), tensors
// by number, enqueueV2.
#include <algorithm>
#include <cstring>

#include "NvInfer.h"
#include "NvInferPlugin.h"
#include "NvOnnxConfig.h"
#include "NvUtils.h"
#include "reference.h"

using namespace nvinfer1;

static_assert(NV_TENSORRT_MAJOR == 8 && NV_TENSORRT_VERSION == 8601, "the headers are those of level 8");
static_assert(sizeof(Dims{}.d[0]) == 4, "extents are 32 bits wide");

namespace {

class Logger : public ILogger {
  void log(Severity severity, AsciiChar const* text) noexcept override {
    if (severity <= Severity::kERROR) std::printf("%s\n", text);
  }
};

// The forms of the interfaces that a program of this level implements.
class Allocator : public IGpuAllocator {
 public:
  void* allocate(uint64_t, uint64_t, AllocatorFlags) noexcept override { return nullptr; }
  void free(void*) noexcept override {}
};
class Outputs : public IOutputAllocator {
 public:
  int32_t getInterfaceVersion() const noexcept override { return 1; }
  void* reallocateOutput(char const*, void*, uint64_t size, uint64_t) noexcept override {
    memory.resize(size / sizeof(float));
    return memory.data();
  }
  void notifyShape(char const*, Dims const& dims) noexcept override { shape = dims; }
  std::vector<float> memory;
  Dims shape{};
};

int64_t volume(Dims const& dims) {
  int64_t count = 1;
  for (int32_t const* d = dims.d; d != dims.d + dims.nbDims; ++d) count *= *d;
  return count;
}

}  // namespace

int main() {
  Logger logger;
  initLibNvInferPlugins(&logger, "");
  reference::Weights const w;
  auto weights = [](std::vector<float> const& v) { return Weights{DataType::kFLOAT, v.data(), int64_t(v.size())}; };

  IBuilder* builder = createInferBuilder(logger);
  builder->setMaxBatchSize(reference::kBatch);
  INetworkDefinition* network = builder->createNetworkV2(1U << int(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH));
  ITensor* data = network->addInput("data", DataType::kFLOAT, Dims4{-1, 1, reference::kSide, reference::kSide});
  IConvolutionLayer* conv = network->addConvolution(*data, reference::kMaps, DimsHW{3, 3}, weights(w.kernel), weights(w.bias));
  conv->setStride(DimsHW{1, 1});
  conv->setPadding(DimsHW{1, 1});
  IActivationLayer* relu = network->addActivation(*conv->getOutput(0), ActivationType::kRELU);
  IPoolingLayer* pool = network->addPooling(*relu->getOutput(0), PoolingType::kMAX, DimsHW{2, 2});
  pool->setStride(DimsHW{2, 2});
  IFullyConnectedLayer* full =
      network->addFullyConnected(*pool->getOutput(0), reference::kClasses, weights(w.matrix), weights(w.offset));
  ISoftMaxLayer* prob = network->addSoftMax(*full->getOutput(0));
  prob->setAxes(1U << 1);
  prob->getOutput(0)->setName("prob");
  network->markOutput(*prob->getOutput(0));
  Dims const inner = pool->getOutput(0)->getDimensions();
  int32_t const half = std::max(inner.d[2], int32_t(reference::kHalf));
  if (inner.nbDims != 4 || half != reference::kHalf || conv->getKernelSize().h() != 3) return 1;

  IBuilderConfig* config = builder->createBuilderConfig();
  config->setMaxWorkspaceSize(1 << 26);
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  Dims4 const shape{reference::kBatch, 1, reference::kSide, reference::kSide};
  profile->setDimensions("data", OptProfileSelector::kMIN, Dims4{1, 1, reference::kSide, reference::kSide});
  profile->setDimensions("data", OptProfileSelector::kOPT, shape);
  profile->setDimensions("data", OptProfileSelector::kMAX, shape);
  config->addOptimizationProfile(profile);
  ICudaEngine* engine = builder->buildEngineWithConfig(*network, *config);
  if (!engine) return 1;
  network->destroy();
  config->destroy();

  IExecutionContext* context = engine->createExecutionContext();
  int const in = engine->getBindingIndex("data"), out = engine->getBindingIndex("prob");
  if (engine->getNbBindings() != 2 || !engine->bindingIsInput(in) || engine->bindingIsInput(out)) return 1;
  if (!context->setBindingDimensions(in, shape) || !context->allInputDimensionsSpecified()) return 1;
  std::vector<float> result(static_cast<size_t>(volume(context->getBindingDimensions(out))));
  void* buffers[2];
  cudaMalloc(&buffers[in], w.image.size() * sizeof(float));
  cudaMalloc(&buffers[out], result.size() * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaMemcpyAsync(buffers[in], w.image.data(), w.image.size() * sizeof(float), cudaMemcpyHostToDevice, stream);
  bool good = context->enqueueV2(buffers, stream, nullptr);
  cudaMemcpyAsync(result.data(), buffers[out], result.size() * sizeof(float), cudaMemcpyDeviceToHost, stream);
  cudaStreamSynchronize(stream);

  // And an output allocator, which is told extents of 32 bits.
  Outputs outputs;
  good = good && context->setOutputAllocator("prob", &outputs) && context->enqueueV3(stream);
  cudaStreamSynchronize(stream);
  good = good && outputs.shape.nbDims == 4 && outputs.shape.d[1] == reference::kClasses;
  good = good && std::memcmp(outputs.memory.data(), result.data(), result.size() * sizeof(float)) == 0;

  cudaStreamDestroy(stream);
  cudaFree(buffers[in]);
  cudaFree(buffers[out]);
  context->destroy();
  engine->destroy();
  builder->destroy();
  return reference::check(result, w) == 0 && good ? 0 : 1;
}
