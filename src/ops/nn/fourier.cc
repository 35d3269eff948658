// Discrete Fourier transforms, as contractions with a matrix of cosines and sines: element [k, out part, n, in part], parts
// being real and imaginary. The matrix is a map over its indices, whose angle k * n is reduced modulo the length as an integer,
// hence exact; it is computed in f64, because the sine of pi rounded to f32 is far from 0 beside large elements.
#include <cmath>

#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"
#include "ops/nn/window.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct Dft {
  int64_t axis = 1;
  bool inverse = false, onesided = false;
  TEMPER_FIELDS(axis, inverse, onesided)
};
struct Stft {
  bool onesided = true;
  TEMPER_FIELDS(onesided)
};

enum class Kind { kForward, kInverse, kInverseToReal };

// [outputs, out_parts, inputs, in_parts] for a transform of `length`, in f32 or f64.
Val fourier_matrix(Builder& b, Kind kind, SymInt length, SymInt outputs, int64_t out_parts, SymInt inputs, int64_t in_parts,
                   DType dtype) {
  Dims domain{outputs, out_parts, inputs, in_parts};
  auto d = loop_vars(b.sym(), domain);
  ScalarBuilder body;
  auto number = [&](SymInt s) { return cast(Expr{&body, body.sym(s)}, DType::kF64); };
  Expr angle = number(mod(d[0] * d[2], length)) * (2 * M_PI) / number(length);
  Expr cosine = apply(ScalarOp::k_cos, angle), sine = apply(ScalarOp::k_sin, angle);
  // e^(-i a) = cos a - i sin a forward, e^(i a) backward: imaginary to real is + sin a forward, real to imaginary - sin a.
  Expr sign = number(d[1] - d[3]);
  Expr value = kind == Kind::kForward ? cosine * number(SymInt(1) - (d[1] - d[3]) * (d[1] - d[3])) - sign * sine
                                      : cosine * number(SymInt(1) - (d[1] - d[3]) * (d[1] - d[3])) + sign * sine;
  if (kind != Kind::kForward) value = value / number(length);
  // Half a spectrum stands for its mirror image too, but for the first element and, of an even length, the last.
  if (kind == Kind::kInverseToReal) value = value * number(SymInt(2) - max(equal(d[2], 0), equal(d[2] * 2, length)));
  return b.op("map", MapAttrs{domain, body.finish(cast(value, dtype).value, 0)}, {})[0];
}

// Operands: x [..., n, ..., 1 or 2], length, axis.
Vals dft(Builder& b, const Dft& a, Operands in) {
  if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the input of DFT") || !require_float(b, in[0], "the input of DFT"))
    return {};
  int64_t axis = a.axis;
  if (in[2]) {
    auto given = b.contents(in[2]);
    if (!given || given->size() != 1 || !(*given)[0].is_const())
      return {b.fail(ErrorCode::kUnsupported, "the axis of DFT must be constant")};
    axis = (*given)[0].value();
  }
  const Dims x = b.dims(in[0]);
  const int rank = b.rank(in[0]);
  axis = b.normal_axis(axis, rank);
  if (!b.ok()) return {};
  if (axis == rank - 1 || !x.back().is_const() || x.back().value() < 1 || x.back().value() > 2) {
    return {b.fail(ErrorCode::kInvalidArgument,
                   "the last dimension of DFT's input must be 1 or 2 (real and imaginary part), and not its axis")};
  }
  int64_t in_parts = x.back().value();
  bool to_real = a.inverse && a.onesided;
  SymInt length = to_real ? (x[axis] - 1) * 2 : x[axis];
  if (in[1]) length = bound_size(b, in[1]);
  SymInt inputs = min(x[axis], to_real ? floor_div(length, 2) + 1 : length);
  SymInt outputs = a.onesided && !a.inverse ? floor_div(length, 2) + 1 : length;
  int64_t out_parts = to_real ? 1 : 2;
  Kind kind = to_real ? Kind::kInverseToReal : a.inverse ? Kind::kInverse : Kind::kForward;
  DType wide = b.dtype(in[0]) == DType::kF64 ? DType::kF64 : DType::kF32;
  Val matrix = fourier_matrix(b, kind, length, outputs, out_parts, inputs, in_parts, wide);
  Dims domain = x;
  domain[axis] = outputs;
  domain.back() = out_parts;
  domain.insert(domain.end(), {inputs, SymInt(in_parts)});
  auto d = loop_vars(b.sym(), domain);
  IndexMap lhs{domain, {d.begin(), d.begin() + rank}, 1}, rhs{domain, {d[axis], d[rank - 1], d[rank], d[rank + 1]}, 1};
  lhs.results[axis] = d[rank];
  lhs.results[rank - 1] = d[rank + 1];
  return {b.cast(b.contract(b.cast(in[0], wide), matrix, std::move(lhs), std::move(rhs), 2, wide), b.dtype(in[0]))};
}

// Operands: signal [b, n] or [b, n, 1 or 2], frame step, window, frame length.
Vals stft(Builder& b, const Stft& a, Operands in) {
  if (!require(b, in, 2) || !require_rank(b, in[0], 2, "the signal of STFT") || !require_float(b, in[0], "the signal of STFT"))
    return {};
  Val signal = in[0];
  if (b.rank(signal) == 2) signal = b.reshape(signal, {b.dims(signal)[0], b.dims(signal)[1], 1});
  if (!b.ok()) return {};
  const Dims x = b.dims(signal);
  if (x.size() != 3 || !x[2].is_const() || x[2].value() < 1 || x[2].value() > 2) {
    return {b.fail(ErrorCode::kInvalidArgument, "the signal of STFT must have the dims [batch, length, 1 or 2]")};
  }
  SymInt step = bound_size(b, in[1]), frame;
  if (step.is_const() && step.value() < 1)
    return {b.fail(ErrorCode::kInvalidArgument, "the frame step of STFT must be positive")};
  if (in[2] && b.rank(in[2]) == 1)
    frame = b.dims(in[2])[0];
  else if (in[3])
    frame = bound_size(b, in[3]);
  else
    return {b.fail(ErrorCode::kInvalidArgument, "STFT needs a window, which is a vector, or a frame length")};
  if (!b.ok()) return {};
  SymInt frames = floor_div(x[1] - frame, step) + 1, outputs = a.onesided ? floor_div(frame, 2) + 1 : frame;
  DType wide = b.dtype(signal) == DType::kF64 ? DType::kF64 : DType::kF32;
  Val matrix = fourier_matrix(b, Kind::kForward, frame, outputs, 2, frame, x[2].value(), wide);
  if (in[2]) matrix = matrix * b.reshape(b.cast(in[2], wide), {1, 1, frame, 1});
  Dims domain{x[0], frames, outputs, 2, frame, x[2]};
  auto d = loop_vars(b.sym(), domain);
  IndexMap lhs{domain, {d[0], d[1] * step + d[4], d[5]}, 1}, rhs{domain, {d[2], d[3], d[4], d[5]}, 1};
  return {b.cast(b.contract(b.cast(signal, wide), matrix, std::move(lhs), std::move(rhs), 2, wide), b.dtype(signal))};
}

const RegisterOp<Dft> kDft{{
    .name = "dft",
    .body = dft,
    .onnx = {{"DFT", 20,
              [](const OnnxNode& n) -> Expected<Dft> {
                return Dft{-2, n.i("inverse", 0) != 0, n.i("onesided", 0) != 0};
              }},
             {"DFT", 17,
              [](const OnnxNode& n) -> Expected<Dft> {
                return Dft{n.i("axis", 1), n.i("inverse", 0) != 0, n.i("onesided", 0) != 0};
              }}},
    .samples = {"f32[2, 8, 1]", "f32[n, 5, 2] {inverse = true}"},
}};
const RegisterOp<Stft> kStft{{
    .name = "stft",
    .body = stft,
    .onnx = {{"STFT", 17, [](const OnnxNode& n) -> Expected<Stft> { return Stft{n.i("onesided", 1) != 0}; }}},
    .samples = {"f32[n, 16, 1], i64[] (4), f32[8]", "f32[2, 12, 1], i64[] (3), _, i64[] (6) {onesided = false}"},
}};

}  // namespace
}  // namespace temper
