// Arrays in NumPy's .npy format, versions 1 to 3, little-endian, in C order.
#pragma once

#include <string>
#include <string_view>

#include "NvInferRuntimeBase.h"

namespace tool {

struct NpyArray {
  nvinfer1::DataType type;
  nvinfer1::Dims dims;
  std::string data;  // elements, without the header
};

// Types: f4, f2, i1, i4, i8, u1, b1. bfloat16 has no name in NumPy: it is written as f4 and read from f4 by the caller.
NpyArray read_npy(std::string_view bytes, const std::string& name);
std::string npy_bytes(nvinfer1::DataType type, const nvinfer1::Dims& dims, const void* data);

}  // namespace tool
