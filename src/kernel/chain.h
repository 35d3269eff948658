// The move `join` for two contractions with rows between them: units whose values only the next one reads become one unit.
//
//   s = contract(a, b), maps of s      p = maps and reductions of s along its last dimension      c = contract(p, d)
//
// c may be stored as another type (a cast is all that may follow it).
// Attention is one: softmax(q k / t + mask) v. What lies between the products need not be softmax, nor be called so: each step
// reads the one before at its own point, and the last product reads p's rows. The joined unit keeps its parts: where no source
// can do the whole, the parts are done one by one.
#pragma once

#include "kernel/partition.h"

namespace temper {

// Units in the order in which they can run; a joined one stands where its last part stood.
void join_chains(Partition& partition, const Graph& graph);

// The parts of a joined unit's region: stages [0, first_row) are the first contraction and its maps, [first_row, last) the
// rows, `last` the second contraction, behind which there may be a cast. nullopt: it is no such region.
struct ChainParts {
  size_t first_row = 0, last = 0;
};
std::optional<ChainParts> chain_parts(SymContext& context, const Region& region);

}  // namespace temper
