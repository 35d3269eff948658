#include "boxes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace {

constexpr float kCore = 0.3F;        // a pixel of a core
constexpr double kSureEnough = 0.5;  // mean of a core that counts as text
constexpr double kGrowth = 1.6;      // the distance to grow by: area x this / perimeter, as the training shrank
constexpr double kLeastSide = 3;     // of a core, in pixels

// The pixels connected with `start`, which are taken out of `open`.
std::vector<int> take_component(std::vector<bool>& open, int width, int height, int start) {
  std::vector<int> found{start};
  open[size_t(start)] = false;
  for (size_t next = 0; next < found.size(); ++next) {
    int x = found[next] % width, y = found[next] / width;
    for (int v = std::max(0, y - 1); v <= std::min(height - 1, y + 1); ++v)
      for (int u = std::max(0, x - 1); u <= std::min(width - 1, x + 1); ++u)
        if (int pixel = v * width + u; open[size_t(pixel)]) {
          open[size_t(pixel)] = false;
          found.push_back(pixel);
        }
  }
  return found;
}

double cross(Point a, Point b, Point c) { return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x); }

// The convex hull of the corners of the pixels, anticlockwise.
std::vector<Point> hull_of(const std::vector<int>& pixels, int width) {
  std::vector<Point> points;
  for (int pixel : pixels)
    for (int corner = 0; corner < 4; ++corner)
      points.push_back({double(pixel % width + corner % 2), double(pixel / width + corner / 2)});
  std::sort(points.begin(), points.end(), [](Point a, Point b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  std::vector<Point> hull(points.size() * 2);
  size_t count = 0;
  auto add = [&](Point point, size_t least) {
    while (count >= least + 2 && cross(hull[count - 2], hull[count - 1], point) <= 0) --count;
    hull[count++] = point;
  };
  for (Point point : points) add(point, 0);
  size_t lower = count - 1;
  for (size_t i = points.size() - 1; i-- > 0;) add(points[i], lower);
  hull.resize(count - 1);
  return hull;
}

// A rectangle: axis along the line of text, extents along the axis and across it.
struct Rectangle {
  Point axis{1, 0};
  double from_u = 0, to_u = 0, from_v = 0, to_v = 0;
  double length() const { return to_u - from_u; }
  double breadth() const { return to_v - from_v; }
  Point at(double u, double v) const { return {u * axis.x - v * axis.y, u * axis.y + v * axis.x}; }
};

Rectangle around(const std::vector<Point>& hull, Point axis) {
  constexpr double kFar = std::numeric_limits<double>::max();
  Rectangle r{axis, kFar, -kFar, kFar, -kFar};
  for (Point p : hull) {
    double u = p.x * axis.x + p.y * axis.y, v = p.y * axis.x - p.x * axis.y;
    r.from_u = std::min(r.from_u, u), r.to_u = std::max(r.to_u, u);
    r.from_v = std::min(r.from_v, v), r.to_v = std::max(r.to_v, v);
  }
  return r;
}

// The least rectangle has a side along an edge of the hull. Its axis is turned to within 45 degrees of the horizontal.
Rectangle least_rectangle(const std::vector<Point>& hull) {
  Rectangle best = around(hull, {1, 0});
  for (size_t i = 0; i < hull.size(); ++i) {
    Point a = hull[i], b = hull[(i + 1) % hull.size()];
    double length = std::hypot(b.x - a.x, b.y - a.y);
    if (length == 0) continue;
    Point axis{(b.x - a.x) / length, (b.y - a.y) / length};
    while (axis.x < std::abs(axis.y)) axis = {-axis.y, axis.x};
    Rectangle r = around(hull, axis);
    if (r.length() * r.breadth() < best.length() * best.breadth()) best = r;
  }
  return best;
}

// Lines from top to bottom, and from left to right where two boxes share half of the height of the lower one.
void sort_for_reading(std::vector<Box>& boxes) {
  auto middle = [](const Box& box) { return (box.corners[0].y + box.corners[2].y) / 2; };
  auto height = [](const Box& box) {
    return std::hypot(box.corners[3].x - box.corners[0].x, box.corners[3].y - box.corners[0].y);
  };
  std::sort(boxes.begin(), boxes.end(), [&](const Box& a, const Box& b) { return middle(a) < middle(b); });
  for (auto first = boxes.begin(); first != boxes.end();) {
    auto last = std::find_if(first, boxes.end(), [&](const Box& box) {
      return middle(box) - middle(*first) > std::min(height(box), height(*first)) / 2;
    });
    std::sort(first, last, [](const Box& a, const Box& b) { return a.corners[0].x < b.corners[0].x; });
    first = last;
  }
}

}  // namespace

std::vector<Box> find_boxes(const float* map, int width, int height, double scale_x, double scale_y) {
  std::vector<bool> open(size_t(width) * size_t(height));
  for (size_t i = 0; i < open.size(); ++i) open[i] = map[i] > kCore;
  std::vector<Box> boxes;
  for (size_t start = 0; start < open.size(); ++start) {
    if (!open[start]) continue;
    std::vector<int> core = take_component(open, width, height, int(start));
    double sum = std::accumulate(core.begin(), core.end(), 0.0, [&](double s, int pixel) { return s + double(map[pixel]); });
    Rectangle r = least_rectangle(hull_of(core, width));
    if (sum / double(core.size()) < kSureEnough || std::min(r.length(), r.breadth()) < kLeastSide) continue;
    double grow = r.length() * r.breadth() * kGrowth / (2 * (r.length() + r.breadth()));
    r.from_u -= grow, r.to_u += grow, r.from_v -= grow, r.to_v += grow;
    Quad corners{r.at(r.from_u, r.from_v), r.at(r.to_u, r.from_v), r.at(r.to_u, r.to_v), r.at(r.from_u, r.to_v)};
    for (Point& corner : corners) corner = {corner.x * scale_x, corner.y * scale_y};
    boxes.push_back({corners, sum / double(core.size())});
  }
  sort_for_reading(boxes);
  return boxes;
}
