// Descriptors: the tensors of a plugin in the structs that it reads.
//
// Note [Plugins of level 8]
// Plugins are called with structs that hold Dims, whose extents have 32 bits in a program of level 8; getTensorRTVersion()
// tells the level. Arrays are given by address, so one in the other layout does. A Dims that a method returns is larger than
// two registers in either width, so the plugin writes it to memory of ours, in its own layout.
#pragma once

#include <span>
#include <vector>

#include "NvInfer.h"
#include "ops/core/plugin.h"

namespace temper::api {

class Descriptors {
 public:
  Descriptors(bool narrow, std::span<const PluginTensorRange> tensors);
  // Arrays that begin with tensor `first`.
  nvinfer1::PluginTensorDesc const* plain(size_t first) const {
    return at<nvinfer1::PluginTensorDesc>(plain_, plain32_, first);
  }
  // `plain` at the largest extents.
  nvinfer1::PluginTensorDesc const* largest(size_t first) const {
    return at<nvinfer1::PluginTensorDesc>(largest_, largest32_, first);
  }
  nvinfer1::DynamicPluginTensorDesc const* dynamic(size_t first) const {
    return at<nvinfer1::DynamicPluginTensorDesc>(dynamic_, dynamic32_, first);
  }
  nvinfer1::Dims const* dims(size_t first) const { return at<nvinfer1::Dims>(dims_, dims32_, first); }
  nvinfer1::DataType const* types(size_t first) const { return types_.data() + first; }

 private:
  struct Plain32 {
    nvinfer1::Dims32 dims;
    nvinfer1::DataType type;
    nvinfer1::TensorFormat format;
    float scale;
  };
  struct Dynamic32 {
    Plain32 desc;
    nvinfer1::Dims32 min, max;
  };
  template <class T, class Wide, class Narrow>
  const T* at(const std::vector<Wide>& wide, const std::vector<Narrow>& narrow, size_t first) const {
    return narrow_ ? reinterpret_cast<const T*>(narrow.data() + first) : wide.data() + first;
  }
  bool narrow_;
  std::vector<nvinfer1::PluginTensorDesc> plain_, largest_;
  std::vector<Plain32> plain32_, largest32_;
  std::vector<nvinfer1::DynamicPluginTensorDesc> dynamic_;
  std::vector<Dynamic32> dynamic32_;
  std::vector<nvinfer1::Dims> dims_;
  std::vector<nvinfer1::Dims32> dims32_;
  std::vector<nvinfer1::DataType> types_;
};

// What a plugin of level 8 has returned as Dims. Note [Plugins of level 8]
nvinfer1::Dims widened(const nvinfer1::Dims& returned);

}  // namespace temper::api
