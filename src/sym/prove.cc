// Note [Proving inequalities]
//
// To prove e >= 0, numeric bounds come first. Where they don't suffice, one atom x that occurs as A*x + B is replaced by one of
// its symbolic bounds: the lower one where A >= 0, the upper one where A <= 0 (both proved by the same means). For example,
// with d0 in [0, n) and d1 in [0, m):  n*m - (d0*m + d1) - 1  >=  n*m - (d0*m + m - 1) - 1  >=  n*m - (n - 1)*m - m  =  0. x
// may occur in A and inside atoms of B as well: the claim is shown for each of their values, so that this stays sound. A floor
// division q = x / k has the bounds  x - k + 1 <= k*q <= x; there e is multiplied by k, and as e is an integer e >= 0 follows
// from k*e + k - 1 >= 0. The search has a budget; running out of it means "not proved".
#include "sym/prove.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "sym/node.h"
#include "sym/polynomial.h"

namespace temper {
namespace {

constexpr int kBudget = 48;

struct Search {
  int budget = kBudget;
  std::vector<SymInt> facts;              // each >= 0 wherever the claim has a meaning
  uint8_t samples = (1 << kSamples) - 1;  // those where all facts hold
};

bool nonnegative(SymInt e, Search& search);

struct Split {  // e = factor * atom + rest
  SymInt factor, rest;
};

// A value below 0 somewhere ends the search before it begins.
bool any_negative(const SymSamples& s, uint8_t among) {
  for (int i = 0; i < kSamples; ++i)
    if ((s.valid & among) >> i & 1 && s.value[i] < 0) return true;
  return false;
}

Split split_by(const Polynomial& p, const SymNode* atom) {
  Polynomial factor, rest;
  factor.store = rest.store = p.store;
  for (const SymTerm& t : p.terms) {
    if (auto left = divide_factors(t.monomial, std::span(&atom, 1)))
      factor.add(Monomial{t.coefficient, *left}.value(p.store));
    else
      rest.add_term(t);
  }
  rest.add_constant(p.constant);
  return {factor.build(), rest.build()};
}

// -1 or 1: e is proved to be <= 0 or >= 0 everywhere; 0: neither.
int sign_of(SymInt e, Search& search) {
  if (nonnegative(e, search)) return 1;
  if (nonnegative(SymInt(0) - e, search)) return -1;
  return 0;
}

bool eliminate(const Polynomial& p, const SymNode* atom, Search& search) {
  Split s = split_by(p, atom);
  int sign = sign_of(s.factor, search);
  if (sign == 0) return false;
  auto with = [&](SymInt value) { return nonnegative(s.factor * value + s.rest, search); };
  bool lower = sign > 0;
  switch (atom->kind) {
    case SymKind::kVar: {
      if (atom->var->kind == VarKind::kIndex || atom->var->kind == VarKind::kLoaded)
        return with(lower ? SymInt(0) : atom->var->extent - 1);
      SymBounds range = bounds(SymBuilder::wrap(atom));
      int64_t end = lower ? range.lo : range.hi;
      return end != INT64_MIN && end != INT64_MAX && with(end);
    }
    case SymKind::kMod:
      if (lower) return with(0);
      if (with(atom->b - 1)) return true;
      return nonnegative(atom->a, search) && with(atom->a);
    case SymKind::kFloorDiv: {
      SymInt k = atom->b, x = lower ? atom->a - k + 1 : atom->a;
      return nonnegative(s.factor * x + k * s.rest + k - 1, search);
    }
    case SymKind::kMin:
    case SymKind::kMax:
      if ((atom->kind == SymKind::kMax) == lower) return with(atom->a) || with(atom->b);
      return with(atom->a) && with(atom->b);
    case SymKind::kLess:
    case SymKind::kEqual:
      return with(lower ? 0 : 1);
    default:
      return false;
  }
}

bool try_all(SymInt e, Search& search) {
  Polynomial p(e);
  std::vector<const SymNode*> atoms;
  for (const SymTerm& t : p.terms) {
    for (const SymNode* f : factors_of(t.monomial))
      if (std::ranges::find(atoms, f) == atoms.end()) atoms.push_back(f);
  }
  // Operators first, then inner indices, then dimensions: the bounds of each mention the later ones.
  std::ranges::stable_sort(atoms, [](const SymNode* x, const SymNode* y) { return compare_atoms(x, y) > 0; });
  for (const SymNode* atom : atoms) {
    if (search.budget <= 0) return false;
    if (eliminate(p, atom, search)) return true;
  }
  return std::ranges::any_of(search.facts, [&](SymInt fact) {
    // Only a fact that takes something away is worth a try.
    SymInt rest = e - fact;
    return operands_of(rest).size() < operands_of(e).size() && nonnegative(rest, search);
  });
}

bool nonnegative(SymInt e, Search& search) {
  if (e.is_const()) return e.value() >= 0;
  if (e.node()->is_error) return false;
  SymBounds b = bounds(e);
  if (b.lo >= 0) return true;
  if (b.hi < 0 || search.budget <= 0 || any_negative(samples(e), search.samples)) return false;
  bool fresh = search.budget-- == kBudget;
  SymStore* store = e.node()->store;
  // What is known by facts holds in this search only.
  if (!search.facts.empty()) return try_all(e, search);
  if (const bool* known = store->find_proof(e.node())) return *known;
  bool proved = try_all(e, search);
  if (proved || fresh) store->keep_proof(e.node(), proved);
  return proved;
}

// The extents of the indices of the claim that numeric bounds don't show to be at least 1 already.
void find_facts(SymInt e, Search& search) {
  for (SymInt var : vars_of(e)) {
    SymInt extent = var_of(var).extent;
    if (extent.is_const() || bounds(extent).lo >= 1) continue;
    SymInt fact = extent - 1;
    if (std::ranges::find(search.facts, fact) != search.facts.end()) continue;
    search.facts.push_back(fact);
    search.samples &= samples(var).valid;
  }
}

// p >= 0. Most claims are decided by bounds or samples, before p has to become a node.
bool decide(Polynomial p) {
  if (p.failed()) return false;
  if (p.terms.empty()) return p.constant >= 0;
  SymBounds b = bounds_of_sum(p.terms, p.constant);
  if (b.lo >= 0) return true;
  Search search;
  if (b.hi < 0 || any_negative(samples_of_sum(p.terms, p.constant), search.samples)) return false;
  bool outer = p.store->in_proof;
  p.store->in_proof = true;
  SymInt e = p.build();
  find_facts(e, search);
  bool proved = nonnegative(e, search);
  p.store->in_proof = outer;
  return proved;
}

bool decide_difference(SymInt a, SymInt b, int64_t extra) {
  common_store(a, b);
  Polynomial p(b);
  p.add(a, -1);
  p.add_constant(extra);
  return decide(std::move(p));
}

}  // namespace

bool proves_nonnegative(SymInt e) { return decide(Polynomial(e)); }
bool proves_less_equal(SymInt a, SymInt b) { return decide_difference(a, b, 0); }
bool proves_less(SymInt a, SymInt b) { return decide_difference(a, b, -1); }

bool has_nonnegative_factors(std::span<const SymNode* const> factors) {
  return std::ranges::all_of(factors, [](const SymNode* f) { return bounds(SymBuilder::wrap(f)).lo >= 0; });
}

}  // namespace temper
