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
#include "temper/api/plugin_v3.h"
#include "temper/api/types.h"

namespace nvinfer1 {

// The shapes to expect and to be fast for. Made by a builder, which owns it; handed to IBuilderConfig::addOptimizationProfile.
// Every input with a -1 extent needs all three shapes; each extent must satisfy kMIN <= kOPT <= kMAX.
class IOptimizationProfile : public INoCopy {
 public:
  // false when the shapes contradict: wrong rank, negative extents, kMIN > kMAX.
  // getDimensions: nbDims = -1 when it was not set.
#if TEMPER_API_LEVEL == 8
  virtual bool setDimensions64(char const* inputName, OptProfileSelector select, Dims64 const& dims) noexcept = 0;
  bool setDimensions(char const* inputName, OptProfileSelector select, Dims const& dims) noexcept {
    return setDimensions64(inputName, select, impl::dims_as(dims));
  }
  virtual Dims64 getDimensions64(char const* inputName, OptProfileSelector select) const noexcept = 0;
  Dims getDimensions(char const* inputName, OptProfileSelector select) const noexcept {
    return impl::dims_as(getDimensions64(inputName, select));
  }
#else
  virtual bool setDimensions(char const* inputName, OptProfileSelector select, Dims const& dims) noexcept = 0;
  virtual Dims getDimensions(char const* inputName, OptProfileSelector select) const noexcept = 0;
#endif
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

class IPluginFactory;  // of level 7; a null pointer is all that can be given

// Loads plans. Made by createInferRuntime; must outlive its engines.
class IRuntime : public INoCopy {
 public:
  ~IRuntime() noexcept override = default;
  TEMPER_DESTROY

  // An engine from the bytes of a plan, which are copied and may go afterwards. nullptr when they are not a plan, or damaged,
  // or not for this machine: the log and temper::lastError() say which.
  virtual ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept = 0;
  ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size, IPluginFactory*) noexcept {
    return deserializeCudaEngine(blob, size);
  }
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

  // Deep learning accelerators: there are none here.
  virtual void setDLACore(int32_t dlaCore) noexcept = 0;
  virtual int32_t getDLACore() const noexcept = 0;     // what was set; default 0
  virtual int32_t getNbDLACores() const noexcept = 0;  // 0

  // Where plugin libraries of a plan are written to be loaded; nullptr: the system's choice.
  virtual void setTemporaryDirectory(char const* path) noexcept = 0;
  virtual char const* getTemporaryDirectory() const noexcept = 0;
  virtual void setTempfileControlFlags(TempfileControlFlags flags) noexcept = 0;  // default: all
  virtual TempfileControlFlags getTempfileControlFlags() const noexcept = 0;

  virtual IPluginRegistry& getPluginRegistry() noexcept = 0;
  // A runtime of another version of the library; nullptr when the file is not one.
  virtual IRuntime* loadRuntime(char const* path) noexcept = 0;

  virtual ILogger* getLogger() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
};

// Replaces weights of an engine, for plans that were built with kREFIT. Made by createInferRefitter. Weights are named as the
// network says (setWeightsName), or by layer and role. They must stay until refitCudaEngine has returned.
class IRefitter : public INoCopy {
 public:
  ~IRefitter() noexcept override = default;
  TEMPER_DESTROY
  virtual bool setWeights(char const* layerName, WeightsRole role, Weights weights) noexcept = 0;
  virtual bool setNamedWeights(char const* name, Weights weights) noexcept = 0;
  virtual bool setNamedWeights(char const* name, Weights weights, TensorLocation location) noexcept = 0;
  virtual Weights getNamedWeights(char const* weightsName) const noexcept = 0;
  virtual TensorLocation getWeightsLocation(char const* weightsName) const noexcept = 0;
  virtual bool unsetNamedWeights(char const* weightsName) noexcept = 0;
  virtual Weights getWeightsPrototype(char const* weightsName) const noexcept = 0;  // type and count; values is nullptr
  // Weights that must be given too, because those that were given depend on them; and all there are. Up to `size` names (and
  // roles) are written; returns how many there are.
  virtual int32_t getMissing(int32_t size, char const** layerNames, WeightsRole* roles) noexcept = 0;
  virtual int32_t getAll(int32_t size, char const** layerNames, WeightsRole* roles) noexcept = 0;
  virtual int32_t getMissingWeights(int32_t size, char const** weightsNames) noexcept = 0;
  virtual int32_t getAllWeights(int32_t size, char const** weightsNames) noexcept = 0;
  // false when weights are missing or do not fit; the engine is then as it was.
  virtual bool refitCudaEngine() noexcept = 0;
  virtual bool refitCudaEngineAsync(cudaStream_t stream) noexcept = 0;
  virtual void setWeightsValidation(bool weightsValidation) noexcept = 0;  // default true
  virtual bool getWeightsValidation() const noexcept = 0;
  // Ranges of tensors for 8-bit integers.
  virtual bool setDynamicRange(char const* tensorName, float min, float max) noexcept = 0;
  virtual float getDynamicRangeMin(char const* tensorName) const noexcept = 0;
  virtual float getDynamicRangeMax(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorsWithDynamicRange(int32_t size, char const** tensorNames) const noexcept = 0;
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  virtual ILogger* getLogger() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
};

}  // namespace nvinfer1

// The factory that createInferRefitter calls.
extern "C" TENSORRTAPI void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t version) noexcept;
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
// A refitter of `engine`; nullptr when the plan can't be refitted.
inline IRefitter* createInferRefitter(ICudaEngine& engine, ILogger& logger) noexcept {
  return static_cast<IRefitter*>(createInferRefitter_INTERNAL(&engine, &logger, NV_TENSORRT_VERSION));
}
}  // namespace
}  // namespace nvinfer1
