// Contractions by oneDNN against exact evaluation, cut in every way and run by any number of workers: with the same bits.
#include <gtest/gtest.h>

#include "backend/cpu/run/onednn/library.h"
#include "base/cpu_info.h"
#include "tests/backend/cpu/region_case.h"
#include "tune/source.h"

namespace temper::cpu {
namespace {

using testing::RegionCase;
using testing::ShuffledExecutor;

const TacticSource& source() {
  for (const TacticSource* s : tactic_sources("cpu")) {
    if (s->name() == "onednn") return *s;
  }
  throw std::runtime_error("the source is not registered");
}

Device here(int threads) { return {std::string(isa_name(cpu_info().isa)), threads}; }

Candidate candidate_of(RegionCase& c, const std::vector<int>& constants) {
  Candidate candidate{&c.context(), &c.region(), c.layouts(), std::vector<const Tensor*>(c.region().inputs.size()), {}};
  for (int i : constants) candidate.constants[static_cast<size_t>(i)] = &c.input(i);
  candidate.best = [&c](SymInt e) { return c.number(e); };
  return candidate;
}

Status run(RegionCase& c, const KernelStep& step, int workers, uint64_t order) {
  auto kernel = TEMPER_TRY(decode_kernel(step.kernel, step.blob));
  std::vector<int64_t> parameters, sizes;
  for (SymInt p : step.parameters) parameters.push_back(c.number(p));
  std::vector<std::byte*> data;
  for (const Argument& argument : step.arguments) {
    // Constants stay as they are: a plan's lie in a read-only map.
    std::span<const std::byte> bytes = argument.buffer >= 0
                                           ? std::span<const std::byte>(c.buffers()[static_cast<size_t>(argument.buffer)].bytes)
                                           : argument.constant.bytes();
    sizes.push_back(static_cast<int64_t>(bytes.size()));
    data.push_back(const_cast<std::byte*>(bytes.data()));
  }
  for (size_t o = c.region().inputs.size(); o < c.buffers().size(); ++o) {
    std::fill(c.buffers()[o].bytes.begin(), c.buffers()[o].bytes.end(), std::byte{0x5A});
  }
  auto launch = TEMPER_TRY(kernel->prepare(parameters, sizes));
  std::vector<std::byte> workspace(static_cast<size_t>(launch->workspace_bytes(workers)) + 64);
  std::byte* aligned = workspace.data() + (64 - reinterpret_cast<uintptr_t>(workspace.data()) % 64) % 64;
  ShuffledExecutor executor(workers, order);
  return launch->run(data, aligned, executor);
}

class OneDnn : public ::testing::Test {
 protected:
  void SetUp() override {
    auto found = onednn::library();
    if (!found.ok()) GTEST_SKIP() << found.error().message();
  }

  void check(const std::string& text, const std::vector<int>& constants, const SymValues& symbols = {}) {
    RegionCase c(text, symbols, 5);
    ASSERT_TRUE(c.good());
    c.row_major_only();
    c.make_buffers();
    const Candidate candidate = candidate_of(c, constants);
    for (int threads : {1, 3}) {
      auto offered = source().enumerate(candidate, here(threads), {});
      ASSERT_TRUE(std::holds_alternative<std::vector<Tactic>>(offered)) << std::get<Decline>(offered).reason << "\n" << text;
      for (const Tactic& tactic : std::get<std::vector<Tactic>>(offered)) {
        SCOPED_TRACE(tactic.config);
        auto steps = source().realize(candidate, tactic, here(threads));
        ASSERT_TRUE(steps.ok()) << steps.error().to_string();
        std::vector<std::byte> first;
        for (int workers : {1, 4}) {
          const Status status = run(c, steps->front(), workers, 11);
          ASSERT_TRUE(status.ok()) << status.error().to_string();
          if (first.empty()) {
            c.compare();
            first = c.buffers().back().bytes;
          } else {
            EXPECT_EQ(first, c.buffers().back().bytes) << "other bits with other workers";
          }
        }
      }
    }
  }
};

TEST_F(OneDnn, Convolution) {
  const std::string window =
      "  %4 = contract f32[n, 6, 6, 16 | 3, 3, 16] %0[d0, d1 + d4 - 1, d2 + d5 - 1, d6] if ((0 < d1 + d4)*(d1 + d4 < 7)*(0 "
      "< d2 + d5)*"
      "(d2 + d5 < 7)) else 0 * %1[d4, d5, d6, d3]\n";
  const std::string head = "region (%0: f32[n, 6, 6, 16], %1: f32[3, 3, 16, 16], %2: f32[16], %3: f32[n, 6, 6, 16]) {\n";
  for (int64_t images : {1, 5}) {
    check(head + window + "} -> (%4)\n", {1}, {{"n", images}});
    check(head + window +
              "  %5 = map f32[n, 6, 6, 16] (%4[d0, d1, d2, d3], %2[d3], %3[d0, d1, d2, d3]) (f32 %0, f32 %1, f32 %2) { %3 = "
              "add f32 %0 "
              "%1; %4 = add f32 %3 %2; %5 = const f32 0; %6 = max f32 %4 %5; } -> %6\n} -> (%5)\n",
          {1, 2}, {{"n", images}});
  }
}

TEST_F(OneDnn, StridedConvolutionWithAClamp) {
  check(
      "region (%0: f32[2, 11, 11, 16], %1: f32[3, 3, 16, 16], %2: f32[16]) {\n"
      "  %3 = contract f32[2, 6, 6, 16 | 3, 3, 16] %0[d0, 2*d1 + d4 - 1, 2*d2 + d5 - 1, d6] if ((0 < 2*d1 + d4)*(2*d1 + d4 < "
      "12)*(0 < 2*d2 + d5)*(2*d2 + d5 < 12)) else 0 * %1[d4, d5, d6, d3]\n"
      "  %4 = map f32[2, 6, 6, 16] (%3[d0, d1, d2, d3], %2[d3]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 -1; %4 "
      "= max "
      "f32 %2 %3; %5 = const f32 6; %6 = min f32 %4 %5; } -> %6\n"
      "} -> (%4)\n",
      {1, 2});
}

TEST_F(OneDnn, Products) {
  check(
      "region (%0: f32[s, 32], %1: f32[32, 64], %2: f32[64], %3: f32[s, 64]) {\n"
      "  %4 = contract f32[s, 64 | 32] %0[d0, d2] * %1[d2, d1]\n"
      "  %5 = map f32[s, 64] (%4[d0, d1], %2[d1], %3[d0, d1]) (f32 %0, f32 %1, f32 %2) { %3 = add f32 %0 %1; %4 = add f32 %3 "
      "%2; } -> %4\n"
      "} -> (%5)\n",
      {1, 2}, {{"s", 37}});
  check(
      "region (%0: f32[b, 4, s, 64], %1: f32[b, 4, s, 64]) {\n"
      "  %2 = contract f32[b, 4, s, s | 64] %0[d0, d1, d2, d4] * %1[d0, d1, d3, d4]\n"
      "} -> (%2)\n",
      {}, {{"b", 2}, {"s", 20}});
}

TEST_F(OneDnn, Declines) {
  const std::string text =
      "region (%0: f32[30, 64], %1: f32[64, 128]) { %2 = contract f32[30, 128 | 64] %0[d0, d2] * %1[d2, d1] } -> (%2)";
  RegionCase c(text, {}, 1);
  c.row_major_only();
  c.make_buffers();
  const Candidate candidate = candidate_of(c, {1});
  EXPECT_TRUE(std::holds_alternative<Decline>(source().enumerate(candidate, here(1), {.optimization_level = 0})));
  if (cpu_info().isa > IsaLevel::kV1) {
    EXPECT_TRUE(std::holds_alternative<Decline>(source().enumerate(candidate, {"cpu-v1", 1}, {})));
  }
}

// Whoever made a plan, loading it ends in an answer or an error.
TEST_F(OneDnn, DamagedParametersAreErrors) {
  const std::string text =
      "region (%0: f32[30, 64], %1: f32[64, 128]) { %2 = contract f32[30, 128 | 64] %0[d0, d2] * %1[d2, d1] } -> (%2)";
  RegionCase c(text, {}, 1);
  c.row_major_only();
  c.make_buffers();
  const Candidate candidate = candidate_of(c, {1});
  auto offered = source().enumerate(candidate, here(1), {});
  ASSERT_TRUE(std::holds_alternative<std::vector<Tactic>>(offered)) << std::get<Decline>(offered).reason;
  auto steps = source().realize(candidate, std::get<std::vector<Tactic>>(offered).front(), here(1));
  ASSERT_TRUE(steps.ok());
  KernelStep& step = steps->front();
  ASSERT_TRUE(run(c, step, 1, 1).ok());
  const std::vector<std::byte> good = step.blob;
  int refused = 0;
  for (size_t k = 0; k < good.size(); ++k) {
    for (int bits : {0x01, 0x80}) {
      step.blob = good;
      step.blob[k] ^= std::byte(bits);
      refused += !run(c, step, 1, 1).ok();
    }
  }
  EXPECT_GT(refused, static_cast<int>(good.size()));
  step.blob = good;
  step.arguments[1].constant = Tensor::zeros(DType::kU8, {100});
  EXPECT_FALSE(run(c, step, 1, 1).ok());
}

TEST(Sources, OneDnnIsAskedOnlyWhereSwitchedOn) {
  const auto asks = [](const BuildOptions& build) {
    const auto asked = asked_sources(here(1), build);
    return std::find(asked.begin(), asked.end(), &source()) != asked.end();
  };
  EXPECT_FALSE(asks({}));
  EXPECT_TRUE(asks({.sources = {{"onednn", true}}}));
  EXPECT_TRUE(asks({.only_source = "onednn"}));
  EXPECT_FALSE(asks({.sources = {{"onednn", false}}}));
  EXPECT_EQ(tactic_sources("cpu").back(), &source()) << "it must never be the default";
}

}  // namespace
}  // namespace temper::cpu
