// The same bits: of plans from the same timing cache, and of outputs run after run, with any number of threads, beside other
// contexts, and whatever the caller's rounding and denormal modes are.
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <cfenv>
#include <cstring>
#include <map>
#include <thread>

#include "client.h"
#include "tests/programs/small_models.h"

namespace {

using namespace nvinfer1;

constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;

// Convolutions that suit the direct and the Winograd form, a depthwise one, one of bytes, a matrix product, softmax, layer
// norm, attention, a reduction over everything, and a size that depends on data.
std::string various() {
  using namespace small;
  const std::string three = integers("kernel_shape", {3, 3}), around = integers("pads", {1, 1, 1, 1});
  std::vector<int8_t> bytes(32 * 32 * 9);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = int8_t(int(i * 37 % 201) - 100);
  return model({node("Conv", {"x", "w1", "b1"}, {"c1"}, {three, around, integers("strides", {2, 2})}),
                node("Relu", {"c1"}, {"r1"}),
                node("Conv", {"r1", "w2", "b1"}, {"c2"}, {three, around}),
                node("Sigmoid", {"c2"}, {"r2"}),
                node("Conv", {"r2", "w3"}, {"c3"}, {three, around, integer("group", 32)}),
                node("Add", {"c3", "r1"}, {"features"}),
                node("Reshape", {"features", "rows"}, {"f"}),
                node("MatMul", {"f", "w4"}, {"g"}),
                node("LayerNormalization", {"g", "s", "t"}, {"n"}),
                node("Softmax", {"n"}, {"p"}),
                node("ReduceMean", {"features"}, {"mean"}, {integer("keepdims", 0)}),
                node("Greater", {"features", "mean"}, {"m"}),
                node("NonZero", {"m"}, {"where"}),
                node("Transpose", {"p"}, {"q"}, {integers("perm", {1, 0})}),
                node("MatMul", {"p", "q"}, {"likeness"}),
                node("Softmax", {"likeness"}, {"l"}),
                node("MatMul", {"l", "p"}, {"mixed"}),
                node("QuantizeLinear", {"r1", "in_scale", "in_zero"}, {"i1"}),
                node("DequantizeLinear", {"i1", "in_scale", "in_zero"}, {"i2"}),
                node("DequantizeLinear", {"wb", "w_scale", "w_zero"}, {"w5"}),
                node("Conv", {"i2", "w5"}, {"bytes"}, {three, around})},
               {value("x", {1, 3, 56, 56})},
               {value("features", {1, 32, 28, 28}), value("p", {32, 40}), value("mean", {}), value("where", {4, -1}, kInt64),
                value("mixed", {32, 40}), value("bytes", {1, 32, 28, 28})},
               {waves("w1", {32, 3, 3, 3}), waves("b1", {32}), waves("w2", {32, 32, 3, 3}), waves("w3", {32, 1, 3, 3}),
                waves("w4", {784, 40}), waves("s", {40}), waves("t", {40}), indices("rows", {32, 784}),
                tensor<float>("in_scale", kFloat, {}, {0.02f}), tensor<uint8_t>("in_zero", kUint8, {}, {0}),
                tensor<int8_t>("wb", kInt8, {32, 32, 3, 3}, bytes), tensor<float>("w_scale", kFloat, {}, {0.01f}),
                tensor<int8_t>("w_zero", kInt8, {}, {0})});
}

struct Kept : IOutputAllocator {
  void* reallocateOutputAsync(char const*, void*, uint64_t size, uint64_t, cudaStream_t) override {
    memory.assign(size, 0);
    return memory.data();
  }
  void notifyShape(char const*, Dims const&) override {}
  std::string memory;
};

using Outputs = std::map<std::string, std::string>;

// Values over many magnitudes, denormal ones too, of both signs.
std::vector<float> inputs() {
  std::vector<float> x(3 * 56 * 56);
  uint32_t state = 1;
  for (size_t i = 0; i < x.size(); ++i) {
    state = state * 1664525 + 1013904223;
    x[i] = (float(state >> 8) / float(1 << 23) - 1) * (i % 97 == 0 ? 1e-38f : 1.0f);
    if (i % 1009 == 0) x[i] = 1e-41f;
  }
  return x;
}

class Determinism : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    client::Build build(logger());
    build.config->setBuilderOptimizationLevel(2);
    cache().reset(build.config->createTimingCache(nullptr, 0));
    build.config->setTimingCache(*cache(), false);
    ASSERT_TRUE(build.parse(various())) << temper::lastError().text();
    plan() = build.plan();
    ASSERT_TRUE(plan()) << temper::lastError().text();
  }
  static void TearDownTestSuite() {
    plan().reset();
    cache().reset();
  }
  void SetUp() override { ASSERT_TRUE(plan()); }

  static client::Logger& logger() {
    static client::Logger it;
    return it;
  }
  static std::unique_ptr<ITimingCache>& cache() {
    static std::unique_ptr<ITimingCache> it;
    return it;
  }
  static std::unique_ptr<IHostMemory>& plan() {
    static std::unique_ptr<IHostMemory> it;
    return it;
  }

  // An engine that uses so many threads, with a context.
  struct Running {
    explicit Running(int threads) : runtime(createInferRuntime(logger())), x(inputs()) {
      temper::setCpuThreads(*runtime, threads);
      engine.reset(runtime->deserializeCudaEngine(plan()->data(), plan()->size()));
      if (engine) context.reset(engine->createExecutionContext());
    }
    Outputs run(IExecutionContext& with, bool enqueue = true) const {
      std::map<std::string, Kept> kept;
      cudaStream_t stream = nullptr;
      cudaStreamCreate(&stream);
      EXPECT_TRUE(with.setInputTensorAddress("x", x.data()));
      for (const char* name : {"features", "p", "mean", "where", "mixed", "bytes"})
        EXPECT_TRUE(with.setOutputAllocator(name, &kept[name]));
      void* none[7] = {const_cast<float*>(x.data())};
      EXPECT_TRUE(enqueue ? with.enqueueV3(stream) : with.executeV2(none));
      EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
      cudaStreamDestroy(stream);
      Outputs outputs;
      for (auto& [name, output] : kept) outputs[name] = output.memory;
      return outputs;
    }
    Outputs run(bool enqueue = true) const { return run(*context, enqueue); }

    std::unique_ptr<IRuntime> runtime;
    std::unique_ptr<ICudaEngine> engine;
    std::unique_ptr<IExecutionContext> context;
    std::vector<float> x;
  };
};

TEST_F(Determinism, PlansFromTheSameTimingCacheAreTheSame) {
  for (int round = 0; round < 2; ++round) {
    client::Build build(logger());
    build.config->setBuilderOptimizationLevel(2);
    std::unique_ptr<IHostMemory> bytes(cache()->serialize());
    std::unique_ptr<ITimingCache> same(build.config->createTimingCache(bytes->data(), bytes->size()));
    ASSERT_TRUE(build.config->setTimingCache(*same, false));
    ASSERT_TRUE(build.parse(various()));
    auto again = build.plan();
    ASSERT_TRUE(again) << temper::lastError().text();
    ASSERT_EQ(again->size(), plan()->size());
    EXPECT_EQ(std::memcmp(again->data(), plan()->data(), plan()->size()), 0);
  }
}

// The program may save either the cache that it handed in or the one that the config hands out.
TEST(DeterminismOfSmallModels, PlansFromTheSameTimingCacheAreTheSame) {
  client::Logger logger;
  for (const small::Named& named : small::all_models()) {
    std::string saved;
    std::string plans[3];
    for (std::string& plan : plans) {
      client::Build build(logger);
      build.config->setBuilderOptimizationLevel(2);
      std::unique_ptr<ITimingCache> cache(build.config->createTimingCache(saved.data(), saved.size()));
      ASSERT_TRUE(build.config->setTimingCache(*cache, false));
      ASSERT_TRUE(build.parse(named.model)) << named.name;
      const auto made = build.plan();
      ASSERT_TRUE(made) << named.name << ": " << temper::lastError().text();
      plan.assign(static_cast<const char*>(made->data()), made->size());
      std::unique_ptr<IHostMemory> bytes((&plan == &plans[0] ? cache.get() : build.config->getTimingCache())->serialize());
      saved.assign(static_cast<const char*>(bytes->data()), bytes->size());
    }
    EXPECT_TRUE(plans[1] == plans[0]) << named.name;
    EXPECT_TRUE(plans[2] == plans[0]) << named.name;
  }
}

TEST_F(Determinism, OutputsAreTheSameWithAnyNumberOfThreads) {
  const Outputs want = Running(1).run();
  ASSERT_EQ(want.at("features").size(), 32u * 28 * 28 * 4);
  ASSERT_GT(want.at("where").size(), 0u);
  for (int threads : {1, 2, 4}) {
    Running running(threads);
    for (int round = 0; round < 5; ++round) EXPECT_TRUE(running.run() == want) << threads << " threads, round " << round;
  }
}

TEST_F(Determinism, OutputsAreTheSameBesideOtherContexts) {
  const Outputs want = Running(1).run();
  Running shared(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      std::unique_ptr<IExecutionContext> context(shared.engine->createExecutionContext());
      for (int round = 0; round < 10; ++round) EXPECT_TRUE(shared.run(*context) == want);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Determinism, OutputsAreTheSameInAnyFloatingPointMode) {
  const Outputs want = Running(1).run();
  Running running(2);
  for (int rounding : {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO}) {
    for (unsigned denormals : {0u, kFlushToZero, kDenormalsAreZero, kFlushToZero | kDenormalsAreZero}) {
      for (bool enqueue : {true, false}) {
        const unsigned before = _mm_getcsr();
        std::fesetround(rounding);
        _mm_setcsr(_mm_getcsr() | denormals);
        const unsigned asked = _mm_getcsr() & ~0x3fu;
        const Outputs got = running.run(enqueue);
        const unsigned after = _mm_getcsr() & ~0x3fu;
        std::fesetround(FE_TONEAREST);
        _mm_setcsr(before);
        EXPECT_EQ(after, asked) << "the caller's modes are left as they were";
        EXPECT_TRUE(got == want) << "rounding " << rounding << ", denormal modes " << denormals
                                 << (enqueue ? ", enqueueV3" : ", executeV2");
      }
    }
  }
}

// Building folds constants and may be done in any mode too.
TEST_F(Determinism, PlansAreTheSameInAnyFloatingPointMode) {
  client::Build build(logger());
  build.config->setBuilderOptimizationLevel(2);
  ASSERT_TRUE(build.config->setTimingCache(*cache(), false));
  const unsigned before = _mm_getcsr();
  std::fesetround(FE_UPWARD);
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
  const bool parsed = build.parse(various());
  auto again = parsed ? build.plan() : nullptr;
  std::fesetround(FE_TONEAREST);
  _mm_setcsr(before);
  ASSERT_TRUE(again) << temper::lastError().text();
  ASSERT_EQ(again->size(), plan()->size());
  EXPECT_EQ(std::memcmp(again->data(), plan()->data(), plan()->size()), 0);
}

}  // namespace
