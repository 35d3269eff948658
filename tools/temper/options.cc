#include "options.h"

#include <algorithm>

#include "flags.h"
#include "problem.h"

namespace tool {
namespace {

bool any_shapes(const ProfileSpec& profile) {
  return !profile.least.empty() || !profile.best.empty() || !profile.largest.empty();
}

void check_profile(const ProfileSpec& profile, size_t index) {
  const std::string place = "profile " + std::to_string(index);
  if (profile.best.empty()) {
    if (any_shapes(profile)) throw bad_argument(place + ": --minShapes and --maxShapes need --optShapes beside them");
    return;
  }
  if (profile.least.empty() != profile.largest.empty()) {
    throw bad_argument(place + ": give --optShapes alone, or --minShapes, --optShapes and --maxShapes together");
  }
  if (profile.least.empty()) return;
  for (const auto& [name, best] : profile.best) {
    const nvinfer1::Dims* least = find_shape(profile.least, name);
    const nvinfer1::Dims* largest = find_shape(profile.largest, name);
    if (!least || !largest)
      throw bad_argument(place + ": '" + name + "' needs a shape in each of --minShapes, --optShapes and --maxShapes");
    bool ordered = least->nbDims == best.nbDims && largest->nbDims == best.nbDims;
    for (int i = 0; ordered && i < best.nbDims; ++i) ordered = least->d[i] <= best.d[i] && best.d[i] <= largest->d[i];
    if (!ordered) {
      throw bad_argument(place + ": the shapes of '" + name + "' must have one rank and grow from " + dims_text(*least) +
                         " over " + dims_text(best) + " to " + dims_text(*largest));
    }
  }
  for (const ShapeSpec* spec : {&profile.least, &profile.largest}) {
    for (const auto& [name, dims] : *spec) {
      if (!find_shape(profile.best, name)) throw bad_argument(place + ": '" + name + "' is not in --optShapes");
    }
  }
}

void check(const Options& options) {
  if (options.onnx.empty() == options.load_engine.empty()) {
    throw bad_argument(options.onnx.empty() ? "nothing to do: give a model with --onnx=FILE or a plan with --loadEngine=FILE"
                                            : "--onnx and --loadEngine exclude each other: build a plan, or run one");
  }
  for (size_t i = 0; i < options.profiles.size(); ++i) check_profile(options.profiles[i], i);
  if (!options.load_engine.empty()) {
    if (std::any_of(options.profiles.begin(), options.profiles.end(), any_shapes)) {
      throw bad_argument("--minShapes, --optShapes and --maxShapes belong to a build (--onnx); a run takes --shapes");
    }
  }
  if (options.plan_version_only && options.load_engine.empty()) {
    throw bad_argument("--getPlanVersionOnly needs --loadEngine=FILE");
  }
  if (options.no_builder_cache && (!options.timing_cache.empty() || options.error_on_cache_miss)) {
    throw bad_argument("--noBuilderCache excludes --timingCacheFile and --errorOnTimingCacheMiss");
  }
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (!name.starts_with('-')) throw bad_argument("'" + argument + "' is not a flag; flags look like --name or --name=value");
    const Flag* flag = find_flag(name);
    if (!flag) throw bad_argument("unknown flag " + name + suggestion(name));
    if (!flag->apply) throw unsupported(name + " is not supported: " + std::string(flag->refusal));
    if (flag->value.empty() && equals != std::string::npos) throw bad_argument(name + " takes no value");
    if (!flag->value.empty() && (equals == std::string::npos || equals + 1 == argument.size())) {
      throw bad_argument(name + " needs a value: " + name + "=" + std::string(flag->value));
    }
    flag->apply(options, equals == std::string::npos ? std::string_view() : std::string_view(argument).substr(equals + 1),
                name);
  }
  if (!options.help) check(options);
  return options;
}

std::optional<ProfileShapes> profile_shapes(const ProfileSpec& profile, const ShapeSpec& shapes, const std::string& input) {
  if (const nvinfer1::Dims* best = find_shape(profile.best, input)) {
    const nvinfer1::Dims* least = find_shape(profile.least, input);
    const nvinfer1::Dims* largest = find_shape(profile.largest, input);
    return ProfileShapes{least ? *least : *best, *best, largest ? *largest : *best};
  }
  if (const nvinfer1::Dims* run = find_shape(shapes, input); run && profile.best.empty())
    return ProfileShapes{*run, *run, *run};
  return std::nullopt;
}

}  // namespace tool
