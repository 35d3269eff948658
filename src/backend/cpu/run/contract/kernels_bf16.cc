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
#include "backend/cpu/run/contract/op_bf16.h"
// clang-format on

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
