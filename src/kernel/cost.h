// What a Region costs by its definition, whatever kernel does it: for reading plans, and for judging times.
//
//   Cost cost = cost_of(region, [&](SymInt e) { return values.at(e); });
//   cost.operations / seconds   // how busy the machine's arithmetic was kept
#pragma once

#include <cstdint>
#include <functional>

#include "kernel/region.h"

namespace temper {

struct Cost {
  double operations = 0;     // a multiply-add counts 2, any other function of numbers 1; casts and movement nothing
  double read_bytes = 0;     // of the inputs' elements that are looked at, each counted once
  double written_bytes = 0;  // of the outputs
};

// `at` gives the value of an expression over symbols at the shapes in question.
Cost cost_of(const Region& region, const std::function<int64_t(SymInt)>& at);

}  // namespace temper
