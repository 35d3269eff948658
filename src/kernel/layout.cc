#include "kernel/layout.h"

#include <numeric>

namespace temper {

Layout Layout::permuted(std::span<const SymInt> dims, std::span<const int> order) {
  TEMPER_CHECK(dims.size() == order.size(), "an order names each dimension once");
  Layout layout;
  layout.strides.assign(dims.size(), SymInt(0));
  SymInt stride = 1;
  for (size_t k = order.size(); k-- > 0;) {
    layout.strides[order[k]] = stride;
    stride *= dims[order[k]];
  }
  return layout;
}

Layout Layout::row_major(std::span<const SymInt> dims) {
  std::vector<int> order(dims.size());
  std::iota(order.begin(), order.end(), 0);
  return permuted(dims, order);
}

SymInt Layout::address(std::span<const SymInt> index) const {
  TEMPER_CHECK(index.size() == strides.size(), "an index has one entry per dimension");
  SymInt sum = offset;
  for (size_t k = 0; k < index.size(); ++k) sum += index[k] * strides[k];
  return sum;
}

}  // namespace temper
