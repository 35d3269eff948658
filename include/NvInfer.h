// Building plans.
//
//   std::unique_ptr<IBuilder> builder{createInferBuilder(logger)};
//   std::unique_ptr<INetworkDefinition> network{builder->createNetworkV2(0)};
//   ... nvonnxparser::createParser(*network, logger)->parseFromFile("model.onnx", 0) ...
//   std::unique_ptr<IBuilderConfig> config{builder->createBuilderConfig()};
//   std::unique_ptr<IHostMemory> plan{builder->buildSerializedNetwork(*network, *config)};
//
// The network being edited: temper/api/network.h. What goes beyond TensorRT's options: temper/temper.h.
#pragma once

#include "NvInferLegacyDims.h"
#include "NvInferRuntime.h"
#include "temper/api/network.h"

namespace nvinfer1 {

// What a timing cache knows about one candidate kernel.
struct TimingCacheKey {
  uint8_t data[16];
};
struct TimingCacheValue {
  static constexpr uint64_t kINVALID_TACTIC_HASH = ~uint64_t{0};
  uint64_t tacticHash;  // kINVALID_TACTIC_HASH: nothing known
  float timingMSec;
};
namespace v_1_0 {
using TimingCacheKey = nvinfer1::TimingCacheKey;
using TimingCacheValue = nvinfer1::TimingCacheValue;
}  // namespace v_1_0

// What the tuner measured, kept between builds. A build with a cache that covers it takes no measurements and gives the same
// plan byte for byte. Made by IBuilderConfig::createTimingCache; safe to read while a build uses it.
class ITimingCache : public INoCopy {
 public:
  ~ITimingCache() noexcept override = default;
  virtual IHostMemory* serialize() const noexcept = 0;
  // Adds the records of another cache. Records of another machine are refused unless ignoreMismatch.
  virtual bool combine(ITimingCache const& inputCache, bool ignoreMismatch) noexcept = 0;
  virtual bool reset() noexcept = 0;
};

enum class BuilderFlag : int32_t {
  kFP16 = 0,   // permit binary16 where it is faster
  kINT8 = 1,   // permit 8-bit integers where ranges are known
  kDEBUG = 2,  // wait after every layer
  kGPU_FALLBACK = 3,
  kREFIT = 4,                 // weights can be replaced later
  kDISABLE_TIMING_CACHE = 5,  // neither read nor fill a timing cache
  kTF32 = 6,                  // permit reduced mantissas in float32 products on devices that have them; on by default
  kSPARSE_WEIGHTS = 7,
  kSAFETY_SCOPE = 8,
  kOBEY_PRECISION_CONSTRAINTS = 9,
  kPREFER_PRECISION_CONSTRAINTS = 10,
  kDIRECT_IO = 11,
  kREJECT_EMPTY_ALGORITHMS = 12,
  kVERSION_COMPATIBLE = 13,
  kEXCLUDE_LEAN_RUNTIME = 14,
  kFP8 = 15,
  kERROR_ON_TIMING_CACHE_MISS = 16,  // a build fails rather than measure
  kBF16 = 17,
  kDISABLE_COMPILATION_CACHE = 18,
  kSTRIP_PLAN = 19,
  kWEIGHTLESS = 19,
  kREFIT_IDENTICAL = 20,
  kWEIGHT_STREAMING = 21,
  kINT4 = 22,
  kREFIT_INDIVIDUAL = 23,
  kSTRICT_NANS = 24,
  kMONITOR_MEMORY = 25,
  kFP4 = 26,
  kEDITABLE_TIMING_CACHE = 27,
  kDISTRIBUTIVE_INDEPENDENCE = 28,
};
TEMPER_ENUM_COUNT(BuilderFlag, 29)
using BuilderFlags = uint32_t;  // bits 1U << BuilderFlag

// What IBuilderConfig::setMemoryPoolLimit limits, in bytes.
enum class MemoryPoolType : int32_t {
  kWORKSPACE = 0,  // activations and scratch of one context; default: no limit but the machine's
  kDLA_MANAGED_SRAM = 1,
  kDLA_LOCAL_DRAM = 2,
  kDLA_GLOBAL_DRAM = 3,
  kTACTIC_DRAM = 4,  // scratch that a candidate may take while it is measured
  kTACTIC_SHARED_MEMORY = 5,
};
TEMPER_ENUM_COUNT(MemoryPoolType, 6)

// How to build. Made by IBuilder::createBuilderConfig; may serve several builds, one at a time. Setters that are given
// something without meaning log an error and change nothing. A flag that this version can't honour fails the build by name,
// never silently.
class IBuilderConfig : public INoCopy {
 public:
  ~IBuilderConfig() noexcept override = default;
  virtual void reset() noexcept = 0;  // all defaults again

  virtual void setFlags(BuilderFlags builderFlags) noexcept = 0;
  virtual BuilderFlags getFlags() const noexcept = 0;
  virtual void setFlag(BuilderFlag builderFlag) noexcept = 0;
  virtual void clearFlag(BuilderFlag builderFlag) noexcept = 0;
  virtual bool getFlag(BuilderFlag builderFlag) const noexcept = 0;

  // Effort, 0 (quickest build; nothing is measured) to 5 (widest search). Default 3.
  virtual void setBuilderOptimizationLevel(int32_t level) noexcept = 0;
  virtual int32_t getBuilderOptimizationLevel() noexcept = 0;
  // Measurements per candidate, at least 1. Default 1: the tuner repeats by itself until it is sure.
  virtual void setAvgTimingIterations(int32_t avgTiming) noexcept = 0;
  virtual int32_t getAvgTimingIterations() const noexcept = 0;
  // At most so many candidates are measured per choice; -1 (default): the level decides.
  virtual void setMaxNbTactics(int32_t maxNbTactics) noexcept = 0;
  virtual int32_t getMaxNbTactics() const noexcept = 0;
  virtual bool setTacticSources(TacticSources tacticSources) noexcept = 0;
  virtual TacticSources getTacticSources() const noexcept = 0;

  // A cache from the bytes of ITimingCache::serialize; size 0 makes an empty one. nullptr when the bytes are damaged.
  virtual ITimingCache* createTimingCache(void const* blob, std::size_t size) const noexcept = 0;
  // The cache to read and fill; copied. false when it is of another machine and ignoreMismatch is false. The config of a build
  // without one has a fresh cache afterwards.
  virtual bool setTimingCache(ITimingCache const& cache, bool ignoreMismatch) noexcept = 0;
  virtual ITimingCache const* getTimingCache() const noexcept = 0;

  virtual void setMemoryPoolLimit(MemoryPoolType pool, std::size_t poolSize) noexcept = 0;
  virtual std::size_t getMemoryPoolLimit(MemoryPoolType pool) const noexcept = 0;

  // Returns the index of the profile, or -1. Profiles are copied.
  virtual int32_t addOptimizationProfile(IOptimizationProfile const* profile) noexcept = 0;
  virtual int32_t getNbOptimizationProfiles() const noexcept = 0;

  virtual void setProfilingVerbosity(ProfilingVerbosity verbosity) noexcept = 0;
  virtual ProfilingVerbosity getProfilingVerbosity() const noexcept = 0;
  virtual void setProgressMonitor(IProgressMonitor* monitor) noexcept = 0;
  virtual IProgressMonitor* getProgressMonitor() const noexcept = 0;
  // The stream on which candidates are measured; nullptr: one of the library's own.
  virtual void setProfileStream(cudaStream_t const stream) noexcept = 0;
  virtual cudaStream_t getProfileStream() const noexcept = 0;
  virtual void setEngineCapability(EngineCapability capability) noexcept = 0;
  virtual EngineCapability getEngineCapability() const noexcept = 0;
  virtual void setHardwareCompatibilityLevel(HardwareCompatibilityLevel hardwareCompatibilityLevel) noexcept = 0;
  virtual HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept = 0;
  // Helper streams that a context may use; -1 (default): the builder decides.
  virtual void setMaxAuxStreams(int32_t nbStreams) noexcept = 0;
  virtual int32_t getMaxAuxStreams() const noexcept = 0;
};

// Makes networks, configurations and plans. Not for use by several threads at once.
class IBuilder : public INoCopy {
 public:
  ~IBuilder() noexcept override = default;

  virtual INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept = 0;
  virtual IBuilderConfig* createBuilderConfig() noexcept = 0;
  // Owned by the builder.
  virtual IOptimizationProfile* createOptimizationProfile() noexcept = 0;

  // The plan, or nullptr when the network has errors, memory does not suffice or a progress monitor stopped it.
  virtual IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
  virtual bool buildSerializedNetworkToStream(INetworkDefinition& network, IBuilderConfig& config,
                                              IStreamWriter& writer) noexcept = 0;
  // Builds and loads in one.
  virtual ICudaEngine* buildEngineWithConfig(INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
  // Would a build be refused? Runs its checks without building.
  virtual bool isNetworkSupported(INetworkDefinition const& network, IBuilderConfig const& config) const noexcept = 0;

  virtual bool platformHasFastFp16() const noexcept = 0;
  virtual bool platformHasFastInt8() const noexcept = 0;
  virtual bool platformHasTf32() const noexcept = 0;
  virtual void setGpuAllocator(IGpuAllocator* allocator) noexcept = 0;
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  virtual ILogger* getLogger() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual void reset() noexcept = 0;
};

}  // namespace nvinfer1

// The factory that createInferBuilder calls: `version` is the API version that the program was compiled for.
extern "C" TENSORRTAPI void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept;

namespace nvinfer1 {
namespace {
// A builder that logs to `logger`, which must outlive it. nullptr when the program's API version is newer than the library.
inline IBuilder* createInferBuilder(ILogger& logger) noexcept {
  return static_cast<IBuilder*>(createInferBuilder_INTERNAL(&logger, NV_TENSORRT_VERSION));
}
}  // namespace
}  // namespace nvinfer1
