// Plans for other devices than the one that builds them: one file that serves both, and what is said where a device is missing.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "client.h"

namespace {

using namespace nvinfer1;

std::unique_ptr<IHostMemory> plan_for(client::Logger& logger, const char* targets) {
  client::Build build(logger);
  if (!build.parse(small::add_relu()) || !temper::setTargets(*build.config, targets)) return nullptr;
  return build.plan();
}

TEST(Targets, OneFileServesProcessorAndGpu) {
  client::Logger logger;
  auto one = plan_for(logger, "cpu"), both = plan_for(logger, "cpu,sm_90"), turned = plan_for(logger, "sm_90,cpu");
  ASSERT_TRUE(one && both && turned) << temper::lastError().text();
  EXPECT_GT(both->size(), one->size());
  for (const auto& plan : {both.get(), turned.get()}) {
    std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
    std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
    ASSERT_TRUE(engine) << temper::lastError().text();
    std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
    const float x[] = {1, 2, 3, 4};
    float y[4] = {};
    client::Stream stream;
    ASSERT_TRUE(context->setInputShape("x", Dims2(1, 4)));
    ASSERT_TRUE(context->setInputTensorAddress("x", x));
    ASSERT_TRUE(context->setOutputTensorAddress("y", y));
    ASSERT_TRUE(context->enqueueV3(stream.handle));
    ASSERT_EQ(cudaStreamSynchronize(stream.handle), cudaSuccess);
    EXPECT_EQ(std::vector<float>(y, y + 4), (std::vector<float>{2, 0, 6, 0}));
  }
}

TEST(Targets, AMissingDeviceIsSaid) {
  if (void* driver = dlopen("libcuda.so.1", RTLD_LAZY)) {
    dlclose(driver);
    GTEST_SKIP() << "this machine has an NVIDIA driver";
  }
  client::Logger logger;
  auto plan = plan_for(logger, "sm_80");
  ASSERT_TRUE(plan) << temper::lastError().text();
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  EXPECT_FALSE(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  EXPECT_NE(temper::lastError().text().find("NVIDIA driver"), std::string::npos) << temper::lastError().text();
}

TEST(Targets, UnknownNamesAreRefused) {
  client::Logger logger;
  client::Build build(logger);
  for (const char* bad : {"", "gpu", "sm_", "sm_70", "cpu,cpu", "cpu,", "sm_90,tpu"}) {
    EXPECT_FALSE(temper::setTargets(*build.config, bad)) << bad;
  }
  EXPECT_FALSE(temper::setTargets(*build.config, nullptr));
}

}  // namespace
