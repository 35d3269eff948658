// Layers over windows: convolution, deconvolution, pooling, and the fully connected layer, which is a window over everything.
#include "ops/layers/layers.h"
#include "ops/nn/operands.h"

namespace temper::layers {
namespace {

struct Shape {
  int64_t spatial = 0;
  SymInt channels;
};
// What a window of `kernel` slides over: [n, c, spatial...].
bool fits(Builder& b, Val x, const Extents& kernel, const std::string& what, Shape& shape) {
  if (!b.ok()) return false;
  shape.spatial = static_cast<int64_t>(kernel.size());
  if (b.rank(x) != shape.spatial + 2) {
    b.fail(ErrorCode::kInvalidArgument, "the input of a " + what + " is " + dims_text(b.dims(x)) + "; with " +
                                            std::to_string(shape.spatial) + " dimensions of the kernel it needs rank " +
                                            std::to_string(shape.spatial + 2) + ": batch, channels and these");
    return false;
  }
  shape.channels = b.dims(x)[1];
  return true;
}

Extents or_ones(const Extents& given, size_t count) { return given.empty() ? Extents(count, 1) : given; }
Extents or_zeros(const Extents& given, size_t count) { return given.empty() ? Extents(count, 0) : given; }

// Front and back padding in the order of ONNX. With rounding up, the back grows until the last step is complete.
Extents pads_of(Builder& b, Val x, const Extents& kernel, const Extents& stride, const Extents& dilation, const Extents& pre,
                const Extents& post, bool up) {
  Extents front = or_zeros(pre, kernel.size()), back = or_zeros(post, kernel.size());
  for (size_t i = 0; up && i < kernel.size(); ++i) {
    const SymInt extent = b.dims(x)[i + 2];
    if (!extent.is_const()) {
      b.fail(ErrorCode::kUnsupported,
             "padding that rounds up needs extents that are known at the build; set the padding explicitly");
      return {};
    }
    const int64_t rest = (extent.value() + front[i] + back[i] - (dilation[i] * (kernel[i] - 1) + 1)) % stride[i];
    if (rest > 0) back[i] += stride[i] - rest;
  }
  front.insert(front.end(), back.begin(), back.end());
  return front;
}
std::string auto_pad(const std::string& padding) {
  return padding == "same_upper" ? "SAME_UPPER" : padding == "same_lower" ? "SAME_LOWER" : "NOTSET";
}

Vals convolution(Builder& b, const Convolution& a, Operands in) {
  Shape shape;
  if (!require(b, in, 2) || !fits(b, in[0], a.kernel, "convolution", shape)) return {};
  const size_t n = a.kernel.size();
  if (shape.channels.is_const() && shape.channels.value() % a.groups != 0) {
    return {b.fail(ErrorCode::kInvalidArgument, "the input has " + shape.channels.to_string() +
                                                    " channels, which can't be cut into " + std::to_string(a.groups) +
                                                    " groups")};
  }
  Dims dims{SymInt(a.maps), floor_div(shape.channels, SymInt(a.groups))};
  for (int64_t k : a.kernel) dims.push_back(SymInt(k));
  const DType dtype = b.dtype(in[0]);
  Val w = weights_as(b, in[1], dims, dtype, "the kernel");
  Val bias = weights_as(b, in[2], {SymInt(a.maps)}, dtype, "the bias");
  const Extents stride = or_ones(a.stride, n), dilation = or_ones(a.dilation, n);
  const std::string pad = auto_pad(a.padding);
  Extents pads;
  if (pad == "NOTSET" && b.ok())
    pads = pads_of(b, in[0], a.kernel, stride, dilation, a.pre, a.post, a.padding == "explicit_up");
  if (!b.ok()) return {};
  Vals operands{in[0], w};
  if (bias) operands.push_back(bias);
  return compose(b, "conv",
                 {{"strides", stride}, {"pads", pads}, {"dilations", dilation}, {"group", a.groups}, {"auto_pad", pad}},
                 operands);
}

Vals deconvolution(Builder& b, const Convolution& a, Operands in) {
  Shape shape;
  if (!require(b, in, 2) || !fits(b, in[0], a.kernel, "deconvolution", shape)) return {};
  const size_t n = a.kernel.size();
  if (a.maps % a.groups != 0) {
    return {b.fail(ErrorCode::kInvalidArgument,
                   std::to_string(a.maps) + " output maps can't be cut into " + std::to_string(a.groups) + " groups")};
  }
  Dims dims{shape.channels, SymInt(a.maps / a.groups)};
  for (int64_t k : a.kernel) dims.push_back(SymInt(k));
  const DType dtype = b.dtype(in[0]);
  Val w = weights_as(b, in[1], dims, dtype, "the kernel");
  Val bias = weights_as(b, in[2], {SymInt(a.maps)}, dtype, "the bias");
  if (!b.ok()) return {};
  const std::string pad = auto_pad(a.padding);
  Extents pads = or_zeros(a.pre, n), back = or_zeros(a.post, n);
  pads.insert(pads.end(), back.begin(), back.end());
  if (pad != "NOTSET") pads.clear();
  Vals operands{in[0], w};
  if (bias) operands.push_back(bias);
  return compose(b, "conv_transpose",
                 {{"strides", or_ones(a.stride, n)},
                  {"pads", pads},
                  {"dilations", or_ones(a.dilation, n)},
                  {"group", a.groups},
                  {"auto_pad", pad}},
                 operands);
}

Vals pooling(Builder& b, const Pooling& a, Operands in) {
  Shape shape;
  if (!require(b, in, 1) || !fits(b, in[0], a.window, "pooling", shape)) return {};
  const size_t n = a.window.size();
  Extents pads = or_zeros(a.pre, n), back = or_zeros(a.post, n);
  pads.insert(pads.end(), back.begin(), back.end());
  const std::string pad = auto_pad(a.padding);
  if (pad != "NOTSET") pads.clear();
  AttrFields fields{{"kernel_shape", a.window},
                    {"strides", or_ones(a.stride, n)},
                    {"pads", pads},
                    {"auto_pad", pad},
                    {"ceil_mode", a.padding == "explicit_up"}};
  auto largest = [&] { return compose(b, "max_pool", fields, {in[0]})[0]; };
  auto average = [&] {
    AttrFields counted = fields;
    counted["count_include_pad"] = !a.excludes_padding;
    return compose(b, "average_pool", counted, {in[0]})[0];
  };
  if (a.type == "max") return {largest()};
  if (a.type == "average") return {average()};
  return {largest() * (1 - a.blend) + average() * a.blend};
}

Vals fully_connected(Builder& b, const FullyConnected& a, Operands in) {
  if (!require(b, in, 2) || !require_rank(b, in[0], 3, "the input of a fully connected layer")) return {};
  const Dims x = b.dims(in[0]);
  Dims rows(x.begin(), x.end() - 3), result = rows;
  const SymInt inner = x[x.size() - 3] * x[x.size() - 2] * x[x.size() - 1];
  const DType dtype = b.dtype(in[0]);
  Val w = weights_as(b, in[1], {SymInt(a.outputs), inner}, dtype, "the kernel");
  Val bias = weights_as(b, in[2], {SymInt(a.outputs)}, dtype, "the bias");
  if (!b.ok()) return {};
  rows.push_back(inner);
  const int64_t turned[] = {1, 0};
  Val y = b.matmul(b.reshape(in[0], rows.size() == 1 ? Dims{SymInt(1), inner} : rows), b.transpose(w, turned));
  if (bias) y = y + bias;
  for (SymInt d : {SymInt(a.outputs), SymInt(1), SymInt(1)}) result.push_back(d);
  return {b.reshape(y, result)};
}

const RegisterOp<Convolution> kConvolution{{
    .name = "layer_convolution",
    .body = of_batch_or_sample<Convolution, convolution>,
    .samples = {"f32[2, 3, 8, 9], f32[108], f32[4] {maps = 4, kernel = [3, 3], stride = [2, 2], pre = [1, 1], post = [1, 1]}",
                "f32[n, 4, 7], f32[6, 2, 3] {maps = 6, groups = 2, kernel = [3], padding = \"same_upper\"}",
                "f32[1, 2, 8, 8], f32[50] {maps = 1, kernel = [5, 5], stride = [2, 2], padding = \"explicit_up\"}",
                "f32[2, 8, 8], f32[18] {maps = 1, kernel = [3, 3], sample = true}"},
}};
const RegisterOp<Convolution> kDeconvolution{{
    .name = "layer_deconvolution",
    .body = of_batch_or_sample<Convolution, deconvolution>,
    .samples = {"f32[2, 4, 5, 6], f32[144], f32[4] {maps = 4, kernel = [3, 3], stride = [2, 2], pre = [1, 1], post = [1, 1]}",
                "f32[1, 4, 5], f32[24] {maps = 6, groups = 2, kernel = [2], stride = [2]}"},
}};
const RegisterOp<Pooling> kPooling{{
    .name = "layer_pooling",
    .body = of_batch_or_sample<Pooling, pooling>,
    .samples = {"f32[2, 3, 8, 9] {window = [3, 3], stride = [2, 2], pre = [1, 1], post = [1, 1]}",
                "f32[n, 3, 9] {type = \"average\", window = [2], stride = [2], padding = \"explicit_up\"}",
                "f32[1, 2, 6, 6] {type = \"blend\", window = [2, 2], stride = [2, 2], blend = 0.25}",
                "f32[2, 6, 6] {window = [2, 2], sample = true}"},
}};
const RegisterOp<FullyConnected> kFullyConnected{{
    .name = "layer_fully_connected",
    .body = fully_connected,
    .samples = {"f32[n, 3, 2, 2], f32[60], f32[5] {outputs = 5}"},
}};

}  // namespace
}  // namespace temper::layers
