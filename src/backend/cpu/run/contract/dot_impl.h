// Dot products along the depth, once for all instruction sets; included inside an anonymous namespace after `Vec` (see
// winograd_impl.h), together with the other kernels that work on vectors of floats.

// R rows with V vectors: R * V sums of kLanes partial sums each, added up in a fixed order at the end.
template <int R, int V>
TEMPER_INLINE inline void dot_block(const DotCall& d, int64_t row) {
  Vec::T acc[R * V];
  unrolled<R * V>([&](auto i) TEMPER_INLINE { acc[i] = Vec::set1(0); });
  for (int64_t tap_row = 0; tap_row < d.tap_rows; ++tap_row) {
    const float* a = d.row + row * d.row_step + tap_row * d.row_tap_row;
    const float* b = d.vector + tap_row * d.vector_tap_row;
    for (int64_t tap = 0; tap < d.tap_cols; ++tap, a += d.row_tap, b += d.vector_tap) {
      int64_t k = 0;
      for (; k + Vec::kLanes <= d.depth; k += Vec::kLanes) {
        Vec::T y[V];
        unrolled<V>([&](auto v) TEMPER_INLINE { y[v] = Vec::load(b + v * d.vector_step + k); });
        unrolled<R>([&](auto r) TEMPER_INLINE {
          const Vec::T x = Vec::load(a + r * d.row_step + k);
          unrolled<V>([&](auto v) TEMPER_INLINE { acc[r * V + v] = Vec::fma(x, y[v], acc[r * V + v]); });
        });
      }
      if (k == d.depth) continue;
      const int64_t lanes = d.depth - k;
      unrolled<R>([&](auto r) TEMPER_INLINE {
        const Vec::T x = Vec::load_part(a + r * d.row_step + k, lanes);
        unrolled<V>([&](auto v) TEMPER_INLINE {
          acc[r * V + v] = Vec::fma(x, Vec::load_part(b + v * d.vector_step + k, lanes), acc[r * V + v]);
        });
      });
    }
  }
  unrolled<R>([&](auto r) TEMPER_INLINE {
    unrolled<V>([&](auto v) TEMPER_INLINE { d.out[(row + r) * d.out_row + v * d.out_vector] = Vec::sum(acc[r * V + v]); });
  });
}

// As many rows at a time as there are registers for their sums, the V vectors and one row.
template <int V>
TEMPER_INLINE inline void dot_rows(const DotCall& d) {
  constexpr int kRegisters = Vec::kLanes == 16 ? 32 : 16, kFit = (kRegisters - V - 1) / V, R = kFit < 8 ? kFit : 8;
  int64_t row = 0;
  for (; row + R <= d.rows; row += R) dot_block<R, V>(d, row);
  for (; row < d.rows; ++row) dot_block<1, V>(d, row);
}

TEMPER_KERNEL void dot(const DotCall& d) {
  switch (d.vectors) {
    case 1:
      return dot_rows<1>(d);
    case 2:
      return dot_rows<2>(d);
    case 3:
      return dot_rows<3>(d);
    default:
      return dot_rows<4>(d);
  }
}

void fill_vector_kernels(KernelTable& t) {
  t.winograd_input[0] = &winograd_input<2>;
  t.winograd_input[1] = &winograd_input<4>;
  t.winograd_output[0] = &winograd_output<2>;
  t.winograd_output[1] = &winograd_output<4>;
  t.winograd_weights[0] = &winograd_weights<2>;
  t.winograd_weights[1] = &winograd_weights<4>;
  t.depthwise = &depthwise<FromF32, false>;
  t.depthwise_bf16 = &depthwise<FromBf16, false>;
  if constexpr (Vec::kPermutes) {
    t.grouped = &depthwise<FromF32, true>;
    t.grouped_bf16 = &depthwise<FromBf16, true>;
  }
  t.dot = &dot;
}
