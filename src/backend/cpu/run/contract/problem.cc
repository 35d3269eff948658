// What a problem means, without regard to how it is run: strides, extents, validity, raw weights.
#include <algorithm>
#include <cmath>

#include "backend/cpu/run/contract/contract.h"

namespace temper::cpu {
namespace {

constexpr double kMaxElements = 1e12;  // of any operand, and of any product of sizes: far from 63 bits

Error bad(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)).at("contraction"); }

Status positive(std::string_view name, int64_t value, int64_t limit) {
  if (value >= 1 && value <= limit) return {};
  return bad(std::string(name) + " is " + std::to_string(value) + "; it must be in 1.." + std::to_string(limit));
}

Status stride(std::string_view name, int64_t value) {
  if (value >= 0 && value <= int64_t{1} << 40) return {};
  return bad(std::string(name) + " is " + std::to_string(value) + "; a stride must be in 0..2^40");
}

Status validate_conv(const ConvGeometry& g, bool transposed) {
  constexpr int64_t kSize = int64_t{1} << 31, kSmall = 1 << 20;
  TEMPER_TRY(positive("batch", g.batch, kSize));
  TEMPER_TRY(positive("in_h", g.in_h, kSize));
  TEMPER_TRY(positive("in_w", g.in_w, kSize));
  TEMPER_TRY(positive("in_c", g.in_c, kSize));
  TEMPER_TRY(positive("out_h", g.out_h, kSize));
  TEMPER_TRY(positive("out_w", g.out_w, kSize));
  TEMPER_TRY(positive("out_c", g.out_c, kSize));
  TEMPER_TRY(positive("groups", g.groups, kSize));
  TEMPER_TRY(positive("kernel_h", g.kernel_h, kSmall));
  TEMPER_TRY(positive("kernel_w", g.kernel_w, kSmall));
  TEMPER_TRY(positive("stride_h", g.stride_h, kSmall));
  TEMPER_TRY(positive("stride_w", g.stride_w, kSmall));
  TEMPER_TRY(positive("dilation_h", g.dilation_h, kSmall));
  TEMPER_TRY(positive("dilation_w", g.dilation_w, kSmall));
  if (std::abs(g.pad_top) > kSmall || std::abs(g.pad_left) > kSmall) return bad("a pad is larger than 2^20");
  if (transposed && (g.stride_h > 256 || g.stride_w > 256)) return bad("the stride of a transposed convolution is over 256");
  for (int64_t s : {g.in_image, g.in_row, g.in_pixel, g.out_image, g.out_row, g.out_pixel}) TEMPER_TRY(stride("a stride", s));
  const double in = double(g.in_h) * g.in_w * g.in_c * g.groups * g.batch;
  const double out = double(g.out_h) * g.out_w * g.out_c * g.groups * g.batch;
  const double weights = double(g.in_c) * g.out_c * g.groups * g.kernel_h * g.kernel_w;
  if (std::max({in, out, weights}) > kMaxElements) return bad("an operand has over 10^12 elements");
  const ConvGeometry full = g.with_strides();
  const double in_span = double(full.in_image) * g.batch + double(full.in_row) * g.in_h + double(full.in_pixel) * g.in_w;
  const double out_span = double(full.out_image) * g.batch + double(full.out_row) * g.out_h + double(full.out_pixel) * g.out_w;
  if (std::max(in_span, out_span) > 1e15) return bad("the strides span over 10^15 elements");
  return {};
}

Status validate_gemm(const GemmGeometry& g, bool integer) {
  constexpr int64_t kSize = int64_t{1} << 40;
  TEMPER_TRY(positive("rows", g.rows, kSize));
  TEMPER_TRY(positive("depth", g.depth, kSize));
  TEMPER_TRY(positive("cols", g.cols, kSize));
  for (int64_t s : {g.lda, g.ldb, g.ldc}) TEMPER_TRY(stride("a row stride", s));
  double batches = 1;
  double a_span = 0, b_span = 0, c_span = 0;
  for (const GemmGeometry::Batch& b : g.batch) {
    TEMPER_TRY(positive("a batch count", b.count, kSize));
    for (int64_t s : {b.a, b.b, b.c}) TEMPER_TRY(stride("a batch stride", s));
    batches *= double(b.count);
    a_span += double(b.count) * b.a;
    b_span += double(b.count) * b.b;
    c_span += double(b.count) * b.c;
  }
  const double largest = std::max({double(g.rows) * g.depth, double(g.depth) * g.cols, double(g.rows) * g.cols});
  if (largest * batches > kMaxElements) return bad("an operand has over 10^12 elements");
  const GemmGeometry full = g.with_strides();
  a_span += double(full.lda) * (g.a_transposed ? g.depth : g.rows);
  b_span += double(full.ldb) * (g.b_form == BForm::kTransposed ? g.cols : g.depth);
  c_span += double(full.ldc) * g.rows;
  if (std::max({a_span, b_span, c_span}) > 1e15) return bad("the strides span over 10^15 elements");
  if (g.b_form > BForm::kTransposed) return bad("the form of b is not one of packed, row-major, transposed");
  if (integer && (g.a_transposed || g.b_form != BForm::kPacked)) {
    return Error(ErrorCode::kUnsupported, "an integer product needs a in rows and packed weights").at("contraction");
  }
  return {};
}

}  // namespace

ConvGeometry ConvGeometry::with_strides() const {
  ConvGeometry g = *this;
  if (g.in_pixel == 0) g.in_pixel = groups * in_c;
  if (g.in_row == 0) g.in_row = in_w * g.in_pixel;
  if (g.in_image == 0) g.in_image = in_h * g.in_row;
  if (g.out_pixel == 0) g.out_pixel = groups * out_c;
  if (g.out_row == 0) g.out_row = out_w * g.out_pixel;
  if (g.out_image == 0) g.out_image = out_h * g.out_row;
  return g;
}

GemmGeometry GemmGeometry::with_strides() const {
  GemmGeometry g = *this;
  if (g.lda == 0) g.lda = a_transposed ? rows : depth;
  if (g.ldb == 0) g.ldb = b_form == BForm::kTransposed ? depth : cols;
  if (g.ldc == 0) g.ldc = cols;
  return g;
}

ContractProblem ContractProblem::make_gemm(const GemmGeometry& g) {
  ContractProblem p;
  p.form = Form::kGemm;
  p.gemm = g;
  return p;
}

ContractProblem ContractProblem::make_conv(const ConvGeometry& g) {
  ContractProblem p;
  p.form = Form::kConv;
  p.conv = g;
  return p;
}

ContractProblem ContractProblem::make_conv_transpose(const ConvGeometry& g) {
  ContractProblem p;
  p.form = Form::kConvTranspose;
  p.conv = g;
  return p;
}

bool ContractProblem::is_empty() const {
  // Not the product of the extents: that of untrusted numbers may overflow.
  const auto& b = gemm.batch;
  if (form == Form::kGemm) return gemm.rows == 0 || gemm.cols == 0 || b[0].count == 0 || b[1].count == 0 || b[2].count == 0;
  return conv.batch == 0 || conv.out_h == 0 || conv.out_w == 0 || conv.out_c == 0 || conv.groups == 0;
}

double ContractProblem::flops() const {
  if (form == Form::kGemm) return 2.0 * double(gemm.batch_count()) * gemm.rows * gemm.depth * gemm.cols;
  const double pixels = form == Form::kConv ? double(conv.out_h) * conv.out_w : double(conv.in_h) * conv.in_w;
  return 2.0 * double(conv.batch) * conv.groups * pixels * conv.in_c * conv.out_c * conv.kernel_h * conv.kernel_w;
}

Status validate(const ContractProblem& problem) {
  const bool integer = problem.a == DType::kU8 || problem.a == DType::kI8;
  const bool halves = is_half(problem.a) && problem.b == problem.a && (problem.c == problem.a || problem.c == DType::kF32);
  const bool float_types = halves || (problem.a == DType::kF32 && problem.b == DType::kF32 && problem.c == DType::kF32);
  const bool integer_c = problem.c == DType::kI32 || problem.c == DType::kU8 || problem.c == DType::kI8;
  if (!float_types && !(integer && problem.b == DType::kI8 && (integer_c || problem.c == DType::kF32))) {
    return Error(ErrorCode::kUnsupported,
                 "element types " + std::string(dtype_name(problem.a)) + " x " + std::string(dtype_name(problem.b)) + " -> " +
                     std::string(dtype_name(problem.c)) +
                     "; use f32, or bf16 or f16 -> the same or f32, or u8 or i8 x i8 -> i32, u8, i8 or f32")
        .at("contraction");
  }
  if (problem.transient && problem.c != (integer ? DType::kI32 : DType::kF32))
    return bad("a transient result is what was summed up");
  switch (problem.form) {
    case ContractProblem::Form::kGemm:
      return validate_gemm(problem.gemm, integer);
    case ContractProblem::Form::kConv:
      return validate_conv(problem.conv, false);
    case ContractProblem::Form::kConvTranspose:
      return validate_conv(problem.conv, true);
  }
  return bad("the form is not one of gemm, conv, conv_transpose");
}

Extents extents(const ContractProblem& problem) {
  Extents e;
  if (problem.form == ContractProblem::Form::kGemm) {
    const GemmGeometry g = problem.gemm.with_strides();
    e.a = g.a_transposed ? (g.depth - 1) * g.lda + g.rows : (g.rows - 1) * g.lda + g.depth;
    e.c = (g.rows - 1) * g.ldc + g.cols;
    if (g.b_form == BForm::kRowMajor) e.b = (g.depth - 1) * g.ldb + g.cols;
    if (g.b_form == BForm::kTransposed) e.b = (g.cols - 1) * g.ldb + g.depth;
    for (const GemmGeometry::Batch& b : g.batch) {
      e.a += (b.count - 1) * b.a;
      e.c += (b.count - 1) * b.c;
      if (g.b_form != BForm::kPacked) e.b += (b.count - 1) * b.b;
    }
    e.rows = g.batch_count() * g.rows;
    e.cols = g.cols;
    return e;
  }
  const ConvGeometry g = problem.conv.with_strides();
  e.a = (g.batch - 1) * g.in_image + (g.in_h - 1) * g.in_row + (g.in_w - 1) * g.in_pixel + g.groups * g.in_c;
  e.c = (g.batch - 1) * g.out_image + (g.out_h - 1) * g.out_row + (g.out_w - 1) * g.out_pixel + g.groups * g.out_c;
  e.rows = g.batch * g.out_h * g.out_w;
  e.cols = g.groups * g.out_c;
  return e;
}

WeightView onnx_conv_weights(const ContractProblem& problem, const void* data) {
  const ConvGeometry& g = problem.conv;
  const int64_t taps = g.kernel_h * g.kernel_w, group = g.in_c * g.out_c * taps;
  if (problem.form == ContractProblem::Form::kConvTranspose) return {data, group, taps, g.out_c * taps, g.kernel_w, 1};
  return {data, group, g.in_c * taps, taps, g.kernel_w, 1};
}

WeightView row_major_weights(const ContractProblem& problem, const void* data) {
  return {data, problem.gemm.depth * problem.gemm.cols, 1, problem.gemm.cols, 0, 0};
}

}  // namespace temper::cpu
