// Element types, dims and names between the API's words and Temper's.
//
// Note [Types beyond the API]
// ONNX has element types that the API has no name for (f64, i16, u16, u32, u64, f8e5m2, u4). Tensors of these types pass
// through the API under numbers of their own, kFirstOwnType + DType: programs that only move bytes (by
// getTensorBytesPerComponent) work with them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "NvInferRuntime.h"
#include "base/dtype.h"

namespace temper::api {

inline constexpr int32_t kFirstOwnType = 64;

nvinfer1::DataType to_public(DType dtype);
std::optional<DType> from_public(nvinfer1::DataType type);  // nullopt: not a type, or one that Temper does not have (fp4, e8m0)

// nbDims = -1 for a rank over MAX_DIMS.
nvinfer1::Dims to_public(std::span<const int64_t> dims);
// nullopt: not a rank. Extents are not looked at.
std::optional<std::vector<int64_t>> from_public(const nvinfer1::Dims& dims);
std::string dims_text(const nvinfer1::Dims& dims);  // "1x3x-1"
nvinfer1::Dims invalid_dims();

// Values of an enum that has no meaning give false.
template <class Enum>
bool is_value(Enum value) {
  return int32_t(value) >= 0 && int32_t(value) < nvinfer1::EnumMax<Enum>();
}

}  // namespace temper::api
