#include "tune/share_growth.h"

#include <gtest/gtest.h>

#include <random>

namespace temper {
namespace {

using Units = std::vector<std::vector<GrowthOption>>;

double time_of(const Units& units, const std::vector<size_t>& taken) {
  double ns = 0;
  for (size_t u = 0; u < units.size(); ++u) ns += units[u][taken[u]].ns;
  return ns;
}
int64_t growth_of(const Units& units, const std::vector<size_t>& taken) {
  int64_t bytes = 0;
  for (size_t u = 0; u < units.size(); ++u) bytes += std::max<int64_t>(0, units[u][taken[u]].growth);
  return bytes;
}

TEST(ShareGrowth, BytesGoWhereTheySaveMost) {
  const Units units = {{{100, 50}, {0, 100}}, {{100, 10}, {0, 100}}, {{10, 90}, {0, 100}}};
  EXPECT_EQ(share_growth(units, 0), (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(share_growth(units, 100), (std::vector<size_t>{1, 0, 1}));
  EXPECT_EQ(share_growth(units, 110), (std::vector<size_t>{1, 0, 0}));
  EXPECT_EQ(share_growth(units, 1000), (std::vector<size_t>{0, 0, 0}));
}

TEST(ShareGrowth, AStepUpMayBeTakenHalfWay) {
  const Units units = {{{0, 100}, {10, 60}, {40, 40}}, {{0, 100}, {40, 70}}};
  EXPECT_EQ(share_growth(units, 10), (std::vector<size_t>{1, 0}));
  EXPECT_EQ(share_growth(units, 50), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(share_growth(units, 40), (std::vector<size_t>{2, 0}));
}

TEST(ShareGrowth, TheLeastIsTakenThoughTheBytesDoNotSuffice) {
  EXPECT_EQ(share_growth(Units{{{60, 10}, {4, 20}}}, 0), (std::vector<size_t>{1}));
}

TEST(ShareGrowth, OfEqualOptionsTheFirst) {
  EXPECT_EQ(share_growth(Units{{{0, 20}, {0, 10}, {0, 10}}}, 100), (std::vector<size_t>{1}));
  EXPECT_EQ(share_growth(Units{{{-8, 10}, {0, 10}, {4, 10}}}, 100), (std::vector<size_t>{0}));
}

TEST(ShareGrowth, OfManyBytesTheRemainsCountToo) {
  const Units units = {{{0, 100}, {3'000'001, 10}}, {{0, 100}, {2'000'001, 50}}, {{0, 100}, {1'000'000, 90}}};
  const std::vector<size_t> taken = share_growth(units, 6'000'002);
  EXPECT_EQ(taken, (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(share_growth(units, INT64_MAX), taken);
}

// Never more bytes than there are, and the best where so few bytes are counted one by one.
TEST(ShareGrowth, TheBest) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Units units(5);
    for (auto& unit : units) {
      unit.push_back({0, 100});
      for (int k = 0; k < 2; ++k) unit.push_back({int64_t(random() % 50 + 1), double(random() % 100)});
    }
    const int64_t bytes = int64_t(random() % 150);
    const std::vector<size_t> taken = share_growth(units, bytes);
    EXPECT_LE(growth_of(units, taken), bytes);
    double best = 1e9;
    for (int code = 0; code < 243; ++code) {
      std::vector<size_t> other;
      for (int c = code, u = 0; u < 5; ++u, c /= 3) other.push_back(size_t(c % 3));
      if (growth_of(units, other) <= bytes) best = std::min(best, time_of(units, other));
    }
    EXPECT_EQ(time_of(units, taken), best);
    EXPECT_EQ(share_growth(units, bytes), taken);
  }
}

}  // namespace
}  // namespace temper
