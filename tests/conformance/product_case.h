// Contractions at the sizes where GPU kernels change: whole tiles, one more and one less, depths of a few steps, and many.
//
// A ProductCase is a sample of an operator (ir/graph_text.h) of which the right operand may be a constant with contents, as
// weights are. Inputs are random, and may have infinities and NaN among them.
//   {"matmul", "f16[200, 328], f16[328, 264]", true}
#pragma once

#include "tests/conformance/sample_case.h"

namespace temper::testing {

struct ProductCase {
  std::string op, text;
  bool weights = false;  // the right operand is constant
  std::string name() const { return op + " " + text + (weights ? " weights" : ""); }
};
std::vector<ProductCase> product_cases();

Expected<Graph> product_graph(const ProductCase& product);

// Puts infinities and NaN at a few places of each tensor of floats.
void plant_odd_numbers(std::vector<Tensor>& inputs, uint64_t seed);

}  // namespace temper::testing
