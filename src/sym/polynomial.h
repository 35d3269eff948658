// The unpacked form of a SymInt, for arithmetic: sorted terms and a constant. Private to this room.
#pragma once

#include <optional>
#include <vector>

#include "sym/node.h"

namespace temper {

struct Polynomial {
  std::vector<SymTerm> terms;  // sorted by compare_monomials, coefficients not 0
  int64_t constant = 0;
  SymInt error;  // overflow_error() or divisor_error() once something went wrong; the rest is then void
  SymStore* store = nullptr;

  Polynomial() = default;
  explicit Polynomial(SymInt e);
  bool failed() const { return !error.is_const(); }
  void add(SymInt e, int64_t coefficient = 1);
  void add_term(const SymTerm& term);
  void add_constant(int64_t value);
  void add_terms(std::span<const SymTerm> more, int64_t coefficient);
  // The coefficient of that monomial, or 0.
  int64_t coefficient_of(const SymNode* monomial) const;
  // Packs, simplifying x/k*k + x%k on the way.
  SymInt build();
};

// One term or constant as an expression.
SymInt term_value(SymStore* store, const SymTerm& term);

// A divisor of terms: coefficient x atoms.
struct Monomial {
  int64_t coefficient = 1;
  std::vector<const SymNode*> factors;  // sorted
  bool is_one() const { return coefficient == 1 && factors.empty(); }
  bool operator==(const Monomial&) const = default;
  SymInt value(SymStore* store) const;
};
// The atoms of `monomial` without those of `divisor`; nullopt where they don't divide. nullptr stands for the empty monomial.
std::optional<std::vector<const SymNode*>> divide_factors(const SymNode* monomial, std::span<const SymNode* const> divisor);
std::optional<std::vector<const SymNode*>> divide_factors(std::span<const SymNode* const> factors,
                                                          std::span<const SymNode* const> divisor);
// The greatest common divisor of two terms; `monomial` may be nullptr.
Monomial common_divisor(const Monomial& m, int64_t coefficient, const SymNode* monomial);
// The greatest common divisor of all terms and the constant of e, which is not 0.
Monomial content(const Polynomial& e);
// e / divisor where every term is a multiple of it.
SymInt divide_exactly(const Polynomial& e, const Monomial& divisor);

}  // namespace temper
