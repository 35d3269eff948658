// TileCode: builds one stage of a tile program from accesses and a scalar body over SymInts.
//
// What is affine in the iteration variables becomes a form; everything else (floor divisions that cannot be split away, loaded
// indices, general guards) becomes integer opcodes on i64 registers. Equal expressions are computed once.
#pragma once

#include <map>
#include <unordered_map>

#include "backend/cpu/run/tile/program.h"
#include "kernel/layout.h"
#include "kernel/region.h"

namespace temper::cpu {

// The parameters of a kernel, each expression once.
class ParameterTable {
 public:
  int32_t number(SymInt value);  // always a parameter
  int32_t or_zero(SymInt value) { return value.is_const(0) ? tile::kZeroParameter : number(value); }
  const std::vector<SymInt>& values() const { return values_; }

 private:
  std::vector<SymInt> values_;
  std::unordered_map<SymInt, int32_t> numbers_;
};

class TileCode {
 public:
  // `vars`: the iteration variables of the stage in the order of its dimensions.
  TileCode(ParameterTable& parameters, std::vector<SymInt> vars) : parameters_(parameters), vars_(std::move(vars)) {}

  // One way to read a tensor: element address, guard and loaded variables, all over `vars`.
  struct Read {
    int32_t place = 0;
    DType dtype = DType::kF32;
    SymInt address = 0, guard = 1;
    ScalarValue fill;
    struct Loaded {
      SymInt variable;
      int32_t place;
      DType dtype;
      SymInt address, guard;
    };
    std::vector<Loaded> loaded;
  };

  Expected<int32_t> load(const Read& read);  // a register
  // The registers of the body's results; `operands` are registers (-1: not used).
  Expected<std::vector<int32_t>> body(const ScalarBody& body, std::span<const int32_t> operands,
                                      const std::function<SymInt(SymInt)>& rewrite);
  tile::Form form(SymInt expression);  // of an affine one
  bool affine(SymInt expression) const { return as_affine(expression, vars_).has_value(); }
  int32_t accumulator(DType dtype);  // f32 or i32

  std::vector<tile::Form> forms;
  std::vector<tile::Access> accesses;
  std::vector<tile::Instruction> code;

 private:
  int32_t add(tile::Instruction instruction);
  int32_t op(ScalarOp op, DType operand, DType result, int32_t a, int32_t b = -1, int32_t c = -1);
  int32_t integer_constant(int64_t value, DType dtype);
  Expected<int32_t> integer(SymInt expression);  // an i64 register
  Expected<int32_t> truth(SymInt expression);    // a bool register
  // A guard as linear conditions (forms >= 0); false where that is not possible.
  bool linear_guard(SymInt guard, std::vector<tile::Form>& out);

  ParameterTable& parameters_;
  std::vector<SymInt> vars_;
  std::unordered_map<SymInt, int32_t> integers_;
  std::unordered_map<SymInt, int32_t> loaded_;  // variables of the read at hand
};

}  // namespace temper::cpu
