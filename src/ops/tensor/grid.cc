// GridSample and AffineGrid: reading between the elements of an image at positions that a tensor holds.
#include "ops/nn/operands.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct GridAttrs {
  std::string mode = "linear", padding = "zeros";
  bool align_corners = false;
  TEMPER_FIELDS(mode, padding, align_corners)
};

// One neighbour along one dimension: where it is, whether it exists, and its share.
struct Tap {
  Val index, inside, weight;
};

class Sampler {
 public:
  Sampler(Builder& b, const GridAttrs& a, Val x, Val grid) : b_(b), a_(a), x_(x), grid_(b.cast(grid, DType::kF32)) {}

  Val run() {
    const Dims x = b_.dims(x_), g = b_.dims(grid_);
    size_t spatial = x.size() - 2;
    if (x.size() < 3 || g.size() != x.size() || !g.back().is_const(static_cast<int64_t>(spatial))) {
      return b_.fail(ErrorCode::kInvalidArgument, "GridSample wants an image [n, c, d...] and a grid [n, o..., number of d]");
    }
    std::vector<std::vector<Tap>> taps(spatial);
    // The grid's last dimension counts from the image's last.
    for (size_t s = 0; s < spatial; ++s) taps[s] = neighbours(x[2 + s], static_cast<int64_t>(spatial - 1 - s));
    if (!b_.ok()) return x_;
    Dims domain{x[0], x[1]};
    domain.insert(domain.end(), g.begin() + 1, g.end() - 1);
    Val sum;
    std::vector<size_t> choice(spatial, 0);
    for (bool more = true; more && b_.ok();) {
      Val term = sample(taps, choice, domain);
      sum = sum ? sum + term : term;
      more = false;
      for (size_t s = spatial; s-- > 0 && !more;) {
        more = ++choice[s] < taps[s].size();
        if (!more) choice[s] = 0;
      }
    }
    return sum;
  }

 private:
  Val constant(double v) { return b_.like(v, grid_); }
  Val real(SymInt v) { return b_.cast(b_.size(v), DType::kF32); }
  Val both_of(Val p, Val q) { return b_.map(ScalarOp::k_logical_and, p, q); }

  // A wave between low and high.
  Val reflected(Val v, Val low, Val high) {
    Val range = b_.map(ScalarOp::k_max, high - low, constant(1e-9)), t = b_.map(ScalarOp::k_floor_mod, v - low, range * 2.0);
    return low + b_.select(t <= range, t, range * 2.0 - t);
  }
  Val clamped(Val v, Val high) { return b_.map(ScalarOp::k_min, b_.map(ScalarOp::k_max, v, constant(0)), high); }

  std::vector<Tap> neighbours(SymInt extent, int64_t component) {
    const Dims g = b_.dims(grid_);
    Dims places(g.begin(), g.end() - 1);
    Val v = b_.reshape(b_.slice(grid_, static_cast<int64_t>(g.size()) - 1, component, 1), places);
    Val n = real(extent), last = n - 1.0;
    v = a_.align_corners ? (v + 1.0) * 0.5 * last : ((v + 1.0) * n - 1.0) * 0.5;
    bool nearest = a_.mode == "nearest", cubic = a_.mode == "cubic" || a_.mode == "bicubic";
    if (!nearest && !cubic && a_.mode != "linear" && a_.mode != "bilinear") {
      b_.fail(ErrorCode::kUnsupported, "mode '" + a_.mode + "' of GridSample does not exist");
      return {};
    }
    if (a_.padding != "zeros" && a_.padding != "border" && a_.padding != "reflection") {
      b_.fail(ErrorCode::kUnsupported, "padding_mode '" + a_.padding + "' of GridSample does not exist");
      return {};
    }
    Val low = constant(a_.align_corners ? 0 : -0.5), high = a_.align_corners ? last : n - 0.5;
    if (nearest) v = b_.map(ScalarOp::k_round, v);
    if (a_.padding == "border") v = clamped(v, last);
    if (a_.padding == "reflection") v = reflected(v, low, high);
    std::vector<Tap> taps;
    auto add = [&](Val at, Val weight) {
      Val inside;
      if (a_.padding == "zeros") inside = both_of(constant(0) <= at, at <= last);
      if (a_.padding == "reflection") at = b_.map(ScalarOp::k_trunc, reflected(at, low, high));
      taps.push_back({b_.cast(clamped(at, last), DType::kI64), inside, weight});
    };
    if (nearest) {
      add(v, constant(1));
      return taps;
    }
    Val whole = b_.map(ScalarOp::k_floor, v), t = v - whole;
    if (!cubic) {
      add(whole, 1.0 - t);
      add(whole + 1.0, t);
      return taps;
    }
    constexpr double kA = -0.75;
    auto far = [&](Val d) { return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
    auto near = [&](Val d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1.0; };
    add(whole - 1.0, far(t + 1.0));
    add(whole, near(t));
    add(whole + 1.0, near(1.0 - t));
    add(whole + 2.0, far(2.0 - t));
    return taps;
  }

  // The image at one choice of taps, times its weight.
  Val sample(const std::vector<std::vector<Tap>>& taps, const std::vector<size_t>& choice, const Dims& domain) {
    auto d = index_vars(b_.sym(), domain);
    IndexMap map{domain, {d[0], d[1]}, 1}, load{domain, {d[0]}, 1};
    load.results.insert(load.results.end(), d.begin() + 2, d.end());
    std::vector<Val> indices;
    Val weight, inside;
    for (size_t s = 0; s < taps.size(); ++s) {
      const Tap& tap = taps[s][choice[s]];
      map.results.push_back(b_.sym().loaded(static_cast<int>(s), b_.dims(x_)[2 + s]));
      indices.push_back(tap.index);
      weight = weight ? weight * tap.weight : tap.weight;
      if (tap.inside) inside = inside ? both_of(inside, tap.inside) : tap.inside;
    }
    Val read = b_.gather(x_, indices, std::move(map), IndexMaps(indices.size(), load));
    const int64_t channel = 1;
    if (inside) read = b_.select(b_.unsqueeze(inside, std::span(&channel, 1)), read, b_.like(0, read));
    if (a_.mode == "nearest") return read;
    return read * b_.cast(b_.unsqueeze(weight, std::span(&channel, 1)), b_.dtype(read));
  }

  Builder& b_;
  const GridAttrs& a_;
  Val x_, grid_;
};

const RegisterOp<GridAttrs> kGridSample{{
    .name = "grid_sample",
    .body = [](Builder& b, const GridAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_rank(b, in[0], 3, "the image") || !require_float(b, in[1], "the grid")) return {in[0]};
      if (a.mode != "nearest" && !require_float(b, in[0], "the image")) return {in[0]};
      return {Sampler(b, a, in[0], in[1]).run()};
    },
    .onnx = {{"GridSample", 16,
              [](const OnnxNode& n) -> Expected<GridAttrs> {
                return GridAttrs{n.s("mode", n.opset() >= 20 ? "linear" : "bilinear"), n.s("padding_mode", "zeros"),
                                 n.i("align_corners", 0) != 0};
              }}},
    .samples = {"f32[1, 2, 4, 5], f32[1, 3, n, 2]"},
}};

struct AffineAttrs {
  bool align_corners = false;
  TEMPER_FIELDS(align_corners)
};
const RegisterOp<AffineAttrs> kAffineGrid{{
    .name = "affine_grid",
    .body = [](Builder& b, const AffineAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2) || !require_float(b, in[0], "theta")) return {in[0]};
      auto size = shape_argument(b, in[1], "the size");
      if (!b.ok()) return {in[0]};
      auto spatial = static_cast<int64_t>(size.size()) - 2;
      const Dims theta = b.dims(in[0]);
      if (spatial < 1 || theta.size() != 3 || !theta[1].is_const(spatial) || !theta[2].is_const(spatial + 1)) {
        return {b.fail(ErrorCode::kInvalidArgument, "AffineGrid wants theta [n, d, d + 1] and a size of d + 2 elements")};
      }
      DType dtype = b.dtype(in[0]);
      // Column j of theta as [n, 1..., d].
      auto column = [&](int64_t j) {
        Dims dims(spatial + 2, SymInt(1));
        dims.front() = theta[0], dims.back() = theta[1];
        return b.reshape(b.slice(in[0], 2, j, 1), dims);
      };
      Val sum = column(spatial);
      for (int64_t j = 0; j < spatial; ++j) {
        // Component j is the position along the image's dimension spatial - 1 - j, from -1 to 1.
        SymInt n = size[size.size() - 1 - j];
        Dims line(spatial + 2, SymInt(1));
        line[spatial - j] = n;
        Val i = b.iota(line, static_cast<int>(spatial - j), dtype);
        Val at = a.align_corners ? i * 2.0 / b.cast(b.size(max(n - 1, 1)), dtype) - 1.0
                                 : (i * 2.0 + 1.0) / b.cast(b.size(n), dtype) - 1.0;
        sum = sum + column(j) * at;
      }
      return {sum};
    },
    .onnx = {{"AffineGrid", 20,
              [](const OnnxNode& n) -> Expected<AffineAttrs> { return AffineAttrs{n.i("align_corners", 0) != 0}; }}},
    .samples = {"f32[2, 2, 3], i64[4] (2, 1, 3, 4)", "f32[1, 3, 4], i64[5] (1, 1, 2, 3, 4) {align_corners = true}"},
}};

}  // namespace
}  // namespace temper
