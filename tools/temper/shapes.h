// The shape grammar of the command line, as in trtexec:
//
//   spec  := entry (',' entry)*          "image:1x3x224x224,'odd,name:0':2x8,s:scalar"
//   entry := name ':' shape              the last ':' divides; a name in '...' may hold ',' and ':'
//   shape := 'scalar' | extent ('x' extent)*
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "NvInferRuntimeBase.h"

namespace tool {

using ShapeSpec = std::vector<std::pair<std::string, nvinfer1::Dims>>;

// Splits "name:value,..." where names may be quoted; the general form of --shapes, --loadInputs, --memPoolSize and others.
std::vector<std::pair<std::string, std::string>> parse_named_list(std::string_view text, std::string_view flag);
ShapeSpec parse_shapes(std::string_view text, std::string_view flag);
nvinfer1::Dims parse_dims(std::string_view text, std::string_view flag);
// nullptr when the name is not there.
const nvinfer1::Dims* find_shape(const ShapeSpec& spec, std::string_view name);

std::string dims_text(const nvinfer1::Dims& dims);  // "1x3x224x224", "scalar"
bool same_dims(const nvinfer1::Dims& a, const nvinfer1::Dims& b);
bool has_unknown(const nvinfer1::Dims& dims);  // an extent of -1
int64_t volume(const nvinfer1::Dims& dims);    // elements; every extent must be known

}  // namespace tool
