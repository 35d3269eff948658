// Every prefix and every flipped bit of small plans is rejected with a typed error; the same flips with their checksums made
// right again are rejected or harmless. What "harmless" means is for a sanitizer to see: nothing outside the buffers is
// touched.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/plan/forge.h"
#include "tests/programs/client.h"
#include "tests/programs/sample_plugins.h"
#include "tests/programs/small_models.h"
#include "tests/runtime/plan_trial.h"
#include "tests/sanitizer.h"

namespace temper {
namespace {

constexpr size_t kLargest = 32768;  // all but one are below 16384

// The small models, and after them a plan of plugins.
const int kModels = int(small::all_models().size());

class DamagedPlan : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    client::Logger logger;
    client::Build build(logger);
    const std::string model = GetParam() < kModels ? small::all_models()[size_t(GetParam())].model : std::string();
    ASSERT_TRUE(model.empty() || build.parse(model)) << lastError().text();
    auto made = model.empty() ? sample::plan_of_plugins(logger) : build.plan();
    ASSERT_TRUE(made) << lastError().text();
    const auto* bytes = static_cast<const std::byte*>(made->data());
    plan.assign(bytes, bytes + made->size());
    ASSERT_LE(plan.size(), kLargest);
  }
  std::vector<std::byte> plan;
};

void expect_typed(const Status& status, size_t place) {
  ASSERT_FALSE(status.ok()) << place;
  const ErrorCode code = status.error().code();
  ASSERT_TRUE(code == ErrorCode::kCorrupt || code == ErrorCode::kIncompatible || code == ErrorCode::kInvalidArgument)
      << place << ": " << status.error().to_string();
}

TEST_P(DamagedPlan, RunsWhole) {
  const Status status = PlanTrial::run(plan);
  EXPECT_TRUE(status.ok()) << status.error().to_string();
}

TEST_P(DamagedPlan, EveryPrefixIsRejected) {
  for (size_t size = 0; size < plan.size(); ++size) expect_typed(PlanTrial::run(std::span(plan).first(size)), size);
}

TEST_P(DamagedPlan, EveryFlippedBitIsRejected) {
  for (size_t bit = 0; bit < plan.size() * 8; ++bit) {
    plan[bit / 8] ^= std::byte(1 << bit % 8);
    expect_typed(PlanTrial::run(plan), bit);
    plan[bit / 8] ^= std::byte(1 << bit % 8);
  }
}

// All bits take minutes under a sanitizer: there it is each 61st, unless TEMPER_ALL_FLIPS=1 asks for all.
TEST_P(DamagedPlan, ResealedFlipsAreRejectedOrHarmless) {
  const size_t step = TEMPER_SANITIZED && std::getenv("TEMPER_ALL_FLIPS") == nullptr ? 61 : 1;
  int rejected = 0, ran = 0;
  for (size_t bit = 0; bit < plan.size() * 8; bit += step) {
    std::vector<std::byte> forged = plan;
    forged[bit / 8] ^= std::byte(1 << bit % 8);
    reseal_plan(forged);
    (PlanTrial::run(forged).ok() ? ran : rejected)++;
  }
  EXPECT_GT(rejected, 0);
  EXPECT_GT(ran, 0);
  RecordProperty("rejected", rejected);
  RecordProperty("ran", ran);
}

INSTANTIATE_TEST_SUITE_P(Models, DamagedPlan, testing::Range(0, kModels + 1), [](const auto& info) {
  return info.param < kModels ? small::all_models()[size_t(info.param)].name : "plugins";
});

}  // namespace
}  // namespace temper
