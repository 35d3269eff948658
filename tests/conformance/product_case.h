// Operators at the sizes where GPU kernels change: contractions of whole tiles, one more and one less, depths of a few steps,
// and many; and the others with so much work that more than the plainest kernel is worth it.
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
  // The left operand comes with its second dimension innermost, and so goes the result, as pictures with channels last do.
  bool channels_last = false;
  bool takes_odd = true;  // infinities and NaN among its operands have a meaning
  std::string name() const { return op + " " + text + (weights ? " weights" : "") + (channels_last ? " channels last" : ""); }
};
std::vector<ProductCase> product_cases();
// What is no product for tensor cores: reductions over windows, columns and lines, scans, sorts, suppression. `entry`: how the
// name of a kernel begins that does it.
struct KernelCase {
  ProductCase what;
  std::string entry;
};
std::vector<KernelCase> kernel_cases();

Expected<Graph> product_graph(const ProductCase& product);

// Puts infinities and NaN at a few places of each tensor of floats.
void plant_odd_numbers(std::vector<Tensor>& inputs, uint64_t seed);

}  // namespace temper::testing
