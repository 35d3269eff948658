#include "base/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

namespace temper {
namespace {

// What the bits of a small binary format mean, straight from the definition.
double meaning(uint32_t bits, int exponent_bits, int fraction_bits, bool finite_only) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const uint32_t fraction = bits & ((1u << fraction_bits) - 1), exponent = bits >> fraction_bits & ((1u << exponent_bits) - 1);
  const double sign = bits >> (exponent_bits + fraction_bits) & 1 ? -1 : 1;
  const uint32_t top = (1u << exponent_bits) - 1;
  if (exponent == top && finite_only && fraction == (1u << fraction_bits) - 1) return std::nan("");
  if (exponent == top && !finite_only) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(1 + std::ldexp(fraction, -fraction_bits), static_cast<int>(exponent) - bias);
}

struct Format {
  const char* name;
  int exponent_bits, fraction_bits;
  bool finite_only, saturates;
  float (*widen)(uint32_t);
  uint32_t (*narrow)(float);
  int bits() const { return 1 + exponent_bits + fraction_bits; }
  double value(uint32_t bits) const { return meaning(bits, exponent_bits, fraction_bits, finite_only); }
};

const Format kFormats[] = {
    {"f16", 5, 10, false, false, [](uint32_t b) { return f16_to_f32(b); }, [](float f) -> uint32_t { return f32_to_f16(f); }},
    {"bf16", 8, 7, false, false, [](uint32_t b) { return bf16_to_f32(b); }, [](float f) -> uint32_t { return f32_to_bf16(f); }},
    {"f8e4m3", 4, 3, true, true, [](uint32_t b) { return f8e4m3_to_f32(b); },
     [](float f) -> uint32_t { return f32_to_f8e4m3(f); }},
    {"f8e5m2", 5, 2, false, true, [](uint32_t b) { return f8e5m2_to_f32(b); },
     [](float f) -> uint32_t { return f32_to_f8e5m2(f); }},
};

class NarrowFormat : public testing::TestWithParam<Format> {};

TEST_P(NarrowFormat, EveryPatternMeansWhatTheFormatSays) {
  const Format& format = GetParam();
  for (uint32_t bits = 0; bits < 1u << format.bits(); ++bits) {
    const float got = format.widen(bits);
    const double want = format.value(bits);
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got)) << bits;
    } else {
      EXPECT_EQ(got, want) << bits;
      EXPECT_EQ(std::signbit(got), std::signbit(want)) << bits;
    }
  }
}

TEST_P(NarrowFormat, EveryPatternComesBack) {
  const Format& format = GetParam();
  for (uint32_t bits = 0; bits < 1u << format.bits(); ++bits) {
    const double value = format.value(bits);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(format.value(format.narrow(format.widen(bits))))) << bits;
    } else {
      EXPECT_EQ(format.narrow(format.widen(bits)), bits);
    }
  }
}

// The non-negative finite values of the format in order, and what comes after the largest one if exponents went on.
struct Ladder {
  explicit Ladder(const Format& format) {
    for (uint32_t bits = 0; bits < 1u << (format.bits() - 1); ++bits) {
      const double value = format.value(bits);
      if (!std::isfinite(value)) break;
      values.push_back(value);
    }
    beyond = values.back() + (values.back() - values[values.size() - 2]);
  }
  std::vector<double> values;
  double beyond;
};

// Nearest value by search, ties to the even pattern.
uint32_t nearest(const Format& format, const Ladder& ladder, float value) {
  const double size = std::fabs(static_cast<double>(value));
  const uint32_t sign = std::signbit(value) ? 1u << (format.bits() - 1) : 0;
  const uint32_t largest = ladder.values.size() - 1;
  const auto above = std::lower_bound(ladder.values.begin(), ladder.values.end(), size);
  uint32_t high = above - ladder.values.begin();
  if (high <= largest && *above == size) return sign | high;
  const double high_value = high <= largest ? *above : ladder.beyond;
  const double low_value = ladder.values[high - 1];
  uint32_t result = size - low_value < high_value - size   ? high - 1
                    : size - low_value > high_value - size ? high
                                                           : high - 1 + (high - 1) % 2;
  if (size > high_value) result = high;
  if (result > largest && format.saturates) result = largest;
  return sign | result;
}

TEST_P(NarrowFormat, RoundsToNearestEven) {
  const Format& format = GetParam();
  const Ladder ladder(format);
  auto check = [&](float value) { ASSERT_EQ(format.narrow(value), nearest(format, ladder, value)) << std::hexfloat << value; };
  for (size_t i = 0; i < ladder.values.size(); ++i) {
    const double next = i + 1 < ladder.values.size() ? ladder.values[i + 1] : ladder.beyond;
    const float middle = static_cast<float>((ladder.values[i] + next) / 2);
    for (float base : {static_cast<float>(ladder.values[i]), middle}) {
      for (float value : {base, std::nextafterf(base, 0), std::nextafterf(base, INFINITY)}) {
        if (std::isinf(value)) continue;
        check(value);
        check(-value);
      }
    }
  }
  std::mt19937 random(5);
  for (int i = 0; i < 300'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isfinite(value)) check(value);
  }
}

TEST_P(NarrowFormat, InfinityAndNan) {
  const Format& format = GetParam();
  const Ladder ladder(format);
  for (float sign : {1.0f, -1.0f}) {
    const double got = format.value(format.narrow(sign * INFINITY));
    EXPECT_EQ(got, format.finite_only ? sign * ladder.values.back() : sign * INFINITY);
  }
  for (uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xff800001u, 0xffffffffu, 0x7f80ffffu, 0x7fbfffffu}) {
    const uint32_t got = format.narrow(std::bit_cast<float>(bits));
    EXPECT_TRUE(std::isnan(format.value(got))) << std::hex << bits;
    EXPECT_EQ(got >> (format.bits() - 1), bits >> 31);
  }
}

INSTANTIATE_TEST_SUITE_P(All, NarrowFormat, testing::ValuesIn(kFormats),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(DType, NamesAndOnnxNumbersAreUniqueAndComeBack) {
  std::set<std::string_view> names;
  std::set<int> numbers;
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
    EXPECT_EQ(dtype_from_onnx(dtype_to_onnx(dtype)), dtype);
    names.insert(dtype_name(dtype));
    numbers.insert(dtype_to_onnx(dtype));
  }
  EXPECT_EQ(names.size(), size_t(kDTypeCount));
  EXPECT_EQ(numbers.size(), size_t(kDTypeCount));
  EXPECT_EQ(dtype_name(DType::kF8E5M2), "f8e5m2");
  EXPECT_EQ(dtype_name(DType::kI4), "i4");
  EXPECT_EQ(dtype_to_onnx(DType::kF32), 1);
  EXPECT_EQ(dtype_to_onnx(DType::kI64), 7);
  EXPECT_FALSE(dtype_from_name("float"));
  for (int onnx_type : {0, 14, 15, 18, 20, -1, 1000}) EXPECT_FALSE(dtype_from_onnx(onnx_type)) << onnx_type;
}

TEST(DType, Sizes) {
  EXPECT_EQ(dtype_bytes(DType::kF64, 3), 24);
  EXPECT_EQ(dtype_bytes(DType::kU4, 3), 2);
  EXPECT_EQ(dtype_bytes(DType::kI4, 4), 2);
  EXPECT_EQ(dtype_bytes(DType::kBool, 5), 5);
  EXPECT_EQ(dtype_bits(DType::kString), 0);
}

}  // namespace
}  // namespace temper
