// The kernels for AVX2 with FMA.
#include <immintrin.h>

#include <utility>

#include "backend/cpu/run/contract/kernels.h"
#include "base/dtype.h"

namespace temper::cpu {
namespace {

#include "backend/cpu/run/contract/tile_impl.h"

// A whole vector is stored plainly: masked stores are slow on some processors.
struct LaneMask {
  __m256i bits;
  bool whole;
  int64_t left;  // lanes, 8 or more where whole
};

TEMPER_INLINE inline LaneMask lane_mask(int64_t lanes) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(lanes)), index), lanes >= 8, lanes};
}
TEMPER_INLINE inline __m256 load_lanes(const void* p, const LaneMask& m, bool tail) {
  if (!tail || m.whole) return _mm256_loadu_ps(static_cast<const float*>(p));
  return _mm256_maskload_ps(static_cast<const float*>(p), m.bits);
}
TEMPER_INLINE inline void store_lanes(void* p, __m256 v, const LaneMask& m, bool tail) {
  if (!tail || m.whole) return _mm256_storeu_ps(static_cast<float*>(p), v);
  _mm256_maskstore_ps(static_cast<float*>(p), m.bits, v);
}
TEMPER_INLINE inline __m256 clamp_to(__m256 v, float lo, float hi) {  // a NaN in v stays
  return _mm256_min_ps(_mm256_set1_ps(hi), _mm256_max_ps(_mm256_set1_ps(lo), v));
}

struct F32 {
  using Vec = __m256;
  using Acc = __m256;
  using Mask = LaneMask;
  static constexpr int kLanes = 8;
  static Mask mask(int64_t lanes) { return lane_mask(lanes); }
  static Vec load(const char* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
  static Vec broadcast(const char* p) { return _mm256_broadcast_ss(reinterpret_cast<const float*>(p)); }
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { asm("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b)); }
  static constexpr bool kAddsBias = true, kMixesInRegisters = false;
  TEMPER_INLINE static Acc add(Acc a, Acc b) { return _mm256_add_ps(a, b); }
  TEMPER_INLINE static Acc begin(const TileFinish&, int64_t, const Mask&, bool) { return _mm256_setzero_ps(); }
  TEMPER_INLINE static Acc load_sum(const char* c, const Mask& m, bool tail) { return load_lanes(c, m, tail); }
  TEMPER_INLINE static void store_sum(char* c, Acc v, const Mask& m, bool tail) { store_lanes(c, v, m, tail); }
  template <bool kResidual>
  TEMPER_INLINE static void end(Acc v, const TileCall& t, int64_t row, int64_t col, const Mask& m, bool tail) {
    if (kResidual) v = _mm256_add_ps(v, load_lanes(t.finish.residual + row * t.finish.residual_row + col * 4, m, tail));
    store_lanes(t.c + row * t.c_row + col * 4, clamp_to(v, t.finish.lo, t.finish.hi), m, tail);
  }
};

TEMPER_INLINE inline __m256i load_ints(const void* p, const LaneMask& m, bool tail) {
  return _mm256_castps_si256(load_lanes(p, m, tail));
}
// `left` bytes, up to 8, in the lower half.
TEMPER_INLINE inline __m128i load_bytes8(const char* p, int64_t left) {
  if (left >= 8) return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  unsigned char bytes[8] = {};
  for (int64_t i = 0; i < left; ++i) bytes[i] = static_cast<unsigned char>(p[i]);
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes));
}

struct I16Pairs {
  using Vec = __m256i;
  using Acc = __m256i;
  using Mask = LaneMask;
  static constexpr int kLanes = 8;
  static Mask mask(int64_t lanes) { return lane_mask(lanes); }
  static Vec load(const char* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static Vec broadcast(const char* p) { return _mm256_set1_epi32(*reinterpret_cast<const int32_t*>(p)); }
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { c = _mm256_add_epi32(c, _mm256_madd_epi16(a, b)); }
  static constexpr bool kAddsBias = false;
  static Acc begin(const TileFinish& f, int64_t col, const Mask& m, bool tail) {
    __m256i start = _mm256_setzero_si256();
    if (f.a_offset != 0) start = _mm256_mullo_epi32(load_ints(f.column_sum + col, m, tail), _mm256_set1_epi32(-f.a_offset));
    return f.shift == nullptr ? start : _mm256_sub_epi32(start, load_ints(f.shift + col, m, tail));
  }
  static Acc load_sum(const char* c, const Mask& m, bool tail) { return _mm256_castps_si256(load_lanes(c, m, tail)); }
  static void store_sum(char* c, Acc v, const Mask& m, bool tail) { store_lanes(c, _mm256_castsi256_ps(v), m, tail); }
  // Sums of `left` lanes (8 or more: all), from column `col` of a row of the result on, to what is stored.
  template <bool kResidual>
  TEMPER_INLINE static void finish(Acc v, const TileFinish& f, char* c, const char* residual, int64_t col, const Mask& m,
                                   bool tail, int64_t left) {
    if (f.out_kind == kElementI32) return store_lanes(c + col * 4, _mm256_castsi256_ps(v), m, tail);
    __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(v), load_lanes(f.scale + col, m, tail));
    if (f.bias != nullptr) x = _mm256_add_ps(x, load_lanes(f.bias + col, m, tail));
    if (f.middle_scale != 0) {
      x = _mm256_round_ps(clamp_to(x, f.middle_lo, f.middle_hi), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      x = _mm256_mul_ps(x, _mm256_set1_ps(f.middle_scale));
    }
    if (kResidual) {
      __m256 r;
      if (f.residual_kind == kElementF32) {
        r = load_lanes(residual + col * 4, m, tail);
      } else {
        const __m128i bytes = load_bytes8(residual + col, left);
        const __m256i wide = f.residual_kind == kElementU8 ? _mm256_cvtepu8_epi32(bytes) : _mm256_cvtepi8_epi32(bytes);
        r = _mm256_sub_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(f.residual_zero));
      }
      x = _mm256_add_ps(x, _mm256_mul_ps(r, _mm256_set1_ps(f.residual_scale)));
    }
    x = clamp_to(x, f.lo, f.hi);
    if (f.out_kind == kElementF32) return store_lanes(c + col * 4, x, m, tail);
    v = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(f.out_zero));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i bytes = f.out_kind == kElementU8 ? _mm_packus_epi16(words, words) : _mm_packs_epi16(words, words);
    const long long packed = _mm_cvtsi128_si64(bytes);
    if (left >= 8) {
      __builtin_memcpy(c + col, &packed, 8);
    } else {
      for (int64_t i = 0; i < left; ++i) c[col + i] = static_cast<char>(packed >> (8 * i));
    }
  }
  template <bool kResidual>
  TEMPER_INLINE static void finish_lanes(Acc v, const TileFinish& f, char* c, const char* residual, int64_t col, const Mask& m,
                                         bool tail, int64_t left) {
    finish<kResidual>(v, f, c, residual, col, m, tail, left);
  }
  static constexpr int kPixels = 6;
  static Vec load_bytes(const char* p, bool is_signed, const Mask& m) {
    const __m128i bytes = load_bytes8(p, m.left);
    return is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
  }
  static Vec set1(int32_t v) { return _mm256_set1_epi32(v); }
  static Vec sub(Vec a, Vec b) { return _mm256_sub_epi32(a, b); }
  template <bool kResidual>
  static void end(Acc v, const TileCall& t, int64_t row, int64_t col, const Mask& m, bool tail) {
    finish<kResidual>(v, t.finish, t.c + row * t.c_row, t.finish.residual + row * t.finish.residual_row, col, m, tail,
                      t.cols - col);
  }
};

using I = I16Pairs;
#include "backend/cpu/run/contract/depthwise_i8_impl.h"

struct Vec {
  using T = __m256;
  static constexpr int kLanes = 8, kPixels = 6;
  static T load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, T v) { _mm256_storeu_ps(p, v); }
  static T load_part(const float* p, int64_t n) { return load_lanes(p, lane_mask(n), true); }
  static void store_part(float* p, T v, int64_t n) { store_lanes(p, v, lane_mask(n), true); }
  static T load_bf16(const uint16_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static T load_bf16_part(const uint16_t* p, int64_t n) {
    uint16_t part[8] = {};
    for (int64_t i = 0; i < n; ++i) part[i] = p[i];
    return load_bf16(part);
  }
  static T set1(float v) { return _mm256_set1_ps(v); }
  static T add(T a, T b) { return _mm256_add_ps(a, b); }
  static T sub(T a, T b) { return _mm256_sub_ps(a, b); }
  static T mul(T a, T b) { return _mm256_mul_ps(a, b); }
  static T fma(T a, T b, T c) { return _mm256_fmadd_ps(a, b, c); }
  // Lane i of the result of permute is lane (i / group) * group + input of v.
  static constexpr bool kPermutes = true;
  using Lanes = __m256i;
  static Lanes lane_of_group(int64_t group, int64_t input) {
    const __m256i i = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_add_epi32(_mm256_andnot_si256(_mm256_set1_epi32(static_cast<int>(group - 1)), i),
                            _mm256_set1_epi32(static_cast<int>(input)));
  }
  static T permute(T v, Lanes lanes) { return _mm256_permutevar8x32_ps(v, lanes); }
  static float sum(T v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  TEMPER_INLINE static T clamp(T v, float lo, float hi) { return clamp_to(v, lo, hi); }
};

// Each needs what the ones before it define.
// clang-format off
#include "backend/cpu/run/contract/winograd_impl.h"
#include "backend/cpu/run/contract/depthwise_impl.h"
#include "backend/cpu/run/contract/dot_impl.h"
// clang-format on

}  // namespace

const KernelTable& kernels_avx2() {
  static const KernelTable table = [] {
    KernelTable t;
    t.lanes = 8;
    fill_tiles<F32, 1, 12>(t.f32);
    fill_tiles<F32, 2, 6>(t.f32);
    fill_tiles<F32, 3, 4>(t.f32);
    fill_tiles<I16Pairs, 1, 6>(t.i8);
    fill_tiles<I16Pairs, 2, 5>(t.i8);
    fill_vector_kernels(t);
    t.depthwise_i8 = &depthwise_i8;
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
