// The kernels for AVX-512 with BF16: products of pairs, summed in f32; the rest is that of AVX-512 with VNNI.
//
// The instruction takes numbers below the least normal one for zero, and so do the conversions here.
#include <immintrin.h>

#include <utility>

#include "backend/cpu/run/contract/kernels.h"
#include "base/dtype.h"

// g++ 12 takes the undefined operand of its own masked intrinsics for a use of an uninitialised variable.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace temper::cpu {
namespace {

// Each needs what the ones before it define.
// clang-format off
#include "backend/cpu/run/contract/tile_impl.h"
#include "backend/cpu/run/contract/op_avx512.h"
// clang-format on

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

TEMPER_KERNEL void pair_rows(const uint16_t* even, const uint16_t* odd, int64_t count, uint16_t* to) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                         4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (int64_t j = 0; j < count; j += 16) {
    const __mmask16 m = lane_mask(count - j);
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi16(m, even + j)),
                                            _mm256_maskz_loadu_epi16(m, odd + j), 1);
    _mm512_mask_storeu_epi32(to + 2 * j, m, _mm512_permutexvar_epi16(order, both));
  }
}

TEMPER_KERNEL void pad_pixels(const uint16_t* from, int64_t channels, int64_t pixels, uint16_t* to) {
  const int64_t padded = channels + 1, at_once = 32 / padded;
  alignas(64) uint16_t order[32] = {};
  uint32_t real = 0;
  for (int64_t i = 0; i < at_once * padded; ++i) {
    if (i % padded == channels) continue;
    order[i] = static_cast<uint16_t>(i / padded * channels + i % padded);
    real |= uint32_t{1} << i;
  }
  const __m512i lanes = _mm512_load_si512(order);
  for (int64_t p = 0; p < pixels; p += at_once) {
    const int64_t count = pixels - p < at_once ? pixels - p : at_once;
    const auto bits = [](int64_t n) { return n >= 32 ? 0xffffffffu : (uint32_t{1} << n) - 1; };
    const __m512i x = _mm512_maskz_loadu_epi16(bits(count * channels), from + p * channels);
    _mm512_mask_storeu_epi16(to + p * padded, bits(count * padded), _mm512_maskz_permutexvar_epi16(real, lanes, x));
  }
}

}  // namespace

const KernelTable& kernels_bf16() {
  static const KernelTable table = [] {
    KernelTable t = kernels_vnni();
    fill_tiles<Bf16Pairs, 1, 14>(t.bf16);
    fill_tiles<Bf16Pairs, 2, 14>(t.bf16);
    fill_tiles<Bf16Pairs, 3, 9>(t.bf16);
    fill_tiles<Bf16Pairs, 4, 6>(t.bf16);
    t.pair = &pair_rows;
    t.pad_pixels = &pad_pixels;
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
