// Where the intermediate tensors of a plan lie: a pure function from lifetimes to offsets in one block of memory.
//
// A buffer is alive from the step that first writes it to the step that last reads it, both included. Two buffers that are
// alive at the same step never overlap; all others may. A buffer of 0 bytes gets offset 0. The same input gives the same output
// everywhere.
//
//   Lifetime lifetimes[] = {{.first_step = 0, .last_step = 1, .bytes = 100}, {1, 2, 50}, {2, 3, 100}};
//   Placement p = plan_memory(lifetimes, 64);   // offsets {0, 128, 0}, total 192
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace temper {

struct Lifetime {
  int64_t first_step = 0;
  int64_t last_step = 0;  // >= first_step
  int64_t bytes = 0;      // >= 0
};

struct Placement {
  std::vector<int64_t> offsets;  // one for each lifetime, multiples of the alignment
  int64_t total = 0;             // bytes of the block, a multiple of the alignment
};

// alignment: a power of two. The sum of all sizes must fit in 62 bits.
Placement plan_memory(std::span<const Lifetime> lifetimes, int64_t alignment);

// The most bytes that are alive at one step, sizes rounded up to the alignment: no placement can be smaller.
int64_t peak_bytes(std::span<const Lifetime> lifetimes, int64_t alignment);

}  // namespace temper
