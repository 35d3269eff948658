// Movers: elements between tensors and tiles, whatever the strides. Elements are opaque bits of 1, 2, 4 or 8 bytes; a size of 0
// stands for nibbles (i4, u4): addresses then count nibbles, and a tile holds one to a byte.
//
// A tile is rows x cols, dense unless a distance of its rows is given; the tensor's element (r, c) lies r * row + c * col
// elements after `base`. Nothing here checks bounds except gather, which is told them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace temper::cpu::tile {

struct Block {
  int64_t rows = 1, cols = 1;
  int64_t base = 0, row = 0, col = 0;  // in elements
};

// tile_row: elements from row to row of the tile; 0 where it is dense.
void fetch(std::byte* tile, const std::byte* tensor, const Block& block, int size, int64_t tile_row = 0);
void put_back(std::byte* tensor, const std::byte* tile, const Block& block, int size);

// Sets n elements of a tile to the bits in `pattern` (one element, as a tile holds it).
void fill(std::byte* tile, int64_t n, const std::byte* pattern, int size);

// One value of an operand per element: index, step from row to row, whether it is one per row.
struct IndexOperand {
  const std::byte* data = nullptr;
  int64_t step = 0;  // bytes
  bool single = false;
};
// As fetch, but element (r, c) is also displaced by the i64 `index`; where the bool `guard` (data may be null) is 0 the pattern
// is taken. False: an element outside [0, limit) was asked for; it was not read.
bool gather(std::byte* tile, const std::byte* tensor, const Block& block, int size, const IndexOperand& index,
            const IndexOperand& guard, const std::byte* pattern, int64_t limit);

}  // namespace temper::cpu::tile
