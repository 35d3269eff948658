// From the bytes of a model to outputs, through the public API alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "client.h"

namespace {

using namespace nvinfer1;
using client::Receiver;
using client::Stream;

std::vector<float> expected(const std::vector<float>& x) {
  const float w[] = {1, -2, 3, -4};
  std::vector<float> y;
  for (size_t i = 0; i < x.size(); ++i) y.push_back(std::max(0.0f, x[i] + w[i % 4]));
  return y;
}

std::vector<float> ramp(int64_t rows) {
  std::vector<float> x;
  for (int64_t i = 0; i < rows * 4; ++i) x.push_back(float(i) * 0.5f - 3);
  return x;
}

std::vector<float> run(IExecutionContext& context, cudaStream_t stream, const std::vector<float>& x) {
  std::vector<float> y(x.size(), -1);
  EXPECT_TRUE(context.setInputShape("x", Dims2(int64_t(x.size()) / 4, 4)));
  EXPECT_TRUE(context.setInputTensorAddress("x", x.data()));
  EXPECT_TRUE(context.setOutputTensorAddress("y", y.data()));
  EXPECT_TRUE(context.enqueueV3(stream));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  return y;
}

class Roundtrip : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(loaded.engine) << temper::lastError().text(); }
  client::Logger logger;
  client::Loaded loaded{logger, small::add_relu()};
};

TEST_F(Roundtrip, EngineSaysWhatTheModelSays) {
  ICudaEngine& engine = *loaded.engine;
  ASSERT_EQ(engine.getNbIOTensors(), 2);
  EXPECT_STREQ(engine.getIOTensorName(0), "x");
  EXPECT_STREQ(engine.getIOTensorName(1), "y");
  EXPECT_EQ(engine.getTensorIOMode("x"), TensorIOMode::kINPUT);
  EXPECT_EQ(engine.getTensorIOMode("y"), TensorIOMode::kOUTPUT);
  EXPECT_EQ(engine.getTensorDataType("y"), DataType::kFLOAT);
  for (const char* name : {"x", "y"}) {
    const Dims shape = engine.getTensorShape(name);
    ASSERT_EQ(shape.nbDims, 2);
    EXPECT_EQ(shape.d[0], -1);
    EXPECT_EQ(shape.d[1], 4);
    EXPECT_EQ(engine.getTensorBytesPerComponent(name), 4);
  }
  EXPECT_STREQ(engine.getName(), "small");
  EXPECT_GE(engine.getNbLayers(), 1);
  EXPECT_EQ(engine.getNbOptimizationProfiles(), 1);
  EXPECT_STREQ(temper::modelMetadata(engine, "labels"), "cat,dog");
  EXPECT_EQ(temper::modelMetadata(engine, "none"), nullptr);
  EXPECT_EQ(temper::modelMetadataKeys(engine), std::vector<std::string>{"labels"});
}

TEST_F(Roundtrip, RunsAnyShape) {
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  Stream stream;
  for (int64_t rows : {1, 7, 300, 2, 0, 7}) {
    const auto x = ramp(rows);
    EXPECT_EQ(run(*context, stream.handle, x), expected(x)) << rows;
    EXPECT_EQ(context->getTensorShape("y").d[0], rows);
  }
}

TEST_F(Roundtrip, ExecuteWaits) {
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  auto x = ramp(3);
  std::vector<float> y(x.size());
  void* bindings[] = {x.data(), y.data()};
  EXPECT_FALSE(context->executeV2(bindings));  // no shape yet
  ASSERT_TRUE(context->setInputShape("x", Dims2(3, 4)));
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(y, expected(x));
}

// Shapes and addresses belong to the enqueue that saw them.
TEST_F(Roundtrip, EnqueueTakesACopyOfShapesAndAddresses) {
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  Stream stream;
  std::vector<std::vector<float>> x, y;
  for (int64_t rows = 1; rows <= 20; ++rows) {
    x.push_back(ramp(rows));
    y.emplace_back(x.back().size());
  }
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_TRUE(context->setInputShape("x", Dims2(int64_t(i) + 1, 4)));
    ASSERT_TRUE(context->setTensorAddress("x", x[i].data()));
    ASSERT_TRUE(context->setTensorAddress("y", y[i].data()));
    ASSERT_TRUE(context->enqueueV3(stream.handle));
  }
  ASSERT_EQ(cudaStreamSynchronize(stream.handle), cudaSuccess);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], expected(x[i])) << i;
}

TEST_F(Roundtrip, ContextsOfManyThreadsShareAnEngine) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
      Stream stream;
      for (int i = 0; i < 50; ++i) {
        const auto x = ramp(1 + (i * 7 + t) % 13);
        EXPECT_EQ(run(*context, stream.handle, x), expected(x));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(Roundtrip, AContextMayGoWhileItsRunIsPending) {
  Stream stream;
  const auto x = ramp(5);
  std::vector<float> y(x.size());
  {
    std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
    context->setInputShape("x", Dims2(5, 4));
    context->setInputTensorAddress("x", x.data());
    context->setOutputTensorAddress("y", y.data());
    ASSERT_TRUE(context->enqueueV3(stream.handle));
  }
  EXPECT_EQ(y, expected(x));
}

TEST_F(Roundtrip, OutputAllocatorsAreAskedAndTold) {
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  Stream stream;
  Receiver receiver;
  const auto x = ramp(6);
  ASSERT_TRUE(context->setInputShape("x", Dims2(6, 4)));
  ASSERT_TRUE(context->setInputTensorAddress("x", x.data()));
  ASSERT_TRUE(context->setOutputAllocator("y", &receiver));
  ASSERT_TRUE(context->enqueueV3(stream.handle));
  ASSERT_EQ(cudaStreamSynchronize(stream.handle), cudaSuccess);
  EXPECT_EQ(receiver.shape.nbDims, 2);
  EXPECT_EQ(receiver.shape.d[0], 6);
  const auto want = expected(x);
  ASSERT_GE(receiver.memory.size(), want.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(receiver.memory.data(), want.data(), want.size() * sizeof(float)), 0);
}

TEST(DataDependent, TheAllocatorLearnsTheShape) {
  client::Logger logger;
  client::Loaded loaded(logger, small::model({small::node("NonZero", {"x"}, {"y"})}, {small::value("x", {8})},
                                             {small::value("y", {1, -1}, small::kInt64)}));
  ASSERT_TRUE(loaded.engine) << temper::lastError().text();
  EXPECT_EQ(loaded.engine->getTensorDataType("y"), DataType::kINT64);
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  Stream stream;
  for (int round = 0; round < 2; ++round) {
    Receiver receiver;
    const std::vector<float> x = round == 0 ? std::vector<float>{0, 1, 0, 2, 0, 0, 3, 0} : std::vector<float>(8, 0.0f);
    ASSERT_TRUE(context->setInputTensorAddress("x", x.data()));
    ASSERT_TRUE(context->setOutputAllocator("y", &receiver));
    EXPECT_EQ(context->inferShapes(0, nullptr), 0);
    EXPECT_EQ(context->getTensorShape("y").d[1], -1);
    ASSERT_TRUE(context->enqueueV3(stream.handle));
    ASSERT_EQ(cudaStreamSynchronize(stream.handle), cudaSuccess);
    ASSERT_EQ(receiver.shape.nbDims, 2);
    EXPECT_EQ(receiver.shape.d[1], round == 0 ? 3 : 0);
    if (round == 0) {
      const int64_t want[] = {1, 3, 6};
      EXPECT_EQ(std::memcmp(receiver.memory.data(), want, sizeof(want)), 0);
    }
  }
}

struct Times : IProfiler {
  void reportLayerTime(char const* name, float ms) override {
    names.push_back(name);
    EXPECT_GE(ms, 0);
  }
  std::vector<std::string> names;
};

TEST_F(Roundtrip, ProfilerHearsOfEveryLayer) {
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  Stream stream;
  Times times;
  context->setProfiler(&times);
  const auto x = ramp(2);
  run(*context, stream.handle, x);
  EXPECT_EQ(int32_t(times.names.size()), loaded.engine->getNbLayers());
  context->setEnqueueEmitsProfile(false);
  run(*context, stream.handle, x);
  EXPECT_EQ(int32_t(times.names.size()), loaded.engine->getNbLayers());
  EXPECT_TRUE(context->reportToProfiler());
  EXPECT_EQ(int32_t(times.names.size()), 2 * loaded.engine->getNbLayers());
}

TEST_F(Roundtrip, APlanIsTheSameThroughMemoryFilesAndStreams) {
  std::unique_ptr<IHostMemory> again(loaded.engine->serialize());
  ASSERT_EQ(again->size(), loaded.plan->size());
  EXPECT_EQ(std::memcmp(again->data(), loaded.plan->data(), again->size()), 0);
  client::Loaded second(logger, small::add_relu());
  ASSERT_EQ(second.plan->size(), loaded.plan->size());
  EXPECT_EQ(std::memcmp(second.plan->data(), loaded.plan->data(), again->size()), 0);

  const std::string path = testing::TempDir() + "roundtrip_" + std::to_string(getpid()) + ".plan";
  std::ofstream(path, std::ios::binary).write(static_cast<char*>(again->data()), std::streamsize(again->size()));
  std::unique_ptr<ICudaEngine> mapped(temper::loadPlan(*loaded.runtime, path.c_str()));
  ASSERT_TRUE(mapped) << temper::lastError().text();
  std::string report;
  EXPECT_TRUE(temper::verify(path.c_str(), report)) << report;
  EXPECT_EQ(temper::planVersion(path.c_str()), temper::versionText());
  std::remove(path.c_str());

  struct Reader : IStreamReader {
    int64_t read(void* to, int64_t bytes) override {
      const int64_t piece = std::min<int64_t>(bytes, int64_t(plan->size()) - at);
      std::memcpy(to, static_cast<char*>(plan->data()) + at, size_t(piece));
      at += piece;
      return piece;
    }
    IHostMemory* plan = nullptr;
    int64_t at = 0;
  } reader;
  reader.plan = again.get();
  std::unique_ptr<ICudaEngine> streamed(loaded.runtime->deserializeCudaEngine(reader));
  ASSERT_TRUE(streamed) << temper::lastError().text();
  Stream stream;
  const auto x = ramp(4);
  for (ICudaEngine* engine : {mapped.get(), streamed.get()}) {
    std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
    EXPECT_EQ(run(*context, stream.handle, x), expected(x));
  }
}

// Weights of several pages, so that the cut takes whole ones away.
TEST(MappedPlan, AFileThatIsCutIsAnErrorAndNoSignal) {
  client::Logger logger;
  const std::string model = small::model({small::node("MatMul", {"x", "w"}, {"y"})}, {small::value("x", {1, 64})},
                                         {small::value("y", {1, 512})}, {small::waves("w", {64, 512})});
  client::Loaded loaded(logger, model);
  ASSERT_TRUE(loaded.engine) << temper::lastError().text();
  const std::string path = testing::TempDir() + "cut-" + std::to_string(getpid()) + ".plan";
  std::ofstream(path, std::ios::binary).write(static_cast<char*>(loaded.plan->data()), std::streamsize(loaded.plan->size()));
  std::unique_ptr<ICudaEngine> engine(temper::loadPlan(*loaded.runtime, path.c_str()));
  ASSERT_TRUE(engine) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  std::vector<float> x(64, 1), y(512);
  void* bindings[] = {x.data(), y.data()};
  ASSERT_TRUE(context->executeV2(bindings));
  ASSERT_EQ(truncate(path.c_str(), 4096), 0);
  EXPECT_FALSE(context->executeV2(bindings));
  EXPECT_EQ(temper::lastError().code, "E_IO");
  EXPECT_NE(temper::lastError().message.find("was cut from"), std::string::npos) << temper::lastError().text();
  EXPECT_EQ(temper::loadPlan(*loaded.runtime, path.c_str()), nullptr);
  unlink(path.c_str());
}

TEST_F(Roundtrip, TextsSayWhatIsInside) {
  const std::string text = temper::explain(*loaded.engine, temper::TextFormat::kTEXT);
  EXPECT_NE(text.find("kernel"), std::string::npos);
  EXPECT_NE(text.find("% of peak"), std::string::npos);
  EXPECT_NE(text.find("read and written"), std::string::npos);
  const std::string json = temper::explain(*loaded.engine, temper::TextFormat::kJSON);
  EXPECT_NE(json.find("\"kernels\": ["), std::string::npos);
  const size_t totals = json.find("\"totals\": {");
  ASSERT_NE(totals, std::string::npos);
  // A kernel that reads and writes has bytes, and one that computes has operations.
  EXPECT_EQ(json.find("\"bytes\": 0", totals), std::string::npos);
  EXPECT_EQ(json.find("\"operations\": 0", totals), std::string::npos);
  EXPECT_NE(temper::print(*loaded.engine, temper::Representation::kGRAPH).find("graph"), std::string::npos);
  EXPECT_NE(temper::print(*loaded.engine, temper::Representation::kPLAN).find("launch"), std::string::npos);
  EXPECT_FALSE(temper::print(*loaded.engine, temper::Representation::kREGIONS).empty());
  std::unique_ptr<IEngineInspector> inspector(loaded.engine->createEngineInspector());
  EXPECT_NE(std::string(inspector->getEngineInformation(LayerInformationFormat::kJSON)).find("\"Layers\": ["),
            std::string::npos);
  EXPECT_EQ(inspector->getLayerInformation(loaded.engine->getNbLayers(), LayerInformationFormat::kONELINE), nullptr);
}

}  // namespace
