// Arithmetic of register tiles of BF16 pairs, see tile_impl.h; included behind op_avx512.h, inside an anonymous namespace.

struct Bf16Pairs : F32 {
  using Vec = __m512i;
  static constexpr bool kMixesInRegisters = true;
  static Vec load(const char* p) { return _mm512_loadu_si512(p); }
  static Vec broadcast(const char* p) { return _mm512_set1_epi32(*reinterpret_cast<const int32_t*>(p)); }
  // As text, because the compiler copies the accumulator around the intrinsic.
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { asm("vdpbf16ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b)); }
  TEMPER_INLINE static Acc residual(const TileFinish& f, int64_t row, int64_t col, Mask m) {
    const char* from = f.residual + row * f.residual_row;
    if (f.residual_kind == kElementF32) return _mm512_maskz_loadu_ps(m, from + col * 4);
    return ::temper::cpu::Vec::widen_bf16(_mm256_maskz_loadu_epi16(m, from + col * 2));
  }
  TEMPER_INLINE static Acc sloped(Acc v, const TileFinish& f) {
    return _mm512_mask_mul_ps(v, _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ), v, _mm512_set1_ps(f.slope));
  }
  TEMPER_INLINE static void store_mixed(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m) {
    const TileFinish& f = t.finish;
    if (f.residual != nullptr && f.residual_use != kResidualFirst) {
      const Acc r = residual(f, row, col, m);
      v = f.residual_use == kResidualAdd ? _mm512_add_ps(v, r) : _mm512_mul_ps(v, r);
    }
    v = clamp_to(v, f.lo, f.hi);
    char* c = t.c + row * t.c_row;
    if (f.out_kind == kElementF32) return _mm512_mask_storeu_ps(c + col * 4, m, v);
    _mm256_mask_storeu_epi16(c + col * 2, m, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
  TEMPER_INLINE static void end_mixed(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m, bool tail) {
    if (!tail) m = 0xffff;
    const TileFinish& f = t.finish;
    if (f.residual != nullptr && f.residual_use == kResidualFirst) v = _mm512_add_ps(v, residual(f, row, col, m));
    if (f.slope != 1) v = sloped(v, f);
    store_mixed(v, t, row, col, m);
  }
  // The same where there is an activation: the sums lie in scratch.
  TEMPER_KERNEL static void end_rows(float* sums, int64_t step, const TileCall& t, int64_t rows) {
    const TileFinish& f = t.finish;
    const bool before = f.residual != nullptr && f.residual_use == kResidualFirst;
    for (int64_t i = 0; (before || f.slope != 1) && i < rows; ++i) {
      for (int64_t j = 0; j < t.cols; j += 16) {
        const Mask m = lane_mask(t.cols - j);
        Acc v = _mm512_loadu_ps(sums + i * step + j);
        if (before) v = _mm512_add_ps(v, residual(f, i, j, m));
        _mm512_storeu_ps(sums + i * step + j, sloped(v, f));
      }
    }
    activate(f.activation, sums, rows * step);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < t.cols; j += 16) {
        store_mixed(_mm512_loadu_ps(sums + i * step + j), t, i, j, lane_mask(t.cols - j));
      }
    }
  }
};
