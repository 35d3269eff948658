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
// The quickest by a model of a multiprocessor. `exact`: three products of small mantissas for one.
Cut choose_cut(double rows, double cols, double batches, double depth, bool exact);

}  // namespace temper::cuda
