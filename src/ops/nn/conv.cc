// Convolution: one contraction over the channels of a group and the taps of the window. There is no separate padding and no reshape
// for groups: both are in the index of lhs.
#include "ops/nn/operands.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct Conv {
  std::vector<int64_t> strides, pads, dilations;
  int64_t group = 1;
  std::string auto_pad = "NOTSET";
  TEMPER_FIELDS(strides, pads, dilations, group, auto_pad)
};

// x: [n, c, spatial...], w: [oc, c / group, kernel...], bias: [oc] or absent.
Vals conv(Builder& b, const Conv& a, Operands in) {
  if (!require(b, in, 2) || !require_rank(b, in[0], 3, "the input of a convolution")) return {};
  const Dims x = b.dims(in[0]), w = b.dims(in[1]);
  if (w.size() != x.size()) {
    return {b.fail(ErrorCode::kInvalidArgument, "a convolution's weights have rank " + std::to_string(w.size()) + ", its input " + std::to_string(x.size()))};
  }
  if (b.dtype(in[0]) != b.dtype(in[1])) return {b.fail(ErrorCode::kInvalidArgument, "input and weights of a convolution differ in type")};
  SymInt group = a.group;
  if (a.group < 1) return {b.fail(ErrorCode::kInvalidArgument, "a convolution's group must be at least 1")};
  if (!require_same(b, x[1], w[1] * group, "channels of the input and channels of the weights times groups")) return {};
  if (!require_same(b, mod(w[0], group), 0, "output channels modulo groups, and 0")) return {};
  auto made = make_window(Dims(x.begin() + 2, x.end()), Dims(w.begin() + 2, w.end()),
                          {a.strides, a.pads, a.dilations, a.auto_pad});
  if (!made.ok()) return {b.fail(std::move(made).error())};
  const Window& window = *made;
  const size_t spatial = window.rank();

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
  Val y = b.contract(in[0], in[1], std::move(lhs), std::move(rhs), static_cast<int>(1 + spatial), b.dtype(in[0]));
  if (in[2]) y = y + along(b, in[2], 1, static_cast<int>(x.size()));
  return {y};
}

Expected<Conv> read(const OnnxNode& n) {
  return Conv{n.is("strides"), n.is("pads"), n.is("dilations"), n.i("group", 1), n.s("auto_pad", "NOTSET")};
}

const RegisterOp<Conv> kConv{{
    .name = "conv",
    .body = conv,
    .onnx = {{"Conv", 1, read}},
    .samples = {"f32[2, 3, 8, 9], f32[4, 3, 3, 3], f32[4] {strides = [2, 1], pads = [1, 1, 1, 1]}",
                "f32[n, 6, 8, 8], f32[6, 1, 3, 3] {pads = [1, 1, 1, 1], group = 6}",
                "f32[1, 6, 10], f32[4, 3, 3] {dilations = [2], group = 2, auto_pad = \"SAME_UPPER\"}"},
}};

}  // namespace
}  // namespace temper
