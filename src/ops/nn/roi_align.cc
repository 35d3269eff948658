// Pooling of regions: each bin of a region is sampled at a few points, between elements, and averaged (or the largest is
// taken).
#include "ops/nn/operands.h"
#include "ops/nn/pointwise.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct RoiAlign {
  int64_t output_height = 1, output_width = 1, sampling_ratio = 0;
  double spatial_scale = 1;
  bool half_pixel = true;
  bool largest = false;
  TEMPER_FIELDS(output_height, output_width, sampling_ratio, spatial_scale, half_pixel, largest)
};

// Both neighbours of the sample points along one dimension, and their weights: all [regions, bins, samples].
struct Neighbours {
  Val low, high, low_weight, high_weight;
};
Neighbours neighbours(Builder& b, const RoiAlign& a, Val regions, int64_t first, int64_t bins, SymInt extent) {
  Dims dims{b.dims(regions)[0], bins, a.sampling_ratio};
  auto d = loop_vars(b.sym(), dims);
  const Val ends[] = {b.reindex(regions, IndexMap{dims, {d[0], first}, 1}),
                      b.reindex(regions, IndexMap{dims, {d[0], first + 2}, 1})};
  auto made = pointwise_all(b, ends, [&](std::span<const Expr> v) {
    auto number = [&](SymInt s) { return cast(Expr{v[0].body, v[0].body->sym(s)}, v[0].dtype()); };
    Expr start = v[0] * a.spatial_scale - (a.half_pixel ? 0.5 : 0.0), size = (v[1] - v[0]) * a.spatial_scale;
    if (!a.half_pixel) size = max(size, 1.0);
    Expr bin = size / static_cast<double>(bins);
    Expr at = start + number(d[1]) * bin + (number(d[2]) + 0.5) * bin / static_cast<double>(a.sampling_ratio);
    // A point more than one element outside counts as 0, nearer ones as the border.
    Expr last = number(extent - 1), inside = min(max(at, 0.0), last), low = apply(ScalarOp::k_floor, inside), t = inside - low;
    auto weight = [&](Expr w) { return select(at < -1.0, w.like(0), select(last + 1.0 < at, w.like(0), w)); };
    return std::vector<Expr>{cast(low, DType::kI64), cast(min(low + 1.0, last), DType::kI64), weight(1.0 - t), weight(t)};
  });
  made.resize(4, Val{&b, kNone32});
  return {made[0], made[1], made[2], made[3]};
}

// x: [n, c, h, w], regions: [r, 4] as (x1, y1, x2, y2), images: [r].
Vals roi_align(Builder& b, const RoiAlign& a, Operands in) {
  if (!require(b, in, 3) || !require_float(b, in[0], "the input of RoiAlign") ||
      !require_float(b, in[1], "the regions of RoiAlign"))
    return {};
  if (b.rank(in[0]) != 4 || b.rank(in[1]) != 2 || b.rank(in[2]) != 1 || !is_int(b.dtype(in[2]))) {
    return {b.fail(ErrorCode::kInvalidArgument, "RoiAlign takes an input of rank 4, regions [r, 4] and integers [r]")};
  }
  if (a.sampling_ratio < 1) {
    return {b.fail(ErrorCode::kUnsupported,
                   "RoiAlign with a number of samples that depends on the region's size is not supported; set sampling_ratio")};
  }
  if (a.output_height < 1 || a.output_width < 1)
    return {b.fail(ErrorCode::kInvalidArgument, "the output of RoiAlign must not be empty")};
  const Dims x = b.dims(in[0]);
  SymInt regions = b.dims(in[1])[0];
  DType wide = b.dtype(in[0]) == DType::kF64 ? DType::kF64 : DType::kF32;
  Val boxes = b.cast(in[1], wide);
  Neighbours rows = neighbours(b, a, boxes, 1, a.output_height, x[2]),
             columns = neighbours(b, a, boxes, 0, a.output_width, x[3]);
  if (!b.ok()) return {};
  Dims domain{regions, x[1], a.output_height, a.output_width, a.sampling_ratio, a.sampling_ratio};
  auto d = loop_vars(b.sym(), domain);
  const IndexMap image{domain, {d[0]}, 1}, row{domain, {d[0], d[2], d[4]}, 1}, column{domain, {d[0], d[3], d[5]}, 1};
  IndexMap map{domain, {b.sym().loaded(0, x[0]), d[1], b.sym().loaded(1, x[2]), b.sym().loaded(2, x[3])}, 1};
  std::vector<Val> operands;
  for (Val r : {rows.low, rows.high}) {
    for (Val c : {columns.low, columns.high}) {
      const Val indices[] = {in[2], r, c};
      operands.push_back(b.cast(b.gather(in[0], indices, map, {image, row, column}), wide));
    }
  }
  for (Val w : {rows.low_weight, rows.high_weight}) operands.push_back(b.reindex(w, row));
  for (Val w : {columns.low_weight, columns.high_weight}) operands.push_back(b.reindex(w, column));
  Val samples = pointwise_all(b, operands, [&](std::span<const Expr> v) {
    Expr parts[4] = {v[0] * v[4] * v[6], v[1] * v[4] * v[7], v[2] * v[5] * v[6], v[3] * v[5] * v[7]};
    Expr all = a.largest ? max(max(parts[0], parts[1]), max(parts[2], parts[3])) : parts[0] + parts[1] + parts[2] + parts[3];
    return std::vector<Expr>{all};
  })[0];
  Val y = a.largest ? b.reduce(MonoidKind::k_max, samples, {4, 5}, false) : b.mean(samples, {4, 5}, false);
  return {b.cast(y, b.dtype(in[0]))};
}

Expected<RoiAlign> read(const OnnxNode& n) {
  std::string mode = n.s("mode", "avg"), transform = n.s("coordinate_transformation_mode", "half_pixel");
  if (mode != "avg" && mode != "max")
    return Error(ErrorCode::kInvalidArgument, "mode is '" + mode + "'; it must be avg or max");
  return RoiAlign{n.i("output_height", 1),
                  n.i("output_width", 1),
                  n.i("sampling_ratio", 0),
                  n.f("spatial_scale", 1),
                  n.opset() >= 16 && transform == "half_pixel",
                  mode == "max"};
}

const RegisterOp<RoiAlign> kRoiAlign{{
    .name = "roi_align",
    .body = roi_align,
    .onnx = {{"RoiAlign", 10, read}},
    .samples = {"f32[2, 3, 8, 8], f32[r, 4], i64[r] {output_height = 2, output_width = 3, sampling_ratio = 2}"},
}};

}  // namespace
}  // namespace temper
