// What a program does wrong makes an error that names it, and nothing worse.
#include <gtest/gtest.h>

#include "client.h"

namespace {

using namespace nvinfer1;

// The code of the last error, which is taken.
std::string taken_code() {
  std::string code = temper::lastError().code;
  temper::clearLastError();
  return code;
}

class WrongInput : public testing::Test {
 protected:
  client::Logger logger;
};

TEST_F(WrongInput, FactoriesWantALogger) {
  EXPECT_EQ(createInferBuilder_INTERNAL(nullptr, NV_TENSORRT_VERSION), nullptr);
  EXPECT_EQ(createInferRuntime_INTERNAL(nullptr, NV_TENSORRT_VERSION), nullptr);
  EXPECT_EQ(createNvOnnxParser_INTERNAL(nullptr, &logger, NV_ONNX_PARSER_VERSION), nullptr);
  EXPECT_EQ(createInferRuntime_INTERNAL(&logger, 990000), nullptr);
  EXPECT_EQ(taken_code(), "E_INCOMPATIBLE");
}

TEST_F(WrongInput, ModelsThatAreNone) {
  client::Build build(logger);
  EXPECT_FALSE(build.parser->parse(nullptr, 0));
  EXPECT_FALSE(build.parse("not a model"));
  EXPECT_GE(build.parser->getNbErrors(), 1);
  EXPECT_FALSE(build.parser->parseFromFile("/nowhere/model.onnx", 0));
  EXPECT_EQ(taken_code(), "E_NOT_FOUND");
  EXPECT_FALSE(build.parser->parseFromFile(nullptr, 0));
  EXPECT_EQ(build.plan(), nullptr);  // nothing was parsed
  EXPECT_EQ(taken_code(), "E_INVALID_ARGUMENT");
}

TEST_F(WrongInput, AllProblemsOfAModelAreListed) {
  client::Build build(logger);
  ASSERT_FALSE(build.parse(
      small::model({small::node("Fancy", {"x"}, {"a"}), small::node("Relu", {"a"}, {"b"}), small::node("Weird", {"x"}, {"c"})},
                   {small::value("x", {4})}, {small::value("b", {4}), small::value("c", {4})})));
  ASSERT_EQ(build.parser->getNbErrors(), 2);
  const auto* first = build.parser->getError(0);
  EXPECT_EQ(first->code(), nvonnxparser::ErrorCode::kUNSUPPORTED_NODE);
  EXPECT_STREQ(first->nodeOperator(), "Fancy");
  EXPECT_STREQ(first->nodeName(), "Fancy_a");
  EXPECT_EQ(first->node(), 0);
  EXPECT_EQ(build.parser->getError(1)->node(), 2);
  EXPECT_NE(std::string(first->desc()).find("Fancy"), std::string::npos);
  EXPECT_EQ(build.parser->getError(2), nullptr);
  build.parser->clearErrors();
  EXPECT_EQ(build.parser->getNbErrors(), 0);
  EXPECT_GE(logger.errors.size(), 2u);
}

TEST_F(WrongInput, PlansThatAreNone) {
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  EXPECT_EQ(runtime->deserializeCudaEngine(nullptr, 5), nullptr);
  EXPECT_EQ(runtime->deserializeCudaEngine("", 0), nullptr);
  EXPECT_EQ(runtime->deserializeCudaEngine("hello", 5), nullptr);
  EXPECT_EQ(temper::loadPlan(*runtime, "/nowhere/x.plan"), nullptr);
  EXPECT_EQ(taken_code(), "E_NOT_FOUND");
  EXPECT_EQ(temper::loadPlan(*runtime, nullptr), nullptr);
  std::string report;
  EXPECT_FALSE(temper::verify("/nowhere/x.plan", report));
  EXPECT_FALSE(report.empty());
  EXPECT_EQ(temper::planVersion("/nowhere/x.plan"), "");
}

TEST_F(WrongInput, EveryDamagedByteOfAPlanIsNoticed) {
  client::Loaded loaded(logger, small::add_relu());
  ASSERT_TRUE(loaded.engine) << temper::lastError().text();
  std::string bytes(static_cast<char*>(loaded.plan->data()), loaded.plan->size());
  for (size_t at = 0; at < bytes.size(); at += 97) {
    bytes[at] ^= 0x41;
    EXPECT_EQ(loaded.runtime->deserializeCudaEngine(bytes.data(), bytes.size()), nullptr) << at;
    bytes[at] ^= 0x41;
  }
  for (size_t size : {size_t(0), size_t(7), size_t(64), bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_EQ(loaded.runtime->deserializeCudaEngine(bytes.data(), size), nullptr) << size;
  }
}

TEST_F(WrongInput, NamesShapesAndAddresses) {
  client::Loaded loaded(logger, small::add_relu());
  ASSERT_TRUE(loaded.engine) << temper::lastError().text();
  ICudaEngine& engine = *loaded.engine;
  for (const char* name : {static_cast<const char*>(nullptr), "nobody"}) {
    EXPECT_EQ(engine.getTensorShape(name).nbDims, -1);
    EXPECT_EQ(engine.getTensorIOMode(name), TensorIOMode::kNONE);
    EXPECT_EQ(engine.getTensorFormatDesc(name), nullptr);
    EXPECT_EQ(engine.getTensorBytesPerComponent(name), -1);
    EXPECT_EQ(engine.getProfileShape(name, 0, OptProfileSelector::kMIN).nbDims, -1);
  }
  EXPECT_EQ(engine.getIOTensorName(2), nullptr);
  EXPECT_EQ(engine.getIOTensorName(-1), nullptr);
  EXPECT_EQ(engine.getProfileShape("x", 1, OptProfileSelector::kMIN).nbDims, -1);

  std::unique_ptr<IExecutionContext> context(engine.createExecutionContext());
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  EXPECT_FALSE(context->enqueueV3(stream));
  const char* missing = nullptr;
  EXPECT_EQ(context->inferShapes(1, &missing), 1);
  EXPECT_STREQ(missing, "x");
  EXPECT_FALSE(context->setInputShape("nobody", Dims2(1, 4)));
  EXPECT_FALSE(context->setInputShape("y", Dims2(1, 4)));
  EXPECT_FALSE(context->setInputShape("x", Dims2(1, 5)));
  EXPECT_FALSE(context->setInputShape("x", Dims2(-1, 4)));
  EXPECT_FALSE(context->setInputShape("x", Dims3(1, 1, 4)));
  EXPECT_FALSE(context->setInputShape("x", Dims2(int64_t(1) << 60, 4)));
  Dims odd{};
  odd.nbDims = 99;
  EXPECT_FALSE(context->setInputShape("x", odd));
  EXPECT_FALSE(context->allInputDimensionsSpecified());
  ASSERT_TRUE(context->setInputShape("x", Dims2(1, 4)));
  EXPECT_TRUE(context->allInputDimensionsSpecified());
  EXPECT_FALSE(context->enqueueV3(stream));
  float x[4] = {}, y[4] = {};
  ASSERT_TRUE(context->setInputTensorAddress("x", x));
  EXPECT_FALSE(context->setInputTensorAddress("y", y));
  EXPECT_FALSE(context->setOutputTensorAddress("x", x));
  EXPECT_FALSE(context->setOutputAllocator("x", nullptr));
  EXPECT_FALSE(context->setTensorAddress("nobody", x));
  taken_code();
  EXPECT_FALSE(context->enqueueV3(stream));
  EXPECT_NE(temper::lastError().message.find("'y'"), std::string::npos);
  ASSERT_TRUE(context->setTensorAddress("y", y));
  EXPECT_TRUE(context->enqueueV3(stream));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_FALSE(context->executeV2(nullptr));
  EXPECT_FALSE(context->setOptimizationProfileAsync(3, stream));
  cudaStreamDestroy(stream);
}

TEST_F(WrongInput, Configurations) {
  client::Build build(logger);
  ASSERT_TRUE(build.parse(small::add_relu()));
  EXPECT_FALSE(build.parse(small::add_relu()));  // the network is not empty
  IBuilderConfig& config = *build.config;
  config.setBuilderOptimizationLevel(9);
  EXPECT_EQ(config.getBuilderOptimizationLevel(), 0);
  EXPECT_EQ(config.addOptimizationProfile(nullptr), -1);
  EXPECT_FALSE(temper::setCpuThreads(config, -1));
  EXPECT_FALSE(temper::disablePass(config, "no such pass"));
  EXPECT_FALSE(temper::switchTacticSource(config, "no such source", true));
  EXPECT_TRUE(temper::switchTacticSource(config, "onednn", false));
  EXPECT_FALSE(temper::disablePass(config, "expand"));
  EXPECT_EQ(config.createTimingCache("damaged bytes", 13), nullptr);
  EXPECT_EQ(taken_code(), "E_CORRUPT");

  IOptimizationProfile* profile = build.builder->createOptimizationProfile();
  EXPECT_FALSE(profile->setDimensions(nullptr, OptProfileSelector::kMIN, Dims2(1, 4)));
  EXPECT_FALSE(profile->setDimensions("x", OptProfileSelector::kMIN, Dims2(-1, 4)));
  EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kMIN, Dims2(2, 4)));
  EXPECT_FALSE(profile->setDimensions("x", OptProfileSelector::kMAX, Dims2(1, 4)));
  EXPECT_EQ(config.addOptimizationProfile(profile), -1);  // not complete
  EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kOPT, Dims2(3, 4)));
  EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kMAX, Dims2(8, 4)));
  EXPECT_EQ(config.addOptimizationProfile(profile), 0);
  auto plan = build.plan();
  ASSERT_TRUE(plan) << temper::lastError().text();
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->getProfileShape("x", 0, OptProfileSelector::kOPT).d[0], 3);
  EXPECT_EQ(engine->getProfileShape("x", 0, OptProfileSelector::kMAX).d[0], 8);

  IOptimizationProfile* stranger = build.builder->createOptimizationProfile();
  for (auto select : {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX})
    stranger->setDimensions("nobody", select, Dims2(1, 4));
  EXPECT_EQ(config.addOptimizationProfile(stranger), 1);
  EXPECT_EQ(build.plan(), nullptr);
  EXPECT_EQ(taken_code(), "E_NOT_FOUND");
  config.reset();
  config.setFlag(BuilderFlag::kREFIT);
  EXPECT_EQ(build.plan(), nullptr);
  EXPECT_NE(temper::lastError().message.find("kREFIT"), std::string::npos);
}

struct Recorder : IErrorRecorder {
  int32_t getNbErrors() const noexcept override { return count; }
  nvinfer1::ErrorCode getErrorCode(int32_t) const noexcept override { return last; }
  ErrorDesc getErrorDesc(int32_t) const noexcept override { return ""; }
  bool hasOverflowed() const noexcept override { return false; }
  void clear() noexcept override { count = 0; }
  bool reportError(nvinfer1::ErrorCode code, ErrorDesc) noexcept override {
    ++count;
    last = code;
    return false;
  }
  RefCount incRefCount() noexcept override { return ++references; }
  RefCount decRefCount() noexcept override { return --references; }
  int32_t count = 0, references = 0;
  nvinfer1::ErrorCode last{};
};

TEST_F(WrongInput, RecordersAreToldByTheObjectAndWhatItMakes) {
  Recorder recorder;
  {
    client::Build build(logger);
    build.builder->setErrorRecorder(&recorder);
    EXPECT_EQ(build.builder->getErrorRecorder(), &recorder);
    std::unique_ptr<IBuilderConfig> config(build.builder->createBuilderConfig());
    config->setBuilderOptimizationLevel(-4);
    EXPECT_EQ(recorder.count, 1);
    EXPECT_EQ(recorder.last, nvinfer1::ErrorCode::kINVALID_ARGUMENT);
    EXPECT_GE(recorder.references, 2);
  }
  EXPECT_EQ(recorder.references, 0);
}

struct Monitor : IProgressMonitor {
  void phaseStart(char const*, char const*, int32_t) noexcept override { ++open; }
  bool stepComplete(char const*, int32_t) noexcept override { return ++steps < stop_after; }
  void phaseFinish(char const*) noexcept override { --open; }
  int open = 0, steps = 0, stop_after = 1 << 30;
};

TEST_F(WrongInput, AMonitorSeesTheBuildAndMayStopIt) {
  client::Build build(logger);
  ASSERT_TRUE(build.parse(small::add_relu()));
  Monitor monitor;
  build.config->setProgressMonitor(&monitor);
  ASSERT_TRUE(build.plan()) << temper::lastError().text();
  EXPECT_EQ(monitor.open, 0);
  const int all = monitor.steps;
  EXPECT_GE(all, 3);
  for (int stop = 1; stop < all - 2; ++stop) {
    monitor = {};
    monitor.stop_after = stop;
    EXPECT_EQ(build.plan(), nullptr) << stop;
    EXPECT_EQ(taken_code(), "E_CANCELLED");
    EXPECT_EQ(monitor.open, 0);
  }
}

TEST_F(WrongInput, NetworksByHand) {
  client::Build build(logger);
  INetworkDefinition& network = *build.network;
  ITensor* a = network.addInput("a", DataType::kFLOAT, Dims2(-1, 4));
  ASSERT_TRUE(a);
  EXPECT_EQ(network.addInput("a", DataType::kFLOAT, Dims2(1, 4)), nullptr);
  EXPECT_EQ(network.addInput("b", DataType::kFLOAT, Dims2(-2, 4)), nullptr);
  EXPECT_EQ(network.addInput("b", DataType::kFP4, Dims2(1, 4)), nullptr);
  EXPECT_EQ(network.addInput(nullptr, DataType::kFLOAT, Dims2(1, 4)), nullptr);
  EXPECT_EQ(network.getInput(0), a);
  EXPECT_EQ(network.getInput(1), nullptr);
  EXPECT_EQ(a->getDimensions().d[0], -1);
  a->setDimensions(Dims2(3, 4));
  EXPECT_EQ(a->getDimensions().d[0], 3);
  a->setType(DataType::kINT32);
  EXPECT_EQ(a->getType(), DataType::kINT32);
  network.markOutput(*a);
  EXPECT_TRUE(a->isNetworkOutput());
  network.unmarkOutput(*a);
  EXPECT_FALSE(a->isNetworkOutput());
  EXPECT_EQ(network.getNbOutputs(), 0);
}

}  // namespace
