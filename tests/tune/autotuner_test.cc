#include "tune/autotuner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tune/fake_device.h"

namespace temper {
namespace {

using testing::FakeDevice;

const testing::FakeSource kFast("fast"), kPlain("plain");
const RegisterSource kRegisterPlain{10, kPlain, "fake"}, kRegisterFast{20, kFast, "fake"};
const testing::FakeRunner kRunner;
const RegisterRunner kRegisterRunner{kRunner};

class Lines final : public LogSink {
 public:
  void log(Severity severity, std::string_view text) noexcept override {
    lines.emplace_back(std::string(severity_name(severity)) + ": " + std::string(text));
  }
  std::vector<std::string> lines;
};

class AutotunerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    FakeDevice::instance().reset();
    auto parsed = parse_region(
        "region (%0: f32[6, 5], %1: f32[5, 4]) {\n"
        "  %2 = contract f32[6, 4 | 5] %0[d0, d2] * %1[d2, d1]\n"
        "} -> (%2)\n",
        context_);
    ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
    region_ = *parsed;
    candidate_.context = &context_;
    candidate_.region = &region_;
    for (const Dims& dims : {Dims{6, 5}, Dims{5, 4}, Dims{6, 4}}) candidate_.layouts.push_back(Layout::row_major(dims));
    candidate_.constants = {nullptr, nullptr};
    candidate_.best = [](SymInt e) { return e.value(); };
    options_.device = {"fake", 1};
    options_.log = &log_;
  }

  void offer(std::vector<std::string> fast, std::vector<std::string> plain = {}) {
    FakeDevice::instance().configs["fast"] = std::move(fast);
    FakeDevice::instance().configs["plain"] = std::move(plain);
  }
  // The configuration that a new tuner chooses with the test's cache.
  std::string choose() {
    Autotuner tuner(options_, cache_, nullptr);
    return choose(tuner);
  }
  std::string choose(Autotuner& tuner) {
    seen_.clear();
    auto choice = tuner.choose(candidate_, "unit", seen_);
    if (!choice.ok()) return choice.error().to_string();
    return choice->tactic.config;
  }
  const plan::CandidateT& record(const std::string& config) {
    auto at = std::find_if(seen_.begin(), seen_.end(), [&](const plan::CandidateT& c) { return c.tactic == config; });
    EXPECT_NE(at, seen_.end()) << config;
    return *at;
  }
  int runs(const std::string& config) { return FakeDevice::instance().runs[config]; }

  SymContext context_;
  Region region_;
  Candidate candidate_;
  TuneOptions options_;
  TimingCache cache_;
  Lines log_;
  std::vector<plan::CandidateT> seen_;
};

TEST_F(AutotunerTest, LevelZeroTakesTheFirstAndMeasuresNothing) {
  options_.build.optimization_level = 0;
  offer({}, {"a us=50", "b us=5"});
  EXPECT_EQ(choose(), "a us=50");
  EXPECT_EQ(FakeDevice::instance().total_runs(), 0);
  ASSERT_EQ(seen_.size(), 3u);
  EXPECT_EQ(seen_[0].source, "fast");
  EXPECT_EQ(seen_[0].decline, "nothing in the script");
  EXPECT_TRUE(record("a us=50").chosen);
  EXPECT_FALSE(record("b us=5").chosen);
  EXPECT_EQ(record("b us=5").microseconds, -1);
}

TEST_F(AutotunerTest, TheQuickestWinsAndAllIsKept) {
  offer({"a us=50", "b us=30", "c us=45"}, {"d us=29"});
  EXPECT_EQ(choose(), "d us=29");
  EXPECT_DOUBLE_EQ(record("b us=30").microseconds, 30);
  EXPECT_DOUBLE_EQ(record("a us=50").estimate, 10);
  EXPECT_TRUE(record("d us=29").chosen);
  EXPECT_EQ(std::count_if(seen_.begin(), seen_.end(), [](const auto& c) { return c.chosen; }), 1);
}

TEST_F(AutotunerTest, TheDefaultStaysForLittleAndForLessThanTheSpread) {
  offer({"a us=1000", "b us=985"});
  EXPECT_EQ(choose(), "a us=1000");
  offer({"a us=1000", "c us=975"});
  EXPECT_EQ(choose(), "c us=975");
  // Least times of 1000 and 900 that no other run comes near.
  offer({"a us=1300,1000,1200", "d us=1300,900,1250"});
  EXPECT_EQ(choose(), "a us=1300,1000,1200");
}

TEST_F(AutotunerTest, WhatIsFarBehindLeavesAfterAFewRuns) {
  offer({"a us=100", "slow us=140", "near us=120"});
  EXPECT_EQ(choose(), "a us=100");
  EXPECT_LE(runs("slow us=140"), 4);
  EXPECT_GT(runs("near us=120"), 10);
}

TEST_F(AutotunerTest, LevelsLimitHowManyAreTimedAndHopelessOnesNeverAre) {
  offer({"first est=50 us=9", "b est=3 us=8", "c est=2 us=7", "d est=1 us=6"}, {"hopeless est=1000000000 us=1"});
  const std::vector<std::pair<int, size_t>> expected = {{0, 0}, {1, 2}, {2, 3}, {5, 3}};
  for (auto [level, timed] : expected) {
    FakeDevice::instance().runs.clear();
    cache_.clear();
    options_.build.optimization_level = level;
    choose();
    EXPECT_EQ(FakeDevice::instance().runs.size(), timed) << "level " << level;
    EXPECT_EQ(runs("hopeless est=1000000000 us=1"), 0);
  }
}

TEST_F(AutotunerTest, EqualCandidatesAreMeasuredOnce) {
  offer({"a us=50", "b us=30"});
  Autotuner tuner(options_, cache_, nullptr);
  EXPECT_EQ(choose(tuner), "b us=30");
  const int before = FakeDevice::instance().total_runs();
  EXPECT_EQ(choose(tuner), "b us=30");
  EXPECT_EQ(FakeDevice::instance().total_runs(), before);
  EXPECT_EQ(tuner.measured(), 2);
  EXPECT_EQ(tuner.chosen(), (std::vector<std::string>{"fast: b us=30", "fast: b us=30"}));
  // Another layout is another problem.
  candidate_.layouts[2] = Layout::permuted(Dims{6, 4}, std::vector<int>{1, 0});
  EXPECT_EQ(choose(tuner), "b us=30");
  EXPECT_GT(FakeDevice::instance().total_runs(), before);
}

TEST_F(AutotunerTest, OtherThreadsDevicesAndSourcesAreOtherProblems) {
  offer({"a us=50", "b us=30"});
  choose();
  for (int change = 0; change < 3; ++change) {
    if (change == 0) options_.device.threads = 2;
    if (change == 1) options_.cold_constants = true;
    if (change == 2) FakeDevice::instance().fingerprint = "2";
    const int before = FakeDevice::instance().total_runs();
    choose();
    EXPECT_GT(FakeDevice::instance().total_runs(), before) << change;
  }
}

TEST_F(AutotunerTest, TheCacheGivesTheSameChoiceAndRecordsWithoutMeasuring) {
  offer({"a us=50.1234", "b us=30.4321"}, {"c us=31"});
  const std::string first = choose();
  const std::vector<plan::CandidateT> records = seen_;
  auto read = TimingCache::parse(cache_.serialize());
  ASSERT_TRUE(read.ok());
  cache_ = *read;
  FakeDevice::instance().runs.clear();
  options_.error_on_miss = true;
  EXPECT_EQ(choose(), first);
  EXPECT_EQ(FakeDevice::instance().total_runs(), 0);
  ASSERT_EQ(seen_.size(), records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(seen_[i].tactic, records[i].tactic);
    EXPECT_EQ(seen_[i].microseconds, records[i].microseconds);
    EXPECT_EQ(seen_[i].chosen, records[i].chosen);
  }
}

TEST_F(AutotunerTest, AMissIsAnErrorWhereMeasuringIsForbidden) {
  offer({"a us=50", "b us=30"});
  options_.error_on_miss = true;
  const std::string error = choose();
  EXPECT_NE(error.find("E_NOT_FOUND"), std::string::npos) << error;
  EXPECT_NE(error.find("'unit'"), std::string::npos) << error;
  EXPECT_EQ(FakeDevice::instance().total_runs(), 0);
  offer({"a us=50"});  // nothing to choose between
  EXPECT_EQ(choose(), "a us=50");
}

TEST_F(AutotunerTest, ADecisionIsTakenAgainWithoutMeasuring) {
  offer({"a us=50", "b us=30"});
  const std::vector<std::string> decision = {"fast: a us=50", "fast: gone"};
  Autotuner tuner(options_, cache_, &decision);
  EXPECT_EQ(choose(tuner), "a us=50");
  EXPECT_TRUE(tuner.replayed());
  EXPECT_EQ(FakeDevice::instance().total_runs(), 0);
  // What nobody offers can't be taken.
  EXPECT_EQ(choose(tuner), "b us=30");
  EXPECT_FALSE(tuner.replayed());
}

TEST_F(AutotunerTest, AWrongTacticIsLeftOutAndReported) {
  offer({"a us=50", "b us=1 wrong"});
  EXPECT_EQ(choose(), "a us=50");
  EXPECT_EQ(runs("b us=1 wrong"), 1);
  EXPECT_FALSE(record("b us=1 wrong").decline.empty());
  ASSERT_EQ(log_.lines.size(), 1u);
  EXPECT_NE(log_.lines[0].find("error: tactic 'fast: b us=1 wrong' of 'unit' is left out: element [5, 3] of output 0 is"),
            std::string::npos)
      << log_.lines[0];
}

TEST_F(AutotunerTest, WhereAllAreWrongTheHopelessOneAnswers) {
  offer({"a wrong est=1", "b wrong est=1"}, {"slow est=1e9 us=99999"});
  EXPECT_EQ(choose(), "slow est=1e9 us=99999");
  EXPECT_EQ(log_.lines.size(), 2u);
}

TEST_F(AutotunerTest, WhatCannotBePreparedOrRunIsLeftOut) {
  offer({"a unready us=1", "b us=50", "c breaks us=2"});
  EXPECT_EQ(choose(), "b us=50");
  EXPECT_FALSE(record("a unready us=1").decline.empty());
  EXPECT_FALSE(record("c breaks us=2").decline.empty());
  EXPECT_EQ(log_.lines.size(), 2u);
}

TEST_F(AutotunerTest, WhereEveryRunFailsNothingIsLearnt) {
  offer({"a breaks", "b breaks"});
  EXPECT_EQ(choose(), "a breaks");
  EXPECT_TRUE(cache_.empty());
  EXPECT_TRUE(record("a breaks").decline.empty());
}

TEST_F(AutotunerTest, GrowthIsSharedOut) {
  offer({"big us=10 growth=60", "small us=20 growth=4"});
  options_.growth_bytes = 100;
  Autotuner tuner(options_, cache_, nullptr);
  EXPECT_EQ(choose(tuner), "big us=10 growth=60");
  EXPECT_EQ(choose(tuner), "small us=20 growth=4");  // 40 left
  options_.growth_bytes = 0;
  options_.build.optimization_level = 0;
  EXPECT_EQ(choose(), "small us=20 growth=4");
  // The one that grows least is always there, and better than one without hope.
  offer({"big us=10 growth=60 est=1", "small us=20 growth=4 est=2"}, {"hopeless est=1e9"});
  EXPECT_EQ(choose(), "small us=20 growth=4 est=2");
}

TEST_F(AutotunerTest, ASurveySharesGrowthOutOverAllUnits) {
  options_.growth_bytes = 60;
  options_.survey = true;
  Autotuner survey(options_, cache_, nullptr);
  offer({"early us=100 growth=60", "lean us=110"});
  EXPECT_EQ(choose(survey), "");
  offer({"late us=5 growth=60", "small us=20"});
  EXPECT_EQ(choose(survey), "");
  EXPECT_TRUE(survey.chosen().empty());
  const std::vector<std::string> decision = survey.decision();
  EXPECT_EQ(decision, (std::vector<std::string>{"fast: lean us=110", "fast: late us=5 growth=60"}));
}

// The lean ones are far down the list, but there has to be a choice.
TEST_F(AutotunerTest, ThoseThatNeedNoGrowthAreTimedToo) {
  std::vector<std::string> configs;
  for (int i = 0; i < 9; ++i) configs.push_back("big" + std::to_string(i) + " us=10 growth=600 est=1");
  configs.insert(configs.end(), {"middle us=20 growth=100 est=2", "a us=31 est=3", "b us=30 est=3", "c us=29 est=3"});
  offer(configs);
  options_.growth_bytes = 50;
  EXPECT_EQ(choose(), "b us=30 est=3");
  EXPECT_GT(runs("middle us=20 growth=100 est=2"), 0);
  EXPECT_EQ(runs("c us=29 est=3"), 0);
}

TEST_F(AutotunerTest, WithoutTheDeviceTheEstimatesChoose) {
  options_.device.target = "fake-elsewhere";
  offer({"a est=20 us=1", "b est=10 us=50"});
  EXPECT_EQ(choose(), "b est=10 us=50");
  EXPECT_EQ(FakeDevice::instance().total_runs(), 0);
}

TEST_F(AutotunerTest, ManyThatHoldMuchAreTimedInHeats) {
  std::vector<std::string> configs;
  for (int i = 0; i < 7; ++i) configs.push_back("t" + std::to_string(i) + " held=100000000 us=" + std::to_string(100 - i * 5));
  offer(configs);
  EXPECT_EQ(choose(), configs.back());
  for (const std::string& c : configs) EXPECT_GT(record(c).microseconds, 0) << c;
}

TEST_F(AutotunerTest, CancelsBetweenTrials) {
  offer({"a us=50", "b us=30"});
  options_.cancelled = [] { return true; };
  EXPECT_NE(choose().find("E_CANCELLED"), std::string::npos);
}

TEST_F(AutotunerTest, NoTacticAtAllIsAnErrorWithTheReasons) {
  offer({});
  const std::string error = choose();
  EXPECT_NE(error.find("E_UNSUPPORTED"), std::string::npos) << error;
  EXPECT_NE(error.find("plain: nothing in the script"), std::string::npos) << error;
}

TEST_F(AutotunerTest, OnlyTheSourceAskedForIsAsked) {
  offer({"a us=5"}, {"b us=50"});
  options_.build.only_source = "plain";
  EXPECT_EQ(choose(), "b us=50");
  EXPECT_EQ(seen_.size(), 1u);
}

TEST(SampleInputs, AreInRangeOfWhatTheyIndex) {
  SymContext context;
  auto region = parse_region(
      "region (%0: f32[3, 40], %1: i64[900]) {\n"
      "  %2 = map f32[900, 40] (%0[v0, d1] with (v0 < [3] = %1[d0])) (f32 %0) {} -> %0\n"
      "} -> (%2)\n",
      context);
  ASSERT_TRUE(region.ok()) << region.error().to_string();
  Candidate candidate;
  candidate.context = &context;
  candidate.region = &*region;
  candidate.constants = {nullptr, nullptr};
  candidate.best = [](SymInt e) { return e.value(); };
  const std::vector<Tensor> inputs = sample_inputs(candidate);
  ASSERT_EQ(inputs.size(), 2u);
  for (int64_t i = 0; i < inputs[1].count(); ++i) {
    ASSERT_GE(inputs[1].at(i).i, 0);
    ASSERT_LT(inputs[1].at(i).i, 3);
  }
  for (int64_t i = 0; i < inputs[0].count(); ++i) ASSERT_GT(std::abs(inputs[0].at(i).f), 0.05);
}

}  // namespace
}  // namespace temper
