#include "api/config.h"

#include <algorithm>

#include "api/translate.h"
#include "backend/cuda/run/program.h"
#include "base/cpu_info.h"
#include "builder/build.h"
#include "passes/pass.h"
#include "tune/source.h"

namespace temper::api {

using nvinfer1::BuilderFlag;

namespace {

constexpr int kMostOutputs = 1 << 16;  // of a layer

// Flags that ask for something which this version does not do; all others permit something, which need not be done, or are met.
constexpr std::pair<BuilderFlag, const char*> kRefusedFlags[] = {
    {BuilderFlag::kREFIT, "kREFIT (weights that can be replaced)"},
    {BuilderFlag::kREFIT_IDENTICAL, "kREFIT_IDENTICAL (weights that can be replaced)"},
    {BuilderFlag::kREFIT_INDIVIDUAL, "kREFIT_INDIVIDUAL (weights that can be replaced)"},
    {BuilderFlag::kSTRIP_PLAN, "kSTRIP_PLAN (a plan without weights)"},
    {BuilderFlag::kWEIGHT_STREAMING, "kWEIGHT_STREAMING"},
    {BuilderFlag::kSAFETY_SCOPE, "kSAFETY_SCOPE"},
    {BuilderFlag::kDISTRIBUTIVE_INDEPENDENCE, "kDISTRIBUTIVE_INDEPENDENCE"},
};

}  // namespace

void BuilderConfig::reset() noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    state_ = std::make_unique<State>();
    return true;
  });
}

void BuilderConfig::setFlags(nvinfer1::BuilderFlags flags) noexcept {
  if (flags >> nvinfer1::EnumMax<BuilderFlag>())
    return reporter_.report(ErrorCode::kInvalidArgument, "setFlags was given bits that are no BuilderFlag");
  state_->flags = flags;
}

void BuilderConfig::change_flag(BuilderFlag flag, bool on) noexcept {
  if (!is_value(flag)) return reporter_.report(ErrorCode::kInvalidArgument, "there is no such BuilderFlag");
  nvinfer1::BuilderFlags bit = 1U << int(flag);
  state_->flags = on ? state_->flags | bit : state_->flags & ~bit;
}

bool BuilderConfig::getFlag(BuilderFlag flag) const noexcept { return is_value(flag) && (state_->flags >> int(flag) & 1U); }

template <class Enum>
void BuilderConfig::set(Enum& place, Enum value, const char* what) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!is_value(value)) return invalid("there is no " + std::string(what) + " " + std::to_string(int(value)));
    place = value;
    return true;
  });
}
template void BuilderConfig::set(nvinfer1::ProfilingVerbosity&, nvinfer1::ProfilingVerbosity, const char*) noexcept;
template void BuilderConfig::set(nvinfer1::EngineCapability&, nvinfer1::EngineCapability, const char*) noexcept;
template void BuilderConfig::set(nvinfer1::DeviceType&, nvinfer1::DeviceType, const char*) noexcept;
template void BuilderConfig::set(nvinfer1::RuntimePlatform&, nvinfer1::RuntimePlatform, const char*) noexcept;
template void BuilderConfig::set(nvinfer1::HardwareCompatibilityLevel&, nvinfer1::HardwareCompatibilityLevel,
                                 const char*) noexcept;

void BuilderConfig::setBuilderOptimizationLevel(int32_t level) noexcept {
  if (level < 0 || level > 5)
    return reporter_.report(ErrorCode::kInvalidArgument, "the optimization level is a number from 0 to 5");
  state_->level = level;
}

void BuilderConfig::setAvgTimingIterations(int32_t count) noexcept {
  if (count < 1) return reporter_.report(ErrorCode::kInvalidArgument, "each candidate is measured at least once");
  state_->timing_iterations = count;
}

void BuilderConfig::setMaxNbTactics(int32_t count) noexcept {
  if (count < -1 || count == 0)
    return reporter_.report(ErrorCode::kInvalidArgument, "the number of tactics is at least 1, or -1 for the level's");
  state_->max_tactics = count;
}

bool BuilderConfig::setTacticSources(nvinfer1::TacticSources sources) noexcept {
  if (sources >> nvinfer1::EnumMax<nvinfer1::TacticSource>()) {
    reporter_.report(ErrorCode::kInvalidArgument, "setTacticSources was given bits that are no TacticSource");
    return false;
  }
  state_->tactic_sources = sources;
  return true;
}

nvinfer1::ITimingCache* BuilderConfig::createTimingCache(void const* blob, std::size_t size) const noexcept {
  return guarded<nvinfer1::ITimingCache*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ITimingCache*> {
    if (!blob && size > 0) return invalid("createTimingCache was given no bytes, but a size");
    auto cache = std::make_unique<TimingCache>(reporter_);
    TEMPER_TRY_AT(cache->read({static_cast<const std::byte*>(blob), size}), "timing cache");
    return cache.release();
  });
}

bool BuilderConfig::setTimingCache(nvinfer1::ITimingCache const& cache, bool ignore_mismatch) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    auto view = std::make_unique<TimingCache>(reporter_);
    view->share(static_cast<const TimingCache&>(cache));
    state_->cache = std::move(view);
    return true;
  });
}

TimingCache* BuilderConfig::cache_for_build() {
  if (getFlag(BuilderFlag::kDISABLE_TIMING_CACHE)) return nullptr;
  if (!state_->cache) state_->cache = std::make_unique<TimingCache>(reporter_);
  return state_->cache.get();
}

void BuilderConfig::setMemoryPoolLimit(nvinfer1::MemoryPoolType pool, std::size_t bytes) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!is_value(pool)) return invalid("there is no memory pool " + std::to_string(int(pool)));
    state_->pools[pool] = bytes;
    return true;
  });
}

std::size_t BuilderConfig::getMemoryPoolLimit(nvinfer1::MemoryPoolType pool) const noexcept {
  auto found = state_->pools.find(pool);
  return found == state_->pools.end() ? SIZE_MAX : found->second;
}

int32_t BuilderConfig::addOptimizationProfile(nvinfer1::IOptimizationProfile const* profile) noexcept {
  return guarded(reporter_, int32_t(-1), [&]() -> Expected<int32_t> {
    if (!profile) return invalid("addOptimizationProfile was given no profile");
    if (!profile->isValid()) return invalid("the profile lacks a shape: each input that it names needs kMIN, kOPT and kMAX");
    state_->profiles.push_back(static_cast<const OptimizationProfile&>(*profile));
    return static_cast<int32_t>(state_->profiles.size()) - 1;
  });
}

bool BuilderConfig::setMaxAuxStreams(int32_t count) noexcept {
  if (count < -1) {
    reporter_.report(ErrorCode::kInvalidArgument, "the number of helper streams is at least 0, or -1 for the builder's choice");
    return false;
  }
  state_->aux_streams = count;
  return true;
}

bool BuilderConfig::set_cpu_threads(int threads) noexcept {
  if (threads < 0 || threads > 1024) {
    reporter_.report(ErrorCode::kInvalidArgument, "the number of threads is from 1 to 1024, or 0 for that of the machine");
    return false;
  }
  state_->threads = threads;
  return true;
}

bool BuilderConfig::set_targets(const char* targets) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!targets) return invalid("setTargets was given no names");
    std::vector<std::string> names;
    for (std::string_view rest = targets;; rest.remove_prefix(1)) {
      const std::string_view name = rest.substr(0, rest.find(','));
      const bool is_cpu = name == "cpu" || isa_from_name(name);
      if (!is_cpu) TEMPER_TRY(cuda::architecture_of(name));
      if (std::find(names.begin(), names.end(), name) != names.end())
        return invalid("the target '" + std::string(name) + "' is named twice");
      names.emplace_back(name);
      rest.remove_prefix(name.size());
      if (rest.empty()) break;
    }
    state_->targets = std::move(names);
    return true;
  });
}

std::vector<Device> BuilderConfig::devices() const {
  std::vector<Device> devices;
  for (const std::string& target : state_->targets) {
    Device device = this_device(state_->threads);
    if (target != "cpu") device.target = target;
    devices.push_back(std::move(device));
  }
  return devices;
}

namespace {

Expected<DType> layer_type(const char* layer, nvinfer1::DataType type) {
  if (!layer || !*layer) return invalid("a type was given for a layer without a name");
  const auto known = is_value(type) ? from_public(type) : std::nullopt;
  if (!known) return invalid("the layer '" + std::string(layer) + "' was given a DataType that Temper does not have");
  return *known;
}

}  // namespace

bool BuilderConfig::set_layer_precision(const char* layer, nvinfer1::DataType type) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    const DType dtype = TEMPER_TRY(layer_type(layer, type));
    state_->layers[layer].compute = dtype;
    return true;
  });
}

bool BuilderConfig::set_layer_output_type(const char* layer, int output, nvinfer1::DataType type) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    const DType dtype = TEMPER_TRY(layer_type(layer, type));
    if (output < 0 || output >= kMostOutputs)
      return invalid("the layer '" + std::string(layer) + "' has no output " + std::to_string(output));
    auto& outputs = state_->layers[layer].outputs;
    if (outputs.size() <= static_cast<size_t>(output)) outputs.resize(static_cast<size_t>(output) + 1);
    outputs[static_cast<size_t>(output)] = dtype;
    return true;
  });
}

Narrowing BuilderConfig::narrowing() const {
  Narrowing n;
  // binary16 has three more bits than bfloat16: where both are permitted it comes first.
  if (getFlag(BuilderFlag::kFP16)) n.types.push_back(DType::kF16);
  if (getFlag(BuilderFlag::kBF16)) n.types.push_back(DType::kBF16);
  if (getFlag(BuilderFlag::kPREFER_PRECISION_CONSTRAINTS)) n.binding = TypeBinding::kPrefer;
  if (getFlag(BuilderFlag::kOBEY_PRECISION_CONSTRAINTS)) n.binding = TypeBinding::kObey;
  n.layers = state_->layers;
  return n;
}

bool BuilderConfig::switch_pass(std::string_view name, bool on) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    std::string all;
    for (const Pass& pass : all_passes()) {
      if (pass.name == name) {
        if (pass.required && !on)
          return invalid("the pass '" + std::string(name) + "' can't be switched off: nothing could be built without it");
        if (on)
          state_->disabled.erase(std::string(name));
        else
          state_->disabled.emplace(name);
        return true;
      }
      all += " " + std::string(pass.name);
    }
    return Error(ErrorCode::kNotFound, "there is no pass '" + std::string(name) + "'; the passes are" + all);
  });
}

bool BuilderConfig::switch_source(std::string_view name, bool on) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    std::string all;
    for (const TacticSource* source : every_source()) {
      if (source->name() == name) {
        state_->sources[std::string(name)] = on;
        return true;
      }
      all.append(" ").append(source->name());
    }
    return Error(ErrorCode::kNotFound, "there is no kernel source '" + std::string(name) + "'; the sources are" + all);
  });
}

Status BuilderConfig::check() const {
  if (getFlag(BuilderFlag::kOBEY_PRECISION_CONSTRAINTS) && getFlag(BuilderFlag::kPREFER_PRECISION_CONSTRAINTS)) {
    return invalid(
        "the builder flags kOBEY_PRECISION_CONSTRAINTS and kPREFER_PRECISION_CONSTRAINTS exclude each other; set one");
  }
  for (const auto& [flag, name] : kRefusedFlags) {
    if (getFlag(flag))
      return Error(ErrorCode::kUnsupported, "the builder flag " + std::string(name) + " is not supported; build without it");
  }
  using nvinfer1::DeviceType;
  bool dla = state_->device == DeviceType::kDLA;
  for (const auto& [layer, device] : state_->layer_devices) dla = dla || device == DeviceType::kDLA;
  if (dla && !getFlag(BuilderFlag::kGPU_FALLBACK)) {
    return Error(
        ErrorCode::kUnsupported,
        "layers are to run on a DLA, and this machine has none; set the builder flag kGPU_FALLBACK to run them elsewhere");
  }
  if (state_->calibrator) {
    return Error(ErrorCode::kUnsupported,
                 "calibration is not supported; quantize the model with QuantizeLinear and DequantizeLinear (Q/DQ) instead");
  }
  if (state_->selector) {
    return Error(ErrorCode::kUnsupported,
                 "an algorithm selector is not supported; a timing cache (setTimingCache) makes builds choose the same again");
  }
  if (!state_->plugins.empty()) {
    return Error(ErrorCode::kUnsupported, "plans hold no plugin libraries, such as '" + state_->plugins.front() +
                                              "'; load them where the plan is loaded (IPluginRegistry::loadLibrary)");
  }
  if (state_->platform != nvinfer1::RuntimePlatform::kSAME_AS_BUILD)
    return Error(ErrorCode::kUnsupported, "plans run on the operating system that they are built on; use kSAME_AS_BUILD");
  if (state_->capability == nvinfer1::EngineCapability::kDLA_STANDALONE) {
    return Error(ErrorCode::kUnsupported, "the engine capability kDLA_STANDALONE is not supported; this machine has no DLA");
  }
  return {};
}

}  // namespace temper::api
