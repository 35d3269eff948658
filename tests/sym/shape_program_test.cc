#include "sym/shape_program.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/sym/random_expression.h"

namespace temper {
namespace {

using testing::kAssignments;
using testing::RandomExpressions;
using testing::Sample;

std::vector<SymInt> inputs_of(const RandomExpressions& random) {
  std::vector<SymInt> inputs;
  for (const Sample& v : random.variables)
    if (var_of(v.expression).ordinal < 0 || var_of(v.expression).kind == VarKind::kSize) inputs.push_back(v.expression);
  return inputs;
}

// Programs see no index variables: those become the dimension they iterate over.
SymInt without_indices(const RandomExpressions& random, SymInt e) {
  std::vector<SymInt> from, to;
  for (const Sample& v : random.variables) {
    if (var_of(v.expression).kind != VarKind::kIndex) continue;
    from.push_back(v.expression);
    to.push_back(var_of(v.expression).extent - 1);
  }
  return substitute(e, from, to);
}

TEST(ShapeProgram, ComputesWhatEvaluatingDoes) {
  int judged = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    RandomExpressions random(seed);
    std::vector<SymInt> results, inputs = inputs_of(random);
    for (int i = 0; i < 3; ++i) results.push_back(without_indices(random, random.any(3).expression));
    auto program = compile_shapes(inputs, results);
    if (!program.ok()) {
      // Only an expression that overflowed while it was built.
      EXPECT_NE(program.error().message().find("64 bits"), std::string::npos) << program.error().to_string();
      continue;
    }
    ASSERT_TRUE(verify(*program).ok()) << verify(*program).error().to_string();
    auto again = parse_shape_program(program->to_string());
    ASSERT_TRUE(again.ok()) << again.error().to_string() << "\n" << program->to_string();
    EXPECT_EQ(*again, *program);
    for (size_t a = 0; a < kAssignments; ++a) {
      std::vector<int64_t> slots(static_cast<size_t>(program->slot_count()));
      for (size_t i = 0; i < inputs.size(); ++i) slots[i] = *random.value(inputs[i], a);
      Status status = run(*program, slots);
      bool defined = true;
      for (size_t i = 0; i < results.size(); ++i) {
        auto expected = random.value(results[i], a);
        defined = defined && expected.ok();
        if (!status.ok() || !expected.ok()) continue;
        EXPECT_EQ(slots[static_cast<size_t>(program->results[i])], *expected) << results[i].to_string() << "\n"
                                                                              << program->to_string();
        ++judged;
      }
      EXPECT_EQ(status.ok(), defined) << program->to_string() << (status.ok() ? "" : status.error().to_string());
    }
  }
  EXPECT_GT(judged, 10000);
}

TEST(ShapeProgram, SharesSubexpressionsAndReadsAsDocumented) {
  SymContext context;
  SymInt batch = context.symbol("batch"), height = context.symbol("height");
  SymInt half = floor_div(height + 1, 2);
  std::array inputs{batch, height};
  std::array results{half * batch, half * batch * 32, batch, half * batch, half - batch};
  auto program = compile_shapes(inputs, results);
  ASSERT_TRUE(program.ok());
  EXPECT_EQ(program->to_string(), R"(shape_program (batch, height) {
  s2 = const 1
  s3 = add s1 s2
  s4 = const 2
  s5 = floordiv s3 s4
  s6 = mul s0 s5
  s7 = const 32
  s8 = mul s6 s7
  s9 = sub s5 s0
} -> (s6, s8, s0, s6, s9))");
  std::vector<int64_t> slots(10);
  slots[0] = 3;
  slots[1] = 9;
  ASSERT_TRUE(run(*program, slots).ok());
  EXPECT_EQ(slots[8], 480);
  EXPECT_EQ(slots[9], 2);
}

TEST(ShapeProgram, CompileErrorsNameTheVariable) {
  SymContext context;
  SymInt n = context.symbol("n"), m = context.symbol("m"), u = context.fresh_size();
  auto missing = compile_shapes(std::array{n}, std::array{n, n * m});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message().find("'m'"), std::string::npos);
  EXPECT_EQ(missing.error().trail().at(0), "shape program result 1");
  EXPECT_TRUE(compile_shapes(std::array{n, u}, std::array{n + u}).ok());
  EXPECT_FALSE(compile_shapes(std::array{n, n}, std::array{n}).ok());
  EXPECT_FALSE(compile_shapes(std::array{n * 2}, std::array{n}).ok());
  EXPECT_FALSE(compile_shapes(std::array{SymInt(1)}, std::array{n}).ok());
  EXPECT_FALSE(compile_shapes(std::array{context.index(0, n)}, std::array{n}).ok());
  EXPECT_FALSE(compile_shapes(std::array{n}, std::array{n, SymInt(INT64_MAX) + 1}).ok());
  EXPECT_FALSE(compile_shapes(std::array{n}, std::array{floor_div(n, 0)}).ok());
  // A dimension may be called like a size; then there is no telling them apart by name.
  EXPECT_FALSE(compile_shapes(std::array{u, context.symbol("u0")}, std::array{n}).ok());
}

TEST(ShapeProgram, OverflowAndBadDivisorsAreErrors) {
  SymContext context;
  SymInt n = context.symbol("n"), m = context.symbol("m");
  auto program = compile_shapes(std::array{n, m}, std::array{n * m * 3 + floor_div(n, m) - mod(n, m)});
  ASSERT_TRUE(program.ok());
  std::vector<int64_t> slots(static_cast<size_t>(program->slot_count()));
  auto run_with = [&](int64_t a, int64_t b) {
    slots[0] = a;
    slots[1] = b;
    return run(*program, slots);
  };
  EXPECT_TRUE(run_with(int64_t{1} << 30, 1 << 30).ok());
  for (Status s : {run_with(int64_t{1} << 40, int64_t{1} << 40), run_with(INT64_MAX, 1)}) {
    ASSERT_FALSE(s.ok());
    EXPECT_NE(s.error().message().find("instruction s"), std::string::npos);
    EXPECT_NE(s.error().message().find("64 bits"), std::string::npos);
  }
  for (Status s : {run_with(4, 0), run_with(4, -2)}) {
    ASSERT_FALSE(s.ok());
    EXPECT_NE(s.error().message().find("divides"), std::string::npos);
  }
}

ShapeProgram small() {
  return {{"n", "m"}, {{ShapeOp::kConst, 0, 0, -5}, {ShapeOp::kAdd, 0, 2}, {ShapeOp::kMod, 3, 1}}, {4, 0}};
}

TEST(ShapeProgram, VerifyRejectsWhatRunMustNotSee) {
  EXPECT_TRUE(verify(small()).ok());
  EXPECT_TRUE(verify({}).ok());
  auto rejected = [](auto change) {
    ShapeProgram p = small();
    change(p);
    Status s = verify(p);
    return !s.ok() && s.error().code() == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(rejected([](auto& p) { p.code[1].a = 3; }));  // itself
  EXPECT_TRUE(rejected([](auto& p) { p.code[1].b = 4; }));  // forward
  EXPECT_TRUE(rejected([](auto& p) { p.code[2].a = -1; }));
  EXPECT_TRUE(rejected([](auto& p) { p.code[2].b = INT32_MIN; }));
  EXPECT_TRUE(rejected([](auto& p) { p.code[2].b = INT32_MAX; }));
  EXPECT_TRUE(rejected([](auto& p) { p.code[0].a = 1; }));
  EXPECT_TRUE(rejected([](auto& p) { p.code[1].constant = 1; }));
  EXPECT_TRUE(rejected([](auto& p) { p.code[1].op = static_cast<ShapeOp>(10); }));
  EXPECT_TRUE(rejected([](auto& p) { p.code[1].op = static_cast<ShapeOp>(255); }));
  EXPECT_TRUE(rejected([](auto& p) { p.results[0] = 5; }));
  EXPECT_TRUE(rejected([](auto& p) { p.results[1] = -1; }));
  EXPECT_TRUE(rejected([](auto& p) { p.inputs[1] = "n"; }));
  EXPECT_FALSE(rejected([](auto& p) { p.results.clear(); }));
}

TEST(ShapeProgram, RunsOnEveryOperation) {
  ShapeProgram p{{"a", "b"}, {}, {}};
  for (auto op : {ShapeOp::kAdd, ShapeOp::kSub, ShapeOp::kMul, ShapeOp::kFloorDiv, ShapeOp::kMod, ShapeOp::kMin, ShapeOp::kMax,
                  ShapeOp::kLess, ShapeOp::kEqual})
    p.code.push_back({op, 0, 1});
  ASSERT_TRUE(verify(p).ok());
  std::vector<int64_t> slots(11);
  slots[0] = -7;
  slots[1] = 3;
  ASSERT_TRUE(run(p, slots).ok());
  EXPECT_EQ(slots, (std::vector<int64_t>{-7, 3, -4, -10, -21, -3, 2, -7, 3, 1, 0}));
}

TEST(ShapeProgram, TextOfOddNamesAndNumbers) {
  ShapeProgram p{
      {"past + 1", "u0", "u", "a\"b", ""}, {{ShapeOp::kConst, 0, 0, INT64_MIN}, {ShapeOp::kConst, 0, 0, INT64_MAX}}, {}};
  auto again = parse_shape_program(p.to_string());
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(*again, p);
  EXPECT_EQ(*parse_shape_program(ShapeProgram{}.to_string()), ShapeProgram{});
}

TEST(ShapeProgram, BadTextIsAnError) {
  std::string good = small().to_string();
  ASSERT_TRUE(parse_shape_program(good).ok());
  // Every truncation, and every single character gone or replaced: an error or another valid program, never a crash.
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(parse_shape_program(good.substr(0, i)).ok());
    for (char c : {'s', '9', '(', ' ', '-'}) {
      std::string changed = good;
      changed[i] = c;
      auto p = parse_shape_program(changed);
      EXPECT_TRUE(!p.ok() || verify(*p).ok());
    }
  }
  for (const char* text :
       {"", "shape_program", "shape_program (n) { s0 = const 1 } -> ()", "shape_program () { s0 = spin s0 s0 } -> ()",
        "shape_program () { s0 = const } -> ()", "shape_program () { s0 = const 1 } -> (s1)", "shape_program () { } -> () x",
        "shape_program () { s0 = const 9223372036854775808 } -> ()"})
    EXPECT_FALSE(parse_shape_program(text).ok()) << text;
}

}  // namespace
}  // namespace temper
