#include "tests/backend/cpu/contract_reference.h"

namespace temper::cpu {
namespace {

// What follows the sum: see Quantization.
struct Variant {
  bool middle = false;
  DType residual = DType::kString;  // none
};

struct Data {
  std::vector<uint8_t> a;  // bytes of u8 or i8
  std::vector<int8_t> w;
  std::vector<int32_t> shift;
  std::vector<float> scale, bias, residual;
  std::vector<uint8_t> residual_bytes;
  std::vector<double> real;  // a as numbers
  Quantization quantization;
  double zero = 0;
};

Data make_data(const ContractProblem& p, int64_t weights, const Variant& variant) {
  std::mt19937 random(5);
  const Extents e = extents(p);
  Data d;
  for (int64_t i = 0; i < e.a; ++i) {
    d.a.push_back(static_cast<uint8_t>(random()));
    d.real.push_back(p.a == DType::kU8 ? double(d.a.back()) : double(static_cast<int8_t>(d.a.back())));
  }
  for (int64_t i = 0; i < weights; ++i) d.w.push_back(static_cast<int8_t>(random()));  // the extremes too
  for (int64_t i = 0; i < e.cols; ++i) d.scale.push_back(0.003f * static_cast<float>(1 + i % 5));
  for (float b : random_floats(e.cols, 3)) d.bias.push_back(20 * b);
  for (float r : random_floats(e.rows * e.cols, 4)) d.residual.push_back(50 * r);
  for (int64_t i = 0; i < e.rows * e.cols; ++i) d.residual_bytes.push_back(static_cast<uint8_t>(random()));
  // The zero point of a: pads count nothing, so they read it, and what it adds to a column is taken off. Between the inputs of
  // a transposed convolution nothing is read.
  const bool transposed = p.form == ContractProblem::Form::kConvTranspose;
  d.zero = transposed ? 0 : p.a == DType::kU8 ? 119 : -7;
  const int64_t depth = static_cast<int64_t>(d.w.size()) / e.cols;
  for (int64_t col = 0; col < e.cols; ++col) {
    int32_t sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += p.form == ContractProblem::Form::kGemm ? d.w[k * e.cols + col] : d.w[col * depth + k];
    d.shift.push_back(static_cast<int32_t>(d.zero) * sum);
  }
  Quantization& q = d.quantization;
  q.a_fill = static_cast<int32_t>(d.zero);
  q.out_zero = p.c == DType::kU8 ? 131 : -3;
  if (variant.middle) q.middle = {-100, 90, 0.75f};
  q.residual_type = variant.residual;
  if (variant.residual == DType::kF32)
    q.residual_zero = 0, q.residual_scale = 0.5f;
  else
    q.residual_zero = 11, q.residual_scale = 0.3f;
  q.residual_row = e.cols;
  return d;
}

double residual_at(const Data& d, int64_t at) {
  if (d.quantization.residual_type == DType::kF32) return d.residual[at];
  if (d.quantization.residual_type == DType::kU8) return d.residual_bytes[at];
  return static_cast<int8_t>(d.residual_bytes[at]);
}

constexpr double kLow = -60;

double wanted(const ContractProblem& p, const Data& d, double sum, int64_t row, int64_t col, int64_t cols) {
  if (p.c == DType::kI32) return sum;
  const Quantization& q = d.quantization;
  double x = sum * d.scale[col] + d.bias[col];
  if (q.middle.scale != 0) x = std::clamp<double>(std::nearbyint(x), q.middle.lo, q.middle.hi) * q.middle.scale;
  if (q.residual_type != DType::kString) x += (residual_at(d, row * cols + col) - q.residual_zero) * q.residual_scale;
  x = std::max(kLow, x);
  if (p.c == DType::kF32) return x;
  const double rounded = std::nearbyint(x) + q.out_zero;
  return p.c == DType::kU8 ? std::min(255.0, std::max(0.0, rounded)) : std::min(127.0, std::max(-128.0, rounded));
}

double stored(const ContractProblem& p, const char* c, int64_t at) {
  switch (p.c) {
    case DType::kI32:
      return reinterpret_cast<const int32_t*>(c)[at];
    case DType::kF32:
      return reinterpret_cast<const float*>(c)[at];
    case DType::kU8:
      return reinterpret_cast<const uint8_t*>(c)[at];
    default:
      return reinterpret_cast<const int8_t*>(c)[at];
  }
}

// Keeps the tiles of a transient result.
struct Keep {
  int64_t cols = 0;
  std::vector<int32_t> all;
  std::vector<std::atomic<int>> seen;
  Keep(int64_t rows, int64_t columns) : cols(columns), all(rows * columns), seen(rows * columns) {}
  static void call(void* self, int, void* tile, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    Keep& keep = *static_cast<Keep*>(self);
    EXPECT_TRUE(rows * cols <= kMaxTileElements || rows == 1);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        keep.all.at((row + i) * keep.cols + col + j) = static_cast<const int32_t*>(tile)[i * ld + j];
        ++keep.seen.at((row + i) * keep.cols + col + j);
      }
    }
  }
};

double sum_at(const ContractProblem& p, const Data& d, int64_t row, int64_t col) {
  if (p.form != ContractProblem::Form::kGemm) {
    const int64_t x = row % p.conv.out_w, y = row / p.conv.out_w % p.conv.out_h, image = row / p.conv.out_w / p.conv.out_h;
    return exact_conv(p, d.real.data(), d.w.data(), image, y, x, col, d.zero).sum;
  }
  double sum = 0;
  for (int64_t k = 0; k < p.gemm.depth; ++k) sum += (d.real[row * p.gemm.depth + k] - d.zero) * d.w[k * p.gemm.cols + col];
  return sum;
}

void check(ContractProblem p, const Variant& variant, int64_t weights) {
  const bool gemm = p.form == ContractProblem::Form::kGemm;
  const Data d = make_data(p, weights, variant);
  const Extents e = extents(p);
  const bool has_residual = variant.residual != DType::kString, real_residual = variant.residual == DType::kF32;
  const Fenced a_data(d.a), bias(d.bias), scale(d.scale), shift(d.shift), floats(d.residual), bytes(d.residual_bytes);
  std::vector<double> sums;
  for (int64_t at = 0; at < e.rows * e.cols; ++at) sums.push_back(sum_at(p, d, at / e.cols, at % e.cols));
  for (int isa = 0; isa <= static_cast<int>(cpu_info().isa); ++isa) {
    Machine machine;
    machine.isa = static_cast<IsaLevel>(isa);
    machine.l2 = 16 << 10;
    const std::vector<ContractConfig> configs = enumerate_configs(p, machine);
    ASSERT_FALSE(configs.empty());
    for (const ContractConfig& config : configs) {
      SCOPED_TRACE(config.to_string() + " " + std::string(dtype_name(p.a)) + " -> " + std::string(dtype_name(p.c)) +
                   (p.transient ? " transient" : "") + (variant.middle ? " middle" : "") +
                   (has_residual ? " + " + std::string(dtype_name(variant.residual)) : ""));
      Fenced packed(packed_size(p, config)), out(p.transient ? 0 : e.c * dtype_bits(p.c) / 8, dtype_bits(p.c) / 8);
      const WeightView view = gemm ? row_major_weights(p, d.w.data()) : onnx_conv_weights(p, d.w.data());
      pack(p, config, view, packed.get());
      Fenced workspace(workspace_bytes(p, config, 2));
      Threads executor(2);
      Keep keep(e.rows, e.cols);
      ContractArgs args{a_data.get(), packed.get(), out.get()};
      args.epilogue.bias = bias.floats();
      args.epilogue.lo = static_cast<float>(kLow);
      if (p.transient) args.epilogue.tile = &Keep::call, args.epilogue.self = &keep;
      args.quantization = d.quantization;
      args.quantization.scale = scale.floats();
      args.quantization.shift = reinterpret_cast<const int32_t*>(shift.get());
      if (has_residual) args.quantization.residual = real_residual ? floats.get() : bytes.get();
      args.workspace = workspace.get();
      run(p, config, args, executor);
      for (int64_t at = 0; at < e.rows * e.cols; ++at) {
        const int64_t row = at / e.cols, col = at % e.cols;
        if (p.transient) {
          ASSERT_EQ(keep.seen[at], 1) << "row " << row << " col " << col;
        }
        const double want = wanted(p, d, sums[at], row, col, e.cols),
                     got = p.transient ? keep.all[at] : stored(p, out.get(), at);
        // Sums are exact; a value at a rounding boundary may go either way, and so does what it is added to.
        const double step = variant.middle ? d.quantization.middle.scale : 0;
        const double tolerance = p.c == DType::kI32 ? 0 : p.c == DType::kF32 ? 1e-2 + step : 1;
        ASSERT_NEAR(got, want, tolerance) << "row " << row << " col " << col;
      }
    }
  }
}

void check_all(ContractProblem p) {
  const bool gemm = p.form == ContractProblem::Form::kGemm;
  const int64_t weights =
      gemm ? p.gemm.depth * p.gemm.cols : p.conv.groups * p.conv.in_c * p.conv.out_c * p.conv.kernel_h * p.conv.kernel_w;
  p.b = DType::kI8;
  for (DType a : {DType::kU8, DType::kI8}) {
    p.a = a;
    for (DType c : {DType::kI32, DType::kF32, DType::kU8, DType::kI8}) {
      p.c = c;
      check(p, {}, weights);
      if (c == DType::kI32) continue;
      check(p, {.middle = true}, weights);
      for (DType residual : {DType::kF32, DType::kU8, DType::kI8})
        check(p, {.middle = residual == DType::kU8, .residual = residual}, weights);
    }
    p.c = DType::kI32, p.transient = true;
    check(p, {}, weights);
    p.transient = false;
  }
}

TEST(ContractInt8, Products) {
  for (int64_t depth : {1, 3, 8, 61}) {
    GemmGeometry g;
    g.rows = 17, g.depth = depth, g.cols = 37;
    check_all(ContractProblem::make_gemm(g));
  }
  GemmGeometry g;
  g.rows = 1, g.depth = 40, g.cols = 5;
  check_all(ContractProblem::make_gemm(g));
}

TEST(ContractInt8, Convolutions) {
  ConvGeometry g;
  g.batch = 2, g.in_h = 7, g.in_w = 6, g.in_c = 5, g.out_c = 19;
  g.kernel_h = g.kernel_w = 3, g.pad_top = g.pad_left = 1;
  g.out_h = 7, g.out_w = 6;
  check_all(ContractProblem::make_conv(g));
  g.stride_h = g.stride_w = 2, g.in_c = 8, g.groups = 2, g.out_h = 4, g.out_w = 3;
  check_all(ContractProblem::make_conv(g));
  ConvGeometry depthwise;
  depthwise.in_h = 6, depthwise.in_w = 5, depthwise.groups = 9;
  depthwise.kernel_h = depthwise.kernel_w = 3, depthwise.pad_top = depthwise.pad_left = 1;
  depthwise.out_h = 6, depthwise.out_w = 5;
  check_all(ContractProblem::make_conv(depthwise));
  depthwise.stride_h = depthwise.stride_w = 2, depthwise.kernel_h = depthwise.kernel_w = 5,
  depthwise.pad_top = depthwise.pad_left = 2;
  depthwise.in_h = 21, depthwise.in_w = 40, depthwise.groups = 35, depthwise.out_h = 11, depthwise.out_w = 20;
  check_all(ContractProblem::make_conv(depthwise));
  depthwise.stride_w = 1, depthwise.kernel_w = 3, depthwise.pad_left = 0, depthwise.dilation_w = 2, depthwise.out_w = 36;
  check_all(ContractProblem::make_conv(depthwise));
  ConvGeometry up;
  up.in_h = 3, up.in_w = 4, up.in_c = 4, up.out_c = 6, up.kernel_h = up.kernel_w = 3, up.stride_h = up.stride_w = 2;
  up.pad_top = up.pad_left = 1, up.out_h = 6, up.out_w = 7;
  check_all(ContractProblem::make_conv_transpose(up));
}

}  // namespace
}  // namespace temper::cpu
