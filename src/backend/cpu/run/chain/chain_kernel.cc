// The kernel kind "chain": see chain_code.h.
//
// A task is one block of rows of one point of the batch, so that the work is cut by the problem alone. Each worker has a block
// of s, and scratch for the products and the tile program, of its own. A matrix b or d that several tasks read is packed once,
// beforehand.
#include <algorithm>
#include <array>
#include <atomic>

#include "backend/cpu/run/chain/chain_code.h"
#include "backend/cpu/run/contract/lowering.h"
#include "backend/cpu/run/extent.h"
#include "backend/cpu/run/kernel.h"
#include "backend/cpu/run/tile/epilogue.h"
#include "backend/cpu/run/tile/program_run.h"
#include "base/cpu_info.h"

namespace temper::cpu {
namespace {

constexpr int kFields = kGemmFields + kOffsetFields;

// Runs on the worker that asks, whose floating-point environment is set already.
class OwnThread final : public Executor {
 public:
  int workers() const override { return 1; }
  void parallel_for(int64_t tasks, void (*fn)(void* self, int64_t task, int worker), void* self) override {
    for (int64_t task = 0; task < tasks; ++task) fn(self, task, 0);
  }
};

int64_t whole_lines(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Everything that depends on how many rows a block has.
struct Block {
  int64_t rows = 0;
  ContractProblem scores, values;
  ContractConfig scores_config, values_config;
  std::unique_ptr<tile::ProgramRun> program;
};

int64_t bytes_of(DType type) { return dtype_bits(type) / 8; }

// One of the two products: its right operand at the batch's points.
struct Right {
  GemmGeometry g;
  ContractConfig config;
  ContractProblem packed;  // of one matrix; empty bytes: it is packed where it is used
  int64_t matrices = 1, bytes = 0;

  Right(const ContractProblem& problem, const ContractConfig& c, int64_t blocks) : g(problem.gemm.with_strides()), config(c) {
    for (const auto& batch : g.batch) matrices *= batch.b != 0 ? batch.count : 1;
    packed = problem;
    packed.gemm = g;
    packed.gemm.b_form = BForm::kPacked;
    for (auto& batch : packed.gemm.batch) batch = {};
    const bool again = blocks * g.batch_count() > matrices;
    if (again && validate(packed, config).ok()) bytes = whole_lines(packed_size(packed, config));
  }
  // Elements from the first to matrix `index`.
  int64_t place(int64_t index) const {
    int64_t at = 0;
    for (int k = 3; k-- > 0;) {
      if (g.batch[k].b == 0) continue;
      at += index % g.batch[k].count * g.batch[k].b;
      index /= g.batch[k].count;
    }
    return at;
  }
  void pack(const std::byte* b, int64_t index, std::byte* to) const {
    const bool transposed = g.b_form == BForm::kTransposed;
    const WeightView view{
        .data = b + place(index) * bytes_of(packed.b), .out = transposed ? g.ldb : 1, .in = transposed ? 1 : g.ldb};
    cpu::pack(packed, config, view, to + index * bytes);
  }
};

struct Places {  // in a worker's scratch
  int64_t rows = 0, product = 0, program = 0, total = 0;
};

class ChainLaunch final : public Launch {
 public:
  ChainLaunch(const ChainCode& code, const ContractProblem& scores, const ContractProblem& values,
              std::array<int64_t, 4> offsets, Block full, Block tail, std::unique_ptr<TileEpilogue::Bound> epilogue)
      : code_(code),
        scores_(scores.gemm.with_strides()),
        values_(values.gemm.with_strides()),
        offsets_(offsets),
        full_(std::move(full)),
        tail_(std::move(tail)),
        epilogue_(std::move(epilogue)),
        epilogue_buffers_(code.scores.epilogue_buffers.size()),
        blocks_((scores_.rows + full_.rows - 1) / full_.rows),
        scores_right_(scores, full_.scores_config, blocks_),
        values_right_(values, full_.values_config, blocks_) {
    if (scores_right_.bytes > 0) {
      for (GemmGeometry* g : {&scores_, &full_.scores.gemm, &tail_.scores.gemm}) g->b_form = BForm::kPacked;
    }
    if (values_right_.bytes > 0) {
      for (GemmGeometry* g : {&values_, &full_.values.gemm, &tail_.values.gemm}) g->b_form = BForm::kPacked;
    }
    // Rows of s become rows of p in place where both are f32.
    const int64_t scores_bytes = whole_lines(full_.rows * scores_.cols * 4);
    const bool in_place = code.values.a == DType::kF32;
    places_.rows = in_place ? 0 : scores_bytes;
    places_.product = scores_bytes + (in_place ? 0 : whole_lines(full_.rows * scores_.cols * bytes_of(code.values.a)));
    int64_t product = 0, program = 0;
    for (const Block* b : {&full_, &tail_}) {
      if (b->rows == 0) continue;
      product = std::max({product, cpu::workspace_bytes(b->scores, b->scores_config, 1),
                          cpu::workspace_bytes(b->values, b->values_config, 1)});
      program = std::max(program, b->program->workspace_bytes(1));
    }
    places_.program = places_.product + whole_lines(product);
    places_.total = places_.program + whole_lines(program);
  }

  int64_t workspace_bytes(int workers) const override {
    return packed_bytes() + workers * (places_.total + (epilogue_ ? whole_lines(epilogue_->scratch_bytes()) : 0));
  }

  Status run(std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) override {
    if (epilogue_) {
      for (size_t i = 0; i < epilogue_buffers_.size(); ++i) epilogue_buffers_[i] = buffers[code_.scores.epilogue_buffers[i]];
      epilogue_->set_buffers(epilogue_buffers_, workspace + packed_bytes() + executor.workers() * places_.total);
    }
    const auto at = [&](int buffer, int64_t offset, DType type) { return buffers[buffer] + offset * bytes_of(type); };
    Job job{*this,
            workspace + packed_bytes(),
            at(code_.scores.a_buffer, offsets_[0], code_.scores.a),
            at(code_.scores.b_buffer, offsets_[1], code_.scores.b),
            at(code_.values.b_buffer, offsets_[2], code_.values.b),
            at(code_.values.c_buffer, offsets_[3], code_.values.c)};
    const int64_t first = scores_right_.bytes > 0 ? scores_right_.matrices : 0;
    const int64_t second = values_right_.bytes > 0 ? values_right_.matrices : 0;
    if (first + second > 0) {
      for_each_task(executor, first + second, [&](int64_t task, int) {
        if (task < first) {
          scores_right_.pack(job.b, task, workspace);
        } else {
          values_right_.pack(job.d, task - first, workspace + first * scores_right_.bytes);
        }
      });
    }
    job.packed_b = first > 0 ? workspace : nullptr;
    job.packed_d = second > 0 ? workspace + first * scores_right_.bytes : nullptr;
    for_each_task(executor, scores_.batch_count() * blocks_, [&](int64_t task, int worker) { job.task(task, worker); });
    return epilogue_ ? epilogue_->status() : Status();
  }

 private:
  int64_t packed_bytes() const {
    return scores_right_.matrices * scores_right_.bytes + values_right_.matrices * values_right_.bytes;
  }

  struct Job {
    const ChainLaunch& launch;
    std::byte* workspace;
    const std::byte *a, *b, *d;
    std::byte* c;
    const std::byte *packed_b = nullptr, *packed_d = nullptr;  // all matrices, where they are packed beforehand

    void task(int64_t task, int worker) {
      const GemmGeometry &s = launch.scores_, &v = launch.values_;
      const int64_t point = task / launch.blocks_, first = task % launch.blocks_ * launch.full_.rows;
      const Block& block = s.rows - first < launch.full_.rows ? launch.tail_ : launch.full_;
      const BatchPoint at_scores = batch_point(s, point), at_values = batch_point(v, point);
      const int64_t a_at = first * s.lda + at_scores.a, c_at = first * v.ldc + at_values.c;
      std::byte* const scratch = workspace + worker * launch.places_.total;
      std::byte* const product = scratch + launch.places_.product;
      OwnThread own;
      Rows rows{launch.epilogue_.get(), worker, point * s.rows + first};
      ContractArgs args;
      const ContractCode &first_code = launch.code_.scores, &second_code = launch.code_.values;
      args.a = a + a_at * bytes_of(first_code.a);
      args.b = packed_b ? packed_b + at_scores.b * launch.scores_right_.bytes : b + at_scores.b * bytes_of(first_code.b);
      args.c = scratch;
      args.workspace = product;
      if (rows.epilogue != nullptr) args.epilogue.tile = &Rows::hook, args.epilogue.self = &rows;
      cpu::run(block.scores, block.scores_config, args, own);
      std::byte* const rows_at = scratch + launch.places_.rows;
      std::byte* const places[] = {scratch, rows_at};
      // It reads no indices from tensors, so nothing in it can fail.
      (void)block.program->run(places, scratch + launch.places_.program, own);
      args = {};
      args.a = rows_at;
      args.b = packed_d ? packed_d + at_values.b * launch.values_right_.bytes : d + at_values.b * bytes_of(second_code.b);
      args.c = c + c_at * bytes_of(second_code.c);
      args.workspace = product;
      cpu::run(block.values, block.values_config, args, own);
    }
  };

  // Rows of a block as rows of all.
  struct Rows {
    TileEpilogue::Bound* epilogue;
    int worker;
    int64_t first;
    static void hook(void* self, int, void* tile, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) {
      const Rows& r = *static_cast<const Rows*>(self);
      r.epilogue->apply(r.worker, tile, ld, r.first + row, rows, col, cols);
    }
  };

  const ChainCode& code_;
  GemmGeometry scores_, values_;
  std::array<int64_t, 4> offsets_;  // of a, b, d, c
  Block full_, tail_;
  std::unique_ptr<TileEpilogue::Bound> epilogue_;
  std::vector<std::byte*> epilogue_buffers_;
  int64_t blocks_;
  Right scores_right_, values_right_;
  Places places_;
};

class EmptyLaunch final : public Launch {
 public:
  Status run(std::span<std::byte* const>, std::byte*, Executor&) override { return {}; }
};

Error outside(const char* what) {
  return Error(ErrorCode::kCorrupt,
               std::string("the ") + what + " of a chain of products would lie outside its buffer; build the plan again");
}

class ChainKernel final : public Kernel {
 public:
  static Expected<std::unique_ptr<Kernel>> decode(ByteReader& blob) {
    auto kernel = std::make_unique<ChainKernel>();
    kernel->code_ = TEMPER_TRY(ChainCode::decode(blob));
    for (const ContractCode* c : {&kernel->code_.scores, &kernel->code_.values}) {
      if (c->config.isa > cpu_info().isa) {
        return Error(ErrorCode::kIncompatible,
                     "a kernel needs the instruction set " + std::string(isa_name(c->config.isa)) +
                         ", which this machine does not have; build the plan on this machine or for it");
      }
    }
    ByteReader rows(kernel->code_.rows);
    kernel->program_ = TEMPER_TRY(tile::decode_kernel_program(rows));
    TEMPER_TRY(rows.finish());
    bool fits = kernel->program_.buffers == std::vector<DType>{DType::kF32, kernel->code_.values.a} &&
                kernel->program_.parameters == static_cast<int>(kernel->code_.row_parameters.size());
    if (!kernel->code_.scores.epilogue_buffers.empty()) {
      ByteReader reader(kernel->code_.scores.epilogue);
      kernel->epilogue_ = TEMPER_TRY(TileEpilogue::decode(reader));
      TEMPER_TRY(reader.finish());
      fits = fits && kernel->epilogue_->buffer_count() == static_cast<int>(kernel->code_.scores.epilogue_buffers.size());
    }
    if (!fits) return Error(ErrorCode::kCorrupt, "the parts of a chain of products do not fit; build the plan again");
    return std::unique_ptr<Kernel>(std::move(kernel));
  }

  int buffer_count() const override { return code_.scores.buffers; }
  int parameter_count() const override { return 2 * kFields + (epilogue_ ? epilogue_->parameter_count() : 0); }
  bool writes(int buffer) const override {
    if (buffer == code_.values.c_buffer) return true;
    const auto& buffers = code_.scores.epilogue_buffers;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i] == buffer && epilogue_->writes(static_cast<int>(i))) return true;
    }
    return false;
  }

  Expected<std::unique_ptr<Launch>> prepare(std::span<const int64_t> parameters,
                                            std::span<const int64_t> buffer_bytes) const override {
    const auto first = parameters.first(kFields), second = parameters.last(kFields);
    const ContractProblem scores = code_.scores.problem(first), values = code_.values.problem(second);
    if (values.is_empty()) return std::unique_ptr<Launch>(std::make_unique<EmptyLaunch>());
    TEMPER_TRY(validate(scores));
    TEMPER_TRY(validate(values));
    bool same = scores.gemm.rows == values.gemm.rows && scores.gemm.cols == values.gemm.depth;
    for (int k = 0; k < 3; ++k) same = same && scores.gemm.batch[k].count == values.gemm.batch[k].count;
    if (!same) return Error(ErrorCode::kCorrupt, "the products of a chain have other sizes; build the plan again");
    const std::array<int64_t, 4> offsets{first[kGemmFields], first[kGemmFields + 1], second[kGemmFields + 1],
                                         second[kGemmFields + 2]};
    TEMPER_TRY(check_bounds(scores.gemm.with_strides(), values.gemm.with_strides(), offsets, buffer_bytes));
    const int64_t full_rows = std::min(code_.block_rows, scores.gemm.rows), tail_rows = scores.gemm.rows % full_rows;
    Block full = TEMPER_TRY(make_block(scores, values, full_rows)), tail;
    if (tail_rows > 0) tail = TEMPER_TRY(make_block(scores, values, tail_rows));
    std::unique_ptr<TileEpilogue::Bound> bound;
    if (epilogue_) {
      std::vector<int64_t> bytes;
      bytes.reserve(code_.scores.epilogue_buffers.size());
      for (int b : code_.scores.epilogue_buffers) bytes.push_back(buffer_bytes[b]);
      bound = TEMPER_TRY(epilogue_->prepare(parameters.subspan(kFields, epilogue_->parameter_count()), bytes));
      if (bound->rows() != scores.gemm.rows * scores.gemm.batch_count() || bound->cols() != scores.gemm.cols) {
        return Error(ErrorCode::kCorrupt, "the epilogue of a chain has other sizes than its product; build the plan again");
      }
    }
    return std::unique_ptr<Launch>(
        std::make_unique<ChainLaunch>(code_, scores, values, offsets, std::move(full), std::move(tail), std::move(bound)));
  }

 private:
  Expected<Block> make_block(const ContractProblem& scores, const ContractProblem& values, int64_t rows) const {
    const int64_t cols = scores.gemm.cols;
    Block block{rows, scores, values, code_.scores.config, code_.values.config, nullptr};
    for (ContractProblem* p : {&block.scores, &block.values}) {
      p->gemm = p->gemm.with_strides();
      p->gemm.rows = rows;
      for (auto& batch : p->gemm.batch) batch = {};
    }
    block.scores.gemm.ldc = cols;
    block.values.gemm.lda = cols;
    // The plan's choice was made at one shape: at others rows may end in half a pair, and are then copied.
    for (auto [problem, config] :
         {std::pair(&block.scores, &block.scores_config), std::pair(&block.values, &block.values_config)}) {
      if (!validate(*problem, *config).ok()) config->a_source = ASource::kSlab;
      TEMPER_TRY(validate(*problem, *config));
    }
    std::vector<int64_t> numbers;
    numbers.reserve(code_.row_parameters.size());
    for (const ChainParameter& p : code_.row_parameters) {
      numbers.push_back(p.kind == ChainParameter::Kind::kRows ? rows : p.kind == ChainParameter::Kind::kCols ? cols : p.number);
    }
    const std::array<int64_t, 2> bytes{rows * cols * 4, rows * cols * bytes_of(code_.values.a)};
    block.program = TEMPER_TRY(tile::ProgramRun::prepare(program_, numbers, bytes));
    return block;
  }

  Status check_bounds(const GemmGeometry& s, const GemmGeometry& v, const std::array<int64_t, 4>& offsets,
                      std::span<const int64_t> bytes) const {
    const auto matrix_b = [](Extent& e, const GemmGeometry& g) {
      e.loop(g.depth, g.b_form == BForm::kTransposed ? 1 : g.ldb), e.loop(g.cols, g.b_form == BForm::kTransposed ? g.ldb : 1);
      for (const auto& batch : g.batch) e.loop(batch.count, batch.b);
    };
    Extent a, b, d, c;
    a.loop(s.rows, s.lda), a.loop(s.depth, 1);
    c.loop(v.rows, v.ldc), c.loop(v.cols, 1);
    for (const auto& batch : s.batch) a.loop(batch.count, batch.a);
    for (const auto& batch : v.batch) c.loop(batch.count, batch.c);
    matrix_b(b, s), matrix_b(d, v);
    if (!a.inside(offsets[0], bytes[code_.scores.a_buffer], code_.scores.a)) return outside("left operand");
    if (!b.inside(offsets[1], bytes[code_.scores.b_buffer], code_.scores.b)) return outside("right operand");
    if (!d.inside(offsets[2], bytes[code_.values.b_buffer], code_.values.b)) return outside("last operand");
    if (!c.inside(offsets[3], bytes[code_.values.c_buffer], code_.values.c)) return outside("result");
    return {};
  }

  ChainCode code_;
  tile::Program program_;
  std::unique_ptr<TileEpilogue> epilogue_;
};

const RegisterKernel kChain{"chain", &ChainKernel::decode};

}  // namespace
}  // namespace temper::cpu
