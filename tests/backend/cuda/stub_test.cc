// The device layer against a stub of the driver: versions, absent devices, and every call that fails in turn, while a kernel is
// loaded and run by a queue. Each failure is an error, nothing leaks, and no call is given what the driver would refuse.
#include "tests/backend/cuda/stub.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "backend/cuda/run/gpu_backend.h"
#include "backend/cuda/run/program.h"

namespace temper::cuda {
namespace {

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
  const Backend::Part used[] = {{0, 100}};
  auto placed = TEMPER_TRY(backend->place_weights(weights, used, nullptr));
  auto kernel = TEMPER_TRY(backend->decode(kKernelName, kernel_blob()));
  auto queue = TEMPER_TRY(backend->make_queue());
  TEMPER_TRY(queue->direct_to(std::nullopt));
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
  std::byte *buffers[] = {const_cast<std::byte*>(placed.addresses[0]), output.data}, *others[] = {output.data, output.data};
  SerialExecutor executor;
  TEMPER_TRY(queue->run(*launch, buffers, workspace.data, executor));
  TEMPER_TRY(queue->begin_recording());
  Status noted = queue->run(*launch, buffers, workspace.data, executor);
  auto recording = queue->end_recording();
  if (!noted.ok()) return noted;
  if (!recording.ok()) return std::move(recording).error();
  TEMPER_TRY((*recording)->replay());
  TEMPER_TRY((*recording)->rebind(0, others, workspace.data));
  TEMPER_TRY((*recording)->replay());
  TEMPER_TRY(queue->copy(output.data, placed.addresses[0], 100));
  std::vector<std::byte> back(100);
  TEMPER_TRY(queue->read(back.data(), output.data, 100));
  if (std::memcmp(back.data(), weights.data(), 100) != 0) return Error(ErrorCode::kInternal, "other bytes came back");
  return queue->finish();
}

TEST(StubDriver, LoadsAndRuns) {
  stub().reset();
  auto driver = open_stub();
  ASSERT_TRUE(driver.ok()) << driver.error().to_string();
  Status ran = load_and_run(**driver);
  ASSERT_TRUE(ran.ok()) << ran.error().to_string();
  EXPECT_EQ(stub().number("stub_launches"), 4);
  EXPECT_EQ(stub().number("stub_replays"), 2);
  EXPECT_EQ(stub().number("stub_rebinds"), 2);
  EXPECT_EQ(stub().number("stub_log_size"), 6);
  EXPECT_NE(stub().argument(0, 0), stub().argument(4, 0));
  EXPECT_EQ(stub().argument(4, 0), stub().argument(4, 1));
  EXPECT_EQ(stub().number("stub_complaints"), 0);
  EXPECT_EQ(stub().number("stub_alive"), 0);
}

TEST(StubDriver, EveryCallMayFail) {
  for (int code : injected_codes()) {
    stub().reset();
    auto driver = open_stub();
    ASSERT_TRUE(driver.ok());
    stub().fail(-1, 0);
    ASSERT_TRUE(load_and_run(**driver).ok());
    const long calls = stub().number("stub_calls");
    ASSERT_GT(calls, 20);
    int failed = 0;
    for (long call = 0; call < calls; ++call) {
      stub().reset();
      stub().fail(call, code);
      Status ran = load_and_run(**driver);
      EXPECT_EQ(stub().number("stub_alive"), 0) << "call " << call << " with " << code;
      failed += !ran.ok();
      // An allocation has no reason but one.
      if (!ran.ok() && ran.error().code() != ErrorCode::kOutOfMemory) {
        EXPECT_EQ(ran.error().code(), expected_code(code)) << "call " << call << ": " << ran.error().to_string();
      }
    }
    // What is released at the end may fail unseen; everything else is an error.
    EXPECT_GT(failed, calls * 2 / 3) << code;
  }
}

TEST(StubDriver, ErrorsNameCauseAndCure) {
  stub().reset();
  auto driver = open_stub();
  ASSERT_TRUE(driver.ok());
  for (auto [code, kind, cure] : {std::tuple(2, ErrorCode::kOutOfMemory, "too little free memory"),
                                  {35, ErrorCode::kIncompatible, "install a newer NVIDIA driver"},
                                  {100, ErrorCode::kNotFound, "CUDA_VISIBLE_DEVICES"},
                                  {209, ErrorCode::kIncompatible, "compiled anew"},
                                  {700, ErrorCode::kDeviceLost, "restart"},
                                  {719, ErrorCode::kDeviceLost, "restart"},
                                  {900, ErrorCode::kInvalidArgument, "before the capture"}}) {
    const Status status = (*driver)->check(code, "cuSomething");
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), kind) << code;
    EXPECT_NE(status.error().message().find(cure), std::string::npos) << status.error().message();
    EXPECT_NE(status.error().message().find("cuSomething"), std::string::npos);
  }
}

TEST(StubDriver, ADeviceThatIsNotThere) {
  stub().reset(13000, 2);
  auto driver = open_stub();
  ASSERT_TRUE(driver.ok());
  auto third = GpuDevice::open(**driver, 2);
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(third.error().message().find("has 2"), std::string::npos) << third.error().message();
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

std::vector<int> injected_codes() {
  if (!std::getenv("TEMPER_FULL")) return {1, 2, 700};
  return {1, 2, 34, 46, 100, 101, 200, 209, 214, 218, 222, 400, 700, 702, 715, 719, 801, 803, 900, 999};
}

ErrorCode expected_code(int injected) {
  switch (injected) {
    case 1:
    case 900:
      return ErrorCode::kInvalidArgument;
    case 2:
      return ErrorCode::kOutOfMemory;
    case 34:
    case 200:
    case 209:
    case 218:
    case 222:
    case 803:
      return ErrorCode::kIncompatible;
    case 100:
    case 101:
      return ErrorCode::kNotFound;
    case 214:
    case 700:
    case 702:
    case 715:
    case 719:
      return ErrorCode::kDeviceLost;
    case 801:
      return ErrorCode::kUnsupported;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace temper::cuda
