#include "tests/backend/cpu/contract_reference.h"

namespace temper::cpu {
namespace {

std::vector<IsaLevel> levels() {
  std::vector<IsaLevel> all;
  for (int i = 0; i <= static_cast<int>(cpu_info().isa); ++i) all.push_back(static_cast<IsaLevel>(i));
  return all;
}

// Runs one config with 1, 2 and 3 threads: all bits equal, all values near the float64 sums, nothing outside the view touched.
void check(const ContractProblem& p, const ContractConfig& config) {
  SCOPED_TRACE(config.to_string());
  const ConvGeometry g = p.conv.with_strides();
  ASSERT_TRUE(validate(p, config).ok()) << validate(p, config).error().to_string();
  const Extents e = extents(p);
  const std::vector<float> a = random_floats(e.a, 1),
                           w = random_floats(g.groups * g.in_c * g.out_c * g.kernel_h * g.kernel_w, 2);
  const std::vector<float> bias = random_floats(e.cols, 3), residual = random_floats((e.rows - 1) * (e.cols + 3) + e.cols, 4);
  Fenced packed(packed_size(p, config));
  pack(p, config, onnx_conv_weights(p, w.data()), packed.get());
  const Fenced fenced_a(a), fenced_bias(bias), fenced_residual(residual);
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    std::vector<float> c(e.c, 777.0f);
    const Fenced fenced_c(c);
    Threads executor(threads);
    Fenced workspace(workspace_bytes(p, config, threads));
    Hook hook(e.rows, e.cols);
    ContractArgs args{fenced_a.get(), packed.get(), fenced_c.get()};
    args.epilogue = {fenced_bias.floats(), fenced_residual.floats(), e.cols + 3, -1.5f, 2.0f, &Hook::call, &hook};
    args.workspace = workspace.get();
    run(p, config, args, executor);
    std::memcpy(c.data(), fenced_c.get(), c.size() * 4);
    for (const std::atomic<int>& n : hook.seen) ASSERT_EQ(n, 1);
    if (threads == 1) {
      first = c;
    } else {
      ASSERT_EQ(0, std::memcmp(first.data(), c.data(), c.size() * 4)) << threads << " threads give other bits";
    }
  }
  std::vector<bool> written(e.c);
  const double depth = double(g.in_c * g.kernel_h * g.kernel_w);
  for (int64_t image = 0; image < g.batch; ++image) {
    for (int64_t y = 0; y < g.out_h; ++y) {
      for (int64_t x = 0; x < g.out_w; ++x) {
        const int64_t row = dense_row(g, image, y, x);
        for (int64_t col = 0; col < e.cols; ++col) {
          const Exact exact = exact_conv(p, a.data(), w.data(), image, y, x, col, 0);
          const double r = residual[row * (e.cols + 3) + col];
          const double clamped = std::min(2.0, std::max(-1.5, exact.sum + bias[col] + r));
          const double want = 2 * clamped + double(row % 7) - double(col % 5);
          const int64_t at = image * g.out_image + y * g.out_row + x * g.out_pixel + col;
          written[at] = true;
          const double tolerance = 1.2e-7 * (4 + std::sqrt(depth)) * (depth / 2 + 3) * 0.5 * winograd_slack(config.kind) + 4e-6;
          ASSERT_NEAR(first[at], want, tolerance) << "image " << image << " y " << y << " x " << x << " col " << col;
        }
      }
    }
  }
  for (int64_t i = 0; i < e.c; ++i) ASSERT_TRUE(written[i] || first[i] == 777.0f) << "element " << i << " is not of the view";
}

void check_all(const ContractProblem& p) {
  for (IsaLevel isa : levels()) {
    Machine machine;
    machine.isa = isa;
    machine.l2 = 16 << 10;  // small, so that small problems have several blocks
    machine.workers = 2;
    const std::vector<ContractConfig> configs = enumerate_configs(p, machine);
    ASSERT_FALSE(configs.empty());
    for (const ContractConfig& c : configs) {
      check(p, c);
      if (::testing::Test::HasFatalFailure()) return;
      const Expected<ContractConfig> again = ContractConfig::parse(c.to_string());
      ASSERT_TRUE(again.ok());
      ASSERT_EQ(*again, c);
    }
  }
}

ConvGeometry conv(int64_t batch, int64_t h, int64_t w, int64_t in_c, int64_t out_c, int64_t kernel, int64_t stride,
                  int64_t pad) {
  ConvGeometry g;
  g.batch = batch, g.in_h = h, g.in_w = w, g.in_c = in_c, g.out_c = out_c;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.pad_top = g.pad_left = pad;
  g.out_h = (h + 2 * pad - kernel) / stride + 1;
  g.out_w = (w + 2 * pad - kernel) / stride + 1;
  return g;
}

TEST(ContractConv, Pointwise) {
  check_all(ContractProblem::make_conv(conv(2, 5, 7, 19, 37, 1, 1, 0)));
  check_all(ContractProblem::make_conv(conv(1, 9, 8, 64, 70, 1, 2, 0)));
  check_all(ContractProblem::make_conv(conv(1, 6, 6, 16, 3, 1, 1, 1)));
}

TEST(ContractConv, ThreeByThree) {
  check_all(ContractProblem::make_conv(conv(1, 9, 11, 16, 33, 3, 1, 1)));
  check_all(ContractProblem::make_conv(conv(2, 7, 7, 21, 16, 3, 1, 1)));
  check_all(ContractProblem::make_conv(conv(1, 12, 13, 8, 50, 3, 2, 1)));
  check_all(ContractProblem::make_conv(conv(1, 14, 5, 9, 9, 3, 1, 0)));
  check_all(ContractProblem::make_conv(conv(1, 1, 1, 9, 40, 3, 1, 1)));
}

TEST(ContractConv, StemAndLargeKernels) {
  check_all(ContractProblem::make_conv(conv(1, 23, 25, 3, 17, 7, 2, 3)));
  check_all(ContractProblem::make_conv(conv(1, 12, 8, 1, 20, 5, 1, 2)));
  check_all(ContractProblem::make_conv(conv(1, 16, 16, 3, 34, 4, 4, 0)));
}

TEST(ContractConv, DilationAsymmetricPadsOneDimension) {
  ConvGeometry g = conv(1, 11, 13, 6, 18, 3, 1, 2);
  g.dilation_h = 2, g.dilation_w = 3;
  g.pad_top = 1, g.pad_left = 4;
  g.out_h = 9, g.out_w = 12;
  check_all(ContractProblem::make_conv(g));
  ConvGeometry line = conv(2, 1, 29, 5, 33, 1, 1, 0);
  line.kernel_w = 5, line.stride_w = 2, line.pad_left = 1, line.out_w = 14;
  check_all(ContractProblem::make_conv(line));
  ConvGeometry cropped = conv(1, 9, 9, 4, 20, 3, 1, 0);  // negative pads cut the image
  cropped.pad_top = -1, cropped.pad_left = -2, cropped.out_h = 6, cropped.out_w = 5;
  check_all(ContractProblem::make_conv(cropped));
  ConvGeometry far = conv(1, 4, 4, 4, 17, 3, 1, 9);  // some taps and some whole outputs see nothing but padding
  check_all(ContractProblem::make_conv(far));
}

TEST(ContractConv, WinogradOnThePhasesOfADilation) {
  struct Case {
    int64_t h, w, dilation_h, dilation_w, pad_top, pad_left, out_h, out_w;
  };
  // Phases of unequal sizes, phases without a second tile, more phases than rows, pads that are no multiple of the dilation.
  for (const Case& c : {Case{13, 15, 2, 3, 2, 3, 13, 15}, Case{9, 11, 4, 4, 4, 4, 9, 11}, Case{3, 14, 6, 1, 6, 1, 3, 14},
                        Case{16, 12, 3, 2, 2, 3, 14, 13}}) {
    ConvGeometry g = conv(1, c.h, c.w, 9, 18, 3, 1, 0);
    g.dilation_h = c.dilation_h, g.dilation_w = c.dilation_w;
    g.pad_top = c.pad_top, g.pad_left = c.pad_left;
    g.out_h = c.out_h, g.out_w = c.out_w;
    const ContractProblem p = ContractProblem::make_conv(g);
    for (IsaLevel isa : levels()) {
      for (ContractKind kind : {ContractKind::kWinograd2, ContractKind::kWinograd4}) {
        for (int64_t mc : {3, 64})
          check(p, {.kind = kind, .isa = isa, .mr = 3, .nv = 1, .mc = mc, .kc = 16, .nc = mc < 64 ? 16 : 32});
      }
    }
  }
}

TEST(ContractConv, GroupsAndDepthwise) {
  ConvGeometry g = conv(2, 6, 9, 4, 6, 3, 1, 1);
  g.groups = 5;
  check_all(ContractProblem::make_conv(g));
  for (int64_t channels : {2, 4, 8}) {
    ConvGeometry thin = conv(1, 7, 12, channels, channels, 3, 1, 1);
    thin.groups = 11;
    check_all(ContractProblem::make_conv(thin));
    thin.dilation_w = 2, thin.pad_left = 2;
    check_all(ContractProblem::make_conv(thin));
  }
  for (int64_t kernel : {3, 5, 7}) {
    for (int64_t stride : {1, 2, 3}) {
      ConvGeometry d = conv(1, 11, 14, 1, 1, kernel, stride, kernel / 2);
      d.groups = 37;
      check_all(ContractProblem::make_conv(d));
    }
  }
  ConvGeometry d = conv(1, 12, 12, 1, 1, 3, 1, 2);
  d.groups = 85, d.dilation_h = d.dilation_w = 2, d.pad_left = 3;
  check_all(ContractProblem::make_conv(d));
}

TEST(ContractConv, StridedViews) {
  ConvGeometry g = conv(2, 6, 7, 16, 24, 3, 1, 1);
  g.in_pixel = 21, g.in_row = 7 * 21 + 5, g.in_image = 6 * g.in_row + 3;
  g.out_pixel = 40, g.out_row = 7 * 40 + 8, g.out_image = 6 * g.out_row;
  check_all(ContractProblem::make_conv(g));
  ConvGeometry one = conv(2, 6, 7, 16, 24, 1, 1, 0);
  one.in_pixel = 21, one.out_pixel = 40;
  check_all(ContractProblem::make_conv(one));
  ConvGeometry d = conv(1, 6, 7, 1, 1, 3, 1, 1);
  d.groups = 20, d.in_pixel = 30, d.out_pixel = 23;
  check_all(ContractProblem::make_conv(d));
}

TEST(ContractConv, Transposed) {
  for (int64_t stride : {1, 2, 3}) {
    for (int64_t kernel : {2, 3, 4}) {
      ConvGeometry g = conv(2, 5, 4, 7, 19, kernel, stride, 0);
      g.pad_top = kernel / 3, g.pad_left = 1;
      g.out_h = (g.in_h - 1) * stride + kernel - 2 * g.pad_top + (stride > 1 ? 1 : 0);
      g.out_w = (g.in_w - 1) * stride + kernel - 1 - g.pad_left;
      if (g.out_w < 1) continue;
      check_all(ContractProblem::make_conv_transpose(g));
    }
  }
  ConvGeometry g = conv(1, 5, 4, 3, 5, 3, 2, 1);
  g.groups = 3, g.dilation_h = 2, g.dilation_w = 3;
  g.out_h = 4 * 2 + 2 * 2 + 1 - 2, g.out_w = 3 * 2 + 2 * 3 + 1 - 2;
  check_all(ContractProblem::make_conv_transpose(g));
}

// Weights are packed once, for images of any size: also for one whose output is smaller than the stride.
TEST(ContractConv, PackedWeightsDoNotDependOnTheImage) {
  ConvGeometry small = conv(1, 1, 1, 5, 18, 2, 3, 0), large = conv(1, 6, 7, 5, 18, 2, 3, 0);
  small.out_h = small.out_w = 2;
  large.out_h = 17, large.out_w = 20;
  const ContractProblem of_small = ContractProblem::make_conv_transpose(small);
  const ContractProblem of_large = ContractProblem::make_conv_transpose(large);
  const std::vector<float> w = random_floats(5 * 18 * 4, 7);
  for (IsaLevel isa : levels()) {
    Machine machine;
    machine.isa = isa;
    for (const ContractConfig& config : enumerate_configs(of_large, machine)) {
      ASSERT_EQ(packed_size(of_small, config), packed_size(of_large, config)) << config.to_string();
      std::vector<std::byte> a(packed_size(of_small, config)), b(a.size());
      pack(of_small, config, onnx_conv_weights(of_small, w.data()), a.data());
      pack(of_large, config, onnx_conv_weights(of_large, w.data()), b.data());
      EXPECT_EQ(a, b) << config.to_string();
    }
  }
  check_all(of_small);
}

TEST(ContractConv, FewOutputChannels) {
  const auto check_thin = [](const ContractProblem& p) {
    Machine machine;
    machine.isa = levels().front();
    const std::vector<ContractConfig> configs = enumerate_configs(p, machine);
    EXPECT_TRUE(std::any_of(configs.begin(), configs.end(), [](const auto& c) { return c.kind == ContractKind::kDot; }));
    check_all(p);
  };
  for (int64_t channels : {1, 2, 3, 4}) {
    check_thin(ContractProblem::make_conv(conv(2, 9, 21, 19, channels, 3, 1, 1)));
    check_thin(ContractProblem::make_conv(conv(1, 12, 13, 32, channels, 5, 2, 2)));
    ConvGeometry g = conv(1, 6, 7, 9, channels, 4, 2, 0);
    g.pad_top = g.pad_left = 1;
    g.out_h = 13, g.out_w = 14;
    check_thin(ContractProblem::make_conv_transpose(g));
  }
  ConvGeometry g = conv(2, 8, 15, 5, 3, 3, 1, 2);
  g.groups = 4, g.dilation_w = 2;
  check_thin(ContractProblem::make_conv(g));
  g.in_pixel = 26, g.out_pixel = 13;
  check_thin(ContractProblem::make_conv(g));
  check_thin(ContractProblem::make_conv(conv(1, 4, 4, 4, 2, 3, 1, 9)));
}

}  // namespace
}  // namespace temper::cpu
