// Every simplification rule by itself, on random operands: an answer must have the value of the operator.
#include <gtest/gtest.h>

#include <map>

#include "sym/simplify.h"
#include "tests/sym/random_expression.h"

namespace temper {
namespace {

using testing::kAssignments;
using testing::RandomExpressions;
using testing::Sample;

// What the rules may take for granted.
bool admissible(SymKind kind, SymInt a, SymInt b) {
  auto broken = [](SymInt e) { return e.to_string().find("9223372036854775807") != std::string::npos; };
  if ((a.is_const() && b.is_const()) || broken(a) || broken(b)) return false;
  bool division = kind == SymKind::kFloorDiv || kind == SymKind::kMod;
  return !division || !b.is_const() || b.value() > 1;
}

TEST(SymRules, EachAnswersWithAnEqualExpression) {
  std::map<std::string, int> answered;
  int judged = 0;
  for (uint64_t seed = 0; seed < 12000; ++seed) {
    RandomExpressions random(seed);
    Sample a = seed % 3 ? random.linear(2) : random.any(3);
    Sample b = random.positive(1);
    Sample c = seed % 2 ? random.any(2) : testing::apply(SymKind::kSum, a, random.leaf());
    // Quotients and remainders of quotients and remainders by related divisors are rare among random ones.
    if (seed % 5 == 0) a = testing::apply(SymKind::kMod, a, testing::apply(SymKind::kProduct, b, random.positive(0)));
    if (seed % 5 == 1) a = testing::apply(SymKind::kFloorDiv, a, random.positive(0));
    for (auto rules : {division_rules(), comparison_rules()}) {
      for (const SymRule& rule : rules) {
        bool division = rule.kind == SymKind::kFloorDiv || rule.kind == SymKind::kMod;
        const Sample& other = division ? b : c;
        if (!admissible(rule.kind, a.expression, other.expression)) continue;
        auto result = rule.apply(a.expression, other.expression);
        if (!result) continue;
        ++answered[rule.name];
        for (size_t i = 0; i < kAssignments; ++i) {
          if (!a.values[i] || !other.values[i]) continue;
          auto expected = testing::apply(rule.kind, *a.values[i], *other.values[i]);
          if (!expected) continue;
          auto value = random.value(*result, i);
          // Without an inner remainder, values may grow beyond 64 bits; that is reported, never wrong.
          if (!value.ok() && value.error().to_string().find("64 bits") != std::string::npos) continue;
          ASSERT_TRUE(value.ok()) << value.error().to_string();
          ++judged;
          ASSERT_EQ(*value, static_cast<int64_t>(*expected))
              << "rule " << rule.name << " (" << rule.law << "), seed " << seed << ", assignment " << i << ": "
              << a.expression.to_string() << " and " << other.expression.to_string() << " gave " << result->to_string();
        }
      }
    }
  }
  EXPECT_GT(judged, 100000);
  for (auto rules : {division_rules(), comparison_rules()}) {
    for (const SymRule& rule : rules) EXPECT_GT(answered[rule.name], 40) << rule.name << " was hardly tried";
  }
}

}  // namespace
}  // namespace temper
