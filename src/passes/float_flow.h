// What the floats of a graph are made from and made into: the facts by which narrow_floats decides. One pass each way over the
// nodes; bodies of control flow count as one step.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace temper {

struct FloatFlow {
  // By value:
  std::vector<char> behind_product;  // made from the result of a product
  std::vector<char> before_product;  // makes an operand of one
  std::vector<char> measured;        // made from a floating input or table, not from integers and constants alone
  std::vector<char> beyond;          // may hold a constant that `type` can't (a mask of -3.4e38 added to scores)
};
FloatFlow float_flow(const Graph& graph, DType type);

// Whether a finite number becomes infinite in that type.
bool overflows(double value, DType type);

}  // namespace temper
