// Taking expressions apart: operands, variables, substitution, affine form, evaluation.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "sym/polynomial.h"

namespace temper {
namespace {

template <class Visit>
void for_each_child(const SymNode* n, Visit&& visit) {
  for (const SymTerm& t : n->terms) visit(t.monomial);
  for (const SymNode* f : n->factors) visit(f);
  if (n->a.node()) visit(n->a.node());
  if (n->b.node()) visit(n->b.node());
}

bool reaches(const SymNode* n, const SymNode* var, std::unordered_set<const SymNode*>& seen) {
  if (n == var) return true;
  if ((n->var_mask & var->var_mask) != var->var_mask) return false;
  // A small expression is quicker to walk twice than to remember.
  if (n->weight > 32 && !seen.insert(n).second) return false;
  bool found = false;
  for_each_child(n, [&](const SymNode* child) { found = found || reaches(child, var, seen); });
  return found;
}

void collect(const SymNode* n, std::vector<SymInt>& vars, std::unordered_set<const SymNode*>& seen) {
  if (n->var_mask == 0 || !seen.insert(n).second) return;
  if (n->kind == SymKind::kVar) vars.push_back(SymBuilder::wrap(n));
  for_each_child(n, [&](const SymNode* child) { collect(child, vars, seen); });
}

class Substitution {
 public:
  Substitution(std::span<const SymInt> from, std::span<const SymInt> to) {
    for (size_t i = 0; i < from.size(); ++i) {
      if (from[i].is_const() || from[i] == to[i]) continue;
      done_.try_emplace(from[i].node(), to[i]);
      mask_ |= from[i].node()->var_mask;
    }
  }

  SymInt operator()(SymInt e) { return e.is_const() || e.node()->is_error ? e : (*this)(e.node()); }

 private:
  SymInt operator()(const SymNode* n) {
    if ((n->var_mask & mask_) == 0) return SymBuilder::wrap(n);
    if (auto it = done_.find(n); it != done_.end()) return it->second;
    SymInt result = rebuild(n);
    done_.emplace(n, result);
    return result;
  }

  SymInt rebuild(const SymNode* n) {
    switch (n->kind) {
      case SymKind::kSum: {
        Polynomial p;
        bool changed = false;
        for (const SymTerm& t : n->terms) {
          SymInt value = (*this)(t.monomial);
          changed |= value.node() != t.monomial;
          p.add(value, t.coefficient);
        }
        p.add_constant(n->constant);
        return changed ? p.build() : SymBuilder::wrap(n);
      }
      case SymKind::kProduct: {
        SymInt value = n->constant;
        bool changed = false;
        for (const SymNode* f : n->factors) {
          SymInt factor = (*this)(f);
          changed |= factor.node() != f;
          value *= factor;
        }
        return changed ? value : SymBuilder::wrap(n);
      }
      case SymKind::kConst:
      case SymKind::kVar:
        return SymBuilder::wrap(n);
      default:
        break;
    }
    SymInt a = (*this)(n->a), b = (*this)(n->b);
    if (a == n->a && b == n->b) return SymBuilder::wrap(n);
    switch (n->kind) {
      case SymKind::kFloorDiv:
        return floor_div(a, b);
      case SymKind::kMod:
        return mod(a, b);
      case SymKind::kMin:
        return min(a, b);
      case SymKind::kMax:
        return max(a, b);
      case SymKind::kLess:
        return less(a, b);
      default:
        return equal(a, b);
    }
  }

  std::unordered_map<const SymNode*, SymInt> done_;
  uint64_t mask_ = 0;
};

class Evaluation {
 public:
  explicit Evaluation(const std::function<std::optional<int64_t>(SymInt)>& value_of) : value_of_(value_of) {}

  Expected<int64_t> operator()(SymInt e) {
    if (e.is_const()) return e.value();
    const SymNode* n = e.node();
    bool remember = n->weight > 8;
    if (remember) {
      if (auto it = done_.find(n); it != done_.end()) return it->second;
    }
    int64_t value = TEMPER_TRY(compute(n));
    if (remember) done_.emplace(n, value);
    return value;
  }

 private:
  static Error overflow(const SymNode* n) {
    return Error(ErrorCode::kInvalidArgument,
                 "the value of '" + SymBuilder::wrap(n).to_string() + "' does not fit into 64 bits; use smaller dimensions");
  }

  Expected<int64_t> compute(const SymNode* n) {
    switch (n->kind) {
      case SymKind::kVar: {
        SymInt var = SymBuilder::wrap(n);
        if (auto value = value_of_(var)) return *value;
        return Error(ErrorCode::kNotFound, "'" + var.to_string() + "' has no value; set the shapes of all inputs first");
      }
      case SymKind::kSum: {
        if (n->is_error) {
          return Error(ErrorCode::kInvalidArgument,
                       "a value that does not fit into 64 bits came up, or the expression outgrew its limits; "
                       "use smaller dimensions, or set more of them to fixed numbers");
        }
        __int128 sum = n->constant;
        for (const SymTerm& t : n->terms)
          sum += static_cast<__int128>(t.coefficient) * TEMPER_TRY((*this)(SymBuilder::wrap(t.monomial)));
        if (sum < INT64_MIN || sum > INT64_MAX) return overflow(n);
        return static_cast<int64_t>(sum);
      }
      case SymKind::kProduct: {
        int64_t value = n->constant;
        bool overflowed = false, zero = false;
        for (const SymNode* f : n->factors) {
          int64_t factor = TEMPER_TRY((*this)(SymBuilder::wrap(f)));
          zero |= factor == 0;
          overflowed |= __builtin_mul_overflow(value, factor, &value);
        }
        if (zero) return int64_t{0};
        if (overflowed) return overflow(n);
        return value;
      }
      default:
        break;
    }
    int64_t a = TEMPER_TRY((*this)(n->is_error ? SymInt(1) : n->a)), b = TEMPER_TRY((*this)(n->b));
    switch (n->kind) {
      case SymKind::kFloorDiv:
      case SymKind::kMod:
        if (b < 1) {
          return Error(ErrorCode::kInvalidArgument, "the divisor of '" + SymBuilder::wrap(n).to_string() + "' is " +
                                                        std::to_string(b) + "; divisors must be at least 1");
        }
        return n->kind == SymKind::kFloorDiv ? floor_div(a, b).value() : mod(a, b).value();
      case SymKind::kMin:
        return std::min(a, b);
      case SymKind::kMax:
        return std::max(a, b);
      case SymKind::kLess:
        return int64_t{a < b};
      default:
        return int64_t{a == b};
    }
  }

  const std::function<std::optional<int64_t>(SymInt)>& value_of_;
  std::unordered_map<const SymNode*, int64_t> done_;
};

}  // namespace

SymKind kind_of(SymInt e) { return e.is_const() ? SymKind::kConst : e.node()->kind; }

const SymVar& var_of(SymInt e) {
  TEMPER_CHECK(kind_of(e) == SymKind::kVar, "var_of() of an expression that is not a variable: " + e.to_string());
  return *e.node()->var;
}

std::vector<SymInt> operands_of(SymInt e) {
  std::vector<SymInt> operands;
  if (e.is_const()) return operands;
  const SymNode* n = e.node();
  if (n->is_error) return n->kind == SymKind::kSum ? std::vector<SymInt>{INT64_MAX, INT64_MAX} : std::vector<SymInt>{1, 0};
  switch (n->kind) {
    case SymKind::kConst:
    case SymKind::kVar:
      break;
    case SymKind::kSum:
      for (const SymTerm& t : n->terms) operands.push_back(term_value(n->store, t));
      if (n->constant != 0) operands.emplace_back(n->constant);
      break;
    case SymKind::kProduct:
      if (n->constant != 1) operands.emplace_back(n->constant);
      for (const SymNode* f : n->factors) operands.push_back(SymBuilder::wrap(f));
      break;
    default:
      operands = {n->a, n->b};
  }
  return operands;
}

std::vector<SymInt> vars_of(SymInt e) {
  std::vector<SymInt> vars;
  std::unordered_set<const SymNode*> seen;
  if (!e.is_const()) collect(e.node(), vars, seen);
  return vars;
}

bool depends_on(SymInt e, SymInt var) {
  if (e.is_const() || var.is_const()) return false;
  std::unordered_set<const SymNode*> seen;
  return reaches(e.node(), var.node(), seen);
}

SymInt substitute(SymInt e, std::span<const SymInt> from, std::span<const SymInt> to) {
  TEMPER_CHECK(from.size() == to.size(), "substitute() wants a replacement for each variable");
  return Substitution(from, to)(e);
}

std::optional<Affine> as_affine(SymInt e, std::span<const SymInt> vars) {
  Affine result{std::vector<SymInt>(vars.size()), 0};
  if (e.is_const()) return Affine{std::move(result.coefficients), e};
  if (e.node()->is_error) return std::nullopt;
  auto depends = [&](const SymNode* n) {
    return std::ranges::any_of(vars, [&](SymInt v) { return depends_on(SymBuilder::wrap(n), v); });
  };
  Polynomial p(e);
  std::vector<Polynomial> coefficients(vars.size());
  Polynomial offset;
  offset.store = p.store;
  offset.add_constant(p.constant);
  for (const SymTerm& t : p.terms) {
    const SymNode* dependent = nullptr;
    for (const SymNode* f : factors_of(t.monomial)) {
      if (!depends(f)) continue;
      if (dependent) return std::nullopt;
      dependent = f;
    }
    if (!dependent) {
      offset.add_term(t);
      continue;
    }
    auto at = std::ranges::find(vars, SymBuilder::wrap(dependent));
    if (at == vars.end()) return std::nullopt;
    SymInt rest = Monomial{t.coefficient, *divide_factors(t.monomial, std::span(&dependent, 1))}.value(p.store);
    coefficients[static_cast<size_t>(at - vars.begin())].add(rest);
  }
  for (size_t i = 0; i < vars.size(); ++i) result.coefficients[i] = coefficients[i].build();
  result.offset = offset.build();
  return result;
}

Expected<int64_t> evaluate(SymInt e, const std::function<std::optional<int64_t>(SymInt var)>& value_of) {
  return Evaluation(value_of)(e);
}

}  // namespace temper
