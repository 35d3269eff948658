// The source of tile programs: any Region of maps and reductions.
#include "backend/cpu/gen/lower_tile.h"
#include "tune/source.h"

namespace temper::cpu {
namespace {

class TileSource final : public TacticSource {
 public:
  std::string_view name() const override { return "tile"; }
  std::string fingerprint() const override { return "tile-2"; }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device&,
                                                       const BuildOptions&) const override {
    if (auto why = tile_refusal(*candidate.region)) return Decline{*why};
    return std::vector<Tactic>{{"tile", "default", 0}};
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic&, const Device&) const override {
    KernelCode code = TEMPER_TRY(lower_tile(*candidate.context, *candidate.region, candidate.layouts));
    KernelStep step{std::move(code.name), std::move(code.blob), std::move(code.parameters), {}};
    for (size_t i = 0; i < candidate.layouts.size(); ++i) step.arguments.push_back({static_cast<int>(i), {}});
    std::vector<KernelStep> steps;
    steps.push_back(std::move(step));
    return steps;
  }
};

const TileSource kSource;
const RegisterSource kTile{10, kSource};

}  // namespace
}  // namespace temper::cpu
