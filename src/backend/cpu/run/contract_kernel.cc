// The kernel kind "contract": the contraction core with a fused epilogue, as a step of a plan.
#include "backend/cpu/run/contract_code.h"
#include "backend/cpu/run/kernel.h"
#include "backend/cpu/run/tile/epilogue.h"

namespace temper::cpu {
namespace {

Error outside(const char* what) {
  return Error(ErrorCode::kCorrupt, std::string("the ") + what + " of a contraction would lie outside its buffer; build the plan again");
}

// Whether a set of strided loops starting at `offset` stays inside `bytes`.
struct Extent {
  int64_t low = 0, high = 0;
  bool overflow = false;
  void loop(int64_t count, int64_t stride) {
    int64_t span;
    if (count > 0 && __builtin_mul_overflow(count - 1, stride, &span)) overflow = true;
    else if (count > 0 && __builtin_add_overflow(stride < 0 ? low : high, span, stride < 0 ? &low : &high)) overflow = true;
  }
  bool inside(int64_t offset, int64_t bytes, DType dtype) const {
    if (overflow || offset < 0 || offset > (int64_t(1) << 50)) return false;
    int64_t last;
    return offset + low >= 0 && !__builtin_add_overflow(offset, high, &last) && last < (int64_t(1) << 50) && dtype_bytes(dtype, last + 1) <= bytes;
  }
};

class ContractLaunch final : public Launch {
 public:
  ContractLaunch(const ContractCode& code, ContractProblem problem, std::span<const int64_t> offsets, std::unique_ptr<TileEpilogue::Bound> epilogue)
      : code_(code), problem_(std::move(problem)), epilogue_(std::move(epilogue)), epilogue_buffers_(code.epilogue_buffers.size()) {
    std::copy(offsets.begin(), offsets.end(), offsets_);
  }

  int64_t workspace_bytes(int workers) const override {
    return core_bytes(workers) + (epilogue_ ? workers * epilogue_->scratch_bytes() : 0);
  }

  Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override {
    ContractArgs args;
    args.a = buffers[code_.a_buffer] + dtype_bytes(code_.a, offsets_[0]);
    args.b = buffers[code_.b_buffer] + dtype_bytes(code_.b, offsets_[1]);
    args.c = buffers[code_.c_buffer] + dtype_bytes(code_.c, offsets_[2]);
    auto floats = [&](int buffer) { return buffer == -1 ? nullptr : reinterpret_cast<const float*>(buffers[buffer]); };
    args.epilogue.bias = floats(code_.bias_buffer);
    if (code_.residual_buffer != -1) args.epilogue.residual = floats(code_.residual_buffer) + offsets_[4];
    args.epilogue.residual_row = offsets_[3];
    args.epilogue.lo = code_.lo;
    args.epilogue.hi = code_.hi;
    args.quantization = {code_.a_zero, floats(code_.scale_buffer), code_.out_inverse_scale, code_.out_zero};
    args.workspace = workspace;
    if (epilogue_) {
      for (size_t i = 0; i < epilogue_buffers_.size(); ++i) epilogue_buffers_[i] = buffers[code_.epilogue_buffers[i]];
      epilogue_->set_buffers(epilogue_buffers_, workspace + core_bytes(executor.workers()));
      args.epilogue.tile = &TileEpilogue::Bound::tile_hook;
      args.epilogue.self = epilogue_.get();
    }
    cpu::run(problem_, code_.config, args, executor);
    return epilogue_ ? epilogue_->status() : Status();
  }

 private:
  int64_t core_bytes(int workers) const { return (cpu::workspace_bytes(problem_, code_.config, workers) + 63) / 64 * 64; }

  const ContractCode& code_;
  ContractProblem problem_;
  int64_t offsets_[kOffsetFields];
  std::unique_ptr<TileEpilogue::Bound> epilogue_;
  std::vector<std::byte*> epilogue_buffers_;
};

// A tensor without elements: nothing to compute, and sizes that the core need not accept.
class EmptyLaunch final : public Launch {
 public:
  Status run(std::span<std::byte* const>, std::byte*, Executor&) override { return {}; }
};

class ContractKernel final : public Kernel {
 public:
  static Expected<std::unique_ptr<Kernel>> decode(ByteReader& blob) {
    auto kernel = std::make_unique<ContractKernel>();
    kernel->code_ = TEMPER_TRY(ContractCode::decode(blob));
    if (kernel->code_.config.isa > cpu_info().isa) {
      return Error(ErrorCode::kIncompatible, "a kernel needs the instruction set " + std::string(isa_name(kernel->code_.config.isa)) +
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

  Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters, std::span<const int64_t> buffer_bytes) const override {
    ContractProblem problem = code_.problem(parameters);
    auto offsets = parameters.subspan(code_.field_count() - kOffsetFields, kOffsetFields);
    int64_t points = problem.form == ContractProblem::Form::kGemm
                         ? problem.gemm.rows * problem.gemm.cols * problem.gemm.batch_count()
                         : problem.conv.batch * problem.conv.out_h * problem.conv.out_w * problem.conv.out_c * problem.conv.groups;
    if (points == 0) return std::unique_ptr<Launch>(std::make_unique<EmptyLaunch>());
    TEMPER_TRY(validate(problem, code_.config));
    TEMPER_TRY(check_bounds(problem, offsets, buffer_bytes));
    std::unique_ptr<TileEpilogue::Bound> bound;
    if (epilogue_) {
      std::vector<int64_t> bytes;
      for (int b : code_.epilogue_buffers) bytes.push_back(buffer_bytes[b]);
      bound = TEMPER_TRY(epilogue_->prepare(parameters.subspan(code_.field_count()), bytes));
    }
    return std::unique_ptr<Launch>(std::make_unique<ContractLaunch>(code_, std::move(problem), offsets, std::move(bound)));
  }

 private:
  Status check_bounds(const ContractProblem& p, std::span<const int64_t> offsets, std::span<const int64_t> bytes) const {
    Extent a, b, c, residual;
    int64_t cols, rows;
    bool packed = true;
    if (p.form == ContractProblem::Form::kGemm) {
      GemmGeometry g = p.gemm.with_strides();
      packed = g.b_form == BForm::kPacked;
      a.loop(g.rows, g.a_transposed ? 1 : g.lda), a.loop(g.depth, g.a_transposed ? g.lda : 1);
      b.loop(g.depth, g.b_form == BForm::kTransposed ? 1 : g.ldb), b.loop(g.cols, g.b_form == BForm::kTransposed ? g.ldb : 1);
      c.loop(g.rows, g.ldc), c.loop(g.cols, 1);
      for (const auto& batch : g.batch) a.loop(batch.count, batch.a), b.loop(batch.count, batch.b), c.loop(batch.count, batch.c);
      cols = g.cols, rows = g.rows * g.batch_count();
    } else {
      ConvGeometry g = p.conv.with_strides();
      a.loop(g.batch, g.in_image), a.loop(g.in_h, g.in_row), a.loop(g.in_w, g.in_pixel), a.loop(g.in_c * g.groups, 1);
      c.loop(g.batch, g.out_image), c.loop(g.out_h, g.out_row), c.loop(g.out_w, g.out_pixel), c.loop(g.out_c * g.groups, 1);
      cols = g.out_c * g.groups, rows = g.batch * g.out_h * g.out_w;
    }
    if (!a.inside(offsets[0], bytes[code_.a_buffer], code_.a)) return outside("left operand");
    if (!c.inside(offsets[2], bytes[code_.c_buffer], code_.c)) return outside("result");
    if (packed ? offsets[1] != 0 || cpu::packed_size(p, code_.config) > bytes[code_.b_buffer] : !b.inside(offsets[1], bytes[code_.b_buffer], code_.b)) return outside("right operand");
    auto column_floats = [&](int buffer) { return buffer == -1 || bytes[buffer] >= cols * 4; };
    if (!column_floats(code_.bias_buffer) || !column_floats(code_.scale_buffer)) return outside("bias");
    residual.loop(rows, offsets[3]), residual.loop(cols, 1);
    if (code_.residual_buffer != -1 && !residual.inside(offsets[4], bytes[code_.residual_buffer], DType::kF32)) return outside("residual");
    return {};
  }

  ContractCode code_;
  std::unique_ptr<TileEpilogue> epilogue_;
};

const RegisterKernel kContract{"contract", &ContractKernel::decode};

}  // namespace
}  // namespace temper::cpu
