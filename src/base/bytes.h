// ByteReader and ByteWriter: little-endian records, for the parameter blobs of kernels and the metadata of files.
//
// The reader trusts nothing: each read is checked against what is left and returns an Error that names the offset; a count is
// checked against the bytes that are left before anything is allocated. The writer appends and cannot fail. Both sides use the
// same names: what `w.i64(x)` wrote, `TEMPER_TRY(r.i64())` reads. A string or vector is a u32 count and then the elements.
//
//   ByteWriter w;                                ByteReader r(w.bytes());
//   w.u32(3); w.string("relu"); w.vector(dims);  uint32_t n = TEMPER_TRY(r.u32()); ...; TEMPER_TRY(r.finish());
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace temper {

static_assert(std::endian::native == std::endian::little, "records are copied as they lie in memory");

template <class T>
concept ByteScalar = (std::integral<T> || std::floating_point<T>)&&!std::same_as<T, bool> && sizeof(T) <= 8;

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  Expected<uint8_t> u8() { return scalar<uint8_t>(); }
  Expected<uint16_t> u16() { return scalar<uint16_t>(); }
  Expected<uint32_t> u32() { return scalar<uint32_t>(); }
  Expected<uint64_t> u64() { return scalar<uint64_t>(); }
  Expected<int8_t> i8() { return scalar<int8_t>(); }
  Expected<int16_t> i16() { return scalar<int16_t>(); }
  Expected<int32_t> i32() { return scalar<int32_t>(); }
  Expected<int64_t> i64() { return scalar<int64_t>(); }
  Expected<float> f32() { return scalar<float>(); }
  Expected<double> f64() { return scalar<double>(); }
  Expected<bool> boolean();  // one byte, 0 or 1; anything else is an error
  Expected<std::string> string();
  Expected<std::string_view> string_view();  // points into the bytes
  Expected<std::span<const std::byte>> raw(size_t size);

  // A byte that must be less than `count`: an enumeration whose values are 0 .. count - 1.
  template <class Enum>
  requires std::is_enum_v<Enum> Expected<Enum> enumerator(int count) {
    uint8_t value = TEMPER_TRY(u8());
    if (value >= count) return out_of_range(value, count);
    return static_cast<Enum>(value);
  }

  template <ByteScalar T>
  Expected<T> scalar() {
    if (remaining() < sizeof(T)) return too_short(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  template <ByteScalar T>
  Expected<std::vector<T>> vector() {
    uint32_t size = TEMPER_TRY(count(sizeof(T)));
    std::vector<T> values(size);
    if (size != 0) std::memcpy(values.data(), bytes_.data() + position_, size * sizeof(T));
    position_ += size * sizeof(T);
    return values;
  }

  // A u32 count of records of at least `least_bytes` each: refused when that many cannot follow.
  Expected<uint32_t> count(size_t least_bytes);

  // An error unless everything was read.
  Status finish() const;

 private:
  Error too_short(size_t wanted) const;
  Error out_of_range(uint64_t value, int count) const;

  std::span<const std::byte> bytes_;
  size_t position_ = 0;
};

class ByteWriter {
 public:
  void u8(uint8_t value) { scalar(value); }
  void u16(uint16_t value) { scalar(value); }
  void u32(uint32_t value) { scalar(value); }
  void u64(uint64_t value) { scalar(value); }
  void i8(int8_t value) { scalar(value); }
  void i16(int16_t value) { scalar(value); }
  void i32(int32_t value) { scalar(value); }
  void i64(int64_t value) { scalar(value); }
  void f32(float value) { scalar(value); }
  void f64(double value) { scalar(value); }
  void boolean(bool value) { u8(value ? 1 : 0); }
  void string(std::string_view text);
  void raw(std::span<const std::byte> bytes);
  void count(size_t value);  // as u32; more than 2^32 - 1 is a broken invariant

  template <class Enum>
  requires std::is_enum_v<Enum>
  void enumerator(Enum value) { u8(static_cast<uint8_t>(value)); }

  template <ByteScalar T>
  void scalar(T value) {
    raw(std::as_bytes(std::span<const T, 1>(&value, 1)));
  }

  template <ByteScalar T>
  void vector(std::span<const T> values) {
    count(values.size());
    raw(std::as_bytes(values));
  }
  template <ByteScalar T>
  void vector(const std::vector<T>& values) {
    vector(std::span<const T>(values));
  }

  std::span<const std::byte> bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace temper
