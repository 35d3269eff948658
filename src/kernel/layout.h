// Layout: where the elements of a tensor lie in its buffer, as strides (in elements) of its logical dimensions.
//
// Element (i0, i1, ...) is at offset + i0 * strides[0] + i1 * strides[1] + ... Dimensions keep the order that the graph gives
// them; channels-last, a transposed copy and a slice of a bigger tensor (concat in place) differ only in the numbers. Strides
// may be symbolic, and 0 for a dimension that repeats (of a tensor that is only read).
//
//   Layout::row_major({n, c, h, w})                 strides (c*h*w, h*w, w, 1)
//   Layout::permuted({n, c, h, w}, {0, 2, 3, 1})    channels-last: strides (h*w*c, 1, w*c, c)
#pragma once

#include <span>
#include <vector>

#include "ir/index_map.h"

namespace temper {

struct Layout {
  std::vector<SymInt> strides;
  SymInt offset = 0;

  bool operator==(const Layout&) const = default;

  // `order` lists the dimensions from the outermost to the innermost in memory; the memory is dense.
  static Layout permuted(std::span<const SymInt> dims, std::span<const int> order);
  static Layout row_major(std::span<const SymInt> dims);

  // Address of one element, in elements.
  SymInt address(std::span<const SymInt> index) const;
};

}  // namespace temper
