// The source of contractions: a Contract stage, alone or with maps behind it, on the contraction core.
#include "backend/cpu/gen/lower_contract.h"

namespace temper::cpu {
namespace {

Expected<KernelStep> finish(ContractLowering& lowering, const Candidate& candidate, const ContractConfig& config) {
  ContractCode& code = lowering.code_;
  code.config = config;
  ByteWriter writer;
  code.encode(writer);
  KernelStep step{"contract", writer.take(), lowering.parameters_, {}};
  const int own = code.buffers - static_cast<int>(lowering.constants_.size());
  for (int i = 0; i < own; ++i) step.arguments.push_back({i, {}});
  for (const Tensor& constant : lowering.constants_) step.arguments.push_back({-1, constant});
  if (const Tensor* b = candidate.constants[code.b_buffer]) {
    ContractProblem problem = lowering.problem_at_best();
    TEMPER_TRY(validate(problem, config));
    Tensor packed = Tensor::zeros(DType::kU8, {packed_size(problem, config)});
    pack(problem, config, lowering.weights(b->bytes().data()), packed.mutable_bytes());
    step.arguments[code.b_buffer] = {-1, std::move(packed)};
  }
  return step;
}

class ContractSource final : public TacticSource {
 public:
  std::string_view name() const override { return "contract"; }
  std::string fingerprint() const override { return "contract-7"; }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device& device,
                                                       const BuildOptions&) const override {
    auto lowering = ContractLowering::analyse(candidate);
    if (auto* why = std::get_if<std::string>(&lowering)) return Decline{*why};
    ContractProblem problem = std::get<ContractLowering>(lowering).problem_at_best();
    if (Status valid = validate(problem); !valid.ok()) return Decline{valid.error().message()};
    Machine machine = machine_of(device);
    const Tensor* weights = candidate.constants[std::get<ContractLowering>(lowering).code_.b_buffer];
    std::vector<Tactic> tactics;
    for (const ContractConfig& config : enumerate_configs(problem, machine)) {
      const int64_t growth = weights ? packed_size(problem, config) - static_cast<int64_t>(weights->bytes().size()) : 0;
      tactics.push_back({"contract", config.to_string(), estimate_us(problem, config, machine), growth});
    }
    if (tactics.empty()) return Decline{"no configuration fits"};
    return tactics;
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic& tactic, const Device&) const override {
    auto lowering = ContractLowering::analyse(candidate);
    if (auto* why = std::get_if<std::string>(&lowering)) return Error(ErrorCode::kInternal, *why);
    ContractConfig config = TEMPER_TRY(ContractConfig::parse(tactic.config));
    std::vector<KernelStep> steps;
    steps.push_back(TEMPER_TRY(finish(std::get<ContractLowering>(lowering), candidate, config)));
    return steps;
  }
};

const ContractSource kSource;
const RegisterSource kContract{20, kSource};

}  // namespace
}  // namespace temper::cpu
