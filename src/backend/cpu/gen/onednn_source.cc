// The source of contractions by oneDNN, where the library is found on this machine: convolutions and products of f32 with at
// most a bias, a sum and a clamp behind them. Only a measurement can choose it: ours are the default.
#include <algorithm>
#include <charconv>

#include "backend/cpu/gen/lower_contract.h"
#include "backend/cpu/run/onednn/contraction.h"

namespace temper::cpu {
namespace {

#ifdef TEMPER_ONEDNN

// A contraction that the library takes.
struct Taken {
  const onednn::Library* dnnl;
  ContractLowering lowering;
  ContractProblem problem;
  ContractOffsets offsets;
  dnnl_memory_desc_t weights{};  // their form
  std::string implementation;

  const dnnl_memory_desc_t* form() const { return constant() ? &weights : nullptr; }
  bool constant() const { return problem.form != ContractProblem::Form::kGemm || problem.gemm.b_form == BForm::kPacked; }
};

// Plain loops: right, and slower than any of ours.
bool is_reference(const std::string& implementation) { return implementation.find("ref") != std::string::npos; }

std::optional<std::string> refuse_weights(const Taken& t, const WeightView& raw) {
  if (const char* why = onednn::refuse_form(t.weights)) return why;
  if (std::min({raw.group, raw.out, raw.in, raw.kh, raw.kw}) < 0) return "the weights run backwards in memory";
  if (const auto* product = std::get_if<MatrixProduct>(&t.lowering.contraction().form)) {
    for (const auto& batch : product->batch) {
      if (!batch.count.is_const(1)) return "constant weights stand in a batch of products";
    }
  }
  return std::nullopt;
}

// Whether it has more than loops for all pieces of a cut.
std::optional<std::string> refuse_cut(const Taken& t, int64_t parts) {
  for (const onednn::Piece& piece : onednn::cut(t.problem, t.offsets, parts)) {
    auto described = onednn::describe(*t.dnnl, t.lowering.code_, piece, t.form());
    if (!described.ok()) return described.error().message();
    if (is_reference(onednn::implementation(*t.dnnl, *described))) return "oneDNN has only its reference implementation";
  }
  return std::nullopt;
}

std::variant<Taken, std::string> take(const Candidate& candidate, const Device& device) {
  auto analysed = ContractLowering::analyse(candidate);
  if (auto* why = std::get_if<std::string>(&analysed)) return *why;
  auto& lowering = std::get<ContractLowering>(analysed);
  const ContractCode& code = lowering.code_;
  if (code.a != DType::kF32 || code.b != DType::kF32 || code.c != DType::kF32) return "only f32 is given to oneDNN";
  if (!code.epilogue_buffers.empty()) return "what follows is more than a bias, a sum and a clamp";
  if (device.target != isa_name(cpu_info().isa)) return "oneDNN chooses the instruction set itself: that of this machine";
  auto found = onednn::library();
  if (!found.ok()) return found.error().message();
  const auto fields = lowering.fields_at_best();
  Taken t{*found, lowering, code.problem(fields), code.offsets(fields)};
  if (Status valid = validate(t.problem); !valid.ok()) return valid.error().message();
  onednn::OneThread one_thread(*t.dnnl);
  auto described = onednn::describe(*t.dnnl, code, onednn::whole(t.problem, t.offsets), nullptr);
  if (!described.ok()) return described.error().message();
  t.implementation = onednn::implementation(*t.dnnl, *described);
  if (is_reference(t.implementation)) return "oneDNN has only its reference implementation";
  if (t.constant()) {
    t.weights = onednn::argument(*t.dnnl, *described, dnnl_query_weights_md);
    const Tensor& raw = *candidate.constants[code.b_buffer];
    if (auto why = refuse_weights(t, lowering.weights(raw.bytes().data()))) return *why;
  }
  // The plan runs at any shape: there, loops will do.
  ContractOffsets dense = t.offsets;
  for (const ContractProblem& other : lowering.problems_at_other_extents()) {
    if (t.offsets.residual_row != 0) dense.residual_row = extents(other).cols;
    auto there = onednn::describe(*t.dnnl, code, onednn::whole(other, dense), t.form());
    if (!there.ok()) return there.error().message() + ", at another shape";
  }
  return t;
}

class OneDnnSource final : public TacticSource {
 public:
  std::string_view name() const override { return "onednn"; }
  bool on_by_default() const override { return false; }
  std::string fingerprint() const override { return "onednn-1 " + onednn::library_version(); }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device& device,
                                                       const BuildOptions& options) const override {
    if (options.optimization_level == 0 && options.only_source != name())
      return Decline{"level 0 measures nothing, and only a measurement may choose oneDNN"};
    auto taken = take(candidate, device);
    if (auto* why = std::get_if<std::string>(&taken)) return Decline{*why};
    const Taken& t = std::get<Taken>(taken);
    onednn::OneThread one_thread(*t.dnnl);
    // As quick as ours, says the estimate: they are to be measured against each other.
    const Machine machine = machine_of(device);
    const double estimate = estimate_us(t.problem, enumerate_configs(t.problem, machine).front(), machine);
    std::vector<int64_t> all_parts{1};
    if (device.threads > 1) all_parts = {device.threads, 4 * device.threads};
    std::vector<Tactic> tactics;
    std::string reason;
    for (int64_t parts : all_parts) {
      if (auto why = refuse_cut(t, parts))
        reason = *why;
      else
        tactics.push_back({"onednn", "parts=" + std::to_string(parts) + " " + t.implementation, estimate});
    }
    if (tactics.empty()) return Decline{reason};
    return tactics;
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic& tactic,
                                            const Device& device) const override {
    auto taken = take(candidate, device);
    if (auto* why = std::get_if<std::string>(&taken)) return Error(ErrorCode::kInternal, *why);
    const Taken& t = std::get<Taken>(taken);
    onednn::Code code{t.lowering.code_, t.lowering.fields_at_best(), {}};
    constexpr std::string_view kParts = "parts=";
    const char* const begin = tactic.config.data() + kParts.size();
    const bool good = tactic.config.starts_with(kParts) &&
                      std::from_chars(begin, tactic.config.data() + tactic.config.size(), code.parts).ec == std::errc();
    if (!good || code.parts < 1 || code.parts > code.kMostParts)
      return Error(ErrorCode::kInvalidArgument, "no tactic of oneDNN is called '" + tactic.config + "'");
    if (t.constant()) code.weights = onednn::hash_of(t.weights);
    ByteWriter writer;
    code.encode(writer);
    std::vector<KernelStep> steps{{"onednn", writer.take(), t.lowering.parameters_, {}}};
    for (int i = 0; i < code.contract.buffers; ++i) steps[0].arguments.push_back({i, {}});
    if (t.constant()) {
      const Tensor& raw = *candidate.constants[code.contract.b_buffer];
      Tensor stored = Tensor::zeros(DType::kU8, {static_cast<int64_t>(t.dnnl->memory_desc_get_size(&t.weights))});
      TEMPER_TRY(
          onednn::store_weights(*t.dnnl, t.problem, t.lowering.weights(raw.bytes().data()), t.weights, stored.mutable_bytes()));
      steps[0].arguments[code.contract.b_buffer] = {-1, std::move(stored)};
    }
    return steps;
  }
};

#else

class OneDnnSource final : public TacticSource {
 public:
  std::string_view name() const override { return "onednn"; }
  bool on_by_default() const override { return false; }
  std::string fingerprint() const override { return "onednn-0"; }
  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate&, const Device&, const BuildOptions&) const override {
    return Decline{onednn::library().error().message()};
  }
  Expected<std::vector<KernelStep>> realize(const Candidate&, const Tactic&, const Device&) const override {
    return onednn::library().error();
  }
};

#endif

const OneDnnSource kSource;
// Behind all others: the default is never this one.
const RegisterSource kOneDnn{-10, kSource};

}  // namespace
}  // namespace temper::cpu
