// The depthwise kernels, once for all instruction sets; included inside an anonymous namespace after `Vec` (see
// winograd_impl.h). `In` reads inputs of an element type as f32.
struct FromF32 {
  using T = float;
  TEMPER_INLINE static Vec::T load(const T* p) { return Vec::load(p); }
  TEMPER_INLINE static Vec::T load_part(const T* p, int64_t n) { return Vec::load_part(p, n); }
};
struct FromBf16 {
  using T = uint16_t;
  TEMPER_INLINE static Vec::T load(const T* p) { return Vec::load_bf16(p); }
  TEMPER_INLINE static Vec::T load_part(const T* p, int64_t n) { return Vec::load_bf16_part(p, n); }
};

// P output pixels, one vector of channels, kernel rows of K adjacent taps, horizontal stride S: every input is loaded once for
// a kernel row and used by all outputs that it touches. With groups, each of a group's inputs in turn is spread over its lanes.
// At an edge some inputs do not exist.
template <class In, int K, int S, int P, bool kPart, bool kGroups, bool kEdge>
TEMPER_INLINE inline void depthwise_block(const DepthwiseCall& d, int64_t pixel, int64_t c, int64_t lanes) {
  Vec::T acc[P];
  const Vec::T start = d.bias == nullptr ? Vec::set1(0) : kPart ? Vec::load_part(d.bias + c, lanes) : Vec::load(d.bias + c);
  unrolled<P>([&](auto p) TEMPER_INLINE { acc[p] = start; });
  const auto* in = static_cast<const typename In::T*>(d.in) + pixel * d.in_step + c;
  const float* weights = d.weights + c;
  const int64_t x_first = d.x + pixel * d.x_step;
  for (int64_t row = 0; row < d.tap_rows; ++row) {
    for (int64_t input = 0; input < (kGroups ? d.group : 1); ++input) {
      Vec::T w[K];
      unrolled<K>([&](auto k) TEMPER_INLINE { w[k] = Vec::load(weights + input * d.weight_input + k * d.weight_tap); });
      const Vec::Lanes lane = Vec::lane_of_group(d.group, input);
      unrolled<(P - 1) * S + K>([&](auto q) TEMPER_INLINE {
        if (kEdge && (x_first + q * d.x_tap < 0 || x_first + q * d.x_tap >= d.x_end)) return;
        const typename In::T* at = in + q * d.in_tap;
        Vec::T x = kPart ? In::load_part(at, lanes) : In::load(at);
        if (kGroups) x = Vec::permute(x, lane);
        unrolled<P>([&](auto p) TEMPER_INLINE {
          constexpr int k = decltype(q)::value - decltype(p)::value * S;
          if constexpr (k >= 0 && k < K) acc[p] = Vec::fma(x, w[k], acc[p]);
        });
      });
    }
    in += d.in_row;
    weights += d.weight_row;
  }
  unrolled<P>([&](auto p) TEMPER_INLINE {
    Vec::T v = acc[p];
    if (d.residual != nullptr) {
      const float* r = d.residual + (pixel + p) * d.residual_step + c;
      v = Vec::add(v, kPart ? Vec::load_part(r, lanes) : Vec::load(r));
    }
    v = Vec::clamp(v, d.lo, d.hi);
    float* to = d.out + (pixel + p) * d.out_step + c;
    if (kPart) {
      Vec::store_part(to, v, lanes);
    } else {
      Vec::store(to, v);
    }
  });
}

template <class In, int K, int S, int P, bool kPart, bool kGroups>
TEMPER_INLINE inline void depthwise_pixels(const DepthwiseCall& d, int64_t pixel, int64_t c, int64_t lanes) {
  const int64_t x = d.x + pixel * d.x_step;
  if (x >= 0 && x + ((P - 1) * S + K - 1) * d.x_tap < d.x_end) {
    depthwise_block<In, K, S, P, kPart, kGroups, false>(d, pixel, c, lanes);
  } else {
    depthwise_block<In, K, S, P, kPart, kGroups, true>(d, pixel, c, lanes);
  }
}

// Many images are multiples of 7 wide.
template <class In, int K, int S, bool kPart, bool kGroups>
TEMPER_INLINE inline void depthwise_vector(const DepthwiseCall& d, int64_t c, int64_t lanes) {
  constexpr int kWide = Vec::kPixels, kSeven = Vec::kPixels > 7 ? 7 : Vec::kPixels;
  int64_t p = 0;
  if (d.pixels % kWide != 0 && d.pixels % kSeven == 0) {
    for (; p < d.pixels; p += kSeven) depthwise_pixels<In, K, S, kSeven, kPart, kGroups>(d, p, c, lanes);
  }
  for (; p + kWide <= d.pixels; p += kWide) depthwise_pixels<In, K, S, kWide, kPart, kGroups>(d, p, c, lanes);
  for (; p + 4 <= d.pixels; p += 4) depthwise_pixels<In, K, S, 4, kPart, kGroups>(d, p, c, lanes);
  for (; p < d.pixels; ++p) depthwise_pixels<In, K, S, 1, kPart, kGroups>(d, p, c, lanes);
}

template <class In, int K, int S, bool kGroups>
TEMPER_KERNEL void depthwise_sized(const DepthwiseCall& d) {
  int64_t c = 0;
  for (; c + Vec::kLanes <= d.channels; c += Vec::kLanes) depthwise_vector<In, K, S, false, kGroups>(d, c, Vec::kLanes);
  if (c < d.channels) depthwise_vector<In, K, S, true, kGroups>(d, c, d.channels - c);
}

// Any taps: C vectors of channels of one pixel at a time, so that the sums do not wait for each other.
template <class In, int C, bool kPart, bool kGroups>
TEMPER_INLINE inline void depthwise_pixel(const DepthwiseCall& d, int64_t pixel, int64_t first, int64_t last, int64_t c,
                                          int64_t lanes) {
  Vec::T acc[C];
  unrolled<C>([&](auto i) TEMPER_INLINE {
    const float* b = d.bias + c + i * Vec::kLanes;
    acc[i] = d.bias == nullptr ? Vec::set1(0) : kPart ? Vec::load_part(b, lanes) : Vec::load(b);
  });
  for (int64_t row = 0; row < d.tap_rows; ++row) {
    const auto* in = static_cast<const typename In::T*>(d.in) + row * d.in_row + pixel * d.in_step + first * d.in_tap + c;
    const float* weights = d.weights + row * d.weight_row + first * d.weight_tap + c;
    for (int64_t col = first; col < last; ++col) {
      for (int64_t input = 0; input < (kGroups ? d.group : 1); ++input) {
        const Vec::Lanes lane = Vec::lane_of_group(d.group, input);
        unrolled<C>([&](auto i) TEMPER_INLINE {
          Vec::T x = kPart ? In::load_part(in, lanes) : In::load(in + i * Vec::kLanes);
          if (kGroups) x = Vec::permute(x, lane);
          acc[i] = Vec::fma(x, Vec::load(weights + input * d.weight_input + i * Vec::kLanes), acc[i]);
        });
      }
      in += d.in_tap;
      weights += d.weight_tap;
    }
  }
  unrolled<C>([&](auto i) TEMPER_INLINE {
    Vec::T v = acc[i];
    const int64_t at = c + i * Vec::kLanes;
    if (d.residual != nullptr) {
      const float* r = d.residual + pixel * d.residual_step + at;
      v = Vec::add(v, kPart ? Vec::load_part(r, lanes) : Vec::load(r));
    }
    v = Vec::clamp(v, d.lo, d.hi);
    float* to = d.out + pixel * d.out_step + at;
    if (kPart) {
      Vec::store_part(to, v, lanes);
    } else {
      Vec::store(to, v);
    }
  });
}

template <class In, bool kGroups>
TEMPER_KERNEL void depthwise_any(const DepthwiseCall& d) {
  for (int64_t p = 0; p < d.pixels; ++p) {
    int64_t first = 0, last = d.tap_cols, c = 0;
    while (first < last && d.x + p * d.x_step + first * d.x_tap < 0) ++first;
    while (first < last && d.x + p * d.x_step + (last - 1) * d.x_tap >= d.x_end) --last;
    for (; c + 4 * Vec::kLanes <= d.channels; c += 4 * Vec::kLanes)
      depthwise_pixel<In, 4, false, kGroups>(d, p, first, last, c, 0);
    for (; c + Vec::kLanes <= d.channels; c += Vec::kLanes) depthwise_pixel<In, 1, false, kGroups>(d, p, first, last, c, 0);
    if (c < d.channels) depthwise_pixel<In, 1, true, kGroups>(d, p, first, last, c, d.channels - c);
  }
}

template <class In, bool kGroups>
TEMPER_KERNEL void depthwise(const DepthwiseCall& d) {
  const int64_t stride = d.in_step == d.in_tap ? 1 : d.in_step == 2 * d.in_tap ? 2 : 0;
  if (d.pixels > 1 && stride == 1) {
    if (d.tap_cols == 3) return depthwise_sized<In, 3, 1, kGroups>(d);
    if (d.tap_cols == 5) return depthwise_sized<In, 5, 1, kGroups>(d);
    if (d.tap_cols == 7) return depthwise_sized<In, 7, 1, kGroups>(d);
  }
  if (d.pixels > 1 && stride == 2) {
    if (d.tap_cols == 3) return depthwise_sized<In, 3, 2, kGroups>(d);
    if (d.tap_cols == 5) return depthwise_sized<In, 5, 2, kGroups>(d);
  }
  depthwise_any<In, kGroups>(d);
}
