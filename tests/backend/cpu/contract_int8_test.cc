#include "tests/backend/cpu/contract_reference.h"

namespace temper::cpu {
namespace {

struct Data {
  std::vector<uint8_t> a;  // bytes of u8 or i8
  std::vector<int8_t> w;
  std::vector<float> scale, bias, residual;
  std::vector<double> real;  // a as numbers
  Quantization quantization;
};

Data make_data(const ContractProblem& p, int64_t weights) {
  std::mt19937 random(5);
  const Extents e = extents(p);
  Data d;
  for (int64_t i = 0; i < e.a; ++i) {
    d.a.push_back(static_cast<uint8_t>(random()));
    d.real.push_back(p.a == DType::kU8 ? double(d.a.back()) : double(static_cast<int8_t>(d.a.back())));
  }
  for (int64_t i = 0; i < weights; ++i) d.w.push_back(static_cast<int8_t>(random()));  // the extremes too
  for (int64_t i = 0; i < e.cols; ++i) d.scale.push_back(0.001f * static_cast<float>(1 + i % 5));
  d.bias = random_floats(e.cols, 3);
  d.residual = random_floats(e.rows * e.cols, 4);
  d.quantization = {p.a == DType::kU8 ? 119 : -7, d.scale.data(), 1 / 0.37f, p.c == DType::kU8 ? 131 : -3};
  return d;
}

double wanted(const ContractProblem& p, const Data& d, double sum, int64_t row, int64_t col, int64_t cols) {
  if (p.c == DType::kI32) return sum;
  const float real = static_cast<float>(sum) * d.scale[col] + d.bias[col] + d.residual[row * cols + col];
  const float clamped = std::max(-30.0f, real);
  if (p.c == DType::kF32) return clamped;
  const double rounded = std::nearbyint(clamped * d.quantization.out_inverse_scale) + d.quantization.out_zero;
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

void check_all(ContractProblem p) {
  const bool gemm = p.form == ContractProblem::Form::kGemm;
  const int64_t weights =
      gemm ? p.gemm.depth * p.gemm.cols : p.conv.groups * p.conv.in_c * p.conv.out_c * p.conv.kernel_h * p.conv.kernel_w;
  for (DType a : {DType::kU8, DType::kI8}) {
    for (DType c : {DType::kI32, DType::kF32, DType::kU8, DType::kI8}) {
      p.a = a, p.b = DType::kI8, p.c = c;
      const Data d = make_data(p, weights);
      const Extents e = extents(p);
      const Fenced a_data(d.a), bias(d.bias), residual(d.residual), scale(d.scale);
      for (int isa = 0; isa <= static_cast<int>(cpu_info().isa); ++isa) {
        Machine machine;
        machine.isa = static_cast<IsaLevel>(isa);
        machine.l2 = 16 << 10;
        const std::vector<ContractConfig> configs = enumerate_configs(p, machine);
        ASSERT_FALSE(configs.empty());
        for (const ContractConfig& config : configs) {
          SCOPED_TRACE(config.to_string() + " " + std::string(dtype_name(a)) + " -> " + std::string(dtype_name(c)));
          Fenced packed(packed_size(p, config)), out(e.c * dtype_bits(c) / 8, dtype_bits(c) / 8);
          const WeightView view = gemm ? row_major_weights(p, d.w.data()) : onnx_conv_weights(p, d.w.data());
          pack(p, config, view, packed.get());
          Fenced workspace(workspace_bytes(p, config, 2));
          Threads executor(2);
          ContractArgs args{a_data.get(), packed.get(), out.get()};
          args.epilogue.bias = bias.floats();
          args.epilogue.residual = residual.floats();
          args.epilogue.residual_row = e.cols;
          args.epilogue.lo = -30;
          args.quantization = d.quantization;
          args.quantization.scale = scale.floats();
          args.workspace = workspace.get();
          run(p, config, args, executor);
          for (int64_t row = 0; row < e.rows; ++row) {
            for (int64_t col = 0; col < e.cols; ++col) {
              double sum = 0;
              if (gemm) {
                for (int64_t k = 0; k < p.gemm.depth; ++k) {
                  sum += (d.real[row * p.gemm.depth + k] - d.quantization.a_zero) * d.w[k * p.gemm.cols + col];
                }
              } else {
                const int64_t x = row % p.conv.out_w, y = row / p.conv.out_w % p.conv.out_h;
                const int64_t image = row / p.conv.out_w / p.conv.out_h;
                sum = exact_conv(p, d.real.data(), d.w.data(), image, y, x, col, d.quantization.a_zero).sum;
              }
              const double want = wanted(p, d, sum, row, col, e.cols), got = stored(p, out.get(), row * e.cols + col);
              // Exact where integers are stored; a value at a rounding boundary may go either way.
              const double tolerance = c == DType::kI32 ? 0 : c == DType::kF32 ? 1e-4 : 1;
              ASSERT_NEAR(got, want, tolerance) << "row " << row << " col " << col;
            }
          }
        }
      }
    }
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
  ConvGeometry up;
  up.in_h = 3, up.in_w = 4, up.in_c = 4, up.out_c = 6, up.kernel_h = up.kernel_w = 3, up.stride_h = up.stride_w = 2;
  up.pad_top = up.pad_left = 1, up.out_h = 6, up.out_w = 7;
  check_all(ContractProblem::make_conv_transpose(up));
}

}  // namespace
}  // namespace temper::cpu
