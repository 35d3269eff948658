#include "backend/cpu/run/contract/lowering.h"

#include <algorithm>
#include <numeric>

#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu {
namespace {

Axis plain_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  Axis a;
  a.outs = out;
  a.in_step = stride;
  a.taps = kernel;
  a.shift = -pad;
  a.shift_step = dilation;
  a.in = in;
  return a;
}

// Output pixel y receives from input pixel i through tap k where i * stride + k * dilation = y + pad. The outputs of one phase
// are those of one remainder y = phase + n * stride; then k runs over one remainder too, and i = n + (phase + pad - k *
// dilation) / stride falls as k rises, so the taps are taken from the last.
Axis transposed_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad, int64_t phase) {
  Axis a;
  a.in = in;
  a.outs = phase < out ? divide_up(out - phase, stride) : 0;
  a.out_first = phase;
  a.out_step = stride;
  const int64_t period = stride / std::gcd(stride, dilation);
  int64_t first = 0;
  while (first < std::min(period, kernel) && (phase + pad - first * dilation) % stride != 0) ++first;
  if (first >= std::min(period, kernel)) {
    a.taps = 0;
    return a;
  }
  a.taps = (kernel - 1 - first) / period + 1;
  a.kernel_first = first + (a.taps - 1) * period;
  a.kernel_step = -period;
  a.shift = (phase + pad - a.kernel_first * dilation) / stride;
  a.shift_step = period * dilation / stride;
  return a;
}

bool uniform_rows(int64_t rows, int64_t row_stride, int64_t width, int64_t pixel_stride) {
  return rows == 1 || row_stride == width * pixel_stride;
}

void lower_gemm(const ContractProblem& problem, Lowering& l) {
  const GemmGeometry g = problem.gemm.with_strides();
  l.images = g.batch_count();
  l.channels = g.depth;
  l.cols = g.cols;
  l.in_pixel = g.lda * l.a_bytes;
  l.out_pixel = g.ldc * l.c_bytes;
  l.in_width = g.rows;
  l.image_rows = l.row_width = g.rows;
  l.phase_of_all.x.outs = l.phase_of_all.x.in = g.rows;
}

void lower_conv(const ContractProblem& problem, const ContractConfig& config, Lowering& l) {
  const ConvGeometry g = problem.conv.with_strides();
  l.images = g.batch;
  l.groups = g.groups;
  l.channels = g.in_c;
  l.cols = g.out_c;
  l.in_row = g.in_row * l.a_bytes;
  l.in_pixel = g.in_pixel * l.a_bytes;
  l.out_row = g.out_row * l.c_bytes;
  l.out_pixel = g.out_pixel * l.c_bytes;
  l.in_height = g.in_h;
  l.in_width = g.in_w;
  l.image_rows = g.out_h * g.out_w;
  l.row_width = g.out_w;
  if (problem.form == ContractProblem::Form::kConvTranspose) {
    // Also where a small output has nothing in some: packed weights lie by phases, whatever the size of the image.
    l.phases_y = g.stride_h;
    l.phases_x = g.stride_w;
    Phase& all = l.phase_of_all;
    for (int64_t i = 0; i < l.phases(); ++i) {
      const Phase p = make_phase(problem, l, i);
      all.y.outs = std::max(all.y.outs, p.y.outs);
      all.x.outs = std::max(all.x.outs, p.x.outs);
      all.y.taps = std::max(all.y.taps, p.y.taps);
      all.x.taps = std::max(all.x.taps, p.x.taps);
      all.y.shift_step = std::max(all.y.shift_step, p.y.shift_step);
      all.x.shift_step = std::max(all.x.shift_step, p.x.shift_step);
    }
    all.y.out_step = g.stride_h;
    all.x.out_step = g.stride_w;
    if (l.phases() == 1) all = make_phase(problem, l, 0);
    return;
  }
  l.phase_of_all = make_phase(problem, l, 0);
  const bool pointwise = g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 &&
                         g.pad_left == 0 && g.in_h == g.out_h && g.in_w == g.out_w;
  if (config.a_source == ASource::kInPlace && pointwise && uniform_rows(g.out_h, g.in_row, g.in_w, g.in_pixel) &&
      uniform_rows(g.out_h, g.out_row, g.out_w, g.out_pixel)) {
    // One long row; over all images too, where they follow each other.
    int64_t rows = g.out_h * g.out_w;
    if (g.groups == 1 && g.in_image == rows * g.in_pixel && g.out_image == rows * g.out_pixel) {
      rows *= g.batch;
      l.images = 1;
    }
    l.image_rows = l.row_width = l.in_width = rows;
    l.in_height = 1;
    l.phase_of_all.y.outs = l.phase_of_all.y.in = 1;
    l.phase_of_all.x.outs = l.phase_of_all.x.in = rows;
  }
}

// Strides of 512 bytes and more that are powers of two put the rows of a tile into few sets of the cache.
int64_t spread(int64_t bytes) { return bytes >= 512 && bytes % 512 == 0 ? bytes + 64 : bytes; }

}  // namespace

Phase make_phase(const ContractProblem& problem, const Lowering& l, int64_t index) {
  const ConvGeometry& g = problem.conv;
  Phase p;
  if (problem.form != ContractProblem::Form::kConvTranspose) {
    if (problem.form == ContractProblem::Form::kGemm) return l.phase_of_all;
    p.y = plain_axis(g.in_h, g.out_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top);
    p.x = plain_axis(g.in_w, g.out_w, g.kernel_w, g.stride_w, g.dilation_w, g.pad_left);
    return p;
  }
  p.y = transposed_axis(g.in_h, g.out_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top, index / l.phases_x);
  p.x = transposed_axis(g.in_w, g.out_w, g.kernel_w, g.stride_w, g.dilation_w, g.pad_left, index % l.phases_x);
  return p;
}

// Note [Row classes] An expanded slab holds, for every needed input row, the taps of each output pixel of that row. Rows of
// outputs run on into each other if the slab rows of output rows y and y + 1 are neighbours, for every tap; with a vertical
// step of s those are s input rows apart. So the input rows are sorted into s classes by their remainder modulo s.
Lowering lower(const ContractProblem& problem, const ContractConfig& config) {
  Lowering l;
  l.kernels = &kernels_of(config.isa);
  l.integer = !is_float(problem.a);
  l.pairs = problem.a == DType::kBF16 && l.kernels->bf16[1][1] != nullptr;
  l.widens = is_half(problem.a) && !l.pairs;
  l.one_pass = l.integer || l.pairs || problem.transient || problem.c != DType::kF32;
  l.unit_elements = l.pairs ? 2 : !l.integer ? 1 : l.kernels->i8_quads ? 4 : 2;
  l.a_bytes = dtype_bits(problem.a) / 8;
  l.c_bytes = dtype_bits(problem.c) / 8;
  if (problem.form == ContractProblem::Form::kGemm) {
    lower_gemm(problem, l);
  } else {
    lower_conv(problem, config, l);
  }
  l.units = divide_up(l.channels, l.unit_elements);
  l.panel = config.nv * l.kernels->lanes;

  const Phase& all = l.phase_of_all;
  l.block_w = std::min(all.x.outs, config.mc);
  l.block_h = std::clamp<int64_t>(config.mc / all.x.outs, 1, all.y.outs);
  l.block_cols = std::min(round_up(config.nc, l.panel), round_up(l.cols, l.panel));
  l.blocks_x = divide_up(all.x.outs, l.block_w);
  l.blocks_y = divide_up(all.y.outs, l.block_h);
  l.blocks_n = divide_up(l.cols, l.block_cols);
  const int64_t span_y = (l.block_h - 1) * all.y.in_step + (all.y.taps - 1) * all.y.shift_step + 1;
  const int64_t span_x = (l.block_w - 1) * all.x.in_step + (all.x.taps - 1) * all.x.shift_step + 1;
  const bool flat_c = l.block_h == 1 || (l.block_w == all.x.outs && all.y.out_step == 1 && all.x.out_step == 1 &&
                                         l.out_row == all.x.outs * l.out_pixel);
  switch (config.a_source) {
    case ASource::kInPlace:
      l.merged = all.x.taps > 1 && all.x.shift_step == 1 && l.phases() == 1 && l.in_pixel == l.units * 4;
      l.slab_pixel = l.in_pixel;
      l.slab_row = l.in_row;
      l.a_row = all.x.in_step * l.in_pixel;
      l.flat = l.block_h == 1;
      break;
    case ASource::kSlab:
      l.merged = all.x.taps > 1 && all.x.shift_step == 1 && l.phases() == 1;
      l.slab_pixel = all.x.taps > 1 ? l.units * 4 : spread(l.units * 4);
      l.slab_row = span_x * l.slab_pixel;
      l.slab_bytes = span_y * l.slab_row;
      l.a_row = all.x.in_step * l.slab_pixel;
      l.flat = l.block_h == 1;
      break;
    case ASource::kExpanded:
      l.merged = true;
      l.slab_pixel = spread(all.x.taps * l.units * 4);
      l.slab_row = l.block_w * l.slab_pixel;
      l.slab_class = (l.block_h + (all.y.taps - 1) * all.y.shift_step / all.y.in_step) * l.slab_row;
      l.slab_bytes = all.y.in_step * l.slab_class;
      l.a_row = l.slab_pixel;
      l.flat = flat_c;
      break;
  }
  l.slab_bytes = round_up(l.slab_bytes, 64) + (l.slab_bytes > 0 ? 64 : 0);
  l.tap_units = l.merged ? all.x.taps * l.units : l.units;
  l.shared_slab = l.blocks_n > 1 && config.a_source != ASource::kInPlace;
  return l;
}

void tap_offsets(const Lowering& l, const ContractConfig& config, const Phase& p, int64_t* offsets) {
  const int64_t across = l.merged ? 1 : p.x.taps;
  for (int64_t j = 0; j < p.y.taps; ++j) {
    int64_t row = j * p.y.shift_step * l.slab_row;
    if (config.a_source == ASource::kExpanded) {
      const int64_t shift = j * p.y.shift_step;
      row = shift % p.y.in_step * l.slab_class + shift / p.y.in_step * l.slab_row;
    }
    for (int64_t i = 0; i < across; ++i) *offsets++ = row + i * p.x.shift_step * l.slab_pixel;
  }
}

BatchPoint batch_point(const GemmGeometry& gemm, int64_t index) {
  BatchPoint point;
  int64_t scale = 1;
  for (int i = 2; i >= 0; --i) {
    const GemmGeometry::Batch& batch = gemm.batch[i];
    const int64_t at = index % batch.count;
    index /= batch.count;
    point.a += at * batch.a;
    point.c += at * batch.c;
    if (gemm.b_form != BForm::kPacked) {
      point.b += at * batch.b;
    } else if (batch.b != 0) {
      point.b += at * scale;
      scale *= batch.count;
    }
  }
  return point;
}

int64_t packed_matrices(const ContractProblem& problem) {
  if (problem.form != ContractProblem::Form::kGemm) return problem.conv.groups;
  int64_t count = 1;
  for (const GemmGeometry::Batch& batch : problem.gemm.batch) count *= batch.b != 0 ? batch.count : 1;
  return count;
}

int64_t phase_offset(const ContractProblem& problem, const Lowering& l, int64_t phase) {
  int64_t bytes = 0;
  for (int64_t i = 0; i < phase; ++i) {
    bytes += round_up(make_phase(problem, l, i).taps() * l.units * l.padded_cols() * 4, 64);
  }
  return bytes;
}

void activate(void (*activation)(const tile::OpCall&), float* values, int64_t count) {
  tile::OpCall call;
  call.dst = reinterpret_cast<std::byte*>(values);
  call.src[0] = call.dst;
  call.cols = count;
  activation(call);
}

int32_t element_kind(DType type) {
  switch (type) {
    case DType::kF32:
      return kElementF32;
    case DType::kF16:
      return kElementF16;
    case DType::kBF16:
      return kElementBF16;
    case DType::kI32:
      return kElementI32;
    default:
      return type == DType::kU8 ? kElementU8 : kElementI8;
  }
}

void start_quantized(const Quantization& q, DType result, TileFinish& f) {
  f.out_kind = element_kind(result);
  f.residual_kind = element_kind(q.residual_type);
  f.residual_zero = static_cast<float>(q.residual_zero);
  f.residual_scale = q.residual_scale;
  f.middle_lo = q.middle.lo, f.middle_hi = q.middle.hi, f.middle_scale = q.middle.scale;
  if (f.residual_kind == kElementF32) f.residual_zero = 0;
  if (f.out_kind != kElementU8 && f.out_kind != kElementI8) return;
  const float least = f.out_kind == kElementU8 ? 0 : -128, most = least + 255;
  f.out_zero = q.out_zero;
  f.lo = std::max(f.lo, least - static_cast<float>(q.out_zero));
  f.hi = std::min(f.hi, most - static_cast<float>(q.out_zero));
}

int64_t group_bytes(const ContractProblem& problem, const Lowering& l) { return phase_offset(problem, l, l.phases()); }

}  // namespace temper::cpu
