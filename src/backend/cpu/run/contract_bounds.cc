#include "backend/cpu/run/contract_bounds.h"

#include "backend/cpu/run/extent.h"

namespace temper::cpu {
namespace {

Error outside(const char* what) {
  return Error(ErrorCode::kCorrupt,
               std::string("the ") + what + " of a contraction would lie outside its buffer; build the plan again");
}

}  // namespace

Status check_bounds(const ContractCode& code, const ContractProblem& p, const ContractOffsets& offsets, int64_t packed_bytes,
                    std::span<const int64_t> bytes) {
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
  if (!a.inside(offsets.a, bytes[code.a_buffer], code.a)) return outside("left operand");
  if (code.c_buffer != -1 && !c.inside(offsets.c, bytes[code.c_buffer], code.c)) return outside("result");
  if (packed ? offsets.b != 0 || packed_bytes > bytes[code.b_buffer] : !b.inside(offsets.b, bytes[code.b_buffer], code.b))
    return outside("right operand");
  auto column_floats = [&](int buffer) { return buffer == -1 || bytes[buffer] >= cols * 4; };
  if (!column_floats(code.bias_buffer) || !column_floats(code.scale_buffer) || !column_floats(code.shift_buffer))
    return outside("bias");
  residual.loop(rows, offsets.residual_row), residual.loop(cols, 1);
  if (code.residual_buffer != -1 && !residual.inside(offsets.residual, bytes[code.residual_buffer], code.residual_type))
    return outside("residual");
  return {};
}

}  // namespace temper::cpu
