// The integer products of ONNX, and those between quantized tensors: sums are exact in i32, zero points are taken off before.
#include "ops/nn/convolve.h"
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"

namespace temper {
namespace {

// v - zero_point as i32. A vector of zero points lies along `axis`.
Val centred(Builder& b, Val v, Val zero_point, int axis) {
  if (!b.ok()) return v;
  if (!is_int(b.dtype(v)) || dtype_bits(b.dtype(v)) > 8)
    return b.fail(ErrorCode::kInvalidArgument, "an operand of an integer product must have 8 bits");
  Val wide = b.cast(v, DType::kI32);
  if (!zero_point || !b.ok()) return wide;
  Val zero = b.cast(zero_point, DType::kI32);
  if (b.rank(zero) == 1) zero = b.dims(zero)[0].is_const(1) ? b.reshape(zero, {}) : along(b, zero, axis, b.rank(v));
  return b.ok() ? wide - zero : wide;
}

// Rows of a matrix have their own zero point or scale along the last dimension but one, columns along the last.
int row_axis(Builder& b, Val v) { return std::max(0, b.rank(v) - 2); }
int column_axis(Builder& b, Val v) { return std::max(0, b.rank(v) - 1); }

// round(sums * scale) + zero_point, saturated to the type of the zero point. `scale` broadcasts to sums.
Val requantized(Builder& b, Val sums, Val scale, Val y_scale, Val zero_point) {
  if (!b.ok()) return sums;
  DType to = b.dtype(zero_point);
  if (!is_int(to) || dtype_bits(to) > 16)
    return b.fail(ErrorCode::kUnsupported, "a quantized result must be an integer of up to 16 bits");
  double low = is_signed_int(to) ? -static_cast<double>(int64_t{1} << (dtype_bits(to) - 1)) : 0.0;
  double high = low + static_cast<double>((int64_t{1} << dtype_bits(to)) - 1);
  auto scalar = [&](Val v) { return b.ok() && b.rank(v) == 1 && b.dims(v)[0].is_const(1) ? b.reshape(v, {}) : v; };
  Val factor = b.cast(scale, DType::kF32) / b.cast(scalar(y_scale), DType::kF32);
  return pointwise(b, {b.cast(sums, DType::kF32), factor, b.cast(scalar(zero_point), DType::kF32)},
                   [&](std::span<const Expr> v) {
                     Expr level = apply(ScalarOp::k_round, v[0] * v[1]) + v[2];
                     return cast(max(min(level, high), low), to);
                   });
}

const RegisterOp<NoAttrs> kMatMulInteger{{
    .name = "matmul_integer",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 2)) return {};
      return {b.matmul(centred(b, in[0], in[2], row_axis(b, in[0])), centred(b, in[1], in[3], column_axis(b, in[1])))};
    },
    .onnx = {{"MatMulInteger", 10}},
    .samples = {"u8[n, 4], i8[4, 3], u8[], i8[3]"},
}};

const RegisterOp<ConvAttrs> kConvInteger{{
    .name = "conv_integer",
    .body = [](Builder& b, const ConvAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {};
      return {convolve(b, a, centred(b, in[0], in[2], 1), centred(b, in[1], in[3], 0), Val{&b, kNone32})};
    },
    .onnx = {{"ConvInteger", 10, read_conv}},
    .samples = {"u8[1, 2, 5, 5], i8[3, 2, 3, 3], u8[] {pads = [1, 1, 1, 1]}"},
}};

// Operands: a, its scale and zero point, b, its scale and zero point, scale and zero point of the result.
const RegisterOp<NoAttrs> kQLinearMatMul{{
    .name = "qlinear_matmul",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 8)) return {};
      Val sums = b.matmul(centred(b, in[0], in[2], row_axis(b, in[0])), centred(b, in[3], in[5], column_axis(b, in[3])));
      if (!b.ok()) return {};
      auto placed = [&](Val scale, bool row) {
        scale = b.cast(scale, DType::kF32);
        if (b.rank(scale) != 1) return scale;
        if (b.dims(scale)[0].is_const(1)) return b.reshape(scale, {});
        return along(b, scale, row ? row_axis(b, sums) : column_axis(b, sums), b.rank(sums));
      };
      return {requantized(b, sums, placed(in[1], true) * placed(in[4], false), in[6], in[7])};
    },
    .onnx = {{"QLinearMatMul", 10}},
    .samples = {"u8[n, 4], f32[], u8[], i8[4, 3], f32[3], i8[3], f32[], u8[]"},
}};

// Operands: x, its scale and zero point, w, its scale and zero point (one, or one per output channel), scale and zero point of
// the result, bias in i32 at the scale of the sums.
const RegisterOp<ConvAttrs> kQLinearConv{{
    .name = "qlinear_conv",
    .body = [](Builder& b, const ConvAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 8)) return {};
      Val sums = convolve(b, a, centred(b, in[0], in[2], 1), centred(b, in[3], in[5], 0), in[8]);
      if (!b.ok()) return {};
      Val w_scale = b.cast(in[4], DType::kF32), x_scale = b.cast(in[1], DType::kF32);
      if (b.rank(x_scale) == 1) x_scale = b.reshape(x_scale, {});
      if (b.ok() && b.rank(w_scale) == 1)
        w_scale = b.dims(w_scale)[0].is_const(1) ? b.reshape(w_scale, {}) : along(b, w_scale, 1, b.rank(sums));
      if (!b.ok()) return {};
      return {requantized(b, sums, x_scale * w_scale, in[6], in[7])};
    },
    .onnx = {{"QLinearConv", 10, read_conv}},
    .samples = {"u8[1, 2, 5, 5], f32[], u8[], i8[3, 2, 3, 3], f32[3], i8[3], f32[], u8[], i32[3] {pads = [1, 1, 1, 1]}"},
}};

}  // namespace
}  // namespace temper
