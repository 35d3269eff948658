// BuilderConfig: how to build; plain state, and its translation into what the builder room takes.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/profile.h"
#include "api/timing_cache.h"
#include "api/translate.h"
#include "passes/narrow_floats.h"
#include "temper/temper.h"
#include "tune/source.h"

namespace temper::api {

class BuilderConfig final : public nvinfer1::IBuilderConfig {
 public:
  explicit BuilderConfig(const Reporter& reporter) : reporter_(reporter), state_(std::make_unique<State>()) {}

  void reset() noexcept override;
  void setFlags(nvinfer1::BuilderFlags flags) noexcept override;
  nvinfer1::BuilderFlags getFlags() const noexcept override { return state_->flags; }
  void setFlag(nvinfer1::BuilderFlag flag) noexcept override { change_flag(flag, true); }
  void clearFlag(nvinfer1::BuilderFlag flag) noexcept override { change_flag(flag, false); }
  bool getFlag(nvinfer1::BuilderFlag flag) const noexcept override;

  void setBuilderOptimizationLevel(int32_t level) noexcept override;
  int32_t getBuilderOptimizationLevel() noexcept override { return state_->level; }
  void setAvgTimingIterations(int32_t count) noexcept override;
  int32_t getAvgTimingIterations() const noexcept override { return state_->timing_iterations; }
  void setMaxNbTactics(int32_t count) noexcept override;
  int32_t getMaxNbTactics() const noexcept override { return state_->max_tactics; }
  bool setTacticSources(nvinfer1::TacticSources sources) noexcept override;
  nvinfer1::TacticSources getTacticSources() const noexcept override { return state_->tactic_sources; }

  nvinfer1::ITimingCache* createTimingCache(void const* blob, std::size_t size) const noexcept override;
  bool setTimingCache(nvinfer1::ITimingCache const& cache, bool ignore_mismatch) noexcept override;
  nvinfer1::ITimingCache const* getTimingCache() const noexcept override { return state_->cache.get(); }

  void setMemoryPoolLimit(nvinfer1::MemoryPoolType pool, std::size_t bytes) noexcept override;
  std::size_t getMemoryPoolLimit(nvinfer1::MemoryPoolType pool) const noexcept override;

  int32_t addOptimizationProfile(nvinfer1::IOptimizationProfile const* profile) noexcept override;
  int32_t getNbOptimizationProfiles() const noexcept override { return static_cast<int32_t>(state_->profiles.size()); }

  void setProfilingVerbosity(nvinfer1::ProfilingVerbosity verbosity) noexcept override {
    set(state_->verbosity, verbosity, "profiling verbosity");
  }
  nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override { return state_->verbosity; }
  void setProgressMonitor(nvinfer1::IProgressMonitor* monitor) noexcept override { state_->monitor = monitor; }
  nvinfer1::IProgressMonitor* getProgressMonitor() const noexcept override { return state_->monitor; }
  void setProfileStream(cudaStream_t const stream) noexcept override { state_->profile_stream = stream; }
  cudaStream_t getProfileStream() const noexcept override { return state_->profile_stream; }
  void setEngineCapability(nvinfer1::EngineCapability capability) noexcept override {
    set(state_->capability, capability, "engine capability");
  }
  nvinfer1::EngineCapability getEngineCapability() const noexcept override { return state_->capability; }
  void setHardwareCompatibilityLevel(nvinfer1::HardwareCompatibilityLevel level) noexcept override {
    set(state_->hardware, level, "hardware compatibility level");
  }
  nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override { return state_->hardware; }
  bool setMaxAuxStreams(int32_t count) noexcept override;
  int32_t getMaxAuxStreams() const noexcept override { return state_->aux_streams; }

  // There is no DLA: devices are kept, and check() refuses kDLA without kGPU_FALLBACK.
  void setDeviceType(nvinfer1::ILayer const* layer, nvinfer1::DeviceType type) noexcept override;
  nvinfer1::DeviceType getDeviceType(nvinfer1::ILayer const* layer) const noexcept override;
  bool isDeviceTypeSet(nvinfer1::ILayer const* layer) const noexcept override { return state_->layer_devices.contains(layer); }
  void resetDeviceType(nvinfer1::ILayer const* layer) noexcept override { state_->layer_devices.erase(layer); }
  bool canRunOnDLA(nvinfer1::ILayer const*) const noexcept override { return false; }
  void setDLACore(int32_t core) noexcept override { state_->dla_core = core; }
  int32_t getDLACore() const noexcept override { return state_->dla_core; }
  void setDefaultDeviceType(nvinfer1::DeviceType type) noexcept override { set(state_->device, type, "device type"); }
  nvinfer1::DeviceType getDefaultDeviceType() const noexcept override { return state_->device; }

  void setInt8Calibrator(nvinfer1::IInt8Calibrator* calibrator) noexcept override { state_->calibrator = calibrator; }
  nvinfer1::IInt8Calibrator* getInt8Calibrator() const noexcept override { return state_->calibrator; }
  bool setCalibrationProfile(nvinfer1::IOptimizationProfile const* profile) noexcept override;
  nvinfer1::IOptimizationProfile const* getCalibrationProfile() noexcept override { return state_->calibration_profile.get(); }
  void setQuantizationFlags(nvinfer1::QuantizationFlags flags) noexcept override;
  nvinfer1::QuantizationFlags getQuantizationFlags() const noexcept override { return state_->quantization_flags; }
  void clearQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept override;
  void setQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept override;
  bool getQuantizationFlag(nvinfer1::QuantizationFlag flag) const noexcept override {
    return is_value(flag) && (state_->quantization_flags >> int(flag) & 1U);
  }
  void setAlgorithmSelector(nvinfer1::IAlgorithmSelector* selector) noexcept override { state_->selector = selector; }
  nvinfer1::IAlgorithmSelector* getAlgorithmSelector() const noexcept override { return state_->selector; }

  void setPreviewFeature(nvinfer1::PreviewFeature feature, bool enable) noexcept override;
  bool getPreviewFeature(nvinfer1::PreviewFeature feature) const noexcept override {
    return is_value(feature) && (state_->preview_features >> int(feature) & 1U);
  }
  void setRuntimePlatform(nvinfer1::RuntimePlatform platform) noexcept override {
    set(state_->platform, platform, "runtime platform");
  }
  nvinfer1::RuntimePlatform getRuntimePlatform() const noexcept override { return state_->platform; }
  bool setTilingOptimizationLevel(nvinfer1::TilingOptimizationLevel level) noexcept override;
  nvinfer1::TilingOptimizationLevel getTilingOptimizationLevel() const noexcept override { return state_->tiling; }
  bool setL2LimitForTiling(int64_t bytes) noexcept override;
  int64_t getL2LimitForTiling() const noexcept override { return state_->l2_limit; }
  void setPluginsToSerialize(char const* const* paths, int32_t count) noexcept override;
  char const* getPluginToSerialize(int32_t index) const noexcept override;
  int32_t getNbPluginsToSerialize() const noexcept override { return static_cast<int32_t>(state_->plugins.size()); }
  bool setRemoteAutoTuningConfig(char const* config) noexcept override;
  char const* getRemoteAutoTuningConfig() const noexcept override { return ""; }
  bool setBuildRoute(char const* route) noexcept override;
  char const* getBuildRoute() const noexcept override { return ""; }
  char const* getAllBuildRoutes() const noexcept override { return ""; }

  // What goes beyond TensorRT (temper/temper.h).
  bool set_cpu_threads(int threads) noexcept;
  int cpu_threads() const { return state_->threads; }
  bool switch_pass(std::string_view pass, bool on) noexcept;
  bool switch_source(std::string_view source, bool on) noexcept;
  bool set_targets(const char* targets) noexcept;
  bool set_layer_precision(const char* layer, nvinfer1::DataType type) noexcept;
  bool set_layer_output_type(const char* layer, int output, nvinfer1::DataType type) noexcept;
  // Weak typing as flags and layers ask for it.
  Narrowing narrowing() const;
  // The main one first.
  std::vector<Device> devices() const;
  void set_pass_listener(PassListener listener) { state_->listener = std::move(listener); }

  const std::vector<OptimizationProfile>& profiles() const { return state_->profiles; }
  const std::set<std::string, std::less<>>& disabled_passes() const { return state_->disabled; }
  const std::map<std::string, bool, std::less<>>& switched_sources() const { return state_->sources; }
  const PassListener& pass_listener() const { return state_->listener; }
  // The cache of a build: the one that was set, or a fresh one; null when caching is off.
  TimingCache* cache_for_build();
  // An Error that names an option which this version can't honour.
  Status check() const;

 private:
  struct State {
    nvinfer1::BuilderFlags flags = 1U << int(nvinfer1::BuilderFlag::kTF32);
    int32_t level = 3;
    int32_t timing_iterations = 1;
    int32_t max_tactics = -1;
    nvinfer1::TacticSources tactic_sources = 0;
    std::unique_ptr<TimingCache> cache;
    std::map<nvinfer1::MemoryPoolType, size_t> pools;
    std::vector<OptimizationProfile> profiles;
    nvinfer1::ProfilingVerbosity verbosity = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
    nvinfer1::IProgressMonitor* monitor = nullptr;
    cudaStream_t profile_stream = nullptr;
    nvinfer1::EngineCapability capability = nvinfer1::EngineCapability::kSTANDARD;
    nvinfer1::HardwareCompatibilityLevel hardware = nvinfer1::HardwareCompatibilityLevel::kNONE;
    int32_t aux_streams = -1;
    std::map<nvinfer1::ILayer const*, nvinfer1::DeviceType> layer_devices;
    nvinfer1::DeviceType device = nvinfer1::DeviceType::kGPU;
    int32_t dla_core = -1;
    nvinfer1::IInt8Calibrator* calibrator = nullptr;
    std::unique_ptr<OptimizationProfile> calibration_profile;
    nvinfer1::QuantizationFlags quantization_flags = 0;
    nvinfer1::IAlgorithmSelector* selector = nullptr;
    uint32_t preview_features = 0;
    nvinfer1::RuntimePlatform platform = nvinfer1::RuntimePlatform::kSAME_AS_BUILD;
    nvinfer1::TilingOptimizationLevel tiling = nvinfer1::TilingOptimizationLevel::kNONE;
    int64_t l2_limit = -1;
    std::vector<std::string> plugins;
    int threads = 0;
    std::vector<std::string> targets{"cpu"};
    std::set<std::string, std::less<>> disabled;
    std::map<std::string, LayerTypes, std::less<>> layers;
    std::map<std::string, bool, std::less<>> sources;
    PassListener listener;
  };

  void change_flag(nvinfer1::BuilderFlag flag, bool on) noexcept;
  template <class Enum>
  void set(Enum& place, Enum value, const char* what) noexcept;

  Reporter reporter_;
  std::unique_ptr<State> state_;
};

}  // namespace temper::api
