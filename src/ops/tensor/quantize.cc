// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: y = saturate(round_even(x / scale) + zero), and back.
#include <algorithm>

#include "ops/nn/operands.h"
#include "ops/tensor/float8.h"

namespace temper {
namespace {

struct QuantizeAttrs {
  int64_t axis = 1, block = 0;
  bool has_dtype = false;
  DType dtype = DType::kU8;
  bool saturate = true;
  TEMPER_FIELDS(axis, block, has_dtype, dtype, saturate)
};

Expected<QuantizeAttrs> read_quantize(const OnnxNode& n) {
  auto dtype = n.dtype("output_dtype");
  bool has = n.has("output_dtype") && n.i("output_dtype", 0) != 0;
  if (has && !dtype) return Error(ErrorCode::kUnsupported, "a quantized type that Temper does not have");
  return QuantizeAttrs{n.i("axis", 1), n.i("block_size", 0), has, dtype.value_or(DType::kU8), n.i("saturate", 1) != 0};
}

// Scales or zero points of a tensor of `dims` in a form that broadcasts to it: one for all, one for each element of the axis,
// or one for each block of them.
Val spread_over(Builder& b, Val v, const Dims& dims, const QuantizeAttrs& a) {
  if (!b.ok() || !v) return v;
  if (b.rank(v) == 0 || (b.rank(v) == 1 && b.dims(v)[0].is_const(1) && a.block == 0)) return b.reshape(v, {});
  auto rank = static_cast<int>(dims.size());
  int64_t axis = b.normal_axis(a.axis, rank);
  if (!b.ok()) return v;
  if (b.rank(v) == 1) return along(b, v, static_cast<int>(axis), rank);
  const Dims& given = b.dims(v);
  if (b.rank(v) != rank || a.block < 1) {
    return b.fail(ErrorCode::kInvalidArgument,
                  "scales and zero points are one number, a vector, or have the tensor's rank and a block_size");
  }
  IndexMap map{dims, index_vars(b.sym(), dims), 1};
  map.results[axis] = floor_div(map.results[axis], a.block);
  for (int d = 0; d < rank; ++d) {
    SymInt wanted = d == axis ? ceil_div(dims[d], a.block) : dims[d];
    if (!require_same(b, given[d], wanted, "a dimension of the scales of blocks, and what the tensor needs")) return v;
  }
  return b.reindex(v, std::move(map));
}

std::pair<double, double> range_of(DType t) {
  int bits = dtype_bits(t);
  if (is_unsigned_int(t)) return {0, static_cast<double>((uint64_t(1) << bits) - 1)};
  return {-static_cast<double>(int64_t(1) << (bits - 1)), static_cast<double>((int64_t(1) << (bits - 1)) - 1)};
}

// Of x that is divided by its scale already. Whole numbers always saturate.
Val to_quantized(Builder& b, Val x, Val zero, DType dtype, bool saturate) {
  if (!b.ok()) return x;
  if (is_float(dtype)) return cast_to(b, x, dtype, saturate);
  auto [low, high] = range_of(dtype);
  x = b.map(ScalarOp::k_round, x);
  if (zero) x = x + b.cast(zero, b.dtype(x));
  return b.cast(b.map(ScalarOp::k_min, b.map(ScalarOp::k_max, x, b.like(low, x)), b.like(high, x)), dtype);
}

const RegisterOp<QuantizeAttrs> kQuantize{{
    .name = "quantize",
    .body = [](Builder& b, const QuantizeAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      DType dtype = in[2] ? b.dtype(in[2]) : a.dtype;
      if (dtype == DType::kBool || dtype == DType::kString || (is_int(dtype) && dtype_bits(dtype) > 16)) {
        return {b.fail(ErrorCode::kInvalidArgument, "can't quantize to " + std::string(dtype_name(dtype)))};
      }
      const Dims dims = b.dims(in[0]);
      Val x = b.cast(in[0], DType::kF32), scale = b.cast(spread_over(b, in[1], dims, a), DType::kF32);
      return {to_quantized(b, x / scale, spread_over(b, in[2], dims, a), dtype, a.saturate)};
    },
    .onnx = {{"QuantizeLinear", 10, read_quantize}},
    .samples = {"f32[n, 3], f32[], u8[]", "f32[2, 3], f32[3], i8[3] {axis = 1}",
                "f32[4, 6], f32[4, 2], i8[4, 2] {axis = 1, block = 3}"},
}};

const RegisterOp<QuantizeAttrs> kDequantize{{
    .name = "dequantize",
    .body = [](Builder& b, const QuantizeAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_float(b, in[1], "the scale")) return {in[0]};
      const Dims dims = b.dims(in[0]);
      DType dtype = a.has_dtype ? a.dtype : b.dtype(in[1]);
      Val x = in[0], scale = b.cast(spread_over(b, in[1], dims, a), DType::kF32), zero = spread_over(b, in[2], dims, a);
      if (is_int(b.dtype(x))) {
        x = b.cast(x, DType::kI32);
        if (zero) x = x - b.cast(zero, DType::kI32);
      }
      return {b.cast(b.cast(x, DType::kF32) * scale, dtype)};
    },
    .onnx = {{"DequantizeLinear", 10, read_quantize}},
    .samples = {"u8[n, 3], f32[], u8[]", "i8[2, 3], f32[3], i8[3] {axis = 1}"},
}};

const RegisterOp<NoAttrs> kDynamicQuantize{{
    .name = "dynamic_quantize",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_float(b, in[0], "the operand")) return {in[0]};
      Val x = in[0], none = b.like(0, x);
      std::vector<int64_t> all;
      for (int64_t d = 0; d < b.rank(x); ++d) all.push_back(d);
      // 0 must be representable exactly.
      Val low = b.map(ScalarOp::k_min, b.reduce(MonoidKind::k_min, x, all, false), none);
      Val high = b.map(ScalarOp::k_max, b.reduce(MonoidKind::k_max, x, all, false), none);
      Val scale = (high - low) / 255.0;
      scale = b.select(scale == none, b.like(1, scale), scale);
      Val zero = b.map(ScalarOp::k_min, b.map(ScalarOp::k_max, b.map(ScalarOp::k_round, -low / scale), none), b.like(255, x));
      zero = b.cast(zero, DType::kU8);
      return {to_quantized(b, x / scale, zero, DType::kU8, true), scale, zero};
    },
    .onnx = {{"DynamicQuantizeLinear", 11}},
    .samples = {"f32[n, 3]"},
}};

}  // namespace
}  // namespace temper
