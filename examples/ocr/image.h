// A picture in memory, and what a network wants of it: a float tensor, channels first, values from -1 to 1.
//
//   Image picture;
//   if (!Image::read("page.png", picture)) return 1;
//   std::vector<float> tensor = to_tensor(picture, whole(picture), 1088, 736);
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

struct Point {
  double x, y;
};

// Four corners, clockwise from the one where reading begins.
using Quad = std::array<Point, 4>;

// Red, green, blue, 8 bits each, rows without padding.
struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;

  static bool read(const std::string& path, Image& image);
  bool write_png(const std::string& path) const;
  void draw_line(Point from, Point to, std::array<uint8_t, 3> colour, int thickness);
};

Quad whole(const Image& image);

// The part of the image inside the quad, stretched to width x height by bilinear sampling: {3, height, width}. The order of the
// channels is blue, green, red: so the OCR networks were trained.
std::vector<float> to_tensor(const Image& image, const Quad& part, int width, int height);
