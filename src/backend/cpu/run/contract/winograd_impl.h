// The Winograd transforms, once for all instruction sets; included inside an anonymous namespace after `Vec`, a vector of
// floats: T, kLanes, load / store, load_part / store_part of the first n lanes, set1, add, sub, mul, fma (a * b + c), clamp.
//
// Note [Winograd] F(m x m, 3 x 3) computes m x m outputs from a patch of t x t, t = m + 2, by t * t products instead of 9 m *
// m: Y = A' [(G g G') . (B' d B)] A, with the usual interpolation points 0, 1, -1 (, 2, -2) and infinity. The dots of all
// channels are t * t matrix products [tiles, in_c] x [in_c, out_c].

template <int M>
struct Transform;

template <>
struct Transform<2> {
  using T = Vec::T;
  TEMPER_INLINE static void input(const T* d, int step, T* o, int out_step) {
    o[0] = Vec::sub(d[0], d[2 * step]);
    o[out_step] = Vec::add(d[step], d[2 * step]);
    o[2 * out_step] = Vec::sub(d[2 * step], d[step]);
    o[3 * out_step] = Vec::sub(d[step], d[3 * step]);
  }
  TEMPER_INLINE static void output(const T* m, int step, T* o, int out_step) {
    o[0] = Vec::add(Vec::add(m[0], m[step]), m[2 * step]);
    o[out_step] = Vec::sub(Vec::sub(m[step], m[2 * step]), m[3 * step]);
  }
  TEMPER_INLINE static void weights(const T* g, int step, T* o, int out_step) {
    const T half = Vec::set1(0.5f), ends = Vec::mul(half, Vec::add(g[0], g[2 * step])), middle = Vec::mul(half, g[step]);
    o[0] = g[0];
    o[out_step] = Vec::add(ends, middle);
    o[2 * out_step] = Vec::sub(ends, middle);
    o[3 * out_step] = g[2 * step];
  }
};

template <>
struct Transform<4> {
  using T = Vec::T;
  TEMPER_INLINE static void input(const T* d, int step, T* o, int out_step) {
    const T d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    const T minus4 = Vec::set1(-4), minus5 = Vec::set1(-5), four = Vec::set1(4), two = Vec::set1(2);
    o[0] = Vec::fma(minus5, d2, Vec::fma(four, d0, d4));
    const T a = Vec::fma(minus4, d2, d4), b = Vec::fma(minus4, d1, d3);
    o[out_step] = Vec::add(a, b);
    o[2 * out_step] = Vec::sub(a, b);
    const T c = Vec::sub(d4, d2), e = Vec::mul(two, Vec::sub(d3, d1));
    o[3 * out_step] = Vec::add(c, e);
    o[4 * out_step] = Vec::sub(c, e);
    o[5 * out_step] = Vec::fma(minus5, d3, Vec::fma(four, d1, d5));
  }
  TEMPER_INLINE static void output(const T* m, int step, T* o, int out_step) {
    const T sum1 = Vec::add(m[step], m[2 * step]), difference1 = Vec::sub(m[step], m[2 * step]);
    const T sum2 = Vec::add(m[3 * step], m[4 * step]), difference2 = Vec::sub(m[3 * step], m[4 * step]);
    o[0] = Vec::add(Vec::add(m[0], sum1), sum2);
    o[out_step] = Vec::fma(Vec::set1(2), difference2, difference1);
    o[2 * out_step] = Vec::fma(Vec::set1(4), sum2, sum1);
    o[3 * out_step] = Vec::add(Vec::fma(Vec::set1(8), difference2, difference1), m[5 * step]);
  }
  TEMPER_INLINE static void weights(const T* g, int step, T* o, int out_step) {
    const T sixth = Vec::set1(-1.0f / 6), ends = Vec::mul(sixth, Vec::add(g[0], g[2 * step])),
            middle = Vec::mul(sixth, g[step]);
    o[0] = Vec::mul(Vec::set1(0.25f), g[0]);
    o[out_step] = Vec::add(ends, middle);
    o[2 * out_step] = Vec::sub(ends, middle);
    const T far = Vec::fma(Vec::set1(1.0f / 6), g[2 * step], Vec::mul(Vec::set1(1.0f / 24), g[0]));
    const T between = Vec::mul(Vec::set1(1.0f / 12), g[step]);
    o[3 * out_step] = Vec::add(far, between);
    o[4 * out_step] = Vec::sub(far, between);
    o[5 * out_step] = g[2 * step];
  }
};

template <int M, bool kWhole>  // kWhole: all lanes and all pixels of the patch exist
TEMPER_INLINE inline void winograd_input_vector(const WinogradInput& w, int64_t c, int64_t lanes) {
  constexpr int N = M + 2;
  Vec::T half[N * N];
  unrolled<N>([&](auto x) TEMPER_INLINE {
    Vec::T d[N];
    unrolled<N>([&](auto y) TEMPER_INLINE {
      const float* p = w.in + y * w.row + x * w.pixel + c;
      if (kWhole) {
        d[y] = Vec::load(p);
      } else {
        const bool exists = y >= w.y_begin && y < w.y_end && x >= w.x_begin && x < w.x_end;
        d[y] = exists ? Vec::load_part(p, lanes) : Vec::set1(0);
      }
    });
    Transform<M>::input(d, 1, half + x, N);
  });
  unrolled<N>([&](auto y) TEMPER_INLINE {
    Vec::T o[N];
    Transform<M>::input(half + y * N, 1, o, 1);
    unrolled<N>([&](auto x) TEMPER_INLINE {
      float* p = w.out + (y * N + x) * w.matrix + c;
      if (kWhole) {
        Vec::store(p, o[x]);
      } else {
        Vec::store_part(p, o[x], lanes);
      }
    });
  });
}

template <int M>
TEMPER_KERNEL void winograd_input(const WinogradInput& w) {
  const bool whole = w.y_begin == 0 && w.x_begin == 0 && w.y_end == M + 2 && w.x_end == M + 2;
  int64_t c = 0;
  if (whole) {
    for (; c + Vec::kLanes <= w.channels; c += Vec::kLanes) winograd_input_vector<M, true>(w, c, Vec::kLanes);
  }
  for (; c < w.channels; c += Vec::kLanes) {
    winograd_input_vector<M, false>(w, c, w.channels - c < Vec::kLanes ? w.channels - c : Vec::kLanes);
  }
}

template <int M, bool kWhole>
TEMPER_INLINE inline void winograd_output_vector(const WinogradOutput& w, int64_t c, int64_t lanes) {
  constexpr int N = M + 2;
  Vec::T half[M * N];
  unrolled<N>([&](auto x) TEMPER_INLINE {
    Vec::T m[N];
    unrolled<N>([&](auto y)
                    TEMPER_INLINE { m[y] = Vec::load_part(w.in + (y * N + x) * w.matrix + c, kWhole ? Vec::kLanes : lanes); });
    Transform<M>::output(m, 1, half + x, N);
  });
  const Vec::T bias = w.bias == nullptr ? Vec::set1(0) : Vec::load_part(w.bias + c, kWhole ? Vec::kLanes : lanes);
  unrolled<M>([&](auto y) TEMPER_INLINE {
    Vec::T o[M];
    Transform<M>::output(half + y * N, 1, o, 1);
    if (!kWhole && y >= w.rows) return;
    unrolled<M>([&](auto x) TEMPER_INLINE {
      if (!kWhole && x >= w.cols) return;
      Vec::T v = Vec::add(o[x], bias);
      if (w.residual != nullptr) {
        const float* r = w.residual + y * w.residual_row + x * w.residual_pixel + c;
        v = Vec::add(v, Vec::load_part(r, kWhole ? Vec::kLanes : lanes));
      }
      Vec::store_part(w.out + y * w.row + x * w.pixel + c, Vec::clamp(v, w.lo, w.hi), kWhole ? Vec::kLanes : lanes);
    });
  });
}

template <int M>
TEMPER_KERNEL void winograd_output(const WinogradOutput& w) {
  int64_t c = 0;
  if (w.rows == M && w.cols == M) {
    for (; c + Vec::kLanes <= w.channels; c += Vec::kLanes) winograd_output_vector<M, true>(w, c, Vec::kLanes);
  }
  for (; c < w.channels; c += Vec::kLanes) {
    winograd_output_vector<M, false>(w, c, w.channels - c < Vec::kLanes ? w.channels - c : Vec::kLanes);
  }
}

template <int M>
TEMPER_KERNEL void winograd_weights(const WinogradWeights& w) {
  constexpr int N = M + 2;
  for (int64_t e = 0; e < w.elements; e += Vec::kLanes) {
    Vec::T half[N * 3];
    unrolled<3>([&](auto x) TEMPER_INLINE {
      Vec::T g[3];
      unrolled<3>([&](auto y) TEMPER_INLINE { g[y] = Vec::load(w.in + (y * 3 + x) * w.in_matrix + e); });
      Transform<M>::weights(g, 1, half + x, 3);
    });
    unrolled<N>([&](auto y) TEMPER_INLINE {
      Vec::T o[N];
      Transform<M>::weights(half + y * 3, 1, o, 1);
      unrolled<N>([&](auto x) TEMPER_INLINE { Vec::store(w.out + (y * N + x) * w.out_matrix + e, o[x]); });
    });
  }
}
