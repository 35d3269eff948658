// The rules for min, max, less and equal.
#include <algorithm>
#include <vector>

#include "sym/polynomial.h"
#include "sym/prove.h"
#include "sym/simplify.h"

namespace temper {
namespace {

using Result = std::optional<SymInt>;

Result min_proved(SymInt a, SymInt b) {
  if (proves_less_equal(a, b)) return a;
  if (proves_less_equal(b, a)) return b;
  return std::nullopt;
}

Result max_proved(SymInt a, SymInt b) {
  if (proves_less_equal(a, b)) return b;
  if (proves_less_equal(b, a)) return a;
  return std::nullopt;
}

void flatten(SymKind kind, SymInt e, std::vector<SymInt>& into) {
  if (!e.is_const() && e.node()->kind == kind) {
    flatten(kind, e.node()->a, into);
    flatten(kind, e.node()->b, into);
  } else if (std::ranges::find(into, e) == into.end()) {
    into.push_back(e);
  }
}

// min and max are kept as a chain min(min(x, y), z) of operands that are sorted and that no other operand dominates.
Result chain(SymKind kind, SymInt a, SymInt b) {
  std::vector<SymInt> operands, kept;
  flatten(kind, a, operands);
  flatten(kind, b, operands);
  for (size_t i = 0; i < operands.size(); ++i) {
    bool needed = true;
    for (size_t j = 0; j < operands.size() && needed; ++j) {
      if (i == j) continue;
      bool dominated =
          kind == SymKind::kMin ? proves_less_equal(operands[j], operands[i]) : proves_less_equal(operands[i], operands[j]);
      // Of two that dominate each other, the first stays.
      bool mutual =
          dominated && j > i &&
          (kind == SymKind::kMin ? proves_less_equal(operands[i], operands[j]) : proves_less_equal(operands[j], operands[i]));
      needed = !dominated || mutual;
    }
    if (needed) kept.push_back(operands[i]);
  }
  // Constants last, as in sums.
  std::ranges::sort(kept,
                    [](SymInt x, SymInt y) { return x.is_const() != y.is_const() ? y.is_const() : compare_symints(x, y) < 0; });
  SymStore* store = common_store(a, b);
  SymInt result = kept[0];
  for (size_t i = 1; i < kept.size(); ++i) result = store->raw(kind, result, kept[i]);
  return result;
}

Result min_chain(SymInt a, SymInt b) { return chain(SymKind::kMin, a, b); }
Result max_chain(SymInt a, SymInt b) { return chain(SymKind::kMax, a, b); }

Result less_proved(SymInt a, SymInt b) {
  if (proves_less(a, b)) return SymInt(1);
  if (proves_less_equal(b, a)) return SymInt(0);
  return std::nullopt;
}

// e = left - right with only positive coefficients and constants on either side.
struct Sides {
  SymInt left, right;
};

Sides split_signs(const Polynomial& e) {
  Polynomial left, right;
  left.store = right.store = e.store;
  for (SymTerm t : e.terms) {
    if (t.coefficient > 0)
      left.add_term(t);
    else
      right.add_term({-t.coefficient, t.monomial});
  }
  // With no terms on one side, that side gets the constant, so that it reads "d0 < 4" and not "d0 + 1 < 5".
  if (left.terms.empty())
    left.add_constant(e.constant);
  else if (right.terms.empty() || e.constant < 0)
    right.add_constant(-e.constant);
  else
    left.add_constant(e.constant);
  return {left.build(), right.build()};
}

// b - a, divided by the divisor that its terms share; the constant is returned apart.
struct Difference {
  Polynomial terms;
  int64_t constant, divisor;
};

std::optional<Difference> normalized_difference(SymInt a, SymInt b) {
  Polynomial e(b);
  e.add(a, -1);
  // Quotients and remainders may merge.
  e = Polynomial(e.build());
  if (e.failed() || e.terms.empty() || e.constant == INT64_MIN) return std::nullopt;
  int64_t constant = e.constant, divisor = 0;
  e.constant = 0;
  for (const SymTerm& t : e.terms) {
    if (t.coefficient == INT64_MIN) return std::nullopt;
    divisor = common_divisor({divisor, {}}, t.coefficient, nullptr).coefficient;
  }
  for (SymTerm& t : e.terms) t.coefficient /= divisor;
  return Difference{std::move(e), constant, divisor};
}

// The single truth value (an atom in [0, 1]) that the terms consist of, up to the sign.
std::optional<SymInt> truth_of(const Polynomial& e) {
  if (e.terms.size() != 1 || std::abs(e.terms[0].coefficient) != 1) return std::nullopt;
  SymInt value = SymBuilder::wrap(e.terms[0].monomial);
  SymBounds range = bounds(value);
  if (range.lo < 0 || range.hi > 1) return std::nullopt;
  return value;
}

// a < b is D*E + c >= 1 with E = (b - a - c) / D, hence E > floor(-c / D), hence E + ceil(c / D) > 0.
Result less_normal(SymInt a, SymInt b) {
  auto d = normalized_difference(a, b);
  if (!d) return std::nullopt;
  if (auto truth = truth_of(d->terms)) {
    bool positive = d->terms.terms[0].coefficient > 0;
    bool at_zero = d->constant > 0, at_one = positive ? d->constant > -d->divisor : d->constant > d->divisor;
    return at_zero == at_one ? SymInt(at_zero) : at_one ? *truth : 1 - *truth;
  }
  d->terms.constant = -floor_div(-d->constant, d->divisor).value();
  Sides sides = split_signs(d->terms);
  if (is_error(sides.left) || is_error(sides.right)) return std::nullopt;
  // E = left - right > 0.
  return common_store(a, b)->raw(SymKind::kLess, sides.right, sides.left);
}

Result equal_proved(SymInt a, SymInt b) {
  if (proves_less(a, b) || proves_less(b, a)) return SymInt(0);
  return std::nullopt;
}

Result equal_normal(SymInt a, SymInt b) {
  auto d = normalized_difference(a, b);
  if (!d) return (b - a).is_const() && !is_error(b - a) ? Result(SymInt((b - a).is_const(0))) : std::nullopt;
  if (d->constant % d->divisor != 0) return SymInt(0);
  int64_t constant = d->constant / d->divisor;
  if (d->terms.terms[0].coefficient < 0) {
    for (SymTerm& t : d->terms.terms) t.coefficient = -t.coefficient;
    constant = -constant;
  }
  if (auto truth = truth_of(d->terms)) return constant == 0 ? 1 - *truth : constant == -1 ? *truth : SymInt(0);
  d->terms.constant = constant;
  Sides sides = split_signs(d->terms);
  if (is_error(sides.left) || is_error(sides.right)) return std::nullopt;
  return common_store(a, b)->raw(SymKind::kEqual, sides.left, sides.right);
}

constexpr SymRule kComparisonRules[] = {
    {"min_proved", "a <= b:  min(a, b) = a", SymKind::kMin, min_proved},
    {"min_chain", "associative, commutative; c >= a:  min(min(a, b), c) = min(a, b)", SymKind::kMin, min_chain},
    {"max_proved", "a <= b:  max(a, b) = b", SymKind::kMax, max_proved},
    {"max_chain", "associative, commutative; c <= a:  max(max(a, b), c) = max(a, b)", SymKind::kMax, max_chain},
    {"less_proved", "by bounds", SymKind::kLess, less_proved},
    {"less_normal", "terms with positive coefficients on either side, divided by what they share", SymKind::kLess, less_normal},
    {"equal_proved", "a < b or b < a:  (a == b) = 0", SymKind::kEqual, equal_proved},
    {"equal_normal", "terms with positive coefficients on either side, divided by what they share", SymKind::kEqual,
     equal_normal},
};

}  // namespace

std::span<const SymRule> comparison_rules() { return kComparisonRules; }

}  // namespace temper
