// A program that is linked with NVIDIA's runtime: enqueueV3 gives its work to the driver's stream and comes back.
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/cuda/run/nvrtc.h"
#include "hostcuda/queue.h"
#include "tests/backend/cuda/stub.h"
#include "tests/programs/client.h"
#include "tests/programs/sample_plugins.h"

extern "C" int stub_runtime_events();

namespace {

using namespace nvinfer1;
using temper::cuda::stub;

const int kNamed = setenv("TEMPER_CUDA_DRIVER", TEMPER_STUB_DRIVER, 1);

std::unique_ptr<IHostMemory> plan_for(client::Logger& logger, const char* targets) {
  client::Build build(logger);
  if (!build.parse(small::add_relu()) || !temper::setTargets(*build.config, targets)) return nullptr;
  return build.plan();
}

struct DriverStream {
  DriverStream() {
    stub().find<int(void**, int)>("cuDevicePrimaryCtxRetain")(&context, 0);
    stub().find<int(void*)>("cuCtxPushCurrent_v2")(context);
    stub().find<int(void**, unsigned)>("cuStreamCreate")(&handle, 0);
  }
  ~DriverStream() { stub().find<int(void*)>("cuStreamDestroy_v2")(handle); }
  void* memory(size_t bytes) const {
    unsigned long long address = 0;
    stub().find<int(unsigned long long*, size_t, void*)>("cuMemAllocAsync")(&address, bytes, handle);
    return reinterpret_cast<void*>(address);
  }
  void *context = nullptr, *handle = nullptr;
};

TEST(DriverStreams, EnqueueGoesToTheStreamAndWaitsForNothing) {
  ASSERT_FALSE(hostcuda::submit);
  if (!temper::cuda::nvrtc_status(90).ok()) GTEST_SKIP() << "no NVRTC to compile kernels with";
  client::Logger logger;
  auto plan = plan_for(logger, "sm_90");
  ASSERT_TRUE(plan) << temper::lastError().text();
  DriverStream stream;
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  ASSERT_TRUE(engine) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  ASSERT_TRUE(context->setInputShape("x", Dims2(1, 4)));
  ASSERT_TRUE(context->setInputTensorAddress("x", stream.memory(16)));
  ASSERT_TRUE(context->setOutputTensorAddress("y", stream.memory(16)));
  auto* handle = static_cast<cudaStream_t>(stream.handle);
  ASSERT_TRUE(context->enqueueV3(handle)) << temper::lastError().text();
  const long run = stub().number("stub_log_size"), waits = stub().number("stub_waits");
  ASSERT_GE(run, 1);
  context->setInputConsumedEvent(reinterpret_cast<cudaEvent_t>(&stream));
  ASSERT_TRUE(context->enqueueV3(handle)) << temper::lastError().text();
  EXPECT_EQ(stub().number("stub_log_size"), 2 * run);
  EXPECT_EQ(stub().number("stub_waits"), waits);
  EXPECT_EQ(stub_runtime_events(), 1);
  // Into a capture of the program's.
  context->setInputConsumedEvent(nullptr);
  ASSERT_EQ(stub().find<int(void*, int)>("cuStreamBeginCapture_v2")(stream.handle, 0), 0);
  ASSERT_TRUE(context->enqueueV3(handle)) << temper::lastError().text();
  void* graph = nullptr;
  ASSERT_EQ(stub().find<int(void*, void**)>("cuStreamEndCapture")(stream.handle, &graph), 0);
  EXPECT_EQ(stub().find<long(void*)>("stub_recorded")(graph), run);
  EXPECT_EQ(stub().number("stub_log_size"), 2 * run);
  EXPECT_EQ(stub().number("stub_complaints"), 0);
}

// Adds nothing, but says where it was called.
class Watched final : public sample::PluginV3 {
 public:
  nvinfer1::IPluginV3* clone() override { return new Watched; }
  AsciiChar const* getPluginName() const override { return "Watched"; }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const* inputs, void* const* outputs, void*,
                  cudaStream_t stream) override {
    seen_stream = stream;
    seen_input = inputs[0];
    seen_output = outputs[0];
    ++calls;
    return 0;
  }
  static inline cudaStream_t seen_stream = nullptr;
  static inline const void *seen_input = nullptr, *seen_output = nullptr;
  static inline int calls = 0;
};

TEST(DriverStreams, APluginGetsTheStreamAndAddressesOfTheDevice) {
  if (!temper::cuda::nvrtc_status(90).ok()) GTEST_SKIP() << "no NVRTC to compile kernels with";
  sample::Registered<sample::CreatorV3<Watched>> creator;
  client::Logger logger;
  client::Build build(logger);
  ITensor* x = build.network->addInput("x", DataType::kFLOAT, Dims2(1, 4));
  Watched plugin;
  auto* layer = build.network->addPluginV3(&x, 1, nullptr, 0, plugin);
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  layer->getOutput(0)->setName("y");
  build.network->markOutput(*layer->getOutput(0));
  ASSERT_TRUE(temper::setTargets(*build.config, "sm_90"));
  auto plan = build.plan();
  ASSERT_TRUE(plan) << temper::lastError().text();
  DriverStream stream;
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  ASSERT_TRUE(engine) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  void *from = stream.memory(16), *to = stream.memory(16);
  ASSERT_TRUE(context->setInputTensorAddress("x", from));
  ASSERT_TRUE(context->setOutputTensorAddress("y", to));
  ASSERT_TRUE(context->enqueueV3(static_cast<cudaStream_t>(stream.handle))) << temper::lastError().text();
  EXPECT_EQ(Watched::calls, 1);
  EXPECT_EQ(Watched::seen_stream, static_cast<cudaStream_t>(stream.handle));
  EXPECT_EQ(Watched::seen_input, from);
  EXPECT_EQ(Watched::seen_output, to);
}

TEST(DriverStreams, APlanForTheProcessorSaysWhyItDoesNotGoThere) {
  client::Logger logger;
  auto plan = plan_for(logger, "cpu");
  ASSERT_TRUE(plan) << temper::lastError().text();
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  ASSERT_TRUE(engine) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  float x[4] = {}, y[4] = {};
  ASSERT_TRUE(context->setInputShape("x", Dims2(1, 4)));
  ASSERT_TRUE(context->setInputTensorAddress("x", x));
  ASSERT_TRUE(context->setOutputTensorAddress("y", y));
  EXPECT_FALSE(context->enqueueV3(nullptr));
  EXPECT_NE(temper::lastError().text().find("hostcuda"), std::string::npos) << temper::lastError().text();
}

}  // namespace
