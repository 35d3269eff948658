// Depthwise convolution (one input and one output channel a group) and its like with 2, 4 or 8 of each: vectors along the
// channels. A task is some output rows and
// some channels of one image. Pixels near the left and right edge, whose taps partly do not exist, are done one by one with the
// taps that do; missing kernel rows are left out.
#include <algorithm>
#include <cstring>

#include "backend/cpu/run/contract/lowering.h"

namespace temper::cpu {
namespace {

struct Taps {
  int64_t begin = 0, count = 0;
};

// The taps that exist for output pixel `out` along one axis.
Taps existing(int64_t out, int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  const int64_t first = out * stride - pad;
  const int64_t begin = first >= 0 ? 0 : std::min(kernel, divide_up(-first, dilation));
  const int64_t end = first >= in ? begin : std::clamp(divide_up(in - first, dilation), begin, kernel);
  return {begin, end - begin};
}

struct Job {
  const ContractArgs& args;
  const ConvGeometry g;
  const KernelTable& kernels;
  int64_t rows, channels;  // of a task
  int64_t row_blocks, channel_blocks;
  int64_t padded;  // channels of the packed weights
  int64_t all_channels;
};

void run_row(const Job& job, int64_t image, int64_t y, int64_t c, int64_t channels, int worker) {
  const ConvGeometry& g = job.g;
  const Epilogue& e = job.args.epilogue;
  const Taps ty = existing(y, g.in_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top);
  DepthwiseCall call;
  call.in_row = g.dilation_h * g.in_row;
  call.in_tap = g.dilation_w * g.in_pixel;
  call.in_step = g.stride_w * g.in_pixel;
  call.group = g.in_c;
  call.weight_input = job.padded;
  call.weight_tap = g.in_c * job.padded;
  call.weight_row = g.kernel_w * call.weight_tap;
  call.tap_rows = ty.count;
  call.out_step = g.out_pixel;
  call.channels = channels;
  call.bias = e.bias == nullptr ? nullptr : e.bias + c;
  call.residual_step = e.residual_row;
  call.lo = e.lo;
  call.hi = e.hi;
  const float* in = static_cast<const float*>(job.args.a) + image * g.in_image + c +
                    (y * g.stride_h - g.pad_top + ty.begin * g.dilation_h) * g.in_row;
  const float* weights = static_cast<const float*>(job.args.b) + ty.begin * call.weight_row + c;
  float* out = static_cast<float*>(job.args.c) + image * g.out_image + y * g.out_row + c;
  const int64_t first_row = (image * g.out_h + y) * g.out_w;
  call.in = in - g.pad_left * g.in_pixel;
  call.weights = weights;
  call.tap_cols = g.kernel_w;
  call.x = -g.pad_left;
  call.x_step = g.stride_w;
  call.x_tap = g.dilation_w;
  call.x_end = g.in_w;
  call.out = out;
  call.pixels = g.out_w;
  if (e.residual != nullptr) call.residual = e.residual + first_row * e.residual_row + c;
  (g.in_c == 1 ? job.kernels.depthwise : job.kernels.grouped)(call);
  if (e.tile == nullptr) return;
  const int64_t chunk = std::max<int64_t>(1, kMaxTileElements / channels);
  for (int64_t x = 0; x < g.out_w; x += chunk) {
    e.tile(e.self, worker, out + x * g.out_pixel, g.out_pixel, first_row + x, std::min(chunk, g.out_w - x), c, channels);
  }
}

void run_task(const Job& job, int64_t task, int worker) {
  const int64_t c = task % job.channel_blocks * job.channels;
  task /= job.channel_blocks;
  const int64_t image = task / job.row_blocks, y = task % job.row_blocks * job.rows;
  for (int64_t i = y; i < std::min(job.g.out_h, y + job.rows); ++i) {
    run_row(job, image, i, c, std::min(job.channels, job.all_channels - c), worker);
  }
}

int64_t padded_channels(const ContractProblem& problem, const ContractConfig& config) {
  return round_up(problem.conv.groups * problem.conv.out_c, kernels_of(config.isa).lanes);
}

}  // namespace

Status depthwise_validate(const ContractProblem& problem, const ContractConfig& config) {
  const ConvGeometry& g = problem.conv;
  const auto bad = [](const char* message) { return Error(ErrorCode::kInvalidArgument, message).at("contraction config"); };
  if (problem.form != ContractProblem::Form::kConv || problem.a != DType::kF32 || g.in_c != g.out_c) {
    return bad("depthwise and grouped kernels take f32 convolutions with as many outputs as inputs a group");
  }
  if (config.kind == ContractKind::kDepthwise && g.in_c != 1) return bad("depthwise kernels take one channel a group");
  if (config.kind == ContractKind::kGrouped) {
    if (g.in_c != 2 && g.in_c != 4 && g.in_c != 8) return bad("grouped kernels take 2, 4 or 8 channels a group");
    if (kernels_of(config.isa).grouped == nullptr) return bad("this instruction set has no grouped kernels");
  }
  return {};
}

int64_t depthwise_packed_size(const ContractProblem& problem, const ContractConfig& config) {
  return problem.conv.kernel_h * problem.conv.kernel_w * problem.conv.in_c * padded_channels(problem, config) * 4;
}

// [kernel row][kernel column][input of the group][output channel]
void depthwise_pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& w, char* packed) {
  const ConvGeometry& g = problem.conv;
  const int64_t padded = padded_channels(problem, config);
  float* to = reinterpret_cast<float*>(packed);
  std::memset(to, 0, depthwise_packed_size(problem, config));
  for (int64_t kh = 0; kh < g.kernel_h; ++kh) {
    for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
      for (int64_t input = 0; input < g.in_c; ++input, to += padded) {
        const float* from = static_cast<const float*>(w.data) + kh * w.kh + kw * w.kw + input * w.in;
        for (int64_t c = 0; c < g.groups * g.out_c; ++c) to[c] = from[c / g.out_c * w.group + c % g.out_c * w.out];
      }
    }
  }
}

int64_t depthwise_workspace(const ContractProblem&, const ContractConfig&, int) { return 0; }

void depthwise_run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  Job job{args, problem.conv.with_strides(), kernels_of(config.isa), 0, 0, 0, 0, padded_channels(problem, config), 0};
  job.all_channels = job.g.groups * job.g.out_c;
  const ConvGeometry& g = job.g;
  job.rows = std::clamp<int64_t>(config.mc / g.out_w, 1, g.out_h);
  job.row_blocks = divide_up(g.out_h, job.rows);
  job.channels = std::min(round_up(config.nc, job.kernels.lanes), job.all_channels);
  job.channel_blocks = divide_up(job.all_channels, job.channels);
  executor.parallel_for(
      g.batch * job.row_blocks * job.channel_blocks,
      [](void* self, int64_t task, int worker) { run_task(*static_cast<const Job*>(self), task, worker); }, &job);
}

}  // namespace temper::cpu
