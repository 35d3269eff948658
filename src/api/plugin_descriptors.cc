#include "api/plugin_descriptors.h"

#include <cstring>

#include "api/translate.h"

namespace temper::api {

using nvinfer1::Dims;
using nvinfer1::PluginTensorDesc;
using nvinfer1::impl::dims_as;

Descriptors::Descriptors(bool narrow, std::span<const PluginTensorRange> tensors) : narrow_(narrow) {
  for (const PluginTensorRange& tensor : tensors) {
    const Dims now = to_public(tensor.dims), least = to_public(tensor.least), most = to_public(tensor.largest);
    const auto type = to_public(tensor.dtype);
    types_.push_back(type);
    dims_.push_back(now);
    plain_.push_back({now, type, nvinfer1::TensorFormat::kLINEAR, 1});
    largest_.push_back({most, type, nvinfer1::TensorFormat::kLINEAR, 1});
    dynamic_.push_back({plain_.back(), least, most, to_public(tensor.best)});
    if (!narrow) continue;
    const auto as_narrow = [](const PluginTensorDesc& desc) {
      return Plain32{dims_as(desc.dims), desc.type, desc.format, desc.scale};
    };
    dims32_.push_back(dims_as(now));
    plain32_.push_back(as_narrow(plain_.back()));
    largest32_.push_back(as_narrow(largest_.back()));
    dynamic32_.push_back({plain32_.back(), dims_as(least), dims_as(most)});
  }
}

Dims widened(const Dims& returned) {
  nvinfer1::Dims32 narrow;
  std::memcpy(&narrow, &returned, sizeof(narrow));
  return dims_as(narrow);
}

}  // namespace temper::api
