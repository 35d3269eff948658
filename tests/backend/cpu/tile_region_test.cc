// Regions of maps and reductions, lowered to tile kernels, against exact evaluation.
#include <gtest/gtest.h>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/run/tile/ops.h"
#include "tests/backend/cpu/region_case.h"

namespace temper::cpu {
namespace {

using testing::RegionCase;
using testing::Values;

struct TileShape {
  TileConfig config;
  const char* name;
};
constexpr TileShape kShapes[] = {{{0, 0}, "chosen"}, {{64, 100}, "small"}, {{1024, 1 << 20}, "one block"}};

std::vector<IsaLevel> levels() {
  std::vector<IsaLevel> all;
  for (IsaLevel l : {IsaLevel::kV1, IsaLevel::kV3, IsaLevel::kV4}) {
    if (l <= cpu_info().isa) all.push_back(l);
  }
  return all;
}

void check(const std::string& text, const SymValues& symbols = {}, Values values = Values::kNormal,
           const std::function<void(RegionCase&)>& change = nullptr) {
  uint64_t seed = 1;
  for (IsaLevel level : levels()) {
    tile::override_isa(level);
    for (const TileShape& shape : kShapes) {
      for (int repeat = 0; repeat < 3; ++repeat, ++seed) {
        RegionCase c(text, symbols, seed, values);
        if (change) change(c);
        if (repeat == 0) c.row_major_only();
        c.check([&](SymContext& s, const Region& r, std::span<const Layout> l) { return lower_tile(s, r, l, shape.config); },
                1 + repeat);
        if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure()) {
          ADD_FAILURE() << "with " << isa_name(level) << ", " << shape.name << ", seed " << seed;
          tile::override_isa(std::nullopt);
          return;
        }
      }
    }
  }
  tile::override_isa(std::nullopt);
}

TEST(TileRegion, Elementwise) {
  check(
      "region (%0: f32[37], %1: f32[37]) { %2 = map f32 [37] (%0[d0], %1[d0]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = "
      "const f32 0; %4 = max f32 %2 %3 } -> %4 } -> (%2)");
  check(
      "region (%0: f32[n, 7, 19, 3], %1: f32[3], %2: f32[n, 1, 19, 1]) {\n"
      "%3 = map f32 [n, 7, 19, 3] (%0[d0, d1, d2, d3], %1[d3], %2[d0, 0, d2, 0])\n"
      "(f32 %0, f32 %1, f32 %2) { %3 = mul f32 %0 %1; %4 = sub f32 %3 %2 } -> %4 } -> (%3)",
      {{"n", 5}});
}

TEST(TileRegion, TransposeAndSlice) {
  check("region (%0: f32[9, 33, 20]) { %1 = map f32 [20, 9, 33] (%0[d1, d2, d0]) (f32 %0) { } -> %0 } -> (%1)");
  check("region (%0: f32[3, 70]) { %1 = map f32 [70, 3] (%0[d1, d0]) (f32 %0) { } -> %0 } -> (%1)");
  check(
      "region (%0: f32[1, 20, 300]) { %1 = map f32 [1, 300, 20] (%0[d0, d2, d1]) (f32 %0) { %1 = neg f32 %0 } -> %1 } -> (%1)");
  check("region (%0: i16[40, 30]) { %1 = map i16 [7, 10] (%0[39 - 2*d0, 3*d1 + 1]) (i16 %0) { } -> %0 } -> (%1)");
  check("region (%0: bf16[12, 5, 6]) { %1 = map bf16 [6, 60] (%0[d1 / 5, d1 % 5, d0]) (bf16 %0) { } -> %0 } -> (%1)");
}

TEST(TileRegion, Reductions) {
  for (const char* monoid :
       {"sum", "prod", "max", "min", "welford", "max_sum_exp", "arg_max", "arg_min", "arg_max_last", "arg_min_last"}) {
    const std::string m = monoid;
    const bool two = m == "welford" || m == "max_sum_exp", arg = m.starts_with("arg");
    const std::string type = arg   ? "i64"
                             : two ? "(f32, f32)"
                                   : "f32",
                      results = two ? "%1, %2" : "%1", outs = two ? "(%1, %2)" : "(%1)";
    const Values values = m == "prod" ? Values::kPositive : arg ? Values::kSmall : Values::kNormal;
    check("region (%0: f32[6, 70]) { " + results + " = reduce " + m + " " + type +
              " [6 | 70] (%0[d0, d1]) (f32 %0) { } -> %0 } -> " + outs,
          {}, values);
    check("region (%0: f32[70, 33]) { " + results + " = reduce " + m + " " + type +
              " [33 | 70] (%0[d1, d0]) (f32 %0) { } -> %0 } -> " + outs,
          {}, values);
    check("region (%0: f32[4, 5, 6, 7]) { " + results + " = reduce " + m + " " + type +
              " [5 | 4, 6, 7] (%0[d1, d0, d2, d3]) (f32 %0) { } -> %0 } -> " + outs,
          {}, values);
  }
}

TEST(TileRegion, Pooling) {
  check(
      "region (%0: f32[2, 9, 11, 5]) { %1 = reduce max f32 [2, 5, 6, 5 | 3, 3] (%0[d0, 2*d1 + d4 - 1, 2*d2 + d5 - 1, d3] "
      "if ((0 < 2*d1 + d4) * (2*d1 + d4 < 10) * (0 < 2*d2 + d5) * (2*d2 + d5 < 12)) else -inf) (f32 %0) { } -> %0 } -> (%1)");
}

TEST(TileRegion, Softmax) {
  check(
      "region (%0: f32[12, 10, 50]) {\n"
      "%1 = reduce max f32 [12, 10 | 50] (%0[d0, d1, d2]) (f32 %0) { } -> %0\n"
      "%2 = map f32 [12, 10, 50] (%0[d0, d1, d2], %1[d0, d1]) (f32 %0, f32 %1) { %2 = sub f32 %0 %1; %3 = exp f32 %2 } -> %3\n"
      "%3 = reduce sum f32 [12, 10 | 50] (%2[d0, d1, d2]) (f32 %0) { } -> %0\n"
      "%4 = map f32 [12, 10, 50] (%2[d0, d1, d2], %3[d0, d1]) (f32 %0, f32 %1) { %2 = div f32 %0 %1 } -> %2 } -> (%4)");
}

TEST(TileRegion, Gather) {
  auto indices = [](RegionCase& c) {
    for (int64_t i = 0; i < c.input(1).count(); ++i) c.input(1).set(i, {.f = 0, .i = (i * 7 + 3) % 20});
  };
  check(
      "region (%0: f32[20, 13], %1: i64[4, 6]) { %2 = map f32 [4, 6, 13] (%0[v0, d2] with (v0 < [20] = %1[d0, d1])) (f32 %0) { "
      "} -> %0 } -> (%2)",
      {}, Values::kNormal, indices);
}

}  // namespace
}  // namespace temper::cpu
