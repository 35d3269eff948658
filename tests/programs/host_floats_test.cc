// The narrow floats of hostcuda's headers: every number survives, and rounding is to nearest, halves to even.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_fp8.h"

namespace {

TEST(HostFloats, EveryNumberSurvives) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    __half half;
    half.x = uint16_t(bits);
    _Float16 same;
    std::memcpy(&same, &half.x, sizeof same);
    if (!std::isnan(float(half))) {
      ASSERT_EQ(float(half), float(same)) << bits;
      ASSERT_EQ(__half(float(half)).x, bits);
    }
    __nv_bfloat16 wide;
    wide.x = uint16_t(bits);
    if (!std::isnan(float(wide))) {
      ASSERT_EQ(__nv_bfloat16(float(wide)).x, bits);
    }
  }
  for (uint32_t bits = 0; bits < 256; ++bits) {
    __nv_fp8_e4m3 exact;
    exact.__x = uint8_t(bits);
    if (!std::isnan(float(exact))) {
      ASSERT_EQ(__nv_fp8_e4m3(float(exact)).__x, bits);
    }
    __nv_fp8_e5m2 wide;
    wide.__x = uint8_t(bits);
    if (std::isfinite(float(wide))) {
      ASSERT_EQ(__nv_fp8_e5m2(float(wide)).__x, bits);
    }
  }
}

TEST(HostFloats, FloatsRoundAsTheCompilerRoundsThem) {
  uint32_t state = 1;
  for (int i = 0; i < 200000; ++i) {
    state = state * 1664525u + 1013904223u;
    float value;
    std::memcpy(&value, &state, sizeof value);
    if (std::isnan(value)) continue;
    const auto wanted = static_cast<_Float16>(value);
    uint16_t bits;
    std::memcpy(&bits, &wanted, sizeof bits);
    ASSERT_EQ(__half(value).x, bits) << value;
  }
  EXPECT_EQ(float(__nv_fp8_e4m3(17.0f)), 16);
  EXPECT_EQ(float(__nv_fp8_e4m3(19.0f)), 20);
  EXPECT_EQ(float(__nv_fp8_e4m3(1e9f)), 448);
  EXPECT_EQ(float(__nv_fp8_e5m2(-1e9f)), -57344);
}

}  // namespace
