#include "backend/cpu/run/contract_code.h"

namespace temper::cpu {

bool is_activation(ScalarOp op) {
  const ScalarInfo& info = scalar_info(op);
  return info.arity == 1 && (info.rule == TypeRule::kFloat || info.rule == TypeRule::kNumeric);
}

void ContractCode::encode(ByteWriter& out) const {
  out.enumerator(form);
  out.enumerator(a);
  out.enumerator(b);
  out.enumerator(c);
  out.boolean(a_transposed);
  out.enumerator(b_form);
  out.string(config.to_string());
  out.enumerator(residual_type);
  out.enumerator(residual_use);
  for (int v : {buffers, a_buffer, b_buffer, c_buffer, bias_buffer, residual_buffer, shift_buffer, scale_buffer, a_fill,
                residual_zero, out_zero, activation}) {
    out.i32(v);
  }
  for (float v : {lo, hi, residual_scale, middle_lo, middle_hi, middle_scale, slope}) out.f32(v);
  out.vector(epilogue_buffers);
  out.count(epilogue.size());
  out.raw(epilogue);
}

Expected<ContractCode> ContractCode::decode(ByteReader& in) {
  ContractCode code;
  code.form = TEMPER_TRY(in.enumerator<ContractProblem::Form>(3));
  code.a = TEMPER_TRY(in.enumerator<DType>(kDTypeCount));
  code.b = TEMPER_TRY(in.enumerator<DType>(kDTypeCount));
  code.c = TEMPER_TRY(in.enumerator<DType>(kDTypeCount));
  code.a_transposed = TEMPER_TRY(in.boolean());
  code.b_form = TEMPER_TRY(in.enumerator<BForm>(3));
  code.config = TEMPER_TRY(ContractConfig::parse(TEMPER_TRY(in.string())));
  code.residual_type = TEMPER_TRY(in.enumerator<DType>(kDTypeCount));
  code.residual_use = TEMPER_TRY(in.enumerator<ResidualUse>(3));
  for (int* v : {&code.buffers, &code.a_buffer, &code.b_buffer, &code.c_buffer, &code.bias_buffer, &code.residual_buffer,
                 &code.shift_buffer, &code.scale_buffer, &code.a_fill, &code.residual_zero, &code.out_zero, &code.activation}) {
    *v = TEMPER_TRY(in.i32());
  }
  for (float* v : {&code.lo, &code.hi, &code.residual_scale, &code.middle_lo, &code.middle_hi, &code.middle_scale, &code.slope})
    *v = TEMPER_TRY(in.f32());
  code.epilogue_buffers = TEMPER_TRY(in.vector<int>());
  uint32_t bytes = TEMPER_TRY(in.count(1));
  auto epilogue = TEMPER_TRY(in.raw(bytes));
  code.epilogue.assign(epilogue.begin(), epilogue.end());
  auto is_buffer = [&](int v) { return v >= 0 && v < code.buffers; };
  bool ok = code.buffers <= 4096 && is_buffer(code.a_buffer) && is_buffer(code.b_buffer) &&
            (code.c_buffer == -1 || is_buffer(code.c_buffer));
  for (int v : {code.bias_buffer, code.residual_buffer, code.shift_buffer, code.scale_buffer})
    ok = ok && (v == -1 || is_buffer(v));
  for (int v : code.epilogue_buffers) ok = ok && is_buffer(v);
  // A result has somewhere to go; what is not stored is the epilogue's, and sums become another type by a scale for each
  // column.
  ok = ok && (code.c_buffer != -1 || !code.epilogue_buffers.empty());
  ok = ok && (code.epilogue_buffers.empty() || code.c == DType::kF32 || code.c == DType::kI32);
  const DType r = code.residual_type;
  ok = ok && (is_float(code.a) || code.c == DType::kI32 || code.scale_buffer != -1);
  if (is_float(code.a))
    ok = ok && (r == DType::kF32 || (is_half(code.a) && r == code.a));
  else
    ok = ok && (r == DType::kF32 || r == DType::kU8 || r == DType::kI8);
  const bool plain = code.activation == -1 && code.slope == 1 && code.residual_use == ResidualUse::kFirst;
  ok = ok && (plain || (is_half(code.c) && code.activation >= -1 && code.activation < kScalarRows));
  ok = ok && (code.activation == -1 || is_activation(static_cast<ScalarOp>(code.activation)));
  // Kernels that keep their sums of 16-bit floats in scratch add no residual.
  const bool one_channel = code.config.kind == ContractKind::kDepthwise || code.config.kind == ContractKind::kGrouped;
  ok = ok && !(one_channel && is_half(code.a) && code.residual_buffer != -1);
  if (!ok) return Error(ErrorCode::kCorrupt, "a contraction's buffers are not those of its step; build the plan again");
  return code;
}

ContractProblem ContractCode::problem(std::span<const int64_t> f) const {
  ContractProblem p;
  p.form = form;
  p.a = a, p.b = b, p.c = c;
  p.transient = c_buffer == -1;
  if (form == ContractProblem::Form::kGemm) {
    GemmGeometry& g = p.gemm;
    g.rows = f[0], g.depth = f[1], g.cols = f[2], g.lda = f[3], g.ldb = f[4], g.ldc = f[5];
    for (int k = 0; k < 3; ++k) g.batch[k] = {f[6 + 4 * k], f[7 + 4 * k], f[8 + 4 * k], f[9 + 4 * k]};
    if (p.transient) g.ldc = g.batch[0].c = g.batch[1].c = g.batch[2].c = 0;
    g.a_transposed = a_transposed;
    g.b_form = b_form;
  } else {
    ConvGeometry& g = p.conv;
    int64_t* fields[kConvFields] = {&g.batch,      &g.in_h,       &g.in_w,     &g.in_c,     &g.out_h,    &g.out_w,
                                    &g.out_c,      &g.groups,     &g.kernel_h, &g.kernel_w, &g.stride_h, &g.stride_w,
                                    &g.dilation_h, &g.dilation_w, &g.pad_top,  &g.pad_left, &g.in_image, &g.in_row,
                                    &g.in_pixel,   &g.out_image,  &g.out_row,  &g.out_pixel};
    for (int k = 0; k < kConvFields; ++k) *fields[k] = f[k];
    if (p.transient) g.out_image = g.out_row = g.out_pixel = 0;
  }
  return p;
}

ContractOffsets ContractCode::offsets(std::span<const int64_t> fields) const {
  auto f = fields.subspan(field_count() - kOffsetFields, kOffsetFields);
  // Without a residual its stride means nothing, and may be any number.
  const bool residual = residual_buffer != -1;
  return {.a = f[0], .b = f[1], .c = f[2], .residual_row = residual ? f[3] : 0, .residual = residual ? f[4] : 0};
}

}  // namespace temper::cpu
