// Options of a build that are kept for the program, and what is said where they can't be met.
#include "api/config.h"

namespace temper::api {

void BuilderConfig::setDeviceType(nvinfer1::ILayer const* layer, nvinfer1::DeviceType type) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!layer || !is_value(type)) return invalid("setDeviceType needs a layer and one of the device types");
    state_->layer_devices[layer] = type;
    return true;
  });
}

nvinfer1::DeviceType BuilderConfig::getDeviceType(nvinfer1::ILayer const* layer) const noexcept {
  auto found = state_->layer_devices.find(layer);
  return found == state_->layer_devices.end() ? state_->device : found->second;
}

bool BuilderConfig::setCalibrationProfile(nvinfer1::IOptimizationProfile const* profile) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!profile) return invalid("setCalibrationProfile was given no profile");
    state_->calibration_profile = std::make_unique<OptimizationProfile>(static_cast<const OptimizationProfile&>(*profile));
    return true;
  });
}

void BuilderConfig::setQuantizationFlags(nvinfer1::QuantizationFlags flags) noexcept {
  if (flags >> nvinfer1::EnumMax<nvinfer1::QuantizationFlag>())
    return reporter_.report(ErrorCode::kInvalidArgument, "setQuantizationFlags was given bits that are no QuantizationFlag");
  state_->quantization_flags = flags;
}
void BuilderConfig::clearQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept {
  if (is_value(flag)) state_->quantization_flags &= ~(1U << int(flag));
}
void BuilderConfig::setQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept {
  if (!is_value(flag)) return reporter_.report(ErrorCode::kInvalidArgument, "there is no such QuantizationFlag");
  state_->quantization_flags |= 1U << int(flag);
}

void BuilderConfig::setPreviewFeature(nvinfer1::PreviewFeature feature, bool enable) noexcept {
  if (!is_value(feature)) return reporter_.report(ErrorCode::kInvalidArgument, "there is no such PreviewFeature");
  const uint32_t bit = 1U << int(feature);
  state_->preview_features = enable ? state_->preview_features | bit : state_->preview_features & ~bit;
}

bool BuilderConfig::setTilingOptimizationLevel(nvinfer1::TilingOptimizationLevel level) noexcept {
  if (is_value(level)) {
    state_->tiling = level;
    return true;
  }
  reporter_.report(ErrorCode::kInvalidArgument, "there is no such TilingOptimizationLevel");
  return false;
}

bool BuilderConfig::setL2LimitForTiling(int64_t bytes) noexcept {
  if (bytes >= 0) {
    state_->l2_limit = bytes;
    return true;
  }
  reporter_.report(ErrorCode::kInvalidArgument, "the limit of the L2 cache is a number of bytes, at least 0");
  return false;
}

void BuilderConfig::setPluginsToSerialize(char const* const* paths, int32_t count) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    if (count < 0 || (count > 0 && !paths)) return invalid("setPluginsToSerialize was given no paths");
    std::vector<std::string> all;
    for (int32_t i = 0; i < count; ++i) {
      if (!paths[i]) return invalid("path " + std::to_string(i) + " of setPluginsToSerialize is missing");
      all.emplace_back(paths[i]);
    }
    state_->plugins = std::move(all);
    return true;
  });
}

char const* BuilderConfig::getPluginToSerialize(int32_t index) const noexcept {
  return index < 0 || index >= getNbPluginsToSerialize() ? nullptr : state_->plugins[index].c_str();
}

bool BuilderConfig::setRemoteAutoTuningConfig(char const*) noexcept {
  reporter_.report(ErrorCode::kUnsupported, "kernels are tuned on this machine only; build where the plan is to run");
  return false;
}

bool BuilderConfig::setBuildRoute(char const*) noexcept {
  reporter_.report(ErrorCode::kUnsupported, "there are no build routes; a timing cache makes builds choose the same again");
  return false;
}

}  // namespace temper::api
