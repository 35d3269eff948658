// A program as they were written for TensorRT 8 and before: the network says what happens to one sample, and the batch is an
// argument of execute and enqueue.
#include <cstring>
#include <functional>
#include <string>

#include "NvInfer.h"
#include "NvOnnxParser.h"
#include "reference.h"

using namespace nvinfer1;

namespace {

int failures = 0;
void check(bool good, char const* what) {
  if (good) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

class Logger : public ILogger {
 public:
  void log(Severity severity, AsciiChar const* text) noexcept override {
    if (severity <= Severity::kERROR) last = text;
  }
  std::string last;
};
Logger logger;
void refused(char const* part) {
  check(logger.last.find(part) != std::string::npos, (std::string(part) + " in: " + logger.last).c_str());
  logger.last.clear();
}

Weights weights(std::vector<float> const& v) { return Weights{DataType::kFLOAT, v.data(), int64_t(v.size())}; }
bool near(float got, double wanted) { return std::abs(got - wanted) < 1e-5 * (1 + std::abs(wanted)); }

// A network with an implicit batch and the engine of it.
struct Sample {
  explicit Sample(int32_t most) : builder(createInferBuilder(logger)), config(builder->createBuilderConfig()) {
    builder->setMaxBatchSize(most);
    network = builder->createNetworkV2(0);
    config->setBuilderOptimizationLevel(0);
  }
  ~Sample() {
    if (context) context->destroy();
    if (engine) engine->destroy();
    network->destroy();
    config->destroy();
    builder->destroy();
  }
  ITensor& output(ITensor* tensor) {
    tensor->setName("y");
    network->markOutput(*tensor);
    return *tensor;
  }
  bool build() {
    engine = builder->buildEngineWithConfig(*network, *config);
    if (engine) context = engine->createExecutionContext();
    return context != nullptr;
  }
  // The output of `batch` samples; bindings are the inputs in order.
  std::vector<float> run(int batch, std::vector<void*> inputs) {
    int64_t count = batch;
    int const y = engine->getBindingIndex("y");
    Dims const dims = engine->getBindingDimensions(y);
    for (int i = 0; i < dims.nbDims; ++i) count *= dims.d[i];
    std::vector<float> result(static_cast<size_t>(count), -1);
    inputs.push_back(result.data());
    check(context->execute(batch, inputs.data()), logger.last.c_str());
    return result;
  }

  IBuilder* builder;
  IBuilderConfig* config;
  INetworkDefinition* network;
  ICudaEngine* engine = nullptr;
  IExecutionContext* context = nullptr;
};

void classifier() {
  reference::Weights const w;
  Sample s(4);
  check(s.network->hasImplicitBatchDimension(), "the batch is implicit");
  ITensor* data = s.network->addInput("data", DataType::kFLOAT, Dims3{1, reference::kSide, reference::kSide});
  IConvolutionLayer* conv =
      s.network->addConvolution(*data, reference::kMaps, DimsHW{3, 3}, weights(w.kernel), weights(w.bias));
  conv->setPadding(DimsHW{1, 1});
  IActivationLayer* relu = s.network->addActivation(*conv->getOutput(0), ActivationType::kRELU);
  IPoolingLayer* pool = s.network->addPooling(*relu->getOutput(0), PoolingType::kMAX, DimsHW{2, 2});
  pool->setStride(DimsHW{2, 2});
  Dims const inner = pool->getOutput(0)->getDimensions();
  check(inner.nbDims == 3 && inner.d[0] == reference::kMaps && inner.d[2] == reference::kHalf, "dims are those of a sample");
  IFullyConnectedLayer* full =
      s.network->addFullyConnected(*pool->getOutput(0), reference::kClasses, weights(w.matrix), weights(w.offset));
  s.output(s.network->addSoftMax(*full->getOutput(0))->getOutput(0));
  check(s.build(), logger.last.c_str());
  check(s.engine->hasImplicitBatchDimension() && s.engine->getMaxBatchSize() == 4, "the engine has the batch");
  Dims const in = s.engine->getBindingDimensions(0), out = s.engine->getBindingDimensions(1);
  check(in.nbDims == 3 && in.d[0] == 1 && out.nbDims == 3 && out.d[0] == reference::kClasses, "bindings are of a sample");
  Dims const now = s.context->getBindingDimensions(1);
  check(now.nbDims == 3 && now.d[0] == reference::kClasses, "also in the context");

  std::vector<float> image = w.image;
  check(reference::check(s.run(reference::kBatch, {image.data()}), w) == 0, "a whole batch");
  std::vector<float> const two = s.run(2, {image.data()}), one = s.run(1, {image.data() + reference::kSide * reference::kSide});
  check(one.size() == reference::kClasses, "one sample");
  for (size_t i = 0; i < one.size(); ++i) check(near(one[i], two[one.size() + i]), "a sample is itself in any batch");

  // The same from a stream, and from a plan that was kept.
  IHostMemory* plan = s.engine->serialize();
  IRuntime* runtime = createInferRuntime(logger);
  ICudaEngine* loaded = runtime->deserializeCudaEngine(plan->data(), plan->size());
  check(loaded && loaded->getMaxBatchSize() == 4 && loaded->hasImplicitBatchDimension(), "a plan keeps its batch");
  IExecutionContext* context = loaded->createExecutionContext();
  std::vector<float> result(two.size());
  void* bindings[] = {image.data(), result.data()};
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  check(context->enqueue(2, bindings, stream, nullptr), logger.last.c_str());
  cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
  check(std::memcmp(result.data(), two.data(), two.size() * sizeof(float)) == 0, "enqueue gives the same");

  check(!context->execute(5, bindings), "more than the most");
  refused("from 1 to 4");
  check(!context->enqueue(0, bindings, nullptr, nullptr), "none");
  refused("from 1 to 4");
  check(!context->setBindingDimensions(0, Dims3{1, 7, 7}), "a sample's shape is fixed");
  refused("'data'");
  context->destroy();
  loaded->destroy();
  runtime->destroy();
  plan->destroy();
}

// Constants, and inputs that say so, are the same for all samples.
void broadcasting() {
  Sample s(3);
  ITensor* x = s.network->addInput("x", DataType::kFLOAT, Dims2{2, 2});
  ITensor* shared = s.network->addInput("shared", DataType::kFLOAT, Dims2{1, 2});
  shared->setBroadcastAcrossBatch(true);
  check(shared->getBroadcastAcrossBatch() && !x->getBroadcastAcrossBatch(), "one is shared");
  std::vector<float> const matrix{1, 2, 3, 4};
  ITensor* m = s.network->addConstant(Dims2{2, 2}, weights(matrix))->getOutput(0);
  ITensor* product = s.network->addMatrixMultiply(*x, MatrixOperation::kNONE, *m, MatrixOperation::kNONE)->getOutput(0);
  ITensor* sum = s.network->addElementWise(*product, *shared, ElementWiseOperation::kSUM)->getOutput(0);
  ITensor* parts[] = {sum, m};
  IConcatenationLayer* both = s.network->addConcatenation(parts, 2);
  both->setAxis(0);
  s.output(s.network->addReduce(*both->getOutput(0), ReduceOperation::kSUM, 1U << 0, false)->getOutput(0));
  check(s.build(), logger.last.c_str());
  std::vector<float> in{1, 0, 0, 1, 2, 0, 0, 2, 1, 1, 1, 1}, more{10, 20};
  std::vector<float> const y = s.run(3, {in.data(), more.data()});
  // Per sample: the columns' sums of x * m, of the shared row twice, and of m.
  float const wanted[] = {4 + 20 + 4, 6 + 40 + 6, 8 + 20 + 4, 12 + 40 + 6, 8 + 20 + 4, 12 + 40 + 6};
  for (int i = 0; i < 6; ++i) check(near(y[size_t(i)], wanted[i]), "broadcast across the batch");
}

// Layers that mean the channels of a sample, and two that have a loop inside.
void channels_and_loops() {
  Sample s(2);
  ITensor* x = s.network->addInput("x", DataType::kFLOAT, Dims3{2, 1, 2});
  std::vector<float> const shift{10, 20}, one{1, 1};
  ITensor* scaled = s.network->addScale(*x, ScaleMode::kCHANNEL, weights(shift), weights(one), weights(one))->getOutput(0);
  ITensor* normal = s.network->addLRN(*scaled, 1, 1.0F, 1.0F, 0.0F)->getOutput(0);  // x / x^2
  IShuffleLayer* rows = s.network->addShuffle(*normal);
  rows->setReshapeDimensions(Dims2{2, 2});
  ILoop* loop = s.network->addLoop();
  int32_t const trips = 2;
  ITensor* count = s.network->addConstant(Dims{0, {}}, Weights{DataType::kINT32, &trips, 1})->getOutput(0);
  loop->addTripLimit(*count, TripLimit::kCOUNT);
  std::vector<float> const zeros{0, 0};
  IRecurrenceLayer* sum = loop->addRecurrence(*s.network->addConstant(Dims{1, {2}}, weights(zeros))->getOutput(0));
  ITensor* row = loop->addIterator(*rows->getOutput(0))->getOutput(0);
  ITensor* next = s.network->addElementWise(*sum->getOutput(0), *row, ElementWiseOperation::kSUM)->getOutput(0);
  sum->setInput(1, *next);
  ILoopOutputLayer* steps = loop->addLoopOutput(*next, LoopOutput::kCONCATENATE);
  steps->setInput(1, *count);
  IRNNv2Layer* rnn = s.network->addRNNv2(*steps->getOutput(0), 1, 2, 2, RNNOperation::kRELU);
  std::vector<float> const eye{1, 0, 0, 1};
  rnn->setInputMode(RNNInputMode::kSKIP);
  rnn->setWeightsForGate(0, RNNGateType::kINPUT, false, weights(eye));
  s.output(rnn->getOutput(0));
  check(s.build(), logger.last.c_str());
  std::vector<float> in{0, 10, 0, 20, -5, 30, 5, 0};
  std::vector<float> const y = s.run(2, {in.data()});
  for (int b = 0; b < 2; ++b) {
    for (int c = 0; c < 2; ++c) {
      double const first = 1 / (double(in[size_t(b * 4 + c)]) + 10), second = 1 / (double(in[size_t(b * 4 + 2 + c)]) + 20);
      // Running sums, then a recurrence that adds them up.
      check(near(y[size_t(b * 4 + c)], first), "the first step");
      check(near(y[size_t(b * 4 + 2 + c)], first + first + second), "the second step");
    }
  }
}

// A conditional that an input of the whole batch decides.
void conditional() {
  Sample s(2);
  ITensor* x = s.network->addInput("x", DataType::kFLOAT, Dims{1, {2}});
  ITensor* choice = s.network->addInput("choice", DataType::kFLOAT, Dims{0, {}});
  choice->setBroadcastAcrossBatch(true);
  std::vector<float> const zero{0};
  ITensor* none = s.network->addConstant(Dims{0, {}}, weights(zero))->getOutput(0);
  IIfConditional* branch = s.network->addIfConditional();
  branch->setCondition(*s.network->addElementWise(*choice, *none, ElementWiseOperation::kGREATER)->getOutput(0));
  ITensor* in = branch->addInput(*x)->getOutput(0);
  std::vector<float> const fixed{7, 8};
  ITensor* negative = s.network->addUnary(*in, UnaryOperation::kNEG)->getOutput(0);
  s.output(branch->addOutput(*negative, *s.network->addConstant(Dims{1, {2}}, weights(fixed))->getOutput(0))->getOutput(0));
  check(s.build(), logger.last.c_str());
  std::vector<float> values{1, 2, 3, 4};
  float yes = 1, no = -1;
  check(s.run(2, {values.data(), &yes}) == std::vector<float>({-1, -2, -3, -4}), "the branch that reads the sample");
  check(s.run(2, {values.data(), &no}) == std::vector<float>({7, 8, 7, 8}), "the branch that does not");
}

void misuse() {
  Sample s(2);
  check(!s.network->addInput("x", DataType::kFLOAT, Dims3{-1, 2, 2}), "all extents are known");
  refused("kEXPLICIT_BATCH");
  ITensor* x = s.network->addInput("x", DataType::kFLOAT, Dims2{2, 2});
  ITensor* flag = s.network->addInput("flag", DataType::kBOOL, Dims{0, {}});
  nvonnxparser::IParser* parser = nvonnxparser::createParser(*s.network, logger);
  check(parser != nullptr, "a parser");
  ITensor* found = s.network->addNonZero(*x)->getOutput(0);
  s.output(found);
  check(!s.build(), "sizes can't differ between samples");
  refused("non_zero");
  s.network->unmarkOutput(*found);
  s.network->removeTensor(*found);
  IIfConditional* branch = s.network->addIfConditional();
  branch->setCondition(*flag);
  ITensor* in = branch->addInput(*x)->getOutput(0);
  s.output(branch->addOutput(*in, *x)->getOutput(0));
  check(!s.build(), "branches can't differ between samples");
  refused("addSelect");
  flag->setBroadcastAcrossBatch(true);
  in->setBroadcastAcrossBatch(true);
  refused("only inputs");
  IOptimizationProfile* profile = s.builder->createOptimizationProfile();
  profile->setDimensions("x", OptProfileSelector::kMIN, Dims2{2, 2});
  profile->setDimensions("x", OptProfileSelector::kOPT, Dims2{2, 2});
  profile->setDimensions("x", OptProfileSelector::kMAX, Dims2{2, 2});
  s.config->addOptimizationProfile(profile);
  check(!s.build(), "no profiles");
  refused("setMaxBatchSize");
  parser->destroy();

  IBuilder* builder = createInferBuilder(logger);
  INetworkDefinition* network = builder->createNetworkV2(1U << int(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH));
  check(!network->hasImplicitBatchDimension(), "the batch is explicit");
  ITensor* y = network->addUnary(*network->addInput("x", DataType::kFLOAT, Dims2{2, 2}), UnaryOperation::kNEG)->getOutput(0);
  network->markOutput(*y);
  IBuilderConfig* config = builder->createBuilderConfig();
  ICudaEngine* engine = builder->buildEngineWithConfig(*network, *config);
  check(engine && !engine->hasImplicitBatchDimension() && engine->getMaxBatchSize() == 1, "no implicit batch");
  IExecutionContext* context = engine->createExecutionContext();
  float memory[4] = {};
  void* bindings[] = {memory, memory};
  check(!context->execute(1, bindings), "an engine without one");
  refused("executeV2");
  context->destroy();
  engine->destroy();
  config->destroy();
  network->destroy();
  builder->destroy();
}

}  // namespace

int main() {
  classifier();
  broadcasting();
  channels_and_loops();
  conditional();
  misuse();
  return failures == 0 ? 0 : 1;
}
