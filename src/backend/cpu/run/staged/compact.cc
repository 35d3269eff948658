#include "backend/cpu/run/staged/compact.h"

#include <cstring>

namespace temper::cpu {
namespace {

class CompactLaunch final : public CoreLaunch {
 public:
  CompactLaunch(const CompactCore& core, int64_t n, int64_t offset, int64_t stride, int64_t capacity)
      : core_(core), n_(n), offset_(offset), stride_(stride), capacity_(capacity) {}

  Status run(std::span<std::byte* const> places, std::byte*, Executor&) override {
    const auto* mask = reinterpret_cast<const uint8_t*>(places[static_cast<size_t>(core_.mask)]);
    auto* to = reinterpret_cast<int64_t*>(places[static_cast<size_t>(core_.positions)]) + offset_;
    int64_t count = 0;
    for (int64_t i = 0; i < n_; ++i) {
      // Eight at a time where nothing is true.
      uint64_t eight = 1;
      if (i + 8 <= n_) std::memcpy(&eight, mask + i, 8);
      if (eight == 0) {
        i += 7;
        continue;
      }
      if (mask[i] == 0) continue;
      if (count == capacity_)
        return Error(ErrorCode::kOutOfMemory,
                     "more than " + std::to_string(capacity_) + " elements were found, and the output holds no more");
      to[count * stride_] = i;
      ++count;
    }
    std::memcpy(places[static_cast<size_t>(core_.found)], &count, sizeof count);
    return {};
  }

 private:
  const CompactCore& core_;
  int64_t n_, offset_, stride_, capacity_;
};

const RegisterKernel kCompact{"compact", &decode_staged<CompactCore>};

}  // namespace

void CompactCore::encode(ByteWriter& w) const {
  for (int32_t x : {mask, positions, found, extent, offset, stride}) w.i32(x);
}

Expected<std::unique_ptr<Core>> CompactCore::decode(ByteReader& r) {
  auto core = std::make_unique<CompactCore>();
  for (int32_t* x : {&core->mask, &core->positions, &core->found, &core->extent, &core->offset, &core->stride}) {
    *x = TEMPER_TRY(r.i32());
    if (*x < 0 || *x > kMaxNumber)
      return Error(ErrorCode::kCorrupt, "a compact with an impossible number in it; build the plan again");
  }
  return std::unique_ptr<Core>(std::move(core));
}

Expected<std::unique_ptr<CoreLaunch>> CompactCore::prepare(std::span<const int64_t> p, std::span<const int64_t> bytes) const {
  const int64_t n = p[static_cast<size_t>(extent)], begin = p[static_cast<size_t>(offset)],
                step = p[static_cast<size_t>(stride)];
  const int64_t limit = bytes[static_cast<size_t>(positions)] / 8;
  if (!fits(n, DType::kBool, bytes[static_cast<size_t>(mask)]) || bytes[static_cast<size_t>(found)] < 8 || begin < 0 ||
      begin > limit || step < 1) {
    return Error(ErrorCode::kInvalidArgument, "a compact that does not fit its buffers");
  }
  const int64_t capacity = begin >= limit ? 0 : (limit - 1 - begin) / step + 1;
  return std::unique_ptr<CoreLaunch>(std::make_unique<CompactLaunch>(*this, n, begin, step, capacity));
}

}  // namespace temper::cpu
