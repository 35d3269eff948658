// Convolutions, also transposed ones, with up to four output channels a group: a register tile would be mostly empty, so
// vectors run along the input channels and, where pixels lie close together, on through the taps of a kernel row. A task is
// some output rows of one image and group. Taps that do not exist are left out.
//
// Packed weights: [group][phase][output channel][kernel row][kernel column][input channel], taps in the order of the Phase.
#include <algorithm>

#include "backend/cpu/run/contract/lowering.h"

namespace temper::cpu {
namespace {

struct Taps {
  int64_t begin = 0, count = 0;
};

// The taps that exist for grid point `at` of an axis.
Taps existing(const Axis& axis, int64_t at) {
  Taps taps{0, axis.taps};
  const int64_t first = at * axis.in_step + axis.shift;
  while (taps.count > 0 && first + taps.begin * axis.shift_step < 0) ++taps.begin, --taps.count;
  while (taps.count > 0 && first + (taps.begin + taps.count - 1) * axis.shift_step >= axis.in) --taps.count;
  return taps;
}

int64_t phase_floats(const Phase& p, const Lowering& l) { return p.taps() * l.channels * l.cols; }

struct Job {
  const ContractProblem& problem;
  const ContractArgs& args;
  const Lowering l;
  const ConvGeometry g;
  int64_t rows, blocks;  // output rows of a task, tasks of an image
  int64_t group_floats;  // of packed weights
};

// Pixels [first, first + count) of the grid, all with the taps `tx`.
void run_pixels(const Job& job, const Phase& p, const float* in, const float* weights, float* out, int64_t pixel_of_image,
                int64_t group, int64_t y, Taps tx, int64_t first, int64_t count) {
  const Lowering& l = job.l;
  const ConvGeometry& g = job.g;
  const Epilogue& e = job.args.epilogue;
  const Taps ty = existing(p.y, y);
  const bool merged = p.x.shift_step == 1 && g.in_pixel == l.channels;
  DotCall call;
  call.row_step = p.x.in_step * g.in_pixel;
  call.row = in + (y * p.y.in_step + p.y.shift + ty.begin * p.y.shift_step) * g.in_row +
             (first * p.x.in_step + p.x.shift + tx.begin * p.x.shift_step) * g.in_pixel;
  call.vector = weights + (ty.begin * p.x.taps + tx.begin) * l.channels;
  call.vector_step = p.taps() * l.channels;
  call.vectors = l.cols;
  call.tap_rows = ty.count;
  call.row_tap_row = p.y.shift_step * g.in_row;
  call.vector_tap_row = p.x.taps * l.channels;
  call.tap_cols = merged ? std::min<int64_t>(tx.count, 1) : tx.count;
  call.row_tap = p.x.shift_step * g.in_pixel;
  call.vector_tap = l.channels;
  call.depth = merged ? tx.count * l.channels : l.channels;
  // A residual may be the result itself: then the result must not be written before it is read.
  constexpr int64_t kPiece = 256;
  alignas(64) float sums[kPiece * kMaxDotVectors];
  call.out = sums;
  call.out_row = l.cols;
  call.out_vector = 1;
  const float* row = call.row;
  const float* bias = e.bias == nullptr ? nullptr : e.bias + group * l.cols;
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    call.row = row + begin * call.row_step;
    call.rows = std::min(kPiece, count - begin);
    l.kernels->dot(call);
    for (int64_t i = 0; i < call.rows; ++i) {
      const int64_t pixel = p.x.out_first + (first + begin + i) * p.x.out_step;
      const float* residual = e.residual == nullptr ? nullptr
                                                    : static_cast<const float*>(e.residual) +
                                                          (pixel_of_image + pixel) * e.residual_row + group * l.cols;
      for (int64_t j = 0; j < l.cols; ++j) {
        float v = sums[i * l.cols + j];
        if (bias != nullptr) v += bias[j];
        if (residual != nullptr) v += residual[j];
        v = v < e.lo ? e.lo : v;  // a NaN stays
        out[pixel * g.out_pixel + j] = v > e.hi ? e.hi : v;
      }
    }
  }
}

void run_row(const Job& job, int64_t image, int64_t group, int64_t out_y, int worker) {
  const Lowering& l = job.l;
  const ConvGeometry& g = job.g;
  const Epilogue& e = job.args.epilogue;
  const float* in = static_cast<const float*>(job.args.a) + image * g.in_image + group * g.in_c;
  float* out = static_cast<float*>(job.args.c) + image * g.out_image + out_y * g.out_row + group * g.out_c;
  const int64_t pixel_of_image = (image * g.out_h + out_y) * g.out_w;
  const float* weights = static_cast<const float*>(job.args.b) + group * job.group_floats;
  for (int64_t phase = 0; phase < l.phases(); ++phase) {
    const Phase p = make_phase(job.problem, l, phase);
    if (out_y % p.y.out_step == p.y.out_first) {
      const int64_t y = out_y / p.y.out_step;
      for (int64_t x = 0; x < p.x.outs;) {
        // Inside the image all pixels have all taps; near its edges each has its own.
        const Taps tx = existing(p.x, x);
        int64_t end = x + 1;
        while (end < p.x.outs && tx.count == p.x.taps && existing(p.x, end).count == p.x.taps) ++end;
        run_pixels(job, p, in, weights, out, pixel_of_image, group, y, tx, x, end - x);
        x = end;
      }
    }
    weights += phase_floats(p, l);
  }
  if (e.tile == nullptr) return;
  const int64_t chunk = kMaxTileElements / l.cols;
  for (int64_t x = 0; x < g.out_w; x += chunk) {
    e.tile(e.self, worker, out + x * g.out_pixel, g.out_pixel, pixel_of_image + x, std::min(chunk, g.out_w - x), group * l.cols,
           l.cols);
  }
}

void run_task(const Job& job, int64_t task, int worker) {
  const int64_t block = task % job.blocks, instance = task / job.blocks;
  const int64_t first = block * job.rows, last = std::min(job.g.out_h, first + job.rows);
  for (int64_t y = first; y < last; ++y) run_row(job, instance / job.g.groups, instance % job.g.groups, y, worker);
}

}  // namespace

int64_t dot_conv_packed_size(const ContractProblem& problem, const ContractConfig&) {
  const ConvGeometry& g = problem.conv;
  return g.groups * g.out_c * g.kernel_h * g.kernel_w * g.in_c * 4;  // each tap belongs to one phase
}

void dot_conv_pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& w, char* packed) {
  const Lowering l = lower(problem, config);
  float* to = reinterpret_cast<float*>(packed);
  for (int64_t group = 0; group < l.groups; ++group) {
    for (int64_t phase = 0; phase < l.phases(); ++phase) {
      const Phase p = make_phase(problem, l, phase);
      for (int64_t n = 0; n < l.cols; ++n) {
        for (int64_t tap = 0; tap < p.taps(); ++tap) {
          const int64_t kh = p.y.kernel_first + tap / p.x.taps * p.y.kernel_step;
          const int64_t kw = p.x.kernel_first + tap % p.x.taps * p.x.kernel_step;
          const float* from = static_cast<const float*>(w.data) + group * w.group + kh * w.kh + kw * w.kw + n * w.out;
          for (int64_t k = 0; k < l.channels; ++k) *to++ = from[k * w.in];
        }
      }
    }
  }
}

void dot_conv_run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  Job job{problem, args, lower(problem, config), problem.conv.with_strides(), 0, 0, 0};
  for (int64_t i = 0; i < job.l.phases(); ++i) job.group_floats += phase_floats(make_phase(problem, job.l, i), job.l);
  job.rows = std::clamp<int64_t>(config.mc / job.g.out_w, 1, job.g.out_h);
  job.blocks = divide_up(job.g.out_h, job.rows);
  executor.parallel_for(
      job.g.batch * job.g.groups * job.blocks,
      [](void* self, int64_t task, int worker) { run_task(*static_cast<const Job*>(self), task, worker); }, &job);
}

}  // namespace temper::cpu
