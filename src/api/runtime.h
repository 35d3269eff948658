// Runtime: loads plans; and what the factories share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/page_memory.h"
#include "api/reporter.h"
#include "runtime/engine.h"

namespace temper::api {

class Runtime final : public nvinfer1::IRuntime {
 public:
  Runtime(nvinfer1::ILogger* logger, int /*api_level*/) : reporter_(logger) {}

  nvinfer1::ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept override;
  nvinfer1::ICudaEngine* deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept override;
  nvinfer1::ICudaEngine* deserializeCudaEngine(nvinfer1::IStreamReaderV2& reader) noexcept override;
  // There is no DLA, and plans hold no libraries: what is set is kept, and nothing reads it.
  void setDLACore(int32_t core) noexcept override { dla_core_ = core; }
  int32_t getDLACore() const noexcept override { return dla_core_; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void setTemporaryDirectory(char const* path) noexcept override;
  char const* getTemporaryDirectory() const noexcept override;
  void setTempfileControlFlags(nvinfer1::TempfileControlFlags flags) noexcept override { tempfile_flags_ = flags; }
  nvinfer1::TempfileControlFlags getTempfileControlFlags() const noexcept override { return tempfile_flags_; }
  nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override { return *::getPluginRegistry(); }
  nvinfer1::IRuntime* loadRuntime(char const* path) noexcept override;
  void setGpuAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override {}
  bool setMaxThreads(int32_t count) noexcept override;
  int32_t getMaxThreads() const noexcept override { return max_threads_; }
  void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code_allowed_ = allowed; }
  bool getEngineHostCodeAllowed() const noexcept override { return host_code_allowed_; }
  nvinfer1::ILogger* getLogger() const noexcept override { return reporter_.logger(); }
  TEMPER_API_RECORDER(reporter_)

  // A plan file, mapped.
  nvinfer1::ICudaEngine* load_file(char const* path) noexcept;
  bool set_cpu_threads(int threads) noexcept;
  int cpu_threads() const { return cpu_threads_; }

 private:
  template <class Read>
  nvinfer1::ICudaEngine* load_stream(Read read) noexcept;

  Reporter reporter_;
  int32_t max_threads_ = 1;
  bool host_code_allowed_ = false;
  int cpu_threads_ = 0;
  int32_t dla_core_ = 0;
  std::optional<std::string> temporary_directory_;
  nvinfer1::TempfileControlFlags tempfile_flags_ = 3;
};

Expected<nvinfer1::ICudaEngine*> load_engine(const Reporter& reporter, PageMemory plan, int cpu_threads);
// The engine of a mapped file. The file must not change while it is read.
Expected<std::shared_ptr<const Engine>> map_engine(const std::string& path, const PluginLoader& plugins);

// What every factory does: checks the version that the program was compiled for and remembers the process's first logger.
bool may_make(void* logger, int32_t version) noexcept;
// 8, 10 or 11; level 8 numbers its versions on another scale (8601 is 8.6.1).
inline int api_level(int32_t version) { return version < 10000 ? version / 1000 : version / 10000; }
template <class Interface, class Made>
void* make_for_program(void* logger, int32_t version) noexcept {
  if (!may_make(logger, version)) return nullptr;
  auto* to = static_cast<nvinfer1::ILogger*>(logger);
  return guarded<Interface*>(Reporter(to), nullptr, [&]() -> Expected<Interface*> { return new Made(to, api_level(version)); });
}

}  // namespace temper::api
