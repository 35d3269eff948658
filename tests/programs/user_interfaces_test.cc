// The interfaces of the API as programs of TensorRT 8.6 and 10 implement them: with and without noexcept, with the methods of
// their version. That this file compiles is most of the test.
#include <gtest/gtest.h>

#include <type_traits>

#include "NvInfer.h"
#include "NvOnnxParser.h"

namespace nvinfer1 {
class ILogger;  // programs declare classes of the library ahead
class IGpuAllocator;
}  // namespace nvinfer1

namespace {

using namespace nvinfer1;

class LoudLogger : public ILogger {
 public:
  void log(Severity severity, AsciiChar const* msg) noexcept override {}
};
class PlainLogger : public ILogger {
 public:
  void log(Severity severity, char const* msg) override {}
};

class AllocatorOf8 : public IGpuAllocator {
 public:
  void* allocate(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags) noexcept override { return this; }
  void free(void* const memory) noexcept override { freed = memory; }
  void* freed = nullptr;
};
class AllocatorOf10 : public IGpuAllocator {
 public:
  void* allocate(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags) noexcept override { return this; }
  bool deallocate(void* const memory) noexcept override { return memory == this; }
  void* allocateAsync(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags,
                      cudaStream_t) noexcept override {
    return nullptr;
  }
};

class OutputOf8 : public IOutputAllocator {
 public:
  int32_t getInterfaceVersion() const noexcept override { return 1; }
  void* reallocateOutput(char const* name, void* current, uint64_t size, uint64_t alignment) noexcept override { return this; }
  void notifyShape(char const* name, Dims const& dims) noexcept override {}
};
class OutputOf10 : public IOutputAllocator {
 public:
  void* reallocateOutputAsync(char const* name, void* current, uint64_t size, uint64_t alignment, cudaStream_t) override {
    return this;
  }
  void notifyShape(char const* name, Dims const& dims) noexcept override {}
};

class Monitor : public IProgressMonitor {
 public:
  void phaseStart(char const* name, char const* parent, int32_t steps) noexcept override {}
  bool stepComplete(char const* name, int32_t step) noexcept override { return true; }
  void phaseFinish(char const* name) noexcept override {}
};

class Reader : public IStreamReader {
 public:
  int64_t read(void* destination, int64_t bytes) override { return 0; }
};
class ReaderV2 : public IStreamReaderV2 {
 public:
  int64_t read(void* destination, int64_t bytes, cudaStream_t) noexcept override { return 0; }
  bool seek(int64_t offset, SeekPosition where) noexcept override { return true; }
};

class Recorder : public IErrorRecorder {
 public:
  int32_t getNbErrors() const noexcept override { return 0; }
  ErrorCode getErrorCode(int32_t index) const noexcept override { return ErrorCode::kSUCCESS; }
  ErrorDesc getErrorDesc(int32_t index) const noexcept override { return ""; }
  bool hasOverflowed() const noexcept override { return false; }
  void clear() noexcept override {}
  bool reportError(ErrorCode code, ErrorDesc text) noexcept override { return false; }
  RefCount incRefCount() noexcept override { return 1; }
  RefCount decRefCount() noexcept override { return 0; }
};

TEST(UserInterfaces, AllocatorsOfEveryVersionAreFreed) {
  AllocatorOf8 eight;
  EXPECT_TRUE(eight.deallocate(&eight));
  EXPECT_EQ(eight.freed, &eight);
  EXPECT_EQ(static_cast<IGpuAllocator&>(eight).allocateAsync(1, 1, 0, nullptr), &eight);
  AllocatorOf10 ten;
  EXPECT_TRUE(static_cast<IGpuAllocator&>(ten).deallocateAsync(&ten, nullptr));
}

TEST(UserInterfaces, OutputAllocatorsOfEveryVersionAreAsked) {
  OutputOf8 eight;
  EXPECT_EQ(static_cast<IOutputAllocator&>(eight).reallocateOutputAsync("y", nullptr, 1, 1, nullptr), &eight);
  OutputOf10 ten;
  EXPECT_EQ(static_cast<IOutputAllocator&>(ten).reallocateOutputAsync("y", nullptr, 1, 1, nullptr), &ten);
}

TEST(UserInterfaces, NameTheirKind) {
  LoudLogger loud;
  PlainLogger plain;
  Monitor monitor;
  Reader reader;
  ReaderV2 reader_v2;
  Recorder recorder;
  EXPECT_STREQ(loud.getInterfaceInfo().kind, "ILogger");
  EXPECT_STREQ(plain.getInterfaceInfo().kind, "ILogger");
  EXPECT_STREQ(monitor.getInterfaceInfo().kind, "IProgressMonitor");
  EXPECT_STREQ(reader.getInterfaceInfo().kind, "IStreamReader");
  EXPECT_STREQ(reader_v2.getInterfaceInfo().kind, "IStreamReaderV2");
  EXPECT_STREQ(recorder.getInterfaceInfo().kind, "IErrorRecorder");
  EXPECT_EQ(loud.getAPILanguage(), APILanguage::kCPP);
}

TEST(Headers, VersionsAndDims) {
#if NV_TENSORRT_VERSION < 100000 || NV_TENSORRT_MAJOR != 10
#error "the version must be usable by the preprocessor"
#endif
  static_assert(NV_TENSORRT_VERSION == 101600);
  static_assert(std::is_same_v<v_1_0::IGpuAllocator, IGpuAllocator>);
  static_assert(EnumMax<DataType>() == 12 && EnumMax<BuilderFlag>() == 31);
  static_assert(nvonnxparser::EnumMax<nvonnxparser::ErrorCode>() == 15);
  const Dims4 dims{1, 3, 224, 225};
  EXPECT_EQ(dims.nbDims, 4);
  EXPECT_EQ(dims.d[3], 225);
  EXPECT_EQ(dims.d[4], 0);
  DimsHW window{2, 3};
  window.h() = 5;
  EXPECT_EQ(static_cast<Dims&>(window).d[0], 5);
}

}  // namespace
