// The rules for floor division and modulo. P, Q, S, T, X, Y are any expressions; all hold for negative values as well.
#include <algorithm>

#include "sym/polynomial.h"
#include "sym/prove.h"
#include "sym/simplify.h"

namespace temper {
namespace {

using Result = std::optional<SymInt>;

// The value of floor_div(a, b) where it is the same constant everywhere.
std::optional<int64_t> constant_quotient(SymInt a, SymInt b) {
  SymBounds range = bounds(a);
  if (b.is_const()) {
    if (range.lo == INT64_MIN || range.hi == INT64_MAX) return std::nullopt;
    int64_t lo = floor_div(range.lo, b).value(), hi = floor_div(range.hi, b).value();
    if (lo == hi) return lo;
  }
  if (range.lo >= 0 && range.hi < std::max<int64_t>(bounds(b).lo, 1)) return 0;
  if (range.hi >= 0 && proves_less(a, b) && proves_less_equal(0, a)) return 0;
  return std::nullopt;
}

// P = D*quotient + rest, with rest "smaller": coefficients are reduced keeping their sign, constants to [0, D).
struct Parts {
  SymInt quotient, rest;
};

Parts divide_by_monomial(const Polynomial& p, const Polynomial& divisor) {
  Polynomial quotient, rest;
  quotient.store = rest.store = p.store;
  bool by_constant = divisor.terms.empty();
  int64_t c = by_constant ? divisor.constant : divisor.terms[0].coefficient;
  auto factors = by_constant ? std::span<const SymNode* const>() : factors_of(divisor.terms[0].monomial);
  for (const SymTerm& t : p.terms) {
    auto left = t.coefficient / c != 0 && t.coefficient != INT64_MIN ? divide_factors(t.monomial, factors) : std::nullopt;
    if (!left) {
      rest.add_term(t);
      continue;
    }
    quotient.add(Monomial{t.coefficient / c, *left}.value(p.store));
    rest.add_term({t.coefficient % c, t.monomial});
  }
  if (by_constant) quotient.add(floor_div(p.constant, c));
  rest.add_constant(by_constant ? mod(p.constant, c).value() : p.constant);
  return {quotient.build(), rest.build()};
}

// Polynomial division by a sum, taking only steps that remove as many terms as the divisor has.
Parts divide_by_sum(const Polynomial& p, SymInt divisor) {
  Polynomial d(divisor), quotient, rest = p;
  quotient.store = p.store;
  const SymTerm lead = d.terms[0];
  for (size_t i = 0; i < rest.terms.size();) {
    SymTerm t = rest.terms[i++];
    auto left = divide_factors(t.monomial, factors_of(lead.monomial));
    if (!left || t.coefficient == INT64_MIN || t.coefficient % lead.coefficient != 0) continue;
    SymInt step = Monomial{t.coefficient / lead.coefficient, *left}.value(p.store);
    Polynomial removed(step * divisor);
    if (removed.failed() || removed.constant == INT64_MIN || rest.constant == INT64_MIN) continue;
    bool there = std::ranges::all_of(removed.terms, [&](const SymTerm& r) {
      __int128 has = rest.coefficient_of(r.monomial), takes = r.coefficient;
      return takes > 0 ? has >= takes : has <= takes;
    });
    bool constant_there = removed.constant == 0 || (removed.constant > 0) == (rest.constant > 0);
    if (!there || !constant_there || std::abs(removed.constant) > std::abs(rest.constant)) continue;
    quotient.add(step);
    rest.add_terms(removed.terms, -1);
    rest.add_constant(-removed.constant);
    i = 0;
  }
  return {quotient.build(), rest.build()};
}

std::optional<Parts> take_multiples(SymInt a, SymInt b) {
  Polynomial p(a), divisor(b);
  bool monomial = divisor.terms.empty() || (divisor.terms.size() == 1 && divisor.constant == 0);
  Parts parts = monomial && (divisor.terms.empty() || divisor.terms[0].coefficient > 0) ? divide_by_monomial(p, divisor)
                : monomial                                                              ? Parts{0, a}
                                                                                        : divide_by_sum(p, b);
  if (parts.quotient.is_const(0) || is_error(parts.quotient) || is_error(parts.rest)) return std::nullopt;
  return parts;
}

// P = g*S + T and D = g*k, where floor_div(T, g) is the constant q. Then P / D = (S + q) / k.
struct Factored {
  SymInt g, s, t, k;
  int64_t q;
};

// Note [Factors of a divisor]
//
// A divisor D is content * core: the monomial that all its terms share, and what is left, which is 1 unless D is a sum, as in
// (s + 1)*12. First P is divided by the core: P = core*U + V. Then each divisor c that the content shares with a term of U
// makes a candidate g = c*core: S collects the terms of U that are multiples of c, and T is the rest. For example, with d2 < s
// + 1, (s*d0*6 + d0*6 + s*d1 + d1 + d2) / (s*12 + 12) is (d0*6 + d1) / 12 by c = 1, and with d1 < 6 that is d0 / 2 by c = 6.
std::optional<Factored> find_factor_with(const Polynomial& u, SymInt v, SymInt core, const Monomial& content) {
  std::vector<Monomial> candidates;
  if (!core.is_const(1)) candidates.push_back({});
  for (const SymTerm& t : u.terms) {
    Monomial c = common_divisor(content, t.coefficient, t.monomial);
    if (!c.is_one() && std::ranges::find(candidates, c) == candidates.end()) candidates.push_back(std::move(c));
  }
  std::ranges::stable_sort(candidates, [](const Monomial& x, const Monomial& y) {
    return x.factors.size() != y.factors.size() ? x.factors.size() > y.factors.size() : x.coefficient > y.coefficient;
  });
  for (const Monomial& c : candidates) {
    Polynomial s, left;
    s.store = left.store = u.store;
    for (const SymTerm& t : u.terms) {
      bool multiple = t.coefficient % c.coefficient == 0 && divide_factors(t.monomial, c.factors);
      (multiple ? s : left).add_term(t);
    }
    (c.is_one() ? s : left).add_constant(u.constant);
    if (s.terms.empty() && s.constant == 0) continue;
    SymInt t = v + core * left.build(), g = c.value(u.store) * core;
    std::optional<int64_t> q;
    if (t.is_const(0))
      q = 0;
    else if (!is_error(t) && !is_error(g))
      q = constant_quotient(t, g);
    if (!q) continue;
    auto k_factors = divide_factors(content.factors, c.factors);
    return Factored{g, divide_exactly(s, c), t, Monomial{content.coefficient / c.coefficient, *k_factors}.value(u.store), *q};
  }
  return std::nullopt;
}

std::optional<Factored> find_factor(SymInt a, SymInt b) {
  Polynomial p(a), divisor(b);
  Monomial shared = content(divisor);
  if (!has_nonnegative_factors(shared.factors)) return std::nullopt;
  bool sum = divisor.terms.size() + (divisor.constant != 0) > 1;
  if (!sum && !divisor.terms.empty() && divisor.terms[0].coefficient < 0) return std::nullopt;
  if (sum) {
    SymInt core = divide_exactly(divisor, shared);
    Parts parts = divide_by_sum(p, core);
    Polynomial u(parts.quotient);
    u.store = p.store;
    if (!parts.quotient.is_const(0) && !is_error(parts.quotient) && !is_error(parts.rest)) {
      if (auto found = find_factor_with(u, parts.rest, core, shared)) return found;
    }
    // What the whole divisor shares with P, leaving the sum in k.
    auto found = find_factor_with(p, 0, 1, shared);
    if (found) found->k = found->k * core;
    return found;
  }
  return find_factor_with(p, 0, 1, shared);
}

// e / divisor where that is proved to be exact and simple; nullopt where not.
std::optional<SymInt> exact_quotient(SymInt e, SymInt divisor) {
  if (e == divisor) return SymInt(1);
  if (e.is_const() && divisor.is_const()) {
    return e.value() % divisor.value() == 0 ? std::optional(SymInt(e.value() / divisor.value())) : std::nullopt;
  }
  if (e.is_const() || is_error(e)) return std::nullopt;
  auto parts = take_multiples(e, divisor);
  if (!parts || !parts->rest.is_const(0)) return std::nullopt;
  return parts->quotient;
}

Result div_range(SymInt a, SymInt b) {
  if (auto q = constant_quotient(a, b)) return SymInt(*q);
  return std::nullopt;
}

Result div_multiples(SymInt a, SymInt b) {
  if (auto parts = take_multiples(a, b)) return parts->quotient + floor_div(parts->rest, b);
  return std::nullopt;
}

Result div_factor(SymInt a, SymInt b) {
  if (auto f = find_factor(a, b)) return floor_div(f->s + f->q, f->k);
  return std::nullopt;
}

Result div_of_div(SymInt a, SymInt b) {
  Polynomial p(a);
  if (p.terms.size() != 1 || p.terms[0].coefficient != 1 || p.terms[0].monomial->kind != SymKind::kFloorDiv)
    return std::nullopt;
  SymInt x = p.terms[0].monomial->a, c = p.terms[0].monomial->b;
  SymInt moved = x + c * p.constant, divisor = b * c;
  if (is_error(moved) || is_error(divisor)) return std::nullopt;
  return floor_div(moved, divisor);
}

Result div_of_mod(SymInt a, SymInt b) {
  if (a.is_const() || a.node()->kind != SymKind::kMod) return std::nullopt;
  auto m = exact_quotient(a.node()->b, b);
  if (!m) return std::nullopt;
  return mod(floor_div(a.node()->a, b), *m);
}

Result mod_range(SymInt a, SymInt b) {
  auto q = constant_quotient(a, b);
  if (!q) return std::nullopt;
  SymInt result = a - b * *q;
  return is_error(result) ? std::nullopt : Result(result);
}

Result mod_of_mod(SymInt a, SymInt b) {
  Polynomial p(a);
  for (const SymTerm& t : p.terms) {
    if (!t.monomial->has_mod) continue;
    for (const SymNode* inner : factors_of(t.monomial)) {
      if (inner->kind != SymKind::kMod) continue;
      SymInt c = Monomial{t.coefficient, *divide_factors(t.monomial, std::span(&inner, 1))}.value(p.store);
      if (!exact_quotient(c * inner->b, b)) continue;
      p.add_term({-t.coefficient, t.monomial});
      p.add(c * inner->a);
      SymInt flat = p.build();
      return is_error(flat) ? std::nullopt : Result(mod(flat, b));
    }
  }
  return std::nullopt;
}

Result mod_multiples(SymInt a, SymInt b) {
  if (auto parts = take_multiples(a, b)) return mod(parts->rest, b);
  return std::nullopt;
}

Result mod_factor(SymInt a, SymInt b) {
  auto f = find_factor(a, b);
  if (!f) return std::nullopt;
  SymInt result = f->g * mod(f->s + f->q, f->k) + f->t - f->g * f->q;
  return is_error(result) ? std::nullopt : Result(result);
}

constexpr SymRule kDivisionRules[] = {
    {"div_range", "q*D <= P < q*D + D, q constant:  P / D = q", SymKind::kFloorDiv, div_range},
    {"div_multiples", "(D*Q + P) / D = Q + P / D", SymKind::kFloorDiv, div_multiples},
    {"div_factor", "T / g = q constant:  (g*S + T) / (g*k) = (S + q) / k", SymKind::kFloorDiv, div_factor},
    {"div_of_div", "(X / c + constant) / D = (X + c*constant) / (c*D)", SymKind::kFloorDiv, div_of_div},
    {"div_of_mod", "X % (D*m) / D = X / D % m", SymKind::kFloorDiv, div_of_mod},
    {"mod_range", "q*D <= P < q*D + D, q constant:  P % D = P - q*D", SymKind::kMod, mod_range},
    {"mod_of_mod", "D divides c*k:  (c*(X % k) + Y) % D = (c*X + Y) % D", SymKind::kMod, mod_of_mod},
    {"mod_multiples", "(D*Q + P) % D = P % D", SymKind::kMod, mod_multiples},
    {"mod_factor", "T / g = q constant:  (g*S + T) % (g*k) = g*((S + q) % k) + T - g*q", SymKind::kMod, mod_factor},
};

}  // namespace

std::span<const SymRule> division_rules() { return kDivisionRules; }

}  // namespace temper
