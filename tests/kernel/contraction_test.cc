#include "kernel/contraction.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

// Layers of a recurrent network over x [batch, time, channels], whose result lies [time, batch, columns].
struct Recurrent {
  SymContext context;
  Region region = *parse_region(
      "region (%0: f32[batch, time, 256], %1: f32[2048, 256]) {\n"
      "  %2 = contract f32[time, batch, 2048 | 256] %0[d1, d0, d3] * %1[d2, d3]\n"
      "} -> (%2)\n",
      context);

  Contraction analyse(int64_t batch, int64_t time) {
    auto best = [&](SymInt e) {
      return *evaluate(e, [&](SymInt v) { return std::optional(v == context.symbol("batch") ? batch : time); });
    };
    auto type = region.value_types();
    return std::get<Contraction>(analyse_contraction(context, std::get<Contract>(region.stages[0]),
                                                     Layout::row_major(type[0].dims), Layout::row_major(type[1].dims),
                                                     Layout::row_major(type[2].dims), type[0].dims, true, best));
  }
};

TEST(Contraction, TheLongestLoopOverRowsIsTheMatrix) {
  Recurrent r;
  SymInt time = r.context.symbol("time"), batch = r.context.symbol("batch");
  Contraction one = r.analyse(1, 64);
  const auto& m = std::get<MatrixProduct>(one.form);
  EXPECT_EQ(m.rows, time);
  EXPECT_EQ(m.lda, SymInt(256));
  EXPECT_EQ(m.ldc, batch * 2048);
  EXPECT_EQ(m.batch[2].count, batch);
  EXPECT_EQ(m.batch[2].a, time * 256);
  EXPECT_EQ(m.batch[2].c, SymInt(2048));
  // Rows number the points batch by batch.
  EXPECT_EQ(one.row_dims, (std::vector<int>{1, 0}));

  Contraction many = r.analyse(64, 2);
  EXPECT_EQ(std::get<MatrixProduct>(many.form).rows, batch);
  EXPECT_EQ(std::get<MatrixProduct>(many.form).batch[2].count, time);
  EXPECT_EQ(many.row_dims, (std::vector<int>{0, 1}));
}

}  // namespace
}  // namespace temper
