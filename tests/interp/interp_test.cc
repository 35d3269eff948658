// The exact interpreter on core ops, and its agreement with folding.
#include "interp/interp.h"

#include <gtest/gtest.h>

#include <limits>

#include "interp/point_program.h"
#include "ops/builder.h"
#include "ops/core/core.h"

namespace temper {
namespace {

using I = std::vector<int64_t>;
using D = std::vector<double>;

ExactTensor ramp(I dims, DType dtype = DType::kF32) {
  ExactTensor t = ExactTensor::zeros(dtype, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.set(i, {static_cast<double>(i), i});
  return t;
}

struct Fixture : testing::Test {
  Graph graph{std::make_shared<SymContext>()};
  Builder b{graph};
  Val input(DType dtype, Dims dims) { return b.val(graph.add_input(TensorType{dtype, std::move(dims)}, "")); }
  ExactTensor run(Val output, const std::vector<ExactTensor>& inputs) {
    EXPECT_TRUE(b.ok());
    graph.set_outputs({output.id});
    auto results = interpret(graph, inputs);
    EXPECT_TRUE(results.ok()) << (results.ok() ? "" : results.error().to_string());
    return results.ok() ? (*results)[0] : ExactTensor();
  }
};
struct Interp : Fixture {};

TEST_F(Interp, ReadsThroughDivisionsAndGuards) {
  SymInt n = b.sym().symbol("n");
  Val x = input(DType::kF32, {n});
  // Each element three times, with one place of padding in front.
  Dims to{n * 3 + 1};
  SymInt d = b.sym().index(0, to[0]);
  Val y = b.reindex(x, {to, {floor_div(d - 1, 3)}, less(0, d)}, -1);
  EXPECT_EQ(run(y, {ramp({2})}).floats, (D{-1, 0, 0, 0, 1, 1, 1}));
}

TEST_F(Interp, RowsLongerThanABlock) {
  Val x = input(DType::kI64, {3, 2000});
  Val y = b.reindex(x, {{3, 2000}, {b.sym().index(0, 3), mod(b.sym().index(1, 2000) + 1, 2000)}, 1});
  auto result = run(y, {ramp({3, 2000}, DType::kI64)});
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t i = 0; i < 2000; ++i) ASSERT_EQ(result.ints[r * 2000 + i], r * 2000 + (i + 1) % 2000);
  }
}

TEST_F(Interp, NanIsGreaterThanEveryNumberAndTheExtremumOfBothKinds) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  ExactTensor numbers = ExactTensor::zeros(DType::kF32, {5});
  numbers.floats = {1, kInfinity, kNan, -kInfinity, 2};
  Val x = input(DType::kF32, {5});
  EXPECT_EQ(run(b.reduce(MonoidKind::k_arg_max, x, {0}, false), {numbers}).ints, (I{2}));
  EXPECT_EQ(run(b.reduce(MonoidKind::k_arg_min, x, {0}, false), {numbers}).ints, (I{2}));
  EXPECT_EQ(run(b.op("sort", SortAttrs{0, true, 5}, std::span(&x, 1))[1], {numbers}).ints, (I{2, 1, 4, 0, 3}));
  EXPECT_EQ(run(b.op("sort", SortAttrs{0, false, 5}, std::span(&x, 1))[1], {numbers}).ints, (I{3, 0, 4, 1, 2}));
}

TEST_F(Interp, EmptyTensorsAndScalars) {
  Val x = input(DType::kF32, {0, 3});
  EXPECT_EQ(run(b.transpose(x, I{1, 0}), {ramp({0, 3})}).dims, (I{3, 0}));
  EXPECT_EQ(run(b.reduce(MonoidKind::k_sum, x, {0}, false), {ramp({0, 3})}).floats, (D{0, 0, 0}));
  EXPECT_EQ(run(b.matmul(b.transpose(x, I{1, 0}), x), {ramp({0, 3})}).floats, D(9, 0));
  EXPECT_EQ(run(b.scalar(3, DType::kF32) + 2.0, {ramp({0, 3})}).floats, (D{5}));
}

TEST_F(Interp, DoublesBetweenAndRoundsAtCasts) {
  Val x = input(DType::kF32, {1});
  // 1e8 + 1 needs more bits than f32 has.
  EXPECT_EQ(run((x + 1.0) - x, {[] {
                  auto t = ramp({1});
                  t.floats[0] = 1e8;
                  return t;
                }()})
                .floats,
            (D{1}));
  Val y = b.cast(b.cast(x, DType::kF16), DType::kF32);
  EXPECT_EQ(run(y, {[] {
                  auto t = ramp({1});
                  t.floats[0] = 2049;
                  return t;
                }()})
                .floats,
            (D{2048}));
}

TEST_F(Interp, IntegersWrapAroundInTheirWidth) {
  Val x = input(DType::kI8, {1});
  EXPECT_EQ(run(x + x, {[] {
                  auto t = ramp({1}, DType::kI8);
                  t.ints[0] = 100;
                  return t;
                }()})
                .ints,
            (I{-56}));
}

TEST_F(Interp, ContractionWithStridesAndWithGuards) {
  Val x = input(DType::kF32, {2, 3}), y = input(DType::kF32, {3, 2});
  EXPECT_EQ(run(b.matmul(x, y), {ramp({2, 3}), ramp({3, 2})}).floats, (D{10, 13, 28, 40}));
  // A one-dimensional convolution over [0, 1, 2, 3] with [0, 1, 2], one place of padding on both sides.
  Val v = input(DType::kF32, {4}), w = input(DType::kF32, {3});
  Dims domain{4, 3};
  SymInt o = b.sym().index(0, 4), k = b.sym().index(1, 3), e = o + k - 1;
  Val conv = b.contract(v, w, {domain, {e}, both(less(-1, e), less(e, 4))}, {domain, {k}, 1}, 1, DType::kF32);
  EXPECT_EQ(run(conv, {ramp({2, 3}), ramp({3, 2}), ramp({4}), ramp({3})}).floats, (D{2, 5, 8, 3}));
}

TEST_F(Interp, WrongDimsAreErrors) {
  SymInt n = b.sym().symbol("n");
  Val x = input(DType::kF32, {n}), y = input(DType::kF32, {4});
  Val sum = x + y;
  graph.set_outputs({sum.id});
  const std::vector<ExactTensor> wrong_rank{ramp({2, 2}), ramp({4})}, wrong_dim{ramp({4}), ramp({5})};
  EXPECT_FALSE(interpret(graph, wrong_rank).ok());
  EXPECT_FALSE(interpret(graph, wrong_dim).ok());
  EXPECT_FALSE(interpret(graph, {}).ok());
}

TEST_F(Interp, ReadingOutsideIsAnError) {
  Val x = input(DType::kF32, {4});
  Val y = b.reindex(x, {{5}, {b.sym().index(0, 5)}, 1});
  graph.set_outputs({y.id});
  const std::vector<ExactTensor> in{ramp({4})};
  EXPECT_FALSE(interpret(graph, in).ok());
}

TEST_F(Interp, FoldingMovesElementsOfEveryWidth) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kI8, DType::kF64, DType::kBool, DType::kI4}) {
    Tensor t = Tensor::zeros(dtype, {2, 3});
    for (int64_t i = 0; i < 6; ++i) t.set(i, {static_cast<double>(i % 2), i % 2});
    Val x = input(dtype, {2, 3});
    Val y = b.transpose(x, I{1, 0});
    ASSERT_TRUE(b.ok());
    auto folded = fold_node(graph, *graph.producer(y.id), std::span(&t, 1));
    ASSERT_TRUE(folded.ok());
    for (int64_t r = 0; r < 3; ++r) {
      for (int64_t c = 0; c < 2; ++c) EXPECT_EQ((*folded)[0].at(r * 2 + c), t.at(c * 3 + r)) << dtype_name(dtype);
    }
  }
}

TEST_F(Interp, FoldingComputesAsInterpretingDoes) {
  Val x = input(DType::kF32, {700});
  Val y = b.map(ScalarOp::k_exp, x * 0.01);
  Tensor t = ramp({700}).to_tensor();
  auto inner = fold_node(graph, *graph.producer(graph.producer(y.id)->operands[0]),
                         std::vector<Tensor>{t, Tensor::of(DType::kF32, {700}, std::vector<float>(700, 0.01f))});
  ASSERT_TRUE(inner.ok()) << inner.error().to_string();
  auto folded = fold_node(graph, *graph.producer(y.id), *inner);
  ASSERT_TRUE(folded.ok());
  auto whole = run(y, {ramp({700})});
  for (int64_t i = 0; i < 700; ++i) EXPECT_NEAR((*folded)[0].at(i).f, whole.floats[i], 1e-6 * whole.floats[i]);
}

TEST(PointProgram, DivisionsFloorAndNonsenseIsHarmless) {
  SymContext context;
  SymInt n = context.symbol("n"), d = context.index(0, n);
  const SymInt expressions[] = {floor_div(d - 3, 2), mod(d - 3, 2), floor_div(d, n - 5), max(d, 2) * 7, less(d, 3), SymInt(9)};
  auto program = PointProgram::make(context, {n}, expressions, 0, {{n, 5}});
  ASSERT_TRUE(program.ok());
  const int64_t point[] = {0};
  program->run_row(point, 5, {});
  const I floors{-2, -1, -1, 0, 0}, rests{1, 0, 1, 0, 1}, products{14, 14, 14, 21, 28}, lesses{1, 1, 1, 0, 0};
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(program->value(0, i), floors[i]);
    EXPECT_EQ(program->value(1, i), rests[i]);
    EXPECT_EQ(program->value(2, i), -1);
    EXPECT_EQ(program->value(3, i), products[i]);
    EXPECT_EQ(program->value(4, i), lesses[i]);
    EXPECT_EQ(program->value(5, i), 9);
  }
}

}  // namespace
}  // namespace temper
