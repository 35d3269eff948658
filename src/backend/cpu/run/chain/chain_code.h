// The parameter blob of the kernel kind "chain": two matrix products with whole rows between them,
//
//   s = a * b,  s = epilogue(s),  p = rows(s),  c = p * d        (attention, for one)
//
// done by blocks of rows: a block of s stays in the second-level cache from its first product to its last. `rows` is a tile
// program of two buffers, [m, n] to [m, n], which may run in place: it reads at its own point and reduces along rows only. s is
// f32; where p has another type, its block lies beside that of s.
//
// Parameters of a launch: the fields and offsets of `scores` (a, b; c is not used), those of its epilogue, the fields and
// offsets of `values` (b is d; a is not used).
#pragma once

#include "backend/cpu/run/contract_code.h"

namespace temper::cpu {

// A parameter of the tile program, which knows the rows m and columns n of a block only when it runs.
struct ChainParameter {
  enum class Kind : uint8_t { kNumber, kRows, kCols };
  Kind kind = Kind::kNumber;
  int64_t number = 0;
};

struct ChainCode {
  ContractCode scores, values;
  std::vector<std::byte> rows;  // for tile::decode_kernel_program
  std::vector<ChainParameter> row_parameters;
  int64_t block_rows = 1;

  void encode(ByteWriter& out) const;
  static Expected<ChainCode> decode(ByteReader& in);
};

}  // namespace temper::cpu
