// Dot products along the depth, once for all instruction sets; included inside an anonymous namespace after `Vec` (see
// winograd_impl.h), together with the other kernels that work on vectors of floats.

// R rows with V vectors: R * V sums of kLanes partial sums each, added up in a fixed order at the end.
template <int R, int V>
TEMPER_INLINE inline void dot_block(const DotCall& d, int64_t row) {
  Vec::T acc[R * V];
  unrolled<R * V>([&](auto i) TEMPER_INLINE { acc[i] = Vec::set1(0); });
  const float* a = d.row + row * d.row_step;
  const float* b = d.vector;
  int64_t k = 0;
  for (; k + Vec::kLanes <= d.depth; k += Vec::kLanes) {
    Vec::T y[V];
    unrolled<V>([&](auto v) TEMPER_INLINE { y[v] = Vec::load(b + v * d.vector_step + k); });
    unrolled<R>([&](auto r) TEMPER_INLINE {
      const Vec::T x = Vec::load(a + r * d.row_step + k);
      unrolled<V>([&](auto v) TEMPER_INLINE { acc[r * V + v] = Vec::fma(x, y[v], acc[r * V + v]); });
    });
  }
  if (k < d.depth) {
    const int64_t lanes = d.depth - k;
    unrolled<R>([&](auto r) TEMPER_INLINE {
      const Vec::T x = Vec::load_part(a + r * d.row_step + k, lanes);
      unrolled<V>([&](auto v) TEMPER_INLINE {
        acc[r * V + v] = Vec::fma(x, Vec::load_part(b + v * d.vector_step + k, lanes), acc[r * V + v]);
      });
    });
  }
  unrolled<R>([&](auto r) TEMPER_INLINE {
    unrolled<V>([&](auto v) TEMPER_INLINE { d.out[(row + r) * d.out_row + v * d.out_vector] = Vec::sum(acc[r * V + v]); });
  });
}

template <int V>
TEMPER_INLINE inline void dot_rows(const DotCall& d) {
  int64_t row = 0;
  for (; row + 4 <= d.rows; row += 4) dot_block<4, V>(d, row);
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
  t.depthwise = &depthwise<false>;
  if constexpr (Vec::kPermutes) t.grouped = &depthwise<true>;
  t.dot = &dot;
}
