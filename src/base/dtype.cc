#include "base/dtype.h"

#include <bit>

namespace temper {
namespace {

struct Row {
  std::string_view name;
  int bits;
  int onnx;  // TensorProto.DataType
};

// In the order of DType.
constexpr Row kRows[kDTypeCount] = {
    {"f32", 32, 1},  {"f64", 64, 11}, {"f16", 16, 10}, {"bf16", 16, 16}, {"f8e4m3", 8, 17}, {"f8e5m2", 8, 19},
    {"i8", 8, 3},    {"i16", 16, 5},  {"i32", 32, 6},  {"i64", 64, 7},   {"u8", 8, 2},      {"u16", 16, 4},
    {"u32", 32, 12}, {"u64", 64, 13}, {"i4", 4, 22},   {"u4", 4, 21},    {"bool", 8, 9},    {"string", 0, 8},
};

const Row& row(DType dtype) { return kRows[static_cast<int>(dtype)]; }

// The binary floating formats of at most 16 bits: sign, `kExponentBits` and `kFractionBits`, with bias 2^(kExponentBits-1) - 1.
// kFinite formats have no infinity: all exponents are of numbers, and only the pattern of all ones is NaN (f8e4m3).
template <int kExponentBits, int kFractionBits, bool kFinite>
struct Narrow {
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr uint32_t kMagnitudeBits = kExponentBits + kFractionBits;
  static constexpr uint32_t kMagnitude = (1u << kMagnitudeBits) - 1;
  static constexpr uint32_t kExponentMask = ((1u << kExponentBits) - 1) << kFractionBits;
  static constexpr uint32_t kLargest = kFinite ? kMagnitude - 1 : kExponentMask - 1;

  static float widen(uint32_t bits) {
    const uint32_t sign = (bits >> kMagnitudeBits & 1) << 31;
    const uint32_t magnitude = bits & kMagnitude;
    const uint32_t fraction = bits & ((1u << kFractionBits) - 1);
    if (magnitude > kLargest) {  // NaN keeps its fraction; infinity has none
      const bool nan = kFinite || fraction != 0;
      return std::bit_cast<float>(sign | 0x7f800000u | (nan ? 0x400000u | fraction << (23 - kFractionBits) : 0));
    }
    const uint32_t exponent = magnitude >> kFractionBits;
    if (exponent != 0)
      return std::bit_cast<float>(sign | ((magnitude << (23 - kFractionBits)) + (uint32_t(127 - kBias) << 23)));
    // Subnormal: fraction x 2^(1 - bias - fraction bits), which is a normal float.
    const float unit = std::bit_cast<float>(uint32_t(127 + 1 - kBias - kFractionBits) << 23);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(static_cast<float>(fraction) * unit) | sign);
  }

  // kSaturate: numbers beyond the largest finite one become it; infinity does only where the format has none, so that every
  // value of the format comes back as itself.
  template <bool kSaturate>
  static uint32_t narrow(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (bits >> 31) << kMagnitudeBits;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {  // NaN: the high bits of the fraction stay, and it becomes quiet
      if (kFinite) return sign | kMagnitude;
      return sign | kExponentMask | 1u << (kFractionBits - 1) |
             (magnitude >> (23 - kFractionBits) & ((1u << kFractionBits) - 1));
    }
    // The value as an integer times 2^shift of the unit in the last place of the result, rounded to nearest even.
    const int exponent = static_cast<int>(magnitude >> 23) - 127;
    uint32_t rounded;
    if (exponent < 1 - kBias) {  // becomes subnormal, or the least normal number
      const int shift = (1 - kBias - exponent) + (23 - kFractionBits);
      if (shift > 24) {
        rounded = 0;  // less than half of the least number
      } else {
        rounded = round_shift((magnitude & 0x7fffffu) | 0x800000u, shift);
      }
    } else {
      rounded = round_shift(magnitude - (uint32_t(127 - kBias) << 23), 23 - kFractionBits);
    }
    if (rounded > kLargest) rounded = kSaturate && (kFinite || magnitude < 0x7f800000u) ? kLargest : kExponentMask;
    return sign | rounded;
  }

 private:
  static uint32_t round_shift(uint32_t value, int shift) {
    const uint32_t half = 1u << (shift - 1);
    const uint32_t odd = value >> shift & 1;
    return (value + half - 1 + odd) >> shift;
  }
};

using Half = Narrow<5, 10, false>;
using E4M3 = Narrow<4, 3, true>;
using E5M2 = Narrow<5, 2, false>;

}  // namespace

std::string_view dtype_name(DType dtype) { return row(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kRows[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<DType> dtype_from_onnx(int onnx_type) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kRows[i].onnx == onnx_type) return static_cast<DType>(i);
  return std::nullopt;
}

int dtype_to_onnx(DType dtype) { return row(dtype).onnx; }
int dtype_bits(DType dtype) { return row(dtype).bits; }

float f16_to_f32(uint16_t bits) { return Half::widen(bits); }
uint16_t f32_to_f16(float value) { return static_cast<uint16_t>(Half::narrow<false>(value)); }

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float f8e4m3_to_f32(uint8_t bits) { return E4M3::widen(bits); }
uint8_t f32_to_f8e4m3(float value) { return static_cast<uint8_t>(E4M3::narrow<true>(value)); }
float f8e5m2_to_f32(uint8_t bits) { return E5M2::widen(bits); }
uint8_t f32_to_f8e5m2(float value) { return static_cast<uint8_t>(E5M2::narrow<true>(value)); }

}  // namespace temper
