// The nodes behind SymInt and the store that interns them. Private to this room.
//
// Canonical form. An expression is a constant, or a polynomial over atoms with integer coefficients:
//   kSum      terms[] (coefficient x monomial, sorted, no coefficient 0) + constant; at least two of terms and constant
//   kProduct  constant (the coefficient) x factors[] (atoms, sorted); two factors, or one with a coefficient other than 1
//   atoms     variables, and the operators on two operands a, b: floor division, modulo, min, max, less, equal
// A monomial is an atom, or a product with coefficient 1. A product of two sums that would have more than kMaxExpansion terms
// keeps the sums as factors, so that a sum can be a factor too, but never a monomial by itself.
//
// Error nodes are the exception: two static nodes without a store that stand for "overflowed" and "divisor below 1". They
// absorb every operation, and evaluating them reports the error.
#pragma once

#include <cstdint>
#include <deque>
#include <memory_resource>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sym/sym.h"

namespace temper {

class SymStore;

inline constexpr size_t kMaxExpansion = 64;      // terms that multiplying out may make
inline constexpr size_t kMaxTerms = 4096;        // of a sum, so that running sums over all inputs of a node stay affordable
inline constexpr uint32_t kMaxDepth = 1024;      // so that walking an expression recursively can't exhaust the stack
inline constexpr uint32_t kMaxWeight = 1 << 20;  // so that printing one can't exhaust the memory

inline constexpr int kSamples = 5;

// The values of an expression at a few fixed assignments of its variables, by which false claims are seen quickly.
struct SymSamples {
  int64_t value[kSamples];
  uint8_t valid = 0;  // a bit each: no division by zero, no overflow, no empty index range
};

struct SymTerm {
  int64_t coefficient;
  const SymNode* monomial;
  bool operator==(const SymTerm&) const = default;
};

struct SymNode {
  SymKind kind = SymKind::kVar;
  bool is_error = false;
  bool has_mod = false;  // a modulo, or a product with one among its factors
  uint32_t depth = 0;    // longest path to a variable
  uint32_t weight = 1;   // size as a tree, saturating
  size_t hash = 0;
  uint64_t var_mask = 0;  // one bit for each variable below, colliding beyond 64
  SymStore* store = nullptr;
  int64_t constant = 0;                     // of a sum; the coefficient of a product
  std::span<const SymTerm> terms;           // kSum
  std::span<const SymNode* const> factors;  // kProduct
  const SymNode* monomial = nullptr;        // kProduct: the same with coefficient 1 (itself if that is so)
  SymInt a, b;                              // the operands of the other operators
  const SymVar* var = nullptr;              // kVar
  mutable SymBounds bounds;                 // valid while bounds_stamp is the store's
  mutable uint64_t bounds_stamp = 0;
  mutable SymSamples samples;  // valid while samples_stamp is the store's
  mutable uint64_t samples_stamp = 0;
};

struct SymBuilder {
  static SymInt wrap(const SymNode* node) { return SymInt(node); }
};

SymInt overflow_error();
SymInt divisor_error();
inline bool is_error(SymInt e) { return !e.is_const() && e.node()->is_error; }

// Structural order: independent of when and where the nodes were made, so that text is canonical.
int compare_atoms(const SymNode* x, const SymNode* y);
int compare_symints(SymInt x, SymInt y);
// Higher degrees first, then by atoms.
int compare_monomials(const SymNode* x, const SymNode* y);
inline std::span<const SymNode* const> factors_of(const SymNode* const& monomial) {
  return monomial->kind == SymKind::kProduct ? monomial->factors : std::span<const SymNode* const>(&monomial, 1);
}

class SymStore {
 public:
  explicit SymStore(SymContext* context) : context(context) {}
  SymStore(const SymStore&) = delete;
  SymStore& operator=(const SymStore&) = delete;

  const SymNode* variable(VarKind kind, std::string name, int ordinal, SymInt extent);
  const SymNode* sum(std::span<const SymTerm> terms, int64_t constant);
  const SymNode* product(int64_t coefficient, std::span<const SymNode* const> factors);
  // An operator on two operands as it stands, not simplified.
  SymInt raw(SymKind kind, SymInt a, SymInt b);

  // Results of simplifying; forgotten when a range changes.
  const SymInt* find_result(SymKind kind, SymInt a, SymInt b) const;
  void keep_result(SymKind kind, SymInt a, SymInt b, SymInt result);
  bool* find_proof(const SymNode* node);
  void keep_proof(const SymNode* node, bool proved);

  void set_range(const SymNode* var, SymBounds range);
  SymBounds range(const SymNode* var) const;
  uint64_t stamp() const { return stamp_; }

  SymContext* const context;
  std::vector<SymInt> symbols;
  std::unordered_map<std::string, SymInt> dims;
  std::unordered_map<int, SymInt> sizes;
  int next_size = 0;
  int nesting = 0;        // of simplifications that called each other
  bool in_proof = false;  // sums made while proving are not searched for x/k*k + x%k

 private:
  struct ResultKey {
    SymKind kind;
    SymInt a, b;
    bool operator==(const ResultKey&) const = default;
  };
  struct ResultHash {
    size_t operator()(const ResultKey& k) const {
      return (k.a.hash() * 31 + k.b.hash()) * 0x9E3779B97F4A7C15ull + static_cast<size_t>(k.kind);
    }
  };
  const SymNode* intern(SymNode& prototype);
  void grow();

  std::pmr::monotonic_buffer_resource arena_{1 << 14};
  std::deque<SymVar> vars_;
  struct Slot {
    size_t hash = 0;  // here as well, so that a search seldom reads nodes that it does not want
    const SymNode* node = nullptr;
  };
  std::vector<Slot> table_ = std::vector<Slot>(256);  // open addressing, a power of two
  size_t used_ = 0;
  std::unordered_map<ResultKey, SymInt, ResultHash> results_;
  std::unordered_map<const SymNode*, bool> proofs_;
  std::unordered_map<const SymNode*, SymBounds> ranges_;
  uint64_t stamp_ = 1;
};

struct SymContext::Interner : SymStore {
  using SymStore::SymStore;
};

SymSamples samples(SymInt e);
// Of a sum that need not be a node.
SymSamples samples_of_sum(std::span<const SymTerm> terms, int64_t constant);
SymBounds bounds_of_sum(std::span<const SymTerm> terms, int64_t constant);

// The store of whichever operand has one; both must agree.
SymStore* common_store(SymInt a, SymInt b);

}  // namespace temper
