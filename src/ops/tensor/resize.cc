// Resize and Upsample: along each axis that changes, every result is a weighted sum of a few neighbours ("taps").
//
// Note [Resize positions]: result i stands at a position x of the source, a fraction num / den of integer expressions where
// scale or sizes are known while building: then taps are index maps and their weights follow from num mod den, so that nothing
// has to be loaded. Else (scales that are computed, crops) x is a tensor f64[m], the taps are gathers, and folding makes them
// constants where it can.
#include <cmath>

#include "ops/nn/operands.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

struct ResizeAttrs {
  std::string mode = "nearest";  // "linear_antialias", "cubic_antialias" too
  std::string coordinates = "half_pixel", nearest = "round_prefer_floor", policy = "stretch";
  double cubic_a = -0.75, extrapolation = 0;
  bool exclude_outside = false;
  std::vector<int64_t> axes;
  TEMPER_FIELDS(mode, coordinates, nearest, policy, cubic_a, extrapolation, exclude_outside, axes)
};

struct Line {
  int64_t axis = 0;
  SymInt n, m;
  Val scale;  // f64[]
  bool exact = false;
  SymInt num, den;  // if exact, over the variable of `axis`
  Val position;     // else f64[m]
};

// A float as a fraction: floats are multiples of a power of two.
std::pair<int64_t, int64_t> as_fraction(double value) {
  int64_t den = 1;
  while (den < (int64_t(1) << 30) && value != std::floor(value)) value *= 2, den *= 2;
  return {static_cast<int64_t>(value), den};
}

class Resizer {
 public:
  Resizer(Builder& b, const ResizeAttrs& a) : b_(b), a_(a) {}

  // Exactly one of scales and sizes is given; roi only for crops.
  Val run(Val x, Val roi, Val scales, Val sizes) {
    DType dtype = b_.dtype(x);
    if (dtype == DType::kString || dtype == DType::kBool)
      return b_.fail(ErrorCode::kInvalidArgument, "a resize of values that are no numbers");
    auto axes = a_.axes;
    if (axes.empty()) {
      for (int64_t d = 0; d < b_.rank(x); ++d) axes.push_back(d);
    }
    for (int64_t& axis : axes) axis = b_.normal_axis(axis, b_.rank(x));
    Val given = scales ? scales : sizes;
    if (!b_.ok()) return x;
    if (b_.rank(given) != 1 || !(b_.dims(given)[0] == SymInt(axes.size()))) {
      return b_.fail(ErrorCode::kInvalidArgument, "scales or sizes must have one element for each axis");
    }
    bool crops = a_.coordinates == "tf_crop_and_resize";
    if (crops && !roi) return b_.fail(ErrorCode::kInvalidArgument, "tf_crop_and_resize needs a roi");
    std::vector<Line> lines;
    for (size_t k = 0; k < axes.size() && b_.ok(); ++k) {
      Line line{.axis = axes[k], .n = b_.dims(x)[axes[k]]};
      scales ? from_scale(line, scales, k) : from_size(line, sizes, axes, x, k);
      if (!b_.ok()) return x;
      if (!crops && line.n == line.m && line.exact && line.num == line.den) continue;
      locate(line, roi, k, axes.size());
      lines.push_back(line);
    }
    if (!b_.ok()) return x;
    if (a_.mode == "nearest") return extrapolated(nearest(x, lines), lines);
    Val y = is_float(dtype) && dtype_bits(dtype) >= 32 ? x : b_.cast(x, DType::kF32);
    for (const Line& line : lines) y = blend(y, line);
    return b_.cast(extrapolated(y, lines), dtype);
  }

 private:
  Val real(SymInt v) { return b_.cast(b_.size(v), DType::kF64); }

  void from_scale(Line& line, Val scales, size_t k) {
    auto known = b_.constant_value(scales);
    if (known && known->at(static_cast<int64_t>(k)).f > 0) {
      double scale = known->at(static_cast<int64_t>(k)).f;
      auto [p, q] = as_fraction(scale);
      line.scale = b_.scalar(scale, DType::kF64);
      line.m = floor_div(line.n * p, q);
      line.num = p, line.den = q;
      line.exact = true;
      return;
    }
    line.scale = b_.cast(element(b_, scales, static_cast<int64_t>(k)), DType::kF64);
    line.m = bound_size(b_, b_.cast(b_.map(ScalarOp::k_floor, real(line.n) * line.scale), DType::kI64));
  }

  void from_size(Line& line, Val sizes, const std::vector<int64_t>& axes, Val x, size_t k) {
    auto size = [&](size_t i) { return bound_size(b_, element(b_, sizes, static_cast<int64_t>(i))); };
    if (a_.policy == "stretch") {
      line.m = size(k);
      line.scale = real(line.m) / real(line.n);
      line.num = line.m, line.den = line.n;
      line.exact = true;
      return;
    }
    if (a_.policy != "not_larger" && a_.policy != "not_smaller") {
      b_.fail(ErrorCode::kUnsupported, "keep_aspect_ratio_policy '" + a_.policy + "' does not exist");
      return;
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      Val ratio = real(size(i)) / real(b_.dims(x)[axes[i]]);
      line.scale = i == 0 ? ratio : b_.map(a_.policy == "not_larger" ? ScalarOp::k_min : ScalarOp::k_max, line.scale, ratio);
    }
    line.m = bound_size(b_, b_.cast(b_.map(ScalarOp::k_floor, line.scale * real(line.n) + 0.5), DType::kI64));
  }

  // Positions of the results, where the scale is num / den if it is exact.
  void locate(Line& line, Val roi, size_t k, size_t count) {
    const std::string& c = a_.coordinates;
    SymInt i = b_.sym().index(static_cast<int>(line.axis), line.m), p = line.num, q = line.den;
    if (line.exact && (c == "half_pixel" || c == "pytorch_half_pixel")) {
      line.num = (2 * i + 1) * q - p;
      line.den = 2 * p;
      if (c[0] == 'p') line.num = select(less(1, line.m), line.num, 0);
    } else if (line.exact && c == "asymmetric") {
      line.num = i * q;
      line.den = p;
    } else if (line.exact && c == "align_corners") {
      // With scales, the last result of n * scale many, a fraction in general, would stand on the last element.
      line.num = i * (line.n - 1) * (p == line.m ? SymInt(1) : q);
      line.den = max((p == line.m ? line.m - 1 : line.n * p - q), 1);
    } else if (line.exact && c == "tf_half_pixel_for_nn") {
      line.num = (2 * i + 1) * q;
      line.den = 2 * p;
    } else {
      line.exact = false;
      line.position = computed(line, roi, static_cast<int64_t>(k), static_cast<int64_t>(count));
    }
  }

  Val computed(const Line& line, Val roi, int64_t k, int64_t count) {
    const std::string& c = a_.coordinates;
    Val i = b_.iota({line.m}, 0, DType::kF64), n = real(line.n), m = real(line.m), one = b_.scalar(1, DType::kF64);
    auto several = [&](Val many, Val single) { return b_.select(one < m, many, single); };
    Val steps = several(line.scale * n, b_.scalar(2, DType::kF64)) - 1.0;
    if (c == "asymmetric") return i / line.scale;
    if (c == "half_pixel") return (i + 0.5) / line.scale - 0.5;
    if (c == "pytorch_half_pixel") return several((i + 0.5) / line.scale - 0.5, b_.scalar(0, DType::kF64));
    if (c == "align_corners") return i * (n - 1.0) / steps;
    if (c == "tf_half_pixel_for_nn") return (i + 0.5) / line.scale;
    if (c == "half_pixel_symmetric") {
      // The results are centred over the source, whose size is not exactly m / scale.
      Val offset = n * 0.5 * (1.0 - m / (line.scale * n));
      return offset + (i + 0.5) / line.scale - 0.5;
    }
    if (c == "tf_crop_and_resize") {
      if (b_.rank(roi) != 1 || !(b_.dims(roi)[0] == SymInt(2 * count)))
        return b_.fail(ErrorCode::kInvalidArgument, "roi needs a start and an end for each axis");
      Val start = b_.cast(element(b_, roi, k), DType::kF64), end = b_.cast(element(b_, roi, count + k), DType::kF64);
      return several(start * (n - 1.0) + i * (end - start) * (n - 1.0) / b_.map(ScalarOp::k_max, m - 1.0, one),
                     0.5 * (start + end) * (n - 1.0));
    }
    return b_.fail(ErrorCode::kUnsupported, "coordinate_transformation_mode '" + c + "' does not exist");
  }

  // v along `axis` of a tensor of the rank of `like`.
  Val along(Val v, int64_t axis, int rank) {
    Dims dims(rank, SymInt(1));
    if (b_.ok()) dims[axis] = b_.dims(v)[0];
    return b_.reshape(v, dims);
  }

  // What lies outside a crop.
  Val extrapolated(Val y, const std::vector<Line>& lines) {
    if (a_.coordinates != "tf_crop_and_resize") return y;
    for (const Line& line : lines) {
      Val inside =
          b_.map(ScalarOp::k_logical_and, b_.like(0, line.position) <= line.position, line.position <= real(line.n - 1));
      y = b_.select(along(inside, line.axis, b_.rank(y)), y, b_.like(a_.extrapolation, y));
    }
    return y;
  }

  Val nearest(Val x, const std::vector<Line>& lines) {
    Dims to = b_.dims(x);
    for (const Line& line : lines) to[line.axis] = line.m;
    auto d = index_vars(b_.sym(), to);
    IndexMap map{to, d, 1};
    IndexMaps loads;
    std::vector<Val> indices;
    for (const Line& line : lines) {
      if (line.exact) {
        SymInt at, num = line.num, den = line.den;
        if (a_.nearest == "floor")
          at = floor_div(num, den);
        else if (a_.nearest == "ceil")
          at = ceil_div(num, den);
        else if (a_.nearest == "round_prefer_floor")
          at = ceil_div(2 * num - den, 2 * den);
        else if (a_.nearest == "round_prefer_ceil")
          at = floor_div(2 * num + den, 2 * den);
        else
          return b_.fail(ErrorCode::kUnsupported, "nearest_mode '" + a_.nearest + "' does not exist");
        map.results[line.axis] = min(max(at, 0), line.n - 1);
        continue;
      }
      Val at = line.position;
      if (a_.nearest == "floor")
        at = b_.map(ScalarOp::k_floor, at);
      else if (a_.nearest == "ceil")
        at = b_.map(ScalarOp::k_ceil, at);
      else if (a_.nearest == "round_prefer_floor")
        at = b_.map(ScalarOp::k_ceil, at - 0.5);
      else if (a_.nearest == "round_prefer_ceil")
        at = b_.map(ScalarOp::k_floor, at + 0.5);
      else
        return b_.fail(ErrorCode::kUnsupported, "nearest_mode '" + a_.nearest + "' does not exist");
      map.results[line.axis] = b_.sym().loaded(static_cast<int>(indices.size()), line.n);
      loads.push_back({to, {d[line.axis]}, 1});
      indices.push_back(clamped(b_.cast(at, DType::kI64), line.n));
    }
    return indices.empty() ? b_.reindex(x, std::move(map)) : b_.gather(x, indices, std::move(map), std::move(loads));
  }

  Val clamped(Val at, SymInt n) { return b_.map(ScalarOp::k_min, b_.map(ScalarOp::k_max, at, b_.like(0, at)), b_.size(n - 1)); }

  // The position's whole part (i64[m]) and fraction (f64[m]) as tensors.
  std::pair<Val, Val> parts(const Line& line) {
    if (!line.exact) {
      Val whole = b_.map(ScalarOp::k_floor, line.position);
      return {b_.cast(whole, DType::kI64), line.position - whole};
    }
    SymInt old = b_.sym().index(static_cast<int>(line.axis), line.m), i = b_.sym().index(0, line.m);
    auto over_line = [&](SymInt e) {
      return substitute(e, std::span(&old, old.is_const() ? 0 : 1), std::span(&i, old.is_const() ? 0 : 1));
    };
    auto vector = [&](SymInt e, DType dtype) {
      ScalarBuilder body;
      int32_t value = body.cast(body.sym(over_line(e)), dtype);
      return b_.op("map", MapAttrs{{line.m}, body.finish(value, 0)}, {})[0];
    };
    return {vector(floor_div(line.num, line.den), DType::kI64),
            vector(mod(line.num, line.den), DType::kF64) / vector(line.den, DType::kF64)};
  }

  Val cubic(Val t) {  // of |t|
    double a = a_.cubic_a;
    Val near = ((a + 2) * t - (a + 3)) * t * t + 1.0, far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
    return b_.select(t <= b_.like(1, t), near, b_.select(t < b_.like(2, t), far, b_.like(0, t)));
  }
  Val filter(Val distance) {
    Val t = b_.map(ScalarOp::k_abs, distance);
    return is_cubic() ? cubic(t) : b_.map(ScalarOp::k_max, 1.0 - t, b_.like(0, t));
  }
  bool is_cubic() const { return a_.mode[0] == 'c'; }

  Val blend(Val x, const Line& line) {
    bool antialias = a_.mode == "linear_antialias" || a_.mode == "cubic_antialias";
    if (!antialias && a_.mode != "linear" && a_.mode != "cubic")
      return b_.fail(ErrorCode::kUnsupported, "resize mode '" + a_.mode + "' does not exist");
    auto [whole, fraction] = parts(line);
    if (!b_.ok()) return x;
    // Neighbours first, first + 1, ...; a filter that is stretched to reach over several source elements when shrinking.
    int64_t reach = is_cubic() ? 2 : 1;
    SymInt taps = 2 * reach, before = reach - 1;
    Val stretch = b_.scalar(1, DType::kF64);
    if (antialias) {
      stretch = b_.map(ScalarOp::k_min, line.scale, stretch);
      SymInt half = bound_size(b_, b_.cast(b_.map(ScalarOp::k_ceil, static_cast<double>(reach) / stretch), DType::kI64));
      taps = 2 * half;
      before = half - 1;
    }
    Val tap = b_.iota({1, taps}, 1, DType::kI64) - b_.size(before);
    Val column = b_.reshape(whole, {line.m, 1}), at = column + tap;
    Val weight = filter((b_.cast(tap, DType::kF64) - b_.reshape(fraction, {line.m, 1})) * stretch);
    if (a_.exclude_outside) {
      Val inside = b_.map(ScalarOp::k_logical_and, b_.like(0, at) <= at, at < b_.size(line.n));
      weight = b_.select(inside, weight, b_.like(0, weight));
    }
    if (antialias || a_.exclude_outside) weight = weight / b_.reduce(MonoidKind::k_sum, weight, {1}, true);
    return antialias ? gathered_sum(x, line, clamped(at, line.n), weight) : tap_sum(x, line, whole, weight, reach);
  }

  // Few taps: one term each.
  Val tap_sum(Val x, const Line& line, Val whole, Val weight, int64_t reach) {
    Val sum;
    for (int64_t k = 0; k < 2 * reach && b_.ok(); ++k) {
      Val read;
      int64_t offset = k + 1 - reach;
      if (line.exact) {
        Dims to = b_.dims(x);
        to[line.axis] = line.m;
        IndexMap map{to, index_vars(b_.sym(), to), 1};
        map.results[line.axis] = min(max(floor_div(line.num, line.den) + offset, 0), line.n - 1);
        read = b_.reindex(x, std::move(map));
      } else {
        read = b_.take(x, clamped(whole + static_cast<double>(offset), line.n), line.axis);
      }
      Val w = b_.cast(b_.reshape(b_.slice(weight, 1, k, 1), {line.m}), b_.dtype(x));
      Val term = read * along(w, line.axis, b_.rank(x));
      sum = sum ? sum + term : term;
    }
    return sum;
  }

  // Any number of taps: gathered along a dimension of their own, and summed.
  Val gathered_sum(Val x, const Line& line, Val at, Val weight) {
    Val read = b_.take(x, at, line.axis);
    Dims dims(b_.rank(read), SymInt(1));
    if (!b_.ok()) return x;
    dims[line.axis] = b_.dims(weight)[0];
    dims[line.axis + 1] = b_.dims(weight)[1];
    return b_.reduce(MonoidKind::k_sum, read * b_.reshape(b_.cast(weight, b_.dtype(x)), dims), {line.axis + 1}, false);
  }

  Builder& b_;
  const ResizeAttrs& a_;
};

Expected<ResizeAttrs> read_resize(const OnnxNode& n) {
  ResizeAttrs a;
  a.mode = n.s("mode", "nearest");
  a.coordinates = n.s("coordinate_transformation_mode", "half_pixel");
  a.nearest = n.s("nearest_mode", "round_prefer_floor");
  a.policy = n.s("keep_aspect_ratio_policy", "stretch");
  a.cubic_a = n.f("cubic_coeff_a", -0.75);
  a.extrapolation = n.f("extrapolation_value", 0);
  a.exclude_outside = n.i("exclude_outside", 0) != 0;
  a.axes = n.is("axes");
  if (n.i("antialias", 0) != 0 && a.mode != "nearest") a.mode += "_antialias";
  return a;
}
ResizeAttrs read_upsample(const OnnxNode& n) {
  ResizeAttrs a;
  a.mode = n.s("mode", "nearest");
  a.coordinates = "asymmetric";
  a.nearest = "floor";
  return a;
}

// An operand of no elements stands for an absent one.
Val present(Builder& b, Val v) { return v && !(b.rank(v) == 1 && b.dims(v)[0].is_const(0)) ? v : Val{&b, kNone32}; }

const RegisterOp<ResizeAttrs> kResize{{
    .name = "resize",
    .body = [](Builder& b, const ResizeAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      bool old = in.size() == 2;  // (x, scales)
      Val roi = old ? in[9] : present(b, in[1]), scales = present(b, old ? in[1] : in[2]),
          sizes = old ? in[9] : present(b, in[3]);
      if (static_cast<bool>(scales) == static_cast<bool>(sizes))
        return {b.fail(ErrorCode::kInvalidArgument, "either scales or sizes must be given")};
      return {Resizer(b, a).run(in[0], roi, scales, sizes)};
    },
    .onnx = {{"Resize", 10, [](const OnnxNode& n) -> Expected<ResizeAttrs> { return read_upsample(n); }},
             {"Resize", 11, read_resize},
             {"Upsample", 9, [](const OnnxNode& n) -> Expected<ResizeAttrs> { return read_upsample(n); }}},
    .samples = {"f32[1, 2, 4, n], _, f32[4] (1, 1, 2, 2)", "f32[n, 2, 5, 6], _, _, i64[4] (1, 2, 7, 3) {mode = \"linear\"}",
                "f32[1, 1, 6, 6], _, f32[2] (0.5, 0.5) {mode = \"cubic\", axes = [2, 3]}",
                "f32[1, 2, 8, 8], _, f32[4] (1, 1, 0.5, 0.75) {mode = \"linear_antialias\", coordinates = \"align_corners\"}"},
}};

struct UpsampleAttrs {
  std::string mode = "nearest";
  std::vector<double> scales;
  TEMPER_FIELDS(mode, scales)
};
const RegisterOp<UpsampleAttrs> kUpsample{{
    .name = "upsample",
    .body = [](Builder& b, const UpsampleAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      ResizeAttrs resize;
      resize.mode = a.mode;
      resize.coordinates = "asymmetric";
      resize.nearest = "floor";
      std::vector<float> scales(a.scales.begin(), a.scales.end());
      Val given = b.constant(Tensor::of(DType::kF32, {static_cast<int64_t>(scales.size())}, scales));
      return {Resizer(b, resize).run(in[0], in[9], given, in[9])};
    },
    .onnx = {{"Upsample", 1,
              [](const OnnxNode& n) -> Expected<UpsampleAttrs> {
                if (n.has("height_scale"))
                  return UpsampleAttrs{n.s("mode", "nearest"), {1, 1, n.f("height_scale", 1), n.f("width_scale", 1)}};
                return UpsampleAttrs{n.s("mode", "nearest"), n.fs("scales")};
              }}},
    .samples = {"f32[1, 2, 3, n] {scales = [1, 1, 2, 2]}"},
}};

}  // namespace
}  // namespace temper
