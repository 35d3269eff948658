// PageMemory: bytes that start on a page and grow without being copied (the pages are moved). Plans live in it: they are
// written into it and, with their weights on a page of their own, run from it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "NvInferRuntime.h"
#include "base/byte_sink.h"

namespace temper::api {

class PageMemory {
 public:
  PageMemory() = default;
  PageMemory(PageMemory&& other) noexcept { swap(other); }
  PageMemory& operator=(PageMemory&& other) noexcept {
    PageMemory(std::move(other)).swap(*this);
    return *this;
  }
  ~PageMemory();

  // New bytes are zero. An Error (kOutOfMemory) leaves the contents as they were.
  Status resize(size_t size);
  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  void swap(PageMemory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }

  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t room_ = 0;
};

class PageSink final : public ByteSink {
 public:
  Status write(std::span<const std::byte> bytes) override;
  Status write_at(uint64_t offset, std::span<const std::byte> bytes) override;
  uint64_t size() const override { return memory_.size(); }
  PageMemory take() { return std::move(memory_); }

 private:
  PageMemory memory_;
};

// An IHostMemory over bytes that `owner` keeps.
nvinfer1::IHostMemory* make_host_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
nvinfer1::IHostMemory* make_host_memory(PageMemory memory);

}  // namespace temper::api
