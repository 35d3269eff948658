// The answer that there always is on a GPU: a plain kernel for each stage of the region.
#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/pack_constants.h"
#include "backend/cuda/run/nvrtc.h"
#include "kernel/cost.h"
#include "tune/source.h"

namespace temper::cuda {
namespace {

class PlainSource final : public TacticSource {
 public:
  std::string_view name() const override { return "plain"; }
  std::string fingerprint() const override { return "plain-2 nvrtc " + nvrtc_version(); }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device&,
                                                       const BuildOptions& build) const override {
    if (auto why = generation_refusal(*candidate.region)) return Decline{*why};
    const Cost cost = cost_of(*candidate.region, candidate.best);
    // Ten teraoperations and a terabyte a second.
    const double microseconds = cost.operations * 1e-7 + (cost.read_bytes + cost.written_bytes) * 1e-6;
    return std::vector<Tactic>{{"plain", build.tf32 ? "tf32" : "exact", microseconds}};
  }

  void foresee(const Candidate& candidate, const Tactic& tactic, const Device& device) const override {
    const auto architecture = architecture_of(device.target);
    auto kernel = generate(candidate, tactic, pack_constants(candidate));
    if (kernel.ok() && architecture.ok()) begin_compiling(kernel->program.source, *architecture);
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic& tactic,
                                            const Device& device) const override {
    const std::vector<PackedConstant> packed = pack_constants(candidate);
    GeneratedKernel kernel = TEMPER_TRY(generate(candidate, tactic, packed));
    KernelProgram& program = kernel.program;
    program.architecture = TEMPER_TRY(architecture_of(device.target));
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
                                            const std::vector<PackedConstant>& packed) {
    std::vector<Layout> layouts = candidate.layouts;
    for (const PackedConstant& p : packed) layouts[static_cast<size_t>(p.input)] = p.layout;
    return generate_kernel(*candidate.context, *candidate.region, layouts, candidate.best, tactic.config != "tf32");
  }
};

const PlainSource kSource;
const RegisterSource kPlain{0, kSource, "sm"};

}  // namespace
}  // namespace temper::cuda
