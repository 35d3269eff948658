// A program as they are written for TensorRT 10 and 11: tensors by name, enqueueV3, objects ended with delete, plans kept and
// loaded again.
#include <memory>
#include <type_traits>

#include "NvInfer.h"
#include "NvInferPlugin.h"
#include "NvOnnxParser.h"
#include "reference.h"

using namespace nvinfer1;

static_assert(NV_TENSORRT_MAJOR == EXPECTED_LEVEL, "the headers are those of the level that was asked for");
static_assert(sizeof(Dims{}.d[0]) == 8, "extents are 64 bits wide");

namespace {

class Logger : public ILogger {
  void log(Severity severity, AsciiChar const* text) noexcept override {
    if (severity <= Severity::kERROR) std::printf("%s\n", text);
  }
};

class Outputs : public IOutputAllocator {
 public:
  void* reallocateOutputAsync(char const*, void*, uint64_t size, uint64_t, cudaStream_t) override {
    memory.resize(size / sizeof(float));
    return memory.data();
  }
  void notifyShape(char const*, Dims const& dims) noexcept override { shape = dims; }
  std::vector<float> memory;
  Dims shape{};
};

Weights weights(std::vector<float> const& v) { return Weights{DataType::kFLOAT, v.data(), int64_t(v.size())}; }

std::unique_ptr<IHostMemory> build(Logger& logger, reference::Weights const& w) {
  std::unique_ptr<IBuilder> builder{createInferBuilder(logger)};
  std::unique_ptr<INetworkDefinition> network{builder->createNetworkV2(0)};
  if (network->hasImplicitBatchDimension()) return nullptr;
  ITensor* data = network->addInput("data", DataType::kFLOAT, Dims4{-1, 1, reference::kSide, reference::kSide});
  data->setDimensionName(0, "batch");
  auto* conv = network->addConvolutionNd(*data, reference::kMaps, DimsHW{3, 3}, weights(w.kernel), weights(w.bias));
  conv->setPaddingNd(DimsHW{1, 1});
  auto* relu = network->addActivation(*conv->getOutput(0), ActivationType::kRELU);
  auto* pool = network->addPoolingNd(*relu->getOutput(0), PoolingType::kMAX, DimsHW{2, 2});
  pool->setStrideNd(DimsHW{2, 2});
  auto* flat = network->addShuffle(*pool->getOutput(0));
  flat->setReshapeDimensions(Dims2{-1, reference::kFeatures});
  auto* matrix = network->addConstant(Dims2{reference::kClasses, reference::kFeatures}, weights(w.matrix));
  auto* product = network->addMatrixMultiply(*flat->getOutput(0), MatrixOperation::kNONE, *matrix->getOutput(0),
                                             MatrixOperation::kTRANSPOSE);
  auto* offset = network->addConstant(Dims2{1, reference::kClasses}, weights(w.offset));
  auto* sum = network->addElementWise(*product->getOutput(0), *offset->getOutput(0), ElementWiseOperation::kSUM);
  auto* prob = network->addSoftMax(*sum->getOutput(0));
  prob->setAxes(1U << 1);
  prob->getOutput(0)->setName("prob");
  network->markOutput(*prob->getOutput(0));

  std::unique_ptr<IBuilderConfig> config{builder->createBuilderConfig()};
  config->setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, 1 << 26);
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  Dims4 const shape{reference::kBatch, 1, reference::kSide, reference::kSide};
  profile->setDimensions("data", OptProfileSelector::kMIN, Dims4{1, 1, reference::kSide, reference::kSide});
  profile->setDimensions("data", OptProfileSelector::kOPT, shape);
  profile->setDimensions("data", OptProfileSelector::kMAX, shape);
  config->addOptimizationProfile(profile);
  return std::unique_ptr<IHostMemory>{builder->buildSerializedNetwork(*network, *config)};
}

}  // namespace

int main() {
  Logger logger;
  if (!initLibNvInferPlugins(&logger, "")) return 1;
  reference::Weights const w;
  std::unique_ptr<IHostMemory> const plan = build(logger, w);
  if (!plan) return 1;
  std::unique_ptr<IRuntime> runtime{createInferRuntime(logger)};
  std::unique_ptr<ICudaEngine> engine{runtime->deserializeCudaEngine(plan->data(), plan->size())};
  std::unique_ptr<IRuntimeConfig> how{engine->createRuntimeConfig()};
  std::unique_ptr<IExecutionContext> context{engine->createExecutionContext(how.get())};
  if (!context->setInputShape("data", Dims4{reference::kBatch, 1, reference::kSide, reference::kSide})) return 1;
  if (context->inferShapes(0, nullptr) != 0) return 1;
  Outputs outputs;
  void* input = nullptr;
  cudaMalloc(&input, w.image.size() * sizeof(float));
  cudaMemcpy(input, w.image.data(), w.image.size() * sizeof(float), cudaMemcpyHostToDevice);
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  bool good = context->setTensorAddress("data", input) && context->setOutputAllocator("prob", &outputs);
  good = good && context->enqueueV3(stream) && cudaStreamSynchronize(stream) == cudaSuccess;
  good = good && outputs.shape.nbDims == 2 && outputs.shape.d[0] == reference::kBatch;
  cudaStreamDestroy(stream);
  cudaFree(input);
  return reference::check(outputs.memory, w) == 0 && good ? 0 : 1;
}
