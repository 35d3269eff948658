// Elements of tensors: their sizes and names, as text, and drawn at random.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "NvInferRuntimeBase.h"

namespace tool {

std::string_view type_name(nvinfer1::DataType type);  // "Float", "Int64": as in trtexec's reports and file names
int type_bits(nvinfer1::DataType type);
int64_t tensor_bytes(nvinfer1::DataType type, int64_t count);

// The number as JSON would have it; see numbers.h. Two elements to a byte: the low half first.
void append_element(std::string& text, nvinfer1::DataType type, const void* data, int64_t index);
// The elements of a shape, as text divided by `separator`.
std::string elements_text(nvinfer1::DataType type, const void* data, int64_t count, std::string_view separator);

float half_to_float(uint16_t bits);
float bfloat16_to_float(uint16_t bits);
float fp8_to_float(uint8_t bits);  // E4M3

// Note [Random inputs]
// Inputs that are not given are drawn by SplitMix64, seeded with the FNV-1a hash of the input's name: the same on every machine
// and in every run, whatever the other inputs are. Each element takes one draw, most significant bits first:
//   floating types  uniform in [-1, 1): 24 bits for float32, 8 bits for binary16 and bfloat16, so that every value is exact
//   uint8, int8     all values
//   other integers  0 or 1, which are valid as indices, masks and token types
//   bool            0 or 1
// Types of less than a byte and fp8 get 0.
void fill_random(nvinfer1::DataType type, void* data, int64_t count, std::string_view name);

}  // namespace tool
