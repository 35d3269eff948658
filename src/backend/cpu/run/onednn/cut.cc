// How a launch is cut into pieces: by its sizes and a number that the plan fixes, so that any number of threads gives the same
// bits.
#include <algorithm>

#include "backend/cpu/run/onednn/contraction.h"

namespace temper::cpu::onednn {

#ifdef TEMPER_ONEDNN

namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int64_t kRowGrain = 16;  // of a matrix: whole register tiles

std::vector<Piece> cut_gemm(const Piece& all, int64_t parts) {
  const GemmGeometry& g = all.problem.gemm;
  // The outermost batch dimension that has more than one matrix, in chunks; then the rows.
  int outer = 0;
  while (outer < 2 && g.batch[outer].count == 1) ++outer;
  const int64_t count = g.batch[outer].count;
  int64_t inner = 1;
  for (int k = outer + 1; k < 3; ++k) inner *= g.batch[k].count;
  const int64_t chunk = divide_up(count, std::min(count, parts));
  const int64_t blocks = divide_up(parts, divide_up(count, chunk));
  const int64_t height = divide_up(divide_up(g.rows, blocks), kRowGrain) * kRowGrain;
  std::vector<Piece> pieces;
  for (int64_t first = 0; first < count; first += chunk) {
    for (int64_t row = 0; row < g.rows; row += height) {
      Piece p = all;
      p.problem.gemm.batch[outer].count = std::min(chunk, count - first);
      p.problem.gemm.rows = std::min(height, g.rows - row);
      p.a = first * g.batch[outer].a + row * (g.a_transposed ? 1 : g.lda);
      p.b = first * g.batch[outer].b;
      p.c = first * g.batch[outer].c + row * g.ldc;
      p.residual = first * inner * all.residual_matrix + row * all.residual_row;
      pieces.push_back(p);
    }
  }
  return pieces;
}

// Rows [top, bottom) of the output image; false where they read nothing but padding.
bool take_rows(Piece& p, int64_t top, int64_t bottom) {
  ConvGeometry& g = p.problem.conv;
  const int64_t first = top * g.stride_h - g.pad_top;
  const int64_t last = (bottom - 1) * g.stride_h - g.pad_top + (g.kernel_h - 1) * g.dilation_h + 1;
  const int64_t from = std::max<int64_t>(first, 0), to = std::min(last, g.in_h);
  if (from >= to) return false;
  p.a += from * g.in_row;
  p.c += top * g.out_row;
  p.residual += top * g.out_w * p.residual_row;
  g.pad_top = from - first;
  g.in_h = to - from;
  g.out_h = bottom - top;
  return true;
}

std::vector<Piece> cut_conv(const Piece& all, int64_t parts) {
  const ConvGeometry& g = all.problem.conv;
  const int64_t chunk = divide_up(g.batch, std::min(g.batch, parts));
  const bool rows = chunk == 1 && all.problem.form == ContractProblem::Form::kConv;
  const int64_t height = rows ? divide_up(g.out_h, std::min(g.out_h, divide_up(parts, g.batch))) : g.out_h;
  std::vector<Piece> pieces;
  for (int64_t image = 0; image < g.batch; image += chunk) {
    Piece images = all;
    images.problem.conv.batch = std::min(chunk, g.batch - image);
    images.a = image * g.in_image;
    images.c = image * g.out_image;
    images.residual = image * all.residual_matrix;
    const size_t before = pieces.size();
    bool good = height < g.out_h;
    for (int64_t row = 0; good && row < g.out_h; row += height) {
      pieces.push_back(images);
      good = take_rows(pieces.back(), row, std::min(row + height, g.out_h));
    }
    if (good) continue;
    pieces.resize(before);
    pieces.push_back(images);
  }
  return pieces;
}

}  // namespace

std::vector<Piece> cut(const ContractProblem& problem, const ContractOffsets& offsets, int64_t parts) {
  const Piece all = whole(problem, offsets);
  if (parts == 1) return {all};
  return problem.form == ContractProblem::Form::kGemm ? cut_gemm(all, parts) : cut_conv(all, parts);
}

#endif

}  // namespace temper::cpu::onednn
