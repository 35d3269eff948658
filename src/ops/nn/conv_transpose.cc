// Transposed convolution, as a gather: output o takes from input (o + before - k * dilation) / stride where that division is
// exact.
#include "ops/nn/operands.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct ConvTranspose {
  std::vector<int64_t> strides, pads, dilations, output_padding, output_shape;
  int64_t group = 1;
  std::string auto_pad = "NOTSET";
  TEMPER_FIELDS(strides, pads, dilations, output_padding, output_shape, group, auto_pad)
};

struct Extent {
  SymInt before, out;
};
Expected<Extent> extent_of(const ConvTranspose& a, size_t i, size_t rank, SymInt in, SymInt kernel, int64_t stride,
                           int64_t dilation) {
  auto at = [&](const std::vector<int64_t>& list, size_t k) { return list.empty() ? 0 : list[k]; };
  SymInt whole = (in - 1) * stride + at(a.output_padding, i) + (kernel - 1) * dilation + 1;
  bool same = a.auto_pad == "SAME_UPPER" || a.auto_pad == "SAME_LOWER";
  if (!same && a.output_shape.empty()) {
    SymInt before = a.auto_pad == "VALID" ? 0 : at(a.pads, i), after = a.auto_pad == "VALID" ? 0 : at(a.pads, rank + i);
    return Extent{before, whole - before - after};
  }
  SymInt out = a.output_shape.empty() ? in * stride : SymInt(a.output_shape[i]);
  SymInt total = whole - out;
  // A target beyond the whole is filled with nothing at the end.
  total = max(total, 0);
  return Extent{a.auto_pad == "SAME_UPPER" ? floor_div(total, 2) : total - floor_div(total, 2), out};
}

// x: [n, c, spatial...], w: [c, oc / group, kernel...], bias: [oc] or absent.
Vals conv_transpose(Builder& b, const ConvTranspose& a, Operands in) {
  if (!require(b, in, 2) || !require_rank(b, in[0], 3, "the input of a transposed convolution")) return {};
  const Dims x = b.dims(in[0]), w = b.dims(in[1]);
  if (w.size() != x.size()) {
    return {b.fail(ErrorCode::kInvalidArgument, "a transposed convolution's weights have rank " + std::to_string(w.size()) +
                                                    ", its input " + std::to_string(x.size()))};
  }
  if (b.dtype(in[0]) != b.dtype(in[1]))
    return {b.fail(ErrorCode::kInvalidArgument, "input and weights of a transposed convolution differ in type")};
  const size_t spatial = x.size() - 2;
  auto wrong_size = [&](const std::vector<int64_t>& list, size_t want) { return !list.empty() && list.size() != want; };
  if (wrong_size(a.pads, 2 * spatial) || wrong_size(a.output_padding, spatial) || wrong_size(a.output_shape, spatial)) {
    return {b.fail(ErrorCode::kInvalidArgument,
                   "pads, output_padding or output_shape have another number of entries than there are spatial dimensions")};
  }
  auto strides = per_dim(a.strides, spatial, "strides"), dilations = per_dim(a.dilations, spatial, "dilations");
  if (!strides.ok()) return {b.fail(std::move(strides).error())};
  if (!dilations.ok()) return {b.fail(std::move(dilations).error())};
  SymInt group = a.group;
  if (a.group < 1) return {b.fail(ErrorCode::kInvalidArgument, "a transposed convolution's group must be at least 1")};
  if (!require_same(b, x[1], w[0], "channels of the input and of the weights")) return {};
  if (!require_same(b, mod(w[0], group), 0, "input channels modulo groups, and 0")) return {};
  SymInt in_group = floor_div(w[0], group), out_group = w[1];

  // Weights of groups are put as [oc, c / group, kernel...], so that their index is affine.
  Val weights = in[1];
  if (a.group > 1) {
    Dims to{out_group * group, in_group};
    to.insert(to.end(), w.begin() + 2, w.end());
    auto t = loop_vars(b.sym(), to);
    IndexMap map{to, {floor_div(t[0], out_group) * in_group + t[1], mod(t[0], out_group)}, 1};
    map.results.insert(map.results.end(), t.begin() + 2, t.end());
    weights = b.reindex(weights, std::move(map));
  }
  Dims domain{x[0], out_group * group};
  std::vector<SymInt> before;
  for (size_t i = 0; i < spatial; ++i) {
    auto extent = extent_of(a, i, spatial, x[2 + i], w[2 + i], (*strides)[i], (*dilations)[i]);
    if (!extent.ok()) return {b.fail(std::move(extent).error())};
    if (extent->out.is_const() && extent->out.value() < 1) {
      return {b.fail(ErrorCode::kInvalidArgument,
                     "a transposed convolution whose padding leaves nothing of spatial dimension " + std::to_string(i))};
    }
    before.push_back(extent->before);
    domain.push_back(extent->out);
  }
  domain.push_back(in_group);
  domain.insert(domain.end(), w.begin() + 2, w.end());
  auto d = loop_vars(b.sym(), domain);
  SymInt n = d[0], oc = d[1], ic = d[2 + spatial];
  IndexMap lhs{domain, {n, a.group == 1 ? ic : floor_div(oc, out_group) * in_group + ic}, 1};
  IndexMap rhs{domain, a.group == 1 ? std::vector<SymInt>{ic, oc} : std::vector<SymInt>{oc, ic}, 1};
  for (size_t i = 0; i < spatial; ++i) {
    SymInt tap = d[3 + spatial + i], stride = (*strides)[i];
    SymInt numerator = d[2 + i] + before[i] - tap * (*dilations)[i];
    SymInt e = floor_div(numerator, stride);
    // The division is exact. Written with a remainder, the condition for stride 2 would be 1 - numerator % 2, and the guard no
    // product.
    lhs.guard = both(lhs.guard, equal(e * stride, numerator));
    lhs.guard = both(lhs.guard, less(-1, e));
    lhs.guard = both(lhs.guard, less(e, x[2 + i]));
    lhs.results.push_back(e);
    rhs.results.push_back(tap);
  }
  Val y = b.contract(in[0], weights, std::move(lhs), std::move(rhs), static_cast<int>(1 + spatial), b.dtype(in[0]));
  if (in[2]) y = y + along(b, in[2], 1, static_cast<int>(x.size()));
  return {y};
}

const RegisterOp<ConvTranspose> kConvTranspose{{
    .name = "conv_transpose",
    .body = conv_transpose,
    .onnx = {{"ConvTranspose", 1,
              [](const OnnxNode& n) -> Expected<ConvTranspose> {
                return ConvTranspose{n.is("strides"),      n.is("pads"),    n.is("dilations"),        n.is("output_padding"),
                                     n.is("output_shape"), n.i("group", 1), n.s("auto_pad", "NOTSET")};
              }}},
    .samples = {"f32[1, 3, 4, 4], f32[3, 2, 3, 3], f32[2] {strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]}",
                "f32[n, 4, 5], f32[4, 1, 2] {strides = [2], group = 4}",
                "f32[1, 4, 5], f32[4, 3, 3] {strides = [2], group = 2, dilations = [2]}"},
}};

}  // namespace
}  // namespace temper
