#include "onnx/other_format.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace temper::onnx {
namespace {

struct Signature {
  size_t offset;
  std::string_view magic;
  const char* what_and_cure;
};

using namespace std::string_view_literals;
constexpr Signature kSignatures[] = {
    {0, "TEMPRPLN"sv, "this is a Temper plan, not an ONNX model: it is built already; load it as an engine"},
    {0, "\x1f\x8b"sv, "this is a gzip archive, not an ONNX model; unpack it first (gunzip)"},
    {0, "PK\x03\x04"sv,
     "this is a zip archive, not an ONNX model; unpack it, or, if it is a PyTorch checkpoint, export it with "
     "torch.onnx.export"},
    {0,
     "\xfd"
     "7zXZ"sv,
     "this is an xz archive, not an ONNX model; unpack it first (unxz)"},
    {0, "\x28\xb5\x2f\xfd"sv, "this is a zstd archive, not an ONNX model; unpack it first (unzstd)"},
    {0, "BZh"sv, "this is a bzip2 archive, not an ONNX model; unpack it first (bunzip2)"},
    {257, "ustar"sv, "this is a tar archive, not an ONNX model; unpack it first (tar -x)"},
    {0, "\x89HDF"sv, "this is an HDF5 file (a Keras model?), not an ONNX model; export it with tf2onnx"},
    {0, "GGUF"sv, "this is a GGUF file, not an ONNX model; export the model from its training framework"},
    {4, "TFL3"sv, "this is a TensorFlow Lite model, not an ONNX model; convert it with tf2onnx"},
    {4, "ORTM"sv, "this is an ORT format model, not an ONNX model; use the .onnx file that it was made from"},
    {8, "{\""sv,
     "this is a safetensors file, weights without a network, not an ONNX model; export the model with torch.onnx.export"},
    {0, "\x80\x02"sv, "this is a Python pickle (a PyTorch checkpoint?), not an ONNX model; export it with torch.onnx.export"},
    {0,
     "\x7f"
     "ELF"sv,
     "this is a program or library, not an ONNX model"},
    {0, "version https://git-lfs"sv, "this is a Git LFS pointer, not the ONNX model itself; fetch it (git lfs pull)"},
    {0, "<ir_version"sv, "this is ONNX in text form; save it in binary form (onnx.save(onnx.parser.parse_model(text), path))"},
};

// UTF-8 counts as text if most of it is ASCII.
bool is_text(std::string_view text) {
  auto high = std::count_if(text.begin(), text.end(), [](char c) { return uint8_t(c) >= 0x80; });
  if (size_t(high) * 2 > text.size()) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return uint8_t(c) >= 0x20 ? c != 0x7f : (c >= '\t' && c <= '\r'); });
}

bool starts_with_tag(std::string_view text, std::string_view tag) {
  auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; };
  return text.size() >= tag.size() &&
         std::equal(tag.begin(), tag.end(), text.begin(), [&](char b, char a) { return same(a, b); });
}

}  // namespace

std::optional<Error> recognise_other_format(std::span<const std::byte> bytes) {
  auto wrong = [](const char* text) { return Error(ErrorCode::kInvalidArgument, text); };
  std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 512));
  if (head.empty()) return wrong("the file is empty; export or copy the model again");
  for (const Signature& s : kSignatures) {
    if (head.size() >= s.offset && head.substr(s.offset).starts_with(s.magic)) return wrong(s.what_and_cure);
  }
  if (!is_text(head)) {
    bool zeros = std::all_of(head.begin(), head.end(), [](char c) { return c == 0; });
    if (zeros)
      return wrong("the file begins with nothing but zeros, it is no ONNX model; a copy was not finished, copy it again");
    return std::nullopt;
  }
  std::string_view content = head.substr(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  if (starts_with_tag(content, "<!doctype html") || starts_with_tag(content, "<html")) {
    return wrong("this is a web page, not an ONNX model; download the file itself, not the page that shows it");
  }
  return wrong("this is a text file, not an ONNX model; ONNX models are binary, ending in .onnx as a rule");
}

}  // namespace temper::onnx
