// From the detection network's map to boxes around lines of text.
//
// The network marks, for each pixel, the chance that it lies in the core of a line of text (cores are shrunk, so that
// neighbouring lines stay apart). Boxes: connected pixels above a threshold, the least rectangle around them at any angle, and
// that rectangle grown again by what the training shrank it.
#pragma once

#include <vector>

#include "image.h"

struct Box {
  Quad corners;
  double score;  // mean chance over the core
};

// `map` is height x width; boxes are in its pixels times (scale_x, scale_y), in reading order.
std::vector<Box> find_boxes(const float* map, int width, int height, double scale_x, double scale_y);
