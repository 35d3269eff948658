// The kernel kind "contract": the contraction core with a fused epilogue, as a step of a plan.
#include "backend/cpu/run/contract_bounds.h"
#include "backend/cpu/run/kernel.h"
#include "backend/cpu/run/tile/epilogue.h"
#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu {
namespace {

class ContractLaunch final : public Launch {
 public:
  ContractLaunch(const ContractCode& code, ContractProblem problem, const ContractConfig& config,
                 const ContractOffsets& offsets, std::unique_ptr<TileEpilogue::Bound> epilogue)
      : code_(code),
        problem_(std::move(problem)),
        config_(config),
        offsets_(offsets),
        epilogue_(std::move(epilogue)),
        epilogue_buffers_(code.epilogue_buffers.size()) {
    if (code.activation != -1) activation_ = tile::tile_ops().scalar[code.activation][static_cast<int>(tile::RegType::kF32)];
  }

  int64_t workspace_bytes(int workers) const override {
    return core_bytes(workers) + (epilogue_ ? workers * epilogue_->scratch_bytes() : 0);
  }

  Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override {
    ContractArgs args;
    args.a = buffers[code_.a_buffer] + dtype_bytes(code_.a, offsets_.a);
    args.b = buffers[code_.b_buffer] + dtype_bytes(code_.b, offsets_.b);
    if (code_.c_buffer != -1) args.c = buffers[code_.c_buffer] + dtype_bytes(code_.c, offsets_.c);
    auto floats = [&](int buffer) { return buffer == -1 ? nullptr : reinterpret_cast<const float*>(buffers[buffer]); };
    args.epilogue.bias = floats(code_.bias_buffer);
    const std::byte* residual = nullptr;
    if (code_.residual_buffer != -1)
      residual = buffers[code_.residual_buffer] + dtype_bytes(code_.residual_type, offsets_.residual);
    if (is_float(code_.a)) args.epilogue.residual = residual;
    args.epilogue.residual_type = code_.residual_type;
    args.epilogue.residual_use = code_.residual_use;
    args.epilogue.slope = code_.slope;
    args.epilogue.activation = activation_;
    args.epilogue.residual_row = offsets_.residual_row;
    args.epilogue.lo = code_.lo;
    args.epilogue.hi = code_.hi;
    args.quantization = {code_.a_fill,
                         reinterpret_cast<const int32_t*>(floats(code_.shift_buffer)),
                         floats(code_.scale_buffer),
                         {code_.middle_lo, code_.middle_hi, code_.middle_scale},
                         residual,
                         code_.residual_type,
                         offsets_.residual_row,
                         code_.residual_zero,
                         code_.residual_scale,
                         code_.out_zero};
    args.workspace = workspace;
    if (epilogue_) {
      for (size_t i = 0; i < epilogue_buffers_.size(); ++i) epilogue_buffers_[i] = buffers[code_.epilogue_buffers[i]];
      epilogue_->set_buffers(epilogue_buffers_, workspace + core_bytes(executor.workers()));
      args.epilogue.tile = &TileEpilogue::Bound::tile_hook;
      args.epilogue.self = epilogue_.get();
    }
    cpu::run(problem_, config_, args, executor);
    return epilogue_ ? epilogue_->status() : Status();
  }

 private:
  int64_t core_bytes(int workers) const { return (cpu::workspace_bytes(problem_, config_, workers) + 63) / 64 * 64; }

  const ContractCode& code_;
  ContractProblem problem_;
  ContractConfig config_;
  ContractOffsets offsets_;
  std::unique_ptr<TileEpilogue::Bound> epilogue_;
  std::vector<std::byte*> epilogue_buffers_;
  ActivationFn activation_ = nullptr;
};

class ContractKernel final : public Kernel {
 public:
  static Expected<std::unique_ptr<Kernel>> decode(ByteReader& blob) {
    auto kernel = std::make_unique<ContractKernel>();
    kernel->code_ = TEMPER_TRY(ContractCode::decode(blob));
    if (kernel->code_.config.isa > cpu_info().isa) {
      return Error(ErrorCode::kIncompatible,
                   "a kernel needs the instruction set " + std::string(isa_name(kernel->code_.config.isa)) +
                       ", which this machine does not have; build the plan on this machine or for it");
    }
    if (!kernel->code_.epilogue_buffers.empty()) {
      ByteReader reader(kernel->code_.epilogue);
      kernel->epilogue_ = TEMPER_TRY(TileEpilogue::decode(reader));
      TEMPER_TRY(reader.finish());
      if (kernel->epilogue_->buffer_count() != static_cast<int>(kernel->code_.epilogue_buffers.size())) {
        return Error(ErrorCode::kCorrupt, "a contraction's epilogue has another number of buffers; build the plan again");
      }
    }
    return std::unique_ptr<Kernel>(std::move(kernel));
  }

  int buffer_count() const override { return code_.buffers; }
  int parameter_count() const override { return code_.field_count() + (epilogue_ ? epilogue_->parameter_count() : 0); }
  bool writes(int buffer) const override {
    if (buffer == code_.c_buffer) return true;
    for (size_t i = 0; i < code_.epilogue_buffers.size(); ++i) {
      if (code_.epilogue_buffers[i] == buffer && epilogue_->writes(static_cast<int>(i))) return true;
    }
    return false;
  }

  Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters,
                                            std::span<const int64_t> buffer_bytes) const override {
    ContractProblem problem = code_.problem(parameters);
    const ContractOffsets offsets = code_.offsets(parameters);
    if (problem.is_empty()) return std::unique_ptr<Launch>(std::make_unique<EmptyLaunch>());
    const ContractConfig config = TEMPER_TRY(config_for(problem));
    TEMPER_TRY(check_bounds(code_, problem, offsets, cpu::packed_size(problem, config), buffer_bytes));
    std::unique_ptr<TileEpilogue::Bound> bound;
    if (epilogue_) {
      std::vector<int64_t> bytes;
      for (int b : code_.epilogue_buffers) bytes.push_back(buffer_bytes[b]);
      bound = TEMPER_TRY(epilogue_->prepare(parameters.subspan(code_.field_count()), bytes));
      const Extents all = extents(problem);
      if (bound->rows() != all.rows || bound->cols() != all.cols) {
        return Error(ErrorCode::kCorrupt,
                     "the epilogue of a contraction has other sizes than its result; build the plan again");
      }
    }
    return std::unique_ptr<Launch>(
        std::make_unique<ContractLaunch>(code_, std::move(problem), config, offsets, std::move(bound)));
  }

 private:
  // The plan's choice was made at one shape. At others a convolution may see padding that it did not see there, and then reads
  // from a copy, for which weights lie the same; and some kinds of product only take few rows or columns: then the best by the
  // model runs, for weights that are not packed for one kind.
  Expected<ContractConfig> config_for(const ContractProblem& problem) const {
    Status fits = validate(problem, code_.config);
    if (fits.ok()) return code_.config;
    ContractConfig copying = code_.config;
    copying.a_source = ASource::kSlab;
    if (problem.form == ContractProblem::Form::kConv && validate(problem, copying).ok()) return copying;
    if (problem.form != ContractProblem::Form::kGemm || problem.gemm.b_form == BForm::kPacked) return std::move(fits).error();
    TEMPER_TRY(validate(problem));
    Machine machine = Machine::detect();
    machine.isa = code_.config.isa;
    return enumerate_configs(problem, machine).front();
  }

  ContractCode code_;
  std::unique_ptr<TileEpilogue> epilogue_;
};

const RegisterKernel kContract{"contract", &ContractKernel::decode};

}  // namespace
}  // namespace temper::cpu
