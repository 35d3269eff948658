// Memory: blocks of the host, remembered in a table so that a wrong free is an error and a pointer's kind can be asked for.
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include "stream.h"

namespace hostcuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kHugePage = size_t{2} << 20;

struct Block {
  size_t size;
  cudaMemoryType type;
  bool registered;  // the program's own memory
};

class Table {
 public:
  void add(void* address, Block block) {
    std::lock_guard lock(mutex_);
    blocks_[reinterpret_cast<uintptr_t>(address)] = block;
  }
  // Takes the block that starts there away, if it may be freed by the caller.
  bool take(void* address, bool host, bool registered) {
    std::lock_guard lock(mutex_);
    auto it = blocks_.find(reinterpret_cast<uintptr_t>(address));
    if (it == blocks_.end() || it->second.registered != registered) return false;
    if ((it->second.type == cudaMemoryTypeHost) != host) return false;
    blocks_.erase(it);
    return true;
  }
  // The block that the address lies in.
  std::optional<Block> find(const void* address) {
    std::lock_guard lock(mutex_);
    const auto at = reinterpret_cast<uintptr_t>(address);
    auto it = blocks_.upper_bound(at);
    if (it == blocks_.begin()) return std::nullopt;
    --it;
    if (at - it->first >= it->second.size) return std::nullopt;
    return it->second;
  }

 private:
  std::mutex mutex_;
  std::map<uintptr_t, Block> blocks_;
};

Table& table() {
  static Table* all = new Table;  // memory may still be freed while the process ends
  return *all;
}

cudaError_t allocate(void** pointer, size_t size, cudaMemoryType type) {
  if (!pointer) return note(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (size == 0) return cudaSuccess;
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  if (size > total) return note(cudaErrorMemoryAllocation);  // the device has no more, whatever the system would promise
  const bool huge = size >= 2 * kHugePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, huge ? kHugePage : kAlignment, size) != 0) return note(cudaErrorMemoryAllocation);
  if (huge) madvise(memory, size, MADV_HUGEPAGE);
  table().add(memory, {size, type, false});
  *pointer = memory;
  return cudaSuccess;
}

cudaError_t release(void* pointer, bool host) {
  if (!pointer) return cudaSuccess;
  if (!table().take(pointer, host, false)) return note(cudaErrorInvalidValue);
  Stream::wait_every_stream();  // as CUDA does: work that uses the memory ends first
  std::free(pointer);
  return cudaSuccess;
}

bool pageable(const void* pointer) { return !table().find(pointer); }

struct Copy2D {
  void* to;
  size_t to_pitch;
  const void* from;
  size_t from_pitch;
  size_t width;
  size_t height;

  bool valid() const { return height == 0 || width == 0 || (to && from && width <= to_pitch && width <= from_pitch); }
  bool dense() const { return to_pitch == width && from_pitch == width; }
  void run() const {
    if (width == 0 || height == 0) return;
    if (dense()) {
      std::memmove(to, from, width * height);
      return;
    }
    for (size_t row = 0; row < height; ++row) {
      std::memmove(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
    }
  }
  Item item() const {
    Item item;
    item.run = [](void* const* a) {
      Copy2D{a[0],
             reinterpret_cast<size_t>(a[1]),
             a[2],
             reinterpret_cast<size_t>(a[3]),
             reinterpret_cast<size_t>(a[4]),
             reinterpret_cast<size_t>(a[5])}
          .run();
      return cudaSuccess;
    };
    item.arguments[0] = to;
    item.arguments[1] = reinterpret_cast<void*>(to_pitch);
    item.arguments[2] = const_cast<void*>(from);
    item.arguments[3] = reinterpret_cast<void*>(from_pitch);
    item.arguments[4] = reinterpret_cast<void*>(width);
    item.arguments[5] = reinterpret_cast<void*>(height);
    return item;
  }
};

bool valid_kind(cudaMemcpyKind kind) { return kind >= cudaMemcpyHostToHost && kind <= cudaMemcpyDefault; }

cudaError_t copy(const Copy2D& copy, cudaMemcpyKind kind) {
  if (!valid_kind(kind)) return note(cudaErrorInvalidMemcpyDirection);
  if (!copy.valid()) return note(cudaErrorInvalidValue);
  const cudaError_t error = Stream::wait_blocking_streams();
  copy.run();
  return note(error);
}

// The source rows in memory of their own, which an item of the stream frees after the copy.
bool submit_staged(Stream& stream, const Copy2D& copy) {
  auto* staged = static_cast<char*>(std::malloc(copy.width * copy.height));
  if (!staged) return false;
  Copy2D{staged, copy.width, copy.from, copy.from_pitch, copy.width, copy.height}.run();
  stream.submit(Copy2D{copy.to, copy.to_pitch, staged, copy.width, copy.width, copy.height}.item());
  Item end;
  end.run = [](void* const* a) {
    std::free(a[0]);
    return cudaSuccess;
  };
  end.arguments[0] = staged;
  stream.submit(std::move(end));
  return true;
}

cudaError_t copy_async(const Copy2D& copy, cudaMemcpyKind kind, cudaStream_t handle) {
  if (!valid_kind(kind)) return note(cudaErrorInvalidMemcpyDirection);
  if (!copy.valid()) return note(cudaErrorInvalidValue);
  if (copy.width == 0 || copy.height == 0) return cudaSuccess;
  Stream& stream = *Stream::from_handle(handle);
  if (pageable(copy.to)) {  // CUDA's promise: such a copy has ended on return
    return note(stream.wait(stream.submit(copy.item())));
  }
  if (pageable(copy.from)) {  // and here the source may change on return
    return submit_staged(stream, copy) ? cudaSuccess : note(cudaErrorMemoryAllocation);
  }
  stream.submit(copy.item());
  return cudaSuccess;
}

}  // namespace
}  // namespace hostcuda

using hostcuda::note;
using hostcuda::Stream;

cudaError_t cudaMalloc(void** devPtr, size_t size) { return hostcuda::allocate(devPtr, size, cudaMemoryTypeDevice); }
cudaError_t cudaFree(void* devPtr) { return hostcuda::release(devPtr, false); }
cudaError_t cudaMallocHost(void** ptr, size_t size) { return hostcuda::allocate(ptr, size, cudaMemoryTypeHost); }
cudaError_t cudaHostAlloc(void** ptr, size_t size, unsigned int flags) {
  return flags & ~7U ? note(cudaErrorInvalidValue) : hostcuda::allocate(ptr, size, cudaMemoryTypeHost);
}
cudaError_t cudaFreeHost(void* ptr) { return hostcuda::release(ptr, true); }
cudaError_t cudaMallocManaged(void** devPtr, size_t size, unsigned int flags) {
  return hostcuda::allocate(devPtr, size, cudaMemoryTypeManaged);
}
cudaError_t cudaMallocAsync(void** devPtr, size_t size, cudaStream_t stream) { return cudaMalloc(devPtr, size); }

cudaError_t cudaFreeAsync(void* devPtr, cudaStream_t stream) {
  if (!devPtr) return cudaSuccess;
  if (!hostcuda::table().take(devPtr, false, false)) return note(cudaErrorInvalidValue);
  hostcuda::Item item;
  item.run = [](void* const* a) {
    std::free(a[0]);
    return cudaSuccess;
  };
  item.arguments[0] = devPtr;
  Stream::from_handle(stream)->submit(std::move(item));
  return cudaSuccess;
}

cudaError_t cudaHostRegister(void* ptr, size_t size, unsigned int flags) {
  if (!ptr || size == 0 || hostcuda::table().find(ptr)) return note(cudaErrorInvalidValue);
  hostcuda::table().add(ptr, {size, cudaMemoryTypeHost, true});
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* ptr) {
  return hostcuda::table().take(ptr, true, true) ? cudaSuccess : note(cudaErrorInvalidValue);
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned int flags) {
  if (!device || !hostcuda::table().find(host)) return note(cudaErrorInvalidValue);
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  struct sysinfo info;
  if (!free || !total) return note(cudaErrorInvalidValue);
  if (sysinfo(&info) != 0) return note(cudaErrorUnknown);
  *free = size_t(info.freeram + info.bufferram) * info.mem_unit;
  *total = size_t(info.totalram) * info.mem_unit;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* ptr) {
  if (!attributes || !ptr) return note(cudaErrorInvalidValue);
  const auto block = hostcuda::table().find(ptr);
  void* address = const_cast<void*>(ptr);
  *attributes = {block ? block->type : cudaMemoryTypeUnregistered, block ? 0 : -2, block ? address : nullptr,
                 block && block->type == cudaMemoryTypeDevice ? nullptr : address};
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) {
  return hostcuda::copy({dst, count, src, count, count, 1}, kind);
}
cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  return hostcuda::copy_async({dst, count, src, count, count, 1}, kind, stream);
}
cudaError_t cudaMemcpy2D(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  return hostcuda::copy({dst, dpitch, src, spitch, width, height}, kind);
}
cudaError_t cudaMemcpy2DAsync(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return hostcuda::copy_async({dst, dpitch, src, spitch, width, height}, kind, stream);
}

cudaError_t cudaMemsetAsync(void* devPtr, int value, size_t count, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  if (!devPtr) return note(cudaErrorInvalidValue);
  hostcuda::Item item;
  item.run = [](void* const* a) {
    std::memset(a[0], int(reinterpret_cast<intptr_t>(a[1])), reinterpret_cast<size_t>(a[2]));
    return cudaSuccess;
  };
  item.arguments[0] = devPtr;
  item.arguments[1] = reinterpret_cast<void*>(intptr_t(value));
  item.arguments[2] = reinterpret_cast<void*>(count);
  Stream::from_handle(stream)->submit(std::move(item));
  return cudaSuccess;
}

cudaError_t cudaMemset(void* devPtr, int value, size_t count) {
  if (cudaError_t error = cudaMemsetAsync(devPtr, value, count, nullptr); error != cudaSuccess) return error;
  return note(Stream::wait_blocking_streams());
}
