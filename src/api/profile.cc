#include "api/profile.h"

#include <algorithm>

#include "api/translate.h"

namespace temper::api {

using nvinfer1::Dims;
using nvinfer1::OptProfileSelector;

bool OptimizationProfile::setDimensions(char const* name, OptProfileSelector select, Dims const& dims) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!name || !is_value(select)) return invalid("setDimensions needs the name of an input and a selector");
    std::string place = "profile of '" + std::string(name) + "'";
    if (!from_public(dims)) return invalid("a shape has 0 to 8 extents, not " + dims_text(dims)).at(place);
    for (int i = 0; i < dims.nbDims; ++i) {
      if (dims.d[i] < 0) return invalid("the extents of a profile must be known, unlike " + dims_text(dims)).at(place);
    }
    Shapes shapes{invalid_dims(), invalid_dims(), invalid_dims()};
    if (auto found = shapes_.find(name); found != shapes_.end()) shapes = found->second;
    shapes[int(select)] = dims;
    for (int low = 0; low < 3; ++low) {
      for (int high = low + 1; high < 3; ++high) {
        const Dims &a = shapes[low], &b = shapes[high];
        if (a.nbDims < 0 || b.nbDims < 0) continue;
        bool ordered = a.nbDims == b.nbDims;
        for (int i = 0; ordered && i < a.nbDims; ++i) ordered = a.d[i] <= b.d[i];
        if (!ordered)
          return invalid("the shapes must satisfy min <= opt <= max in each extent, unlike " + dims_text(a) + " and " +
                         dims_text(b))
              .at(place);
      }
    }
    shapes_[name] = shapes;
    return true;
  });
}

Dims OptimizationProfile::getDimensions(char const* name, OptProfileSelector select) const noexcept {
  if (!name || !is_value(select)) return invalid_dims();
  auto found = shapes_.find(std::string_view(name));
  return found == shapes_.end() ? invalid_dims() : found->second[int(select)];
}

bool OptimizationProfile::setShapeValuesV2(char const* name, OptProfileSelector select, int64_t const* values,
                                           int32_t count) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!name || !is_value(select) || !values || count < 0 || count > 64) {
      return invalid("setShapeValues needs the name of an input, a selector and up to 64 values");
    }
    Values& held = values_[name];
    for (const auto& other : held.wide) {
      if (!other.empty() && other.size() != size_t(count))
        return invalid("the three sets of values must be of one size").at("profile of '" + std::string(name) + "'");
    }
    held.wide[int(select)].assign(values, values + count);
    auto& narrow = held.narrow[int(select)];
    narrow.clear();
    for (int32_t i = 0; i < count; ++i)
      narrow.push_back(static_cast<int32_t>(std::clamp<int64_t>(values[i], INT32_MIN, INT32_MAX)));
    return true;
  });
}

bool OptimizationProfile::setShapeValues(char const* name, OptProfileSelector select, int32_t const* values,
                                         int32_t count) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    if (!values || count < 0 || count > 64) return invalid("setShapeValues needs up to 64 values");
    std::vector<int64_t> wide(values, values + count);
    return setShapeValuesV2(name, select, wide.data(), count);
  });
}

int32_t const* OptimizationProfile::getShapeValues(char const* name, OptProfileSelector select) const noexcept {
  auto found = name ? values_.find(std::string_view(name)) : values_.end();
  if (found == values_.end() || !is_value(select) || found->second.narrow[int(select)].empty()) return nullptr;
  return found->second.narrow[int(select)].data();
}

int64_t const* OptimizationProfile::getShapeValuesV2(char const* name, OptProfileSelector select) const noexcept {
  auto found = name ? values_.find(std::string_view(name)) : values_.end();
  if (found == values_.end() || !is_value(select) || found->second.wide[int(select)].empty()) return nullptr;
  return found->second.wide[int(select)].data();
}

int32_t OptimizationProfile::getNbShapeValues(char const* name) const noexcept {
  auto found = name ? values_.find(std::string_view(name)) : values_.end();
  if (found == values_.end()) return -1;
  for (const auto& values : found->second.wide) {
    if (!values.empty()) return static_cast<int32_t>(values.size());
  }
  return -1;
}

bool OptimizationProfile::setExtraMemoryTarget(float target) noexcept {
  if (!(target >= 0 && target <= 1)) {
    reporter_.report(ErrorCode::kInvalidArgument, "the extra memory target is a fraction from 0 to 1");
    return false;
  }
  extra_memory_ = target;
  return true;
}

bool OptimizationProfile::isValid() const noexcept {
  return std::all_of(shapes_.begin(), shapes_.end(), [](const auto& entry) {
    return std::all_of(entry.second.begin(), entry.second.end(), [](const Dims& d) { return d.nbDims >= 0; });
  });
}

Profile OptimizationProfile::profile() const {
  Profile result;
  for (const auto& [name, shapes] : shapes_) {
    result.inputs[name] = {*from_public(shapes[0]), *from_public(shapes[1]), *from_public(shapes[2])};
  }
  return result;
}

}  // namespace temper::api
