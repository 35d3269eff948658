// share_growth: which alternative each unit of a network takes, where all of them together may grow by so many bytes.
//
// A unit may have a quick alternative that keeps its weights in a larger form. This is the knapsack: the choice with the least
// time in all, in bytes counted by a 4096th of what there is, and then whatever the remains still pay for. A pure function:
// equal arguments, equal choice.
//
//   std::vector<size_t> taken = share_growth({{{0, 9000}, {4096, 3000}}, {{0, 800}}}, 4096);     // {1, 0}
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace temper {

struct GrowthOption {
  int64_t growth = 0;  // bytes; less than nothing counts as nothing
  double ns = 0;
};

// The number of the option that each unit takes. What grows least is taken even where the bytes do not suffice for it; of equal
// options the first.
std::vector<size_t> share_growth(std::span<const std::vector<GrowthOption>> units, int64_t bytes);

}  // namespace temper
