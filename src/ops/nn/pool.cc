// Pooling: the windows as a view of the input, [n, c, out..., kernel...], reduced over the kernel's dims.
#include <cmath>
#include <limits>

#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct MaxPool {
  std::vector<int64_t> kernel_shape, strides, pads, dilations;
  std::string auto_pad = "NOTSET";
  bool ceil_mode = false;
  bool indices = false;       // a second result: positions of the largest elements in the flattened input
  bool column_major = false;  // of these positions
  TEMPER_FIELDS(kernel_shape, strides, pads, dilations, auto_pad, ceil_mode, indices, column_major)
};
struct AveragePool {
  std::vector<int64_t> kernel_shape, strides, pads, dilations;
  std::string auto_pad = "NOTSET";
  bool ceil_mode = false;
  bool count_include_pad = false;
  TEMPER_FIELDS(kernel_shape, strides, pads, dilations, auto_pad, ceil_mode, count_include_pad)
};
struct LpPool {
  std::vector<int64_t> kernel_shape, strides, pads, dilations;
  std::string auto_pad = "NOTSET";
  bool ceil_mode = false;
  int64_t p = 2;
  TEMPER_FIELDS(kernel_shape, strides, pads, dilations, auto_pad, ceil_mode, p)
};

template <class A>
std::optional<Window> window_of(Builder& b, const A& a, Operands in) {
  if (!require(b, in, 1) || !require_rank(b, in[0], 3, "the input of a pooling")) return std::nullopt;
  const Dims& x = b.dims(in[0]);
  auto window = make_window(Dims(x.begin() + 2, x.end()), Dims(a.kernel_shape.begin(), a.kernel_shape.end()),
                            {a.strides, a.pads, a.dilations, a.auto_pad, a.ceil_mode});
  if (window.ok()) return std::move(*window);
  b.fail(std::move(window).error());
  return std::nullopt;
}

// [n, c, out..., kernel...].
Val windows(Builder& b, Val x, const Window& window, double fill) {
  Dims domain{b.dims(x)[0], b.dims(x)[1]};
  domain.insert(domain.end(), window.out.begin(), window.out.end());
  domain.insert(domain.end(), window.kernel.begin(), window.kernel.end());
  auto d = loop_vars(b.sym(), domain);
  IndexMap map{domain, {d[0], d[1]}, 1};
  for (size_t i = 0; i < window.rank(); ++i) {
    SymInt e = window.element(i, d[2 + i], d[2 + window.rank() + i]);
    map.guard = both(map.guard, window.guard(i, e));
    map.results.push_back(e);
  }
  return b.reindex(x, std::move(map), fill);
}

std::vector<int64_t> kernel_axes(const Window& window) {
  std::vector<int64_t> axes;
  for (size_t i = 0; i < window.rank(); ++i) axes.push_back(static_cast<int64_t>(2 + window.rank() + i));
  return axes;
}

double lowest(DType dtype) {
  if (is_float(dtype)) return -std::numeric_limits<double>::infinity();
  return is_signed_int(dtype) ? -std::ldexp(1.0, dtype_bits(dtype) - 1) : 0.0;
}

// Positions in the flattened input of the first largest element of each window.
Val positions(Builder& b, Val x, const Window& window, bool column_major) {
  const size_t rank = window.rank();
  Dims domain{b.dims(x)[0], b.dims(x)[1]};
  domain.insert(domain.end(), window.out.begin(), window.out.end());
  domain.push_back(product(window.kernel));
  auto d = loop_vars(b.sym(), domain);
  // One variable runs over all taps, row-major.
  IndexMap map{domain, {d[0], d[1]}, 1};
  std::vector<SymInt> step(rank);
  SymInt taps = 1;
  for (size_t i = rank; i-- > 0;) {
    step[i] = taps;
    taps *= window.kernel[i];
  }
  for (size_t i = 0; i < rank; ++i) {
    SymInt e = window.element(i, d[2 + i], mod(floor_div(d[2 + rank], step[i]), window.kernel[i]));
    map.guard = both(map.guard, window.guard(i, e));
    map.results.push_back(e);
  }
  Val best = b.reduce(MonoidKind::k_arg_max, b.reindex(x, std::move(map), lowest(b.dtype(x))), {static_cast<int64_t>(2 + rank)},
                      false);
  if (!b.ok()) return best;
  auto o = loop_vars(b.sym(), b.dims(best));
  return pointwise(b, {best}, [&](std::span<const Expr> v) {
    ScalarBuilder* body = v[0].body;
    auto number = [&](SymInt s) { return Expr{body, body->sym(s)}; };
    Expr at = number(o[0] * b.dims(x)[1] + o[1]);
    std::vector<Expr> element;
    for (size_t i = 0; i < rank; ++i) {
      Expr tap = apply(ScalarOp::k_fmod, v[0] / number(step[i]), number(window.kernel[i]));
      element.push_back(tap * number(window.dilation[i]) + number(o[2 + i] * window.stride[i] - window.before[i]));
    }
    for (size_t k = 0; k < rank; ++k) {
      size_t i = column_major ? rank - 1 - k : k;
      at = at * number(window.in[i]) + element[i];
    }
    return at;
  });
}

Vals max_pool(Builder& b, const MaxPool& a, Operands in) {
  auto window = window_of(b, a, in);
  if (!window) return {};
  Val y = b.reduce(MonoidKind::k_max, windows(b, in[0], *window, lowest(b.dtype(in[0]))), kernel_axes(*window), false);
  if (!a.indices) return {y};
  return {y, positions(b, in[0], *window, a.column_major)};
}

// How many elements the window at each output position has, as an expression over the result's variables.
SymInt window_count(const Window& w, std::span<const SymInt> vars, bool include_pad) {
  SymInt count = 1;
  for (size_t i = 0; i < w.rank(); ++i) {
    SymInt lo = include_pad ? -w.before[i] : SymInt(0), hi = include_pad ? w.in[i] + w.after[i] : w.in[i];
    SymInt start = w.element(i, vars[2 + i], 0);
    // Taps k in [0, kernel) with lo <= start + k * dilation < hi.
    SymInt first = max(ceil_div(lo - start, w.dilation[i]), 0), end = min(ceil_div(hi - start, w.dilation[i]), w.kernel[i]);
    count *= include_pad && !w.ceil_mode ? w.kernel[i] : end - first;
  }
  return count;
}

Vals average_pool(Builder& b, const AveragePool& a, Operands in) {
  auto window = window_of(b, a, in);
  if (!window || !require_float(b, in[0], "the input of an average pooling")) return {};
  Val sum = b.reduce(MonoidKind::k_sum, windows(b, widened(b, in[0]), *window, 0), kernel_axes(*window), false);
  if (!b.ok()) return {};
  SymInt count = window->is_padded() ? window_count(*window, loop_vars(b.sym(), b.dims(sum)), a.count_include_pad)
                                     : product(window->kernel);
  Val y = pointwise(b, {sum}, [&](std::span<const Expr> v) {
    if (count.is_const()) return v[0] * (1.0 / static_cast<double>(count.value()));
    return v[0] / cast(Expr{v[0].body, v[0].body->sym(count)}, v[0].dtype());
  });
  return {b.cast(y, b.dtype(in[0]))};
}

Expr power(Expr x, double p) {
  if (p == 1) return x;
  return p == 2 ? x * x : apply(ScalarOp::k_pow, x, x.like(p));
}
Expr root(Expr x, double p) {
  if (p == 1) return x;
  return p == 2 ? sqrt(x) : apply(ScalarOp::k_pow, x, x.like(1 / p));
}

// (sum of |x|^p)^(1/p) over the kernel's dims of what `view` makes of |x|^p.
template <class View>
Val lp_norm(Builder& b, Val x, int64_t p, const View& view) {
  if (p < 1) return b.fail(ErrorCode::kInvalidArgument, "a norm of order " + std::to_string(p) + "; it must be at least 1");
  if (!require_float(b, x, "the input of a pooling by norm")) return {&b, kNone32};
  auto order = static_cast<double>(p);
  Val powers = pointwise(b, {widened(b, x)}, [&](std::span<const Expr> v) { return power(abs(v[0]), order); });
  Val norm = pointwise(b, {view(powers)}, [&](std::span<const Expr> v) { return root(v[0], order); });
  return b.cast(norm, b.dtype(x));
}

Vals lp_pool(Builder& b, const LpPool& a, Operands in) {
  auto window = window_of(b, a, in);
  if (!window) return {};
  return {lp_norm(b, in[0], a.p,
                  [&](Val v) { return b.reduce(MonoidKind::k_sum, windows(b, v, *window, 0), kernel_axes(*window), false); })};
}

std::vector<int64_t> spatial_axes(Builder& b, Val x) {
  std::vector<int64_t> axes;
  for (int i = 2; i < b.rank(x); ++i) axes.push_back(i);
  return axes;
}

struct GlobalLpPool {
  int64_t p = 2;
  TEMPER_FIELDS(p)
};

const RegisterOp<MaxPool> kMaxPool{{
    .name = "max_pool",
    .body = max_pool,
    .onnx = {{"MaxPool", 1,
              [](const OnnxNode& n) -> Expected<MaxPool> {
                return MaxPool{
                    n.is("kernel_shape"),      n.is("strides"),          n.is("pads"),    n.is("dilations"),
                    n.s("auto_pad", "NOTSET"), n.i("ceil_mode", 0) != 0, n.has_output(1), n.i("storage_order", 0) != 0};
              }}},
    .samples = {"f32[2, 3, 8, 9] {kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}",
                "f32[n, 3, 9] {kernel_shape = [2], strides = [2], ceil_mode = true}",
                "f32[1, 2, 6, 6] {kernel_shape = [3, 2], dilations = [2, 1], indices = true}",
                "u8[1, 2, 6] {kernel_shape = [3], auto_pad = \"SAME_UPPER\"}"},
}};

const RegisterOp<AveragePool> kAveragePool{{
    .name = "average_pool",
    .body = average_pool,
    .onnx = {{"AveragePool", 1,
              [](const OnnxNode& n) -> Expected<AveragePool> {
                return AveragePool{n.is("kernel_shape"),
                                   n.is("strides"),
                                   n.is("pads"),
                                   n.is("dilations"),
                                   n.s("auto_pad", "NOTSET"),
                                   n.i("ceil_mode", 0) != 0,
                                   n.i("count_include_pad", 0) != 0};
              }}},
    .samples = {"f32[2, 3, 8, 9] {kernel_shape = [3, 3], strides = [2, 2]}",
                "f32[n, 3, 9] {kernel_shape = [2], strides = [2], pads = [1, 1], ceil_mode = true, count_include_pad = true}",
                "f16[1, 2, 6, 6] {kernel_shape = [3, 2], dilations = [2, 1], auto_pad = \"SAME_LOWER\"}"},
}};

const RegisterOp<LpPool> kLpPool{{
    .name = "lp_pool",
    .body = lp_pool,
    .onnx = {{"LpPool", 1,
              [](const OnnxNode& n) -> Expected<LpPool> {
                // Version 1 had p as a float.
                return LpPool{n.is("kernel_shape"),      n.is("strides"),          n.is("pads"), n.is("dilations"),
                              n.s("auto_pad", "NOTSET"), n.i("ceil_mode", 0) != 0, n.i("p", 2)};
              }}},
    .samples = {"f32[2, 3, 8, 9] {kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], p = 3}"},
}};

const RegisterOp<NoAttrs> kGlobalAveragePool{{
    .name = "global_average_pool",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the input of a pooling") ||
          !require_float(b, in[0], "the input of an average pooling"))
        return {};
      return {b.cast(b.mean(widened(b, in[0]), spatial_axes(b, in[0]), true), b.dtype(in[0]))};
    },
    .onnx = {{"GlobalAveragePool", 1}},
    .samples = {"f32[2, 3, 7, 5]", "f16[n, 3, 4]"},
}};

const RegisterOp<NoAttrs> kGlobalMaxPool{{
    .name = "global_max_pool",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the input of a pooling")) return {};
      return {b.reduce(MonoidKind::k_max, in[0], spatial_axes(b, in[0]), true)};
    },
    .onnx = {{"GlobalMaxPool", 1}},
    .samples = {"f32[2, 3, 7, 5]"},
}};

const RegisterOp<GlobalLpPool> kGlobalLpPool{{
    .name = "global_lp_pool",
    .body = [](Builder& b, const GlobalLpPool& a, Operands in) -> Vals {
      if (!require(b, in, 1) || !require_rank(b, in[0], 2, "the input of a pooling")) return {};
      return {lp_norm(b, in[0], a.p, [&](Val v) { return b.reduce(MonoidKind::k_sum, v, spatial_axes(b, v), true); })};
    },
    .onnx = {{"GlobalLpPool", 1, [](const OnnxNode& n) -> Expected<GlobalLpPool> { return GlobalLpPool{n.i("p", 2)}; }}},
    .samples = {"f32[2, 3, 7, 5]"},
}};

}  // namespace
}  // namespace temper
