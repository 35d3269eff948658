#include "elements.h"

#include <cmath>
#include <cstring>

#include "numbers.h"

namespace tool {

using nvinfer1::DataType;

namespace {

struct TypeFacts {
  DataType type;
  std::string_view name;
  int bits;
};
constexpr TypeFacts kTypes[] = {
    {DataType::kFLOAT, "Float", 32}, {DataType::kHALF, "Half", 16},     {DataType::kINT8, "Int8", 8},
    {DataType::kINT32, "Int32", 32}, {DataType::kBOOL, "Bool", 8},      {DataType::kUINT8, "UInt8", 8},
    {DataType::kFP8, "FP8", 8},      {DataType::kBF16, "BFloat16", 16}, {DataType::kINT64, "Int64", 64},
    {DataType::kINT4, "Int4", 4},    {DataType::kFP4, "FP4", 4},        {DataType::kE8M0, "E8M0", 8},
};

const TypeFacts& facts(DataType type) {
  for (const TypeFacts& row : kTypes) {
    if (row.type == type) return row;
  }
  return kTypes[0];
}

template <class T>
T load(const void* data, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(data) + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

uint8_t nibble(const void* data, int64_t index) {
  const auto byte = load<uint8_t>(data, index / 2);
  return index % 2 == 0 ? byte & 15 : byte >> 4;
}

float fp4_to_float(uint8_t bits) {
  constexpr float kMagnitudes[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  return bits & 8 ? -kMagnitudes[bits & 7] : kMagnitudes[bits & 7];
}

class SplitMix64 {
 public:
  explicit SplitMix64(std::string_view name) : state_(0xcbf29ce484222325u) {
    for (const char letter : name) state_ = (state_ ^ uint8_t(letter)) * 0x100000001b3u;
  }
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// 8 random bits as a number in [-1, 1), which binary16 and bfloat16 hold exactly.
float coarse_uniform(uint64_t draw) { return float(int64_t(draw >> 56) - 128) / 128; }

uint16_t exact_half(float value) {
  if (value == 0) return 0;
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const int exponent = int((bits >> 23) & 255) - 127;
  return uint16_t((bits >> 16 & 0x8000) | uint32_t(exponent + 15) << 10 | (bits >> 13 & 0x3ff));
}

template <class T, class Draw>
void fill(void* data, int64_t count, SplitMix64& random, Draw draw) {
  auto* to = static_cast<T*>(data);
  for (int64_t i = 0; i < count; ++i) to[i] = T(draw(random.next()));
}

}  // namespace

std::string_view type_name(DataType type) { return facts(type).name; }
int type_bits(DataType type) { return facts(type).bits; }
int64_t tensor_bytes(DataType type, int64_t count) {
  const int bits = type_bits(type);
  return bits < 8 ? (count * bits + 7) / 8 : count * (bits / 8);
}

float half_to_float(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 0x3ff;
  float magnitude;
  if (exponent == 31) {
    magnitude = mantissa ? NAN : INFINITY;
  } else {
    magnitude = exponent == 0 ? std::ldexp(float(mantissa), -24) : std::ldexp(float(mantissa + 1024), exponent - 25);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

float bfloat16_to_float(uint16_t bits) { return __builtin_bit_cast(float, uint32_t(bits) << 16); }

float fp8_to_float(uint8_t bits) {
  const int exponent = bits >> 3 & 15;
  const int mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) return NAN;
  const float magnitude = exponent == 0 ? std::ldexp(float(mantissa), -9) : std::ldexp(float(mantissa + 8), exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

void append_element(std::string& text, DataType type, const void* data, int64_t index) {
  switch (type) {
    case DataType::kFLOAT:
      return append(text, load<float>(data, index));
    case DataType::kHALF:
      return append(text, half_to_float(load<uint16_t>(data, index)));
    case DataType::kBF16:
      return append(text, bfloat16_to_float(load<uint16_t>(data, index)));
    case DataType::kFP8:
      return append(text, fp8_to_float(load<uint8_t>(data, index)));
    case DataType::kFP4:
      return append(text, fp4_to_float(nibble(data, index)));
    case DataType::kE8M0:
      return append(text, std::ldexp(1.0, int(load<uint8_t>(data, index)) - 127));
    case DataType::kINT4:
      return append(text, int64_t(int8_t(nibble(data, index) << 4) >> 4));
    case DataType::kINT8:
      return append(text, int64_t(load<int8_t>(data, index)));
    case DataType::kUINT8:
      return append(text, int64_t(load<uint8_t>(data, index)));
    case DataType::kBOOL:
      return append(text, int64_t(load<uint8_t>(data, index) != 0));
    case DataType::kINT32:
      return append(text, int64_t(load<int32_t>(data, index)));
    case DataType::kINT64:
      return append(text, load<int64_t>(data, index));
  }
}

std::string elements_text(DataType type, const void* data, int64_t count, std::string_view separator) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) text += separator;
    append_element(text, type, data, i);
  }
  return text;
}

void fill_random(DataType type, void* data, int64_t count, std::string_view name) {
  SplitMix64 random(name);
  auto bit = [](uint64_t draw) { return draw >> 63; };
  switch (type) {
    case DataType::kFLOAT:
      return fill<float>(data, count, random, [](uint64_t draw) { return float(int64_t(draw >> 40) - (1 << 23)) / (1 << 23); });
    case DataType::kHALF:
      return fill<uint16_t>(data, count, random, [](uint64_t draw) { return exact_half(coarse_uniform(draw)); });
    case DataType::kBF16:
      return fill<uint16_t>(data, count, random,
                            [](uint64_t draw) { return __builtin_bit_cast(uint32_t, coarse_uniform(draw)) >> 16; });
    case DataType::kINT8:
    case DataType::kUINT8:
      return fill<uint8_t>(data, count, random, [](uint64_t draw) { return draw >> 56; });
    case DataType::kBOOL:
      return fill<uint8_t>(data, count, random, bit);
    case DataType::kINT32:
      return fill<int32_t>(data, count, random, bit);
    case DataType::kINT64:
      return fill<int64_t>(data, count, random, bit);
    default:
      std::memset(data, 0, size_t(tensor_bytes(type, count)));
  }
}

}  // namespace tool
