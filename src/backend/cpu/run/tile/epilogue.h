// TileEpilogue: a tile program that works on the tiles of a contraction's output while they are in the cache.
//
// Rows and columns of a tile are points of the output: row r stands for a point of the row dimensions (batch, height, width,
// ...), counted densely, column c likewise. Operands beside the accumulator are tensors with affine addresses: the same index
// (residual), per column (bias), per row, per image and channel, scalars. The result replaces the tile in place, or goes to
// another tensor in that tensor's own type, or both.
//
// The kernel that embeds one numbers the buffers: buffer i of the epilogue is input or output i of the Region it was lowered
// from. Invariant: decode() accepts any bytes and prepare() any numbers without harm; after prepare() every apply() stays
// inside the buffers as long as rows and columns stay inside the extents.
//
//   auto epilogue = TEMPER_TRY(TileEpilogue::decode(reader));
//   auto bound = TEMPER_TRY(epilogue->prepare(parameters, buffer_bytes));
//   bound->set_buffers(buffers, scratch);                          // scratch: workers * bound->scratch_bytes()
//   args.epilogue.tile = &TileEpilogue::Bound::tile_hook; args.epilogue.self = bound.get();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/error.h"

namespace temper::cpu {

class TileEpilogue {
 public:
  class Bound {
   public:
    virtual ~Bound() = default;
    virtual int64_t rows() const = 0;
    virtual int64_t cols() const = 0;
    // Bytes of scratch for one worker.
    virtual int64_t scratch_bytes() const = 0;
    virtual void set_buffers(std::span<std::byte* const> buffers, std::byte* scratch) = 0;
    virtual void apply(int worker, void* tile, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) = 0;
    // Element errors (an index loaded from a tensor that is out of range) seen since set_buffers.
    virtual Status status() const = 0;

    // Has the signature of cpu::Epilogue::tile; `self` is a Bound.
    static void tile_hook(void* self, int worker, void* tile, int64_t ld, int64_t row, int64_t rows, int64_t col,
                          int64_t cols) {
      static_cast<Bound*>(self)->apply(worker, tile, ld, row, rows, col, cols);
    }
  };

  virtual ~TileEpilogue() = default;
  virtual int buffer_count() const = 0;
  virtual int parameter_count() const = 0;
  virtual bool writes(int buffer) const = 0;  // as Kernel::writes
  virtual Expected<std::unique_ptr<Bound>> prepare(std::span<const int64_t> parameters,
                                                   std::span<const int64_t> buffer_bytes) const = 0;

  static Expected<std::unique_ptr<TileEpilogue>> decode(ByteReader& blob);
};

}  // namespace temper::cpu
