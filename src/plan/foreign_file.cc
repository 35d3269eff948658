// What a file that is not a plan probably is, so that the error can say what to do with it.
#include <algorithm>
#include <cstring>

#include "plan/container_layout.h"

namespace temper {
namespace {

struct Magic {
  std::string_view bytes;
  std::string_view name;
};
constexpr Magic kMagics[] = {
    {"ftrt", "a TensorRT engine"},
    {"ptrt", "a TensorRT engine"},
    {std::string_view("PK\3\4"), "a ZIP archive (a PyTorch checkpoint?)"},
    {"\x1f\x8b", "a gzip file"},
    {"\x28\xb5\x2f\xfd", "a Zstandard file"},
    {"\x93NUMPY", "a NumPy array"},
    {"\x7f"
     "ELF",
     "a program or shared library"},
    {"\x89HDF", "an HDF5 file"},
};

class Protobuf {
 public:
  explicit Protobuf(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool at_end() const { return position_ == bytes_.size(); }

  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_end()) return false;
      const auto byte = static_cast<uint8_t>(bytes_[position_++]);
      value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool skip(uint64_t count) {
    if (count > bytes_.size() - position_) return false;
    position_ += count;
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t position_ = 0;
};

// A ModelProto: nothing but its own fields, each of the right wire type. A file cut short in its graph still counts.
bool looks_like_onnx(std::span<const std::byte> bytes) {
  constexpr int kVarint = 0, kBytes = 2;
  auto wire_type = [](uint64_t field) {
    switch (field) {
      case 1:
      case 5:
        return kVarint;  // ir_version, model_version
      case 2:
      case 3:
      case 4:
      case 6:
      case 7:
      case 8:
      case 14:
      case 20:
      case 25:
      case 26:
        return kBytes;
      default:
        return -1;
    }
  };
  Protobuf message(bytes);
  int fields = 0;
  while (!message.at_end() && fields < 64) {
    uint64_t tag, value;
    if (!message.varint(tag) || wire_type(tag >> 3) != static_cast<int>(tag & 7)) return false;
    ++fields;
    if (!message.varint(value)) return false;
    if ((tag & 7) == kBytes && !message.skip(value)) return fields >= 3;
  }
  return fields >= 2;
}

bool looks_like_text(std::span<const std::byte> bytes) {
  const auto start = bytes.first(std::min<size_t>(bytes.size(), 512));
  return std::all_of(start.begin(), start.end(), [](std::byte b) {
    const auto c = static_cast<uint8_t>(b);
    return (c >= ' ' && c != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

}  // namespace

std::string_view recognise_foreign_file(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Magic& magic : kMagics)
    if (text.starts_with(magic.bytes)) return magic.name;
  if (looks_like_onnx(bytes)) return plan_layout::kOnnxFile;
  if (!bytes.empty() && looks_like_text(bytes)) return "text";
  return {};
}

}  // namespace temper
