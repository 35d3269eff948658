// Scan, sort, scatter, compact and suppression, through index maps and layouts, against exact evaluation.
#include <gtest/gtest.h>

#include "backend/cpu/gen/lower_solo.h"
#include "tests/backend/cpu/region_case.h"

namespace temper::cpu {
namespace {

using testing::RegionCase;
using testing::Values;

void check(const std::string& text, const SymValues& symbols = {}, Values values = Values::kNormal,
           const std::function<void(RegionCase&)>& change = nullptr) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    RegionCase c(text, symbols, seed, values);
    if (change) change(c);
    if (seed == 1) c.row_major_only();
    c.check(lower_solo, static_cast<int>(seed % 3) + 1);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Solo, Scan) {
  for (const char* type : {"f32", "f16", "i32", "u8", "f64"}) {
    for (const char* how : {"", " exclusive", " reverse", " exclusive reverse"}) {
      check("region (%0: " + std::string(type) + "[5, 19, 4]) { %1 = scan sum " + type + " [5, 19, 4] axis 1" + how +
                " %0[d0, d1, d2] } -> (%1)",
            {}, Values::kSmall);
    }
  }
  check("region (%0: f32[300, n]) { %1 = scan max f32 [n, 300] axis 0 %0[d1, d0] } -> (%1)", {{"n", 70}});
}

TEST(Solo, SortAndTopK) {
  for (const char* type : {"f32", "f16", "i64", "u8", "i8", "f64"}) {
    for (const char* how : {"", " descending"}) {
      check("region (%0: " + std::string(type) + "[3, 40, 2]) { %1, %2 = sort " + type + " [3, 40, 2] axis 1" + how +
                " count [40] %0[d0, d1, d2] } -> (%1, %2)",
            {}, Values::kSmall);
      check("region (%0: " + std::string(type) + "[4, 500]) { %1, %2 = sort " + type + " [4, 500] axis 1" + how +
                " count [k] %0[d0, d1] } -> (%2, %1)",
            {{"k", 7}}, Values::kSmall);
    }
  }
  check("region (%0: f32[2, 900]) { %1, %2 = sort f32 [2, 900] axis 1 descending count [300] %0[d0, d1] } -> (%1, %2)");
  check("region (%0: f32[64]) { %1, %2 = sort f32 [64] axis 0 count [64] %0[d0] } -> (%1, %2)", {}, Values::kSpecial);
}

TEST(Solo, Scatter) {
  auto indices = [](RegionCase& c) {
    for (int64_t i = 0; i < c.input(2).count(); ++i) c.input(2).set(i, {.i = (i * 5) % 9});
  };
  const std::string head = "region (%0: f32[9, 6], %1: f32[4, 6], %2: i64[4]) { %3 = scatter f32 [9, 6] %0[d0, d1] <- ";
  const std::string tail = "[4, 6] %1[d0, d1] at [v0, d1] with (v0 < [9] = %2[d0]) } -> (%3)";
  check(head + tail, {}, Values::kNormal, indices);
  check(head + "add " + tail, {}, Values::kNormal, indices);
  check(head + "max " + tail, {}, Values::kNormal, indices);
}

TEST(Solo, ScatterRefusesIndicesOutside) {
  RegionCase c(
      "region (%0: f32[9, 6], %1: f32[4, 6], %2: i64[4]) { %3 = scatter f32 [9, 6] %0[d0, d1] <- [4, 6] %1[d0, d1] at [v0, d1] "
      "with (v0 < [9] = %2[d0]) } -> (%3)",
      {}, 1);
  ASSERT_TRUE(c.good());
  for (int64_t i = 0; i < 4; ++i) c.input(2).set(i, {.i = i == 2 ? 9 : 0});
  c.make_buffers();
  const Status status = c.run(lower_solo);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kInvalidArgument);
}

TEST(Solo, Compact) {
  for (double density : {0.0, 0.02, 0.5, 1.0}) {
    SymContext context;
    auto region = parse_region("region (%0: bool[100]) { %1 = compact [100] size [u0] %0[d0] } -> (%1)", context);
    ASSERT_TRUE(region.ok()) << region.error().to_string();
    const Layout layouts[] = {Layout::row_major(Dims{100}), Layout::row_major(Dims{100})};
    auto code = lower_solo(context, *region, layouts);
    ASSERT_TRUE(code.ok()) << code.error().to_string();
    auto kernel = decode_kernel(code->name, code->blob);
    ASSERT_TRUE(kernel.ok()) << kernel.error().to_string();
    std::vector<int64_t> parameters;
    for (SymInt p : code->parameters) parameters.push_back(p.value());
    std::vector<uint8_t> mask(100);
    std::vector<int64_t> want;
    std::mt19937_64 random(3);
    for (size_t i = 0; i < mask.size(); ++i) {
      mask[i] = std::uniform_real_distribution<double>(0, 1)(random) < density;
      if (mask[i] != 0) want.push_back(static_cast<int64_t>(i));
    }
    std::vector<int64_t> positions(100, -1);
    int64_t found = -1;
    std::byte* buffers[] = {reinterpret_cast<std::byte*>(mask.data()), reinterpret_cast<std::byte*>(positions.data()),
                            reinterpret_cast<std::byte*>(&found)};
    const int64_t sizes[] = {100, 800, 8};
    auto launch = (*kernel)->prepare(parameters, sizes);
    ASSERT_TRUE(launch.ok()) << launch.error().to_string();
    std::vector<std::byte> workspace(static_cast<size_t>((*launch)->workspace_bytes(1)) + 64);
    SerialExecutor executor;
    ASSERT_TRUE((*launch)->run(buffers, workspace.data(), executor).ok());
    ASSERT_EQ(found, static_cast<int64_t>(want.size()));
    positions.resize(want.size());
    EXPECT_EQ(positions, want);
    const int64_t few[] = {100, 80, 8};
    if (density == 1.0) {
      auto small = (*kernel)->prepare(parameters, few);
      ASSERT_TRUE(small.ok());
      EXPECT_FALSE((*small)->run(buffers, workspace.data(), executor).ok());
    }
  }
}

TEST(Solo, Suppress) {
  RegionCase c("region (%0: f32[3, 80, 4], %1: f32[]) { %2 = opaque \"suppress\" {} (%0, %1) : bool[3, 80] } -> (%2)", {}, 5);
  ASSERT_TRUE(c.good());
  std::mt19937_64 random(11);
  auto uniform = [&](double lo, double hi) { return std::uniform_real_distribution<double>(lo, hi)(random); };
  for (int64_t i = 0; i < 240; ++i) {
    const double x = uniform(0, 60), y = uniform(0, 60), w = uniform(5, 30), h = uniform(5, 30);
    const double side[] = {x, y, x + w, y + h};
    for (int k = 0; k < 4; ++k) c.input(0).set(i * 4 + k, {.f = static_cast<double>(static_cast<float>(side[k]))});
  }
  c.input(1).set(0, {.f = 0.4});
  c.make_buffers();
  const Status status = c.run(lower_solo, 2, 3);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  int kept_boxes = 0;
  for (int64_t list = 0; list < 3; ++list) {
    std::vector<int64_t> kept;
    auto side = [&](int64_t i, int k) { return c.input(0).at((list * 80 + i) * 4 + k).f; };
    auto area = [&](int64_t i) { return (side(i, 2) - side(i, 0)) * (side(i, 3) - side(i, 1)); };
    for (int64_t i = 0; i < 80; ++i) {
      bool keep = true;
      for (int64_t j : kept) {
        const double w = std::max(0.0, std::min(side(i, 2), side(j, 2)) - std::max(side(i, 0), side(j, 0)));
        const double h = std::max(0.0, std::min(side(i, 3), side(j, 3)) - std::max(side(i, 1), side(j, 1)));
        keep = keep && !(w * h / (area(i) + area(j) - w * h) > 0.4);
      }
      if (keep) kept.push_back(i);
      ASSERT_EQ(c.buffers()[2].get(list * 80 + i).i, keep) << "list " << list << " box " << i;
    }
    kept_boxes += static_cast<int>(kept.size());
  }
  EXPECT_GT(kept_boxes, 20);
  EXPECT_LT(kept_boxes, 220);
}

}  // namespace
}  // namespace temper::cpu
