#include "tests/backend/cpu/contract_reference.h"

namespace temper::cpu {
namespace {

void check(const ContractProblem& p, const ContractConfig& config) {
  SCOPED_TRACE(config.to_string());
  ASSERT_TRUE(validate(p, config).ok()) << validate(p, config).error().to_string();
  const GemmGeometry g = p.gemm.with_strides();
  const Extents e = extents(p);
  int64_t matrices = 1;
  for (const GemmGeometry::Batch& b : g.batch) matrices *= b.b != 0 ? b.count : 1;
  const bool packs = g.b_form == BForm::kPacked;
  const std::vector<float> a = random_floats(e.a, 1);
  const std::vector<float> b = random_floats(packs ? matrices * g.depth * g.cols : e.b, 2);
  const std::vector<float> bias = random_floats(g.cols, 3);
  Fenced packed(packed_size(p, config));
  if (packs) pack(p, config, row_major_weights(p, b.data()), packed.get());
  const Fenced fenced_a(a), fenced_b(b), fenced_bias(bias);
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    std::vector<float> c(e.c, 777.0f);
    const Fenced fenced_c(c);
    Threads executor(threads);
    Fenced workspace(workspace_bytes(p, config, threads));
    Hook hook(e.rows, e.cols);
    ContractArgs args{fenced_a.get(), packs ? packed.get() : fenced_b.get(), fenced_c.get()};
    args.epilogue.bias = fenced_bias.floats();
    args.epilogue.tile = &Hook::call;
    args.epilogue.self = &hook;
    args.workspace = workspace.get();
    run(p, config, args, executor);
    std::memcpy(c.data(), fenced_c.get(), c.size() * 4);
    for (const std::atomic<int>& n : hook.seen) ASSERT_EQ(n, 1);
    if (threads == 1) first = c;
    ASSERT_EQ(0, std::memcmp(first.data(), c.data(), c.size() * 4)) << threads << " threads give other bits";
  }
  std::vector<bool> written(e.c);
  int64_t point = 0;
  for (int64_t i0 = 0; i0 < g.batch[0].count; ++i0) {
    for (int64_t i1 = 0; i1 < g.batch[1].count; ++i1) {
      for (int64_t i2 = 0; i2 < g.batch[2].count; ++i2, ++point) {
        const int64_t at[] = {i0, i1, i2};
        int64_t a0 = 0, b0 = 0, c0 = 0, matrix = 0;
        for (int d = 0; d < 3; ++d) {
          a0 += at[d] * g.batch[d].a;
          b0 += at[d] * g.batch[d].b;
          c0 += at[d] * g.batch[d].c;
          if (g.batch[d].b != 0) matrix = matrix * g.batch[d].count + at[d];
        }
        for (int64_t row = 0; row < g.rows; ++row) {
          for (int64_t col = 0; col < g.cols; ++col) {
            Exact exact;
            for (int64_t k = 0; k < g.depth; ++k) {
              const float x = a[a0 + (g.a_transposed ? k * g.lda + row : row * g.lda + k)];
              const float y = packs                            ? b[(matrix * g.depth + k) * g.cols + col]
                              : g.b_form == BForm::kTransposed ? b[b0 + col * g.ldb + k]
                                                               : b[b0 + k * g.ldb + col];
              exact.add(x, y);
            }
            const int64_t row_index = point * g.rows + row;
            const double want = 2 * (exact.sum + bias[col]) + double(row_index % 7) - double(col % 5);
            const double tolerance = 2.4e-7 * (2 + std::sqrt(double(g.depth))) * (exact.magnitude + 1) + 2e-6;
            ASSERT_NEAR(first[c0 + row * g.ldc + col], want, tolerance)
                << "point " << point << " row " << row << " col " << col;
            written[c0 + row * g.ldc + col] = true;
          }
        }
      }
    }
  }
  for (int64_t i = 0; i < e.c; ++i) ASSERT_TRUE(written[i] || first[i] == 777.0f) << "element " << i << " is not of the view";
}

void check_all(const GemmGeometry& g) {
  const ContractProblem p = ContractProblem::make_gemm(g);
  for (int isa = 0; isa <= static_cast<int>(cpu_info().isa); ++isa) {
    Machine machine;
    machine.isa = static_cast<IsaLevel>(isa);
    machine.l2 = 16 << 10;
    machine.workers = 2;
    const std::vector<ContractConfig> configs = enumerate_configs(p, machine);
    ASSERT_FALSE(configs.empty());
    for (const ContractConfig& c : configs) {
      check(p, c);
      ContractConfig passes = c;  // the depth in several passes
      passes.kc = std::max<int64_t>(1, g.depth / 3);
      check(p, passes);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

GemmGeometry gemm(int64_t rows, int64_t depth, int64_t cols) {
  GemmGeometry g;
  g.rows = rows, g.depth = depth, g.cols = cols;
  return g;
}

TEST(ContractGemm, Shapes) {
  for (int64_t rows : {1, 2, 13, 29, 64}) {
    for (int64_t cols : {1, 4, 7, 16, 33, 100}) check_all(gemm(rows, 37, cols));
  }
  check_all(gemm(3, 1, 5));
  check_all(gemm(17, 512, 48));
  check_all(gemm(1, 600, 300));
}

TEST(ContractGemm, RunTimeMatrices) {
  for (BForm form : {BForm::kRowMajor, BForm::kTransposed}) {
    for (int64_t rows : {1, 5, 40}) {
      for (int64_t cols : {1, 15, 70}) {
        GemmGeometry g = gemm(rows, 45, cols);
        g.b_form = form;
        check_all(g);
        g.lda = 50, g.ldb = 81, g.ldc = 77;
        check_all(g);
      }
    }
  }
}

TEST(ContractGemm, TransposedA) {
  GemmGeometry g = gemm(31, 45, 37);
  g.a_transposed = true;
  check_all(g);
  g.lda = 40, g.b_form = BForm::kTransposed;
  check_all(g);
}

TEST(ContractGemm, Batches) {
  GemmGeometry g = gemm(9, 20, 17);
  g.batch[0] = {2, 3 * 180, 0, 3 * 153};
  g.batch[2] = {3, 180, 340, 153};
  check_all(g);
  g.b_form = BForm::kRowMajor;
  check_all(g);
  g.batch[1] = {2, 0, 1500, 6 * 153};
  check_all(g);
  g.b_form = BForm::kPacked;
  check_all(g);
}

TEST(ContractGemm, NanStaysThroughTheClamp) {
  const GemmGeometry g = gemm(3, 4, 5);
  const ContractProblem p = ContractProblem::make_gemm(g);
  Machine machine = Machine::detect();
  for (int isa = 0; isa <= static_cast<int>(cpu_info().isa); ++isa) {
    machine.isa = static_cast<IsaLevel>(isa);
    const ContractConfig config = enumerate_configs(p, machine).front();
    std::vector<float> a(12, 1.0f), b(20, 1.0f), c(15);
    a[4] = std::nanf("");
    Fenced packed(packed_size(p, config)), workspace(workspace_bytes(p, config, 1));
    pack(p, config, row_major_weights(p, b.data()), packed.get());
    ContractArgs args{a.data(), packed.get(), c.data()};
    args.epilogue.lo = 0, args.epilogue.hi = 6;
    args.workspace = workspace.get();
    SerialExecutor executor;
    run(p, config, args, executor);
    EXPECT_EQ(c[0], 4.0f);
    for (int i = 5; i < 10; ++i) EXPECT_TRUE(std::isnan(c[i]));
  }
}

TEST(ContractConfig, TextAndValidity) {
  const ContractProblem p = ContractProblem::make_gemm(gemm(3, 4, 5));
  const Expected<ContractConfig> c = ContractConfig::parse("gemm cpu-v3 6x2 mc=12 kc=4 nc=16 a=view");
  ASSERT_TRUE(c.ok());
  EXPECT_TRUE(validate(p, *c).ok());
  EXPECT_EQ(c->to_string(), "gemm cpu-v3 6x2 mc=12 kc=4 nc=16 a=view");
  for (const char* text :
       {"", "gemm", "gemm cpu-v9 6x2 mc=12 kc=4 nc=16 a=view", "gemm cpu-v3 6 mc=12 kc=4 nc=16 a=view",
        "gemm cpu-v3 6x2 mc=-1 kc=4 nc=16 a=view", "gemm cpu-v3 6x2 mc=12 kc=4 nc=16 a=view x",
        "gemm cpu-v3 6x2 mc=99999999999999999999 kc=4 nc=16 a=view", "gemm cpu-v3 6x2 kc=4 mc=12 nc=16 a=view"}) {
    EXPECT_FALSE(ContractConfig::parse(text).ok()) << text;
  }
  ContractConfig bad = *c;
  bad.mr = 0;
  EXPECT_FALSE(validate(p, bad).ok());
  bad = *c, bad.nv = 4;
  EXPECT_FALSE(validate(p, bad).ok());
  bad = *c, bad.mc = 0;
  EXPECT_FALSE(validate(p, bad).ok());
  bad = *c, bad.kind = ContractKind::kWinograd4;
  EXPECT_FALSE(validate(p, bad).ok());
  bad = *c, bad.a_source = ASource::kExpanded;
  EXPECT_FALSE(validate(p, bad).ok());
  GemmGeometry huge = gemm(int64_t{1} << 39, int64_t{1} << 39, 4);
  EXPECT_FALSE(validate(ContractProblem::make_gemm(huge)).ok());
}

}  // namespace
}  // namespace temper::cpu
