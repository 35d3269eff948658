// Positions held in tensors, as gathers and scatters use them.
#pragma once

#include "ops/register.h"

namespace temper {

// x[d0, ..., positions[d0, d1, ...], ...]: one position for each element of the result; they lie in range already.
inline Val take_elements(Builder& b, Val x, Val positions, int64_t axis) {
  if (!b.ok()) return x;
  const Dims& domain = b.dims(positions);
  auto d = index_vars(b.sym(), domain);
  IndexMap map{domain, d, 1}, load{domain, d, 1};
  map.results[axis] = b.sym().loaded(0, b.dims(x)[axis]);
  return b.gather(x, std::span(&positions, 1), std::move(map), {std::move(load)});
}

// The last dimension of an index tensor holds positions along `length` dimensions of x, from dimension `first` on.
struct Tuples {
  size_t length = 0;
  std::vector<Val> operands;  // the index tensor, once for each of them

  // Loads over a domain that begins with the index tensor's dimensions but the last.
  IndexMaps loads(Builder& b, const Dims& domain, size_t index_rank) const {
    auto d = index_vars(b.sym(), domain);
    IndexMaps maps;
    for (size_t k = 0; k < length; ++k) {
      IndexMap load{domain, {d.begin(), d.begin() + static_cast<std::ptrdiff_t>(index_rank) - 1}, 1};
      load.results.push_back(static_cast<int64_t>(k));
      maps.push_back(std::move(load));
    }
    return maps;
  }
};
inline Tuples read_tuples(Builder& b, Val x, Val indices, int64_t first) {
  Tuples tuples;
  const Dims& dims = b.dims(indices);
  if (dims.empty() || !dims.back().is_const() || first < 0 || first >= static_cast<int64_t>(dims.size()) ||
      first + dims.back().value() > b.rank(x)) {
    b.fail(ErrorCode::kInvalidArgument, "the last dimension of the indices must be constant and fit the data's rank");
    return tuples;
  }
  tuples.length = static_cast<size_t>(dims.back().value());
  auto start = b.dims(x).begin() + static_cast<std::ptrdiff_t>(first);
  Dims extents(start, start + static_cast<std::ptrdiff_t>(tuples.length));
  Val wide = b.cast(indices, DType::kI64);
  if (tuples.length > 0) wide = b.select(wide < b.like(0, wide), wide + b.sizes(extents), wide);
  tuples.operands.assign(tuples.length, wide);
  return tuples;
}

}  // namespace temper
