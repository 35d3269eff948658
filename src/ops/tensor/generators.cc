// OneHot, Trilu, EyeLike, window functions, ReverseSequence, CenterCropPad: values that follow from positions.
#include <numbers>

#include "ops/nn/operands.h"
#include "ops/tensor/positions.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct AxisAttrs {
  int64_t axis = -1;
  TEMPER_FIELDS(axis)
};
const RegisterOp<AxisAttrs> kOneHot{{
    .name = "one_hot",
    .body = [](Builder& b, const AxisAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 3)) return {in[0]};
      SymInt depth = bound_size(b, b.cast(b.reshape(in[1], {}), DType::kI64));
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]) + 1);
      if (!b.ok()) return {in[0]};
      Val at = b.unsqueeze(b.cast(in[0], DType::kI64), std::span(&axis, 1));
      at = b.select(at < b.like(0, at), at + b.size(depth), at);
      Dims line(b.rank(at), SymInt(1));
      line[axis] = depth;
      return {b.select(at == b.iota(line, static_cast<int>(axis), DType::kI64), element(b, in[2], 1), element(b, in[2], 0))};
    },
    .onnx = {{"OneHot", 9, [](const OnnxNode& n) -> Expected<AxisAttrs> { return AxisAttrs{n.i("axis", -1)}; }}},
    .samples = {"i64[n, 3], i64[] (4), f32[2]", "i32[2, n], i64[1] (5), i64[2] {axis = 1}"},
}};

struct TriluAttrs {
  bool upper = true;
  TEMPER_FIELDS(upper)
};
const RegisterOp<TriluAttrs> kTrilu{{
    .name = "triangle",
    .body = [](Builder& b, const TriluAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the operand")) return {in[0]};
      const Dims& dims = b.dims(in[0]);
      size_t rank = dims.size();
      Val row = b.iota({dims[rank - 2], 1}, 0, DType::kI64), at = b.iota({1, dims[rank - 1]}, 1, DType::kI64);
      if (in[1]) row = row + b.reshape(b.cast(in[1], DType::kI64), {});
      return {b.select(a.upper ? row <= at : at <= row, in[0], b.like(0, in[0]))};
    },
    .onnx = {{"Trilu", 14, [](const OnnxNode& n) -> Expected<TriluAttrs> { return TriluAttrs{n.i("upper", 1) != 0}; }}},
    .samples = {"f32[n, 4, 5]"},
}};

struct EyeAttrs {
  int64_t k = 0;
  bool has_dtype = false;
  DType dtype = DType::kF32;
  TEMPER_FIELDS(k, has_dtype, dtype)
};
const RegisterOp<EyeAttrs> kEyeLike{{
    .name = "eye_like",
    .body = [](Builder& b, const EyeAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      if (b.rank(in[0]) != 2) return {b.fail(ErrorCode::kInvalidArgument, "EyeLike wants a matrix")};
      const Dims& dims = b.dims(in[0]);
      Val row = b.iota({dims[0], 1}, 0, DType::kI64), at = b.iota({1, dims[1]}, 1, DType::kI64);
      return {b.cast(row + static_cast<double>(a.k) == at, a.has_dtype ? a.dtype : b.dtype(in[0]))};
    },
    .onnx = {{"EyeLike", 9,
              [](const OnnxNode& n) -> Expected<EyeAttrs> {
                auto dtype = n.dtype("dtype");
                if (n.has("dtype") && !dtype) return Error(ErrorCode::kUnsupported, "a type that Temper does not have");
                return EyeAttrs{n.i("k", 0), dtype.has_value(), dtype.value_or(DType::kF32)};
              }}},
    .samples = {"f32[n, 4] {k = 1}"},
}};

struct WindowAttrs {
  bool periodic = true;
  DType dtype = DType::kF32;
  TEMPER_FIELDS(periodic, dtype)
};
// sum of coefficients[k] * cos(2 pi k i / n)
struct RegisterWindow {
  RegisterWindow(const char* name, const char* onnx, std::vector<double> coefficients) {
    RegisterOp<WindowAttrs>({
        .name = name,
        .body = [coefficients](Builder& b, const WindowAttrs& a, Operands in) -> Vals {
          if (!require(b, in, 1)) return {in[0]};
          SymInt size = bound_size(b, b.reshape(b.cast(in[0], DType::kI64), {}));
          Val i = b.iota({size}, 0, DType::kF64);
          Val turn = i * (2 * std::numbers::pi) / b.cast(b.size(max(a.periodic ? size : size - 1, 1)), DType::kF64);
          Val sum = b.fill(coefficients[0], DType::kF64, {size});
          for (size_t k = 1; k < coefficients.size(); ++k)
            sum = sum + b.map(ScalarOp::k_cos, turn * static_cast<double>(k)) * coefficients[k];
          return {b.cast(sum, a.dtype)};
        },
        .onnx = {{onnx, 17,
                  [](const OnnxNode& n) -> Expected<WindowAttrs> {
                    auto dtype = n.dtype("output_datatype");
                    if (n.has("output_datatype") && !dtype)
                      return Error(ErrorCode::kUnsupported, "a type that Temper does not have");
                    return WindowAttrs{n.i("periodic", 1) != 0, dtype.value_or(DType::kF32)};
                  }}},
        .samples = {"i64[] (9)", "i32[] (4) {periodic = false}"},
    });
  }
};
const RegisterWindow kHann("hann_window", "HannWindow", {0.5, -0.5});
const RegisterWindow kHamming("hamming_window", "HammingWindow", {25.0 / 46, -21.0 / 46});
const RegisterWindow kBlackman("blackman_window", "BlackmanWindow", {0.42, -0.5, 0.08});

struct ReverseAttrs {
  int64_t batch_axis = 1, time_axis = 0;
  TEMPER_FIELDS(batch_axis, time_axis)
};
const RegisterOp<ReverseAttrs> kReverseSequence{{
    .name = "reverse_sequence",
    .body = [](Builder& b, const ReverseAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_rank(b, in[0], 2, "the operand")) return {in[0]};
      int64_t batch = b.normal_axis(a.batch_axis, b.rank(in[0])), time = b.normal_axis(a.time_axis, b.rank(in[0]));
      if (!b.ok()) return {in[0]};
      if (batch == time || b.rank(in[1]) != 1)
        return {b.fail(ErrorCode::kInvalidArgument, "batch and time are different axes, and the lengths a vector")};
      const Dims& dims = b.dims(in[0]);
      Val length = b.reshape(b.cast(in[1], DType::kI64), {b.dims(in[1])[0], 1}), t = b.iota({1, dims[time]}, 1, DType::kI64);
      Val at = b.broadcast(b.select(t < length, length - t - 1.0, t), {dims[batch], dims[time]});
      auto d = index_vars(b.sym(), dims);
      IndexMap map{dims, d, 1}, load{dims, {d[batch], d[time]}, 1};
      map.results[time] = b.sym().loaded(0, dims[time]);
      return {b.gather(in[0], std::span(&at, 1), std::move(map), {std::move(load)})};
    },
    .onnx = {{"ReverseSequence", 10,
              [](const OnnxNode& n) -> Expected<ReverseAttrs> {
                return ReverseAttrs{n.i("batch_axis", 1), n.i("time_axis", 0)};
              }}},
    .samples = {"f32[5, n, 2], i64[n]"},
}};

struct CropAttrs {
  std::vector<int64_t> axes;
  TEMPER_FIELDS(axes)
};
const RegisterOp<CropAttrs> kCenterCropPad{{
    .name = "center_crop_pad",
    .body = [](Builder& b, const CropAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      auto shape = shape_argument(b, in[1], "the shape");
      std::vector<int64_t> axes = a.axes;
      for (int64_t d = 0; a.axes.empty() && d < b.rank(in[0]); ++d) axes.push_back(d);
      if (axes.size() != shape.size()) return {b.fail(ErrorCode::kInvalidArgument, "the shape needs one size for each axis")};
      Dims dims = b.dims(in[0]), to = dims;
      for (size_t k = 0; k < axes.size(); ++k) {
        axes[k] = b.normal_axis(axes[k], b.rank(in[0]));
        if (!b.ok()) return {in[0]};
        to[axes[k]] = shape[k];
      }
      IndexMap map{to, index_vars(b.sym(), to), 1};
      for (int64_t axis : axes) {
        SymInt n = dims[axis], m = to[axis];
        if (n == m) continue;
        // Half of what is too much goes off at the front, or half of what is missing comes in.
        SymInt at = map.results[axis] + floor_div(max(n - m, 0), 2) - floor_div(max(m - n, 0), 2);
        map.guard = both(map.guard, both(less(-1, at), less(at, n)));
        map.results[axis] = at;
      }
      return {b.reindex(in[0], std::move(map))};
    },
    .onnx = {{"CenterCropPad", 18, [](const OnnxNode& n) -> Expected<CropAttrs> { return CropAttrs{n.is("axes")}; }}},
    .samples = {"f32[n, 8, 5], i64[2] (3, 7) {axes = [1, 2]}", "i64[6, 4], i64[2] (2, 9)"},
}};

}  // namespace
}  // namespace temper
