// How GoogleTest shows a SymInt.
#pragma once

#include <ostream>

#include "sym/sym.h"

namespace temper {

inline void PrintTo(const SymInt& e, std::ostream* out) { *out << e.to_string(); }

}  // namespace temper
