// The source of kernels of one stage each: scan, sort, scatter, compact, suppression.
#include "backend/cpu/gen/lower_solo.h"
#include "tune/source.h"

namespace temper::cpu {
namespace {

class SoloSource final : public TacticSource {
 public:
  std::string_view name() const override { return "solo"; }
  std::string fingerprint() const override { return "solo-1"; }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device&,
                                                       const BuildOptions&) const override {
    if (auto why = solo_refusal(*candidate.region)) return Decline{*why};
    return std::vector<Tactic>{{"solo", "default", 0}};
  }

  // A compact's last buffer, the count, is added by the builder.
  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic&, const Device&) const override {
    KernelCode code = TEMPER_TRY(lower_solo(*candidate.context, *candidate.region, candidate.layouts));
    KernelStep step{std::move(code.name), std::move(code.blob), std::move(code.parameters), {}};
    for (size_t i = 0; i < candidate.layouts.size(); ++i) step.arguments.push_back({static_cast<int>(i), {}});
    std::vector<KernelStep> steps;
    steps.push_back(std::move(step));
    return steps;
  }
};

const SoloSource kSource;
const RegisterSource kSolo{10, kSource};

}  // namespace
}  // namespace temper::cpu
