// Matrix products with so few rows or columns that a register tile would be mostly empty: one side is a few vectors, the other
// many rows along the depth, read once. Packed weights of this kind are the columns of b, one after another.
#include <algorithm>
#include <cstring>

#include "backend/cpu/run/contract/lowering.h"

namespace temper::cpu {
namespace {

bool rows_of_b(const GemmGeometry& g) { return g.b_form == BForm::kTransposed && g.rows <= kMaxDotVectors; }

struct Job {
  const ContractArgs& args;
  const GemmGeometry g;
  const KernelTable& kernels;
  bool over_b;  // the long rows are those of a transposed b, else those of a
  int64_t rows, block, blocks;
};

void run_task(const Job& job, int64_t task, int worker) {
  const GemmGeometry& g = job.g;
  const Epilogue& e = job.args.epilogue;
  const int64_t point_index = task / job.blocks, first = task % job.blocks * job.block;
  const int64_t count = std::min(job.block, job.rows - first);
  const BatchPoint point = batch_point(g, point_index);
  const float* a = static_cast<const float*>(job.args.a) + point.a;
  const float* b = static_cast<const float*>(job.args.b);
  b += g.b_form == BForm::kPacked ? point.b * g.depth * g.cols : point.b;
  const int64_t b_step = g.b_form == BForm::kPacked ? g.depth : g.ldb;
  float* c = static_cast<float*>(job.args.c) + point.c;
  DotCall call;
  call.depth = g.depth;
  call.rows = count;
  int64_t row = 0, rows = g.rows, col = first, cols = count;
  if (job.over_b) {
    call.row = b + first * b_step;
    call.row_step = b_step;
    call.vector = a;
    call.vector_step = g.lda;
    call.vectors = g.rows;
    call.out_row = 1;
    call.out_vector = g.ldc;
    c += first;
  } else {
    row = first, rows = count, col = 0, cols = g.cols;
    call.row = a + first * g.lda;
    call.row_step = g.lda;
    call.vector = b;
    call.vector_step = b_step;
    call.vectors = g.cols;
    call.out_row = g.ldc;
    call.out_vector = 1;
    c += first * g.ldc;
  }
  // A residual may be the result itself: then c must not be written before it is read.
  alignas(64) float sums[kMaxTileElements];
  call.out = sums;
  call.out_row = job.over_b ? 1 : cols;
  call.out_vector = job.over_b ? cols : 1;
  job.kernels.dot(call);
  const int64_t epilogue_row = point_index * g.rows + row;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      float v = sums[i * cols + j];
      if (e.bias != nullptr) v += e.bias[col + j];
      if (e.residual != nullptr) v += static_cast<const float*>(e.residual)[(epilogue_row + i) * e.residual_row + col + j];
      v = v < e.lo ? e.lo : v;  // a NaN stays
      c[i * g.ldc + j] = v > e.hi ? e.hi : v;
    }
  }
  if (e.tile != nullptr) e.tile(e.self, worker, c, g.ldc, epilogue_row, rows, col, cols);
}

}  // namespace

Status dot_validate(const ContractProblem& problem, const ContractConfig&) {
  const GemmGeometry& g = problem.gemm;
  const bool gemm = problem.form == ContractProblem::Form::kGemm;
  const bool thin = gemm ? !g.a_transposed && (rows_of_b(g) || (g.cols <= kMaxDotVectors && g.b_form != BForm::kRowMajor))
                         : problem.conv.out_c <= kMaxDotVectors;
  if (problem.a != DType::kF32 || !thin) {
    return Error(
               ErrorCode::kInvalidArgument,
               "dot kernels take f32 products of up to 4 columns, or up to 4 rows and a transposed b, and convolutions with up "
               "to 4 output channels a group")
        .at("contraction config");
  }
  return {};
}

int64_t dot_packed_size(const ContractProblem& problem, const ContractConfig& config) {
  if (problem.form != ContractProblem::Form::kGemm) return dot_conv_packed_size(problem, config);
  const GemmGeometry& g = problem.gemm;
  return g.b_form == BForm::kPacked ? packed_matrices(problem) * g.depth * g.cols * 4 : 0;
}

void dot_pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& w, char* packed) {
  if (problem.form != ContractProblem::Form::kGemm) return dot_conv_pack(problem, config, w, packed);
  const GemmGeometry& g = problem.gemm;
  float* to = reinterpret_cast<float*>(packed);
  for (int64_t matrix = 0; matrix < packed_matrices(problem); ++matrix) {
    for (int64_t n = 0; n < g.cols; ++n) {
      for (int64_t k = 0; k < g.depth; ++k) *to++ = static_cast<const float*>(w.data)[matrix * w.group + k * w.in + n * w.out];
    }
  }
}

int64_t dot_workspace(const ContractProblem&, const ContractConfig&, int) { return 0; }

void dot_run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  if (problem.form != ContractProblem::Form::kGemm) return dot_conv_run(problem, config, args, executor);
  Job job{args, problem.gemm.with_strides(), kernels_of(config.isa), false, 0, 0, 0};
  job.over_b = rows_of_b(job.g);
  job.rows = job.over_b ? job.g.cols : job.g.rows;
  job.block = std::min({job.rows, job.over_b ? config.nc : config.mc, kMaxTileElements / kMaxDotVectors});
  job.blocks = divide_up(job.rows, job.block);
  executor.parallel_for(
      job.g.batch_count() * job.blocks,
      [](void* self, int64_t task, int worker) { run_task(*static_cast<const Job*>(self), task, worker); }, &job);
}

}  // namespace temper::cpu
