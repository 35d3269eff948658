// Convolution: one contraction over the channels of a group and the taps of the window. There is no separate padding and no
// reshape for groups: both are in the index of lhs.
#include <algorithm>

#include "ops/nn/convolve.h"
#include "ops/nn/operands.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

// Kernels slide windows over images. A window over three dimensions is a window over the last two of an image whose channels
// are those of all the planes that the first one sees: x becomes [n * depth, group * taps * channels, height, width].
Val convolve_planes(Builder& b, const ConvAttrs& a, const Window& window, Val input, Val weights) {
  const Dims x = b.dims(input), w = b.dims(weights);
  const SymInt depth = window.out[0], taps = window.kernel[0];
  Dims domain{x[0], depth, a.group, taps, w[1], x[3], x[4]};
  auto d = loop_vars(b.sym(), domain);
  const SymInt plane = window.element(0, d[1], d[3]);
  Val planes = b.reindex(input, IndexMap{domain, {d[0], d[2] * w[1] + d[4], plane, d[5], d[6]}, window.guard(0, plane)});
  planes = b.reshape(planes, {x[0] * depth, taps * w[1] * a.group, x[3], x[4]});
  static constexpr int64_t kTapsFirst[] = {0, 2, 1, 3, 4}, kDepthBehindChannels[] = {0, 2, 1, 3, 4};
  const Val flat = b.reshape(b.transpose(weights, kTapsFirst), {w[0], taps * w[1], w[3], w[4]});
  ConvAttrs rest = a;
  for (auto* list : {&rest.strides, &rest.dilations}) {
    if (!list->empty()) list->erase(list->begin());
  }
  if (rest.pads.size() == 6) rest.pads = {a.pads[1], a.pads[2], a.pads[4], a.pads[5]};
  const Val y = convolve(b, rest, planes, flat, Val{&b, kNone32});
  if (!b.ok()) return y;
  const Dims made = b.dims(y);
  return b.transpose(b.reshape(y, {x[0], depth, made[1], made[2], made[3]}), kDepthBehindChannels);
}

}  // namespace

Val convolve(Builder& b, const ConvAttrs& a, Val input, Val weights, Val bias) {
  Val failed{&b, kNone32};
  if (!require_rank(b, input, 3, "the input of a convolution")) return failed;
  const Dims x = b.dims(input), w = b.dims(weights);
  if (w.size() != x.size()) {
    return b.fail(ErrorCode::kInvalidArgument,
                  "a convolution's weights have rank " + std::to_string(w.size()) + ", its input " + std::to_string(x.size()));
  }
  if (b.dtype(input) != b.dtype(weights))
    return b.fail(ErrorCode::kInvalidArgument, "input and weights of a convolution differ in type");
  SymInt group = a.group;
  if (a.group < 1) return b.fail(ErrorCode::kInvalidArgument, "a convolution's group must be at least 1");
  if (!require_same(b, x[1], w[1] * group, "channels of the input and channels of the weights times groups")) return failed;
  if (!require_same(b, mod(w[0], group), 0, "output channels modulo groups, and 0")) return failed;
  auto made =
      make_window(Dims(x.begin() + 2, x.end()), Dims(w.begin() + 2, w.end()), {a.strides, a.pads, a.dilations, a.auto_pad});
  if (!made.ok()) return b.fail(std::move(made).error());
  const Window& window = *made;
  const size_t spatial = window.rank();
  const auto slides = [](SymInt taps) { return !taps.is_const(1); };
  if (spatial == 3 && std::all_of(window.kernel.begin(), window.kernel.end(), slides)) {
    const Val y = convolve_planes(b, a, window, input, weights);
    return bias ? y + along(b, bias, 1, 5) : y;
  }

  Dims domain{x[0], w[0]};
  domain.insert(domain.end(), window.out.begin(), window.out.end());
  domain.push_back(w[1]);
  domain.insert(domain.end(), window.kernel.begin(), window.kernel.end());
  auto d = loop_vars(b.sym(), domain);
  SymInt n = d[0], oc = d[1], ic = d[2 + spatial];
  SymInt channel = a.group == 1 ? ic : floor_div(oc, floor_div(w[0], group)) * w[1] + ic;
  IndexMap lhs{domain, {n, channel}, 1}, rhs{domain, {oc, ic}, 1};
  for (size_t i = 0; i < spatial; ++i) {
    SymInt tap = d[3 + spatial + i], e = window.element(i, d[2 + i], tap);
    lhs.guard = both(lhs.guard, window.guard(i, e));
    lhs.results.push_back(e);
    rhs.results.push_back(tap);
  }
  DType dtype = b.dtype(input);
  Val y = b.contract(input, weights, std::move(lhs), std::move(rhs), static_cast<int>(1 + spatial), dtype);
  return bias ? y + along(b, bias, 1, static_cast<int>(x.size())) : y;
}

Expected<ConvAttrs> read_conv(const OnnxNode& n) {
  return ConvAttrs{n.is("strides"), n.is("pads"), n.is("dilations"), n.i("group", 1), n.s("auto_pad", "NOTSET")};
}

namespace {

const RegisterOp<ConvAttrs> kConv{{
    .name = "conv",
    .body = [](Builder& b, const ConvAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {};
      return {convolve(b, a, in[0], in[1], in[2])};
    },
    .onnx = {{"Conv", 1, read_conv}},
    .samples = {"f32[2, 3, 8, 9], f32[4, 3, 3, 3], f32[4] {strides = [2, 1], pads = [1, 1, 1, 1]}",
                "f32[n, 6, 8, 8], f32[6, 1, 3, 3] {pads = [1, 1, 1, 1], group = 6}",
                "f32[1, 6, 10], f32[4, 3, 3] {dilations = [2], group = 2, auto_pad = \"SAME_UPPER\"}",
                "f32[2, 3, 5, 6, 4], f32[4, 3, 3, 2, 3], f32[4] {pads = [1, 0, 1, 1, 0, 1], strides = [2, 1, 1]}",
                "f32[n, 4, 5, 5, 5], f32[4, 2, 2, 2, 2] {group = 2, dilations = [2, 1, 1], auto_pad = \"SAME_LOWER\"}"},
}};

}  // namespace
}  // namespace temper
