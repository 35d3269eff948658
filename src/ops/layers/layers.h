// Layers of the network API as composite operators: one operator per layer class, whose attributes are what the layer's setters
// set, whose operands are the layer's inputs (constant weights included), and whose body writes it in the operators that there
// are. So a network that a program edits is a Graph like any other, and a setter is a change of an attribute.
//
// Enumerators of the API are kept by name (an int64_t would mean nothing to a reader of the graph's text).
#pragma once

#include <string>
#include <vector>

#include "ops/register.h"

namespace temper::layers {

using Extents = std::vector<int64_t>;

// `sample`, here and below: the input is one sample, without the dimension of the batch (see of_batch_or_sample).
//
// padding: explicit_down and explicit_up say how an incomplete last step counts; same_upper and same_lower follow from the
// stride.
struct Convolution {
  int64_t maps = 1, groups = 1;
  Extents kernel, stride, dilation, pre, post;
  std::string padding = "explicit_down";
  bool sample = false;
  TEMPER_FIELDS(maps, groups, kernel, stride, dilation, pre, post, padding, sample)
};
struct Pooling {
  std::string type = "max";  // average, blend
  Extents window, stride, pre, post;
  std::string padding = "explicit_down";
  double blend = 0;
  bool excludes_padding = true;
  bool sample = false;
  TEMPER_FIELDS(type, window, stride, pre, post, padding, blend, excludes_padding, sample)
};
struct FullyConnected {
  int64_t outputs = 1;
  TEMPER_FIELDS(outputs)
};
struct Activation {
  std::string type = "relu";
  double alpha = 0, beta = 0;
  TEMPER_FIELDS(type, alpha, beta)
};
struct LocalResponse {
  int64_t window = 1;
  double alpha = 1, beta = 1, k = 1;
  bool sample = false;
  TEMPER_FIELDS(window, alpha, beta, k, sample)
};
// Operands: x, shift, scale, power; each of the last three may be absent.
struct Scale {
  std::string mode = "uniform";  // channel, elementwise
  int64_t axis = 1;
  TEMPER_FIELDS(mode, axis)
};
struct Normalization {
  int64_t axes = 0;  // a mask
  double epsilon = 1e-5;
  int64_t groups = 1;
  bool plain = false;  // scale and bias broadcast as they are, also over groups
  TEMPER_FIELDS(axes, epsilon, groups, plain)
};
struct Padding {
  Extents pre, post;
  TEMPER_FIELDS(pre, post)
};
struct Axis {
  int64_t axis = 0;
  TEMPER_FIELDS(axis)
};
struct Operation {
  std::string type;
  TEMPER_FIELDS(type)
};
struct Reduction {
  std::string type = "sum";  // prod, max, min, avg
  int64_t axes = 0;          // a mask
  bool keep = false;
  TEMPER_FIELDS(type, axes, keep)
};
struct Cumulative {
  bool exclusive = false, reverse = false;
  TEMPER_FIELDS(exclusive, reverse)
};
struct MatrixMultiply {
  std::string op0 = "none", op1 = "none";  // transpose, vector
  TEMPER_FIELDS(op0, op1)
};
struct Equation {
  std::string equation;
  TEMPER_FIELDS(equation)
};
struct Cast {
  DType to = DType::kF32;
  TEMPER_FIELDS(to)
};
struct Quantization {
  int64_t axis = -1;
  DType to = DType::kI8;
  Extents block;
  TEMPER_FIELDS(axis, to, block)
};
struct Shuffle {
  Extents first, second;  // empty: as it is
  bool reshapes = false;
  Extents dims;
  bool zero_is_placeholder = true;
  TEMPER_FIELDS(first, second, reshapes, dims, zero_is_placeholder)
};
// Operands: x, start, size, stride, fill value, axes; each but x may be absent.
struct Slice {
  Extents start, size, stride, axes;
  std::string mode = "strict";  // wrap, clamp, fill, reflect
  TEMPER_FIELDS(start, size, stride, axes, mode)
};
struct GatherLayer {
  std::string mode = "default";  // element, nd
  int64_t axis = 0, shared = 0;
  TEMPER_FIELDS(mode, axis, shared)
};
struct Scatter {
  std::string mode = "element";  // nd
  int64_t axis = 0;
  TEMPER_FIELDS(mode, axis)
};
struct TopK {
  bool largest = true;
  int64_t k = 1, axes = 0;  // axes: a mask
  DType indices = DType::kI32;
  TEMPER_FIELDS(largest, k, axes, indices)
};
struct Assertion {
  std::string message;
  TEMPER_FIELDS(message)
};
struct Indices {
  DType type = DType::kI32;
  TEMPER_FIELDS(type)
};
// Operands: dims, alpha, beta; each may be absent.
struct Fill {
  std::string type = "linspace";
  Extents dims;
  double alpha = 0, beta = 1;
  int64_t alpha_int = 0, beta_int = 1;
  bool ints = false;
  DType to = DType::kF32;
  TEMPER_FIELDS(type, dims, alpha, beta, alpha_int, beta_int, ints, to)
};
// Operands: x, dims (may be absent).
struct Resize {
  Extents dims;
  std::vector<double> scales;
  std::string mode = "nearest", coordinates = "asymmetric", rounding = "floor";
  bool upper_single = false, exclude_outside = false;
  double cubic = -0.75;
  TEMPER_FIELDS(dims, scales, mode, coordinates, rounding, upper_single, exclude_outside, cubic)
};
struct GridSample {
  std::string mode = "linear", outside = "fill";
  bool align_corners = false;
  TEMPER_FIELDS(mode, outside, align_corners)
};
struct Suppression {
  bool center = false;
  int64_t limit = 2000000000;
  DType indices = DType::kI32;
  TEMPER_FIELDS(center, limit, indices)
};
struct ReverseSequence {
  int64_t batch_axis = 1, sequence_axis = 0;
  TEMPER_FIELDS(batch_axis, sequence_axis)
};
// Operands: x [n..., time, data], lengths [n...], hidden and cell [n..., layers * directions, hidden], which but for x may be
// absent; then the weights, see `operand`.
inline constexpr std::string_view kRecurrentGates[] = {"input", "output", "forget", "update", "reset", "cell", "hidden"};
struct RecurrentStack {
  int64_t layers = 1, hidden = 1, length = 1;
  std::string type = "relu";  // tanh, lstm, gru
  bool both = false;          // directions: layer 2 * l goes forward, 2 * l + 1 backward
  bool skip = false;          // the input of the first layer has no weights
  TEMPER_FIELDS(layers, hidden, length, type, both, skip)

  // Parts: the weights of the input, of the state, then their biases.
  static int64_t operand(int64_t layer, int64_t gate, int64_t part) { return 4 + (layer * 7 + gate) * 4 + part; }
};

// The axes of a mask.
Extents axes_of(int64_t mask);

std::string dims_text(const Dims& dims);  // "2x3"

// The body of a layer whose input has a batch, for one sample too: that is a batch of 1.
template <class A, Vals (*kBody)(Builder&, const A&, Operands)>
Vals of_batch_or_sample(Builder& b, const A& a, Operands in) {
  if (!a.sample || !in[0]) return kBody(b, a, in);
  const int64_t front[] = {0};
  Vals operands(in.begin(), in.end());
  operands[0] = b.unsqueeze(in[0], front);
  Vals results = kBody(b, a, Operands(b, operands));
  for (Val& v : results) v = b.squeeze(v, front);
  return results;
}

// Weights come as the program counts them: a plain vector becomes the array that the layer needs; a tensor is one already.
Val weights_as(Builder& b, Val w, const Dims& dims, DType dtype, const std::string& what);

// Another composite inside a body, by its name and the fields of its attributes.
Vals compose(Builder& b, std::string_view name, const AttrFields& fields, const Vals& operands);

}  // namespace temper::layers
