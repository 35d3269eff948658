// ShapeProgram: straight-line integer code compiled from SymInts, run when a shape changes.
//
// Slots 0 .. inputs-1 hold the values of the named inputs; instruction k writes slot inputs + k. Results are slot numbers. It
// is plain data (a plan holds it), so verify() must hold before run() is called on one that was read from outside; after that
// run() touches no memory outside `slots`. Common subexpressions are computed once.
//
//   shape_program (batch, height) {
//     s2 = const 32
//     s3 = add s1 s2
//     s4 = floordiv s3 s2
//   } -> (s4, s0)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sym/sym.h"

namespace temper {

enum class ShapeOp : uint8_t { kConst, kAdd, kSub, kMul, kFloorDiv, kMod, kMin, kMax, kLess, kEqual };

struct ShapeInstruction {
  ShapeOp op;
  int32_t a = 0, b = 0;  // operand slots, each below the slot being written
  int64_t constant = 0;  // kConst
  bool operator==(const ShapeInstruction&) const = default;
};

struct ShapeProgram {
  std::vector<std::string> inputs;
  std::vector<ShapeInstruction> code;
  std::vector<int32_t> results;  // slots

  int32_t slot_count() const { return static_cast<int32_t>(inputs.size() + code.size()); }
  bool operator==(const ShapeProgram&) const = default;
  std::string to_string() const;
};

// Compiles: every variable of `results` must be one of `inputs` (variables of any kind: the interpreter compiles index maps
// too).
Expected<ShapeProgram> compile_shapes(std::span<const SymInt> inputs, std::span<const SymInt> results);
Expected<ShapeProgram> parse_shape_program(std::string_view text);
Status verify(const ShapeProgram& program);
// slots.size() == slot_count(), the inputs already in place. An overflow or a divisor below 1 is an error that names the
// instruction.
Status run(const ShapeProgram& program, std::span<int64_t> slots);

}  // namespace temper
