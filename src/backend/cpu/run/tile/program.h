// Program: the encoded form of a tile kernel, as a plan holds it.
//
// A program is a list of stages. All stages share the `shared` dimensions (the parallel loop); each adds own dimensions, of
// which the last `reduced` are folded by a monoid. A stage is straight-line code: instruction k defines register k, one value
// per point of a tile. Every number that depends on shapes (extents, strides, offsets) is the number of a parameter; -1 stands
// for zero. Whatever is linear in the iteration variables is a Form, so that dimensions can be merged when the numbers are
// known.
//
// Places: 0 .. buffers-1 are buffers of the launch, buffers + i is scratch value i: a stage's result that later stages of
// the same block read. The address of a scratch value counts its own dimensions only; shared dimensions are implied.
//
// Invariants (checked by decode): operands are earlier registers of the right type; places, parameters and dimensions exist; a
// scratch value is written by an earlier stage than those that read it.
//
//   stage (shared 12, 128 | own 128, reduced 1) max { r0 = load f32 place 0 } -> scratch 0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "scalar/scalar.h"

namespace temper::cpu::tile {

// Types of registers. Narrower floats are held as f32, narrower integers as i32 (u32: i64), wrapped to their width.
enum class RegType : uint8_t { kF32, kF64, kI32, kI64, kU64, kBool };
inline constexpr int kRegTypes = 6;
RegType reg_type(DType dtype);
DType wide_dtype(RegType type);  // the tensor type with the same elements
inline int reg_bytes(RegType t) { return t == RegType::kBool ? 1 : t == RegType::kF32 || t == RegType::kI32 ? 4 : 8; }

inline constexpr int32_t kZeroParameter = -1;

struct Form {
  int32_t constant = kZeroParameter;
  std::vector<int32_t> coefficients;  // per dimension of the stage
  bool operator==(const Form&) const = default;
};

// Codes 0 .. kScalarRows-1 are the rows of scalar.def.
inline constexpr int kOpCast = kScalarRows;       // args[0] from `operand` to `dtype`
inline constexpr int kOpConst = kScalarRows + 1;  // `value`
inline constexpr int kOpForm = kScalarRows + 2;   // i64 value of forms[index]
inline constexpr int kOpLoad = kScalarRows + 3;   // accesses[index]
inline constexpr int kOpCheck =
    kScalarRows + 4;  // args[0] (i64), an error unless in [0, parameter index) where args[1] (bool, or -1) holds
inline constexpr int kOpAccumulator = kScalarRows + 5;  // epilogues only: the tile itself, f32 or i32
inline constexpr int kOpCount = kScalarRows + 6;

struct Instruction {
  uint8_t op = 0;
  DType dtype = DType::kF32;    // of the result
  DType operand = DType::kF32;  // of the operands
  int32_t args[3] = {-1, -1, -1};
  int32_t index = -1;
  ScalarValue value;
};

struct Access {
  int32_t place = 0;
  DType dtype = DType::kF32;
  Form address;              // in elements
  std::vector<Form> guards;  // read where all are >= 0 ...
  int32_t index = -1;        // ... from address + the value of this i64 register, if any ...
  int32_t guard = -1;        // ... where this bool register holds, if any;
  ScalarValue fill;          // elsewhere this
};

struct Store {
  int32_t result = 0;
  int32_t place = 0;
  DType dtype = DType::kF32;
  Form address;  // reduced dimensions have coefficient 0
};

struct StageCode {
  std::vector<int32_t> own;  // extents
  int32_t reduced = 0;
  bool reduce = false;
  MonoidKind monoid = MonoidKind::k_sum;
  std::vector<Form> forms;
  std::vector<Access> accesses;
  std::vector<Instruction> code;
  std::vector<int32_t> results;      // registers; of a reduction one, what is folded
  std::vector<DType> result_dtypes;  // of the reduction's results, or of the map's
  std::vector<Store> stores;

  int dims(int shared) const { return shared + static_cast<int>(own.size()); }
};

struct ScratchValue {
  DType dtype = DType::kF32;     // a wide one
  std::vector<int32_t> extents;  // own dimensions
};

struct Program {
  std::vector<DType> buffers;
  int32_t parameters = 0;
  std::vector<int32_t> shared;  // extents
  std::vector<ScratchValue> scratch;
  std::vector<StageCode> stages;
  int32_t tile_elements = 0, block_elements = 0;  // 0: chosen when the sizes are known
  // Of an epilogue: how many of the shared dimensions count rows (the others count columns); -1 for a kernel.
  int32_t row_dims = -1;
};

inline constexpr size_t kMaxStageForms = 256;  // forms, addresses and guards of one stage, and one more

void encode(const Program& program, ByteWriter& out);
Expected<Program> decode_program(ByteReader& in);
// Whether a stage stores to that place.
bool stores_to(const Program& program, int32_t place);
Status verify(const Program& program);

}  // namespace temper::cpu::tile
