// The convolution that Conv and its integer forms share.
#pragma once

#include "ops/register.h"

namespace temper {

struct ConvAttrs {
  std::vector<int64_t> strides, pads, dilations;
  int64_t group = 1;
  std::string auto_pad = "NOTSET";
  TEMPER_FIELDS(strides, pads, dilations, group, auto_pad)
};
Expected<ConvAttrs> read_conv(const OnnxNode& node);

// x: [n, c, spatial...], w: [oc, c / group, kernel...], bias: [oc] or absent. Padding is zeros.
Val convolve(Builder& b, const ConvAttrs& attrs, Val x, Val w, Val bias);

}  // namespace temper
