// The Runner of the CPU backend with SpotCheck: every tactic that the sources offer for some regions runs, is right, and would
// be caught if it were not.
#include <gtest/gtest.h>

#include <set>

#include "base/cpu_info.h"
#include "tune/runner.h"
#include "tune/spot_check.h"

namespace temper::cpu {
namespace {

struct Offered {
  SymContext context;
  Region region;
  Candidate candidate;
  std::vector<Tensor> constants;

  // Row-major layouts; inputs from `first_constant` on are constants; the symbol n is 1, all others are `extent`.
  explicit Offered(const std::string& text, size_t first_constant = SIZE_MAX, int64_t extent = 3) {
    auto parsed = parse_region(text, context);
    EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().to_string());
    if (!parsed.ok()) return;
    region = *parsed;
    candidate.context = &context;
    candidate.region = &region;
    candidate.best = [extent](SymInt e) {
      auto value = evaluate(e, [extent](SymInt s) -> std::optional<int64_t> { return s.to_string() == "n" ? 1 : extent; });
      return value.ok() ? *value : 1;
    };
    candidate.constants.assign(region.inputs.size(), nullptr);
    constants = sample_inputs(candidate);
    for (size_t i = first_constant; i < constants.size(); ++i) candidate.constants[i] = &constants[i];
    const auto types = region.value_types();
    for (const TensorType& t : region.inputs) candidate.layouts.push_back(Layout::row_major(t.dims));
    for (int v : region.outputs) candidate.layouts.push_back(Layout::row_major(types[size_t(v)].dims));
  }

  // How many tactics ran and were right.
  int check_all(const Device& device, bool cold) {
    const Runner* runner = runner_for(device);
    EXPECT_NE(runner, nullptr);
    const std::vector<Tensor> inputs = sample_inputs(candidate);
    auto bench = runner->open(candidate, inputs, device, {.cold_constants = cold});
    EXPECT_TRUE(bench.ok()) << (bench.ok() ? "" : bench.error().to_string());
    if (!bench.ok()) return 0;
    const SpotCheck check(candidate, inputs);
    EXPECT_GT(check.points(), 0u);
    int right = 0;
    for (const TacticSource* source : tactic_sources(device.target)) {
      auto offered = source->enumerate(candidate, device, {});
      if (!std::holds_alternative<std::vector<Tactic>>(offered)) continue;
      for (const Tactic& tactic : std::get<std::vector<Tactic>>(offered)) {
        SCOPED_TRACE(tactic.source + ": " + tactic.config);
        auto steps = source->realize(candidate, tactic, device);
        EXPECT_TRUE(steps.ok()) << steps.error().to_string();
        auto trial = (*bench)->prepare(std::move(*steps));
        EXPECT_TRUE(trial.ok()) << trial.error().to_string();
        if (!trial.ok()) continue;
        (*bench)->spoil_outputs();
        EXPECT_TRUE(check.fault(**bench).has_value()) << "outputs that nobody wrote were taken for right";
        auto us = (*trial)->time_us();
        EXPECT_TRUE(us.ok()) << us.error().to_string();
        EXPECT_GT(us.ok() ? *us : 0, 0);
        auto fault = check.fault(**bench);
        EXPECT_FALSE(fault.has_value()) << *fault;
        right += !fault;
      }
    }
    return right;
  }
};

Device here(int threads) { return {std::string(isa_name(cpu_info().isa)), threads}; }

// Attention with a scale and a mask, more rows than a block has, and a last block that is shorter.
constexpr const char* kAttention =
    "region (%0: f32[s, 130, 2, 20], %1: f32[s, 2, 45, 20], %2: f32[s, 45, 2, 24], %3: f32[130, 45]) {\n"
    "  %4 = contract f32[s, 2, 130, 45 | 20] %0[d0, d2, d1, d4] * %1[d0, d1, d3, d4]\n"
    "  %5 = map f32[s, 2, 130, 45] (%4[d0, d1, d2, d3], %3[d2, d3]) (f32 %0, f32 %1) { %2 = const f32 0.25; %3 = mul f32 %0 "
    "%2; %4 = add f32 %1 %3; } -> %4\n"
    "  %6 = reduce max f32[s, 2, 130 | 45] (%5[d0, d1, d2, d3]) (f32 %0) {} -> %0\n"
    "  %7 = map f32[s, 2, 130, 45] (%5[d0, d1, d2, d3], %6[d0, d1, d2]) (f32 %0, f32 %1) { %2 = sub f32 %0 %1; %3 = exp f32 "
    "%2; } -> %3\n"
    "  %8 = reduce sum f32[s, 2, 130 | 45] (%7[d0, d1, d2, d3]) (f32 %0) {} -> %0\n"
    "  %9 = map f32[s, 2, 130, 45] (%7[d0, d1, d2, d3], %8[d0, d1, d2]) (f32 %0, f32 %1) { %2 = div f32 %0 %1; } -> %2\n"
    "  %10 = contract f32[s, 2, 130, 24 | 45] %9[d0, d1, d2, d4] * %2[d0, d4, d1, d3]\n"
    "} -> (%10)\n";

TEST(Measure, TwoProductsWithRowsBetweenThem) {
  for (int level = 0; level <= static_cast<int>(cpu_info().isa); ++level) {
    Offered offered(kAttention);
    // One tactic for each block size up to the rows that there are.
    EXPECT_EQ(offered.check_all({std::string(isa_name(static_cast<IsaLevel>(level))), 1}, false), 4);
  }
}

TEST(Measure, RowsThatReadAnotherPointAreNoChain) {
  std::string text = kAttention;
  const std::string own = "(%7[d0, d1, d2, d3], %8[d0, d1, d2])", other = "(%7[d0, d1, d2, 44 - d3], %8[d0, d1, d2])";
  text.replace(text.find(own), own.size(), other);
  Offered offered(text);
  for (const TacticSource* source : tactic_sources("cpu")) {
    EXPECT_TRUE(std::holds_alternative<Decline>(source->enumerate(offered.candidate, here(1), {}))) << source->name();
  }
}

// That no memory could hold the copies at very large extents does not make a tactic useless at those that come.
TEST(Measure, ATransposedConvolutionOfAnyImage) {
  Offered offered(
      "region (%0: f32[n, 1024, s / 16, s / 16], %1: f32[1024, 512, 2, 2]) {\n"
      "  %2 = contract f32[n, 512, (s / 16)*2, (s / 16)*2 | 1024, 2, 2] %0[d0, d4, (d2 - d5) / 2, (d3 - d6) / 2] if ((-1 < (d2 "
      "- d5) / "
      "2)*(-1 "
      "< (d3 - d6) / 2)*(d2 == d5 + ((d2 - d5) / 2)*2)*(d3 == d6 + ((d3 - d6) / 2)*2)) else 0 * %1[d4, d1, d5, d6]\n"
      "} -> (%2)\n",
      1, 256);
  for (size_t i = 0; i < offered.candidate.layouts.size(); i += 2) {
    offered.candidate.layouts[i] = Layout::permuted(offered.region.value_types()[i].dims, std::vector<int>{0, 2, 3, 1});
  }
  for (int threads : {1, 2, 8}) {
    std::set<std::string_view> sources;
    for (const TacticSource* source : tactic_sources(here(threads).target)) {
      auto tactics = source->enumerate(offered.candidate, here(threads), {});
      if (std::holds_alternative<std::vector<Tactic>>(tactics)) sources.insert(source->name());
    }
    EXPECT_TRUE(sources.contains("contract")) << threads;
  }
}

TEST(Measure, AMatrixProductWithABias) {
  Offered offered(
      "region (%0: f32[s, 70], %1: f32[70, 50], %2: f32[50]) {\n"
      "  %3 = contract f32[s, 50 | 70] %0[d0, d2] * %1[d2, d1]\n"
      "  %4 = map f32[s, 50] (%3[d0, d1], %2[d1]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; } -> %2\n"
      "} -> (%4)\n",
      1);
  EXPECT_GT(offered.check_all(here(1), false), 2);
  EXPECT_GT(offered.check_all(here(2), true), 2);
}

TEST(Measure, AConvolutionWithPadding) {
  Offered offered(
      "region (%0: f32[1, 12, 12, 16], %1: f32[3, 3, 16, 24]) {\n"
      "  %2 = contract f32[1, 12, 12, 24 | 3, 3, 16] %0[0, d1 + d4 - 1, d2 + d5 - 1, d6] if ((0 < d1 + d4)*(d1 + d4 < 13)*(0 < "
      "d2 + d5)*"
      "(d2 + d5 < 13)) else 0 * %1[d4, d5, d6, d3]\n"
      "} -> (%2)\n",
      1);
  EXPECT_GT(offered.check_all(here(2), true), 2);
}

TEST(Measure, AConvolutionWhoseWeightsAreOneNumber) {
  Offered offered(
      "region (%0: f32[1, 19, 19, 5], %1: f32[]) {\n"
      "  %2 = contract f32[1, 9, 9, 40 | 3, 3, 5] %0[0, d1*2 + d4, d2*2 + d5, d6] * %1[]\n"
      "} -> (%2)\n",
      1);
  EXPECT_GT(offered.check_all(here(2), false), 2);
}

// However large the bias is, the sum of products is rounded by its own size.
TEST(Measure, ABiasMuchLargerThanTheSum) {
  Offered offered(
      "region (%0: f32[30, 300], %1: f32[300, 50], %2: f32[50]) {\n"
      "  %3 = contract f32[30, 50 | 300] %0[d0, d2] * %1[d2, d1]\n"
      "  %4 = map f32[30, 50] (%3[d0, d1], %2[d1]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; } -> %2\n"
      "} -> (%4)\n",
      1);
  for (int64_t i = 0; i < 50; ++i) offered.constants[2].set(i, {offered.constants[2].at(i).f * 1e6, 0});
  EXPECT_GT(offered.check_all(here(1), false), 2);
}

TEST(Measure, AGatherAndAReduction) {
  Offered offered(
      "region (%0: f32[5, 40], %1: i64[30]) {\n"
      "  %2 = map f32[30, 40] (%0[v0, d1] with (v0 < [5] = %1[d0])) (f32 %0) {} -> %0\n"
      "  %3 = reduce sum f32[30 | 40] (%2[d0, d1]) (f32 %0) {} -> %0\n"
      "} -> (%2, %3)\n");
  EXPECT_EQ(offered.check_all(here(1), false), 1);
}

TEST(Measure, OtherDevicesAreNotServed) {
  EXPECT_EQ(runner_for({"sm_90", 1}), nullptr);
  EXPECT_EQ(runner_for({"cpu-v4-bf16", 1}) != nullptr, cpu_info().isa >= IsaLevel::kV4Bf16);
  EXPECT_EQ(runner_for({"cpu-v4-amx", 1}) != nullptr, cpu_info().isa >= IsaLevel::kV4Amx);
  EXPECT_NE(runner_for({"cpu-v1", 1}), nullptr);
}

TEST(Measure, MemoryIsLimited) {
  Offered offered(
      "region (%0: f32[1000, 1000]) {\n"
      "  %1 = map f32[1000, 1000] (%0[d0, d1]) (f32 %0) { %1 = neg f32 %0; } -> %1\n"
      "} -> (%1)\n");
  auto bench = runner_for(here(1))->open(offered.candidate, sample_inputs(offered.candidate), here(1), {.max_bytes = 1 << 20});
  ASSERT_FALSE(bench.ok());
  EXPECT_EQ(bench.error().code(), ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace temper::cpu
