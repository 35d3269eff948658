// The answer that there always is: a contraction as a reduction of products, in a tile program. Slow, and right for every index
// map.
#include <algorithm>

#include "backend/cpu/gen/lower_tile.h"
#include "kernel/cost.h"
#include "tune/source.h"

namespace temper::cpu {
namespace {

Region as_reductions(const Region& region) {
  Region plain = region;
  for (Stage& stage : plain.stages) {
    auto* contract = std::get_if<Contract>(&stage);
    if (contract) stage = sum_of_products(*contract, region.value_types());
  }
  return plain;
}

class NaiveSource final : public TacticSource {
 public:
  std::string_view name() const override { return "naive"; }
  std::string fingerprint() const override { return "naive-1"; }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device&,
                                                       const BuildOptions&) const override {
    const auto& stages = candidate.region->stages;
    const auto contracts =
        std::count_if(stages.begin(), stages.end(), [](const Stage& s) { return std::holds_alternative<Contract>(s); });
    if (contracts == 0) return Decline{"nothing in it is a contraction"};
    if (contracts > 1) return Decline{"more than one contraction: each alone is better"};
    if (auto why = tile_refusal(as_reductions(*candidate.region))) return Decline{*why};
    // A thousand operations a microsecond.
    return std::vector<Tactic>{{"naive", "default", cost_of(*candidate.region, candidate.best).operations * 1e-3}};
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic&, const Device&) const override {
    KernelCode code = TEMPER_TRY(lower_tile(*candidate.context, as_reductions(*candidate.region), candidate.layouts));
    KernelStep step{std::move(code.name), std::move(code.blob), std::move(code.parameters), {}};
    for (size_t i = 0; i < candidate.layouts.size(); ++i) step.arguments.push_back({static_cast<int>(i), {}});
    std::vector<KernelStep> steps;
    steps.push_back(std::move(step));
    return steps;
  }
};

const NaiveSource kSource;
const RegisterSource kNaive{0, kSource};

}  // namespace
}  // namespace temper::cpu
