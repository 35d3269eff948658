#include "backend/cuda/gen/product_plan.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace temper::cuda {
namespace {

constexpr std::array<Tile, 6> kFloatTiles = {{
    {128, 128, 16, 2, 4, 4},
    {128, 64, 32, 4, 2, 3},
    {64, 64, 32, 2, 2, 4},
    {64, 32, 32, 2, 2, 4},
    {32, 32, 32, 2, 2, 4},
    {16, 64, 32, 1, 4, 4},
}};
constexpr std::array<Tile, 6> kHalfTiles = {{
    {128, 128, 32, 2, 4, 4},
    {128, 64, 32, 4, 2, 5},
    {64, 64, 32, 2, 2, 6},
    {64, 32, 32, 2, 2, 6},
    {32, 32, 32, 2, 2, 6},
    {16, 64, 32, 1, 2, 6},
}};
// The share of a multiprocessor's best rate that a tile of its size lets it reach: small tiles read more for each product.
constexpr std::array<double, kFloatTiles.size()> kShare = {1.0, 0.85, 0.75, 0.55, 0.4, 0.35};
constexpr double kProductsPerMicrosecond = 1.0e6;  // of a multiprocessor, with operands of 11 bits
constexpr double kStep = 0.25;                     // microseconds that a step along the depth takes at least
constexpr double kLaunch = 3.0;
constexpr double kBytesPerMicrosecond = 2.0e6;

template <class C>
C at_place(std::vector<C> cuts, int place) {
  std::stable_sort(cuts.begin(), cuts.end(), [](const C& a, const C& b) { return a.microseconds < b.microseconds; });
  return cuts[std::min(size_t(place), cuts.size() - 1)];
}

}  // namespace

Variables variables_of(const Dims& dims, int from, int to) {
  Variables list;
  for (int d = from; d < to; ++d) {
    const SymInt extent = dims[static_cast<size_t>(d)];
    if (!extent.is_const() || extent.value() > 1) list.emplace_back(d, extent);
  }
  return list;
}

SymInt count_of(const Variables& list) {
  SymInt all = 1;
  for (const auto& v : list) all *= v.second;
  return all;
}

SymInt step_of(SymInt e, SymInt var) {
  const SymInt next = var + 1;
  return substitute(e, std::span(&var, 1), std::span(&next, 1)) - e;
}

ProductVariables product_variables(SymContext& context, const Contract& stage, const Layout& lhs) {
  const int rank = static_cast<int>(stage.domain.size()), kept = rank - stage.reduced;
  auto reads = [&](const Access& access, int d) {
    const SymInt var = context.index(d, stage.domain[static_cast<size_t>(d)]);
    auto in = [&](SymInt e) { return !var.is_const() && depends_on(e, var); };
    auto any = [&](const IndexMap& map) { return in(map.guard) || std::any_of(map.results.begin(), map.results.end(), in); };
    return any(access.map) ||
           std::any_of(access.loads.begin(), access.loads.end(), [&](const auto& load) { return any(load.map); });
  };
  ProductVariables v;
  for (const auto& var : variables_of(stage.domain, 0, kept)) {
    const bool left = reads(stage.lhs, var.first), right = reads(stage.rhs, var.first);
    (left && right ? v.batches : right ? v.cols : v.rows).push_back(var);
  }
  v.depth = variables_of(stage.domain, kept, rank);
  const SymInt address = lhs.address(stage.lhs.map.results);
  std::stable_partition(v.depth.begin(), v.depth.end(),
                        [&](const auto& var) { return !step_of(address, context.index(var.first, var.second)).is_const(1); });
  return v;
}

bool is_thin(double rows, double cols, double depth) { return rows >= 1 << 16 && cols <= 64 && depth <= 32; }

Cut choose_cut(double rows, double cols, double batches, double depth, Multiplier multiplier, int place) {
  const auto& tiles_of_kind = multiplier == Multiplier::kHalf ? kHalfTiles : kFloatTiles;
  const double speed = multiplier == Multiplier::kHalf ? 2 : multiplier == Multiplier::kExact ? 1.0 / 3 : 1;
  std::vector<Cut> cuts;
  for (size_t t = 0; t < tiles_of_kind.size(); ++t) {
    const Tile& tile = tiles_of_kind[t];
    const double tiles = std::ceil(rows / tile.rows) * std::ceil(cols / tile.cols) * batches;
    const double steps = std::max(1.0, std::ceil(depth / tile.depth));
    const double rate = kProductsPerMicrosecond * kShare[t] * speed;
    for (int pieces : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32}) {
      if (pieces > 1 && steps / pieces < 4) break;
      const double own = std::ceil(steps / pieces);
      const double work = std::ceil(tiles * pieces / kMultiprocessors) * tile.rows * tile.cols * own * tile.depth / rate;
      double time = std::max(work, own * kStep) + kLaunch;
      if (pieces > 1) time += kLaunch + rows * cols * batches * 4 * 2 * pieces / kBytesPerMicrosecond;
      cuts.push_back({&tile, pieces, time});
    }
  }
  return at_place(std::move(cuts), place);
}

namespace {

// In microseconds, as seen on an H200.
constexpr double kWideProducts = 3.4e6;   // sums of products of a multiprocessor in one
constexpr double kWideBytes = 1.0e5;      // and bytes that the copy engine brings
constexpr double kGatheredBytes = 2.2e4;  // and producers
constexpr double kWideLatency = 1.2;      // from a copy's start until its place in the ring is free again
constexpr double kWideStart = 2.4;        // of a kernel
constexpr double kWideTile = 1.1e-4;      // of an element of a tile: its store
constexpr double kClusterSum = 0.15;      // of one block of those that meet and add their sums
// Multiprocessors for clusters of so many blocks: they come from one group of multiprocessors, of which some are left over.
double multiprocessors_for(int split) { return split >= 8 ? 112 : split >= 4 ? 120 : kMultiprocessors; }

constexpr std::array<WideCut, 14> kWideCuts = {{
    {128, 256, 4, 2, 1, 0},
    {256, 128, 4, 2, 1, 0},
    {128, 128, 6, 2, 1, 0},
    {128, 64, 9, 2, 1, 0},
    {64, 128, 8, 1, 1, 0},
    {64, 64, 12, 1, 1, 0},
    {64, 32, 16, 1, 1, 0},
    {128, 128, 6, 2, 2, 0},
    {128, 64, 9, 2, 2, 0},
    {128, 64, 9, 2, 4, 0},
    {64, 64, 12, 1, 2, 0},
    {64, 64, 12, 1, 4, 0},
    {64, 64, 12, 1, 8, 0},
    {64, 32, 16, 1, 4, 0},
}};

}  // namespace

WideCut choose_wide_cut(double rows, double cols, double batches, double depth, bool gathers, int place) {
  std::vector<WideCut> cuts;
  const double steps = std::max(1.0, std::ceil(depth / 64));
  for (WideCut cut : kWideCuts) {
    const double tiles = std::ceil(rows / cut.rows) * std::ceil(cols / cut.cols) * batches;
    const double waves = std::ceil(tiles * cut.split / multiprocessors_for(cut.split));
    if (cut.split > 1 && (waves > 1 || steps < 2 * cut.split)) continue;
    const double own = std::ceil(steps / cut.split), elements = double(cut.rows) * cut.cols;
    const double copies = gathers ? cut.rows * 128 / kGatheredBytes : (cut.rows + cut.cols) * 128 / kWideBytes;
    const double step = std::max({elements * 64 / kWideProducts, copies, kWideLatency / cut.stages});
    cut.microseconds = kWideStart + waves * (own * step + elements * kWideTile) + (cut.split > 1 ? kClusterSum * cut.split : 0);
    cuts.push_back(cut);
  }
  return at_place(std::move(cuts), place);
}

}  // namespace temper::cuda
