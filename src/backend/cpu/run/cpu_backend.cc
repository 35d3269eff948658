// The Backend of the processor: the caller's memory is the kernels' memory, and every call has taken effect when it returns.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "backend/cpu/run/kernel.h"

namespace temper::cpu {
namespace {

class CpuQueue final : public Queue {
 public:
  std::byte* allocate(int64_t bytes) override {
    constexpr int64_t kAlignment = 64;
    const int64_t room = (std::max<int64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    return static_cast<std::byte*>(std::aligned_alloc(kAlignment, static_cast<size_t>(room)));
  }
  void release(std::byte* memory) override { std::free(memory); }
  bool reaches(const void*) const override { return true; }

  Status copy(std::byte* to, const std::byte* from, int64_t bytes) override { return move(to, from, bytes); }
  Status write(std::byte* to, const void* from, int64_t bytes) override { return move(to, from, bytes); }
  Status read(void* to, const std::byte* from, int64_t bytes) override { return move(to, from, bytes); }

  Expected<std::unique_ptr<temper::Launch>> prepare(const temper::Kernel& kernel, std::span<const int64_t> parameters,
                                                    std::span<const int64_t> buffer_bytes) override {
    return std::unique_ptr<temper::Launch>(TEMPER_TRY(static_cast<const Kernel&>(kernel).prepare(parameters, buffer_bytes)));
  }
  Status run(temper::Launch& launch, std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override {
    auto& mine = static_cast<Launch&>(launch);
    executor.go_backwards(mine.turn());
    return mine.run(buffers, workspace, executor);
  }
  Status finish() override { return {}; }

 private:
  static Status move(void* to, const void* from, int64_t bytes) {
    if (bytes != 0) std::memmove(to, from, static_cast<size_t>(bytes));  // buffers may share memory
    return {};
  }
};

class CpuBackend final : public Backend {
 public:
  Expected<std::unique_ptr<temper::Kernel>> decode(std::string_view kernel, std::span<const std::byte> blob) override {
    return std::unique_ptr<temper::Kernel>(TEMPER_TRY(decode_kernel(kernel, blob)));
  }
  Expected<Placed> place_weights(std::span<const std::byte> weights, std::span<const Part> used,
                                 std::shared_ptr<const void> owner) override {
    Placed placed{{}, std::move(owner)};
    for (const Part& part : used) placed.addresses.push_back(weights.data() + part.offset);
    return placed;
  }
  Expected<std::unique_ptr<Queue>> make_queue() override { return std::unique_ptr<Queue>(std::make_unique<CpuQueue>()); }
};

Expected<std::shared_ptr<Backend>> open(std::string_view) { return std::shared_ptr<Backend>(std::make_shared<CpuBackend>()); }

const RegisterBackend kCpu{"cpu", &open};

}  // namespace
}  // namespace temper::cpu
