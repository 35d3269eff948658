#include "api/runtime.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "api/engine.h"
#include "api/plugin.h"
#include "base/mapped_file.h"

namespace temper::api {
namespace {

constexpr int kNewestLevel = 11;
std::atomic<nvinfer1::ILogger*> first_logger{nullptr};

}  // namespace

bool may_make(void* logger, int32_t version) noexcept {
  const Reporter reporter(static_cast<nvinfer1::ILogger*>(logger));
  if (!logger) {
    reporter.report(ErrorCode::kInvalidArgument, "an ILogger must be given");
    return false;
  }
  if (api_level(version) > kNewestLevel) {
    reporter.report(
        ErrorCode::kIncompatible,
        "the program was compiled for a newer API than this library has; compile it with the headers of this library");
    return false;
  }
  nvinfer1::ILogger* none = nullptr;
  first_logger.compare_exchange_strong(none, reporter.logger());
  return true;
}

Expected<nvinfer1::ICudaEngine*> load_engine(const Reporter& reporter, PageMemory plan, int cpu_threads) {
  auto owner = std::make_shared<const PageMemory>(std::move(plan));
  auto engine = TEMPER_TRY(Engine::load(owner->bytes(), owner, load_plugin));
  for (const std::string& remark : engine->remarks()) reporter.warn(remark);
  return new EngineView(reporter, std::move(engine), cpu_threads);
}

Expected<std::shared_ptr<const Engine>> map_engine(const std::string& path, const PluginLoader& plugins) {
  auto file = std::make_shared<const MappedFile>(TEMPER_TRY(MappedFile::open(path)));
  file->will_need();
  auto engine = Engine::load(file, plugins);
  if (!engine.ok() && engine.error().code() != ErrorCode::kIo) return std::move(engine).error().at(path);
  return engine;
}

nvinfer1::ICudaEngine* Runtime::load_file(char const* path) noexcept {
  return guarded<nvinfer1::ICudaEngine*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ICudaEngine*> {
    if (!path) return invalid("loadPlan was given no path");
    auto engine = TEMPER_TRY(map_engine(path, load_plugin));
    for (const std::string& remark : engine->remarks()) reporter_.warn(remark);
    return new EngineView(reporter_, std::move(engine), cpu_threads_);
  });
}

nvinfer1::ICudaEngine* Runtime::deserializeCudaEngine(void const* blob, std::size_t size) noexcept {
  return guarded<nvinfer1::ICudaEngine*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ICudaEngine*> {
    if (!blob) return invalid("deserializeCudaEngine was given no bytes");
    PageMemory copy;
    TEMPER_TRY(copy.resize(size));
    if (size > 0) std::memcpy(copy.data(), blob, size);
    return load_engine(reporter_, std::move(copy), cpu_threads_);
  });
}

// `read` takes a place and a number of bytes, and returns how many it wrote there.
template <class Read>
nvinfer1::ICudaEngine* Runtime::load_stream(Read read) noexcept {
  return guarded<nvinfer1::ICudaEngine*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ICudaEngine*> {
    constexpr int64_t kPiece = int64_t(4) << 20;
    PageMemory plan;
    while (true) {
      const size_t at = plan.size();
      TEMPER_TRY(plan.resize(at + kPiece));
      const int64_t got = read(plan.data() + at, kPiece);
      if (got < 0 || got > kPiece)
        return Error(ErrorCode::kIo, "the stream reader failed after " + std::to_string(at) + " bytes of the plan");
      TEMPER_TRY(plan.resize(at + static_cast<size_t>(got)));
      if (got < kPiece) return load_engine(reporter_, std::move(plan), cpu_threads_);
    }
  });
}

nvinfer1::ICudaEngine* Runtime::deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept {
  return load_stream([&](void* to, int64_t bytes) { return reader.read(to, bytes); });
}

nvinfer1::ICudaEngine* Runtime::deserializeCudaEngine(nvinfer1::IStreamReaderV2& reader) noexcept {
  return load_stream([&](void* to, int64_t bytes) { return reader.read(to, bytes, nullptr); });
}

bool Runtime::setMaxThreads(int32_t count) noexcept {
  if (count < 1) {
    reporter_.report(ErrorCode::kInvalidArgument, "the number of threads is at least 1");
    return false;
  }
  max_threads_ = count;
  return true;
}

bool Runtime::set_cpu_threads(int threads) noexcept {
  if (threads < 0 || threads > 1024) {
    reporter_.report(ErrorCode::kInvalidArgument, "the number of threads is from 1 to 1024, or 0 for that of the machine");
    return false;
  }
  cpu_threads_ = threads;
  return true;
}

void Runtime::setTemporaryDirectory(char const* path) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    temporary_directory_ = path ? std::optional<std::string>(path) : std::nullopt;
    return true;
  });
}
char const* Runtime::getTemporaryDirectory() const noexcept {
  return temporary_directory_ ? temporary_directory_->c_str() : nullptr;
}

nvinfer1::IRuntime* Runtime::loadRuntime(char const* path) noexcept {
  return guarded<nvinfer1::IRuntime*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IRuntime*> {
    return Error(ErrorCode::kUnsupported, "plans hold no runtime of another version, so '" + std::string(path ? path : "") +
                                              "' is not loaded; this runtime loads every plan that it can run");
  });
}

}  // namespace temper::api

void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept {
  return temper::api::make_for_program<nvinfer1::IRuntime, temper::api::Runtime>(logger, version);
}
int32_t getInferLibVersion() noexcept { return NV_TENSORRT_VERSION; }
int32_t getInferLibMajorVersion() noexcept { return NV_TENSORRT_MAJOR; }
int32_t getInferLibMinorVersion() noexcept { return NV_TENSORRT_MINOR; }
int32_t getInferLibPatchVersion() noexcept { return NV_TENSORRT_PATCH; }
int32_t getInferLibBuildVersion() noexcept { return NV_TENSORRT_BUILD; }
void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t version) noexcept {
  using namespace temper::api;
  if (!may_make(logger, version)) return nullptr;
  Reporter(static_cast<nvinfer1::ILogger*>(logger))
      .report(temper::ErrorCode::kUnsupported, "plans can't be refitted; build the network again with the new weights");
  return nullptr;
}
nvinfer1::ILogger* getLogger() noexcept { return temper::api::first_logger.load(); }
