#include "sym/polynomial.h"

#include <algorithm>
#include <numeric>

#include "sym/simplify.h"

namespace temper {
namespace {

// Note [Merging quotient and remainder]
//
// With y = floor_div(x, k):  c*k*y + c*(x % k) = c*x,  and  c*k*(y % m) + c*(x % k) = c*(x % (k*m)).
// This is what makes linearise-then-delinearise (a reshape) and its inverse cancel. y is looked up in its simplified form,
// which may have several terms; c may be a whole monomial. Each merge takes a term away, so that it ends.
bool contains(const Polynomial& p, const Polynomial& part) {
  return !part.failed() && !part.terms.empty() &&
         std::ranges::all_of(part.terms, [&](const SymTerm& t) { return p.coefficient_of(t.monomial) == t.coefficient; });
}

// p - part - term + value.
void exchange(Polynomial& p, const Polynomial& part, const SymTerm& term, SymInt value) {
  p.add_terms(part.terms, -1);
  p.add(SymInt(part.constant), -1);
  p.add_term({-term.coefficient, term.monomial});
  p.add(value);
}

bool merge_one(Polynomial& p, const SymTerm& term) {
  for (const SymNode* remainder : factors_of(term.monomial)) {
    if (remainder->kind != SymKind::kMod) continue;
    SymInt c = Monomial{term.coefficient, *divide_factors(term.monomial, std::span(&remainder, 1))}.value(p.store);
    SymInt x = remainder->a, k = remainder->b, y = floor_div(x, k), ck = c * k;
    Polynomial quotient(ck * y);
    if (contains(p, quotient) && quotient.coefficient_of(term.monomial) == 0) {
      exchange(p, quotient, term, c * x);
      return true;
    }
    for (const SymTerm& other : p.terms) {
      if (!other.monomial->has_mod) continue;
      for (const SymNode* inner : factors_of(other.monomial)) {
        if (inner->kind != SymKind::kMod || inner->a != y) continue;
        Polynomial part(ck * SymBuilder::wrap(inner));
        if (!contains(p, part) || part.coefficient_of(term.monomial) != 0) continue;
        exchange(p, part, term, c * mod(x, k * inner->b));
        return true;
      }
    }
  }
  return false;
}

void merge_quotients_and_remainders(Polynomial& p) {
  if (p.store->in_proof || p.store->nesting > kMaxNesting) return;
  ++p.store->nesting;
  for (bool again = true; again && !p.failed();) {
    again = false;
    for (size_t i = 0; i < p.terms.size() && !again; ++i) {
      SymTerm term = p.terms[i];
      if (term.monomial->has_mod) again = merge_one(p, term);
    }
  }
  --p.store->nesting;
}

}  // namespace

Polynomial::Polynomial(SymInt e) { add(e); }

void Polynomial::add_constant(int64_t value) {
  if (__builtin_add_overflow(constant, value, &constant)) error = overflow_error();
}

void Polynomial::add_terms(std::span<const SymTerm> more, int64_t coefficient) {
  if (more.size() == 1) {
    SymTerm t = more[0];
    if (__builtin_mul_overflow(t.coefficient, coefficient, &t.coefficient)) error = overflow_error();
    add_term(t);
    return;
  }
  std::vector<SymTerm> merged;
  merged.reserve(terms.size() + more.size());
  size_t i = 0;
  for (SymTerm t : more) {
    if (__builtin_mul_overflow(t.coefficient, coefficient, &t.coefficient)) error = overflow_error();
    int order = 1;
    while (i < terms.size() && (order = compare_monomials(terms[i].monomial, t.monomial)) < 0) merged.push_back(terms[i++]);
    if (i < terms.size() && order == 0) {
      if (__builtin_add_overflow(t.coefficient, terms[i++].coefficient, &t.coefficient)) error = overflow_error();
    }
    if (t.coefficient != 0) merged.push_back(t);
  }
  merged.insert(merged.end(), terms.begin() + static_cast<ptrdiff_t>(i), terms.end());
  terms = std::move(merged);
}

void Polynomial::add_term(const SymTerm& term) {
  if (term.coefficient == 0) return;
  auto at = std::ranges::lower_bound(
      terms, term.monomial, [](const SymNode* x, const SymNode* y) { return compare_monomials(x, y) < 0; }, &SymTerm::monomial);
  if (at == terms.end() || at->monomial != term.monomial) {
    terms.insert(at, term);
  } else if (__builtin_add_overflow(at->coefficient, term.coefficient, &at->coefficient)) {
    error = overflow_error();
  } else if (at->coefficient == 0) {
    terms.erase(at);
  }
}

void Polynomial::add(SymInt e, int64_t coefficient) {
  if (e.is_const()) {
    int64_t value;
    if (__builtin_mul_overflow(e.value(), coefficient, &value))
      error = overflow_error();
    else
      add_constant(value);
    return;
  }
  const SymNode* n = e.node();
  if (n->is_error) {
    error = e;
    return;
  }
  store = n->store;
  if (n->kind == SymKind::kSum) {
    add_terms(n->terms, coefficient);
    add(SymInt(n->constant), coefficient);
    return;
  }
  SymTerm t = n->kind == SymKind::kProduct ? SymTerm{n->constant, n->monomial} : SymTerm{1, n};
  add_terms(std::span(&t, 1), coefficient);
}

int64_t Polynomial::coefficient_of(const SymNode* monomial) const {
  for (const SymTerm& t : terms)
    if (t.monomial == monomial) return t.coefficient;
  return 0;
}

SymInt Polynomial::build() {
  if (failed()) return error;
  if (terms.size() > 1 && std::ranges::any_of(terms, [](const SymTerm& t) { return t.monomial->has_mod; }))
    merge_quotients_and_remainders(*this);
  if (failed()) return error;
  if (terms.empty()) return constant;
  if (terms.size() == 1 && constant == 0) return term_value(store, terms[0]);
  return SymBuilder::wrap(store->sum(terms, constant));
}

SymInt term_value(SymStore* store, const SymTerm& term) {
  if (term.coefficient == 1) return SymBuilder::wrap(term.monomial);
  return SymBuilder::wrap(store->product(term.coefficient, factors_of(term.monomial)));
}

SymInt Monomial::value(SymStore* store) const {
  if (factors.empty()) return coefficient;
  if (factors.size() == 1 && factors[0]->kind == SymKind::kSum) return SymInt(coefficient) * SymBuilder::wrap(factors[0]);
  return SymBuilder::wrap(store->product(coefficient, factors));
}

std::optional<std::vector<const SymNode*>> divide_factors(std::span<const SymNode* const> factors,
                                                          std::span<const SymNode* const> divisor) {
  std::vector<const SymNode*> left;
  size_t i = 0;
  for (const SymNode* f : factors) {
    if (i < divisor.size() && divisor[i] == f)
      ++i;
    else
      left.push_back(f);
  }
  if (i < divisor.size()) return std::nullopt;
  return left;
}

std::optional<std::vector<const SymNode*>> divide_factors(const SymNode* monomial, std::span<const SymNode* const> divisor) {
  return divide_factors(monomial ? factors_of(monomial) : std::span<const SymNode* const>(), divisor);
}

Monomial common_divisor(const Monomial& m, int64_t coefficient, const SymNode* monomial) {
  Monomial result;
  // std::gcd of INT64_MIN has no 64-bit value.
  result.coefficient = coefficient == INT64_MIN || m.coefficient == INT64_MIN ? 1 : std::gcd(m.coefficient, coefficient);
  if (!monomial) return result;
  auto factors = factors_of(monomial);
  size_t i = 0;
  for (const SymNode* f : m.factors) {
    for (size_t j = i; j < factors.size(); ++j) {
      if (factors[j] != f) continue;
      result.factors.push_back(f);
      i = j + 1;
      break;
    }
  }
  return result;
}

Monomial content(const Polynomial& e) {
  if (e.terms.empty()) return {e.constant == INT64_MIN ? 1 : std::abs(e.constant), {}};
  auto factors = factors_of(e.terms[0].monomial);
  Monomial m{e.terms[0].coefficient, {factors.begin(), factors.end()}};
  m = common_divisor(m, m.coefficient, e.terms[0].monomial);
  for (size_t i = 1; i < e.terms.size() && !m.is_one(); ++i) m = common_divisor(m, e.terms[i].coefficient, e.terms[i].monomial);
  if (e.constant != 0) m = common_divisor(m, e.constant, nullptr);
  return m;
}

SymInt divide_exactly(const Polynomial& e, const Monomial& divisor) {
  Polynomial result;
  result.store = e.store;
  for (const SymTerm& t : e.terms)
    result.add(Monomial{t.coefficient / divisor.coefficient, *divide_factors(t.monomial, divisor.factors)}.value(e.store));
  result.add_constant(e.constant / divisor.coefficient);
  return result.build();
}

}  // namespace temper
