// The fixed assignments: dimensions small, medium and large within their ranges; indices at their first, last and other values.
#include <algorithm>

#include "sym/node.h"

namespace temper {
namespace {

bool fits(__int128 v) { return v >= INT64_MIN && v <= INT64_MAX; }

// Differs between variables, so that a claim does not hold only because two of them have the same value.
uint64_t spread(const SymVar& var, uint64_t modulus) {
  uint64_t h = 1469598103934665603ull;
  for (char c : var.name) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return (h >> 20) % modulus;
}

int64_t range_value(const SymVar& var, SymBounds range, int sample) {
  constexpr int64_t kBase[kSamples] = {1, 2, 17, 100000, 0}, kSpread[kSamples] = {1, 7, 41, 999, 1};
  // At most 2^40 from the lower end, so that sums of a few don't overflow.
  int64_t offset = kBase[sample] + static_cast<int64_t>(spread(var, static_cast<uint64_t>(kSpread[sample])));
  __int128 value = static_cast<__int128>(std::max(range.lo, -(int64_t{1} << 50))) + offset;
  return static_cast<int64_t>(std::min<__int128>(value, range.hi));
}

bool index_value(const SymVar& var, int64_t extent, int sample, int64_t& value) {
  if (extent < 1) return false;
  switch (sample) {
    case 0:
      value = 0;
      break;
    case 2:
      value = static_cast<int64_t>(spread(var, 1 << 20) % static_cast<uint64_t>(extent));
      break;
    case 3:
      value = var.ordinal % 2 ? 0 : extent - 1;
      break;
    default:
      value = extent - 1;
  }
  return true;
}

bool operate(SymKind kind, int64_t a, int64_t b, int64_t& out) {
  switch (kind) {
    case SymKind::kFloorDiv:
    case SymKind::kMod: {
      if (b < 1) return false;
      int64_t rest = a % b + (a % b < 0 ? b : 0);
      out = kind == SymKind::kMod ? rest : a / b - (a % b < 0);
      return true;
    }
    case SymKind::kMin:
      out = std::min(a, b);
      return true;
    case SymKind::kMax:
      out = std::max(a, b);
      return true;
    case SymKind::kLess:
      out = a < b;
      return true;
    default:
      out = a == b;
      return true;
  }
}

SymSamples compute(const SymNode* n) {
  SymSamples result;
  auto set = [&](int s, __int128 value) {
    if (!fits(value)) return;
    result.value[s] = static_cast<int64_t>(value);
    result.valid |= static_cast<uint8_t>(1 << s);
  };
  switch (n->kind) {
    case SymKind::kConst:
      break;
    case SymKind::kVar: {
      bool ranged = n->var->kind == VarKind::kDim || n->var->kind == VarKind::kSize;
      SymBounds range = ranged ? n->store->range(n) : SymBounds{};
      SymSamples extent = samples(n->var->extent);
      for (int s = 0; s < kSamples; ++s) {
        int64_t value;
        if (ranged)
          set(s, range_value(*n->var, range, s));
        else if ((extent.valid >> s & 1) && index_value(*n->var, extent.value[s], s, value))
          set(s, value);
      }
      break;
    }
    case SymKind::kSum:
      return samples_of_sum(n->terms, n->constant);
    case SymKind::kProduct: {
      uint8_t valid = (1 << kSamples) - 1;
      int64_t products[kSamples];
      std::fill_n(products, kSamples, n->constant);
      for (const SymNode* f : n->factors) {
        SymSamples factor = samples(SymBuilder::wrap(f));
        valid &= factor.valid;
        for (int s = 0; s < kSamples; ++s)
          if ((valid >> s & 1) && __builtin_mul_overflow(products[s], factor.value[s], &products[s]))
            valid &= static_cast<uint8_t>(~(1 << s));
      }
      for (int s = 0; s < kSamples; ++s)
        if (valid >> s & 1) set(s, products[s]);
      break;
    }
    default: {
      SymSamples a = samples(n->a), b = samples(n->b);
      for (int s = 0; s < kSamples; ++s) {
        int64_t value;
        if ((a.valid & b.valid) >> s & 1 && operate(n->kind, a.value[s], b.value[s], value)) set(s, value);
      }
    }
  }
  return result;
}

}  // namespace

SymSamples samples_of_sum(std::span<const SymTerm> terms, int64_t constant) {
  SymSamples result;
  __int128 sums[kSamples];
  std::fill_n(sums, kSamples, constant);
  uint8_t valid = (1 << kSamples) - 1;
  for (const SymTerm& t : terms) {
    SymSamples term = samples(SymBuilder::wrap(t.monomial));
    valid &= term.valid;
    for (int s = 0; s < kSamples; ++s)
      if (valid >> s & 1) sums[s] += static_cast<__int128>(t.coefficient) * term.value[s];
  }
  for (int s = 0; s < kSamples; ++s) {
    if (!(valid >> s & 1) || !fits(sums[s])) continue;
    result.value[s] = static_cast<int64_t>(sums[s]);
    result.valid |= static_cast<uint8_t>(1 << s);
  }
  return result;
}

SymSamples samples(SymInt e) {
  SymSamples result;
  if (e.is_const()) {
    std::fill_n(result.value, kSamples, e.value());
    result.valid = (1 << kSamples) - 1;
    return result;
  }
  const SymNode* n = e.node();
  if (n->is_error) return result;
  if (n->samples_stamp != n->store->stamp()) {
    n->samples = compute(n);
    n->samples_stamp = n->store->stamp();
  }
  return n->samples;
}

}  // namespace temper
