#include "api/translate.h"

namespace temper::api {

using nvinfer1::DataType;

nvinfer1::DataType to_public(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return DataType::kFLOAT;
    case DType::kF16:
      return DataType::kHALF;
    case DType::kBF16:
      return DataType::kBF16;
    case DType::kF8E4M3:
      return DataType::kFP8;
    case DType::kI8:
      return DataType::kINT8;
    case DType::kI32:
      return DataType::kINT32;
    case DType::kI64:
      return DataType::kINT64;
    case DType::kU8:
      return DataType::kUINT8;
    case DType::kI4:
      return DataType::kINT4;
    case DType::kBool:
      return DataType::kBOOL;
    default:
      return static_cast<DataType>(kFirstOwnType + int32_t(dtype));
  }
}

std::optional<DType> from_public(DataType type) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (to_public(static_cast<DType>(i)) == type) return static_cast<DType>(i);
  }
  return std::nullopt;
}

nvinfer1::Dims to_public(std::span<const int64_t> dims) {
  nvinfer1::Dims result{};
  if (dims.size() > size_t(nvinfer1::Dims::MAX_DIMS)) return invalid_dims();
  result.nbDims = static_cast<int32_t>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) result.d[i] = dims[i];
  return result;
}

std::optional<std::vector<int64_t>> from_public(const nvinfer1::Dims& dims) {
  if (dims.nbDims < 0 || dims.nbDims > nvinfer1::Dims::MAX_DIMS) return std::nullopt;
  return std::vector<int64_t>(dims.d, dims.d + dims.nbDims);
}

std::string dims_text(const nvinfer1::Dims& dims) {
  if (dims.nbDims < 0 || dims.nbDims > nvinfer1::Dims::MAX_DIMS) return "a rank of " + std::to_string(dims.nbDims);
  if (dims.nbDims == 0) return "scalar";
  std::string text;
  for (int i = 0; i < dims.nbDims; ++i) text += (i ? "x" : "") + std::to_string(dims.d[i]);
  return text;
}

nvinfer1::Dims invalid_dims() {
  nvinfer1::Dims dims{};
  dims.nbDims = -1;
  return dims;
}

}  // namespace temper::api
