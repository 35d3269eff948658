// Contexts on GPUs, against the stub of the driver: streams of the caller's, also captured ones, replays with other addresses,
// shapes by turns, memory that is given; and every call of build, load and run that fails in turn.
#include "runtime/context.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "backend/cuda/run/nvrtc.h"
#include "builder/build.h"
#include "ops/builder.h"
#include "tests/backend/cuda/stub.h"
#include "tests/conformance/sample_case.h"
#include "tests/sanitizer.h"

namespace {

std::atomic<long> allocations{0};
const int kNamed = setenv("TEMPER_CUDA_DRIVER", TEMPER_STUB_DRIVER, 1);

}  // namespace

#if !TEMPER_SANITIZED  // a sanitizer's own malloc must stay
// glibc's own entry, under the name that it has for this purpose. operator new ends here too.
extern "C" {
void* __libc_malloc(size_t);
void* malloc(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
}
#endif

namespace temper::cuda {
namespace {

using temper::testing::all_samples;
using temper::testing::sample_graph;
using temper::testing::SampleName;

constexpr int64_t kWidth = 64;

// Two products, one after the other, so that there are two kernels and a tensor between them.
Expected<std::shared_ptr<std::vector<std::byte>>> build(std::vector<std::string> targets, int level = 0,
                                                        LogSink* log = nullptr) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  SymInt n = graph.sym().symbol("n");
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {n, SymInt(kWidth)}}, "x"));
  Tensor weights = Tensor::zeros(DType::kF32, {kWidth, kWidth});
  for (int64_t i = 0; i < weights.count(); ++i) weights.set(i, {double(i % 11) - 5, 0});
  graph.set_outputs({b.matmul(b.matmul(x, b.constant(weights)), b.constant(weights)).id});
  graph.output_names() = {"y"};
  TEMPER_TRY(b.take_status());
  BuildConfig config;
  config.compile.build.optimization_level = level;
  config.log = log;
  config.compile.profile.inputs["x"] = {{1, kWidth}, {16, kWidth}, {512, kWidth}};
  config.compile.device = {targets[0], 1};
  for (size_t t = 1; t < targets.size(); ++t) config.more_devices.push_back({targets[t], 1});
  MemorySink sink;
  TEMPER_TRY(build_plan(graph, config, sink));
  return std::make_shared<std::vector<std::byte>>(sink.take());
}

struct UserStream {
  UserStream() { stub().find<int(void**, unsigned)>("cuStreamCreate")(&stream, 0); }
  ~UserStream() { stub().find<int(void*)>("cuStreamDestroy_v2")(stream); }
  void begin_capture() const { ASSERT_EQ(stub().find<int(void*, int)>("cuStreamBeginCapture_v2")(stream, 0), 0); }
  long end_capture() const {
    void* graph = nullptr;
    EXPECT_EQ(stub().find<int(void*, void**)>("cuStreamEndCapture")(stream, &graph), 0);
    const long nodes = stub().find<long(void*)>("stub_recorded")(graph);
    stub().find<int(void*)>("cuGraphDestroy")(graph);
    return nodes;
  }
  void* stream = nullptr;
};

class GpuContext : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Status usable = nvrtc_status(90); !usable.ok()) GTEST_SKIP() << usable.error().to_string();
    auto driver = Driver::get();
    ASSERT_TRUE(driver.ok()) << driver.error().to_string();
    static const auto kPlan = build({"sm_90"});  // the tuner opens the device, and holds it to the end
    ASSERT_TRUE(kPlan.ok()) << kPlan.error().to_string();
    stub().reset();
    plan_ = *kPlan;
    // The caller's own context and memory.
    stub().find<int(void**, int)>("cuDevicePrimaryCtxRetain")(&context_, 0);
    stub().find<int(void*)>("cuCtxPushCurrent_v2")(context_);
  }
  void TearDown() override {
    if (!context_) return;
    EXPECT_EQ(stub().number("stub_complaints"), 0);
    void* old = nullptr;
    stub().find<int(void**)>("cuCtxPopCurrent_v2")(&old);
    stub().find<int(int)>("cuDevicePrimaryCtxRelease_v2")(0);
    EXPECT_EQ(stub().number("stub_alive"), 0);
  }
  std::byte* memory(UserStream& stream, size_t bytes) {
    unsigned long long address = 0;
    stub().find<int(unsigned long long*, size_t, void*)>("cuMemAllocAsync")(&address, bytes, stream.stream);
    return reinterpret_cast<std::byte*>(address);
  }
  void free(std::byte* memory) {
    stub().find<int(unsigned long long, void*)>("cuMemFreeAsync")(reinterpret_cast<unsigned long long>(memory), nullptr);
  }
  std::shared_ptr<const Engine> load() {
    auto engine = Engine::load(*plan_, plan_);
    EXPECT_TRUE(engine.ok()) << engine.error().to_string();
    return engine.ok() ? *engine : nullptr;
  }
  static Status enqueue(Context& context, UserStream& stream, std::byte* x, std::byte* y) {
    SerialExecutor executor;
    context.set_address(Context::kInput, 0, x);
    context.set_address(Context::kOutput, 0, y);
    return context.enqueue(stream.stream, executor);
  }
  std::shared_ptr<std::vector<std::byte>> plan_;
  void* context_ = nullptr;
};

constexpr size_t kBytes = 128 * kWidth * 4;

TEST_F(GpuContext, EnqueuesWithoutWaitingOrAllocating) {
  UserStream stream;
  std::byte *x = memory(stream, kBytes), *y = memory(stream, kBytes), *z = memory(stream, kBytes);
  auto engine = load();
  ASSERT_TRUE(engine);
  {
    Context context(engine);
    ASSERT_TRUE(context.set_input_shape(0, {16, kWidth}).ok());
    Status first = enqueue(context, stream, x, y);
    ASSERT_TRUE(first.ok()) << first.error().to_string();
    ASSERT_GE(stub().number("stub_log_size"), 2);
    EXPECT_EQ(stub().argument(0, 0), reinterpret_cast<unsigned long long>(x));
    const long waits = stub().number("stub_waits"), launches = stub().number("stub_launches");
    EXPECT_EQ(stub().number("stub_graphs"), 1);
    const long before = allocations;
    for (int i = 0; i < 1000; ++i) {
      if (!enqueue(context, stream, i % 2 ? z : x, i % 3 ? y : z).ok()) FAIL() << i;
    }
    EXPECT_EQ(allocations - before, 0);
    EXPECT_EQ(stub().number("stub_waits"), waits);
    EXPECT_EQ(stub().number("stub_launches"), launches);
    EXPECT_EQ(stub().number("stub_replays"), 1000);
    EXPECT_EQ(stub().number("stub_graphs"), 1);
    EXPECT_GT(stub().number("stub_rebinds"), 999);
    // The last replay had the addresses of the last call.
    const long last = stub().number("stub_log_size") - 2;
    EXPECT_EQ(stub().argument(last, 0), reinterpret_cast<unsigned long long>(z));
  }
  for (std::byte* p : {x, y, z}) free(p);
}

// Kernels move 16 bytes at once: what the caller binds elsewhere is copied on the device, in the order of the stream.
TEST_F(GpuContext, CopiesWhatIsNotAligned) {
  UserStream stream;
  std::byte *x = memory(stream, kBytes + 16), *y = memory(stream, kBytes + 16);
  auto engine = load();
  ASSERT_TRUE(engine);
  {
    Context context(engine);
    ASSERT_TRUE(context.set_input_shape(0, {16, kWidth}).ok());
    for (int run = 0; run < 2; ++run) {
      const long waits = stub().number("stub_waits");
      Status done = enqueue(context, stream, x + 4, y + 12);
      ASSERT_TRUE(done.ok()) << done.error().to_string();
      EXPECT_TRUE(run == 0 || stub().number("stub_waits") == waits);
    }
    const unsigned long long given = stub().argument(stub().number("stub_log_size") - 2, 0);
    EXPECT_EQ(given % 16, 0U);
    EXPECT_NE(given, 0U);
    EXPECT_NE(given, reinterpret_cast<unsigned long long>(x));
    // Aligned ones are used as they are.
    ASSERT_TRUE(enqueue(context, stream, x, y).ok());
    EXPECT_EQ(stub().argument(stub().number("stub_log_size") - 2, 0), reinterpret_cast<unsigned long long>(x));
  }
  for (std::byte* p : {x, y}) free(p);
}

// A recurrence is launches only, with other addresses in each iteration: nothing is copied or waited for, and all of it is one
// recording that a capture of the caller's takes too.
TEST_F(GpuContext, RecordsLoopsWhoseLengthFollowsFromShapes) {
  const auto samples = all_samples();
  const auto lstm = std::find_if(samples.begin(), samples.end(), [](const SampleName& s) { return s.op->name == "lstm"; });
  ASSERT_NE(lstm, samples.end());
  auto graph = sample_graph(*lstm);
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  BuildConfig config;
  config.compile.build.optimization_level = 0;
  config.compile.device = {"sm_90", 1};
  MemorySink sink;
  Status built = build_plan(*graph, config, sink);
  ASSERT_TRUE(built.ok()) << built.error().to_string();
  plan_ = std::make_shared<std::vector<std::byte>>(sink.take());
  auto engine = load();
  ASSERT_TRUE(engine);
  ASSERT_TRUE(std::any_of(engine->plan().steps.begin(), engine->plan().steps.end(),
                          [](const auto& step) { return step->kind == plan::StepKind::Loop && step->loop->trip_slot != -1; }));
  UserStream stream;
  std::byte* all = memory(stream, 1 << 20);
  {
    Context context(engine);
    for (size_t i = 0; i < engine->plan().inputs.size(); ++i) {
      std::vector<int64_t> dims;
      for (SymInt d : graph->type(graph->inputs()[i]).dims)
        dims.push_back(*evaluate(d, [](SymInt) { return std::optional<int64_t>(16); }));
      ASSERT_TRUE(context.set_input_shape(int(i), dims).ok());
      context.set_address(Context::kInput, int(i), all);
    }
    for (size_t o = 0; o < engine->plan().outputs.size(); ++o) context.set_address(Context::kOutput, int(o), all + (1 << 19));
    SerialExecutor executor;
    Status first = context.enqueue(stream.stream, executor);
    ASSERT_TRUE(first.ok()) << first.error().to_string();
    const long run = stub().number("stub_log_size"), waits = stub().number("stub_waits");
    const long launches = stub().number("stub_launches");
    EXPECT_EQ(stub().number("stub_graphs"), 1);
    const long before = allocations;
    context.set_address(Context::kInput, 0, all + 4096);
    ASSERT_TRUE(context.enqueue(stream.stream, executor).ok());
    EXPECT_EQ(allocations - before, 0);
    EXPECT_EQ(stub().number("stub_waits"), waits);
    EXPECT_EQ(stub().number("stub_launches"), launches);
    EXPECT_EQ(stub().number("stub_replays"), 1);
    EXPECT_EQ(stub().number("stub_log_size"), 2 * run);
    stream.begin_capture();
    ASSERT_TRUE(context.enqueue(stream.stream, executor).ok());
    EXPECT_EQ(stream.end_capture(), run);
  }
  free(all);
}

TEST_F(GpuContext, GoesIntoACaptureOfTheCaller) {
  UserStream stream;
  std::byte *x = memory(stream, kBytes), *y = memory(stream, kBytes);
  auto engine = load();
  ASSERT_TRUE(engine);
  {
    Context context(engine);
    ASSERT_TRUE(context.set_input_shape(0, {16, kWidth}).ok());
    stream.begin_capture();
    Status early = enqueue(context, stream, x, y);
    ASSERT_FALSE(early.ok());
    EXPECT_NE(early.error().message().find("before the capture"), std::string::npos) << early.error().to_string();
    EXPECT_EQ(stream.end_capture(), 0);
    ASSERT_TRUE(enqueue(context, stream, x, y).ok());
    const long run = stub().number("stub_log_size");
    stream.begin_capture();
    Status captured = enqueue(context, stream, y, x);
    ASSERT_TRUE(captured.ok()) << captured.error().to_string();
    EXPECT_EQ(stream.end_capture(), run);
    EXPECT_EQ(stub().number("stub_log_size"), run);  // it has not run
    // A larger shape leaves the memory that the caller's graph uses as it is.
    const long alive = stub().number("stub_bytes");
    ASSERT_TRUE(context.set_input_shape(0, {128, kWidth}).ok());
    ASSERT_TRUE(enqueue(context, stream, x, y).ok());
    EXPECT_GT(stub().number("stub_bytes"), alive);
    // And what was recorded before the walk into the capture gets the addresses of now.
    ASSERT_TRUE(context.set_input_shape(0, {16, kWidth}).ok());
    ASSERT_TRUE(enqueue(context, stream, x, y).ok());
    EXPECT_EQ(stub().argument(stub().number("stub_log_size") - run, 0), reinterpret_cast<unsigned long long>(x));
  }
  free(x);
  free(y);
}

TEST_F(GpuContext, KeepsABoundedNumberOfShapes) {
  UserStream stream;
  std::byte *x = memory(stream, 400 * kWidth * 4), *y = memory(stream, 400 * kWidth * 4);
  auto engine = load();
  ASSERT_TRUE(engine);
  {
    Context context(engine);
    const auto all = [&](int64_t shapes) {
      for (int64_t n = 1; n <= shapes; ++n) {
        ASSERT_TRUE(context.set_input_shape(0, {n, kWidth}).ok());
        Status ran = enqueue(context, stream, x, y);
        ASSERT_TRUE(ran.ok()) << ran.error().to_string();
      }
    };
    all(100);
    EXPECT_EQ(stub().number("stub_graphs"), 100);
    const long launches = stub().number("stub_launches");
    all(100);
    EXPECT_EQ(stub().number("stub_launches"), launches);  // all replayed
    all(400);
    EXPECT_LE(stub().number("stub_graphs"), 129);
  }
  free(x);
  free(y);
}

TEST_F(GpuContext, UsesMemoryThatItIsGiven) {
  UserStream stream;
  std::byte *x = memory(stream, kBytes), *y = memory(stream, kBytes);
  auto engine = load();
  ASSERT_TRUE(engine);
  {
    Context context(engine);
    ASSERT_TRUE(context.set_input_shape(0, {16, kWidth}).ok());
    auto needed = context.memory_needed(1);
    ASSERT_TRUE(needed.ok()) << needed.error().to_string();
    ASSERT_GE(*needed, 16 * kWidth * 4);
    std::byte* given = memory(stream, size_t(*needed));
    const long bytes = stub().number("stub_bytes");
    context.set_memory(given, *needed);
    ASSERT_TRUE(enqueue(context, stream, x, y).ok());
    ASSERT_TRUE(enqueue(context, stream, x, y).ok());
    EXPECT_EQ(stub().number("stub_bytes"), bytes);
    context.set_memory(given, *needed - 1);
    Status refused = enqueue(context, stream, x, y);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(refused.error().message().find(std::to_string(*needed)), std::string::npos) << refused.error().message();
    free(given);
  }
  free(x);
  free(y);
}

TEST_F(GpuContext, UploadsTheWeightsOfItsTargetOnly) {
  auto both = build({"sm_90", this_device(1).target});
  ASSERT_TRUE(both.ok()) << both.error().to_string();
  const long before = stub().number("stub_bytes");
  auto one = load();
  const long alone = stub().number("stub_bytes") - before;
  plan_ = *both;
  auto two = load();
  ASSERT_TRUE(one && two);
  EXPECT_GE(alone, kWidth * kWidth * 4);
  EXPECT_EQ(stub().number("stub_bytes") - before, 2 * alone);
}

TEST_F(GpuContext, SaysThatKernelsWereCompiledForThisDevice) {
  EXPECT_TRUE(load()->backend().remarks().empty());
  auto older = build({"sm_80"});
  ASSERT_TRUE(older.ok()) << older.error().to_string();
  plan_ = *older;
  auto engine = load();
  ASSERT_TRUE(engine);
  const auto remarks = engine->backend().remarks();
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_NE(remarks[0].find("sm_90"), std::string::npos) << remarks[0];
  EXPECT_NE(remarks[0].find("compiled when it was loaded"), std::string::npos) << remarks[0];
}

TEST_F(GpuContext, ContextsShareAnEngine) {
  UserStream first_stream, second_stream;
  std::byte *x = memory(first_stream, kBytes), *y = memory(first_stream, kBytes);
  auto engine = load();
  ASSERT_TRUE(engine);
  {
    Context first(engine), second(engine);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(first.set_input_shape(0, {16, kWidth}).ok());
      ASSERT_TRUE(second.set_input_shape(0, {32, kWidth}).ok());
      ASSERT_TRUE(enqueue(first, first_stream, x, y).ok());
      ASSERT_TRUE(enqueue(second, second_stream, x, y).ok());
      ASSERT_TRUE(enqueue(first, second_stream, x, y).ok());
    }
    EXPECT_EQ(stub().number("stub_graphs"), 2);
  }
  free(x);
  free(y);
}

TEST_F(GpuContext, EveryCallOfLoadAndRunMayFail) {
  UserStream stream;
  std::byte *x = memory(stream, kBytes), *y = memory(stream, kBytes);
  auto bystander_engine = load();
  ASSERT_TRUE(bystander_engine);
  auto bystander = std::make_unique<Context>(bystander_engine);
  ASSERT_TRUE(bystander->set_input_shape(0, {16, kWidth}).ok());
  ASSERT_TRUE(enqueue(*bystander, stream, x, y).ok());
  std::vector<std::byte> host(kBytes);
  const auto all = [&]() -> Status {
    auto engine = TEMPER_TRY(Engine::load(*plan_, plan_));
    Context context(engine);
    SerialExecutor executor;
    for (int64_t n : {16, 32, 16}) {
      TEMPER_TRY(context.set_input_shape(0, {n, kWidth}));
      TEMPER_TRY(enqueue(context, stream, x, y));
      TEMPER_TRY(enqueue(context, stream, y, x));
      context.set_address(Context::kOutput, 0, host.data());
      TEMPER_TRY(context.run(executor));
    }
    return {};
  };
  stub().fail(-1, 0);
  ASSERT_TRUE(all().ok());
  const long calls = stub().number("stub_calls"), alive = stub().number("stub_alive");
  for (int code : injected_codes()) {
    int failed = 0;
    for (long call = 0; call < calls; ++call) {
      stub().fail(call, code);
      Status ran = all();
      stub().fail(-1, 0);
      ASSERT_EQ(stub().number("stub_alive"), alive) << "call " << call << " with " << code;
      failed += !ran.ok();
      if (!ran.ok() && ran.error().code() != ErrorCode::kOutOfMemory) {
        EXPECT_EQ(ran.error().code(), expected_code(code)) << "call " << call << ": " << ran.error().to_string();
      }
      Status other = enqueue(*bystander, stream, x, y);
      ASSERT_TRUE(other.ok()) << "call " << call << ": " << other.error().to_string();
    }
    EXPECT_GT(failed, calls / 2) << code;
  }
  bystander.reset();
  free(x);
  free(y);
}

// A build that measures on the device. The stub's kernels write nothing, so that every output is found wrong; there is an
// answer all the same, and it says so.
TEST_F(GpuContext, EveryCallOfATunedBuildMayFail) {
  struct Log final : LogSink {
    void log(Severity, std::string_view text) noexcept override { said.append(text).append("\n"); }
    std::string said;
  } log;
  ASSERT_TRUE(build({"sm_90"}, 2, &log).ok());
  EXPECT_NE(log.said.find("left out"), std::string::npos) << log.said;
  stub().fail(-1, 0);
  ASSERT_TRUE(build({"sm_90"}, 2, &log).ok());
  const long calls = stub().number("stub_calls"), alive = stub().number("stub_alive");
  ASSERT_GT(calls, 20);
  for (int code : injected_codes()) {
    for (long call = 0; call < calls; ++call) {
      stub().fail(call, code);
      auto built = build({"sm_90"}, 2, &log);
      stub().fail(-1, 0);
      ASSERT_EQ(stub().number("stub_alive"), alive) << "call " << call << " with " << code;
      if (!built.ok() && built.error().code() != ErrorCode::kOutOfMemory) {
        EXPECT_EQ(built.error().code(), expected_code(code)) << "call " << call << ": " << built.error().to_string();
      }
    }
  }
}

}  // namespace
}  // namespace temper::cuda
