#include "backend/cpu/gen/measure_peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "backend/cpu/run/contract/kernels.h"
#include "base/thread_pool.h"

namespace temper::cpu {
namespace {

constexpr int64_t kDepth = 96;  // both operands of a tile together are well below the smallest first-level cache
constexpr int kCalls = 2000;    // of one task
constexpr int kRounds = 5;

struct Tile {
  TileFn run = nullptr;
  int rows = 0, vectors = 0;
};

// The tile that does most for each value that it loads.
Tile best_tile(const KernelTable& kernels) {
  Tile best;
  double most = 0;
  for (int nv = 1; nv <= kMaxVectors; ++nv) {
    for (int mr = 1; mr <= kMaxRows; ++mr) {
      const double reuse = double(mr * nv) / (mr + nv);
      if (!kernels.f32[nv][mr] || reuse <= most) continue;
      most = reuse;
      best = {kernels.f32[nv][mr], mr, nv};
    }
  }
  return best;
}

}  // namespace

int64_t measure_peak(const Device& device) {
  const auto isa = isa_from_name(device.target);
  const KernelTable& kernels = kernels_of(isa ? std::min(*isa, cpu_info().isa) : cpu_info().isa);
  const Tile tile = best_tile(kernels);
  const int64_t cols = int64_t{tile.vectors} * kernels.lanes;
  ThreadPool::Lease lease = ThreadPool::process().try_acquire(device.threads);
  const int workers = lease.workers();
  const int64_t floats = (tile.rows * kDepth + kDepth * cols + tile.rows * cols + 63) / 64 * 64;
  std::vector<float> memory(size_t(floats * workers + 16), 1.0F);
  auto* aligned = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
  const int64_t no_offset = 0;
  auto task = [&](int64_t index, int) {
    float* b = aligned + index * floats;
    float* a = b + kDepth * cols;
    TileCall call;
    call.a = reinterpret_cast<const char*>(a);
    call.a_row = kDepth * 4;
    call.taps = &no_offset;
    call.tap_count = 1;
    call.depth = kDepth;
    call.b = reinterpret_cast<const char*>(b);
    call.b_step = cols * 4;
    call.c = reinterpret_cast<char*>(a + tile.rows * kDepth);
    call.c_row = cols * 4;
    call.cols = cols;
    call.last = false;
    call.prefetch = call.b;
    for (int k = 0; k < kCalls; ++k) tile.run(call);
  };
  using Clock = std::chrono::steady_clock;
  double least_ns = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = Clock::now();
    for_each_task(lease, workers, task);
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    if (round == 0 || ns < least_ns) least_ns = ns;
  }
  const double operations = 2.0 * double(tile.rows) * double(cols) * double(kDepth) * kCalls * workers;
  return std::max<int64_t>(1, int64_t(least_ns * 1e9 / operations));
}

}  // namespace temper::cpu
