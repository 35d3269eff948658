#include "numbers.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "problem.h"

namespace tool {
namespace {

template <class T>
void append_float(std::string& text, T value) {
  if (std::isnan(value)) {
    text += "NaN";
  } else if (std::isinf(value)) {
    text += value < 0 ? "-Infinity" : "Infinity";
  } else {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
    text.append(buffer, end.ptr);
  }
}

}  // namespace

void append(std::string& text, float value) { append_float(text, value); }
void append(std::string& text, double value) { append_float(text, value); }
void append(std::string& text, int64_t value) { text += std::to_string(value); }

int64_t parse_integer(std::string_view text, std::string_view what, int64_t least, int64_t largest) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > largest) {
    std::string range = " from " + std::to_string(least);
    range += largest == INT64_MAX || largest == INT32_MAX ? " up" : " to " + std::to_string(largest);
    throw bad_argument(std::string(what) + " takes a whole number" + range + ", not '" + std::string(text) + "'");
  }
  return value;
}

double parse_real(std::string_view text, std::string_view what) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw bad_argument(std::string(what) + " takes a number, not '" + std::string(text) + "'");
  }
  return value;
}

uint64_t parse_size(std::string_view text, std::string_view what, uint64_t unit) {
  std::string_view digits = text;
  if (!digits.empty()) {
    const size_t at = std::string_view("BKMG").find(digits.back() & ~0x20);
    if (at != std::string_view::npos && digits.back() > '9') {
      unit = uint64_t{1} << (10 * at);
      digits.remove_suffix(1);
    }
  }
  double value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || !(value >= 0) || value * double(unit) > 1e18) {
    throw bad_argument(std::string(what) + " takes a size such as 512M (units B, K, M, G), not '" + std::string(text) + "'");
  }
  return uint64_t(value * double(unit));
}

std::string fixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

}  // namespace tool
