// The source of chains: two matrix products with whole rows between them (kernel/chain.h), a block of rows at a time.
#include <algorithm>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/run/chain/chain_code.h"
#include "kernel/chain.h"
#include "kernel/contraction.h"
#include "tune/source.h"

namespace temper::cpu {
namespace {

std::vector<SymInt> fields_of(const MatrixProduct& m) {
  std::vector<SymInt> fields{m.rows, m.depth, m.cols, m.lda, m.ldb, m.ldc};
  for (const auto& b : m.batch) fields.insert(fields.end(), {b.count, b.a, b.b, b.c});
  return fields;
}

// The rows as a region of their own, over [m, n].
Region rows_region(SymContext& own, const Region& region, const ChainParts& parts, const Dims& dims) {
  SymInt m = own.symbol("m"), n = own.symbol("n");
  Region rows;
  rows.inputs = {{DType::kF32, {m, n}}};
  int first = static_cast<int>(region.inputs.size());
  for (size_t s = 0; s < parts.first_row; ++s) first += static_cast<int>(result_types(region.stages[s]).size());
  const auto types = region.value_types();
  auto local = [&](const Dims& of) { return of == dims ? Dims{m, n} : Dims{m}; };
  auto take = [&](const std::vector<Access>& operands, const Dims& domain) {
    std::vector<Access> result;
    auto vars = index_vars(own, domain);
    for (const Access& a : operands) {
      size_t rank = types[a.value].dims == dims ? 2 : 1;
      result.push_back(
          {a.value - (first - 1), {domain, {vars.begin(), vars.begin() + static_cast<ptrdiff_t>(rank)}, 1}, {}, {}});
    }
    return result;
  };
  for (size_t s = parts.first_row; s < parts.last; ++s) {
    if (const auto* map = std::get_if<Map>(&region.stages[s])) {
      Dims domain = local(map->domain);
      rows.stages.push_back(Map{domain, take(map->operands, domain), map->body});
    } else {
      const auto& reduce = std::get<Reduce>(region.stages[s]);
      rows.stages.push_back(Reduce{{m, n}, 1, take(reduce.operands, {m, n}), reduce.body, reduce.monoid, reduce.dtypes});
    }
  }
  rows.outputs = {static_cast<int>(rows.value_types().size()) - 1};
  return rows;
}

struct Chain {
  ChainCode code;
  std::vector<SymInt> first, second;  // parameters of the two products
  std::vector<SymInt> epilogue;
};

std::variant<Chain, std::string> analyse(const Candidate& candidate) {
  const Region& region = *candidate.region;
  SymContext& context = *candidate.context;
  auto parts = chain_parts(context, region);
  if (!parts) return "it is not two contractions with rows between them";
  const auto types = region.value_types();
  const int inputs = static_cast<int>(region.inputs.size()), result = inputs;
  const auto& scores = std::get<Contract>(region.stages[0]);
  const auto& values = std::get<Contract>(region.stages[parts->last]);
  const auto type = [&](int v) { return types[v].dtype; };
  if (type(result) != DType::kF32 || scores.dtype != DType::kF32 || values.dtype != DType::kF32) return "the sums are not f32";
  for (const Contract* c : {&scores, &values}) {
    const DType operand = type(c->lhs.value);
    if (type(c->rhs.value) != operand || (operand != DType::kF32 && !is_half(operand)))
      return "no kernel for operands of type " + std::string(dtype_name(operand)) + " and " +
             std::string(dtype_name(type(c->rhs.value)));
  }
  if (type(region.outputs[0]) != DType::kF32 && type(region.outputs[0]) != type(values.lhs.value))
    return "the result is neither f32 nor of the operands' type";
  if (candidate.constants[scores.rhs.value] || candidate.constants[values.rhs.value])
    return "an operand of a product is constant";
  const Dims& dims = types[result].dims;
  // Where the scores would lie if they were stored: only its rows and batch are used.
  const Layout stored = Layout::row_major(dims);
  auto first = analyse_contraction(context, scores, candidate.layouts[scores.lhs.value], candidate.layouts[scores.rhs.value],
                                   stored, types[scores.lhs.value].dims, false, candidate.best);
  auto second = analyse_contraction(context, values, stored, candidate.layouts[values.rhs.value], candidate.layouts.back(),
                                    dims, false, candidate.best);
  for (auto* c : {&first, &second}) {
    if (auto* why = std::get_if<std::string>(c)) return *why;
    if (!std::holds_alternative<MatrixProduct>(std::get<Contraction>(*c).form)) return "a product is a convolution";
  }
  const auto &s = std::get<Contraction>(first), &v = std::get<Contraction>(second);
  const auto &sm = std::get<MatrixProduct>(s.form), &vm = std::get<MatrixProduct>(v.form);
  if (s.row_dims != v.row_dims || sm.rows != vm.rows || sm.a_transposed || vm.a_transposed || sm.cols != dims.back())
    return "the products run over other rows";
  for (int k = 0; k < 3; ++k) {
    if (sm.batch[k].count != vm.batch[k].count) return "the products run over other batches";
  }
  Chain chain;
  const int buffers = inputs + 1;
  for (auto [code, m, contract] :
       {std::tuple(&chain.code.scores, &sm, &scores), std::tuple(&chain.code.values, &vm, &values)}) {
    code->buffers = buffers;
    code->a = code->b = type(contract->lhs.value);
    code->c = contract == &scores ? DType::kF32 : type(region.outputs[0]);
    code->b_form = m->b_transposed ? BForm::kTransposed : BForm::kRowMajor;
    code->b_buffer = contract->rhs.value;
    code->c_buffer = inputs;
    code->a_buffer = contract == &scores ? scores.lhs.value : inputs;
  }
  chain.first = fields_of(sm);
  chain.first.insert(chain.first.end(), {s.a_offset, s.b_offset, 0, 0, 0});
  chain.second = fields_of(vm);
  chain.second.insert(chain.second.end(), {0, v.b_offset, v.c_offset, 0, 0});
  if (parts->first_row > 1) {
    Region epilogue{region.inputs,
                    {region.stages.begin(), region.stages.begin() + static_cast<ptrdiff_t>(parts->first_row)},
                    {inputs + static_cast<int>(parts->first_row) - 1}};
    if (auto why = epilogue_refusal(epilogue)) return *why;
    std::vector<Layout> layouts(candidate.layouts.begin(), candidate.layouts.begin() + inputs);
    layouts.push_back(stored);
    auto lowered = lower_epilogue(context, epilogue, layouts, s.row_dims, s.col_dims, 0);
    if (!lowered.ok()) return lowered.error().to_string();
    chain.code.scores.epilogue = std::move(lowered->blob);
    for (int i = 0; i < buffers; ++i) chain.code.scores.epilogue_buffers.push_back(i);
    chain.epilogue = std::move(lowered->parameters);
  }
  SymContext own;
  Region rows = rows_region(own, region, *parts, dims);
  if (auto why = tile_refusal(rows)) return *why;
  const Layout block = Layout::row_major(rows.inputs[0].dims);
  auto lowered = lower_tile(own, rows, std::vector<Layout>{block, block});
  if (!lowered.ok()) return lowered.error().to_string();
  chain.code.rows = std::move(lowered->blob);
  for (SymInt p : lowered->parameters) {
    ChainParameter parameter;
    if (p == own.symbol("m"))
      parameter.kind = ChainParameter::Kind::kRows;
    else if (p == own.symbol("n"))
      parameter.kind = ChainParameter::Kind::kCols;
    else if (p.is_const())
      parameter.number = p.value();
    else
      return "a parameter of the rows is " + p.to_string();
    chain.code.row_parameters.push_back(parameter);
  }
  return chain;
}

Machine machine_of(const Device& device) {
  Machine machine = Machine::detect();
  if (auto isa = isa_from_name(device.target)) machine.isa = std::min(machine.isa, *isa);
  machine.workers = 1;  // a block is one worker's
  return machine;
}

// The products of one block at the shapes to be fast for.
struct BlockProblems {
  ContractProblem scores, values;
  int64_t rows, blocks;
};
BlockProblems block_problems(const Chain& chain, const Candidate& candidate, int64_t at_most) {
  auto at_best = [&](const ContractCode& code, const std::vector<SymInt>& fields) {
    std::vector<int64_t> numbers;
    for (SymInt f : fields) numbers.push_back(candidate.best(f));
    ContractProblem p = code.problem(numbers);
    p.gemm = p.gemm.with_strides();
    return p;
  };
  BlockProblems b{at_best(chain.code.scores, chain.first), at_best(chain.code.values, chain.second), 0, 0};
  const int64_t rows = std::max<int64_t>(1, b.scores.gemm.rows), parts = (rows + at_most - 1) / at_most;
  b.rows = (rows + parts - 1) / parts;
  b.blocks = parts * b.scores.gemm.batch_count();
  for (ContractProblem* p : {&b.scores, &b.values}) {
    p->gemm.rows = b.rows;
    for (auto& batch : p->gemm.batch) batch = {};
  }
  b.scores.gemm.ldc = b.values.gemm.lda = b.scores.gemm.cols;
  return b;
}

// Configs that do every size, not only the best one: blocks have a shorter last one, and columns may be any number.
std::optional<ContractConfig> config_for(ContractProblem problem, const Machine& machine) {
  for (const ContractConfig& c : enumerate_configs(problem, machine)) {
    bool every = true;
    for (int64_t size : {int64_t{1}, int64_t{5003}}) {
      ContractProblem other = problem;
      other.gemm.cols = other.gemm.ldc = size;
      if (other.gemm.b_form == BForm::kRowMajor) other.gemm.ldb = std::max(other.gemm.ldb, size);
      every = every && validate(other, c).ok();
      other = problem;
      other.gemm.rows = std::min<int64_t>(problem.gemm.rows, size);
      every = every && validate(other, c).ok();
    }
    if (every) return c;
  }
  return std::nullopt;
}

constexpr int64_t kBlockRows[] = {28, 56, 112, 224};

class ChainSource final : public TacticSource {
 public:
  std::string_view name() const override { return "chain"; }
  std::string fingerprint() const override { return "chain-2"; }

  std::variant<std::vector<Tactic>, Decline> enumerate(const Candidate& candidate, const Device& device,
                                                       const BuildOptions&) const override {
    auto analysed = analyse(candidate);
    if (auto* why = std::get_if<std::string>(&analysed)) return Decline{*why};
    const Chain& chain = std::get<Chain>(analysed);
    const Machine machine = machine_of(device);
    std::vector<Tactic> tactics;
    int64_t last = 0;
    for (int64_t at_most : kBlockRows) {
      const BlockProblems b = block_problems(chain, candidate, at_most);
      if (b.rows == last || !validate(b.scores).ok() || !validate(b.values).ok()) continue;
      last = b.rows;
      const auto scores = config_for(b.scores, machine), values = config_for(b.values, machine);
      if (!scores || !values) continue;
      // A block of scores and a panel of each operand should stay in the second-level cache.
      const double held = double(b.rows) * double(b.scores.gemm.cols) * 4;
      double us = estimate_us(b.scores, *scores, machine) + estimate_us(b.values, *values, machine) +
                  double(b.rows * b.scores.gemm.cols) * 1e-3;
      us *= held > double(machine.l2) * 0.8 ? 1.5 : 1.0;
      const double workers = std::max(1, device.threads);
      tactics.push_back({"chain", "rows=" + std::to_string(b.rows), us * std::max(1.0, double(b.blocks) / workers)});
    }
    if (tactics.empty()) return Decline{"no block of rows fits"};
    std::stable_sort(tactics.begin(), tactics.end(),
                     [](const Tactic& a, const Tactic& b) { return a.estimate_us < b.estimate_us; });
    return tactics;
  }

  Expected<std::vector<KernelStep>> realize(const Candidate& candidate, const Tactic& tactic,
                                            const Device& device) const override {
    auto analysed = analyse(candidate);
    if (auto* why = std::get_if<std::string>(&analysed)) return Error(ErrorCode::kInternal, *why);
    Chain& chain = std::get<Chain>(analysed);
    chain.code.block_rows = std::atoll(tactic.config.c_str() + sizeof("rows=") - 1);
    const Machine machine = machine_of(device);
    const BlockProblems b = block_problems(chain, candidate, std::max<int64_t>(1, chain.code.block_rows));
    const auto scores = config_for(b.scores, machine), values = config_for(b.values, machine);
    if (!scores || !values) return Error(ErrorCode::kInternal, "no configuration of '" + tactic.config + "' fits");
    chain.code.scores.config = *scores;
    chain.code.values.config = *values;
    ByteWriter writer;
    chain.code.encode(writer);
    KernelStep step{"chain", writer.take(), std::move(chain.first), {}};
    step.parameters.insert(step.parameters.end(), chain.epilogue.begin(), chain.epilogue.end());
    step.parameters.insert(step.parameters.end(), chain.second.begin(), chain.second.end());
    for (size_t i = 0; i < candidate.layouts.size(); ++i) step.arguments.push_back({static_cast<int>(i), {}});
    std::vector<KernelStep> steps;
    steps.push_back(std::move(step));
    return steps;
  }
};

const ChainSource kSource;
const RegisterSource kChain{15, kSource};

}  // namespace
}  // namespace temper::cpu
