#include "sym/sym.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/sym/print.h"

namespace temper {
namespace {

class Sym : public ::testing::Test {
 protected:
  SymContext context;
  SymInt n = context.symbol("n"), m = context.symbol("m"), h = context.symbol("height");
};

TEST_F(Sym, ConstantsNeedNoContext) {
  EXPECT_EQ(SymInt(3) + 4, SymInt(7));
  EXPECT_EQ(floor_div(-7, 2), SymInt(-4));
  EXPECT_EQ(mod(-7, 2), SymInt(1));
  EXPECT_EQ(min(3, -1), SymInt(-1));
  EXPECT_EQ(less(2, 2), SymInt(0));
  EXPECT_EQ(equal(2, 2), SymInt(1));
  EXPECT_EQ(ceil_div(7, 2), SymInt(4));
  EXPECT_EQ(SymInt(), SymInt(0));
  EXPECT_EQ(product({}), SymInt(1));
  EXPECT_EQ(select(1, 5, 6), SymInt(5));
  EXPECT_EQ(floor_div(INT64_MIN, 1), SymInt(INT64_MIN));
}

TEST_F(Sym, EqualExpressionsAreIdentical) {
  EXPECT_EQ(n * m, m * n);
  EXPECT_EQ((n + 1) * (m + 2), n * m + m + 2 * n + 2);
  EXPECT_EQ(n - n, SymInt(0));
  EXPECT_EQ(n * 0, SymInt(0));
  EXPECT_EQ(context.symbol("n"), n);
  EXPECT_NE(n, m);
  EXPECT_EQ(ceil_div(n, 4), floor_div(n - 1, 4) + 1);
  EXPECT_EQ(min(min(n, m), h), min(n, min(h, m)));
  EXPECT_EQ(max(n, min(n, m)), n);
  EXPECT_EQ(n.hash(), context.symbol("n").hash());
}

TEST_F(Sym, OverflowIsReportedAndNeverWraps) {
  auto one = [](SymInt) { return std::optional<int64_t>(1); };
  for (SymInt e : {SymInt(INT64_MAX) + 1, SymInt(INT64_MIN) - 1, SymInt(INT64_MAX) * 2, -SymInt(INT64_MIN),
                   n * INT64_MAX + n * INT64_MAX}) {
    EXPECT_FALSE(e.is_const());
    auto value = evaluate(e, one);
    ASSERT_FALSE(value.ok());
    EXPECT_NE(value.error().message().find("64 bits"), std::string::npos);
    EXPECT_EQ(*context.parse(e.to_string()), e);
    EXPECT_EQ(e + 1, e);
    EXPECT_EQ(min(n, e), e);
    EXPECT_FALSE(proves_less(e, n) || proves_less_equal(n, e));
    EXPECT_EQ(substitute(e, std::array{n}, std::array{m}), e);
  }
  auto huge = [](SymInt) { return std::optional<int64_t>(int64_t{1} << 40); };
  EXPECT_FALSE(evaluate(n * m, huge).ok());
  EXPECT_FALSE(evaluate(n * INT32_MAX, huge).ok());
  EXPECT_EQ(*evaluate(n * m - n * m + n, huge), int64_t{1} << 40);
}

TEST_F(Sym, DivisorsBelowOneAreErrors) {
  auto zero = [](SymInt) { return std::optional<int64_t>(0); };
  for (SymInt e : {floor_div(4, 0), mod(4, -1), floor_div(n, 0), mod(n, -3), floor_div(m, n), mod(m, n)}) {
    auto value = evaluate(e, zero);
    ASSERT_FALSE(value.ok()) << e.to_string();
    EXPECT_NE(value.error().message().find("divisor"), std::string::npos);
    EXPECT_EQ(*context.parse(e.to_string()), e);
  }
}

TEST_F(Sym, AMissingValueIsNamed) {
  auto value = evaluate(n + h, [&](SymInt v) { return v == n ? std::optional<int64_t>(1) : std::nullopt; });
  ASSERT_FALSE(value.ok());
  EXPECT_NE(value.error().message().find("'height'"), std::string::npos);
}

TEST_F(Sym, DeepExpressionsEndInAnErrorNotInACrash) {
  SymInt e = n;
  for (int i = 0; i < 20000; ++i) e = min(e * 2 + m, h * i + floor_div(e, 3));
  auto value = evaluate(e, [](SymInt) { return std::optional<int64_t>(1); });
  EXPECT_FALSE(value.ok());
  EXPECT_FALSE(context.parse(std::string(100000, '(')).ok());
  EXPECT_TRUE(context.parse(std::string(100000, '-') + "n").ok());
  SymInt wide = n + m;
  for (int i = 0; i < 60; ++i) wide = select(less(context.symbol("c" + std::to_string(i)), 5), wide * (h + i), wide + m);
  EXPECT_LT(wide.to_string().size(), size_t{1} << 26);
}

TEST_F(Sym, IndexVariables) {
  SymInt i = context.index(0, n);
  EXPECT_EQ(context.index(0, n), i);
  EXPECT_NE(context.index(0, m), i);
  EXPECT_NE(context.index(1, n), i);
  EXPECT_NE(context.loaded(0, n), i);
  EXPECT_EQ(context.index(3, 1), SymInt(0));
  EXPECT_EQ(context.loaded(3, 1), SymInt(0));
  EXPECT_EQ(var_of(i).name, "d0");
  EXPECT_EQ(var_of(i).kind, VarKind::kIndex);
  EXPECT_EQ(var_of(i).extent, n);
  EXPECT_TRUE(proves_less(i, n));
  EXPECT_FALSE(proves_less(i, n - 1));
  EXPECT_TRUE(proves_less_equal(0, i));
  EXPECT_EQ(less(i, n), SymInt(1));
  EXPECT_EQ(min(i, n - 1), i);
  EXPECT_EQ(floor_div(n - 1 - i, n), SymInt(0));
  // That there is an i means that n is at least 1; by itself, n may be 0.
  EXPECT_EQ(min(max(i - 1, 0), n - 1), max(i - 1, 0));
  EXPECT_EQ(kind_of(max(n - 1, 0)), SymKind::kMax);
}

TEST_F(Sym, SizesAndSymbols) {
  SymInt u = context.fresh_size(), v = context.fresh_size();
  EXPECT_NE(u, v);
  EXPECT_EQ(u.to_string(), "u0");
  EXPECT_EQ(context.size(1), v);
  EXPECT_EQ(context.size(7).to_string(), "u7");
  EXPECT_EQ(context.fresh_size().to_string(), "u8");
  EXPECT_EQ(context.symbols(), (std::vector<SymInt>{n, m, h, u, v, context.size(7), context.size(8)}));
}

TEST_F(Sym, Ranges) {
  EXPECT_EQ(bounds(n).lo, 0);
  EXPECT_EQ(bounds(n).hi, int64_t{1} << 40);
  EXPECT_EQ(kind_of(max(n, 1)), SymKind::kMax);
  context.set_range(n, 1, 8);
  EXPECT_EQ(context.range(n).hi, 8);
  EXPECT_EQ(max(n, 1), n);
  EXPECT_EQ(bounds(n * 3 - 1).lo, 2);
  EXPECT_EQ(bounds(n * 3 - 1).hi, 23);
  EXPECT_EQ(floor_div(n + 7, 16), SymInt(0));
  EXPECT_EQ(equal(n, 9), SymInt(0));
  EXPECT_EQ(bounds(n * n * n).hi, 512);
  EXPECT_EQ(bounds(n * m * m).hi, INT64_MAX);
}

TEST_F(Sym, QuotientsAndRemainders) {
  SymInt x = context.index(0, n * m);
  EXPECT_EQ(floor_div(n * 128, 128), n);
  EXPECT_EQ(floor_div(n * m, m), n);
  EXPECT_EQ(floor_div(floor_div(x, 3), 5), floor_div(x, 15));
  EXPECT_EQ(mod(mod(x, 32), 8), mod(x, 8));
  EXPECT_EQ(floor_div(mod(x, 32), 8), mod(floor_div(x, 8), 4));
  EXPECT_EQ(floor_div(x, 7) * 7 + mod(x, 7), x);
  EXPECT_EQ(floor_div(x, m) * m + mod(x, m), x);
  EXPECT_EQ(mod(floor_div(x, 8), 4) * 8 + mod(x, 8), mod(x, 32));
  EXPECT_EQ(mod(n * 6 + x, 3), mod(x, 3));
  EXPECT_EQ(floor_div(n * 6, n * 3), SymInt(2));
  EXPECT_EQ(floor_div(n * 6 + 3, 9), floor_div(n * 2 + 1, 3));
  EXPECT_EQ(mod(n * 4 + 2, 8), mod(n, 2) * 4 + 2);
  EXPECT_EQ(mod(x, n * m), x);
  EXPECT_EQ(floor_div(x, n * m), SymInt(0));
  EXPECT_TRUE(proves_multiple_of(n * 12 + 8 * x, 4));
  EXPECT_FALSE(proves_multiple_of(n * 12 + x, 4));
  EXPECT_TRUE(proves_multiple_of(0, 4));
}

TEST_F(Sym, TruthValues) {
  SymInt i = context.index(0, n);
  SymInt c = less(i, 3);
  EXPECT_EQ(c * c, c);
  EXPECT_EQ(equal(c, 0), 1 - c);
  EXPECT_EQ(equal(c, 1), c);
  EXPECT_EQ(less(0, c), c);
  EXPECT_EQ(select(c, n, n), n);
  EXPECT_EQ(less(i * 2, 7), less(i, 4));
  EXPECT_EQ(less(n + i, n + 3), c);
  EXPECT_EQ(equal(i * 2, 7), SymInt(0));
  EXPECT_EQ(equal(n + 1, n), SymInt(0));
  EXPECT_EQ(equal(n, m), equal(m, n));
  EXPECT_EQ(max(c, 0), c);
  EXPECT_EQ(max(c, 1), SymInt(1));
}

TEST_F(Sym, ConjunctionsDropWhatIsImplied) {
  SymInt i = context.index(0, n * 4), c = less(i, 3);
  EXPECT_EQ(c * less(i, 5), c);
  EXPECT_EQ(less(i, 5) * c, c);
  EXPECT_EQ(less(i, m) * less(i, m + 2), less(i, m));
  EXPECT_EQ(c * less(3, i), SymInt(0));
  EXPECT_EQ(c * (1 - c), SymInt(0));
  EXPECT_EQ(c * less(2, i), SymInt(0));
  EXPECT_EQ(equal(i, 3) * equal(i, 5), SymInt(0));
  EXPECT_EQ(equal(i, 3) * equal(i, 3), equal(i, 3));
  EXPECT_EQ(less(1, i) * less(0, i) * less(i, n) * less(i, n + 1), less(1, i) * less(i, n));
  EXPECT_EQ((1 - c) * (1 - less(i, 5)), 1 - less(i, 5));
  EXPECT_EQ(select(c, select(less(i, 5), n, m), h), select(c, n, h));
}

TEST_F(Sym, Text) {
  SymInt i = context.index(0, n), j = context.index(1, 56);
  EXPECT_EQ((n * 128 + 1).to_string(), "n*128 + 1");
  EXPECT_EQ(floor_div(i * 56 + j, 4).to_string(), "d0*14 + (d1 / 4)");
  EXPECT_EQ(floor_div(i * 3 + n, 4).to_string(), "(n + d0*3) / 4");
  EXPECT_EQ(mod(n, 8).to_string(), "n % 8");
  EXPECT_EQ(min(n, m).to_string(), "min(m, n)");
  EXPECT_EQ(less(n, m).to_string(), "n < m");
  EXPECT_EQ(equal(n, m).to_string(), "m == n");
  EXPECT_EQ((-n).to_string(), "-n");
  EXPECT_EQ((3 - n * m * 2).to_string(), "-m*n*2 + 3");
  EXPECT_EQ(SymInt(INT64_MIN).to_string(), "(-9223372036854775807 - 1)");
  for (SymInt e : {n * INT64_MIN, n * m * INT64_MIN + 1, n + INT64_MIN, floor_div(n * INT64_MIN + m, 3), mod(-n * m, 7),
                   max(n - 5, -3), n - m * INT64_MAX, equal(n, -3), less(n * 3 - m, -3)})
    EXPECT_EQ(*context.parse(e.to_string()), e) << e.to_string();
  for (const char* name : {"past + 1", "d0", "u3", "v1", "min", "", "a\"b\\c", "line\nbreak", "1st", "größe", "a.b"}) {
    SymInt odd = context.symbol(name) * 2 + 1;
    auto again = context.parse(odd.to_string());
    ASSERT_TRUE(again.ok()) << odd.to_string() << ": " << again.error().to_string();
    EXPECT_EQ(*again, odd);
  }
  EXPECT_EQ(context.symbol("a.b").to_string(), "a.b");
  EXPECT_EQ(*context.parse(" ( n+ m )*2 % 7"), mod(n * 2 + m * 2, 7));
  EXPECT_EQ(*context.parse("d1 + v0", std::array<SymInt, 2>{4, 5}, std::array<SymInt, 1>{n}),
            context.index(1, 5) + context.loaded(0, n));
  EXPECT_EQ(*context.parse("u2"), context.size(2));
}

TEST_F(Sym, BadTextIsAnError) {
  for (const char* text : {"", "n +", "n n", "(n", "min(n)", "min(n, m", "9223372036854775808", "d0", "v0", "\"open",
                           "\"\\x4\"", "\"\\", "n $ m", "*", "1 2", "max", "n < m < 3"}) {
    auto e = context.parse(text);
    ASSERT_FALSE(e.ok()) << text << " read as " << e->to_string();
    EXPECT_NE(e.error().message().find("column"), std::string::npos);
  }
}

TEST_F(Sym, DamagedTextNeverCrashes) {
  std::string good = "min(n*2 + \"a b\", (d0 % 8)*3) / (u1 + 1) - max(-5, n*m) + (n < 4)*(m == n)";
  std::array<SymInt, 1> extents{n};
  ASSERT_TRUE(context.parse(good, extents).ok());
  for (size_t i = 0; i < good.size(); ++i) {
    for (char c : std::string("(),*/%-+<=\"\\9dn \0\xff", 18)) {
      std::string changed = good;
      changed[i] = c;
      auto e = context.parse(changed, extents);
      if (!e.ok()) continue;
      auto again = context.parse(e->to_string(), extents);
      EXPECT_TRUE(again.ok() && *again == *e) << changed << " read as " << e->to_string();
    }
    auto shorter = context.parse(good.substr(0, i), extents);
    EXPECT_TRUE(!shorter.ok() || *context.parse(shorter->to_string(), extents) == *shorter) << good.substr(0, i);
  }
}

TEST_F(Sym, TakingApart) {
  SymInt i = context.index(0, n), e = n * i * 3 + m - 4;
  EXPECT_EQ(kind_of(e), SymKind::kSum);
  EXPECT_EQ(operands_of(e), (std::vector<SymInt>{n * i * 3, m, -4}));
  EXPECT_EQ(operands_of(n * i * 3), (std::vector<SymInt>{3, n, i}));
  EXPECT_EQ(operands_of(mod(i, 4)), (std::vector<SymInt>{i, 4}));
  EXPECT_EQ(kind_of(7), SymKind::kConst);
  EXPECT_EQ(vars_of(e), (std::vector<SymInt>{n, i, m}));
  EXPECT_TRUE(depends_on(e, i));
  EXPECT_FALSE(depends_on(e, h));
  EXPECT_FALSE(depends_on(i, n));  // an extent is not a part of the expression
}

TEST_F(Sym, Affine) {
  SymInt i = context.index(0, n), j = context.index(1, m);
  std::vector<SymInt> vars{i, j, context.index(2, 1)};
  auto form = as_affine(i * n * 4 + j + floor_div(n, 2) + i, vars);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->coefficients, (std::vector<SymInt>{n * 4 + 1, 1, 0}));
  EXPECT_EQ(form->offset, floor_div(n, 2));
  EXPECT_FALSE(as_affine(i * j, vars));
  EXPECT_FALSE(as_affine(i * i, vars));
  EXPECT_FALSE(as_affine(floor_div(i, 2), vars));
  EXPECT_TRUE(as_affine(5, vars));
}

TEST_F(Sym, Substitute) {
  SymInt i = context.index(0, n), j = context.index(1, m);
  std::vector<SymInt> from{i, n}, to{j, SymInt(4)};
  EXPECT_EQ(substitute(i * n + floor_div(i, 2), from, to), j * 4 + floor_div(j, 2));
  EXPECT_EQ(substitute(m + 1, from, to), m + 1);
  // All at once, not one after the other.
  EXPECT_EQ(substitute(n - m, std::array{n, m}, std::array{m, n}), m - n);
  EXPECT_EQ(substitute(n * m + n, std::array{n}, std::array{SymInt(0)}), SymInt(0));
}

}  // namespace
}  // namespace temper
