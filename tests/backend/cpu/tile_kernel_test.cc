// Tile kernels beyond the single stage: shared dimensions, scratch values, symbolic sizes, index arithmetic, errors, the same
// bits always.
#include <gtest/gtest.h>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/run/tile/ops.h"
#include "tests/backend/cpu/region_case.h"

namespace temper::cpu {
namespace {

using testing::RegionCase;
using testing::Values;

Expected<KernelCode> lower(SymContext& context, const Region& region, std::span<const Layout> layouts) {
  return lower_tile(context, region, layouts);
}
Expected<KernelCode> lower_small(SymContext& context, const Region& region, std::span<const Layout> layouts) {
  return lower_tile(context, region, layouts, {.tile_elements = 128, .block_elements = 300});
}

void check(const std::string& text, const SymValues& symbols = {}, Values values = Values::kNormal,
           const std::function<void(RegionCase&)>& change = nullptr) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    RegionCase c(text, symbols, seed, values);
    if (change) change(c);
    if (seed <= 2) c.row_major_only();
    c.check(seed % 2 == 0 ? lower_small : lower, static_cast<int>(seed % 3) + 1);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

const std::string kSoftmaxOverChannels =
    "region (%0: f32[n, c, h, w]) {\n"
    "%1, %2 = reduce max_sum_exp (f32, f32) [n, h, w | c] (%0[d0, d3, d1, d2]) (f32 %0) { } -> %0\n"
    "%3 = map f32 [n, c, h, w] (%0[d0, d1, d2, d3], %1[d0, d2, d3], %2[d0, d2, d3]) (f32 %0, f32 %1, f32 %2) { %3 = sub f32 %0 "
    "%1; %4 = exp f32 %3; %5 = div f32 %4 %2 } -> %5 } -> (%3)";

const std::string kLayerNorm =
    "region (%0: f32[n, k], %1: f32[k], %2: f32[k]) {\n"
    "%3, %4 = reduce welford (f32, f32) [n | k] (%0[d0, d1]) (f32 %0) { } -> %0\n"
    "%5 = map f32 [n, k] (%0[d0, d1], %3[d0], %4[d0], %1[d1], %2[d1]) (f32 %0, f32 %1, f32 %2, f32 %3, f32 %4) { %5 = sub f32 "
    "%0 %1; %6 = const f32 1e-5; %7 = add f32 %2 %6; "
    "%8 = rsqrt f32 %7; %9 = mul f32 %5 %8; %10 = mul f32 %9 %3; %11 = add f32 %10 %4 } -> %11 } -> (%5)";

TEST(TileKernel, SharedDimensionsNeedNotBeAPrefix) {
  check(kSoftmaxOverChannels, {{"n", 2}, {"c", 11}, {"h", 5}, {"w", 7}});
  check(kSoftmaxOverChannels, {{"n", 1}, {"c", 3}, {"h", 30}, {"w", 41}});
}

TEST(TileKernel, LayerNormOfAllSizes) {
  for (int64_t n : {0, 1, 5, 70}) {
    for (int64_t k : {1, 7, 64, 700, 3000}) {
      if (n == 70 && k > 700) continue;
      check(kLayerNorm, {{"n", n}, {"k", k}});
    }
  }
}

TEST(TileKernel, AReductionOfNothingIsNeutral) {
  for (const char* monoid : {"sum", "prod", "max", "min"}) {
    check("region (%0: f32[4, k]) { %1 = reduce " + std::string(monoid) +
              " f32 [4 | k] (%0[d0, d1]) (f32 %0) { } -> %0 } -> (%1)",
          {{"k", 0}});
  }
  check("region (%0: bool[4, k]) { %1 = reduce any bool [4 | k] (%0[d0, d1]) (bool %0) { } -> %0 } -> (%1)", {{"k", 0}});
}

TEST(TileKernel, AnIntermediateMayLeaveToo) {
  check(
      "region (%0: f32[6, 40]) {\n"
      "%1 = reduce sum f32 [6 | 40] (%0[d0, d1]) (f32 %0) { } -> %0\n"
      "%2 = map bf16 [6, 40] (%0[d0, d1], %1[d0]) (f32 %0, f32 %1) { %2 = sub f32 %0 %1; %3 = cast bf16 %2 } -> %3 } -> (%2, "
      "%1)");
}

TEST(TileKernel, SiblingsShareTheLoop) {
  check(
      "region (%0: f32[9, 33]) {\n"
      "%1 = reduce max f32 [9 | 33] (%0[d0, d1]) (f32 %0) { } -> %0\n"
      "%2 = map f32 [9, 33] (%0[d0, d1]) (f32 %0) { %1 = abs f32 %0 } -> %1\n"
      "%3 = reduce sum f32 [9 | 33] (%2[d0, d1]) (f32 %0) { } -> %0 } -> (%1, %3, %2)");
}

TEST(TileKernel, StagesWithoutACommonDimension) {
  check(
      "region (%0: f32[13, 17]) {\n"
      "%1 = reduce max f32 [| 13, 17] (%0[d0, d1]) (f32 %0) { } -> %0\n"
      "%2 = map f32 [13, 17] (%0[d0, d1], %1[]) (f32 %0, f32 %1) { %2 = sub f32 %0 %1 } -> %2 } -> (%2)");
}

TEST(TileKernel, IndexArithmetic) {
  // Nearest neighbour by division, a causal mask, positions as data, a guard that is not linear.
  check("region (%0: f32[9, 7, 5]) { %1 = map f32 [20, 15, 5] (%0[(d0*9) / 20, (d1*7) / 15, d2]) (f32 %0) { } -> %0 } -> (%1)");
  check(
      "region (%0: f32[n, n]) { %1 = map f32 [n, n] (%0[d0, d1]) (f32 %0) { %1 = sym i64 d0 < d1; %2 = cast bool %1; %3 = "
      "const f32 -1000; %4 = select f32 %2 %3 %0 } -> %4 } -> (%1)",
      {{"n", 37}});
  check("region () { %0 = map i64 [6, 50] () () { %0 = sym i64 3*d1 + n*d0 - 7 } -> %0 } -> (%0)", {{"n", 50}});
  check("region (%0: f32[10, 8]) { %1 = map f32 [20, 8] (%0[d0 / 2, d1] if (d0 % 2 == 0) else 0) (f32 %0) { } -> %0 } -> (%1)");
  check("region (%0: i32[30]) { %1 = map i32 [24, 2] (%0[(d0 + 5*d1) % 30]) (i32 %0) { } -> %0 } -> (%1)");
}

TEST(TileKernel, ReshapesBecomeLoops) {
  check("region (%0: f32[4, 6, 10]) { %1 = map f32 [24, 10] (%0[d0 / 6, d0 % 6, d1]) (f32 %0) { } -> %0 } -> (%1)");
  check(
      "region (%0: f32[2, 12, 5, 6]) { %1 = map f32 [2, 3, 10, 12] (%0[d0, d1*4 + (d2 % 2)*2 + d3 % 2, d2 / 2, d3 / 2]) (f32 "
      "%0) { } -> %0 } -> (%1)");
  check("region (%0: f32[b, 3, 8]) { %1 = map f32 [b*3, 8] (%0[d0 / 3, d0 % 3, d1]) (f32 %0) { } -> %0 } -> (%1)", {{"b", 7}});
}

TEST(TileKernel, PadsOfAllKinds) {
  check(
      "region (%0: f32[6, 9]) { %1 = map f32 [10, 14] (%0[d0 - 2, d1 - 3] if ((1 < d0) * (d0 < 8) * (2 < d1) * (d1 < 12)) else "
      "1.5) (f32 %0) { } -> %0 } -> (%1)");
  check(
      "region (%0: u8[6, 9]) { %1 = map u8 [6, 14] (%0[d0, 11 - d1] if ((2 < d1) * (d1 < 12)) else 7) (u8 %0) { } -> %0 } -> "
      "(%1)");
  check(
      "region (%0: bf16[5, 40]) { %1 = map bf16 [5, 60] (%0[d0, d1 - k] if ((k - 1 < d1) * (d1 < 40 + k)) else -1) (bf16 %0) { "
      "} -> %0 } -> (%1)",
      {{"k", 13}});
  check(
      "region (%0: f32[2, 8, 40]) { %1 = reduce sum f32 [2, 6, 40 | 3] (%0[d0, d1 + d3 - 1, d2] if ((0 < d1 + d3) * (d1 + d3 < "
      "9)) else 0) (f32 %0) { } -> %0 } -> (%1)");
}

TEST(TileKernel, AllElementTypes) {
  for (const char* t :
       {"f32", "f64", "f16", "bf16", "f8e4m3", "f8e5m2", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "i4", "u4"}) {
    const std::string type = t;
    check("region (%0: " + type + "[7, 19], %1: " + type + "[19]) { %2 = map " + type + " [7, 19] (%0[d0, d1], %1[d1]) (" +
              type + " %0, " + type + " %1) { %2 = add " + type + " %0 %1; %3 = mul " + type + " %2 %0; %4 = min " + type +
              " %3 %1 } -> %4 } -> (%2)",
          {}, Values::kSmall);
    check("region (%0: " + type + "[7, 19]) { %1 = map " + type + " [19, 7] (%0[d1, d0]) (" + type +
          " %0) { } -> %0 } -> (%1)");
    if (type[0] != 'f' && type[0] != 'b') {
      check("region (%0: " + type + "[50], %1: " + type + "[50]) { %2 = map " + type + " [50] (%0[d0], %1[d0]) (" + type +
            " %0, " + type + " %1) { %2 = mul " + type + " %0 %1; %3 = neg " + type + " %2; %4 = shift_right " + type +
            " %3 %1; %5 = floor_mod " + type + " %4 %0; %6 = div " + type + " %2 %5; %7 = bit_not " + type +
            " %6 } -> %7 } -> (%2)");
      check("region (%0: " + type + "[60]) { %1 = map f32 [60] (%0[d0]) (" + type +
            " %0) { %1 = cast f32 %0 } -> %1 } -> (%1)");
    }
    for (const char* to : {"i8", "u8", "i32", "u32", "i64", "bool", "f16", "bf16", "f32"}) {
      if (type == to) continue;
      check("region (%0: " + type + "[60]) { %1 = map " + std::string(to) + " [60] (%0[d0]) (" + type + " %0) { %1 = cast " +
            to + " %0 } -> %1 } -> (%1)");
    }
    if (type != "i4" && type != "u4") {
      check("region (%0: " + type + "[9, 130]) { %1 = reduce sum " + type + " [9 | 130] (%0[d0, d1]) (" + type +
                " %0) { } -> %0 } -> (%1)",
            {}, Values::kSmall);
      check("region (%0: " + type + "[130, 9]) { %1 = reduce max " + type + " [9 | 130] (%0[d1, d0]) (" + type +
            " %0) { } -> %0 } -> (%1)");
    }
  }
}

TEST(TileKernel, GathersOfAllKinds) {
  auto small = [](int which, int64_t limit) {
    return [which, limit](RegionCase& c) {
      for (int64_t i = 0; i < c.input(which).count(); ++i) c.input(which).set(i, {.f = 0, .i = (i * 13 + 5) % limit});
    };
  };
  check(
      "region (%0: bf16[20, 13], %1: i32[6]) { %2 = map bf16 [13, 6] (%0[v0, d0] with (v0 < [20] = %1[d1])) (bf16 %0) { } -> "
      "%0 } -> (%2)",
      {}, Values::kNormal, small(1, 20));
  check(
      "region (%0: f32[5, 9], %1: i64[5, 4]) { %2 = map f32 [5, 4] (%0[d0, v0] with (v0 < [9] = %1[d0, d1])) (f32 %0) { } -> "
      "%0 } -> (%2)",
      {}, Values::kNormal, small(1, 9));
  check(
      "region (%0: f32[20, 64], %1: i64[3, 4]) { %2 = map f32 [3, 4, 64] (%0[v0, d2] if (0 < d1) else 9 with (v0 < [20] = "
      "%1[d0, d1])) (f32 %0) { } -> %0 } -> (%2)",
      {}, Values::kNormal, small(1, 20));
}

TEST(TileKernel, IndicesOutsideAreErrors) {
  for (int64_t bad : {-1, 20}) {
    RegionCase c(
        "region (%0: f32[20, 13], %1: i64[4]) { %2 = map f32 [4, 13] (%0[v0, d1] with (v0 < [20] = %1[d0])) (f32 %0) { } -> %0 "
        "} -> (%2)",
        {}, 1);
    ASSERT_TRUE(c.good());
    for (int64_t i = 0; i < 4; ++i) c.input(1).set(i, {.i = i == 3 ? bad : 2});
    c.make_buffers();
    const Status status = c.run(lower);
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_EQ(status.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(TileKernel, LongSumsAreAccurate) {
  RegionCase c("region (%0: f32[200000]) { %1 = reduce sum f32 [| 200000] (%0[d0]) (f32 %0) { } -> %0 } -> (%1)", {}, 1,
               Values::kPositive);
  ASSERT_TRUE(c.good());
  c.row_major_only();
  c.make_buffers();
  ASSERT_TRUE(c.run(lower).ok());
  double exact = 0;
  for (int64_t i = 0; i < 200000; ++i) exact += c.input(0).at(i).f;
  EXPECT_LE(std::fabs(c.buffers()[1].get(0).f - exact), exact * 3e-7);
}

TEST(TileKernel, TheSameBitsWithAnyNumberOfWorkers) {
  for (const std::string& text : {kSoftmaxOverChannels, kLayerNorm}) {
    RegionCase c(text, {{"n", 40}, {"k", 333}, {"c", 9}, {"h", 20}, {"w", 13}}, 5);
    ASSERT_TRUE(c.good());
    c.make_buffers();
    std::vector<std::byte> first;
    for (int workers : {1, 2, 3, 8}) {
      ASSERT_TRUE(c.run(lower, workers, static_cast<uint64_t>(workers)).ok());
      if (first.empty()) first = c.buffers().back().bytes;
      EXPECT_EQ(first, c.buffers().back().bytes) << workers << " workers";
    }
  }
}

// Whatever bytes and numbers come, there is an error or a kernel that stays inside its buffers (which the sanitizers watch).
TEST(TileKernel, DamagedProgramsAreRefusedOrHarmless) {
  RegionCase c(kLayerNorm, {{"n", 4}, {"k", 20}}, 3);
  ASSERT_TRUE(c.good());
  c.row_major_only();
  c.make_buffers();
  auto code = lower(c.context(), c.region(), c.layouts());
  ASSERT_TRUE(code.ok());
  std::vector<int64_t> parameters;
  for (SymInt p : code->parameters) parameters.push_back(c.number(p));
  std::vector<int64_t> sizes;
  for (auto& b : c.buffers()) sizes.push_back(static_cast<int64_t>(b.bytes.size()));
  std::mt19937_64 random(17);
  int refused = 0, ran = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<std::byte> blob = code->blob;
    std::vector<int64_t> numbers = parameters;
    if (round % 3 != 0) blob[random() % blob.size()] ^= static_cast<std::byte>(1u << random() % 8);
    if (round % 3 != 1)
      numbers[random() % numbers.size()] = static_cast<int64_t>(random() % 4096) - (random() % 8 == 0 ? 100 : 0);
    if (round % 50 == 7) blob.resize(random() % blob.size());
    auto kernel = decode_kernel("tile", blob);
    if (!kernel.ok() || (*kernel)->buffer_count() != static_cast<int>(sizes.size())) {
      ++refused;
      continue;
    }
    numbers.resize(static_cast<size_t>((*kernel)->parameter_count()), 3);
    auto launch = (*kernel)->prepare(numbers, sizes);
    if (!launch.ok() || (*launch)->workspace_bytes(1) > (1 << 22)) {
      ++refused;
      continue;
    }
    std::vector<std::vector<std::byte>> memory;
    std::vector<std::byte*> data;
    for (int64_t s : sizes) memory.emplace_back(static_cast<size_t>(s));
    for (auto& m : memory) data.push_back(m.data());
    std::vector<std::byte> workspace(static_cast<size_t>((*launch)->workspace_bytes(1)) + 64);
    SerialExecutor executor;
    (void)(*launch)->run(data, workspace.data(), executor).ok();
    ++ran;
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(ran, 50);
}

}  // namespace
}  // namespace temper::cpu
