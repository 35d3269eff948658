// Windows that slide over the spatial dims of a tensor, as convolutions and pools use them: tap k of output position o reads
// element o * stride + k * dilation - before.
//
// The guard of a window says that this element exists. It is a product of factors less(-1, e) and less(e, dim), and only of
// those that can fail: a window without padding has the guard 1.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ops/builder.h"

namespace temper {

struct WindowSpec {
  std::span<const int64_t> strides, pads, dilations;  // empty: 1, 0, 1; pads are all begins, then all ends
  std::string_view auto_pad = "NOTSET";
  bool ceil_mode = false;
};

struct Window {
  Dims in, kernel, out;  // spatial dims only
  std::vector<int64_t> stride, dilation;
  std::vector<SymInt> before, after;
  bool ceil_mode = false;

  size_t rank() const { return in.size(); }
  SymInt extent(size_t i) const { return (kernel[i] - 1) * dilation[i] + 1; }
  SymInt element(size_t i, SymInt position, SymInt tap) const { return position * stride[i] + tap * dilation[i] - before[i]; }
  // The condition under which `e`, an element of dimension i, exists.
  SymInt guard(size_t i, SymInt e) const;
  // Whether a window can lie partly outside the input.
  bool is_padded() const;
};

Expected<Window> make_window(Dims in, Dims kernel, const WindowSpec& spec);

// Strides or dilations, filled up with 1: one positive number per spatial dim.
Expected<std::vector<int64_t>> per_dim(std::span<const int64_t> given, size_t rank, std::string_view what);

// The variables of a domain, with 0 for a dimension of 1: in that form index maps are compared.
std::vector<SymInt> loop_vars(SymContext& context, const Dims& domain);

}  // namespace temper
