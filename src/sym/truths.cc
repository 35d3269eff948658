// Products of truth values, which are conjunctions: what another factor implies is dropped, contradictions are 0.
#include <algorithm>

#include "sym/node.h"
#include "sym/polynomial.h"
#include "sym/prove.h"
#include "sym/simplify.h"

namespace temper {
namespace {

enum class Relation { kNone, kFirstImpliesSecond, kSecondImpliesFirst, kContradiction };

// x < y is margin(x < y) >= 0.
SymInt margin(const SymNode* less) { return less->b - less->a - 1; }

Relation relate(const SymNode* x, const SymNode* y) {
  if ((x->var_mask & y->var_mask) == 0) return Relation::kNone;
  if (x->kind == SymKind::kLess && y->kind == SymKind::kLess) {
    SymInt mx = margin(x), my = margin(y);
    if (proves_less_equal(mx, my)) return Relation::kFirstImpliesSecond;
    if (proves_less_equal(my, mx)) return Relation::kSecondImpliesFirst;
    if (proves_less(mx + my, 0)) return Relation::kContradiction;
  }
  if (x->kind == SymKind::kEqual && y->kind == SymKind::kEqual) {
    SymInt dx = x->a - x->b, dy = y->a - y->b;
    if (proves_less(dx, dy) || proves_less(dy, dx)) return Relation::kContradiction;
  }
  return Relation::kNone;
}

}  // namespace

bool reduce_truths(SymStore* store, std::vector<const SymNode*>& factors) {
  if (std::ranges::count_if(factors, is_truth) < 2 || store->nesting > kMaxNesting) return true;
  ++store->nesting;
  bool possible = true;
  for (size_t i = 0; i < factors.size() && possible; ++i) {
    for (size_t j = i + 1; j < factors.size() && possible;) {
      Relation r = is_truth(factors[i]) && is_truth(factors[j]) ? relate(factors[i], factors[j]) : Relation::kNone;
      possible = r != Relation::kContradiction;
      if (r == Relation::kSecondImpliesFirst) factors[i] = factors[j];
      if (r == Relation::kNone)
        ++j;
      else if (possible)
        factors.erase(factors.begin() + static_cast<ptrdiff_t>(j));
      // The one that stayed may imply factors that were compared with the other.
      if (r == Relation::kSecondImpliesFirst) j = i + 1;
    }
  }
  --store->nesting;
  std::ranges::sort(factors, [](const SymNode* x, const SymNode* y) { return compare_atoms(x, y) < 0; });
  return possible;
}

}  // namespace temper
