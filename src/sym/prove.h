// Proofs of inequalities. Private to this room.
#pragma once

#include "sym/sym.h"

namespace temper {

// e >= 0 for all values of its variables.
bool proves_nonnegative(SymInt e);
// Every atom of the monomial is >= 0, so that a positive multiple of it has only positive factors.
bool has_nonnegative_factors(std::span<const SymNode* const> factors);

}  // namespace temper
