// The depthwise kernels of 8-bit integers, once for all instruction sets that have them; included inside an anonymous namespace
// after the arithmetic `I` of 16-bit pairs: load_bytes(), sub(), load(), mac(), begin(), finish().
//
// Elements of a are widened to 32 bits, less a_fill, so that their lower halves meet the weights; what is loaded is used by all
// outputs that it touches, as in depthwise_impl.h.

TEMPER_INLINE inline void depthwise_i8_store(const DepthwiseI8Call& d, I::Acc v, int64_t pixel, int64_t c, I::Mask mask,
                                             bool part) {
  char* out = d.out + pixel * d.out_step;
  if (d.finish.residual == nullptr) {
    I::finish_lanes<false>(v, d.finish, out, nullptr, c, mask, part, d.channels - c);
  } else {
    I::finish_lanes<true>(v, d.finish, out, d.finish.residual + pixel * d.residual_step, c, mask, part, d.channels - c);
  }
}

template <int K, int S, int P>
TEMPER_INLINE inline void depthwise_i8_block(const DepthwiseI8Call& d, int64_t pixel, int64_t c, I::Mask mask, bool part) {
  I::Acc acc[P];
  const I::Acc start = I::begin(d.finish, c, mask, part);
  unrolled<P>([&](auto p) TEMPER_INLINE { acc[p] = start; });
  const I::Vec fill = I::set1(d.a_fill);
  const char* in = d.in + pixel * d.in_step + c;
  const int32_t* weights = d.weights + c;
  for (int64_t row = 0; row < d.tap_rows; ++row) {
    I::Vec w[K];
    unrolled<K>([&](auto k) TEMPER_INLINE { w[k] = I::load(reinterpret_cast<const char*>(weights + k * d.weight_tap)); });
    unrolled<(P - 1) * S + K>([&](auto q) TEMPER_INLINE {
      const I::Vec x = I::sub(I::load_bytes(in + q * d.in_tap, d.is_signed, mask), fill);
      unrolled<P>([&](auto p) TEMPER_INLINE {
        constexpr int k = decltype(q)::value - decltype(p)::value * S;
        if constexpr (k >= 0 && k < K) I::mac(acc[p], x, w[k]);
      });
    });
    in += d.in_row;
    weights += d.weight_row;
  }
  unrolled<P>([&](auto p) TEMPER_INLINE { depthwise_i8_store(d, acc[p], pixel + p, c, mask, part); });
}

// Any taps, one pixel.
TEMPER_INLINE inline void depthwise_i8_pixel(const DepthwiseI8Call& d, int64_t pixel, int64_t c, I::Mask mask, bool part) {
  I::Acc acc = I::begin(d.finish, c, mask, part);
  const I::Vec fill = I::set1(d.a_fill);
  for (int64_t row = 0; row < d.tap_rows; ++row) {
    const char* in = d.in + row * d.in_row + pixel * d.in_step + c;
    const int32_t* weights = d.weights + row * d.weight_row + c;
    for (int64_t col = 0; col < d.tap_cols; ++col, in += d.in_tap, weights += d.weight_tap) {
      I::mac(acc, I::sub(I::load_bytes(in, d.is_signed, mask), fill), I::load(reinterpret_cast<const char*>(weights)));
    }
  }
  depthwise_i8_store(d, acc, pixel, c, mask, part);
}

template <int K, int S>
TEMPER_INLINE inline void depthwise_i8_vector(const DepthwiseI8Call& d, int64_t c, I::Mask mask, bool part) {
  constexpr int kWide = I::kPixels;
  int64_t p = 0;
  for (; p + kWide <= d.pixels; p += kWide) depthwise_i8_block<K, S, kWide>(d, p, c, mask, part);
  for (; p + 4 <= d.pixels; p += 4) depthwise_i8_block<K, S, 4>(d, p, c, mask, part);
  for (; p < d.pixels; ++p) depthwise_i8_pixel(d, p, c, mask, part);
}

TEMPER_KERNEL void depthwise_i8(const DepthwiseI8Call& d) {
  const int64_t stride = d.in_step == d.in_tap ? 1 : d.in_step == 2 * d.in_tap ? 2 : 0;
  for (int64_t c = 0; c < d.channels; c += I::kLanes) {
    const bool part = c + I::kLanes > d.channels;
    const I::Mask mask = I::mask(d.channels - c);
    if (stride == 1 && d.tap_cols == 3) {
      depthwise_i8_vector<3, 1>(d, c, mask, part);
    } else if (stride == 2 && d.tap_cols == 3) {
      depthwise_i8_vector<3, 2>(d, c, mask, part);
    } else if (stride == 1 && d.tap_cols == 5) {
      depthwise_i8_vector<5, 1>(d, c, mask, part);
    } else if (stride == 2 && d.tap_cols == 5) {
      depthwise_i8_vector<5, 2>(d, c, mask, part);
    } else {
      for (int64_t p = 0; p < d.pixels; ++p) depthwise_i8_pixel(d, p, c, mask, part);
    }
  }
}
