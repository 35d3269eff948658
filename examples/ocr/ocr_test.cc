// The parts of the demo that are not the networks: boxes from a map, text from chances, tensors from a picture.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "boxes.h"
#include "image.h"
#include "reading.h"

namespace {

constexpr int kWidth = 200, kHeight = 100;

// A map with a bar: length x breadth around (x, y), turned by so many degrees (anticlockwise as seen, since y grows downwards).
std::vector<float> bar(double x, double y, double length, double breadth, double degrees, float chance = 0.9F) {
  std::vector<float> map(size_t(kWidth) * kHeight, 0.0F);
  double c = std::cos(degrees * M_PI / 180), s = std::sin(degrees * M_PI / 180);
  for (int v = 0; v < kHeight; ++v)
    for (int u = 0; u < kWidth; ++u) {
      double dx = u + 0.5 - x, dy = v + 0.5 - y;
      if (std::abs(dx * c - dy * s) <= length / 2 && std::abs(dx * s + dy * c) <= breadth / 2)
        map[size_t(v) * kWidth + size_t(u)] = chance;
    }
  return map;
}

double angle_of(const Box& box) {
  return std::atan2(box.corners[0].y - box.corners[1].y, box.corners[1].x - box.corners[0].x) * 180 / M_PI;
}

TEST(Boxes, AnUprightBarGrowsOnAllSides) {
  std::vector<Box> boxes = find_boxes(bar(100, 50, 80, 10, 0).data(), kWidth, kHeight, 1, 1);
  ASSERT_EQ(boxes.size(), 1U);
  double grow = 80 * 10 * 1.6 / (2 * (80 + 10));
  EXPECT_NEAR(boxes[0].corners[0].x, 60 - grow, 1e-9);
  EXPECT_NEAR(boxes[0].corners[0].y, 45 - grow, 1e-9);
  EXPECT_NEAR(boxes[0].corners[2].x, 140 + grow, 1e-9);
  EXPECT_NEAR(boxes[0].corners[2].y, 55 + grow, 1e-9);
  EXPECT_NEAR(boxes[0].score, 0.9, 1e-6);
}

TEST(Boxes, ATurnedBarKeepsItsAngle) {
  for (double degrees : {-20.0, 8.0, 30.0}) {
    std::vector<Box> boxes = find_boxes(bar(100, 50, 80, 12, degrees).data(), kWidth, kHeight, 1, 1);
    ASSERT_EQ(boxes.size(), 1U);
    EXPECT_NEAR(angle_of(boxes[0]), degrees, 3) << degrees;
  }
}

TEST(Boxes, ThinFaintAndMissingOnesAreNoText) {
  EXPECT_TRUE(find_boxes(bar(100, 50, 80, 2, 0).data(), kWidth, kHeight, 1, 1).empty());
  EXPECT_TRUE(find_boxes(bar(100, 50, 80, 10, 0, 0.4F).data(), kWidth, kHeight, 1, 1).empty());
  EXPECT_TRUE(find_boxes(bar(100, 50, 0, 0, 0).data(), kWidth, kHeight, 1, 1).empty());
}

TEST(Boxes, ComeInReadingOrderAndInThePicturesScale) {
  std::vector<float> map = bar(150, 20, 40, 10, 0), left = bar(50, 21, 40, 10, 0), below = bar(100, 70, 40, 10, 0);
  for (size_t i = 0; i < map.size(); ++i) map[i] = std::max({map[i], left[i], below[i]});
  std::vector<Box> boxes = find_boxes(map.data(), kWidth, kHeight, 2, 3);
  ASSERT_EQ(boxes.size(), 3U);
  auto middle = [](const Box& box) { return (box.corners[0].x + box.corners[1].x) / 2; };
  EXPECT_NEAR(middle(boxes[0]), 100, 1e-9);
  EXPECT_NEAR(middle(boxes[1]), 300, 1e-9);
  EXPECT_NEAR(middle(boxes[2]), 200, 1e-9);
  EXPECT_NEAR((boxes[2].corners[0].y + boxes[2].corners[2].y) / 2, 210, 1e-9);
}

TEST(Reading, RepetitionsCountOnceUnlessSeparated) {
  std::vector<std::string> dictionary = read_dictionary("a\nb\n");
  ASSERT_EQ(dictionary, (std::vector<std::string>{"", "a", "b", " "}));
  std::vector<int> columns{1, 1, 0, 1, 3, 2, 2};
  std::vector<float> chances(columns.size() * 4, 0.1F);
  for (size_t i = 0; i < columns.size(); ++i) chances[i * 4 + size_t(columns[i])] = 0.7F;
  Line line = read_line(chances.data(), int(columns.size()), 4, dictionary);
  EXPECT_EQ(line.text, "aa b");
  EXPECT_NEAR(line.confidence, 0.7, 1e-6);
  EXPECT_EQ(read_line(chances.data(), 0, 4, dictionary).text, "");
}

TEST(Picture, TheWholeAtItsOwnSizeIsThePixels) {
  Image image{2, 1, {255, 0, 0, 0, 0, 255}};
  // Blue, green, red; from -1 to 1.
  EXPECT_EQ(to_tensor(image, whole(image), 2, 1), (std::vector<float>{-1, 1, -1, -1, 1, -1}));
}

TEST(Picture, LinesStayInside) {
  Image image{4, 4, std::vector<uint8_t>(48, 0)};
  image.draw_line({-10, 1}, {10, 1}, {9, 9, 9}, 3);
  EXPECT_EQ(image.pixels[0], 9);
  EXPECT_EQ(image.pixels[4 * 3 * 3], 0);
}

}  // namespace
