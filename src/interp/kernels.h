// The core ops on exact tensors, one function each.
#pragma once

#include "interp/interp.h"
#include "interp/point_program.h"
#include "ops/core/core.h"

namespace temper::exact {

using Operands = std::span<const ExactTensor* const>;

Expected<std::vector<ExactTensor>> map(SymContext& context, const MapAttrs& attrs, Operands in, const SymbolValues& symbols);
// in: the tensor, then one index tensor per load.
Expected<ExactTensor> gather(SymContext& context, const IndexMap& map, const IndexMaps& loads, double fill, Operands in,
                             const SymbolValues& symbols);
Expected<ExactTensor> concat(const Concat& attrs, Operands in);
Expected<std::vector<ExactTensor>> reduce(const ReduceAttrs& attrs, const ExactTensor& in);
Expected<ExactTensor> contract(SymContext& context, const ContractAttrs& attrs, Operands in, const SymbolValues& symbols);
Expected<ExactTensor> scan(const ScanAttrs& attrs, const ExactTensor& in);
Expected<std::vector<ExactTensor>> sort(const SortAttrs& attrs, int64_t count, const ExactTensor& in);
Expected<ExactTensor> scatter(SymContext& context, const ScatterAttrs& attrs, Operands in, const SymbolValues& symbols);
Expected<ExactTensor> compact(const ExactTensor& mask);
Expected<ExactTensor> suppress(const ExactTensor& boxes, const ExactTensor& threshold);

// The same on constants, element by element in their own types: nothing known but constants may occur.
Expected<std::vector<Tensor>> map(SymContext& context, const MapAttrs& attrs, std::span<const Tensor> in);
// nullopt: of a type whose elements are no whole bytes.
Expected<std::optional<Tensor>> gather(SymContext& context, const IndexMap& map, const IndexMaps& loads, double fill,
                                       std::span<const Tensor> in);
Expected<std::optional<Tensor>> concat(const Concat& attrs, std::span<const Tensor> in);

// Strides of a map that reads without divisions and guards: see Note [Strided maps].
struct Strided {
  std::vector<int64_t> strides;
  int64_t offset = 0;
};
// nullopt: it is not one. dims: those of the domain; source: those of the tensor that is read.
Expected<std::optional<Strided>> as_strided(SymContext& context, const IndexMap& m, const std::vector<int64_t>& dims,
                                            const std::vector<int64_t>& source, const SymbolValues& symbols);

// Counts through all points of dims in row-major order; false after the last.
inline bool next_point(std::vector<int64_t>& point, const std::vector<int64_t>& dims) {
  for (size_t d = dims.size(); d-- > 0;) {
    if (++point[d] < dims[d]) return true;
    point[d] = 0;
  }
  return false;
}
// Row-major position of the element that the first expressions of the program name at point i of its row; -1 when outside.
inline int64_t row_position(const PointProgram& program, int64_t i, const std::vector<int64_t>& dims) {
  int64_t at = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    int64_t index = program.value(d, i);
    if (index < 0 || index >= dims[d]) return -1;
    at = at * dims[d] + index;
  }
  return at;
}

}  // namespace temper::exact
