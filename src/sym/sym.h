// SymInt: an integer expression over named dimensions and iteration variables.
//
// Expressions are immutable, interned in a SymContext and kept in a canonical form (sums of products of atoms, sorted), so that
// equality is identity. A constant needs no context. Arithmetic is 64-bit; an overflow among constants while building an
// expression makes a symbolic node whose evaluation reports the overflow, never a wrapped value.
//
//   SymContext context;
//   SymInt n = context.symbol("batch");
//   SymInt rows = n * 128;
//   floor_div(rows, 128) == n                                   // identity: it simplified
//   SymInt i = context.index(0, n), j = context.index(1, 128);  // iteration variables d0 in [0, batch), d1 in [0, 128)
//   floor_div(i * 128 + j, 128) == i && mod(i * 128 + j, 128) == j
//
// Truth values are the integers 0 and 1: `and` is a product, `or` a max, `not x` is 1 - x, select(c, a, b) is c*a + (1-c)*b.
// Divisors are taken to be positive; evaluation with another divisor is an error (where the division has not been simplified
// away, as in n / n). A SymContext outlives its SymInts (Graphs share it by shared_ptr); it is not thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace temper {

class SymContext;
struct SymNode;  // sym.cc

class SymInt {
 public:
  SymInt() = default;  // 0
  template <std::integral T>
  SymInt(T value) : value_(static_cast<int64_t>(value)) {}  // NOLINT(google-explicit-constructor)

  bool is_const() const { return node_ == nullptr; }
  bool is_const(int64_t value) const { return node_ == nullptr && value_ == value; }
  int64_t value() const;  // of a constant only
  const SymNode* node() const { return node_; }
  bool operator==(const SymInt&) const = default;
  size_t hash() const {
    return node_ ? reinterpret_cast<size_t>(node_) >> 4 : static_cast<size_t>(value_) * 0x9E3779B97F4A7C15ull;
  }
  std::string to_string() const;  // "batch*128 + 1", "(d0*56 + d1) / 4", "min(a, b)", "a < b", "a == b", "a % 8"

 private:
  friend struct SymBuilder;
  explicit SymInt(const SymNode* node) : node_(node) {}
  const SymNode* node_ = nullptr;
  int64_t value_ = 0;
};

SymInt operator+(SymInt a, SymInt b);
SymInt operator-(SymInt a, SymInt b);
SymInt operator*(SymInt a, SymInt b);
inline SymInt operator-(SymInt a) { return SymInt(0) - a; }
inline SymInt& operator+=(SymInt& a, SymInt b) { return a = a + b; }
inline SymInt& operator*=(SymInt& a, SymInt b) { return a = a * b; }
SymInt floor_div(SymInt a, SymInt b);  // rounds towards minus infinity
SymInt mod(SymInt a, SymInt b);        // a - b * floor_div(a, b)
inline SymInt ceil_div(SymInt a, SymInt b) { return floor_div(a + b - 1, b); }
SymInt min(SymInt a, SymInt b);
SymInt max(SymInt a, SymInt b);
SymInt less(SymInt a, SymInt b);   // 0 or 1
SymInt equal(SymInt a, SymInt b);  // 0 or 1
inline SymInt select(SymInt condition, SymInt a, SymInt b) { return condition * a + (SymInt(1) - condition) * b; }
SymInt product(std::span<const SymInt> factors);  // 1 for none

// The kinds of variable. A dimension is named by the model ("batch"); a size is fresh and known only when its producer has run
// (NonZero, NMS); an index iterates over [0, extent); a loaded variable is an integer read from a tensor while iterating
// (gather).
enum class VarKind : uint8_t { kDim, kSize, kIndex, kLoaded };

// What an expression is made of, for readers that take it apart (printers, lowering, ShapeProgram).
enum class SymKind : uint8_t { kConst, kVar, kSum, kProduct, kFloorDiv, kMod, kMin, kMax, kLess, kEqual };

struct SymVar {
  VarKind kind;
  std::string name;  // "batch", "u0", "d2", "v0"
  int ordinal;       // of an index or loaded variable; -1 else
  SymInt extent;     // of an index or loaded variable: values lie in [0, extent); 0 else
};

SymKind kind_of(SymInt e);
const SymVar& var_of(SymInt e);  // kind_of(e) == kVar
// Operands: of a sum, its terms (each a constant, an atom or a product); of a product, its factors (a constant first, if any).
std::vector<SymInt> operands_of(SymInt e);
// All variables below e, each once, in a deterministic order.
std::vector<SymInt> vars_of(SymInt e);
bool depends_on(SymInt e, SymInt var);

struct SymBounds {
  int64_t lo = INT64_MIN, hi = INT64_MAX;  // inclusive
};
// Numeric bounds from the ranges of the variables; never too narrow.
SymBounds bounds(SymInt e);
// Can be proved for all values of the variables. False means "not proved".
bool proves_less(SymInt a, SymInt b);
bool proves_less_equal(SymInt a, SymInt b);
bool proves_multiple_of(SymInt e, int64_t divisor);

// e with each of `from` (variables; constants among them are ignored) replaced by the `to` of the same position, all at once,
// simplified again. The extents of index variables are not a part of e and stay as they are.
SymInt substitute(SymInt e, std::span<const SymInt> from, std::span<const SymInt> to);

// e as offset + sum of coefficients[i] * vars[i], where neither offset nor coefficients depend on vars; nullopt if it is not
// so.
struct Affine {
  std::vector<SymInt> coefficients;
  SymInt offset;
};
std::optional<Affine> as_affine(SymInt e, std::span<const SymInt> vars);

// Evaluates with the values of the variables: nullopt from `value_of` is an error that names the variable.
Expected<int64_t> evaluate(SymInt e, const std::function<std::optional<int64_t>(SymInt var)>& value_of);

class SymContext {
 public:
  SymContext();
  ~SymContext();
  SymContext(const SymContext&) = delete;
  SymContext& operator=(const SymContext&) = delete;

  // The dimension of that name; made on first use with the range [0, 2^40], the most that a dimension may be.
  SymInt symbol(std::string_view name);
  // A new size, named "u0", "u1", ...
  SymInt fresh_size();
  SymInt size(int ordinal);  // "u<ordinal>", made if there is none yet: for readers of text and plans
  // d<ordinal>, interned by ordinal and extent; 0 where the extent is at most 1.
  SymInt index(int ordinal, SymInt extent);
  SymInt loaded(int ordinal, SymInt extent);  // v<ordinal>

  // What bounds() may assume of a dimension or size (profiles, input shapes); lo <= hi. Existing expressions are not rewritten,
  // so that a range should only become narrower.
  void set_range(SymInt var, int64_t lo, int64_t hi);
  SymBounds range(SymInt var) const;
  // All dimensions and sizes in the order in which they were made.
  const std::vector<SymInt>& symbols() const;

  // Reads what to_string writes. d<N> and v<N> take their extents from `index_extents` / `loaded_extents`.
  Expected<SymInt> parse(std::string_view text, std::span<const SymInt> index_extents = {},
                         std::span<const SymInt> loaded_extents = {});

 private:
  friend struct SymBuilder;
  struct Interner;
  std::unique_ptr<Interner> interner_;
};

}  // namespace temper

template <>
struct std::hash<temper::SymInt> {
  size_t operator()(const temper::SymInt& s) const { return s.hash(); }
};
