#include "sym/sym.h"

#include <algorithm>

#include "sym/polynomial.h"
#include "sym/simplify.h"

namespace temper {
namespace {

// The product of two monomials; nullptr where it is 0.
const SymNode* multiply_monomials(SymStore* store, const SymNode* x, const SymNode* y) {
  auto fx = factors_of(x), fy = factors_of(y);
  std::vector<const SymNode*> factors(fx.size() + fy.size());
  std::ranges::merge(fx, fy, factors.begin(), [](const SymNode* a, const SymNode* b) { return compare_atoms(a, b) < 0; });
  auto same = [](const SymNode* a, const SymNode* b) { return a == b && is_truth(a); };
  factors.erase(std::unique(factors.begin(), factors.end(), same), factors.end());
  if (!reduce_truths(store, factors)) return nullptr;
  return store->product(1, factors);
}

// A sum stands for itself as a factor once multiplying out would make too many terms.
void keep_as_factor(Polynomial& p, SymInt e) {
  if (p.terms.size() + (p.constant != 0) > 1) {
    p.terms = {{1, e.node()}};
    p.constant = 0;
  }
}

SymInt multiply(SymInt a, SymInt b) {
  Polynomial x(a), y(b), result;
  if (x.failed()) return x.error;
  if (y.failed()) return y.error;
  if ((x.terms.size() + 1) * (y.terms.size() + 1) > kMaxExpansion && x.terms.size() > 0 && y.terms.size() > 0) {
    keep_as_factor(x, a);
    keep_as_factor(y, b);
  }
  result.store = common_store(a, b);
  if (y.constant != 0) result.add_terms(x.terms, y.constant);
  if (x.constant != 0) result.add_terms(y.terms, x.constant);
  int64_t constant;
  if (__builtin_mul_overflow(x.constant, y.constant, &constant)) return overflow_error();
  result.add_constant(constant);
  for (const SymTerm& s : x.terms) {
    for (const SymTerm& t : y.terms) {
      int64_t coefficient;
      if (__builtin_mul_overflow(s.coefficient, t.coefficient, &coefficient)) return overflow_error();
      const SymNode* monomial = multiply_monomials(result.store, s.monomial, t.monomial);
      if (!monomial) continue;
      if (monomial->is_error) return overflow_error();
      result.add_term({coefficient, monomial});
    }
  }
  return result.build();
}

SymInt fold(SymKind kind, int64_t a, int64_t b) {
  switch (kind) {
    case SymKind::kFloorDiv:
      return a / b - (a % b < 0);
    case SymKind::kMod:
      return a % b + (a % b < 0 ? b : 0);
    case SymKind::kMin:
      return std::min(a, b);
    case SymKind::kMax:
      return std::max(a, b);
    case SymKind::kLess:
      return a < b;
    default:
      return a == b;
  }
}

SymInt simplify(SymKind kind, SymInt a, SymInt b) {
  bool division = kind == SymKind::kFloorDiv || kind == SymKind::kMod;
  if (is_error(a)) return a;
  if (is_error(b)) return b;
  if (division && b.is_const() && b.value() < 1) return divisor_error();
  if (a.is_const() && b.is_const()) return fold(kind, a.value(), b.value());
  if (division && b.is_const(1)) return kind == SymKind::kFloorDiv ? a : SymInt(0);
  if (a == b) {
    switch (kind) {
      case SymKind::kFloorDiv:
      case SymKind::kEqual:
        return 1;
      case SymKind::kMod:
      case SymKind::kLess:
        return 0;
      default:
        return a;
    }
  }
  SymStore* store = common_store(a, b);
  if (const SymInt* known = store->find_result(kind, a, b)) return *known;
  if (store->nesting > kMaxNesting) return store->raw(kind, a, b);
  ++store->nesting;
  SymInt result;
  bool found = false;
  for (const SymRule& rule : division ? division_rules() : comparison_rules()) {
    if (rule.kind != kind) continue;
    if (auto better = rule.apply(a, b)) {
      result = *better;
      found = true;
      break;
    }
  }
  if (!found) result = store->raw(kind, a, b);
  --store->nesting;
  store->keep_result(kind, a, b, result);
  return result;
}

}  // namespace

int64_t SymInt::value() const {
  TEMPER_CHECK(is_const(), "value() of an expression that is not a constant: " + to_string());
  return value_;
}

SymInt operator+(SymInt a, SymInt b) {
  if (a.is_const() && b.is_const()) {
    int64_t sum;
    return __builtin_add_overflow(a.value(), b.value(), &sum) ? overflow_error() : SymInt(sum);
  }
  if (b.is_const(0)) return a;
  if (a.is_const(0)) return b;
  common_store(a, b);
  Polynomial p(a);
  p.add(b);
  return p.build();
}

SymInt operator-(SymInt a, SymInt b) {
  if (a.is_const() && b.is_const()) {
    int64_t difference;
    return __builtin_sub_overflow(a.value(), b.value(), &difference) ? overflow_error() : SymInt(difference);
  }
  if (b.is_const(0)) return a;
  common_store(a, b);
  Polynomial p(a);
  p.add(b, -1);
  return p.build();
}

SymInt operator*(SymInt a, SymInt b) {
  if (is_error(a)) return a;
  if (is_error(b)) return b;
  if (a.is_const() && b.is_const()) {
    int64_t result;
    return __builtin_mul_overflow(a.value(), b.value(), &result) ? overflow_error() : SymInt(result);
  }
  if (a.is_const(0) || b.is_const(0)) return 0;
  if (a.is_const(1)) return b;
  if (b.is_const(1)) return a;
  return multiply(a, b);
}

SymInt floor_div(SymInt a, SymInt b) { return simplify(SymKind::kFloorDiv, a, b); }
SymInt mod(SymInt a, SymInt b) { return simplify(SymKind::kMod, a, b); }
SymInt min(SymInt a, SymInt b) { return simplify(SymKind::kMin, a, b); }
SymInt max(SymInt a, SymInt b) { return simplify(SymKind::kMax, a, b); }
SymInt less(SymInt a, SymInt b) { return simplify(SymKind::kLess, a, b); }
SymInt equal(SymInt a, SymInt b) { return simplify(SymKind::kEqual, a, b); }

SymInt product(std::span<const SymInt> factors) {
  SymInt result = 1;
  for (SymInt f : factors) result *= f;
  return result;
}

SymContext::SymContext() : interner_(std::make_unique<Interner>(this)) {}
SymContext::~SymContext() = default;

SymInt SymContext::symbol(std::string_view name) {
  auto [it, fresh] = interner_->dims.try_emplace(std::string(name));
  if (fresh) {
    it->second = SymBuilder::wrap(interner_->variable(VarKind::kDim, std::string(name), -1, 0));
    interner_->symbols.push_back(it->second);
  }
  return it->second;
}

SymInt SymContext::size(int ordinal) {
  auto [it, fresh] = interner_->sizes.try_emplace(ordinal);
  if (fresh) {
    it->second = SymBuilder::wrap(interner_->variable(VarKind::kSize, "u" + std::to_string(ordinal), ordinal, 0));
    interner_->symbols.push_back(it->second);
    interner_->next_size = std::max(interner_->next_size, ordinal + 1);
  }
  return it->second;
}

SymInt SymContext::fresh_size() { return size(interner_->next_size); }

SymInt SymContext::index(int ordinal, SymInt extent) {
  if (bounds(extent).hi <= 1) return 0;
  return SymBuilder::wrap(interner_->variable(VarKind::kIndex, "d" + std::to_string(ordinal), ordinal, extent));
}

SymInt SymContext::loaded(int ordinal, SymInt extent) {
  if (bounds(extent).hi <= 1) return 0;
  return SymBuilder::wrap(interner_->variable(VarKind::kLoaded, "v" + std::to_string(ordinal), ordinal, extent));
}

void SymContext::set_range(SymInt var, int64_t lo, int64_t hi) {
  bool ranged = kind_of(var) == SymKind::kVar && (var_of(var).kind == VarKind::kDim || var_of(var).kind == VarKind::kSize);
  TEMPER_CHECK(ranged && lo <= hi, "set_range wants a dimension or a size, and lo <= hi");
  interner_->set_range(var.node(), {lo, hi});
}

SymBounds SymContext::range(SymInt var) const { return bounds(var); }

const std::vector<SymInt>& SymContext::symbols() const { return interner_->symbols; }

}  // namespace temper
