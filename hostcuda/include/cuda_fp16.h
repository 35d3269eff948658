// binary16 on the host: the type, and its conversions.
#pragma once

#ifdef __cplusplus
#include <cstdint>
#include <cstring>

#include "cuda_runtime_api.h"

namespace hostcuda {
inline float half_value(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, fraction = bits & 1023u;
  if (exponent == 0) {
    const float small = static_cast<float>(fraction) * 5.9604644775390625e-8f;
    return sign ? -small : small;
  }
  const std::uint32_t wide = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | fraction << 13;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}
// To nearest, halves to even.
inline std::uint16_t half_bits(float value) {
  std::uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  const std::uint32_t sign = wide >> 16 & 0x8000u, magnitude = wide & 0x7FFFFFFFu;
  if (magnitude >= 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7C00u | (magnitude > 0x7F800000u ? 0x200u : 0u));
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);
  if (magnitude < 0x38800000u) {
    const float scaled = (sign ? -value : value) * 16777216.0f;  // exact: a power of two
    const auto whole = static_cast<std::uint32_t>(scaled);
    const float rest = scaled - static_cast<float>(whole);
    return static_cast<std::uint16_t>(sign | (whole + (rest > 0.5f || (rest == 0.5f && (whole & 1u)) ? 1u : 0u)));
  }
  const std::uint32_t rounded = magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}
}  // namespace hostcuda

struct __half {
  std::uint16_t x = 0;  // the bits
  __half() = default;
  __half(float value) : x(hostcuda::half_bits(value)) {}
  __half(double value) : __half(static_cast<float>(value)) {}
  __half(int value) : __half(static_cast<float>(value)) {}
  operator float() const { return hostcuda::half_value(x); }
};
typedef __half half;
inline float __half2float(__half value) { return value; }
inline __half __float2half(float value) { return value; }
#endif
