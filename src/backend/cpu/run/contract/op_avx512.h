// Arithmetic of the AVX-512 register tiles, see tile_impl.h; included inside an anonymous namespace.

TEMPER_INLINE inline __mmask16 lane_mask(int64_t lanes) { return lanes >= 16 ? 0xffff : (1u << lanes) - 1; }

TEMPER_INLINE inline __m512 clamp_to(__m512 v, float lo, float hi) {  // a NaN in v stays
  return _mm512_min_ps(_mm512_set1_ps(hi), _mm512_max_ps(_mm512_set1_ps(lo), v));
}

struct F32 {
  using Vec = __m512;
  using Acc = __m512;
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  static Mask mask(int64_t lanes) { return lane_mask(lanes); }
  static Vec load(const char* p) { return _mm512_loadu_ps(p); }
  static Vec broadcast(const char* p) { return _mm512_set1_ps(*reinterpret_cast<const float*>(p)); }
  // As text, because the compiler likes to rotate accumulators through vfmadd132ps, and then spills.
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { asm("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b)); }
  static constexpr bool kAddsBias = true, kMixesInRegisters = false;
  TEMPER_INLINE static Acc add(Acc a, Acc b) { return _mm512_add_ps(a, b); }
  TEMPER_INLINE static Acc begin(const TileFinish&, int64_t, Mask, bool) { return _mm512_setzero_ps(); }
  TEMPER_INLINE static Acc load_sum(const char* c, Mask m, bool tail) { return _mm512_maskz_loadu_ps(tail ? m : 0xffff, c); }
  TEMPER_INLINE static void store_sum(char* c, Acc v, Mask m, bool tail) { _mm512_mask_storeu_ps(c, tail ? m : 0xffff, v); }
  template <bool kResidual>
  TEMPER_INLINE static void end(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m, bool tail) {
    if (!tail) m = 0xffff;
    if (kResidual) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, t.finish.residual + row * t.finish.residual_row + col * 4));
    _mm512_mask_storeu_ps(t.c + row * t.c_row + col * 4, m, clamp_to(v, t.finish.lo, t.finish.hi));
  }
};

struct Int {  // what VNNI and plain AVX-512 share
  using Vec = __m512i;
  using Acc = __m512i;
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  static Mask mask(int64_t lanes) { return lane_mask(lanes); }
  static Vec load(const char* p) { return _mm512_loadu_si512(p); }
  static Vec broadcast(const char* p) { return _mm512_set1_epi32(*reinterpret_cast<const int32_t*>(p)); }
  static constexpr bool kAddsBias = false;
  static Acc begin(const TileFinish& f, int64_t col, Mask m, bool tail) {
    if (!tail) m = 0xffff;
    __m512i start = _mm512_setzero_si512();
    if (f.a_offset != 0)
      start = _mm512_mullo_epi32(_mm512_maskz_loadu_epi32(m, f.column_sum + col), _mm512_set1_epi32(-f.a_offset));
    return f.shift == nullptr ? start : _mm512_sub_epi32(start, _mm512_maskz_loadu_epi32(m, f.shift + col));
  }
  static Acc load_sum(const char* c, Mask m, bool tail) { return _mm512_maskz_loadu_epi32(tail ? m : 0xffff, c); }
  static void store_sum(char* c, Acc v, Mask m, bool tail) { _mm512_mask_storeu_epi32(c, tail ? m : 0xffff, v); }
  // Sums of the lanes of m, from column `col` of a row of the result on, to what is stored.
  template <bool kResidual>
  TEMPER_INLINE static void finish(Acc v, const TileFinish& f, char* c, const char* residual, int64_t col, Mask m) {
    if (f.out_kind == kElementI32) return _mm512_mask_storeu_epi32(c + col * 4, m, v);
    __m512 x = _mm512_cvtepi32_ps(v);
    const __m512 scale = _mm512_maskz_loadu_ps(m, f.scale + col);
    x = f.bias == nullptr ? _mm512_mul_ps(x, scale) : _mm512_fmadd_ps(x, scale, _mm512_maskz_loadu_ps(m, f.bias + col));
    if (f.middle_scale != 0) {
      x = _mm512_roundscale_ps(clamp_to(x, f.middle_lo, f.middle_hi), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      x = _mm512_mul_ps(x, _mm512_set1_ps(f.middle_scale));
    }
    if (kResidual) {
      __m512 r;
      if (f.residual_kind == kElementF32) {
        r = _mm512_maskz_loadu_ps(m, residual + col * 4);
      } else {
        const __m128i bytes = _mm_maskz_loadu_epi8(m, residual + col);
        const __m512i wide = f.residual_kind == kElementU8 ? _mm512_cvtepu8_epi32(bytes) : _mm512_cvtepi8_epi32(bytes);
        r = _mm512_sub_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(f.residual_zero));
      }
      x = _mm512_fmadd_ps(r, _mm512_set1_ps(f.residual_scale), x);
    }
    x = clamp_to(x, f.lo, f.hi);
    if (f.out_kind == kElementF32) return _mm512_mask_storeu_ps(c + col * 4, m, x);
    v = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(f.out_zero));
    _mm512_mask_cvtepi32_storeu_epi8(c + col, m, v);
  }
  template <bool kResidual>
  static void end(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m, bool tail) {
    finish<kResidual>(v, t.finish, t.c + row * t.c_row, t.finish.residual + row * t.finish.residual_row, col,
                      tail ? m : 0xffff);
  }
  template <bool kResidual>
  TEMPER_INLINE static void finish_lanes(Acc v, const TileFinish& f, char* c, const char* residual, int64_t col, Mask m,
                                         bool tail, int64_t) {
    finish<kResidual>(v, f, c, residual, col, tail ? m : 0xffff);
  }
  static constexpr int kPixels = 8;
  static Vec load_bytes(const char* p, bool is_signed, Mask m) {
    const __m128i bytes = _mm_maskz_loadu_epi8(m, p);
    return is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
  }
  static Vec set1(int32_t v) { return _mm512_set1_epi32(v); }
  static Vec sub(Vec a, Vec b) { return _mm512_sub_epi32(a, b); }
};

struct Vec {
  using T = __m512;
  static constexpr int kLanes = 16, kPixels = 8;
  static T load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, T v) { _mm512_storeu_ps(p, v); }
  static T load_part(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(lane_mask(n), p); }
  static void store_part(float* p, T v, int64_t n) { _mm512_mask_storeu_ps(p, lane_mask(n), v); }
  static T widen_bf16(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
  static T load_bf16(const uint16_t* p) { return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static T load_bf16_part(const uint16_t* p, int64_t n) { return widen_bf16(_mm256_maskz_loadu_epi16(lane_mask(n), p)); }
  static T set1(float v) { return _mm512_set1_ps(v); }
  static T add(T a, T b) { return _mm512_add_ps(a, b); }
  static T sub(T a, T b) { return _mm512_sub_ps(a, b); }
  static T mul(T a, T b) { return _mm512_mul_ps(a, b); }
  static T fma(T a, T b, T c) { return _mm512_fmadd_ps(a, b, c); }
  // Lane i of the result of permute is lane (i / group) * group + input of v.
  static constexpr bool kPermutes = true;
  using Lanes = __m512i;
  static Lanes lane_of_group(int64_t group, int64_t input) {
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_epi32(_mm512_andnot_si512(_mm512_set1_epi32(static_cast<int>(group - 1)), i),
                            _mm512_set1_epi32(static_cast<int>(input)));
  }
  static T permute(T v, Lanes lanes) { return _mm512_permutexvar_ps(lanes, v); }
  static float sum(T v) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
  }
  TEMPER_INLINE static T clamp(T v, float lo, float hi) { return clamp_to(v, lo, hi); }
};
