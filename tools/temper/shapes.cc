#include "shapes.h"

#include <algorithm>

#include "numbers.h"
#include "problem.h"

namespace tool {
namespace {

// "'a':b" -> a. Only a name that is quoted as a whole loses its quotes.
std::string unquote(std::string_view name) {
  if (name.size() >= 2 && name.front() == '\'' && name.back() == '\'') name = name.substr(1, name.size() - 2);
  return std::string(name);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_named_list(std::string_view text, std::string_view flag) {
  std::vector<std::pair<std::string, std::string>> entries;
  size_t start = 0;
  while (start <= text.size()) {
    size_t end = start, colon = std::string_view::npos;
    bool quoted = false;
    for (; end < text.size() && (quoted || text[end] != ','); ++end) {
      if (text[end] == '\'') quoted = !quoted;
      if (!quoted && text[end] == ':') colon = end;
    }
    const std::string_view entry = text.substr(start, end - start);
    if (quoted) throw bad_argument(std::string(flag) + ": the quote that opens in '" + std::string(entry) + "' is not closed");
    if (colon == std::string_view::npos || colon == start) {
      throw bad_argument(std::string(flag) + " takes name:value pairs divided by commas; '" + std::string(entry) +
                         "' is not one");
    }
    std::string name = unquote(text.substr(start, colon - start));
    const bool twice = std::any_of(entries.begin(), entries.end(), [&](const auto& e) { return e.first == name; });
    if (twice) throw bad_argument(std::string(flag) + " names '" + name + "' twice");
    entries.emplace_back(std::move(name), text.substr(colon + 1, end - colon - 1));
    start = end + 1;
    if (end == text.size()) break;
  }
  return entries;
}

nvinfer1::Dims parse_dims(std::string_view text, std::string_view flag) {
  nvinfer1::Dims dims{};
  if (text == "scalar") return dims;
  size_t start = 0;
  while (true) {
    const size_t end = std::min(text.find('x', start), text.size());
    if (dims.nbDims == nvinfer1::Dims::MAX_DIMS) {
      throw bad_argument(std::string(flag) + ": '" + std::string(text) + "' has more than 8 extents");
    }
    dims.d[dims.nbDims++] =
        parse_integer(text.substr(start, end - start), std::string(flag) + " '" + std::string(text) + "'", 0, INT64_MAX);
    if (end == text.size()) return dims;
    start = end + 1;
  }
}

ShapeSpec parse_shapes(std::string_view text, std::string_view flag) {
  ShapeSpec spec;
  for (auto& [name, shape] : parse_named_list(text, flag)) spec.emplace_back(name, parse_dims(shape, flag));
  return spec;
}

const nvinfer1::Dims* find_shape(const ShapeSpec& spec, std::string_view name) {
  for (const auto& [key, dims] : spec) {
    if (key == name) return &dims;
  }
  return nullptr;
}

std::string dims_text(const nvinfer1::Dims& dims) {
  if (dims.nbDims < 0) return "unknown";
  if (dims.nbDims == 0) return "scalar";
  std::string text;
  for (int i = 0; i < dims.nbDims; ++i) {
    if (i > 0) text += 'x';
    append(text, int64_t(dims.d[i]));
  }
  return text;
}

bool same_dims(const nvinfer1::Dims& a, const nvinfer1::Dims& b) {
  return a.nbDims == b.nbDims && std::equal(a.d, a.d + std::max(a.nbDims, 0), b.d);
}

bool has_unknown(const nvinfer1::Dims& dims) {
  return dims.nbDims < 0 || std::any_of(dims.d, dims.d + dims.nbDims, [](int64_t extent) { return extent < 0; });
}

int64_t volume(const nvinfer1::Dims& dims) {
  int64_t count = 1;
  for (int i = 0; i < dims.nbDims; ++i) {
    if (__builtin_mul_overflow(count, dims.d[i], &count)) {
      throw bad_argument("a tensor of shape " + dims_text(dims) + " has more elements than fit in 64 bits");
    }
  }
  return count;
}

}  // namespace tool
