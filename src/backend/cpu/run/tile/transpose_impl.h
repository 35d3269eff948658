// Transposition of 4-byte elements in squares that fit the registers: whole cache lines are read and written where vectors are
// that wide. Included only by ops_*.cc (see vec.h).
#pragma once

#include "backend/cpu/run/tile/vec.h"

namespace temper::cpu::tile::TEMPER_TILE_ISA {

#if defined(__AVX512F__)
inline constexpr int64_t kSquare = 16;
inline void transpose_square(uint32_t* d, int64_t d_row, const uint32_t* s, int64_t s_row) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_ps(s + i * s_row);
  // Within lanes of 128 bits: 4 x 4 squares.
  for (int i = 0; i < 16; i += 4) {
    const __m512 low01 = _mm512_unpacklo_ps(a[i], a[i + 1]), high01 = _mm512_unpackhi_ps(a[i], a[i + 1]);
    const __m512 low23 = _mm512_unpacklo_ps(a[i + 2], a[i + 3]), high23 = _mm512_unpackhi_ps(a[i + 2], a[i + 3]);
    b[i] = _mm512_shuffle_ps(low01, low23, 0x44);
    b[i + 1] = _mm512_shuffle_ps(low01, low23, 0xee);
    b[i + 2] = _mm512_shuffle_ps(high01, high23, 0x44);
    b[i + 3] = _mm512_shuffle_ps(high01, high23, 0xee);
  }
  // Lane l of b[4 * g + k] holds column 4 * l + k of rows 4 * g ...: transpose the 4 x 4 lanes.
  for (int k = 0; k < 4; ++k) {
    const __m512 p = _mm512_shuffle_f32x4(b[k], b[k + 4], 0x44), q = _mm512_shuffle_f32x4(b[k + 8], b[k + 12], 0x44);
    const __m512 u = _mm512_shuffle_f32x4(b[k], b[k + 4], 0xee), v = _mm512_shuffle_f32x4(b[k + 8], b[k + 12], 0xee);
    _mm512_storeu_ps(d + k * d_row, _mm512_shuffle_f32x4(p, q, 0x88));
    _mm512_storeu_ps(d + (k + 4) * d_row, _mm512_shuffle_f32x4(p, q, 0xdd));
    _mm512_storeu_ps(d + (k + 8) * d_row, _mm512_shuffle_f32x4(u, v, 0x88));
    _mm512_storeu_ps(d + (k + 12) * d_row, _mm512_shuffle_f32x4(u, v, 0xdd));
  }
}
#elif defined(__AVX2__)
inline constexpr int64_t kSquare = 8;
inline void transpose_square(uint32_t* d, int64_t d_row, const uint32_t* s, int64_t s_row) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(s + i * s_row));
  for (int i = 0; i < 8; i += 4) {
    const __m256 low01 = _mm256_unpacklo_ps(a[i], a[i + 1]), high01 = _mm256_unpackhi_ps(a[i], a[i + 1]);
    const __m256 low23 = _mm256_unpacklo_ps(a[i + 2], a[i + 3]), high23 = _mm256_unpackhi_ps(a[i + 2], a[i + 3]);
    b[i] = _mm256_shuffle_ps(low01, low23, 0x44);
    b[i + 1] = _mm256_shuffle_ps(low01, low23, 0xee);
    b[i + 2] = _mm256_shuffle_ps(high01, high23, 0x44);
    b[i + 3] = _mm256_shuffle_ps(high01, high23, 0xee);
  }
  for (int k = 0; k < 4; ++k) {
    _mm256_storeu_ps(reinterpret_cast<float*>(d + k * d_row), _mm256_permute2f128_ps(b[k], b[k + 4], 0x20));
    _mm256_storeu_ps(reinterpret_cast<float*>(d + (k + 4) * d_row), _mm256_permute2f128_ps(b[k], b[k + 4], 0x31));
  }
}
#else
inline constexpr int64_t kSquare = 4;
inline void transpose_square(uint32_t* d, int64_t d_row, const uint32_t* s, int64_t s_row) {
  __m128 a[4];
  for (int i = 0; i < 4; ++i) a[i] = _mm_loadu_ps(reinterpret_cast<const float*>(s + i * s_row));
  _MM_TRANSPOSE4_PS(a[0], a[1], a[2], a[3]);
  for (int i = 0; i < 4; ++i) _mm_storeu_ps(reinterpret_cast<float*>(d + i * d_row), a[i]);
}
#endif

// Three planes to pixels of three channels: four pixels at a time, each stored with one element too many that the next one
// overwrites.
inline int64_t interleave_3(uint32_t* d, const uint32_t* s, int64_t s_row, int64_t cols) {
  int64_t c = 0;
  for (; c + 5 <= cols; c += 4) {
    __m128 a = _mm_loadu_ps(reinterpret_cast<const float*>(s + c)),
           b = _mm_loadu_ps(reinterpret_cast<const float*>(s + s_row + c));
    __m128 e = _mm_loadu_ps(reinterpret_cast<const float*>(s + 2 * s_row + c)), f = e;
    _MM_TRANSPOSE4_PS(a, b, e, f);
    float* to = reinterpret_cast<float*>(d + c * 3);
    _mm_storeu_ps(to, a);
    _mm_storeu_ps(to + 3, b);
    _mm_storeu_ps(to + 6, e);
    _mm_storeu_ps(to + 9, f);
  }
  return c;
}

inline void transpose(uint32_t* d, int64_t d_row, const uint32_t* s, int64_t s_row, int64_t rows, int64_t cols) {
  int64_t r = 0;
  for (; r + kSquare <= rows; r += kSquare) {
    int64_t c = 0;
    for (; c + kSquare <= cols; c += kSquare) transpose_square(d + c * d_row + r, d_row, s + r * s_row + c, s_row);
    for (; c < cols; ++c) {
      for (int64_t k = r; k < r + kSquare; ++k) d[c * d_row + k] = s[k * s_row + c];
    }
  }
  for (int64_t c = rows == 3 && d_row == 3 ? interleave_3(d, s, s_row, cols) : 0; c < cols; ++c) {
    for (int64_t k = r; k < rows; ++k) d[c * d_row + k] = s[k * s_row + c];
  }
}

}  // namespace temper::cpu::tile::TEMPER_TILE_ISA
