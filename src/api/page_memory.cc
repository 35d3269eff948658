#include "api/page_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace temper::api {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMost = size_t(1) << 46;

class HostMemory final : public nvinfer1::IHostMemory {
 public:
  HostMemory(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) : bytes_(bytes), owner_(std::move(owner)) {}
  void* data() const noexcept override { return const_cast<std::byte*>(bytes_.data()); }
  std::size_t size() const noexcept override { return bytes_.size(); }
  nvinfer1::DataType type() const noexcept override { return nvinfer1::DataType::kINT8; }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

}  // namespace

PageMemory::~PageMemory() {
  if (data_) munmap(data_, room_);
}

Status PageMemory::resize(size_t size) {
  if (size > room_) {
    Error full(ErrorCode::kOutOfMemory, "no memory for a plan of " + std::to_string(size) + " bytes");
    if (size > kMost) return full;
    size_t room = (std::max(size, 2 * room_) + kPage - 1) / kPage * kPage;
    void* moved = data_ ? mremap(data_, room_, room, MREMAP_MAYMOVE)
                        : mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (moved == MAP_FAILED) return full;
    data_ = static_cast<std::byte*>(moved);
    room_ = room;
  } else if (size < size_) {
    std::memset(data_ + size, 0, size_ - size);
  }
  size_ = size;
  return {};
}

Status PageSink::write(std::span<const std::byte> bytes) {
  size_t at = memory_.size();
  TEMPER_TRY(memory_.resize(at + bytes.size()));
  if (!bytes.empty()) std::memcpy(memory_.data() + at, bytes.data(), bytes.size());
  return {};
}

Status PageSink::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  TEMPER_CHECK(offset <= memory_.size() && bytes.size() <= memory_.size() - offset, "write_at beyond what was written");
  if (!bytes.empty()) std::memcpy(memory_.data() + offset, bytes.data(), bytes.size());
  return {};
}

nvinfer1::IHostMemory* make_host_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  return new HostMemory(bytes, std::move(owner));
}

nvinfer1::IHostMemory* make_host_memory(PageMemory memory) {
  auto owner = std::make_shared<PageMemory>(std::move(memory));
  std::span<const std::byte> bytes = owner->bytes();
  return new HostMemory(bytes, std::move(owner));
}

}  // namespace temper::api
