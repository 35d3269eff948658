// bfloat16 on the host: the type, and its conversions.
#pragma once

#ifdef __cplusplus
#include <cstdint>
#include <cstring>

#include "cuda_runtime_api.h"

namespace hostcuda {
inline float bfloat16_value(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}
// To nearest, halves to even.
inline std::uint16_t bfloat16_bits(float value) {
  std::uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  if ((wide & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>(wide >> 16 | 0x40u);
  return static_cast<std::uint16_t>((wide + 0x7FFFu + (wide >> 16 & 1u)) >> 16);
}
}  // namespace hostcuda

struct __nv_bfloat16 {
  std::uint16_t x = 0;  // the bits
  __nv_bfloat16() = default;
  __nv_bfloat16(float value) : x(hostcuda::bfloat16_bits(value)) {}
  __nv_bfloat16(double value) : __nv_bfloat16(static_cast<float>(value)) {}
  __nv_bfloat16(int value) : __nv_bfloat16(static_cast<float>(value)) {}
  operator float() const { return hostcuda::bfloat16_value(x); }
};
typedef __nv_bfloat16 nv_bfloat16;
inline float __bfloat162float(__nv_bfloat16 value) { return value; }
inline __nv_bfloat16 __float2bfloat16(float value) { return value; }
#endif
