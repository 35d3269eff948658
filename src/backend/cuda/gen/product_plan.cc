#include "backend/cuda/gen/product_plan.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace temper::cuda {
namespace {

constexpr std::array<Tile, 6> kTiles = {{
    {128, 128, 16, 2, 4, 4},
    {128, 64, 32, 4, 2, 3},
    {64, 64, 32, 2, 2, 4},
    {64, 32, 32, 2, 2, 4},
    {32, 32, 32, 2, 2, 4},
    {16, 64, 32, 1, 4, 4},
}};
// The share of a multiprocessor's best rate that a tile of its size lets it reach: small tiles read more for each product.
constexpr std::array<double, kTiles.size()> kShare = {1.0, 0.85, 0.75, 0.55, 0.4, 0.35};
constexpr double kMultiprocessors = 132;
constexpr double kProductsPerMicrosecond = 1.0e6;  // of a multiprocessor, with operands of 11 bits
constexpr double kStep = 0.25;                     // microseconds that a step along the depth takes at least
constexpr double kLaunch = 3.0;
constexpr double kBytesPerMicrosecond = 2.0e6;

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

Cut choose_cut(double rows, double cols, double batches, double depth, bool exact) {
  Cut best{kTiles.data(), 1, INFINITY};
  for (size_t t = 0; t < kTiles.size(); ++t) {
    const Tile& tile = kTiles[t];
    const double tiles = std::ceil(rows / tile.rows) * std::ceil(cols / tile.cols) * batches;
    const double steps = std::max(1.0, std::ceil(depth / tile.depth));
    const double rate = kProductsPerMicrosecond * kShare[t] / (exact ? 3 : 1);
    for (int pieces : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32}) {
      if (pieces > 1 && steps / pieces < 4) break;
      const double own = std::ceil(steps / pieces);
      const double work = std::ceil(tiles * pieces / kMultiprocessors) * tile.rows * tile.cols * own * tile.depth / rate;
      double time = std::max(work, own * kStep) + kLaunch;
      if (pieces > 1) time += kLaunch + rows * cols * batches * 4 * 2 * pieces / kBytesPerMicrosecond;
      if (time < best.microseconds) best = {&tile, pieces, time};
    }
  }
  return best;
}

}  // namespace temper::cuda
