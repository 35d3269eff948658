// OptimizationProfile: the least, best and largest shape of each input by name, and values of inputs that decide shapes.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "api/reporter.h"
#include "builder/compile.h"

namespace temper::api {

class OptimizationProfile final : public nvinfer1::IOptimizationProfile {
 public:
  explicit OptimizationProfile(const Reporter& reporter) : reporter_(reporter) {}
  OptimizationProfile(const OptimizationProfile& other)
      : reporter_(other.reporter_), shapes_(other.shapes_), values_(other.values_), extra_memory_(other.extra_memory_) {}
  ~OptimizationProfile() noexcept override = default;

  bool setDimensions(char const* name, nvinfer1::OptProfileSelector select, nvinfer1::Dims const& dims) noexcept override;
  nvinfer1::Dims getDimensions(char const* name, nvinfer1::OptProfileSelector select) const noexcept override;
  bool setShapeValues(char const* name, nvinfer1::OptProfileSelector select, int32_t const* values,
                      int32_t count) noexcept override;
  int32_t const* getShapeValues(char const* name, nvinfer1::OptProfileSelector select) const noexcept override;
  bool setShapeValuesV2(char const* name, nvinfer1::OptProfileSelector select, int64_t const* values,
                        int32_t count) noexcept override;
  int64_t const* getShapeValuesV2(char const* name, nvinfer1::OptProfileSelector select) const noexcept override;
  int32_t getNbShapeValues(char const* name) const noexcept override;
  bool setExtraMemoryTarget(float target) noexcept override;
  float getExtraMemoryTarget() const noexcept override { return extra_memory_; }
  bool isValid() const noexcept override;

  Profile profile() const;

 private:
  using Shapes = std::array<nvinfer1::Dims, 3>;  // by selector; nbDims -1: not set
  struct Values {
    std::array<std::vector<int64_t>, 3> wide;
    std::array<std::vector<int32_t>, 3> narrow;
  };

  Reporter reporter_;
  std::map<std::string, Shapes, std::less<>> shapes_;
  std::map<std::string, Values, std::less<>> values_;
  float extra_memory_ = 1;
};

}  // namespace temper::api
