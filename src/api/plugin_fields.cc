#include "api/plugin_fields.h"

#include <cstring>

#include "api/reporter.h"

namespace temper::api {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldType;

int64_t field_element_bits(PluginFieldType type) {
  switch (type) {
    case PluginFieldType::kINT4:
    case PluginFieldType::kFP4:
      return 4;
    case PluginFieldType::kINT8:
    case PluginFieldType::kCHAR:
    case PluginFieldType::kFP8:
    case PluginFieldType::kUNKNOWN:
      return 8;
    case PluginFieldType::kFLOAT16:
    case PluginFieldType::kBF16:
    case PluginFieldType::kINT16:
      return 16;
    case PluginFieldType::kFLOAT32:
    case PluginFieldType::kINT32:
      return 32;
    case PluginFieldType::kFLOAT64:
    case PluginFieldType::kINT64:
      return 64;
    case PluginFieldType::kDIMS:
      return 8 * int64_t(sizeof(nvinfer1::Dims));
  }
  return 0;
}

namespace {

constexpr uint32_t kMostFields = 1 << 16;

int64_t data_bytes(PluginFieldType type, int64_t length) { return (field_element_bits(type) * length + 7) / 8; }

void put(std::string& to, uint32_t number) {
  for (int i = 0; i < 4; ++i) to += static_cast<char>(number >> (8 * i));
}

struct Cursor {
  std::span<const uint8_t> bytes;
  bool good = true;
  std::span<const uint8_t> take(size_t count) {
    good = good && count <= bytes.size();
    if (!good) return {};
    const auto taken = bytes.first(count);
    bytes = bytes.subspan(count);
    return taken;
  }
  uint32_t number() {
    const auto four = take(4);
    uint32_t value = 0;
    for (size_t i = 0; i < four.size(); ++i) value |= uint32_t(four[i]) << (8 * i);
    return value;
  }
};

}  // namespace

Expected<std::string> write_fields(nvinfer1::PluginFieldCollection const* fields) {
  std::string bytes;
  const int32_t count = fields ? fields->nbFields : 0;
  if (count < 0 || (count > 0 && !fields->fields)) return invalid("its getFieldsToSerialize() gives no fields");
  put(bytes, static_cast<uint32_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    const PluginField& field = fields->fields[i];
    const std::string name = field.name ? field.name : "";
    const int64_t bits = field_element_bits(field.type);
    if (bits == 0 || field.length < 0 || (field.length > 0 && !field.data))
      return invalid("its field '" + name + "' is of no type that there is, or has no data");
    const auto size = static_cast<size_t>(data_bytes(field.type, field.length));
    put(bytes, static_cast<uint32_t>(name.size()));
    bytes += name;
    put(bytes, static_cast<uint32_t>(field.type));
    put(bytes, static_cast<uint32_t>(field.length));
    if (size > 0) bytes.append(static_cast<const char*>(field.data), size);
  }
  return bytes;
}

Expected<ReadFields> ReadFields::read(std::span<const uint8_t> bytes) {
  ReadFields result;
  Cursor at{bytes};
  const uint32_t count = at.number();
  const Error damaged(ErrorCode::kCorrupt, "what the plan keeps of the plugin is damaged; build it again");
  if (!at.good || count > kMostFields) return damaged;
  result.owned_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto name = at.take(at.number());
    const auto type = static_cast<PluginFieldType>(at.number());
    const uint32_t length = at.number();
    const bool known = int32_t(type) >= 0 && int32_t(type) < nvinfer1::EnumMax<PluginFieldType>();
    if (!at.good || !known || length > uint32_t(INT32_MAX)) return damaged;
    const auto data = at.take(static_cast<size_t>(data_bytes(type, length)));
    if (!at.good) return damaged;
    Owned owned{std::string(name.begin(), name.end()), {}};
    owned.data.resize(data.size() / sizeof(std::max_align_t) + 1);
    if (!data.empty()) std::memcpy(owned.data.data(), data.data(), data.size());
    result.owned_.push_back(std::move(owned));
    const Owned& kept = result.owned_.back();
    result.fields_.emplace_back(kept.name.c_str(), kept.data.data(), type, static_cast<int32_t>(length));
  }
  if (!at.bytes.empty()) return damaged;
  return result;
}

}  // namespace temper::api
