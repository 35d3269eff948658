// Weights in the order in which kernels read them: the depth of a product runs fastest, or for results of a few elements each,
// the results.
#pragma once

#include <vector>

#include "tune/source.h"

namespace temper::cuda {

struct PackedConstant {
  int input;
  Layout layout;
  Tensor tensor;
};
// Of the constants that nothing but one contraction reads, as its right operand, by an access that only renames dimensions.
std::vector<PackedConstant> pack_constants(const Candidate& candidate);

}  // namespace temper::cuda
