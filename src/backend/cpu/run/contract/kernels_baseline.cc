// The kernels for every x86-64: SSE2, no fused multiply-add.
#include <emmintrin.h>

#include <utility>

#include "backend/cpu/run/contract/kernels.h"
#include "base/dtype.h"

namespace temper::cpu {
namespace {

#include "backend/cpu/run/contract/tile_impl.h"

using LaneCount = int64_t;  // lanes of the last vector that exist

TEMPER_INLINE inline __m128 load_lanes(const void* p, LaneCount n, bool tail) {
  const float* f = static_cast<const float*>(p);
  if (!tail || n >= 4) return _mm_loadu_ps(f);
  float v[4] = {};
  for (int64_t i = 0; i < n; ++i) v[i] = f[i];
  return _mm_loadu_ps(v);
}
TEMPER_INLINE inline void store_lanes(void* p, __m128 v, LaneCount n, bool tail) {
  float* f = static_cast<float*>(p);
  if (!tail || n >= 4) return _mm_storeu_ps(f, v);
  float all[4];
  _mm_storeu_ps(all, v);
  for (int64_t i = 0; i < n; ++i) f[i] = all[i];
}
TEMPER_INLINE inline __m128 clamp_to(__m128 v, float lo, float hi) {  // a NaN in v stays
  return _mm_min_ps(_mm_set1_ps(hi), _mm_max_ps(_mm_set1_ps(lo), v));
}
struct F32 {
  using Vec = __m128;
  using Acc = __m128;
  using Mask = LaneCount;
  static constexpr int kLanes = 4;
  static Mask mask(int64_t lanes) { return lanes; }
  static Vec load(const char* p) { return _mm_loadu_ps(reinterpret_cast<const float*>(p)); }
  static Vec broadcast(const char* p) { return _mm_set1_ps(*reinterpret_cast<const float*>(p)); }
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { c = _mm_add_ps(c, _mm_mul_ps(a, b)); }
  static constexpr bool kAddsBias = true, kMixesInRegisters = false;
  TEMPER_INLINE static Acc add(Acc a, Acc b) { return _mm_add_ps(a, b); }
  TEMPER_INLINE static Acc begin(const TileFinish&, int64_t, Mask, bool) { return _mm_setzero_ps(); }
  TEMPER_INLINE static Acc load_sum(const char* c, Mask m, bool tail) { return load_lanes(c, m, tail); }
  TEMPER_INLINE static void store_sum(char* c, Acc v, Mask m, bool tail) { store_lanes(c, v, m, tail); }
  template <bool kResidual>
  TEMPER_INLINE static void end(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m, bool tail) {
    if (kResidual) v = _mm_add_ps(v, load_lanes(t.finish.residual + row * t.finish.residual_row + col * 4, m, tail));
    store_lanes(t.c + row * t.c_row + col * 4, clamp_to(v, t.finish.lo, t.finish.hi), m, tail);
  }
};

struct I16Pairs {
  using Vec = __m128i;
  using Acc = __m128i;
  using Mask = LaneCount;
  static constexpr int kLanes = 4;
  static Mask mask(int64_t lanes) { return lanes; }
  static Vec load(const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static Vec broadcast(const char* p) { return _mm_set1_epi32(*reinterpret_cast<const int32_t*>(p)); }
  TEMPER_INLINE static void mac(Acc& c, Vec a, Vec b) { c = _mm_add_epi32(c, _mm_madd_epi16(a, b)); }
  static constexpr bool kAddsBias = false;
  static Acc begin(const TileFinish& f, int64_t col, Mask m, bool tail) {
    if (f.shift == nullptr) return _mm_setzero_si128();
    return _mm_sub_epi32(_mm_setzero_si128(), _mm_castps_si128(load_lanes(f.shift + col, m, tail)));
  }
  static Acc load_sum(const char* c, Mask m, bool tail) { return _mm_castps_si128(load_lanes(c, m, tail)); }
  static void store_sum(char* c, Acc v, Mask m, bool tail) { store_lanes(c, _mm_castsi128_ps(v), m, tail); }
  template <bool kResidual>
  static void end(Acc v, const TileCall& t, int64_t row, int64_t col, Mask m, bool tail) {
    const TileFinish& f = t.finish;
    char* c = t.c + row * t.c_row;
    const int64_t left = t.cols - col;
    if (f.out_kind == kElementI32) return store_lanes(c + col * 4, _mm_castsi128_ps(v), m, tail);
    __m128 x = _mm_mul_ps(_mm_cvtepi32_ps(v), load_lanes(f.scale + col, m, tail));
    if (f.bias != nullptr) x = _mm_add_ps(x, load_lanes(f.bias + col, m, tail));
    if (f.middle_scale != 0) {
      x = _mm_cvtepi32_ps(_mm_cvtps_epi32(clamp_to(x, f.middle_lo, f.middle_hi)));
      x = _mm_mul_ps(x, _mm_set1_ps(f.middle_scale));
    }
    if (kResidual) {
      const char* residual = f.residual + row * f.residual_row;
      __m128 r;
      if (f.residual_kind == kElementF32) {
        r = load_lanes(residual + col * 4, m, tail);
      } else {
        int32_t wide[4] = {};
        for (int64_t i = 0; i < (left < 4 ? left : 4); ++i) {
          const char byte = residual[col + i];
          wide[i] = f.residual_kind == kElementU8 ? static_cast<unsigned char>(byte) : static_cast<signed char>(byte);
        }
        r = _mm_sub_ps(_mm_cvtepi32_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(wide))), _mm_set1_ps(f.residual_zero));
      }
      x = _mm_add_ps(x, _mm_mul_ps(r, _mm_set1_ps(f.residual_scale)));
    }
    x = clamp_to(x, f.lo, f.hi);
    if (f.out_kind == kElementF32) return store_lanes(c + col * 4, x, m, tail);
    v = _mm_add_epi32(_mm_cvtps_epi32(x), _mm_set1_epi32(f.out_zero));
    const __m128i words = _mm_packs_epi32(v, v);
    const int packed =
        _mm_cvtsi128_si32(f.out_kind == kElementU8 ? _mm_packus_epi16(words, words) : _mm_packs_epi16(words, words));
    for (int64_t i = 0; i < (left < 4 ? left : 4); ++i) c[col + i] = static_cast<char>(packed >> (8 * i));
  }
};

struct Vec {
  using T = __m128;
  static constexpr int kLanes = 4, kPixels = 4;
  static T load(const float* p) { return _mm_loadu_ps(p); }
  static void store(float* p, T v) { _mm_storeu_ps(p, v); }
  static T load_part(const float* p, int64_t n) { return load_lanes(p, n, true); }
  static void store_part(float* p, T v, int64_t n) { store_lanes(p, v, n, true); }
  static T load_bf16(const uint16_t* p) {
    const __m128i halves = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), halves));
  }
  static T load_bf16_part(const uint16_t* p, int64_t n) {
    uint16_t part[4] = {};
    for (int64_t i = 0; i < n; ++i) part[i] = p[i];
    return load_bf16(part);
  }
  static T set1(float v) { return _mm_set1_ps(v); }
  static T add(T a, T b) { return _mm_add_ps(a, b); }
  static T sub(T a, T b) { return _mm_sub_ps(a, b); }
  static T mul(T a, T b) { return _mm_mul_ps(a, b); }
  static T fma(T a, T b, T c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
  static constexpr bool kPermutes = false;
  using Lanes = int;
  static Lanes lane_of_group(int64_t, int64_t) { return 0; }
  static T permute(T v, Lanes) { return v; }
  static float sum(T v) {
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps(v, v, 1)));
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

const KernelTable& kernels_baseline() {
  static const KernelTable table = [] {
    KernelTable t;
    t.lanes = 4;
    fill_tiles<F32, 1, 8>(t.f32);
    fill_tiles<F32, 2, 4>(t.f32);
    fill_tiles<I16Pairs, 1, 8>(t.i8);
    fill_tiles<I16Pairs, 2, 4>(t.i8);
    fill_vector_kernels(t);
    return t;
  }();
  return table;
}

}  // namespace temper::cpu
