// Interval arithmetic. INT64_MIN and INT64_MAX as an end mean "unbounded on that side", so results saturate.
#include <algorithm>

#include "sym/node.h"
#include "sym/polynomial.h"

namespace temper {
namespace {

constexpr int64_t kMin = INT64_MIN, kMax = INT64_MAX;

bool infinite(int64_t v) { return v == kMin || v == kMax; }

int64_t clamp(__int128 v) { return v <= kMin ? kMin : v >= kMax ? kMax : static_cast<int64_t>(v); }

// Of one end; an infinite one wins, and both ends that are added are infinite in the same direction only.
int64_t add_end(int64_t x, int64_t y) {
  if (infinite(x)) return x;
  if (infinite(y)) return y;
  return clamp(static_cast<__int128>(x) + y);
}

int64_t multiply_end(int64_t x, int64_t y) {
  if (x == 0 || y == 0) return 0;
  if (infinite(x) || infinite(y)) return (x < 0) == (y < 0) ? kMax : kMin;
  return clamp(static_cast<__int128>(x) * y);
}

SymBounds add(SymBounds x, SymBounds y) { return {add_end(x.lo, y.lo), add_end(x.hi, y.hi)}; }

SymBounds multiply(SymBounds x, SymBounds y) {
  auto [lo, hi] =
      std::minmax({multiply_end(x.lo, y.lo), multiply_end(x.lo, y.hi), multiply_end(x.hi, y.lo), multiply_end(x.hi, y.hi)});
  return {lo, hi};
}

int64_t floor_quotient(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int64_t divide_end(int64_t x, int64_t y) {
  if (infinite(x)) return y == kMax ? (x < 0 ? -1 : 0) : x;
  return y == kMax ? (x < 0 ? -1 : 0) : floor_quotient(x, y);
}

// The divisor is positive by contract.
SymBounds divide(SymBounds x, SymBounds y) {
  int64_t y_lo = std::max<int64_t>(y.lo, 1), y_hi = std::max<int64_t>(y.hi, 1);
  int64_t lo = x.lo < 0 ? divide_end(x.lo, y_lo) : divide_end(x.lo, y_hi);
  int64_t hi = x.hi < 0 ? divide_end(x.hi, y_hi) : divide_end(x.hi, y_lo);
  return {lo, hi};
}

SymBounds modulo(SymBounds x, SymBounds y) {
  int64_t y_lo = std::max<int64_t>(y.lo, 1), y_hi = std::max<int64_t>(y.hi, 1);
  if (x.lo >= 0 && x.hi < y_lo) return x;
  int64_t hi = y_hi == kMax ? kMax : y_hi - 1;
  return {0, x.lo >= 0 ? std::min(hi, x.hi) : hi};
}

SymBounds of_factors(std::span<const SymNode* const> factors) {
  SymBounds result{1, 1};
  for (size_t i = 0; i < factors.size(); ++i) {
    SymBounds b = bounds(SymBuilder::wrap(factors[i]));
    SymBounds power = b;
    int degree = 1;
    for (; i + 1 < factors.size() && factors[i + 1] == factors[i]; ++i, ++degree) power = multiply(power, b);
    if (degree % 2 == 0) power.lo = std::max<int64_t>(power.lo, 0);
    result = multiply(result, power);
  }
  return result;
}

SymBounds compute(const SymNode* n) {
  switch (n->kind) {
    case SymKind::kVar:
      if (n->var->kind == VarKind::kDim || n->var->kind == VarKind::kSize) return n->store->range(n);
      {
        int64_t hi = bounds(n->var->extent).hi;
        return {0, hi == kMax ? kMax : std::max<int64_t>(hi - 1, 0)};
      }
    case SymKind::kSum:
      return bounds_of_sum(n->terms, n->constant);
    case SymKind::kProduct:
      return multiply({n->constant, n->constant}, of_factors(n->factors));
    case SymKind::kFloorDiv:
      return divide(bounds(n->a), bounds(n->b));
    case SymKind::kMod:
      return modulo(bounds(n->a), bounds(n->b));
    case SymKind::kMin:
    case SymKind::kMax: {
      SymBounds x = bounds(n->a), y = bounds(n->b);
      if (n->kind == SymKind::kMin) return {std::min(x.lo, y.lo), std::min(x.hi, y.hi)};
      return {std::max(x.lo, y.lo), std::max(x.hi, y.hi)};
    }
    case SymKind::kLess:
    case SymKind::kEqual:
    case SymKind::kConst:
      break;
  }
  return {0, 1};
}

}  // namespace

SymBounds bounds_of_sum(std::span<const SymTerm> terms, int64_t constant) {
  SymBounds sum{constant, constant};
  for (const SymTerm& t : terms) sum = add(sum, multiply({t.coefficient, t.coefficient}, bounds(SymBuilder::wrap(t.monomial))));
  return sum;
}

SymBounds bounds(SymInt e) {
  if (e.is_const()) return {e.value(), e.value()};
  const SymNode* n = e.node();
  if (n->is_error) return {};
  if (n->bounds_stamp != n->store->stamp()) {
    n->bounds = compute(n);
    n->bounds_stamp = n->store->stamp();
  }
  return n->bounds;
}

bool proves_multiple_of(SymInt e, int64_t divisor) {
  if (divisor < 1) return false;
  if (e.is_const()) return e.value() % divisor == 0;
  SymInt rest = mod(e, divisor);
  return rest.is_const(0);
}

}  // namespace temper
