#include "npy.h"

#include <cstring>
#include <optional>

#include "elements.h"
#include "numbers.h"
#include "problem.h"
#include "shapes.h"

namespace tool {
namespace {

using nvinfer1::DataType;

struct Descriptor {
  std::string_view text;
  DataType type;
};
constexpr Descriptor kDescriptors[] = {
    {"<f4", DataType::kFLOAT}, {"<f2", DataType::kHALF},  {"|i1", DataType::kINT8}, {"<i4", DataType::kINT32},
    {"<i8", DataType::kINT64}, {"|u1", DataType::kUINT8}, {"|b1", DataType::kBOOL},
};
constexpr std::string_view kMagic = "\x93NUMPY";

// The value of a key of the header, which is the text of a Python dictionary: "{'descr': '<f4', 'fortran_order': False, ...}".
std::string_view header_value(std::string_view header, std::string_view key) {
  const size_t at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos) return {};
  size_t start = header.find(':', at);
  if (start == std::string_view::npos) return {};
  start = header.find_first_not_of(' ', start + 1);
  if (start == std::string_view::npos) return {};
  const char close = header[start] == '(' ? ')' : header[start] == '\'' ? '\'' : ',';
  const size_t end = header.find(close, start + 1);
  if (end == std::string_view::npos) return {};
  return header.substr(start, end - start + (close != ','));
}

std::optional<nvinfer1::Dims> parse_tuple(std::string_view text) {
  nvinfer1::Dims dims{};
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    size_t end = 0;
    int64_t extent = 0;
    for (; end < text.size() && text[end] >= '0' && text[end] <= '9'; ++end) {
      if (__builtin_mul_overflow(extent, 10, &extent) || __builtin_add_overflow(extent, text[end] - '0', &extent))
        return std::nullopt;
    }
    if (end == 0 || dims.nbDims == nvinfer1::Dims::MAX_DIMS) return std::nullopt;
    dims.d[dims.nbDims++] = extent;
    text.remove_prefix(end);
    while (!text.empty() && (text.front() == ',' || text.front() == ' ')) text.remove_prefix(1);
  }
  return dims;
}

}  // namespace

NpyArray read_npy(std::string_view bytes, const std::string& name) {
  auto corrupt = [&](const std::string& reason) {
    return Problem("E_CORRUPT", "'" + name + "' is not a readable .npy file: " + reason + "; write it with numpy.save");
  };
  if (bytes.size() < 10 || !bytes.starts_with(kMagic)) throw corrupt("it does not begin with \\x93NUMPY");
  const int version = uint8_t(bytes[6]);
  if (version < 1 || version > 3) throw corrupt("version " + std::to_string(version) + " is unknown");
  const size_t prefix = version == 1 ? 10 : 12;
  uint32_t length = 0;
  if (bytes.size() < prefix) throw corrupt("the header is cut off");
  std::memcpy(&length, bytes.data() + 8, prefix - 8);
  if (length > bytes.size() - prefix) throw corrupt("the header is cut off");
  const std::string_view header = bytes.substr(prefix, length);
  const std::string_view descriptor = header_value(header, "descr");
  if (header_value(header, "fortran_order") != "False") throw corrupt("the order of its elements must be C's, not Fortran's");
  const auto dims = parse_tuple(header_value(header, "shape"));
  if (!dims) throw corrupt("its shape can't be read, or has more than 8 extents");
  for (const Descriptor& row : kDescriptors) {
    if (descriptor != "'" + std::string(row.text) + "'") continue;
    const std::string_view data = bytes.substr(prefix + length);
    const int64_t wanted = tensor_bytes(row.type, volume(*dims));
    if (int64_t(data.size()) != wanted) {
      throw corrupt("shape " + dims_text(*dims) + " needs " + std::to_string(wanted) + " bytes, it has " +
                    std::to_string(data.size()));
    }
    return {row.type, *dims, std::string(data)};
  }
  throw corrupt("type " + std::string(descriptor) + " is not one of '<f4', '<f2', '<i4', '<i8', '|i1', '|u1', '|b1'");
}

std::string npy_bytes(DataType type, const nvinfer1::Dims& dims, const void* data) {
  const int64_t count = volume(dims);
  std::string widened;
  if (type == DataType::kBF16) {
    widened.resize(size_t(count) * sizeof(float));
    for (int64_t i = 0; i < count; ++i) {
      uint16_t bits;
      std::memcpy(&bits, static_cast<const char*>(data) + i * 2, 2);
      const float value = bfloat16_to_float(bits);
      std::memcpy(widened.data() + i * 4, &value, 4);
    }
    type = DataType::kFLOAT;
    data = widened.data();
  }
  for (const Descriptor& row : kDescriptors) {
    if (row.type != type) continue;
    std::string header = "{'descr': '" + std::string(row.text) + "', 'fortran_order': False, 'shape': (";
    for (int i = 0; i < dims.nbDims; ++i) {
      append(header, int64_t(dims.d[i]));
      header += dims.nbDims == 1 || i + 1 < dims.nbDims ? "," : "";
    }
    header += "), }";
    header.append(64 - (kMagic.size() + 5 + header.size()) % 64, ' ');
    header += '\n';
    std::string bytes(kMagic);
    bytes += '\x01';
    bytes += '\0';
    bytes += char(header.size() & 255);
    bytes += char(header.size() >> 8);
    bytes += header;
    bytes.append(static_cast<const char*>(data), size_t(tensor_bytes(type, count)));
    return bytes;
  }
  throw unsupported("tensors of type " + std::string(type_name(type)) + " can't be written as .npy");
}

}  // namespace tool
