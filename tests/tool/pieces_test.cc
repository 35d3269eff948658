// The tool's small parts: numbers, shapes, elements, npy, tables, the flag table.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "NvInferLegacyDims.h"
#include "elements.h"
#include "flags.h"
#include "npy.h"
#include "numbers.h"
#include "problem.h"
#include "profiler.h"
#include "report.h"
#include "shapes.h"

namespace {

using nvinfer1::DataType;

TEST(Numbers, FloatsReadBackToTheSameBits) {
  for (const float value : {0.1f, -0.0f, 1e-45f, 3.4028235e38f, 16777216.0f, 1.0f / 3}) {
    std::string text;
    tool::append(text, value);
    const float back = std::strtof(text.c_str(), nullptr);
    EXPECT_EQ(std::memcmp(&back, &value, 4), 0) << text;
    EXPECT_EQ(float(std::strtod(text.c_str(), nullptr)), value);  // also by way of a double, as JSON readers do
  }
  std::string text;
  tool::append(text, INFINITY);
  tool::append(text, -INFINITY);
  tool::append(text, NAN);
  EXPECT_EQ(text, "Infinity-InfinityNaN");
}

TEST(Numbers, Sizes) {
  EXPECT_EQ(tool::parse_size("3", "f", 1 << 20), 3u << 20);
  EXPECT_EQ(tool::parse_size("0.5K", "f", 1), 512u);
  EXPECT_EQ(tool::parse_size("7b", "f", 1 << 20), 7u);
  EXPECT_THROW(tool::parse_size("-1", "f", 1), tool::Problem);
  EXPECT_THROW(tool::parse_size("", "f", 1), tool::Problem);
  EXPECT_THROW(tool::parse_integer("12x", "f", 0, 100), tool::Problem);
  EXPECT_THROW(tool::parse_integer("101", "f", 0, 100), tool::Problem);
}

TEST(Shapes, Grammar) {
  const tool::ShapeSpec spec = tool::parse_shapes("image:0:1x3x224x224,'a,b':scalar,c:7", "--shapes");
  ASSERT_EQ(spec.size(), 3u);
  EXPECT_EQ(spec[0].first, "image:0");
  EXPECT_EQ(tool::dims_text(spec[0].second), "1x3x224x224");
  EXPECT_EQ(spec[1].first, "a,b");
  EXPECT_EQ(spec[1].second.nbDims, 0);
  EXPECT_EQ(tool::dims_text(spec[2].second), "7");
  for (const char* bad :
       {"", "x", "x:", ":1", "x:1x", "x:-1", "x:1,x:2", "x:1,", "'x:1", "x:1x1x1x1x1x1x1x1x1", "x:99999999999999999999"}) {
    EXPECT_THROW(tool::parse_shapes(bad, "--shapes"), tool::Problem) << bad;
  }
}

TEST(Elements, Conversions) {
  EXPECT_EQ(tool::half_to_float(0x3c00), 1.0f);
  EXPECT_EQ(tool::half_to_float(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(tool::half_to_float(0xfbff), -65504.0f);
  EXPECT_TRUE(std::isinf(tool::half_to_float(0x7c00)));
  EXPECT_EQ(tool::bfloat16_to_float(0xbf80), -1.0f);
  EXPECT_EQ(tool::fp8_to_float(0x7e), 448.0f);
  EXPECT_EQ(tool::fp8_to_float(0x01), std::ldexp(1.0f, -9));
  const uint8_t packed[] = {0xf7, 0x08};
  EXPECT_EQ(tool::elements_text(DataType::kINT4, packed, 3, " "), "7 -1 -8");
  EXPECT_EQ(tool::tensor_bytes(DataType::kINT4, 3), 2);
}

// These values are a promise: the same on every machine and in every version.
TEST(Elements, RandomInputsAreFixed) {
  float values[4];
  tool::fill_random(DataType::kFLOAT, values, 4, "x");
  EXPECT_EQ(tool::elements_text(DataType::kFLOAT, values, 4, " "), "-0.59758353 0.6170535 0.2866472 0.65621877");
  uint16_t halves[1000];
  tool::fill_random(DataType::kHALF, halves, 1000, "x");
  for (const uint16_t bits : halves) {
    EXPECT_GE(tool::half_to_float(bits), -1);
    EXPECT_LT(tool::half_to_float(bits), 1);
  }
  int64_t integers[1000];
  tool::fill_random(DataType::kINT64, integers, 1000, "ids");
  for (const int64_t value : integers) EXPECT_TRUE(value == 0 || value == 1);
}

TEST(Npy, RoundTripAndDamage) {
  const int64_t values[6] = {1, -2, 3, 4, 5, int64_t(1) << 60};
  const nvinfer1::Dims dims = nvinfer1::Dims2(2, 3);
  const std::string bytes = tool::npy_bytes(DataType::kINT64, dims, values);
  EXPECT_EQ((bytes.size() - sizeof values) % 64, 0u);
  const tool::NpyArray back = tool::read_npy(bytes, "f");
  EXPECT_EQ(back.type, DataType::kINT64);
  EXPECT_TRUE(tool::same_dims(back.dims, dims));
  EXPECT_EQ(std::memcmp(back.data.data(), values, sizeof values), 0);
  nvinfer1::Dims scalar{};
  EXPECT_EQ(tool::read_npy(tool::npy_bytes(DataType::kINT64, scalar, values), "f").dims.nbDims, 0);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(tool::read_npy(std::string_view(bytes).substr(0, length), "f"), tool::Problem) << length;
  }
  for (size_t bit = 0; bit < 8 * 128; ++bit) {  // damage in the header is an error or another array, never a crash
    std::string flipped = bytes;
    flipped[bit / 8] = char(flipped[bit / 8] ^ 1 << bit % 8);
    try {
      tool::read_npy(flipped, "f");
    } catch (const tool::Problem&) {
    }
  }
}

TEST(Report, Statistics) {
  EXPECT_EQ(tool::median({3, 1, 2}), 2);
  EXPECT_EQ(tool::median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(tool::percentile({1, 2, 3, 4}, 50), 2);
  EXPECT_EQ(tool::percentile({1, 2, 3, 4}, 99), 4);
  EXPECT_EQ(tool::percentile({1, 2, 3, 4}, 0), 1);
  EXPECT_EQ(tool::statistics_text({1, 3}, {90}), "min = 1 ms, max = 3 ms, mean = 2 ms, median = 2 ms, percentile(90%) = 3 ms");
}

TEST(Report, TablesAlign) {
  tool::Table table({"n", "name"}, 1);
  table.add({"123", "a"});
  table.add({"4", "long name"});
  EXPECT_EQ(table.text(), "  n  name\n123  a\n  4  long name");
}

TEST(Profiler, LayersOfOneNameStayApart) {
  tool::Profiler profiler;
  for (int run = 0; run < 3; ++run) {
    for (const char* layer : {"a", "b", "a"}) profiler.reportLayerTime(layer, 1);
    profiler.next_run();
  }
  EXPECT_EQ(profiler.runs(), 3u);
  ASSERT_EQ(profiler.layers().size(), 3u);
  EXPECT_EQ(profiler.total(), 9);
}

TEST(Flags, TableIsSound) {
  std::set<std::string_view> names;
  for (const tool::Flag& flag : tool::all_flags()) {
    EXPECT_TRUE(names.insert(flag.name).second) << flag.name << " is there twice";
    EXPECT_EQ(flag.apply == nullptr, !flag.refusal.empty()) << flag.name;
    EXPECT_FALSE(flag.meaning.empty()) << flag.name;
    EXPECT_NE(flag.versions, 0u) << flag.name;
  }
  EXPECT_GE(names.size(), 145u);
}

}  // namespace
