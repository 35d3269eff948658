// Products of 16-bit floats: on every instruction set, with every result and epilogue, against float64 sums of the rounded
// operands and the error model.
#include "backend/cpu/run/tile/ops.h"
#include "kernel/tolerance.h"
#include "tests/backend/cpu/contract_reference.h"

namespace temper::cpu {
namespace {

uint16_t half_bits(float x, DType type) { return type == DType::kBF16 ? f32_to_bf16(x) : f32_to_f16(x); }
float half_value(uint16_t x, DType type) { return type == DType::kBF16 ? bf16_to_f32(x) : f16_to_f32(x); }

std::vector<uint16_t> random_halves(int64_t count, DType type, uint32_t seed) {
  std::vector<uint16_t> halves;
  for (float x : random_floats(count, seed)) halves.push_back(half_bits(x, type));
  return halves;
}
std::vector<double> values_of(const std::vector<uint16_t>& halves, DType type) {
  std::vector<double> values;
  for (uint16_t x : halves) values.push_back(half_value(x, type));
  return values;
}

// What is behind the sum; the results of a transient problem are kept by the hook.
enum class Finish { kNothing, kResidual, kHook, kTransient, kSlope, kActivation };
constexpr float kLo = -1.5f, kHi = 2.0f, kSlope = 0.125f;

struct Keeper {
  int64_t cols = 0;
  std::vector<float> values;
  static void call(void* self, int, void* data, int64_t ld, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    Keeper& k = *static_cast<Keeper*>(self);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) k.values.at((row + i) * k.cols + col + j) = static_cast<float*>(data)[i * ld + j];
    }
  }
};

// One run with `threads`; the result as numbers, in the places of the result or, for a transient one, by row and column.
std::vector<float> run_once(const ContractProblem& p, const ContractConfig& config, const void* a, const void* b,
                            const std::vector<float>& bias, const std::vector<uint16_t>& residual, Finish finish, int threads,
                            bool with_residual, std::vector<std::byte>* bits) {
  const Extents e = extents(p);
  const int64_t bytes = dtype_bits(p.c) / 8;
  const Fenced c(e.c * bytes, bytes), fenced_bias(bias), fenced_residual(residual);
  Fenced workspace(workspace_bytes(p, config, threads));
  Hook hook(e.rows, e.cols);
  Keeper keeper{e.cols, std::vector<float>(e.rows * e.cols)};
  ContractArgs args{a, b, p.transient ? nullptr : c.get()};
  args.epilogue.bias = fenced_bias.floats();
  args.epilogue.lo = kLo, args.epilogue.hi = kHi;
  if (finish == Finish::kResidual) {
    args.epilogue.residual = fenced_residual.get();
    args.epilogue.residual_row = e.cols + 3;
    args.epilogue.residual_type = p.a;
  }
  if (finish == Finish::kSlope || finish == Finish::kActivation) {
    args.epilogue.slope = finish == Finish::kSlope ? kSlope : 1;
    if (finish == Finish::kActivation)
      args.epilogue.activation =
          tile::tile_ops().scalar[static_cast<int>(ScalarOp::k_tanh)][static_cast<int>(tile::RegType::kF32)];
    if (with_residual) {
      args.epilogue.residual = fenced_residual.get();
      args.epilogue.residual_row = e.cols + 3;
      args.epilogue.residual_type = p.a;
      args.epilogue.residual_use = finish == Finish::kSlope ? ResidualUse::kAdd : ResidualUse::kMultiply;
    }
    args.epilogue.lo = -std::numeric_limits<float>::infinity(), args.epilogue.hi = std::numeric_limits<float>::infinity();
  }
  if (finish == Finish::kHook) args.epilogue.tile = &Hook::call, args.epilogue.self = &hook;
  if (finish == Finish::kTransient) args.epilogue.tile = &Keeper::call, args.epilogue.self = &keeper;
  args.workspace = workspace.get();
  Threads executor(threads);
  run(p, config, args, executor);
  if (finish == Finish::kTransient) {
    bits->resize(keeper.values.size() * 4);
    std::memcpy(bits->data(), keeper.values.data(), bits->size());
    return keeper.values;
  }
  bits->assign(reinterpret_cast<std::byte*>(c.get()), reinterpret_cast<std::byte*>(c.get()) + e.c * bytes);
  std::vector<float> values;
  for (int64_t i = 0; i < e.c; ++i) {
    values.push_back(bytes == 4 ? reinterpret_cast<float*>(c.get())[i]
                                : half_value(reinterpret_cast<uint16_t*>(c.get())[i], p.c));
  }
  return values;
}

// `exact(row, col)` and `place(row, col)`: the sum, and where the result lies.
template <class Sum, class Place>
void check(ContractProblem p, const ContractConfig& config, const std::vector<uint16_t>& a, const std::vector<uint16_t>& b,
           const WeightView& weights, bool packs, int64_t depth, Finish finish, Sum exact, Place place) {
  SCOPED_TRACE(config.to_string() + " " + std::string(dtype_name(p.a)) + " -> " + std::string(dtype_name(p.c)) + ", finish " +
               std::to_string(static_cast<int>(finish)));
  p.transient = finish == Finish::kTransient;
  if (!validate(p, config).ok()) {  // these have no place for it
    ASSERT_TRUE(p.transient || config.kind == ContractKind::kDepthwise || config.kind == ContractKind::kGrouped);
    return;
  }
  const Extents e = extents(p);
  const bool thin = config.kind == ContractKind::kDepthwise || config.kind == ContractKind::kGrouped;  // add no residual
  const std::vector<float> bias = random_floats(e.cols, 3);
  const std::vector<uint16_t> residual = random_halves((e.rows - 1) * (e.cols + 3) + e.cols, p.a, 4);
  Fenced packed(packed_size(p, config));
  if (packs) pack(p, config, weights, packed.get());
  const Fenced fenced_a(a), fenced_b(b);
  std::vector<std::byte> first, again;
  const auto* right = packs ? packed.get() : fenced_b.get();
  const std::vector<float> got = run_once(p, config, fenced_a.get(), right, bias, residual, finish, 1, !thin, &first);
  run_once(p, config, fenced_a.get(), right, bias, residual, finish, 3, !thin, &again);
  ASSERT_EQ(first, again) << "3 threads give other bits";
  for (int64_t row = 0; row < e.rows; ++row) {
    for (int64_t col = 0; col < e.cols; ++col) {
      const Exact sum = exact(row, col);
      const double r = finish == Finish::kResidual ? half_value(residual[row * (e.cols + 3) + col], p.a) : 0;
      double want = std::min(double(kHi), std::max(double(kLo), sum.sum + bias[col] + r));
      double allowed = tolerance(p.c, DType::kF32, depth + 2, sum.magnitude + std::fabs(bias[col]) + std::fabs(r));
      if (finish == Finish::kHook) {
        want = 2 * want + double(row % 7) - double(col % 5);
        allowed = 2 * allowed + 1e-6 * std::fabs(want) + 1e-6;
      }
      if (finish == Finish::kSlope || finish == Finish::kActivation) {
        const double x = sum.sum + bias[col], r0 = thin ? 0 : half_value(residual[row * (e.cols + 3) + col], p.a);
        want = finish == Finish::kSlope ? (x < 0 ? kSlope * x : x) + r0 : std::tanh(x) * (thin ? 1 : r0);
        allowed += store_error(p.c, std::fabs(want)) + 1e-5;
      }
      const int64_t at = p.transient ? row * e.cols + col : place(row, col);
      ASSERT_NEAR(got[at], want, allowed) << "row " << row << " col " << col;
    }
  }
}

template <class F>
void for_each_config(const ContractProblem& p, F f) {
  for (int isa = 0; isa <= static_cast<int>(cpu_info().isa); ++isa) {
    Machine machine;
    machine.isa = static_cast<IsaLevel>(isa);
    machine.l2 = 16 << 10;  // small, so that small problems have several blocks
    machine.workers = 2;
    const std::vector<ContractConfig> configs = enumerate_configs(p, machine);
    ASSERT_FALSE(configs.empty());
    for (const ContractConfig& c : configs) f(c);
  }
}

template <class F>
void for_each_result(ContractProblem p, F f) {
  for (DType type : {DType::kBF16, DType::kF16}) {
    p.a = p.b = type;
    for (Finish finish :
         {Finish::kNothing, Finish::kResidual, Finish::kHook, Finish::kTransient, Finish::kSlope, Finish::kActivation}) {
      for (DType c : {type, DType::kF32}) {
        p.c = c;
        if (c != DType::kF32 && (finish == Finish::kHook || finish == Finish::kTransient)) continue;
        if (c == DType::kF32 && (finish == Finish::kSlope || finish == Finish::kActivation)) continue;
        f(p, finish);
      }
    }
  }
}

void check_gemm(const GemmGeometry& geometry) {
  for_each_result(ContractProblem::make_gemm(geometry), [](const ContractProblem& p, Finish finish) {
    const GemmGeometry g = p.gemm.with_strides();
    const Extents e = extents(p);
    const bool packs = g.b_form == BForm::kPacked;
    const auto a = random_halves(e.a, p.a, 1), b = random_halves(packs ? g.depth * g.cols : e.b, p.a, 2);
    const auto x = values_of(a, p.a), y = values_of(b, p.a);
    const auto exact = [&](int64_t row, int64_t col) {
      Exact sum;
      for (int64_t k = 0; k < g.depth; ++k) {
        sum.add(x[g.a_transposed ? k * g.lda + row : row * g.lda + k], y[packs                            ? k * g.cols + col
                                                                         : g.b_form == BForm::kTransposed ? col * g.ldb + k
                                                                                                          : k * g.ldb + col]);
      }
      return sum;
    };
    for_each_config(p, [&](const ContractConfig& c) {
      check(p, c, a, b, row_major_weights(p, b.data()), packs, g.depth, finish, exact,
            [&](int64_t row, int64_t col) { return row * g.ldc + col; });
    });
  });
}

void check_conv(const ContractProblem& problem) {
  for_each_result(problem, [](const ContractProblem& p, Finish finish) {
    const ConvGeometry g = p.conv.with_strides();
    const auto a = random_halves(extents(p).a, p.a, 1),
               w = random_halves(g.groups * g.in_c * g.out_c * g.kernel_h * g.kernel_w, p.a, 2);
    const auto x = values_of(a, p.a), y = values_of(w, p.a);
    const int64_t pixels = g.out_h * g.out_w;
    for_each_config(p, [&](const ContractConfig& c) {
      if (finish == Finish::kResidual && (c.kind == ContractKind::kDepthwise || c.kind == ContractKind::kGrouped)) return;
      check(
          p, c, a, w, onnx_conv_weights(p, w.data()), true, g.in_c * g.kernel_h * g.kernel_w, finish,
          [&](int64_t row, int64_t col) {
            return exact_conv(p, x.data(), y.data(), row / pixels, row % pixels / g.out_w, row % g.out_w, col, 0);
          },
          [&](int64_t row, int64_t col) {
            return row / pixels * g.out_image + row % pixels / g.out_w * g.out_row + row % g.out_w * g.out_pixel + col;
          });
    });
  });
}

GemmGeometry gemm(int64_t rows, int64_t depth, int64_t cols) {
  GemmGeometry g;
  g.rows = rows, g.depth = depth, g.cols = cols;
  return g;
}

ConvGeometry conv(int64_t h, int64_t w, int64_t in_c, int64_t out_c, int64_t kernel, int64_t stride, int64_t pad) {
  ConvGeometry g;
  g.batch = 2, g.in_h = h, g.in_w = w, g.in_c = in_c, g.out_c = out_c;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.pad_top = g.pad_left = pad;
  g.out_h = (h + 2 * pad - kernel) / stride + 1;
  g.out_w = (w + 2 * pad - kernel) / stride + 1;
  return g;
}

TEST(ContractHalf, Matrices) {
  check_gemm(gemm(1, 8, 5));
  check_gemm(gemm(29, 38, 33));
  check_gemm(gemm(16, 37, 70));  // an odd depth ends in half a pair
  check_gemm(gemm(3, 1, 16));
}

TEST(ContractHalf, RunTimeMatrices) {
  for (BForm form : {BForm::kRowMajor, BForm::kTransposed}) {
    for (int64_t depth : {12, 21}) {
      GemmGeometry g = gemm(17, depth, 35);
      g.b_form = form;
      check_gemm(g);
      g.lda = 50, g.ldb = form == BForm::kRowMajor ? 41 : 23, g.ldc = 77;
      check_gemm(g);
      g.lda = 0, g.a_transposed = true;
      check_gemm(g);
    }
  }
}

TEST(ContractHalf, Convolutions) {
  check_conv(ContractProblem::make_conv(conv(5, 7, 20, 37, 1, 1, 0)));
  check_conv(ContractProblem::make_conv(conv(6, 6, 7, 19, 1, 2, 0)));
  check_conv(ContractProblem::make_conv(conv(9, 11, 16, 33, 3, 1, 1)));
  check_conv(ContractProblem::make_conv(conv(11, 13, 3, 17, 7, 2, 3)));
  check_conv(ContractProblem::make_conv(conv(8, 9, 5, 4, 3, 1, 1)));
}

TEST(ContractHalf, Groups) {
  ConvGeometry g = conv(7, 9, 1, 1, 3, 1, 1);
  g.groups = 35;
  check_conv(ContractProblem::make_conv(g));
  g = conv(9, 8, 4, 4, 5, 2, 2);
  g.groups = 8;
  check_conv(ContractProblem::make_conv(g));
  g = conv(7, 7, 12, 10, 3, 1, 1);
  g.groups = 3;
  check_conv(ContractProblem::make_conv(g));
}

TEST(ContractHalf, Transposed) {
  ConvGeometry g = conv(5, 6, 10, 18, 3, 1, 1);
  g.stride_h = g.stride_w = 2;
  g.out_h = 10, g.out_w = 12;
  check_conv(ContractProblem::make_conv_transpose(g));
}

}  // namespace
}  // namespace temper::cpu
