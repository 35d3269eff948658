// The simplification rules, as tables: each rule looks at the operands of one operator and either answers with an equal
// expression or declines. Rules are tried in order; the first answer counts. A test tries every rule on random operands.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sym/node.h"

namespace temper {

// Simplifications may call each other this deep; beyond it, operators are kept as they stand.
inline constexpr int kMaxNesting = 48;

struct SymRule {
  const char* name;
  const char* law;  // for readers
  SymKind kind;     // the operator on whose operands it looks
  std::optional<SymInt> (*apply)(SymInt a, SymInt b);
};

// Operands are canonical, not both constant and no errors; a divisor is not 1 and not a constant below 1.
std::span<const SymRule> division_rules();    // kFloorDiv and kMod
std::span<const SymRule> comparison_rules();  // kMin, kMax, kLess, kEqual

// A truth value: 0 or 1, idempotent in products.
inline bool is_truth(const SymNode* n) { return n->kind == SymKind::kLess || n->kind == SymKind::kEqual; }
// Drops factors that other factors imply; false where the product is 0.
bool reduce_truths(SymStore* store, std::vector<const SymNode*>& factors);

}  // namespace temper
