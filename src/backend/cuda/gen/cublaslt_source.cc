// Matrix products by cuBLASLt, where the library and a GPU are found on this machine; what follows a product in its region is a
// kernel of our own. Only a measurement can choose it: ours are the default.
#include <algorithm>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/product_plan.h"
#include "backend/cuda/run/lt_kernel.h"
#include "backend/cuda/run/nvrtc.h"
#include "kernel/cost.h"
#include "tune/runner.h"
#include "tune/source.h"

namespace temper::cuda {
namespace {

// Several variables that run through memory like one.
struct Walk {
  SymInt extent = 1;
  SymInt step = 0;
  bool any = false;
};

// A product in the library's terms: see LtProgram.
struct Taken {
  LtProgram program;
  std::vector<SymInt> numbers;
  int value = 0;                // the product's
  std::vector<Layout> layouts;  // of the rest: inputs, the product, outputs
  Region rest;                  // no stages: there is none
};

class Reader {
 public:
  Reader(SymContext& context, const Contract& stage) : context_(context), stage_(stage) {}

  SymInt var(int d) const { return context_.index(d, stage_.domain[size_t(d)]); }
  SymInt at_start(SymInt e) const {
    std::vector<SymInt> from, to;
    for (size_t d = 0; d < stage_.domain.size(); ++d) {
      const SymInt v = var(int(d));
      if (v.is_const()) continue;
      from.push_back(v);
      to.push_back(0);
    }
    return substitute(e, from, to);
  }
  // nullopt: not one step, or one that varies.
  std::optional<Walk> walk(const Variables& list, SymInt address) const {
    Walk all;
    for (size_t i = list.size(); i-- > 0;) {
      const SymInt step = step_of(address, var(list[i].first));
      for (size_t d = 0; d < stage_.domain.size(); ++d) {
        const SymInt v = var(int(d));
        if (!v.is_const() && depends_on(step, v)) return std::nullopt;
      }
      if (all.any && !(step == all.extent * all.step)) return std::nullopt;
      if (!all.any) all.step = step;
      all.any = true;
      all.extent = all.extent * list[i].second;
    }
    return all;
  }

 private:
  SymContext& context_;
  const Contract& stage_;
};

bool is_plain(const Access& access) { return access.map.guard.is_const(1) && access.loads.empty(); }
// What is multiplied may be anything; what is added up in memory must be one of these.
bool is_taken(DType type) { return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16; }

std::variant<Taken, std::string> take(const Candidate& candidate, bool tf32) {
  const Region& region = *candidate.region;
  SymContext& context = *candidate.context;
  const int inputs = int(region.inputs.size());
  const auto* stage = region.stages.empty() ? nullptr : std::get_if<Contract>(&region.stages[0]);
  if (!stage) return "the region does not begin with a product";
  for (size_t s = 1; s < region.stages.size(); ++s) {
    if (!std::holds_alternative<Map>(region.stages[s])) return "what follows the product is more than maps";
  }
  if (stage->lhs.value >= inputs || stage->rhs.value >= inputs || !is_plain(stage->lhs) || !is_plain(stage->rhs))
    return "an operand is computed or padded on the way";
  const DType lhs_type = region.inputs[size_t(stage->lhs.value)].dtype,
              rhs_type = region.inputs[size_t(stage->rhs.value)].dtype;
  if (lhs_type != rhs_type || !is_taken(lhs_type) || !is_taken(stage->dtype) || stage->accumulate != DType::kF32 ||
      (lhs_type == DType::kF32 && stage->dtype != DType::kF32) || (stage->dtype != DType::kF32 && stage->dtype != lhs_type))
    return "cuBLASLt does no product of these types";
  const Layout& lhs_layout = candidate.layouts[size_t(stage->lhs.value)];
  const ProductVariables v = product_variables(context, *stage, lhs_layout);
  const Reader reader(context, *stage);
  const bool is_whole = region.stages.size() == 1;
  const Dims kept(stage->domain.begin(), stage->domain.end() - stage->reduced);
  const Layout d_layout = is_whole ? candidate.layouts[size_t(inputs)] : Layout::row_major(kept);
  std::vector<SymInt> index;
  for (size_t d = 0; d < kept.size(); ++d) index.push_back(reader.var(int(d)));
  const SymInt a_address = lhs_layout.address(stage->lhs.map.results);
  const SymInt b_address = candidate.layouts[size_t(stage->rhs.value)].address(stage->rhs.map.results);
  const SymInt d_address = d_layout.address(index);
  std::optional<Walk> walks[] = {
      reader.walk(v.rows, a_address),    reader.walk(v.cols, b_address),    reader.walk(v.rows, d_address),
      reader.walk(v.cols, d_address),    reader.walk(v.depth, a_address),   reader.walk(v.depth, b_address),
      reader.walk(v.batches, a_address), reader.walk(v.batches, b_address), reader.walk(v.batches, d_address)};
  if (!std::all_of(std::begin(walks), std::end(walks), [](const auto& w) { return w.has_value(); }))
    return "an operand is no matrix in memory";
  const auto& [rows_a, cols_b, rows_d, cols_d, depth_a, depth_b, batch_a, batch_b, batch_d] = walks;
  if (!depth_a->any) return "nothing is added up";
  Taken t;
  t.value = inputs;
  // The side of D that runs through memory without gaps is the library's rows.
  const bool turned = cols_d->any ? cols_d->step.is_const(1) : false;
  if (!turned && !(rows_d->any && rows_d->step.is_const(1))) return "the result has gaps in memory";
  const Walk &p = turned ? *cols_b : *rows_a, &q = turned ? *rows_a : *cols_b, &p_d = turned ? *cols_d : *rows_d,
             &q_d = turned ? *rows_d : *cols_d, &p_depth = turned ? *depth_b : *depth_a,
             &q_depth = turned ? *depth_a : *depth_b;
  const auto side = [](const Walk& outer, const Walk& depth, bool rows_are_outer, bool& transposed) -> std::optional<SymInt> {
    // As it is: neighbours in a column (A: along its rows; B: along the depth) lie together.
    const Walk &along = rows_are_outer ? outer : depth, &across = rows_are_outer ? depth : outer;
    transposed = !(along.any && along.step.is_const(1));
    if (!transposed) return across.any ? across.step : along.extent;
    if (across.any && !across.step.is_const(1)) return std::nullopt;
    return along.any ? along.step : across.extent;
  };
  const auto stride_a = side(p, p_depth, true, t.program.transpose_a),
             stride_b = side(q, q_depth, false, t.program.transpose_b);
  if (!stride_a || !stride_b) return "an operand has gaps in memory both ways";
  const SymInt d_bytes = product(kept) * (dtype_bits(stage->dtype) / 8);
  t.program.operands = lhs_type;
  t.program.result = stage->dtype;
  t.program.tf32 = tf32 && lhs_type == DType::kF32;
  t.program.a = turned ? stage->rhs.value : stage->lhs.value;
  t.program.b = turned ? stage->lhs.value : stage->rhs.value;
  t.program.d = inputs;
  t.program.buffers = int32_t(candidate.layouts.size());
  const Walk &next_a = turned ? *batch_b : *batch_a, &next_b = turned ? *batch_a : *batch_b;
  t.numbers = {p.extent,
               q.extent,
               depth_a->extent,
               batch_d->extent,
               *stride_a,
               *stride_b,
               q_d.any ? q_d.step : p_d.extent,
               next_a.step,
               next_b.step,
               batch_d->step,
               reader.at_start(turned ? b_address : a_address),
               reader.at_start(turned ? a_address : b_address),
               reader.at_start(d_address),
               is_whole ? SymInt(0) : d_bytes};
  if (is_whole) return t;
  if (std::find(region.outputs.begin(), region.outputs.end(), inputs) != region.outputs.end())
    return "the product leaves the region beside what follows it";
  // The product becomes an input after the others, and so keeps its number.
  t.rest = region;
  t.rest.inputs.push_back({stage->dtype, kept});
  t.rest.stages.erase(t.rest.stages.begin());
  t.program.temporary = inputs;
  t.layouts = candidate.layouts;
  t.layouts.insert(t.layouts.begin() + inputs, d_layout);
  return t;
}

class CuBlasLtSource final : public TacticSource {
 public:
  std::string_view name() const override { return "cublaslt"; }
  std::string fingerprint() const override {
    auto lt = CuBlasLt::get();
    return "cublaslt-1 " + (lt.ok() ? (*lt)->version() : "none") + " nvrtc " + nvrtc_version();
  }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device& device,
                                                       const BuildOptions& build) const override {
    if (build.optimization_level == 0 && build.only_source != name())
      return Decline{"level 0 measures nothing, and only a measurement may choose cuBLASLt"};
    auto lt = CuBlasLt::get();
    if (!lt.ok()) return Decline{lt.error().message()};
    if (!runner_for(device)) return Decline{"no such GPU is here to measure cuBLASLt on"};
    auto taken = take(candidate, build.tf32);
    if (auto* why = std::get_if<std::string>(&taken)) return Decline{*why};
    const Cost cost = cost_of(*candidate.region, candidate.best);
    // As quick as ours, says the estimate: they are to be measured against each other.
    const double microseconds = 2 + cost.operations * 1e-8 + (cost.read_bytes + cost.written_bytes) * 5e-7;
    std::vector<Tactic> tactics;
    for (int way = 0; way < 3; ++way)
      tactics.push_back({"cublaslt", "way=" + std::to_string(way) + (build.tf32 ? " tf32" : ""), microseconds});
    return tactics;
  }

  void foresee(const Candidate& candidate, const Tactic& tactic, const Device& device) const override {
    const auto architecture = architecture_of(device.target);
    auto taken = take(candidate, is_tf32(tactic));
    auto* t = std::get_if<Taken>(&taken);
    if (!t || t->rest.stages.empty() || !architecture.ok()) return;
    auto rest = generate_rest(candidate, *t, is_tf32(tactic), *architecture);
    if (rest.ok()) begin_compiling(rest->program.source, *architecture);
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic& tactic,
                                            const Device& device) const override {
    auto taken = take(candidate, is_tf32(tactic));
    if (auto* why = std::get_if<std::string>(&taken)) return Error(ErrorCode::kInternal, *why);
    Taken& t = std::get<Taken>(taken);
    constexpr std::string_view kWay = "way=";
    const bool good = tactic.config.starts_with(kWay) && tactic.config.size() > kWay.size() &&
                      tactic.config[kWay.size()] >= '0' && tactic.config[kWay.size()] <= '7';
    if (!good) return Error(ErrorCode::kInvalidArgument, "no tactic of cuBLASLt is called '" + tactic.config + "'");
    t.program.way = tactic.config[kWay.size()] - '0';
    std::vector<SymInt> numbers = t.numbers;
    if (!t.rest.stages.empty()) {
      const int architecture = TEMPER_TRY(architecture_of(device.target));
      GeneratedKernel rest = TEMPER_TRY(generate_rest(candidate, t, is_tf32(tactic), architecture));
      rest.program.architecture = architecture;
      rest.program.code = *TEMPER_TRY(compile_cuda(rest.program.source, architecture));
      numbers.insert(numbers.end(), rest.numbers.begin(), rest.numbers.end());
      t.program.rest = std::move(rest.program);
    }
    ByteWriter blob;
    encode(t.program, blob);
    std::vector<KernelStep> steps{{std::string(kLtKernelName), blob.take(), std::move(numbers), {}}};
    for (size_t i = 0; i < candidate.layouts.size(); ++i) steps[0].arguments.push_back({int(i), {}});
    return steps;
  }

 private:
  static bool is_tf32(const Tactic& tactic) { return tactic.config.ends_with(" tf32"); }
  static Expected<GeneratedKernel> generate_rest(const Candidate& candidate, const Taken& t, bool tf32, int architecture) {
    return generate_kernel(*candidate.context, t.rest, t.layouts, candidate.best, ProductChoice{!tf32, 0}, architecture);
  }
};

const CuBlasLtSource kSource;
const RegisterSource kCuBlasLt{-1, kSource, "sm"};

}  // namespace
}  // namespace temper::cuda
