// Axes that are known only when they have been computed: operators whose axes are inputs of the graph.
//
// Note [Axes as flags]: for a tensor of rank r, each of its r dimensions gets a flag f in {0, 1}, bound as a size: whether it
// is among the axes. A reduction over flagged axes is then one reduction over r more variables: element (o, j) of the window is
// x[o + j], where o runs over [0, f ? 1 : n) and j over [0, f ? n : 1), so that one of the two is 0 in each dimension.
#pragma once

#include <functional>

#include "ops/register.h"

namespace temper {

// For k axes [k], flags [rank] (i64, 0 or 1).
Val axis_flags(Builder& b, Val axes, int64_t rank);
// Entry d of the result is the value of values[i] for which axes[i] is d, or otherwise[d]. axes: i64[k], values: i64[k],
// otherwise: i64[r].
Val spread(Builder& b, Val axes, Val values, Val otherwise);

using Reduction = std::function<Val(Builder&, Val, const std::vector<int64_t>&, bool)>;
Val reduce_dynamic(Builder& b, Val x, Val axes, bool keep, const Reduction& reduce);

}  // namespace temper
