// IndexMap: from an iteration point to an element of a tensor. Composing maps is what fusion means.
//
// The point has one variable d<i> in [0, domain[i]) per dimension of `domain`; `results` has one expression per dimension of
// the tensor that is read. Variables v<k> stand for integers loaded from other tensors (gather). Where `guard` is 0 the element
// is not read, and the reader takes a fill value instead (padding): a result is only required to be in range where the guard
// holds.
//
//   [batch, 64, 56, 56] -> (d0, d1, d2 + 1, d3 - 1) if (d3 > 0)
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sym/sym.h"

namespace temper {

using Dims = std::vector<SymInt>;

struct IndexMap {
  Dims domain;
  std::vector<SymInt> results;
  SymInt guard = 1;

  bool operator==(const IndexMap&) const = default;
  std::string to_string() const;
};

// Reads what to_string writes.
Expected<IndexMap> parse_index_map(std::string_view text, SymContext& context, std::span<const SymInt> loaded_extents = {});

// The variables d0, d1, ... of a domain. The functions below write 0 for a variable whose extent is the constant 1.
std::vector<SymInt> index_vars(SymContext& context, const Dims& domain);

IndexMap identity_map(SymContext& context, const Dims& dims);
// The whole vocabulary of data movement. `dims` are always those of the tensor that is read.
// Dimension k of the domain is dimension permutation[k] of the tensor.
IndexMap transpose_map(SymContext& context, const Dims& dims, std::span<const int64_t> permutation);
IndexMap reshape_map(SymContext& context, const Dims& dims, const Dims& to);
// Numpy's rules, right-aligned; a dimension of 1 repeats. Where neither side can be proved to be 1 or equal, the map reads
// element min(d, extent - 1), which is right in both cases.
IndexMap broadcast_map(SymContext& context, const Dims& dims, const Dims& to);
// start + d * step per dimension.
IndexMap slice_map(SymContext& context, const Dims& dims, std::span<const SymInt> starts, std::span<const int64_t> steps,
                   const Dims& to);
IndexMap pad_map(SymContext& context, const Dims& dims, std::span<const SymInt> before, const Dims& to);

// Both of two guards. A condition that both have is there once.
SymInt both(SymInt a, SymInt b);

// The map that reads through `outer` first and then through `inner`: inner's domain is the tensor that outer reads. Loaded
// variables are kept: a caller that composes two maps which both have some gives them different numbers first.
IndexMap compose(SymContext& context, const IndexMap& outer, const IndexMap& inner);

bool is_identity(SymContext& context, const IndexMap& map, const Dims& dims);
// Result k is variable permutation[k], nothing guarded: the inverse of the permutation that transpose_map took.
std::optional<std::vector<int64_t>> as_permutation(SymContext& context, const IndexMap& map);
// Row-major tensors of `dims` and of the domain have their elements in the same order: the map only renames (a reshape).
bool is_reshape(SymContext& context, const IndexMap& map, const Dims& dims);
// Address of the element in a row-major tensor of `dims`, as an expression over the domain's variables.
SymInt linear_index(std::span<const SymInt> results, const Dims& dims);

}  // namespace temper
