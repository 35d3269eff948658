// Rearranging weights on the host, at level 8. All return false, and change nothing, for types that have no whole bytes and for
// numbers below 1.
#pragma once

#include <cstring>
#include <vector>

#include "NvInfer.h"

namespace nvinfer1 {
namespace utils {

// Bytes of an element; 0: it has no whole ones.
inline int64_t elementBytes(DataType type) noexcept {
  switch (type) {
    case DataType::kINT64:
      return 8;
    case DataType::kFLOAT:
    case DataType::kINT32:
      return 4;
    case DataType::kHALF:
    case DataType::kBF16:
      return 2;
    case DataType::kINT8:
    case DataType::kUINT8:
    case DataType::kBOOL:
    case DataType::kFP8:
    case DataType::kE8M0:
      return 1;
    default:
      return 0;
  }
}

// Writes `input`, an array of these dims, to `data` with its dims in another order: dimension i of the result is dimension
// shapeOrder[i] of the input.
inline bool reshapeWeights(Weights const& input, int32_t const* shape, int32_t const* shapeOrder, void* data,
                           int32_t nbShapeDims) {
  int64_t const bytes = elementBytes(input.type);
  if (!bytes || !shape || !shapeOrder || !data || nbShapeDims < 1) return false;
  auto const rank = static_cast<std::size_t>(nbShapeDims);
  std::vector<int64_t> strides(rank, 1), index(rank, 0);
  for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  for (int64_t at = 0; at < input.count; ++at) {
    int64_t from = 0;
    for (std::size_t i = 0; i < rank; ++i) from += index[i] * strides[static_cast<std::size_t>(shapeOrder[i])];
    std::memcpy(static_cast<char*>(data) + at * bytes, static_cast<char const*>(input.values) + from * bytes,
                static_cast<std::size_t>(bytes));
    for (std::size_t i = rank; i-- > 0;) {
      if (++index[i] < shape[shapeOrder[i]]) break;
      index[i] = 0;
    }
  }
  return true;
}

// `num` pieces of `size` bytes put in another order: piece i becomes what was piece order[i].
inline bool reorderSubBuffers(void* input, int32_t const* order, int32_t num, int32_t size) noexcept {
  if (!input || !order || num < 1 || size < 1) return false;
  auto const piece = static_cast<std::size_t>(size);
  auto* const bytes = static_cast<char*>(input);
  std::vector<char> const before(bytes, bytes + piece * static_cast<std::size_t>(num));
  for (int32_t i = 0; i < num; ++i)
    std::memcpy(bytes + piece * static_cast<std::size_t>(i), before.data() + piece * static_cast<std::size_t>(order[i]), piece);
  return true;
}

// `num` matrices [height, width], each transposed in its place.
inline bool transposeSubBuffers(void* input, DataType type, int32_t num, int32_t height, int32_t width) noexcept {
  int64_t const bytes = elementBytes(type), elements = static_cast<int64_t>(height) * width;
  if (!input || !bytes || num < 1 || height < 1 || width < 1) return false;
  for (int32_t n = 0; n < num; ++n) {
    char* const matrix = static_cast<char*>(input) + n * elements * bytes;
    std::vector<char> const before(matrix, matrix + elements * bytes);
    for (int64_t i = 0; i < elements; ++i) {
      int64_t const from = i % height * width + i / height;
      std::memcpy(matrix + i * bytes, before.data() + from * bytes, static_cast<std::size_t>(bytes));
    }
  }
  return true;
}

}  // namespace utils
}  // namespace nvinfer1
