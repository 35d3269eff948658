// SymInt against plain arithmetic, on random expressions.
#include <gtest/gtest.h>

#include <array>

#include "tests/sym/random_expression.h"

namespace temper {
namespace {

using testing::kAssignments;
using testing::RandomExpressions;
using testing::Sample;

std::string describe(const Sample& s, size_t assignment) {
  return s.expression.to_string() + " at assignment " + std::to_string(assignment);
}

TEST(SymProperty, SimplifyingKeepsTheValue) {
  int judged = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    RandomExpressions random(seed);
    Sample s = random.any(static_cast<int>(1 + seed % 5));
    for (size_t i = 0; i < kAssignments; ++i) {
      if (!s.values[i]) continue;
      auto value = random.value(s.expression, i);
      ASSERT_TRUE(value.ok()) << "seed " << seed << ": " << describe(s, i) << ": " << value.error().to_string();
      ASSERT_EQ(*value, static_cast<int64_t>(*s.values[i])) << "seed " << seed << ": " << describe(s, i);
      ++judged;
    }
  }
  EXPECT_GT(judged, 15000);
}

TEST(SymProperty, ConjunctionsKeepTheValue) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    RandomExpressions random(seed + 700000);
    Sample left = random.linear(0), all = random.constant(1);
    for (int64_t i = random.pick(2, 4); i > 0; --i) {
      Sample moved = testing::apply(SymKind::kSum, left, random.constant(random.pick(-3, 3)));
      Sample right = random.pick(0, 1) ? random.leaf() : random.constant(random.pick(0, 6));
      if (random.pick(0, 2) == 0) std::swap(moved, right);
      Sample truth = testing::apply(random.pick(0, 3) ? SymKind::kLess : SymKind::kEqual, moved, right);
      if (random.pick(0, 3) == 0) truth = testing::apply(SymKind::kEqual, truth, random.constant(0));
      all = testing::apply(SymKind::kProduct, all, truth);
    }
    for (size_t i = 0; i < kAssignments; ++i) {
      if (!all.values[i]) continue;
      ASSERT_EQ(*random.value(all.expression, i), static_cast<int64_t>(*all.values[i]))
          << "seed " << seed << ": " << describe(all, i);
    }
  }
}

TEST(SymProperty, BoundsHoldTheValue) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RandomExpressions random(seed + 100000);
    Sample s = random.any(4);
    SymBounds b = bounds(s.expression);
    for (size_t i = 0; i < kAssignments; ++i) {
      if (!s.values[i]) continue;
      ASSERT_LE(b.lo, *s.values[i]) << "seed " << seed << ": " << describe(s, i);
      ASSERT_GE(b.hi, *s.values[i]) << "seed " << seed << ": " << describe(s, i);
    }
  }
}

TEST(SymProperty, WhatIsProvedIsTrue) {
  int proved = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    RandomExpressions random(seed + 200000);
    Sample a = random.any(3);
    Sample b = seed % 2
                   ? random.any(3)
                   : testing::apply(SymKind::kSum, a, testing::apply(SymKind::kProduct, random.positive(1), random.leaf()));
    bool less = proves_less(a.expression, b.expression), less_equal = proves_less_equal(a.expression, b.expression);
    int64_t divisor = random.pick(2, 9);
    bool multiple = proves_multiple_of(a.expression, divisor);
    proved += less_equal;
    EXPECT_TRUE(!less || less_equal) << a.expression.to_string() << " < " << b.expression.to_string();
    for (size_t i = 0; i < kAssignments; ++i) {
      if (!a.values[i] || !b.values[i]) continue;
      if (less) {
        ASSERT_LT(*a.values[i], *b.values[i]) << describe(a, i) << " < " << describe(b, i);
      }
      if (less_equal) {
        ASSERT_LE(*a.values[i], *b.values[i]) << describe(a, i) << " <= " << describe(b, i);
      }
      if (multiple) {
        ASSERT_EQ(*a.values[i] % divisor, 0) << describe(a, i);
      }
    }
  }
  EXPECT_GT(proved, 300);
}

TEST(SymProperty, TextReadsBackAsTheSame) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RandomExpressions random(seed + 300000);
    SymInt e = random.any(4).expression;
    std::vector<SymInt> extents;
    for (const Sample& s : random.extents) extents.push_back(s.expression);
    auto again = random.context.parse(e.to_string(), extents);
    ASSERT_TRUE(again.ok()) << again.error().to_string() << " in " << e.to_string();
    EXPECT_EQ(*again, e) << "seed " << seed << ": " << e.to_string() << " became " << again->to_string();
  }
}

// The text does not depend on the order in which a context met its symbols.
TEST(SymProperty, TextIsTheSameInAnotherContext) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    RandomExpressions random(seed + 400000);
    SymInt e = random.any(4).expression;
    SymContext other;
    for (const char* name : {"zebra", "k", "m", "n"}) other.symbol(name);
    other.set_range(other.size(0), -9, 9);
    std::vector<SymInt> extents;
    for (const Sample& s : random.extents) extents.push_back(*other.parse(s.expression.to_string()));
    auto again = other.parse(e.to_string(), extents);
    ASSERT_TRUE(again.ok()) << again.error().to_string() << " in " << e.to_string();
    EXPECT_EQ(again->to_string(), e.to_string()) << "seed " << seed;
  }
}

TEST(SymProperty, SubstitutingIsEvaluatingThere) {
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    RandomExpressions random(seed + 500000);
    Sample s = random.any(4);
    std::vector<SymInt> from, to;
    for (size_t v = 0; v < random.variables.size(); ++v) {
      // All variables become their value at assignment 2, which makes a constant.
      from.push_back(random.variables[v].expression);
      to.emplace_back(static_cast<int64_t>(*random.variables[v].values[2]));
    }
    if (!s.values[2]) continue;
    SymInt value = substitute(s.expression, from, to);
    ASSERT_TRUE(value.is_const()) << s.expression.to_string() << " became " << value.to_string();
    EXPECT_EQ(value.value(), static_cast<int64_t>(*s.values[2])) << s.expression.to_string();
    // There and back again.
    SymInt z = random.context.symbol("z"),
           there = substitute(s.expression, std::array{random.variables[0].expression}, std::array{z});
    EXPECT_FALSE(depends_on(there, random.variables[0].expression));
    SymInt back = substitute(there, std::array{z}, std::array{random.variables[0].expression});
    for (size_t i = 0; i < kAssignments; ++i) {
      if (!s.values[i]) continue;
      EXPECT_EQ(*random.value(back, i), static_cast<int64_t>(*s.values[i])) << s.expression.to_string();
    }
  }
}

TEST(SymProperty, AffineFormIsTheExpression) {
  int affine = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RandomExpressions random(seed + 600000);
    Sample s = seed % 2 ? random.any(3) : random.linear(1);
    std::vector<SymInt> vars;
    for (size_t v = 4; v < random.variables.size(); ++v) vars.push_back(random.variables[v].expression);
    auto form = as_affine(s.expression, vars);
    if (!form) continue;
    ++affine;
    SymInt sum = form->offset;
    for (size_t v = 0; v < vars.size(); ++v) {
      sum += form->coefficients[v] * vars[v];
      for (SymInt var : vars) EXPECT_FALSE(depends_on(form->coefficients[v], var) || depends_on(form->offset, var));
    }
    EXPECT_EQ(sum, s.expression) << s.expression.to_string();
  }
  EXPECT_GT(affine, 500);
}

}  // namespace
}  // namespace temper
