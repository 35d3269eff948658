#include "tune/timing_cache.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

TimingCache sample() {
  TimingCache cache;
  cache.set_timing(hash128("conv"), "contract: gemm cpu-v4 14x2 mc=196",
                   {.least_ns = 193250, .median_ns = 195125, .spread_ns = 500, .runs = 12});
  cache.set_timing(hash128("conv"), "contract: direct cpu-v4 6x4", {.least_ns = -1});
  cache.set_timing(hash128("gemm"), "contract: dot", {.least_ns = 1200, .median_ns = 1200, .spread_ns = 0, .runs = 3});
  cache.set_decision(hash128("net"), {"contract: gemm cpu-v4 14x2 mc=196", "tile: default"});
  cache.set_decision(hash128("empty"), {});
  return cache;
}

TEST(TimingCache, ReadsBackWhatItWrote) {
  const TimingCache cache = sample();
  auto read = TimingCache::parse(cache.serialize());
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(*read, cache);
  EXPECT_EQ(read->serialize(), cache.serialize());
  ASSERT_NE(read->timing(hash128("conv"), "contract: gemm cpu-v4 14x2 mc=196"), nullptr);
  EXPECT_EQ(read->timing(hash128("conv"), "contract: gemm cpu-v4 14x2 mc=196")->median_ns, 195125);
  EXPECT_TRUE(read->timing(hash128("conv"), "contract: direct cpu-v4 6x4")->failed());
  EXPECT_EQ(read->timing(hash128("conv"), "contract: dot"), nullptr);
  ASSERT_NE(read->decision(hash128("net")), nullptr);
  EXPECT_EQ(read->decision(hash128("net"))->at(1), "tile: default");
  EXPECT_EQ(read->decision(hash128("other")), nullptr);
  EXPECT_TRUE(TimingCache::parse(TimingCache().serialize())->empty());
}

TEST(TimingCache, RejectsEveryPrefix) {
  const std::string text = sample().serialize();
  for (size_t size = 0; size < text.size(); ++size) {
    auto read = TimingCache::parse(std::string_view(text).substr(0, size));
    ASSERT_FALSE(read.ok()) << "a prefix of " << size;
    EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
  }
}

TEST(TimingCache, RejectsEveryFlippedBit) {
  const std::string text = sample().serialize();
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    auto read = TimingCache::parse(flipped);
    ASSERT_FALSE(read.ok()) << "bit " << bit;
  }
}

// Text with its checksums made right again.
std::string sealed(const std::vector<std::string>& lines) {
  const auto digits = [](uint64_t n) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(n));
    return std::string(text);
  };
  std::string text;
  for (const std::string& line : lines) {
    const uint64_t hash = line.starts_with("end ") ? hash64(text, hash64(line)) : hash64(line);
    text += digits(hash) + " " + line + "\n";
  }
  return text;
}

TEST(TimingCache, RejectsWhatMakesNoSenseThoughSealed) {
  const std::string title = "temper timing cache 1", key = hash128("k").hex();
  ASSERT_TRUE(TimingCache::parse(sealed({title, "timing " + key + " 5 6 1 3 a: b", "end 1"})).ok());
  for (const std::string& line :
       {"timing " + key + " 5 4 1 3 a: b", "timing " + key + " -2 0 0 0 a: b", "timing " + key + " -1 0 0 4 a: b",
        "timing " + key + " 5 6 1 0 a: b", "timing " + key + " 5 6 1 3 ", "timing " + key + " 5 6 1 3 a\tb",
        "timing " + key + " 99999999999999999999 6 1 3 a", "timing " + key + "0 5 6 1 3 a", std::string("timing zz 5 6 1 3 a"),
        "decision " + key + " 2 a", "decision " + key + " 1 a\tb", "decision " + key + " 2 a\t\tb", "other " + key + " 1",
        std::string(""), std::string("timing")}) {
    auto read = TimingCache::parse(sealed({title, line, "end 1"}));
    ASSERT_FALSE(read.ok()) << line;
    EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt) << line;
    EXPECT_NE(read.error().to_string().find("line 2"), std::string::npos) << read.error().to_string();
  }
  const std::string timing = "timing " + key + " 5 6 1 3 a: b";
  EXPECT_FALSE(TimingCache::parse(sealed({title, timing, timing, "end 2"})).ok());
  EXPECT_FALSE(TimingCache::parse(sealed({title, timing, "end 2"})).ok());
  EXPECT_FALSE(TimingCache::parse(sealed({title, timing})).ok());
  EXPECT_FALSE(TimingCache::parse(sealed({title, "end 0", timing})).ok());
  EXPECT_FALSE(TimingCache::parse(sealed({"something else", "end 0"})).ok());
  auto newer = TimingCache::parse(sealed({"temper timing cache 2", "end 0"}));
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code(), ErrorCode::kIncompatible);
}

TEST(TimingCache, MergingKeepsTheLowerSpreadWhicheverComesFirst) {
  TimingCache a, b;
  a.set_timing(hash128("x"), "t: 1", {.least_ns = 100, .median_ns = 110, .spread_ns = 9, .runs = 5});
  b.set_timing(hash128("x"), "t: 1", {.least_ns = 105, .median_ns = 106, .spread_ns = 1, .runs = 5});
  b.set_timing(hash128("x"), "t: 2", {.least_ns = 90, .median_ns = 90, .spread_ns = 0, .runs = 5});
  a.set_timing(hash128("x"), "t: 3", {.least_ns = -1});
  b.set_timing(hash128("x"), "t: 3", {.least_ns = 70, .median_ns = 70, .spread_ns = 0, .runs = 5});
  TimingCache ab = a, ba = b;
  ab.merge(b);
  ba.merge(a);
  EXPECT_EQ(ab.serialize(), ba.serialize());
  EXPECT_EQ(ab.timing(hash128("x"), "t: 1")->least_ns, 105);
  EXPECT_EQ(ab.timing(hash128("x"), "t: 2")->least_ns, 90);
  EXPECT_FALSE(ab.timing(hash128("x"), "t: 3")->failed());
}

TEST(TimingCache, ADecisionThatIsThereStays) {
  TimingCache a, b;
  a.set_decision(hash128("n"), {"t: 1"});
  b.set_decision(hash128("n"), {"t: 2"});
  a.merge(b);
  EXPECT_EQ(a.decision(hash128("n"))->front(), "t: 1");
}

TEST(TimingCache, NamesThatWouldBreakALineAreNotKept) {
  TimingCache cache;
  cache.set_timing(hash128("x"), "two\nlines", {.least_ns = 1, .median_ns = 1, .runs = 1});
  cache.set_timing(hash128("x"), "", {.least_ns = 1, .median_ns = 1, .runs = 1});
  cache.set_decision(hash128("x"), {"fine", "a\tb"});
  EXPECT_TRUE(cache.empty());
}

}  // namespace
}  // namespace temper
