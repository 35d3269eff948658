#include "backend/cpu/run/staged/suppress.h"

namespace temper::cpu {
namespace {

class SuppressLaunch final : public CoreLaunch {
 public:
  SuppressLaunch(const SuppressCore& core, int64_t lists, int64_t n) : core_(core), lists_(lists), n_(n) {}
  int64_t workspace_bytes(int workers) const override { return list_bytes() * workers; }

  Status run(std::span<std::byte* const> places, std::byte* workspace, Executor& executor) override {
    places_ = places.data();
    workspace_ = workspace;
    if (lists_ > 1 && lists_ * n_ > 500) {
      executor.parallel_for(
          lists_, [](void* self, int64_t list, int worker) { static_cast<SuppressLaunch*>(self)->list(list, worker); }, this);
    } else {
      for (int64_t l = 0; l < lists_; ++l) list(l, 0);
    }
    return {};
  }

 private:
  static constexpr int kSides = 5;  // x1, y1, x2, y2, area of each kept box
  int64_t list_bytes() const { return (n_ * kSides * 4 + 127) & ~int64_t{63}; }

  void list(int64_t l, int worker) {
    const float* boxes = reinterpret_cast<const float*>(places_[core_.boxes]) + l * n_ * 4;
    const float threshold = *reinterpret_cast<const float*>(places_[core_.threshold]);
    auto* kept = reinterpret_cast<uint8_t*>(places_[core_.kept]) + l * n_;
    float* side[kSides];
    for (int k = 0; k < kSides; ++k) side[k] = reinterpret_cast<float*>(workspace_ + list_bytes() * worker) + k * n_;
    int64_t count = 0;
    for (int64_t i = 0; i < n_; ++i) {
      const float x1 = boxes[i * 4], y1 = boxes[i * 4 + 1], x2 = boxes[i * 4 + 2], y2 = boxes[i * 4 + 3];
      const float area = (x2 - x1) * (y2 - y1);
      bool keep = true;
      // Blocks without a branch inside, so that they become vector code.
      for (int64_t j0 = 0; j0 < count && keep; j0 += 64) {
        const int64_t j1 = std::min(count, j0 + 64);
        int hits = 0;
        for (int64_t j = j0; j < j1; ++j) {
          const float w = std::min(x2, side[2][j]) - std::max(x1, side[0][j]);
          const float h = std::min(y2, side[3][j]) - std::max(y1, side[1][j]);
          const float both = w * h;
          hits += static_cast<int>(w > 0) & static_cast<int>(h > 0) &
                  static_cast<int>(both / (area + side[4][j] - both) > threshold);
        }
        keep = hits == 0;
      }
      kept[i] = keep;
      if (!keep) continue;
      side[0][count] = x1, side[1][count] = y1, side[2][count] = x2, side[3][count] = y2, side[4][count] = area;
      ++count;
    }
  }

  const SuppressCore& core_;
  int64_t lists_, n_;
  std::byte* const* places_ = nullptr;
  std::byte* workspace_ = nullptr;
};

const RegisterKernel kSuppress{"suppress", &decode_staged<SuppressCore>};

}  // namespace

void SuppressCore::encode(ByteWriter& w) const {
  for (int32_t x : {boxes, threshold, kept, lists, count}) w.i32(x);
}

Expected<std::unique_ptr<Core>> SuppressCore::decode(ByteReader& r) {
  auto core = std::make_unique<SuppressCore>();
  for (int32_t* x : {&core->boxes, &core->threshold, &core->kept, &core->lists, &core->count}) {
    *x = TEMPER_TRY(r.i32());
    if (*x < 0 || *x > kMaxNumber)
      return Error(ErrorCode::kCorrupt, "a suppression with an impossible number in it; build the plan again");
  }
  return std::unique_ptr<Core>(std::move(core));
}

Expected<std::unique_ptr<CoreLaunch>> SuppressCore::prepare(std::span<const int64_t> p, std::span<const int64_t> bytes) const {
  const int64_t s = p[static_cast<size_t>(lists)], n = p[static_cast<size_t>(count)];
  if (!fits(count_product(count_product(s, n), 4), DType::kF32, bytes[static_cast<size_t>(boxes)]) ||
      bytes[static_cast<size_t>(threshold)] < 4 || !fits(count_product(s, n), DType::kBool, bytes[static_cast<size_t>(kept)])) {
    return Error(ErrorCode::kInvalidArgument, "a suppression that does not fit its buffers");
  }
  return std::unique_ptr<CoreLaunch>(std::make_unique<SuppressLaunch>(*this, s, n));
}

}  // namespace temper::cpu
