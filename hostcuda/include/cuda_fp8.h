// 8-bit floats on the host: E4M3 (finite, one NaN) and E5M2, and their conversions.
#pragma once

#ifdef __cplusplus
#include <cmath>
#include <cstdint>

namespace hostcuda {

// `bits` of a float with `mantissa` bits of fraction and this bias. The largest exponent is E4M3's own, and infinity's of E5M2.
inline float fp8_value(std::uint8_t bits, int mantissa, int bias, bool finite) {
  const int exponent = (bits & 0x7F) >> mantissa, fraction = bits & ((1 << mantissa) - 1), most = 0x7F >> mantissa;
  const float sign = bits & 0x80 ? -1.0f : 1.0f;
  if (finite && (bits & 0x7F) == 0x7F) return NAN;
  if (!finite && exponent == most) return fraction ? NAN : sign * INFINITY;
  const float base = exponent ? static_cast<float>((1 << mantissa) + fraction) : static_cast<float>(fraction);
  return sign * std::ldexp(base, (exponent ? exponent : 1) - bias - mantissa);
}
// The nearest, halves to even; what is too large becomes the largest number.
inline std::uint8_t fp8_bits(float value, int mantissa, int bias, bool finite) {
  const std::uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value)) return 0x7F;
  const std::uint8_t largest = finite ? 0x7E : static_cast<std::uint8_t>(0x7F - (1 << mantissa));
  const float size = std::fabs(value);
  if (size >= fp8_value(largest, mantissa, bias, finite)) return sign | largest;
  if (size == 0) return sign;
  int exponent = 0;
  std::frexp(size, &exponent);
  const int least = 1 - bias;
  const int scale = (exponent - 1 > least ? exponent - 1 : least) - mantissa;
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(size, -scale)));
  return sign | static_cast<std::uint8_t>(steps + ((scale + mantissa - least) << mantissa));
}

}  // namespace hostcuda

struct __nv_fp8_e4m3 {
  std::uint8_t __x = 0;  // the bits
  __nv_fp8_e4m3() = default;
  __nv_fp8_e4m3(float value) : __x(hostcuda::fp8_bits(value, 3, 7, true)) {}
  __nv_fp8_e4m3(double value) : __nv_fp8_e4m3(static_cast<float>(value)) {}
  __nv_fp8_e4m3(int value) : __nv_fp8_e4m3(static_cast<float>(value)) {}
  operator float() const { return hostcuda::fp8_value(__x, 3, 7, true); }
};

struct __nv_fp8_e5m2 {
  std::uint8_t __x = 0;
  __nv_fp8_e5m2() = default;
  __nv_fp8_e5m2(float value) : __x(hostcuda::fp8_bits(value, 2, 15, false)) {}
  __nv_fp8_e5m2(double value) : __nv_fp8_e5m2(static_cast<float>(value)) {}
  __nv_fp8_e5m2(int value) : __nv_fp8_e5m2(static_cast<float>(value)) {}
  operator float() const { return hostcuda::fp8_value(__x, 2, 15, false); }
};
#endif
