// The device layer against a stub of the driver: versions, absent devices, and every call that fails in turn, while a kernel is
// loaded and run by a queue. Each failure is an error, nothing leaks, and no call is given what the driver would refuse.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstring>

#include "backend/cuda/run/gpu_backend.h"
#include "backend/cuda/run/program.h"

namespace temper::cuda {
namespace {

struct Stub {
  void* library = dlopen(TEMPER_STUB_DRIVER, RTLD_NOW);
  template <class F>
  F* find(const char* name) const {
    return reinterpret_cast<F*>(dlsym(library, name));
  }
  void reset(int version, int devices) const { find<void(int, int)>("stub_reset")(version, devices); }
  void fail(long call, int code) const { find<void(long, int)>("stub_fail")(call, code); }
  long number(const char* name) const { return find<long()>(name)(); }
};
const Stub& stub() {
  static const Stub kStub;
  return kStub;
}

Expected<std::unique_ptr<Driver>> open_stub() { return Driver::open(std::vector<std::string>{TEMPER_STUB_DRIVER}); }

std::vector<std::byte> kernel_blob() {
  KernelProgram program{.source = "-",
                        .buffers = 2,
                        .numbers = 2,
                        .temporaries = {0},
                        .entries = {{"one", 256, 1, 0}, {"two", 64, 1, 64 << 10}},
                        .architecture = 90};
  program.code.resize(16);
  ByteWriter out;
  encode(program, out);
  return out.take();
}

// All that a context does with a backend.
Status load_and_run(Driver& driver) {
  auto backend = make_gpu_backend(TEMPER_TRY(GpuDevice::open(driver, 0)));
  const std::vector<std::byte> weights(100, std::byte{7});
  auto placed = TEMPER_TRY(backend->place_weights(weights, nullptr));
  auto kernel = TEMPER_TRY(backend->decode(kKernelName, kernel_blob()));
  auto queue = TEMPER_TRY(backend->make_queue());
  const int64_t numbers[] = {1000, 3}, bytes[] = {100, 100};
  auto launch = TEMPER_TRY(queue->prepare(*kernel, numbers, bytes));
  struct Memory {
    Queue& queue;
    std::byte* data;
    ~Memory() {
      if (data) queue.release(data);
    }
  } output{*queue, queue->allocate(100)}, workspace{*queue, queue->allocate(launch->workspace_bytes(1))};
  if (!output.data || !workspace.data) return Error(ErrorCode::kOutOfMemory, "no memory");
  std::byte* buffers[] = {const_cast<std::byte*>(placed.get()), output.data};
  SerialExecutor executor;
  TEMPER_TRY(queue->run(*launch, buffers, workspace.data, executor));
  TEMPER_TRY(queue->begin_recording());
  Status noted = queue->run(*launch, buffers, workspace.data, executor);
  TEMPER_TRY(queue->end_recording());
  if (!noted.ok()) return noted;
  TEMPER_TRY(queue->replay());
  TEMPER_TRY(queue->copy(output.data, placed.get(), 100));
  std::vector<std::byte> back(100);
  TEMPER_TRY(queue->read(back.data(), output.data, 100));
  if (std::memcmp(back.data(), weights.data(), 100) != 0) return Error(ErrorCode::kInternal, "other bytes came back");
  return queue->finish();
}

TEST(StubDriver, LoadsAndRuns) {
  stub().reset(13000, 1);
  auto driver = open_stub();
  ASSERT_TRUE(driver.ok()) << driver.error().to_string();
  Status ran = load_and_run(**driver);
  ASSERT_TRUE(ran.ok()) << ran.error().to_string();
  EXPECT_EQ(stub().number("stub_launches"), 4);
  EXPECT_EQ(stub().number("stub_replays"), 1);
  EXPECT_EQ(stub().number("stub_complaints"), 0);
  EXPECT_EQ(stub().number("stub_alive"), 0);
}

TEST(StubDriver, EveryCallMayFail) {
  for (int code : {2, 700, 999}) {
    stub().reset(13000, 1);
    auto driver = open_stub();
    ASSERT_TRUE(driver.ok());
    stub().fail(-1, 0);
    ASSERT_TRUE(load_and_run(**driver).ok());
    const long calls = stub().number("stub_calls");
    ASSERT_GT(calls, 20);
    int failed = 0;
    for (long call = 0; call < calls; ++call) {
      stub().reset(13000, 1);
      stub().fail(call, code);
      Status ran = load_and_run(**driver);
      failed += !ran.ok();
      if (ran.ok() || code != 2) continue;
      EXPECT_EQ(ran.error().code(), ErrorCode::kOutOfMemory) << "call " << call << ": " << ran.error().to_string();
    }
    // What is released at the end may fail unseen; everything else is an error.
    EXPECT_GT(failed, calls * 2 / 3);
  }
}

TEST(StubDriver, OldDriverAndNoDevice) {
  stub().reset(11080, 1);
  auto old = open_stub();
  ASSERT_FALSE(old.ok());
  EXPECT_EQ(old.error().code(), ErrorCode::kIncompatible);
  EXPECT_NE(old.error().message().find("11.8"), std::string::npos) << old.error().message();
  stub().reset(13000, 0);
  auto driver = open_stub();
  ASSERT_TRUE(driver.ok());
  auto none = GpuDevice::open(**driver, 0);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
}

TEST(Driver, AbsenceIsAReason) {
  auto driver = Driver::open(std::vector<std::string>{"libno_such_cuda.so.1"});
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(driver.error().message().find("NVIDIA driver"), std::string::npos);
}

TEST(KernelProgram, ShortAndWrongBytesAreErrors) {
  const std::vector<std::byte> blob = kernel_blob();
  for (size_t size = 0; size < blob.size(); ++size) {
    ByteReader reader(std::span<const std::byte>(blob).first(size));
    EXPECT_FALSE(decode_program(reader).ok()) << size;
  }
  for (size_t at = 0; at < blob.size(); ++at) {
    std::vector<std::byte> bad = blob;
    bad[at] ^= std::byte{0xff};
    ByteReader reader(bad);
    auto program = decode_program(reader);
    if (!program.ok()) continue;
    for (const auto& entry : program->entries)
      EXPECT_TRUE(entry.blocks >= 0 && entry.blocks < program->numbers && entry.threads <= 1024);
  }
}

}  // namespace
}  // namespace temper::cuda
