// The answer that there always is on a GPU: a plain kernel for each stage of the region.
#include <cstdlib>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/pack_constants.h"
#include "backend/cuda/run/nvrtc.h"
#include "kernel/cost.h"
#include "tune/source.h"

namespace temper::cuda {
namespace {

constexpr std::string_view kTf32 = "tf32", kExact = "exact";
constexpr double kNextWay = 0.05;  // that the next best way of cutting is expected to be slower

class PlainSource final : public TacticSource {
 public:
  std::string_view name() const override { return "plain"; }
  std::string fingerprint() const override { return "plain-5 nvrtc " + nvrtc_version(); }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device&,
                                                       const BuildOptions& build) const override {
    if (auto why = generation_refusal(*candidate.region)) return Decline{*why};
    const Cost cost = cost_of(*candidate.region, candidate.best);
    // Ten teraoperations and a terabyte a second.
    const double microseconds = cost.operations * 1e-7 + (cost.read_bytes + cost.written_bytes) * 1e-6;
    // "tf32 2": products are cut in the third best way.
    const std::string products(build.tf32 ? kTf32 : kExact);
    std::vector<Tactic> tactics{{"plain", products, microseconds}};
    for (int n = 1; n < ways_to_cut(*candidate.region, candidate.best); ++n)
      tactics.push_back({"plain", products + " " + std::to_string(n), microseconds * (1 + kNextWay * n)});
    return tactics;
  }

  void foresee(const Candidate& candidate, const Tactic& tactic, const Device& device) const override {
    const auto architecture = architecture_of(device.target);
    if (!architecture.ok()) return;
    auto kernel = generate(candidate, tactic, pack_constants(candidate), *architecture);
    if (kernel.ok()) begin_compiling(kernel->program.source, *architecture);
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic& tactic,
                                            const Device& device) const override {
    const std::vector<PackedConstant> packed = pack_constants(candidate);
    const int architecture = TEMPER_TRY(architecture_of(device.target));
    GeneratedKernel kernel = TEMPER_TRY(generate(candidate, tactic, packed, architecture));
    KernelProgram& program = kernel.program;
    program.architecture = architecture;
    // Without NVRTC the plan holds the text alone, and whoever loads it compiles.
    if (nvrtc_status(program.architecture).ok()) program.code = *TEMPER_TRY(compile_cuda(program.source, program.architecture));
    ByteWriter blob;
    encode(program, blob);
    KernelStep step{std::string(kKernelName), blob.take(), std::move(kernel.numbers), {}};
    for (size_t i = 0; i < candidate.layouts.size(); ++i) step.arguments.push_back({static_cast<int>(i), {}});
    for (const PackedConstant& p : packed) step.arguments[static_cast<size_t>(p.input)] = {-1, p.tensor};
    std::vector<KernelStep> steps;
    steps.push_back(std::move(step));
    return steps;
  }

 private:
  static Expected<GeneratedKernel> generate(const Candidate& candidate, const Tactic& tactic,
                                            const std::vector<PackedConstant>& packed, int architecture) {
    std::vector<Layout> layouts = candidate.layouts;
    for (const PackedConstant& p : packed) layouts[static_cast<size_t>(p.input)] = p.layout;
    const size_t space = tactic.config.find(' ');
    const ProductChoice choice{!tactic.config.starts_with(kTf32),
                               space == std::string::npos ? 0 : std::atoi(tactic.config.c_str() + space)};
    return generate_kernel(*candidate.context, *candidate.region, layouts, candidate.best, choice, architecture);
  }
};

const PlainSource kSource;
const RegisterSource kPlain{0, kSource, "sm"};

}  // namespace
}  // namespace temper::cuda
