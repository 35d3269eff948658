// Accumulators of the monoids, exact and with the error that a kernel's order of combination may have: Note [Error model].
#pragma once

#include <memory>
#include <span>

#include "kernel/tolerance.h"

namespace temper {

class ExactMonoid {
 public:
  virtual ~ExactMonoid() = default;
  virtual void add(ExactValue x) = 0;  // in order of position
  // The results for what was added so far.
  virtual void results(std::span<ExactValue> results) const = 0;
};

// Over elements of type `from`, with first result of type `to`.
std::unique_ptr<ExactMonoid> make_exact_monoid(MonoidKind kind, DType from, DType to);

}  // namespace temper
