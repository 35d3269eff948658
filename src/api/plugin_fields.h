// The parameters of an IPluginV3 as bytes: what a plan keeps of it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "base/error.h"

namespace temper::api {

// Of one element; 0: there is no such type. Of kUNKNOWN the length counts bytes.
int64_t field_element_bits(nvinfer1::PluginFieldType type);

Expected<std::string> write_fields(nvinfer1::PluginFieldCollection const* fields);

// Fields that were read from such bytes; it owns what they point to.
class ReadFields {
 public:
  static Expected<ReadFields> read(std::span<const uint8_t> bytes);
  nvinfer1::PluginFieldCollection collection() const { return {static_cast<int32_t>(fields_.size()), fields_.data()}; }

 private:
  struct Owned {
    std::string name;
    std::vector<std::max_align_t> data;
  };
  std::vector<Owned> owned_;
  std::vector<nvinfer1::PluginField> fields_;
};

}  // namespace temper::api
