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
  TEMPER_INLINE static void end_mixed(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m, bool tail) {
    if (!tail) m = 0xffff;
    const TileFinish& f = t.finish;
    if (f.residual != nullptr) {
      const char* residual = f.residual + row * f.residual_row;
      if (f.residual_kind == kElementF32) {
        v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, residual + col * 4));
      } else {
        v = _mm512_add_ps(v, ::temper::cpu::Vec::widen_bf16(_mm256_maskz_loadu_epi16(m, residual + col * 2)));
      }
    }
    v = clamp_to(v, f.lo, f.hi);
    char* c = t.c + row * t.c_row;
    if (f.out_kind == kElementF32) return _mm512_mask_storeu_ps(c + col * 4, m, v);
    _mm256_mask_storeu_epi16(c + col * 2, m, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
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

}  // namespace

const KernelTable& kernels_bf16() {
  static const KernelTable table = [] {
    KernelTable t = kernels_vnni();
    fill_tiles<Bf16Pairs, 1, 14>(t.bf16);
    fill_tiles<Bf16Pairs, 2, 14>(t.bf16);
    fill_tiles<Bf16Pairs, 3, 9>(t.bf16);
    fill_tiles<Bf16Pairs, 4, 6>(t.bf16);
    t.pair = &pair_rows;
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
