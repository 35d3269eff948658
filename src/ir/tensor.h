// Tensor: a constant array in host memory, row-major, of known dims. Copies share the bytes, which never change once shared;
// they may be a piece of a mapped file, which `owner` keeps open. Elements of i4 and u4 are packed two to a byte, low nibble
// first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "scalar/scalar.h"

namespace temper {

int64_t element_count(std::span<const int64_t> dims);

class Tensor {
 public:
  Tensor() = default;
  // Over bytes that `owner` keeps alive; bytes.size() must be dtype_bytes(dtype, count).
  Tensor(DType dtype, std::vector<int64_t> dims, std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  // Zeros, to be filled through `mutable_bytes` before it is shared.
  static Tensor zeros(DType dtype, std::vector<int64_t> dims);
  static Tensor strings(std::vector<int64_t> dims, std::vector<std::string> values);
  template <class T>
  static Tensor of(DType dtype, std::vector<int64_t> dims, const std::vector<T>& values) {
    Tensor t = zeros(dtype, std::move(dims));
    std::copy(values.begin(), values.end(), reinterpret_cast<T*>(t.mutable_bytes()));
    return t;
  }

  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  int64_t count() const { return element_count(dims_); }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::byte* mutable_bytes() { return const_cast<std::byte*>(bytes_.data()); }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  const std::vector<std::string>& string_values() const { return *strings_; }
  // The same elements under other dims of the same count.
  Tensor reshaped(std::vector<int64_t> dims) const;

  // Element i, exactly: `f` of floating types, `i` of integers and bool. Not for strings.
  ScalarValue at(int64_t i) const;
  // Stores with the dtype's rounding or wrap-around.
  void set(int64_t i, ScalarValue value);

  bool operator==(const Tensor& other) const;  // dtype, dims and bytes

 private:
  DType dtype_ = DType::kF32;
  std::vector<int64_t> dims_{0};
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const std::vector<std::string>> strings_;
};

}  // namespace temper
