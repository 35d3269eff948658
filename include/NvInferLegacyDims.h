// Dims with a fixed rank, for short notation: Dims4{1, 3, 224, 224}, DimsHW{3, 3}. They convert to Dims by being one.
#pragma once

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

class Dims2 : public Dims {
 public:
  Dims2() : Dims2(0, 0) {}
  Dims2(DimsExtent d0, DimsExtent d1) {
    nbDims = 2;
    d[0] = d0;
    d[1] = d1;
    for (int32_t i{nbDims}; i < Dims::MAX_DIMS; ++i) d[i] = 0;
  }
};

// Height and width of a kernel, a stride or a padding.
class DimsHW : public Dims2 {
 public:
  DimsHW() : Dims2() {}
  DimsHW(DimsExtent height, DimsExtent width) : Dims2(height, width) {}
  DimsExtent& h() { return d[0]; }
  DimsExtent h() const { return d[0]; }
  DimsExtent& w() { return d[1]; }
  DimsExtent w() const { return d[1]; }
};

namespace impl {
inline DimsHW height_width(Dims const& dims) noexcept { return DimsHW(dims.d[0], dims.d[1]); }
}  // namespace impl

class Dims3 : public Dims2 {
 public:
  Dims3() : Dims3(0, 0, 0) {}
  Dims3(DimsExtent d0, DimsExtent d1, DimsExtent d2) : Dims2(d0, d1) {
    nbDims = 3;
    d[2] = d2;
  }
};

class Dims4 : public Dims3 {
 public:
  Dims4() : Dims4(0, 0, 0, 0) {}
  Dims4(DimsExtent d0, DimsExtent d1, DimsExtent d2, DimsExtent d3) : Dims3(d0, d1, d2) {
    nbDims = 4;
    d[3] = d3;
  }
};

}  // namespace nvinfer1
