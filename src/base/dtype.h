// Element types. The name in text form ("f32", "i8", ...) is the identity; `from_onnx` maps TensorProto.DataType.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace temper {

enum class DType : uint8_t {
  kF32,
  kF64,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E5M2,  // floating
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kI4,
  kU4,      // integers; the two's complement ones wrap around
  kBool,    // one byte, 0 or 1
  kString,  // host only, std::string elements
};
inline constexpr int kDTypeCount = 18;

std::string_view dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
std::optional<DType> dtype_from_onnx(int onnx_type);  // nullopt: complex and types that Temper does not have
int dtype_to_onnx(DType dtype);

// Bits per element: 4 for i4 and u4 (two to a byte, low nibble first); 0 for strings.
int dtype_bits(DType dtype);
inline int64_t dtype_bytes(DType dtype, int64_t count) { return (count * dtype_bits(dtype) + 7) / 8; }

inline bool is_float(DType t) { return t <= DType::kF8E5M2; }
inline bool is_signed_int(DType t) { return (t >= DType::kI8 && t <= DType::kI64) || t == DType::kI4; }
inline bool is_unsigned_int(DType t) { return (t >= DType::kU8 && t <= DType::kU64) || t == DType::kU4; }
inline bool is_int(DType t) { return is_signed_int(t) || is_unsigned_int(t); }

// Conversions round to nearest even; numbers beyond f8 become its largest finite one, and NaN and
// infinity stay (but f8e4m3 has no infinity, and takes it for its largest number).
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
inline float bf16_to_f32(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  return __builtin_bit_cast(float, wide);
}
uint16_t f32_to_bf16(float value);
float f8e4m3_to_f32(uint8_t bits);
uint8_t f32_to_f8e4m3(float value);
float f8e5m2_to_f32(uint8_t bits);
uint8_t f32_to_f8e5m2(float value);

}  // namespace temper
