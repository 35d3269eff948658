// How to build: flags, profiles, limits, the timing cache. Included by NvInfer.h.
#pragma once

#include "algorithm.h"
#include "quantization.h"
#include "tensor.h"

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
using nvinfer1::TimingCacheKey;
using nvinfer1::TimingCacheValue;
}  // namespace v_1_0

// What the tuner measured, kept between builds. A build with a cache that covers it takes no measurements and gives the same
// plan byte for byte. Made by IBuilderConfig::createTimingCache; safe to read while a build uses it.
class ITimingCache : public INoCopy {
 public:
  ~ITimingCache() noexcept override = default;
  TEMPER_DESTROY
  virtual IHostMemory* serialize() const noexcept = 0;
  // Adds the records of another cache. Records of another machine are refused unless ignoreMismatch.
  virtual bool combine(ITimingCache const& inputCache, bool ignoreMismatch) noexcept = 0;
  virtual bool reset() noexcept = 0;
  // Its records by key, for builds with kEDITABLE_TIMING_CACHE: up to `capacity` keys are written; returns how many there are,
  // -1 on an error.
  virtual int64_t queryKeys(TimingCacheKey* keyBuffer, int64_t capacity) const noexcept = 0;
  virtual TimingCacheValue query(TimingCacheKey const& key) const noexcept = 0;
  virtual bool update(TimingCacheKey const& key, TimingCacheValue const& value) noexcept = 0;
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
  kSTRICT_TYPES = 29,             // level 8: kPREFER_PRECISION_CONSTRAINTS, kDIRECT_IO and kREJECT_EMPTY_ALGORITHMS in one
  kENABLE_TACTIC_HEURISTIC = 30,  // level 8: what optimization level 2 is
};
TEMPER_ENUM_COUNT(BuilderFlag, 31)
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

// Behaviour of later versions, taken early. Without effect here: Temper has one behaviour.
enum class PreviewFeature : int32_t {
  kPROFILE_SHARING_0806 = 0,
  kALIASED_PLUGIN_IO_10_03 = 1,
  kRUNTIME_ACTIVATION_RESIZE_10_10 = 2,
  kMULTIDEVICE_RUNTIME_10_16 = 3,
  kFASTER_DYNAMIC_SHAPES_0805 = 4,
  kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805 = 5,
};
TEMPER_ENUM_COUNT(PreviewFeature, 6)

// The operating system that a plan is for.
enum class RuntimePlatform : int32_t { kSAME_AS_BUILD = 0, kWINDOWS_AMD64 = 1 };
TEMPER_ENUM_COUNT(RuntimePlatform, 2)

// How much is done to keep values in the cache of a GPU between layers.
enum class TilingOptimizationLevel : int32_t { kNONE = 0, kFAST = 1, kMODERATE = 2, kFULL = 3 };
TEMPER_ENUM_COUNT(TilingOptimizationLevel, 4)

// How to build. Made by IBuilder::createBuilderConfig; may serve several builds, one at a time. Setters that are given
// something without meaning log an error and change nothing. A flag that this version can't honour fails the build by name,
// never silently.
class IBuilderConfig : public INoCopy {
 public:
  ~IBuilderConfig() noexcept override = default;
  TEMPER_DESTROY
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
  // false: fewer than -1.
  virtual bool setMaxAuxStreams(int32_t nbStreams) noexcept = 0;
  virtual int32_t getMaxAuxStreams() const noexcept = 0;

  // Where layers run. There is no accelerator (DLA) here: kDLA is refused at the build, unless kGPU_FALLBACK is set.
  virtual void setDeviceType(ILayer const* layer, DeviceType deviceType) noexcept = 0;
  virtual DeviceType getDeviceType(ILayer const* layer) const noexcept = 0;
  virtual bool isDeviceTypeSet(ILayer const* layer) const noexcept = 0;
  virtual void resetDeviceType(ILayer const* layer) noexcept = 0;
  virtual bool canRunOnDLA(ILayer const* layer) const noexcept = 0;  // false
  virtual void setDLACore(int32_t dlaCore) noexcept = 0;
  virtual int32_t getDLACore() const noexcept = 0;  // -1: none was set
  virtual void setDefaultDeviceType(DeviceType deviceType) noexcept = 0;
  virtual DeviceType getDefaultDeviceType() const noexcept = 0;

  // 8-bit integers without Q/DQ layers (quantization.h). nullptr takes the calibrator away.
  virtual void setInt8Calibrator(IInt8Calibrator* calibrator) noexcept = 0;
  virtual IInt8Calibrator* getInt8Calibrator() const noexcept = 0;
  virtual bool setCalibrationProfile(IOptimizationProfile const* profile) noexcept = 0;
  virtual IOptimizationProfile const* getCalibrationProfile() noexcept = 0;
  virtual void setQuantizationFlags(QuantizationFlags flags) noexcept = 0;
  virtual QuantizationFlags getQuantizationFlags() const noexcept = 0;
  virtual void clearQuantizationFlag(QuantizationFlag flag) noexcept = 0;
  virtual void setQuantizationFlag(QuantizationFlag flag) noexcept = 0;
  virtual bool getQuantizationFlag(QuantizationFlag flag) const noexcept = 0;

  virtual void setAlgorithmSelector(IAlgorithmSelector* selector) noexcept = 0;
  virtual IAlgorithmSelector* getAlgorithmSelector() const noexcept = 0;

  virtual void setPreviewFeature(PreviewFeature feature, bool enable) noexcept = 0;
  virtual bool getPreviewFeature(PreviewFeature feature) const noexcept = 0;
  virtual void setRuntimePlatform(RuntimePlatform runtimePlatform) noexcept = 0;
  virtual RuntimePlatform getRuntimePlatform() const noexcept = 0;
  virtual bool setTilingOptimizationLevel(TilingOptimizationLevel level) noexcept = 0;
  virtual TilingOptimizationLevel getTilingOptimizationLevel() const noexcept = 0;
  virtual bool setL2LimitForTiling(int64_t size) noexcept = 0;  // bytes
  virtual int64_t getL2LimitForTiling() const noexcept = 0;

  // Plugin libraries that go into the plan.
  virtual void setPluginsToSerialize(char const* const* paths, int32_t nbPaths) noexcept = 0;
  virtual char const* getPluginToSerialize(int32_t index) const noexcept = 0;
  virtual int32_t getNbPluginsToSerialize() const noexcept = 0;

  // Tuning on another machine, and builds that follow a route written down: not available here; the setters return false.
  virtual bool setRemoteAutoTuningConfig(char const* config) noexcept = 0;
  virtual char const* getRemoteAutoTuningConfig() const noexcept = 0;
  virtual bool setBuildRoute(char const* route) noexcept = 0;
  virtual char const* getBuildRoute() const noexcept = 0;
  virtual char const* getAllBuildRoutes() const noexcept = 0;

  // Forms of level 8.
  void setMaxWorkspaceSize(std::size_t workspaceSize) noexcept {
    setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, workspaceSize);
  }
  std::size_t getMaxWorkspaceSize() const noexcept { return getMemoryPoolLimit(MemoryPoolType::kWORKSPACE); }
  void setMinTimingIterations(int32_t minTiming) noexcept { setAvgTimingIterations(minTiming); }
  int32_t getMinTimingIterations() const noexcept { return getAvgTimingIterations(); }
};

}  // namespace nvinfer1
