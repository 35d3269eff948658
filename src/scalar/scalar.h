// ScalarBody: what happens at one point of a map, as straight-line code over the rows of scalar.def.
//
// Instruction k defines value k; operands are earlier values. Leaves are `operand i` (the i-th tensor operand at this point),
// `const` and `sym` (an integer expression over the iteration variables and the dimensions: iota, causal masks and shapes as
// data come from it). Bodies are immutable and shared; equal text means equal body. Building folds constants exactly and reuses
// equal values.
//
//   (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 0; %4 = max f32 %2 %3 } -> %4
//
// Types: an instruction has a result dtype. Floating ones are computed in double by the interpreter and in f32 (f64 for f64) by
// kernels, and rounded to a narrower type only by `cast` and by a store; integers wrap around in their own width.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "sym/sym.h"

namespace temper {

enum class ScalarOp : uint8_t {
#define SCALAR(name, ...) k_##name,
#include "scalar/scalar.def"
#undef SCALAR
  kCast,     // operand 0 converted to the result's dtype: towards zero from float to int; numbers too large saturate only to f8
  kOperand,  // `index`
  kConst,    // `constant`
  kSym,      // `sym`, an i64
};

enum class TypeRule : uint8_t {
  kNumeric,    // T, T -> T for floats and integers
  kFloat,      // T -> T for floats
  kInt,        // T -> T for integers
  kBool,       // bool -> bool
  kPredicate,  // float T -> bool
  kCompare,    // T, T -> bool for every T
  kSelect,     // bool, T, T -> T
};

enum Fact : uint8_t {
  kNone = 0,
  kCommutative = 1,
  kAssociative = 2,  // up to rounding
  kIdempotent = 4,   // f(x, x) = x, or f(f(x)) = f(x) when unary
  kInvolution = 8,   // f(f(x)) = x
  kZeroToZero = 16,  // f(0) = 0
};

struct ScalarInfo {
  std::string_view name, onnx;
  int arity;
  TypeRule rule;
  std::string_view text;  // the C++ expression in a, b, c
  uint8_t facts;
};
const ScalarInfo& scalar_info(ScalarOp op);  // rows of scalar.def only
std::optional<ScalarOp> scalar_from_name(std::string_view name);
inline constexpr int kScalarRows = static_cast<int>(ScalarOp::kCast);

// A constant or an exact value: a double, or an integer for integer and bool types.
struct ScalarValue {
  double f = 0;
  int64_t i = 0;  // u64 values as their bits
  bool operator==(const ScalarValue& o) const {
    return __builtin_bit_cast(uint64_t, f) == __builtin_bit_cast(uint64_t, o.f) && i == o.i;
  }
};
// The exact value of one row; `type` is the dtype of the operands (of b and c for select). Integer results are wrapped to it.
ScalarValue evaluate_scalar(ScalarOp op, DType type, ScalarValue a, ScalarValue b, ScalarValue c);
// Out of range and NaN to integers: Note [Float to integer] in scalar.cc.
ScalarValue cast_scalar(ScalarValue value, DType from, DType to);
// "1.5", "-0", "inf", "nan", "true", "18446744073709551615": the shortest text that reads back as the same value. Floating
// values but f64 are taken to be representable in f32.
std::string to_string(ScalarValue value, DType type);
std::optional<ScalarValue> parse_scalar_value(std::string_view text, DType type);

struct ScalarInstruction {
  ScalarOp op;
  DType dtype;
  int32_t args[3] = {-1, -1, -1};  // value numbers
  int32_t index = -1;              // kOperand
  ScalarValue constant;            // kConst
  SymInt sym;                      // kSym
  bool operator==(const ScalarInstruction&) const = default;
};

class ScalarBody {
 public:
  const std::vector<ScalarInstruction>& code() const { return code_; }
  const std::vector<int32_t>& results() const { return results_; }  // value numbers; most bodies have one
  int operand_count() const { return operand_count_; }              // operands are 0 .. count-1, used or not
  DType result_dtype(int i = 0) const { return code_[results_[i]].dtype; }
  bool operator==(const ScalarBody&) const = default;
  std::string to_string() const;

 private:
  friend class ScalarBuilder;
  std::vector<ScalarInstruction> code_;
  std::vector<int32_t> results_;
  int operand_count_ = 0;
};
using ScalarBodyPtr = std::shared_ptr<const ScalarBody>;

// The type that the rule of `op` gives for these operand types, or an error that says what the rule wants.
Expected<DType> scalar_result_type(ScalarOp op, std::span<const DType> operands);

// Builds a body; the only way to make one, so every body is type-correct, folded and without duplicates or dead values.
// Constants of floating types are held as kernels compute with them: rounded to f32 (f64 for f64), not to the narrower type.
// A finished body is numbered by its structure alone: operands by index, then the rest in the order in which the results need
// it.
class ScalarBuilder {
 public:
  int32_t operand(int index, DType dtype);
  int32_t constant(double value, DType dtype);  // of any type; truncated for integers
  int32_t constant_int(int64_t value, DType dtype);
  int32_t sym(SymInt value);  // i64
  int32_t cast(int32_t a, DType dtype);
  int32_t apply(ScalarOp op, int32_t a, int32_t b = -1, int32_t c = -1);
  // Inserts another body: its operand i becomes `operands[i]`, and each SymInt leaf is rewritten by `rewrite` (null: kept).
  std::vector<int32_t> inline_body(const ScalarBody& body, std::span<const int32_t> operands,
                                   const std::function<SymInt(SymInt)>& rewrite = nullptr);
  DType dtype(int32_t value) const { return code_[value].dtype; }
  const ScalarInstruction& instruction(int32_t value) const { return code_[value]; }
  ScalarBodyPtr finish(std::span<const int32_t> results, int operand_count);
  ScalarBodyPtr finish(int32_t result, int operand_count) { return finish(std::span(&result, 1), operand_count); }

 private:
  struct Hash {
    size_t operator()(const ScalarInstruction& instruction) const;
  };
  int32_t add(ScalarInstruction instruction);
  bool is_constant(int32_t value, double number) const;  // of any type
  bool is_rounded(int32_t value) const;                  // a floating value that surely is representable in its dtype
  std::optional<int32_t> simplify(ScalarOp op, int32_t a, int32_t b, int32_t c);
  std::optional<int32_t> simplify_arithmetic(ScalarOp op, int32_t a, int32_t b);
  std::optional<int32_t> simplify_bits(ScalarOp op, int32_t a, int32_t b);
  std::optional<int32_t> simplify_gelu(int32_t a, int32_t b);
  std::optional<double> factor_of(int32_t value, int32_t base) const;

  std::optional<int32_t> simplify_cast(int32_t a, DType to);
  std::vector<ScalarInstruction> code_;
  std::unordered_map<ScalarInstruction, int32_t, Hash> numbers_;
};

// Checks a body that was read from text: value numbers in order, types by the rules.
Expected<ScalarBodyPtr> parse_scalar_body(std::string_view text, SymContext& context, std::span<const SymInt> index_extents);

enum class MonoidKind : uint8_t {
#define MONOID(name, ...) k_##name,
#include "scalar/monoid.def"
#undef MONOID
};
struct MonoidInfo {
  std::string_view name;
  int results;
};
const MonoidInfo& monoid_info(MonoidKind kind);
std::optional<MonoidKind> monoid_from_name(std::string_view name);

}  // namespace temper
