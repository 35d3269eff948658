// The kernel kind "onednn": a contraction by oneDNN's primitives, each on one thread and on a piece that we cut. The library
// itself takes a little memory from the heap whenever a primitive runs; we take none.
#include <atomic>
#include <cmath>

#include "backend/cpu/run/contract_bounds.h"
#include "backend/cpu/run/onednn/contraction.h"

namespace temper::cpu::onednn {
namespace {

#ifdef TEMPER_ONEDNN

// What runs one piece. Streams and memories may not be shared by threads, so each piece has its own; their addresses are set
// only when they change, which between runs of a context they rarely do.
class PieceRun {
 public:
  enum Place { kA, kB, kC, kBias, kResidual, kScratch, kPlaces };

  static Expected<PieceRun> make(const Library& library, const ContractCode& code, const Piece& piece,
                                 const dnnl_memory_desc_t* weights) {
    const Description description = TEMPER_TRY(describe(library, code, piece, weights));
    PieceRun r(library, piece);
    TEMPER_TRY(library.check(library.primitive_create(r.primitive_.place(), description.get()), "create a contraction"));
    TEMPER_TRY(
        library.check(library.stream_create(r.stream_.place(), library.engine, dnnl_stream_default_flags), "create a stream"));
    const auto add = [&](Place place, int argument, const dnnl_memory_desc_t& form) -> Status {
      Memory& memory = r.memories_[place];
      TEMPER_TRY(
          library.check(library.memory_create(memory.place(), &form, library.engine, DNNL_MEMORY_NONE), "describe memory"));
      r.arguments_[r.count_++] = {argument, memory.get()};
      return {};
    };
    TEMPER_TRY(add(kA, DNNL_ARG_SRC, argument(library, description, dnnl_query_src_md)));
    TEMPER_TRY(add(kB, DNNL_ARG_WEIGHTS, argument(library, description, dnnl_query_weights_md)));
    TEMPER_TRY(add(kC, DNNL_ARG_DST, argument(library, description, dnnl_query_dst_md)));
    if (code.bias_buffer != -1) TEMPER_TRY(add(kBias, DNNL_ARG_BIAS, argument(library, description, dnnl_query_weights_md, 1)));
    if (code.residual_buffer != -1) {
      TEMPER_TRY(add(kResidual, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, residual_form(library, piece)));
    }
    const dnnl_memory_desc_t& scratch = argument(library, description, dnnl_query_scratchpad_md);
    r.scratch_bytes_ = static_cast<int64_t>(library.memory_desc_get_size(&scratch));
    if (r.scratch_bytes_ > 0) TEMPER_TRY(add(kScratch, DNNL_ARG_SCRATCHPAD, scratch));
    return r;
  }

  const Piece& piece() const { return piece_; }
  int64_t scratch_bytes() const { return scratch_bytes_; }

  // `places`: by Place; null where the piece has no such argument.
  dnnl_status_t run(const Library& library, void* const (&places)[kPlaces]) {
    for (int k = 0; k < kPlaces; ++k) {
      if (!memories_[k].get() || places[k] == set_[k]) continue;
      const auto status = library.memory_set_data_handle(memories_[k].get(), places[k]);
      if (status != dnnl_success) return status;
      set_[k] = places[k];
    }
    const auto status = library.primitive_execute(primitive_.get(), stream_.get(), count_, arguments_);
    return status == dnnl_success ? library.stream_wait(stream_.get()) : status;
  }

 private:
  PieceRun(const Library& l, const Piece& piece)
      : piece_(piece), primitive_(l), stream_(l), memories_{Memory(l), Memory(l), Memory(l), Memory(l), Memory(l), Memory(l)} {}

  Piece piece_;
  Primitive primitive_;
  Stream stream_;
  Memory memories_[kPlaces];
  void* set_[kPlaces] = {};
  dnnl_exec_arg_t arguments_[kPlaces] = {};
  int count_ = 0;
  int64_t scratch_bytes_ = 0;
};

class OneDnnLaunch final : public Launch {
 public:
  OneDnnLaunch(const Library& library, const ContractCode& code, const ContractOffsets& offsets, std::vector<PieceRun> pieces)
      : library_(library), code_(code), offsets_(offsets), pieces_(std::move(pieces)) {
    for (const PieceRun& p : pieces_) scratch_bytes_ = std::max(scratch_bytes_, (p.scratch_bytes() + 63) / 64 * 64);
  }

  int64_t workspace_bytes(int workers) const override { return workers * scratch_bytes_; }

  Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override {
    const auto floats = [&](int buffer, int64_t offset) {
      return buffer == -1 ? nullptr : reinterpret_cast<float*>(buffers[buffer]) + offset;
    };
    float* const a = floats(code_.a_buffer, offsets_.a);
    float* const b = floats(code_.b_buffer, offsets_.b);
    float* const c = floats(code_.c_buffer, offsets_.c);
    float* const bias = floats(code_.bias_buffer, 0);
    float* const residual = floats(code_.residual_buffer, offsets_.residual);
    std::atomic<dnnl_status_t> failure{dnnl_success};
    for_each_task(executor, static_cast<int64_t>(pieces_.size()), [&](int64_t task, int worker) {
      OneThread one_thread(library_);
      PieceRun& r = pieces_[task];
      const Piece& p = r.piece();
      void* const places[PieceRun::kPlaces] = {
          a + p.a, b + p.b, c + p.c, bias, residual ? residual + p.residual : nullptr, workspace + worker * scratch_bytes_};
      const dnnl_status_t status = r.run(library_, places);
      if (status != dnnl_success) failure = status;
    });
    return library_.check(failure, "run a contraction");
  }

 private:
  const Library& library_;
  const ContractCode& code_;
  ContractOffsets offsets_;
  std::vector<PieceRun> pieces_;
  int64_t scratch_bytes_ = 0;
};

class OneDnnKernel final : public Kernel {
 public:
  OneDnnKernel(const Library& library, Code code) : library_(library), code_(std::move(code)) {}

  // Asks the library for the form of the weights that the plan holds.
  Status find_weights() {
    if (!code_.has_weights()) return {};
    const ContractProblem best = code_.contract.problem(code_.best);
    TEMPER_TRY(validate(best));
    const ContractOffsets offsets = code_.contract.offsets(code_.best);
    if (std::abs(double(offsets.residual_row)) * double(extents(best).rows) > 1e15) {
      return Error(ErrorCode::kCorrupt, "the residual of a contraction for oneDNN spans too much memory; build the plan again");
    }
    OneThread one_thread(library_);
    const Description description = TEMPER_TRY(describe(library_, code_.contract, whole(best, offsets), nullptr));
    weights_ = argument(library_, description, dnnl_query_weights_md);
    if (refuse_form(weights_) || hash_of(weights_) != code_.weights) {
      return Error(ErrorCode::kIncompatible, "the plan holds weights in a form that " + library_.text +
                                                 " does not use on this machine; build the plan again here, or without "
                                                 "--tacticSources=+ONEDNN for a plan that does not depend on oneDNN");
    }
    weight_bytes_ = static_cast<int64_t>(library_.memory_desc_get_size(&weights_));
    return {};
  }

  int buffer_count() const override { return code_.contract.buffers; }
  int parameter_count() const override { return code_.contract.field_count(); }
  bool writes(int buffer) const override { return buffer == code_.contract.c_buffer; }

  Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters,
                                            std::span<const int64_t> buffer_bytes) const override {
    const ContractProblem problem = code_.contract.problem(parameters);
    const ContractOffsets offsets = code_.contract.offsets(parameters);
    if (problem.is_empty()) return std::unique_ptr<Launch>(std::make_unique<EmptyLaunch>());
    TEMPER_TRY(validate(problem));
    if (problem.form == ContractProblem::Form::kGemm && code_.has_weights() && problem.gemm.batch_count() != 1) {
      return Error(ErrorCode::kCorrupt, "constant weights stand in a batch of products; build the plan again");
    }
    TEMPER_TRY(check_bounds(code_.contract, problem, offsets, weight_bytes_, buffer_bytes));
    OneThread one_thread(library_);
    std::vector<PieceRun> pieces;
    for (const Piece& piece : cut(problem, offsets, code_.parts)) {
      pieces.push_back(TEMPER_TRY(PieceRun::make(library_, code_.contract, piece, code_.has_weights() ? &weights_ : nullptr)));
    }
    return std::unique_ptr<Launch>(std::make_unique<OneDnnLaunch>(library_, code_.contract, offsets, std::move(pieces)));
  }

 private:
  const Library& library_;
  Code code_;
  dnnl_memory_desc_t weights_{};
  int64_t weight_bytes_ = 0;
};

Expected<std::unique_ptr<Kernel>> decode(ByteReader& blob) {
  Code code = TEMPER_TRY(Code::decode(blob));
  const Library* found = TEMPER_TRY(library());
  auto kernel = std::make_unique<OneDnnKernel>(*found, std::move(code));
  TEMPER_TRY(kernel->find_weights());
  return std::unique_ptr<Kernel>(std::move(kernel));
}

#else

Expected<std::unique_ptr<Kernel>> decode(ByteReader& blob) {
  TEMPER_TRY(Code::decode(blob));
  TEMPER_TRY(library());
  return Error(ErrorCode::kInternal, "a library was found that this program can't call");
}

#endif

const RegisterKernel kOneDnn{"onednn", &decode};

}  // namespace
}  // namespace temper::cpu::onednn
