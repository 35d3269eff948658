// Depthwise convolution (one input and one output channel a group) and its like with 2, 4 or 8 of each: vectors along the
// channels. A task is some output rows and
// some channels of one image. Pixels near the left and right edge, whose taps partly do not exist, are done one by one with the
// taps that do; missing kernel rows are left out.
#include <algorithm>
#include <cstring>

#include "backend/cpu/run/contract/lowering.h"
#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu {
namespace {

constexpr int64_t kTransientBytes = kMaxTileElements * 4;  // a worker's tile of a transient result

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
  bool integer, is_signed, transient;
  DType a, c;                              // of the inputs, of the result
  int64_t inner_begin = 0, inner_end = 0;  // output columns all of whose taps exist
};

// What a kernel of bf16 inputs has left in scratch becomes the result.
void store_piece(const Job& job, const float* sums, int64_t step, void* out, int64_t pixels, int64_t channels) {
  tile::OpCall call;
  call.dst = static_cast<std::byte*>(out);
  call.dst_step = job.g.out_pixel * dtype_bits(job.c) / 8;
  call.src[0] = reinterpret_cast<const std::byte*>(sums);
  call.src_step[0] = step * 4;
  call.rows = pixels;
  call.cols = channels;
  tile::tile_ops().store[static_cast<int>(job.c)](call);
}

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
  const int64_t element = dtype_bits(job.a) / 8;
  const char* in =
      static_cast<const char*>(job.args.a) +
      (image * g.in_image + c + (y * g.stride_h - g.pad_top + ty.begin * g.dilation_h) * g.in_row - g.pad_left * g.in_pixel) *
          element;
  const float* weights = static_cast<const float*>(job.args.b) + ty.begin * call.weight_row + c;
  const int64_t out_at = image * g.out_image + y * g.out_row + c;
  float* out = static_cast<float*>(job.args.c) + out_at;
  const int64_t first_row = (image * g.out_h + y) * g.out_w;
  call.in = in;
  call.weights = weights;
  call.tap_cols = g.kernel_w;
  call.x = -g.pad_left;
  call.x_step = g.stride_w;
  call.x_tap = g.dilation_w;
  call.x_end = g.in_w;
  if (job.a != DType::kF32) {
    // In pieces that fit the scratch.
    float* sums = reinterpret_cast<float*>(static_cast<char*>(job.args.workspace) + worker * kTransientBytes);
    const int64_t most = std::max<int64_t>(1, kMaxTileElements / round_up(channels, job.kernels.lanes));
    call.out = sums;
    call.out_step = channels;
    for (int64_t x = 0; x < g.out_w; x += most) {
      call.in = in + x * call.in_step * element;
      call.x = x * g.stride_w - g.pad_left;
      call.pixels = std::min(most, g.out_w - x);
      (g.in_c == 1 ? job.kernels.depthwise_bf16 : job.kernels.grouped_bf16)(call);
      if (e.slope != 1) {
        for (float* v = sums; v < sums + call.pixels * channels; ++v) *v = *v < 0 ? *v * e.slope : *v;
      }
      if (e.activation != nullptr) activate(e.activation, sums, call.pixels * channels);
      void* made = sums;
      int64_t made_step = channels;
      if (!job.transient) {
        made = static_cast<char*>(job.args.c) + (out_at + x * g.out_pixel) * dtype_bits(job.c) / 8;
        made_step = g.out_pixel;
        store_piece(job, sums, channels, made, call.pixels, channels);
      }
      if (e.tile != nullptr) e.tile(e.self, worker, made, made_step, first_row + x, call.pixels, c, channels);
    }
    return;
  }
  call.out = out;
  call.pixels = g.out_w;
  if (e.residual != nullptr) call.residual = static_cast<const float*>(e.residual) + first_row * e.residual_row + c;
  (g.in_c == 1 ? job.kernels.depthwise : job.kernels.grouped)(call);
  if (e.tile == nullptr) return;
  const int64_t chunk = std::max<int64_t>(1, kMaxTileElements / channels);
  for (int64_t x = 0; x < g.out_w; x += chunk) {
    e.tile(e.self, worker, out + x * g.out_pixel, g.out_pixel, first_row + x, std::min(chunk, g.out_w - x), c, channels);
  }
}

// Integers. Pixels go in pieces that fit the scratch where the result is transient.
void run_row_i8(const Job& job, int64_t image, int64_t y, int64_t c, int64_t channels, int worker) {
  const ConvGeometry& g = job.g;
  const Epilogue& e = job.args.epilogue;
  const Quantization& q = job.args.quantization;
  const Taps ty = existing(y, g.in_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top);
  DepthwiseI8Call call;
  call.in_row = g.dilation_h * g.in_row;
  call.in_tap = g.dilation_w * g.in_pixel;
  call.in_step = g.stride_w * g.in_pixel;
  call.is_signed = job.is_signed;
  call.a_fill = q.a_fill;
  call.weight_tap = job.padded;
  call.weight_row = g.kernel_w * job.padded;
  call.tap_rows = ty.count;
  call.channels = channels;
  const int64_t element = job.c == DType::kI32 || job.c == DType::kF32 ? 4 : 1;
  call.out_step = job.transient ? channels * element : g.out_pixel * element;
  call.residual_step = q.residual_row * residual_bytes(q);
  const int32_t* weights = static_cast<const int32_t*>(job.args.b);
  TileFinish& f = call.finish;
  f.lo = e.lo, f.hi = e.hi;
  start_quantized(q, job.c, f);
  f.bias = e.bias == nullptr ? nullptr : e.bias + c;
  f.scale = q.scale == nullptr ? nullptr : q.scale + c;
  f.shift = q.shift == nullptr ? nullptr : q.shift + c;
  f.a_offset = -q.a_fill;
  f.column_sum = weights + g.kernel_h * call.weight_row + c;
  const char* in = static_cast<const char*>(job.args.a) + image * g.in_image + c +
                   (y * g.stride_h - g.pad_top + ty.begin * g.dilation_h) * g.in_row;
  char* out = static_cast<char*>(job.args.c) + (image * g.out_image + y * g.out_row + c) * element;
  char* tile = static_cast<char*>(job.args.workspace) + worker * kTransientBytes;
  const int64_t first_row = (image * g.out_h + y) * g.out_w;
  const int64_t most = e.tile == nullptr ? g.out_w : std::max<int64_t>(1, kMaxTileElements / channels);
  for (int64_t x = 0, begin = 0; x < g.out_w;) {
    Taps tx{0, g.kernel_w};
    int64_t end = job.inner_end;
    if (x < job.inner_begin || x >= job.inner_end) {
      tx = existing(x, g.in_w, g.kernel_w, g.stride_w, g.dilation_w, g.pad_left);
      end = x + 1;
    }
    end = std::min(end, begin + most);
    call.in = in + (x * g.stride_w - g.pad_left + tx.begin * g.dilation_w) * g.in_pixel;
    call.weights = weights + ty.begin * call.weight_row + tx.begin * call.weight_tap + c;
    call.tap_cols = tx.count;
    call.out = job.transient ? tile + (x - begin) * call.out_step : out + x * call.out_step;
    call.pixels = end - x;
    if (q.residual != nullptr) {
      f.residual = static_cast<const char*>(q.residual) + ((first_row + x) * q.residual_row + c) * residual_bytes(q);
    }
    job.kernels.depthwise_i8(call);
    x = end;
    if (e.tile == nullptr || (x < g.out_w && x - begin < most)) continue;
    char* made = job.transient ? tile : out + begin * call.out_step;
    e.tile(e.self, worker, made, call.out_step / 4, first_row + begin, x - begin, c, channels);
    begin = x;
  }
}

void run_task(const Job& job, int64_t task, int worker) {
  const int64_t c = task % job.channel_blocks * job.channels;
  task /= job.channel_blocks;
  const int64_t image = task / job.row_blocks, y = task % job.row_blocks * job.rows;
  for (int64_t i = y; i < std::min(job.g.out_h, y + job.rows); ++i) {
    const int64_t channels = std::min(job.channels, job.all_channels - c);
    job.integer ? run_row_i8(job, image, i, c, channels, worker) : run_row(job, image, i, c, channels, worker);
  }
}

int64_t padded_channels(const ContractProblem& problem, const ContractConfig& config) {
  return round_up(problem.conv.groups * problem.conv.out_c, kernels_of(config.isa).lanes);
}

}  // namespace

Status depthwise_validate(const ContractProblem& problem, const ContractConfig& config) {
  const ConvGeometry& g = problem.conv;
  const auto bad = [](const char* message) { return Error(ErrorCode::kInvalidArgument, message).at("contraction config"); };
  if (problem.form != ContractProblem::Form::kConv || g.in_c != g.out_c) {
    return bad("depthwise and grouped kernels take convolutions with as many outputs as inputs a group");
  }
  if (is_half(problem.a)) {
    const KernelTable& k = kernels_of(config.isa);
    if (problem.a != DType::kBF16 || (config.kind == ContractKind::kGrouped && k.grouped_bf16 == nullptr))
      return bad("this instruction set has no such kernel for 16-bit floats");
    if (std::min(config.nc, problem.conv.groups * problem.conv.out_c) > kMaxTileElements - 64)
      return bad("too many channels for a tile in scratch");
  } else if (problem.a != DType::kF32) {
    if (config.kind != ContractKind::kDepthwise) return bad("grouped kernels take f32");
    if (kernels_of(config.isa).depthwise_i8 == nullptr)
      return bad("this instruction set has no depthwise kernels for integers");
    if (problem.transient && std::min(config.nc, problem.conv.groups) > kMaxTileElements - 64)
      return bad("too many channels for a transient tile");
  } else if (problem.transient) {
    return bad("these kernels have no place for a transient result");
  }
  if (config.kind == ContractKind::kDepthwise && g.in_c != 1) return bad("depthwise kernels take one channel a group");
  if (config.kind == ContractKind::kGrouped) {
    if (g.in_c != 2 && g.in_c != 4 && g.in_c != 8) return bad("grouped kernels take 2, 4 or 8 channels a group");
    if (kernels_of(config.isa).grouped == nullptr) return bad("this instruction set has no grouped kernels");
  }
  return {};
}

int64_t depthwise_packed_size(const ContractProblem& problem, const ContractConfig& config) {
  const int64_t sums = is_float(problem.a) ? 0 : padded_channels(problem, config) * 4;
  return problem.conv.kernel_h * problem.conv.kernel_w * problem.conv.in_c * padded_channels(problem, config) * 4 + sums;
}

// [kernel row][kernel column][input of the group][output channel]; of integers then the sum for each channel
void depthwise_pack(const ContractProblem& problem, const ContractConfig& config, const WeightView& w, char* packed) {
  const ConvGeometry& g = problem.conv;
  const int64_t padded = padded_channels(problem, config);
  float* to = reinterpret_cast<float*>(packed);
  std::memset(to, 0, depthwise_packed_size(problem, config));
  if (!is_float(problem.a)) {
    int32_t* words = reinterpret_cast<int32_t*>(packed);
    int32_t* sums = words + g.kernel_h * g.kernel_w * padded;
    for (int64_t kh = 0; kh < g.kernel_h; ++kh) {
      for (int64_t kw = 0; kw < g.kernel_w; ++kw, words += padded) {
        const int8_t* from = static_cast<const int8_t*>(w.data) + kh * w.kh + kw * w.kw;
        for (int64_t c = 0; c < g.groups; ++c) {
          words[c] = static_cast<uint16_t>(from[c * w.group]);
          sums[c] += from[c * w.group];
        }
      }
    }
    return;
  }
  for (int64_t kh = 0; kh < g.kernel_h; ++kh) {
    for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
      for (int64_t input = 0; input < g.in_c; ++input, to += padded) {
        const int64_t from = kh * w.kh + kw * w.kw + input * w.in;
        for (int64_t c = 0; c < g.groups * g.out_c; ++c) {
          const int64_t at = from + c / g.out_c * w.group + c % g.out_c * w.out;
          to[c] = problem.a == DType::kF32 ? static_cast<const float*>(w.data)[at]
                                           : bf16_to_f32(static_cast<const uint16_t*>(w.data)[at]);
        }
      }
    }
  }
}

int64_t depthwise_workspace(const ContractProblem& problem, const ContractConfig&, int workers) {
  return problem.transient || is_half(problem.a) ? workers * kTransientBytes : 0;
}

void depthwise_run(const ContractProblem& problem, const ContractConfig& config, const ContractArgs& args, Executor& executor) {
  Job job{args,
          problem.conv.with_strides(),
          kernels_of(config.isa),
          0,
          0,
          0,
          0,
          padded_channels(problem, config),
          0,
          !is_float(problem.a),
          problem.a == DType::kI8,
          problem.transient,
          problem.a,
          problem.c};
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
