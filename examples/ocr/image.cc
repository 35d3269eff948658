#include "image.h"

#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>
#include <memory>

bool Image::read(const std::string& path, Image& image) {
  int channels = 0;
  std::unique_ptr<stbi_uc, void (*)(void*)> data(stbi_load(path.c_str(), &image.width, &image.height, &channels, 3),
                                                 stbi_image_free);
  if (!data) return false;
  image.pixels.assign(data.get(), data.get() + size_t(image.width) * size_t(image.height) * 3);
  return true;
}

bool Image::write_png(const std::string& path) const {
  return stbi_write_png(path.c_str(), width, height, 3, pixels.data(), width * 3) != 0;
}

void Image::draw_line(Point from, Point to, std::array<uint8_t, 3> colour, int thickness) {
  double length = std::max({std::abs(to.x - from.x), std::abs(to.y - from.y), 1.0});
  for (int i = 0; i <= int(length); ++i) {
    int x = int(std::lround(from.x + (to.x - from.x) * i / length)) - thickness / 2;
    int y = int(std::lround(from.y + (to.y - from.y) * i / length)) - thickness / 2;
    for (int v = std::max(0, y); v < std::min(height, y + thickness); ++v)
      for (int u = std::max(0, x); u < std::min(width, x + thickness); ++u)
        std::copy(colour.begin(), colour.end(), &pixels[(size_t(v) * size_t(width) + size_t(u)) * 3]);
  }
}

Quad whole(const Image& image) {
  return {Point{0, 0}, {double(image.width), 0}, {double(image.width), double(image.height)}, {0, double(image.height)}};
}

namespace {

// One colour of the image between its pixels; outside it the nearest pixel counts.
float sample(const Image& image, double x, double y, int channel) {
  x = std::clamp(x, 0.0, double(image.width - 1));
  y = std::clamp(y, 0.0, double(image.height - 1));
  int left = int(x), top = int(y), right = std::min(left + 1, image.width - 1), bottom = std::min(top + 1, image.height - 1);
  double fx = x - left, fy = y - top;
  auto at = [&](int u, int v) {
    return double(image.pixels[(size_t(v) * size_t(image.width) + size_t(u)) * 3 + size_t(channel)]);
  };
  double above = at(left, top) * (1 - fx) + at(right, top) * fx;
  double below = at(left, bottom) * (1 - fx) + at(right, bottom) * fx;
  return float(above * (1 - fy) + below * fy);
}

}  // namespace

std::vector<float> to_tensor(const Image& image, const Quad& part, int width, int height) {
  std::vector<float> tensor(size_t(3) * size_t(height) * size_t(width));
  Point across{(part[1].x - part[0].x) / width, (part[1].y - part[0].y) / width};
  Point down{(part[3].x - part[0].x) / height, (part[3].y - part[0].y) / height};
  for (int channel = 0; channel < 3; ++channel) {
    float* out = &tensor[size_t(channel) * size_t(height) * size_t(width)];
    for (int v = 0; v < height; ++v)
      for (int u = 0; u < width; ++u) {
        // The centre of a pixel lies half a pixel inside.
        double x = part[0].x + across.x * (u + 0.5) + down.x * (v + 0.5) - 0.5;
        double y = part[0].y + across.y * (u + 0.5) + down.y * (v + 0.5) - 0.5;
        *out++ = sample(image, x, y, 2 - channel) / 127.5F - 1;
      }
  }
  return tensor;
}
