// Loading and running plans.
//
//   Logger logger;
//   std::unique_ptr<nvinfer1::IRuntime> runtime{nvinfer1::createInferRuntime(logger)};
//   std::unique_ptr<nvinfer1::ICudaEngine> engine{runtime->deserializeCudaEngine(bytes.data(), bytes.size())};
//
// temper::loadPlan (temper/temper.h) maps a plan file instead of copying it. What an engine offers: temper/api/engine.h.
#pragma once

#include "NvInferRuntimeCommon.h"
#include "temper/api/callbacks.h"
#include "temper/api/engine.h"
#include "temper/api/types.h"

namespace nvinfer1 {

// The shapes to expect and to be fast for. Made by a builder, which owns it; handed to IBuilderConfig::addOptimizationProfile.
// Every input with a -1 extent needs all three shapes; each extent must satisfy kMIN <= kOPT <= kMAX.
class IOptimizationProfile : public INoCopy {
 public:
  // false when the shapes contradict: wrong rank, negative extents, kMIN > kMAX.
  virtual bool setDimensions(char const* inputName, OptProfileSelector select, Dims const& dims) noexcept = 0;
  // nbDims = -1 when it was not set.
  virtual Dims getDimensions(char const* inputName, OptProfileSelector select) const noexcept = 0;
  // For inputs whose values decide shapes: the values themselves, nbValues of them, copied.
  virtual bool setShapeValues(char const* inputName, OptProfileSelector select, int32_t const* values,
                              int32_t nbValues) noexcept = 0;
  virtual int32_t const* getShapeValues(char const* inputName, OptProfileSelector select) const noexcept = 0;
  virtual bool setShapeValuesV2(char const* inputName, OptProfileSelector select, int64_t const* values,
                                int32_t nbValues) noexcept = 0;
  virtual int64_t const* getShapeValuesV2(char const* inputName, OptProfileSelector select) const noexcept = 0;
  virtual int32_t getNbShapeValues(char const* inputName) const noexcept = 0;  // -1 when none are set
  // How much more memory, as a fraction from 0 to 1, tactics may take beyond what kOPT needs. Default 1.
  virtual bool setExtraMemoryTarget(float target) noexcept = 0;
  virtual float getExtraMemoryTarget() const noexcept = 0;
  // Are the three shapes of every input that was named there, and in order?
  virtual bool isValid() const noexcept = 0;

 protected:
  ~IOptimizationProfile() noexcept override = default;
};

// Loads plans. Made by createInferRuntime; must outlive its engines.
class IRuntime : public INoCopy {
 public:
  ~IRuntime() noexcept override = default;

  // An engine from the bytes of a plan, which are copied and may go afterwards. nullptr when they are not a plan, or damaged,
  // or not for this machine: the log and temper::lastError() say which.
  virtual ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept = 0;
  virtual ICudaEngine* deserializeCudaEngine(IStreamReader& streamReader) noexcept = 0;
  virtual ICudaEngine* deserializeCudaEngine(IStreamReaderV2& streamReader) noexcept = 0;

  // Memory for activations comes from here; nullptr: from the library. Must outlive the engines.
  virtual void setGpuAllocator(IGpuAllocator* allocator) noexcept = 0;
  // Upper bound for the threads that loading uses (not running: see temper::setCpuThreads). false for less than 1.
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  // May code in a plan (plugin libraries) be loaded? Default: no.
  virtual void setEngineHostCodeAllowed(bool allowed) noexcept = 0;
  virtual bool getEngineHostCodeAllowed() const noexcept = 0;

  virtual ILogger* getLogger() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
};

}  // namespace nvinfer1

// The factory that createInferRuntime calls: `version` is the API version that the program was compiled for.
extern "C" TENSORRTAPI void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept;
// Parts of the version of the library itself.
extern "C" TENSORRTAPI int32_t getInferLibMajorVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibMinorVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibPatchVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibBuildVersion() noexcept;
// The logger of the first factory call of the process, or nullptr.
extern "C" TENSORRTAPI nvinfer1::ILogger* getLogger() noexcept;

namespace nvinfer1 {
namespace {
// A runtime that logs to `logger`, which must outlive it. nullptr when the program's API version is newer than the library.
inline IRuntime* createInferRuntime(ILogger& logger) noexcept {
  return static_cast<IRuntime*>(createInferRuntime_INTERNAL(&logger, NV_TENSORRT_VERSION));
}
}  // namespace
}  // namespace nvinfer1
