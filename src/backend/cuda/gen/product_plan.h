// How a contraction is cut for a GPU: which of its variables are rows, columns, batches and depth, the tile that a block makes,
// and into how many pieces the depth is cut so that all multiprocessors have work.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper::cuda {

// Variables of a domain, outermost first: ordinal and extent. Those of extent 1 are left out.
using Variables = std::vector<std::pair<int, SymInt>>;
Variables variables_of(const Dims& dims, int from, int to);
SymInt count_of(const Variables& list);  // points

// By who reads them: rows only lhs (or nobody), columns only rhs, batches both; depth is reduced. The variable that moves lhs
// to the next element in memory is the last of the depth.
struct ProductVariables {
  Variables rows, cols, batches, depth;
};
ProductVariables product_variables(SymContext& context, const Contract& stage, const Layout& lhs);

inline constexpr int64_t kLongReduction = 64;  // elements, from which a block does one result

// Whether a product moves so much more than it multiplies that tensor cores have nothing to do: the first layers of networks
// for pictures, of few channels. Its columns then lie innermost in the right operand.
bool is_thin(double rows, double cols, double depth);

// By how much `e` grows with `var`, if that is the same everywhere; else something that is no constant.
SymInt step_of(SymInt e, SymInt var);

struct Tile {
  int rows, cols, depth, warps_m, warps_n, stages;
  int threads() const { return warps_m * warps_n * 32; }
};
struct Cut {
  const Tile* tile;
  int pieces;
  double microseconds;
};
// What multiplies: 11 bits of f32, three such products for one, or 16-bit floats.
enum class Multiplier { kTf32, kExact, kHalf };
// The quickest by a model of a multiprocessor, or with `place` the one at that place in their order.
Cut choose_cut(double rows, double cols, double batches, double depth, Multiplier multiplier, int place);

// A wide product (prelude_wide.cc): the tile of a block, and how many share its depth.
struct WideCut {
  int rows, cols, stages, teams, split;
  double microseconds;
  int threads() const { return 128 * (teams + 1); }
  int shared_bytes() const { return stages * (rows + cols) * 128 + 1024; }
};
// gathers: the left side is none that the copy engine can fetch.
WideCut choose_wide_cut(double rows, double cols, double batches, double depth, bool gathers, int place);
inline constexpr int kMultiprocessors = 132;

}  // namespace temper::cuda
