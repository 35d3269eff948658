#include "ir/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace temper {

int64_t element_count(std::span<const int64_t> dims) {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  return count;
}

Tensor::Tensor(DType dtype, std::vector<int64_t> dims, std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
    : dtype_(dtype), dims_(std::move(dims)), bytes_(bytes), owner_(std::move(owner)) {
  TEMPER_CHECK(static_cast<int64_t>(bytes_.size()) == dtype_bytes(dtype_, count()), "a tensor's bytes don't match its dims");
}

Tensor Tensor::zeros(DType dtype, std::vector<int64_t> dims) {
  size_t bytes = static_cast<size_t>(dtype_bytes(dtype, element_count(dims)));
  // 64-byte aligned, as kernels like it. Large ones are pages of their own: zero without being touched, and given back to the
  // system when they are no longer needed, where a heap keeps them.
  constexpr size_t kPages = size_t{1} << 20;
  const size_t room = (bytes + 63) / 64 * 64 + 64;
  std::shared_ptr<void> owner;
  if (bytes >= kPages) {
    void* pages = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages != MAP_FAILED) owner.reset(pages, [room](void* p) { munmap(p, room); });
  }
  if (!owner) owner.reset(std::calloc(1, room), std::free);
  auto address = (reinterpret_cast<uintptr_t>(owner.get()) + 63) / 64 * 64;
  return Tensor(dtype, std::move(dims), {reinterpret_cast<const std::byte*>(address), bytes}, owner);
}

Tensor Tensor::strings(std::vector<int64_t> dims, std::vector<std::string> values) {
  Tensor t;
  t.dtype_ = DType::kString;
  t.dims_ = std::move(dims);
  t.strings_ = std::make_shared<const std::vector<std::string>>(std::move(values));
  return t;
}

Tensor Tensor::reshaped(std::vector<int64_t> dims) const {
  TEMPER_CHECK(element_count(dims) == count(), "reshaped to another number of elements");
  Tensor t = *this;
  t.dims_ = std::move(dims);
  return t;
}

ScalarValue Tensor::at(int64_t i) const {
  ScalarValue v;
  const std::byte* p = bytes_.data();
  switch (dtype_) {
    case DType::kF32:
      v.f = reinterpret_cast<const float*>(p)[i];
      break;
    case DType::kF64:
      v.f = reinterpret_cast<const double*>(p)[i];
      break;
    case DType::kF16:
      v.f = f16_to_f32(reinterpret_cast<const uint16_t*>(p)[i]);
      break;
    case DType::kBF16:
      v.f = bf16_to_f32(reinterpret_cast<const uint16_t*>(p)[i]);
      break;
    case DType::kF8E4M3:
      v.f = f8e4m3_to_f32(reinterpret_cast<const uint8_t*>(p)[i]);
      break;
    case DType::kF8E5M2:
      v.f = f8e5m2_to_f32(reinterpret_cast<const uint8_t*>(p)[i]);
      break;
    case DType::kI8:
      v.i = int{reinterpret_cast<const int8_t*>(p)[i]};
      break;
    case DType::kI16:
      v.i = reinterpret_cast<const int16_t*>(p)[i];
      break;
    case DType::kI32:
      v.i = reinterpret_cast<const int32_t*>(p)[i];
      break;
    case DType::kI64:
    case DType::kU64:
      v.i = reinterpret_cast<const int64_t*>(p)[i];
      break;
    case DType::kBool:
    case DType::kU8:
      v.i = reinterpret_cast<const uint8_t*>(p)[i];
      break;
    case DType::kU16:
      v.i = reinterpret_cast<const uint16_t*>(p)[i];
      break;
    case DType::kU32:
      v.i = reinterpret_cast<const uint32_t*>(p)[i];
      break;
    case DType::kI4:
    case DType::kU4: {
      int nibble = (reinterpret_cast<const uint8_t*>(p)[i / 2] >> (i % 2 * 4)) & 15;
      v.i = dtype_ == DType::kI4 && nibble >= 8 ? nibble - 16 : nibble;
      break;
    }
    case DType::kString:
      break;
  }
  return v;
}

void Tensor::set(int64_t i, ScalarValue v) {
  std::byte* p = mutable_bytes();
  switch (dtype_) {
    case DType::kF32:
      reinterpret_cast<float*>(p)[i] = static_cast<float>(v.f);
      break;
    case DType::kF64:
      reinterpret_cast<double*>(p)[i] = v.f;
      break;
    case DType::kF16:
      reinterpret_cast<uint16_t*>(p)[i] = f32_to_f16(static_cast<float>(v.f));
      break;
    case DType::kBF16:
      reinterpret_cast<uint16_t*>(p)[i] = f32_to_bf16(static_cast<float>(v.f));
      break;
    case DType::kF8E4M3:
      reinterpret_cast<uint8_t*>(p)[i] = f32_to_f8e4m3(static_cast<float>(v.f));
      break;
    case DType::kF8E5M2:
      reinterpret_cast<uint8_t*>(p)[i] = f32_to_f8e5m2(static_cast<float>(v.f));
      break;
    case DType::kI8:
    case DType::kU8:
      reinterpret_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(v.i);
      break;
    case DType::kI16:
    case DType::kU16:
      reinterpret_cast<uint16_t*>(p)[i] = static_cast<uint16_t>(v.i);
      break;
    case DType::kI32:
    case DType::kU32:
      reinterpret_cast<uint32_t*>(p)[i] = static_cast<uint32_t>(v.i);
      break;
    case DType::kI64:
    case DType::kU64:
      reinterpret_cast<int64_t*>(p)[i] = v.i;
      break;
    case DType::kBool:
      reinterpret_cast<uint8_t*>(p)[i] = v.i != 0;
      break;
    case DType::kI4:
    case DType::kU4: {
      auto& byte = reinterpret_cast<uint8_t*>(p)[i / 2];
      int shift = static_cast<int>(i % 2 * 4);
      byte = static_cast<uint8_t>((byte & ~(15 << shift)) | ((v.i & 15) << shift));
      break;
    }
    case DType::kString:
      break;
  }
}

bool Tensor::operator==(const Tensor& o) const {
  if (dtype_ != o.dtype_ || dims_ != o.dims_) return false;
  if (dtype_ == DType::kString) return *strings_ == *o.strings_;
  return bytes_.data() == o.bytes_.data() || std::equal(bytes_.begin(), bytes_.end(), o.bytes_.begin(), o.bytes_.end());
}

}  // namespace temper
