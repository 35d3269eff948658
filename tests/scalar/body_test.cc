#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "scalar/scalar.h"

namespace temper {
namespace {

constexpr DType kF = DType::kF32;

// The text of the body that `build` makes from one operand of each type.
std::string text_of(std::vector<DType> types, const std::function<int32_t(ScalarBuilder&, std::vector<int32_t>)>& build) {
  ScalarBuilder b;
  std::vector<int32_t> operands;
  for (size_t i = 0; i < types.size(); ++i) operands.push_back(b.operand(static_cast<int>(i), types[i]));
  int32_t result = build(b, operands);
  return b.finish(result, static_cast<int>(types.size()))->to_string();
}
std::string text_of_float(const std::function<int32_t(ScalarBuilder&, int32_t)>& build) {
  return text_of({kF}, [&](ScalarBuilder& b, std::vector<int32_t> x) { return build(b, x[0]); });
}

const std::string kIdentity = "(f32 %0) {} -> %0";

TEST(ScalarBody, PrintsTheExampleOfTheHeader) {
  std::string text = text_of({kF, kF}, [](ScalarBuilder& b, std::vector<int32_t> x) {
    return b.apply(ScalarOp::k_max, b.constant(0, kF), b.apply(ScalarOp::k_add, x[1], x[0]));
  });
  EXPECT_EQ(text, "(f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 0; %4 = max f32 %2 %3 } -> %4");
}

TEST(ScalarBody, NeutralElementsVanish) {
  using enum ScalarOp;
  auto with = [](ScalarOp op, double constant, bool left = false) {
    return text_of_float([=](ScalarBuilder& b, int32_t x) {
      int32_t c = b.constant(constant, kF);
      return left ? b.apply(op, c, x) : b.apply(op, x, c);
    });
  };
  EXPECT_EQ(with(k_add, 0), kIdentity);
  EXPECT_EQ(with(k_add, 0, true), kIdentity);
  EXPECT_EQ(with(k_sub, 0), kIdentity);
  EXPECT_EQ(with(k_mul, 1), kIdentity);
  EXPECT_EQ(with(k_mul, 1, true), kIdentity);
  EXPECT_EQ(with(k_div, 1), kIdentity);
  EXPECT_EQ(with(k_pow, 1), kIdentity);
  EXPECT_EQ(with(k_pow, 2), "(f32 %0) { %1 = mul f32 %0 %0 } -> %1");
  EXPECT_EQ(with(k_pow, 0.5), "(f32 %0) { %1 = sqrt f32 %0 } -> %1");
  EXPECT_EQ(with(k_div, 4), "(f32 %0) { %1 = const f32 0.25; %2 = mul f32 %0 %1 } -> %2");
  EXPECT_EQ(with(k_max, -INFINITY), kIdentity);
}

TEST(ScalarBody, WhatIeeeForbidsStays) {
  using enum ScalarOp;
  auto size = [](const std::function<int32_t(ScalarBuilder&, int32_t)>& build) {
    ScalarBuilder b;
    return b.finish(build(b, b.operand(0, kF)), 1)->code().size();
  };
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_mul, x, b.constant(0, kF)); }), 3u);
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_sub, x, x); }), 2u);
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_div, x, x); }), 2u);
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_sub, b.constant(0, kF), x); }), 3u);
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_equal, x, x); }), 2u);
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_div, x, b.constant(3, kF)); }), 3u);
  EXPECT_EQ(size([](ScalarBuilder& b, int32_t x) { return b.apply(k_div, x, b.constant(0, kF)); }), 3u);
  EXPECT_EQ(
      size([](ScalarBuilder& b, int32_t x) { return b.apply(k_add, b.apply(k_add, x, b.constant(1, kF)), b.constant(2, kF)); }),
      5u);
}

TEST(ScalarBody, IntegersHaveMoreRules) {
  using enum ScalarOp;
  auto text = [](const std::function<int32_t(ScalarBuilder&, int32_t)>& build) {
    return text_of({DType::kI32}, [&](ScalarBuilder& b, std::vector<int32_t> x) { return build(b, x[0]); });
  };
  EXPECT_EQ(text([](ScalarBuilder& b, int32_t x) { return b.apply(k_sub, x, x); }), "(_) { %1 = const i32 0 } -> %1");
  EXPECT_EQ(text([](ScalarBuilder& b, int32_t x) {
              return b.apply(k_add, b.apply(k_add, x, b.constant(1, DType::kI32)), b.constant(2, DType::kI32));
            }),
            "(i32 %0) { %1 = const i32 3; %2 = add i32 %0 %1 } -> %2");
  EXPECT_EQ(text([](ScalarBuilder& b, int32_t x) { return b.apply(k_shift_left, x, b.constant(0, DType::kI32)); }),
            "(i32 %0) {} -> %0");
}

TEST(ScalarBody, InvolutionsAndIdempotents) {
  using enum ScalarOp;
  EXPECT_EQ(text_of_float([](ScalarBuilder& b, int32_t x) { return b.apply(k_neg, b.apply(k_neg, x)); }), kIdentity);
  EXPECT_EQ(text_of_float([](ScalarBuilder& b, int32_t x) { return b.apply(k_floor, b.apply(k_floor, x)); }),
            "(f32 %0) { %1 = floor f32 %0 } -> %1");
  EXPECT_EQ(text_of_float([](ScalarBuilder& b, int32_t x) { return b.apply(k_min, x, x); }), kIdentity);
  EXPECT_EQ(text_of_float([](ScalarBuilder& b, int32_t x) {
              int32_t zero = b.constant(0, kF);
              return b.apply(k_max, b.apply(k_max, x, zero), zero);
            }),
            "(f32 %0) { %1 = const f32 0; %2 = max f32 %0 %1 } -> %2");
  EXPECT_EQ(
      text_of({DType::kBool},
              [](ScalarBuilder& b, std::vector<int32_t> x) { return b.apply(k_logical_not, b.apply(k_logical_not, x[0])); }),
      "(bool %0) {} -> %0");
  EXPECT_EQ(text_of({DType::kBool, kF, kF},
                    [](ScalarBuilder& b, std::vector<int32_t> x) {
                      return b.apply(k_select, b.apply(k_logical_not, x[0]), x[1], x[2]);
                    }),
            "(bool %0, f32 %1, f32 %2) { %3 = select f32 %0 %2 %1 } -> %3");
}

TEST(ScalarBody, ConstantsFoldInTheTypeOfKernels) {
  std::string text = text_of_float([](ScalarBuilder& b, int32_t x) {
    int32_t third = b.apply(ScalarOp::k_div, b.constant(1, kF), b.constant(3, kF));
    return b.apply(ScalarOp::k_mul, x, third);
  });
  EXPECT_EQ(text, "(f32 %0) { %1 = const f32 0.33333334; %2 = mul f32 %0 %1 } -> %2");
}

TEST(ScalarBody, CastsThatLoseNothingVanish) {
  auto casts = [](DType from, std::vector<DType> chain) {
    return text_of({from}, [&](ScalarBuilder& b, std::vector<int32_t> x) {
      for (DType type : chain) x[0] = b.cast(x[0], type);
      return x[0];
    });
  };
  EXPECT_EQ(casts(DType::kF32, {DType::kF32}), kIdentity);
  EXPECT_EQ(casts(DType::kF16, {DType::kF32, DType::kF16}), "(f16 %0) {} -> %0");
  EXPECT_EQ(casts(DType::kF32, {DType::kF16, DType::kF32}), "(f32 %0) { %1 = cast f16 %0; %2 = cast f32 %1 } -> %2");
  EXPECT_EQ(casts(DType::kU8, {DType::kI32, DType::kF32}), "(u8 %0) { %1 = cast f32 %0 } -> %1");
  EXPECT_EQ(casts(DType::kI64, {DType::kI32, DType::kI64}), "(i64 %0) { %1 = cast i32 %0; %2 = cast i64 %1 } -> %2");
  EXPECT_EQ(casts(DType::kI64, {DType::kI32, DType::kI8}), "(i64 %0) { %1 = cast i8 %0 } -> %1");
  EXPECT_EQ(casts(DType::kBool, {DType::kF32, DType::kBool}), "(bool %0) {} -> %0");
  EXPECT_EQ(casts(DType::kI32, {DType::kF32, DType::kI32}), "(i32 %0) { %1 = cast f32 %0; %2 = cast i32 %1 } -> %2");
  // The sum is held in f32: the cast back to f16 rounds it.
  EXPECT_EQ(text_of({DType::kF16},
                    [](ScalarBuilder& b, std::vector<int32_t> x) {
                      return b.cast(b.cast(b.apply(ScalarOp::k_add, x[0], x[0]), DType::kF32), DType::kF16);
                    }),
            "(f16 %0) { %1 = add f16 %0 %0; %2 = cast f32 %1; %3 = cast f16 %2 } -> %3");
}

TEST(ScalarBody, BuildOrderDoesNotMatter) {
  using enum ScalarOp;
  std::string one = text_of({kF, kF}, [](ScalarBuilder& b, std::vector<int32_t> x) {
    int32_t e = b.apply(k_exp, x[0]), s = b.apply(k_sin, x[1]);
    b.apply(k_cos, x[1]);
    return b.apply(k_add, e, s);
  });
  std::string other = text_of({kF, kF}, [](ScalarBuilder& b, std::vector<int32_t> x) {
    int32_t s = b.apply(k_sin, x[1]), e = b.apply(k_exp, x[0]);
    return b.apply(k_add, s, e);
  });
  EXPECT_EQ(one, other);
}

TEST(ScalarBody, InliningSubstitutesOperandsAndVariables) {
  SymContext context;
  SymInt d0 = context.index(0, 8), d1 = context.index(1, 8);
  ScalarBuilder inner;
  int32_t x = inner.operand(0, DType::kI64);
  ScalarBodyPtr body = inner.finish(inner.apply(ScalarOp::k_add, x, inner.sym(d0)), 1);
  ScalarBuilder outer;
  int32_t y = outer.apply(ScalarOp::k_neg, outer.operand(1, DType::kI64));
  std::vector<int32_t> results =
      outer.inline_body(*body, std::span(&y, 1), [&](SymInt e) { return substitute(e, std::span(&d0, 1), std::span(&d1, 1)); });
  EXPECT_EQ(outer.finish(results, 2)->to_string(), "(_, i64 %1) { %2 = sym i64 d1; %3 = sub i64 %2 %1 } -> %3");
}

TEST(ScalarBodyDeathTest, TypeRulesAreChecked) {
  ScalarBuilder b;
  int32_t x = b.operand(0, kF), n = b.operand(1, DType::kI32);
  EXPECT_DEATH(b.apply(ScalarOp::k_add, x, n), "one floating or integer type");
  EXPECT_DEATH(b.apply(ScalarOp::k_exp, n), "one floating type");
  EXPECT_DEATH(b.apply(ScalarOp::k_add, x), "takes 2 operands");
  EXPECT_DEATH(b.finish(x, 0), "operand that it does not have");
}

TEST(ScalarBodyText, ReadsWhatItWrites) {
  SymContext context;
  SymInt extents[] = {4, 5};
  for (std::string text : {
           "(f32 %0) {} -> %0",
           "() { %0 = const i64 -3 } -> %0",
           "(_, f32 %1) { %2 = const f32 nan; %3 = max f32 %1 %2 } -> %3, %2",
           "(f16 %0, bool %1) { %2 = const f16 -inf; %3 = select f16 %1 %0 %2 } -> %3",
           "(i64 %0) { %1 = sym i64 d1; %2 = less_equal bool %0 %1; %3 = cast u8 %2 } -> %3",
           "(u64 %0) { %1 = const u64 18446744073709551615; %2 = add u64 %0 %1 } -> %2",
           "(f64 %0) { %1 = const f64 0.1; %2 = mul f64 %0 %1 } -> %2",
       }) {
    Expected<ScalarBodyPtr> body = parse_scalar_body(text, context, extents);
    ASSERT_TRUE(body.ok()) << body.error().to_string();
    EXPECT_EQ((*body)->to_string(), text);
  }
}

TEST(ScalarBodyText, ErrorsNameThePlace) {
  SymContext context;
  auto message = [&](std::string_view text) {
    Expected<ScalarBodyPtr> body = parse_scalar_body(text, context, {});
    return body.ok() ? std::string("no error") : body.error().message();
  };
  EXPECT_EQ(message("(f32 %1) {} -> %1"), "line 1, column 7: an operand is numbered %1; the next number is %0");
  EXPECT_EQ(message("(f32 %0) {\n %1 = ad f32 %0 %0 } -> %1"), "line 2, column 7: no scalar function has the name 'ad'");
  EXPECT_EQ(message("(f32 %0) { %1 = exp f32 %2 } -> %1"), "line 1, column 26: a value that is not defined before");
  EXPECT_NE(message("(f32 %0) { %1 = bit_not f32 %0 } -> %1").find("bit_not takes 1 operand: operands of one integer type"),
            std::string::npos);
  EXPECT_NE(message("(f32 %0) { %1 = exp f16 %0 } -> %1").find("the result is of type f32"), std::string::npos);
  EXPECT_NE(message("(i8 %0) { %1 = const i8 200 } -> %1").find("'200' is no constant of type i8"), std::string::npos);
  EXPECT_NE(message("(f32 %0) { %1 = sym i64 d7 } -> %1"), "no error");
  EXPECT_NE(message("(string %0) {} -> %0"), "no error");
  EXPECT_NE(message("(_) {} -> %0"), "no error");
  EXPECT_NE(message("(f32 %0) {} -> %0 ?"), "no error");
  EXPECT_NE(message("(f32 %0) {} -> %99999999999999999999"), "no error");
  EXPECT_NE(message(""), "no error");
}

// Evaluates with every floating value unrounded, as the interpreter does.
ScalarValue run(const ScalarBody& body, std::span<const ScalarValue> operands) {
  std::vector<ScalarValue> values;
  for (const ScalarInstruction& x : body.code()) {
    auto arg = [&](int i) { return x.args[i] < 0 ? ScalarValue{} : values[x.args[i]]; };
    if (x.op == ScalarOp::kOperand)
      values.push_back(operands[x.index]);
    else if (x.op == ScalarOp::kConst)
      values.push_back(x.constant);
    else if (x.op == ScalarOp::kCast)
      values.push_back(cast_scalar(arg(0), body.code()[x.args[0]].dtype, x.dtype));
    else
      values.push_back(
          evaluate_scalar(x.op, body.code()[x.op == ScalarOp::k_select ? x.args[1] : x.args[0]].dtype, arg(0), arg(1), arg(2)));
  }
  return values[body.results()[0]];
}

// Random bodies over one integer type: building them must not change what they compute, and the text must be a fixed point.
TEST(ScalarBodyProperty, BuildingKeepsIntegerResults) {
  std::mt19937 random(7);
  SymContext context;
  for (int round = 0; round < 2000; ++round) {
    DType type = std::vector{DType::kI8, DType::kU8, DType::kI32, DType::kU64, DType::kI4}[random() % 5];
    std::vector<ScalarValue> inputs, values;
    ScalarBuilder b;
    std::vector<int32_t> built;
    for (int i = 0; i < 2; ++i) {
      inputs.push_back(cast_scalar({.i = static_cast<int64_t>(random()) % 20 - 5}, DType::kI64, type));
      values.push_back(inputs.back());
      built.push_back(b.operand(i, type));
    }
    for (int step = 0; step < 12; ++step) {
      if (random() % 4 == 0) {
        int64_t constant = static_cast<int64_t>(random() % 6) - 1;
        built.push_back(b.constant_int(constant, type));
        values.push_back(cast_scalar({.i = constant}, DType::kI64, type));
        continue;
      }
      ScalarOp op = static_cast<ScalarOp>(random() % kScalarRows);
      const ScalarInfo& info = scalar_info(op);
      if (info.rule != TypeRule::kNumeric && info.rule != TypeRule::kInt) continue;
      size_t x = random() % built.size(), y = random() % built.size();
      built.push_back(info.arity == 1 ? b.apply(op, built[x]) : b.apply(op, built[x], built[y]));
      values.push_back(evaluate_scalar(op, type, values[x], values[y], {}));
    }
    ScalarBodyPtr body = b.finish(built.back(), 2);
    std::string text = body->to_string();
    ASSERT_EQ(run(*body, inputs), values.back()) << text;
    Expected<ScalarBodyPtr> again = parse_scalar_body(text, context, {});
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    ASSERT_EQ((*again)->to_string(), text);
    ASSERT_EQ(**again, *body);
  }
}

// Every order in which exporters write it, the constants in the precision of f32; other constants are something else.
TEST(ScalarBody, HalvesOfXTimesOnePlusErfAreGelu) {
  using enum ScalarOp;
  auto build = [](int order, double root) {
    ScalarBuilder b;
    int32_t x = b.operand(0, kF);
    int32_t scaled = b.apply(k_div, x, b.constant(root, kF));
    if (order == 3) scaled = b.apply(k_mul, x, b.constant(1 / root, kF));
    int32_t sum = b.apply(k_add, b.constant(1, kF), b.apply(k_erf, scaled)), half = b.constant(0.5, kF);
    int32_t y = order == 0   ? b.apply(k_mul, b.apply(k_mul, x, sum), half)
                : order == 1 ? b.apply(k_mul, x, b.apply(k_mul, half, sum))
                             : b.apply(k_mul, b.apply(k_mul, x, half), sum);
    return b.finish(y, 1);
  };
  for (int order : {0, 2, 3}) {
    ScalarBodyPtr body = build(order, M_SQRT2);
    ASSERT_EQ(body->code().size(), 2u) << order << ": " << body->to_string();
    EXPECT_EQ(body->code().back().op, k_gelu) << order;
    EXPECT_GT(build(order, 1.4142)->code().size(), 2u) << order;
  }
}

TEST(ScalarBodyProperty, BuildingKeepsFloatResults) {
  std::mt19937 random(11);
  using enum ScalarOp;
  // Nothing here makes a value out of the sign of a zero, which x + 0 may lose.
  const ScalarOp ops[] = {k_add, k_sub, k_mul, k_min, k_max, k_neg, k_abs, k_floor, k_ceil, k_sign, k_div};
  const double samples[] = {-2, -1, -0.0, 0, 1, 2, 4, 0.5, INFINITY, -INFINITY, NAN};
  const double divisors[] = {-2, -1, 1, 2, 3, 0.5, INFINITY, NAN, 0x1p1023, 0x1p-1030};
  for (int round = 0; round < 3000; ++round) {
    std::vector<ScalarValue> inputs, values;
    ScalarBuilder b;
    std::vector<int32_t> built;
    auto add_constant = [&](double constant) {
      built.push_back(b.constant(constant, DType::kF64));
      values.push_back({.f = constant});
    };
    for (int i = 0; i < 2; ++i) {
      inputs.push_back({.f = samples[random() % std::size(samples)]});
      values.push_back(inputs.back());
      built.push_back(b.operand(i, DType::kF64));
    }
    for (int step = 0; step < 10; ++step) {
      ScalarOp op = ops[random() % std::size(ops)];
      size_t x = random() % built.size(), y = random() % built.size();
      if (op == k_div) {
        y = built.size();
        add_constant(divisors[random() % std::size(divisors)]);
      } else if (random() % 3 == 0) {
        add_constant(samples[random() % std::size(samples)]);
        continue;
      }
      built.push_back(scalar_info(op).arity == 1 ? b.apply(op, built[x]) : b.apply(op, built[x], built[y]));
      values.push_back(evaluate_scalar(op, DType::kF64, values[x], values[y], {}));
    }
    ScalarBodyPtr body = b.finish(built.back(), 2);
    double expected = values.back().f, actual = run(*body, inputs).f;
    ASSERT_TRUE(std::isnan(expected) ? std::isnan(actual) : actual == expected)
        << body->to_string() << ": " << actual << ", not " << expected;
  }
}

}  // namespace
}  // namespace temper
