// Epilogues: applied tile by tile, in any tiling, to a result that is already there, against the same maps evaluated exactly.
#include <gtest/gtest.h>

#include "backend/cpu/gen/lower_tile.h"
#include "backend/cpu/run/tile/epilogue.h"
#include "backend/cpu/run/tile/ops.h"
#include "tests/backend/cpu/region_case.h"

namespace temper::cpu {
namespace {

using testing::Buffer;
using testing::RegionCase;

struct EpilogueText {
  std::string inputs;  // of the maps: "%1: f32[64], ..."; %0 is the contraction's result
  std::string type;    // of %0
  std::string dims;    // of %0
  std::string maps;    // with values numbered after the inputs, %0 among them
  std::string outputs;
  std::vector<int> rows, cols;
  int in_place;  // output, or -1
};

// The oracle reads the result as an input; the epilogue sees it as what stage 0 computes, so it comes behind the inputs there.
std::string renumbered(const std::string& text, int inputs) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    // Values of scalar bodies stand between parentheses and braces: only those directly followed by '[' are the region's.
    if (text[i] != '%') continue;
    size_t end = i + 1;
    while (end < text.size() && isdigit(text[end]) != 0) ++end;
    const int n = std::stoi(text.substr(i + 1, end - i - 1));
    if (end < text.size() && text[end] == '[' && n <= inputs)
      out += std::to_string(n == 0 ? inputs : n - 1);
    else
      out += text.substr(i + 1, end - i - 1);
    i = end - 1;
  }
  return out;
}

void check(const EpilogueText& t, const SymValues& symbols = {}) {
  const int others = static_cast<int>(std::count(t.inputs.begin(), t.inputs.end(), '%'));
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    std::mt19937_64 random(seed);
    RegionCase c("region (%0: " + t.type + t.dims + (t.inputs.empty() ? "" : ", " + t.inputs) + ") { " + t.maps + " } -> (" +
                     t.outputs + ")",
                 symbols, seed);
    ASSERT_TRUE(c.good());
    c.make_buffers();
    // The same maps behind a stage that stands for the contraction.
    std::string inputs = t.inputs;
    for (int k = 1; k <= others; ++k)
      inputs.replace(inputs.find("%" + std::to_string(k) + ":"), 2, "%" + std::to_string(k - 1));
    const std::string text = "region (" + inputs + ") { %" + std::to_string(others) + " = map f32 " + t.dims +
                             " () () { %0 = const f32 0 } -> %0 " + renumbered(t.maps, others) + " } -> (" + t.outputs + ")";
    auto region = parse_region(text, c.context());
    ASSERT_TRUE(region.ok()) << region.error().to_string() << "\n" << text;
    std::vector<Buffer>& buffers = c.buffers();
    std::vector<Layout> layouts;
    for (size_t b = 1; b < buffers.size(); ++b) layouts.push_back(buffers[b].layout);
    auto code = lower_epilogue(c.context(), *region, layouts, t.rows, t.cols, t.in_place);
    ASSERT_TRUE(code.ok()) << code.error().to_string();
    ByteReader reader(code->blob);
    auto epilogue = TileEpilogue::decode(reader);
    ASSERT_TRUE(epilogue.ok()) << epilogue.error().to_string();
    std::vector<int64_t> parameters, sizes;
    for (SymInt p : code->parameters) parameters.push_back(c.number(p));
    std::vector<std::byte*> data;
    for (size_t b = 1; b < buffers.size(); ++b) {
      sizes.push_back(static_cast<int64_t>(buffers[b].bytes.size()));
      data.push_back(buffers[b].bytes.data());
      if (b > static_cast<size_t>(others)) std::fill(buffers[b].bytes.begin(), buffers[b].bytes.end(), std::byte{0x5A});
    }
    auto bound = (*epilogue)->prepare(parameters, sizes);
    ASSERT_TRUE(bound.ok()) << bound.error().to_string();
    std::vector<std::byte> scratch(static_cast<size_t>((*bound)->scratch_bytes() * 2) + 64);
    (*bound)->set_buffers(data, scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64);

    // The matrix: dense rows and columns in the order of the dims named, with some padding behind each row.
    const int64_t rows = (*bound)->rows(), cols = (*bound)->cols(), ld = cols + 3;
    std::vector<float> matrix(static_cast<size_t>(rows * ld), -77.0f);
    const std::vector<int64_t> dims = buffers[0].dims;
    auto place = [&](int64_t element) {  // row-major element to its place in the matrix
      std::vector<int64_t> point(dims.size());
      for (size_t k = dims.size(); k-- > 0;) point[k] = element % dims[k], element /= dims[k];
      int64_t r = 0, col = 0;
      for (int d : t.rows) r = r * dims[static_cast<size_t>(d)] + point[static_cast<size_t>(d)];
      for (int d : t.cols) col = col * dims[static_cast<size_t>(d)] + point[static_cast<size_t>(d)];
      return r * ld + col;
    };
    for (int64_t i = 0; i < rows * cols; ++i) matrix[static_cast<size_t>(place(i))] = static_cast<float>(buffers[0].get(i).f);
    const int64_t step_rows = 1 + static_cast<int64_t>(random() % 40), step_cols = 1 + static_cast<int64_t>(random() % 90);
    for (int64_t r = 0; r < rows; r += step_rows) {
      for (int64_t k = 0; k < cols; k += step_cols) {
        TileEpilogue::Bound::tile_hook(bound->get(), static_cast<int>(random() % 2), matrix.data() + r * ld + k, ld, r,
                                       std::min(step_rows, rows - r), k, std::min(step_cols, cols - k));
      }
    }
    EXPECT_TRUE((*bound)->status().ok());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = cols; k < ld; ++k)
        ASSERT_EQ(matrix[static_cast<size_t>(r * ld + k)], -77.0f) << "written beside the tile";
    }
    if (t.in_place >= 0) {
      for (int64_t i = 0; i < rows * cols; ++i)
        buffers[static_cast<size_t>(others + 1 + t.in_place)].put(
            i, {.f = static_cast<double>(matrix[static_cast<size_t>(place(i))])});
    }
    c.compare();
    if (::testing::Test::HasFatalFailure()) {
      ADD_FAILURE() << "seed " << seed << ", steps " << step_rows << " x " << step_cols;
      return;
    }
  }
}

TEST(TileEpilogue, BiasAndReluInPlace) {
  check({"%1: f32[37]",
         "f32",
         "[5, 7, 37]",
         "%2 = map f32 [5, 7, 37] (%0[d0, d1, d2], %1[d2]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 0; %4 = max "
         "f32 %2 %3 } -> %4",
         "%2",
         {0, 1},
         {2},
         0});
}

TEST(TileEpilogue, ResidualScaleAndGeluOfAnImage) {
  check({"%1: f32[n, 6, 5, 20], %2: f32[n, 1, 1, 20]",
         "f32",
         "[n, 6, 5, 20]",
         "%3 = map f32 [n, 6, 5, 20] (%0[d0, d1, d2, d3], %1[d0, d1, d2, d3], %2[d0, 0, 0, d3]) (f32 %0, f32 %1, f32 %2) { %3 "
         "= mul f32 %0 %2; %4 = add f32 %3 %1; %5 = tanh f32 %4; %6 = mul f32 %4 %5 } -> %6",
         "%3",
         {0, 1, 2},
         {3},
         0},
        {{"n", 3}});
}

TEST(TileEpilogue, ChannelsBeforePixels) {
  check({"%1: f32[20]",
         "f32",
         "[2, 20, 6, 5]",
         "%2 = map f32 [2, 20, 6, 5] (%0[d0, d1, d2, d3], %1[d1]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = sigmoid f32 %2 } "
         "-> %3",
         "%2",
         {0, 2, 3},
         {1},
         0});
}

TEST(TileEpilogue, AnotherTypeElsewhere) {
  check({"%1: f32[40]",
         "f32",
         "[9, 40]",
         "%2 = map u8 [9, 40] (%0[d0, d1], %1[d1]) (f32 %0, f32 %1) { %2 = add f32 %0 %1; %3 = const f32 20; %4 = mul f32 %2 "
         "%3; %5 = const f32 128; %6 = add f32 %4 %5; %7 = const f32 0; %8 = max f32 %6 %7; "
         "%9 = const f32 255; %10 = min f32 %8 %9; %11 = cast u8 %10 } -> %11",
         "%2",
         {0},
         {1},
         -1});
}

TEST(TileEpilogue, TwoStagesTwoResults) {
  check({"%1: bf16[9, 40], %2: f32[9]",
         "f32",
         "[9, 40]",
         "%3 = map f32 [9, 40] (%0[d0, d1], %1[d0, d1]) (f32 %0, bf16 %1) { %2 = cast f32 %1; %3 = add f32 %0 %2 } -> %3 "
         "%4 = map bf16 [9, 40] (%3[d0, d1], %2[d0]) (f32 %0, f32 %1) { %2 = mul f32 %0 %1; %3 = cast bf16 %2 } -> %3",
         "%3, %4",
         {0},
         {1},
         0});
}

}  // namespace
}  // namespace temper::cpu
