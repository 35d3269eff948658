// The part of the prelude for convolutions over few channels: the first of a network that looks at pictures.
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {

// Note [Narrow windows]. Of a picture with so few channels that no copy could bring eight of them, a block brings what a tile
// of TY x TX results sees into shared memory, pixels side by side, with zeros where the window looks beyond the picture. A line
// of the window is then one run of neighbours there, and consecutive elements of the depth are read from where they lie: runs
// are padded to a multiple of 8, of which each half of an instruction's 16 has one part. A pair of elements is one word, so a
// run starts at an even element: `shift` pixels before the window, where its own start would be odd. What a run has beyond
// the window is masked to zero, for it may be infinite. The right side stays in shared memory: a block takes one tile after
// the other, in all columns.
//   left(n, y), left.x, left.c   where a line of the picture begins, and steps along it; pairs: two neighbours are one word
//   right(col, c, ky, kx)        an element of the right side
const char* narrow_window_prelude() {
  return R"(
template <class E, class I> struct Picture { const E* first; I n, y, x, c; };
template <class E, int BN, int C, int KH, int KW, int SY, int SX, int shift, bool pairs, class I, class R, class P>
__device__ inline void narrow_window(I images, I out_h, I out_w, I in_h, I in_w, I first_y, I first_x, I cols, const Picture<E, I>& left, const R& right, const P& put, unsigned char* memory) {
  constexpr int TY = 16, TX = 16, threads = 256, run = ((KW + shift) * C + 7) / 8 * 8, parts = run / 8, halves = KH * parts, steps = (halves + 1) / 2;
  constexpr int lines = (TY - 1) * SY + KH, width = (TX - 1) * SX * C + run, pitch = (width + 1) / 2 * 2, pitch_b = steps * 16 + 8;
  static_assert(SX * C % 2 == 0, "a run starts at an even element");
  const u32 base_b = (u32)__cvta_generic_to_shared(memory), base = base_b + BN * pitch_b * 2;
  u16* const weights = (u16*)memory;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  u32 masks[parts];
#pragma unroll
  for (int p = 0; p < parts; ++p) {
    const int e = p * 8 + quad * 2;
    masks[p] = (e >= shift * C && e < (shift + KW) * C ? 0xffffu : 0u) | (e + 1 >= shift * C && e + 1 < (shift + KW) * C ? 0xffff0000u : 0u);
  }
  const I across = (out_w + TX - 1) / TX, down = (out_h + TY - 1) / TY;
  const s64 tiles = (s64)across * down * images;
  for (I col0 = 0; col0 < cols; col0 += BN) {
    __syncthreads();
    for (int i = threadIdx.x; i < BN * steps * 16; i += threads) {
      const int k = i % (steps * 16), col = i / (steps * 16), ky = k / run, e = k % run - shift * C;
      E x{0};
      if (ky < KH && e >= 0 && e < KW * C && col0 + col < cols) store(&x, 0, right(col0 + col, (I)(e % C), (I)ky, (I)(e / C)));
      weights[col * pitch_b + k] = x.bits;
    }
    for (s64 t = blockIdx.x; t < tiles; t += gridDim.x) {
      const I x0 = (I)(t % across) * TX, y0 = (I)(t / across % down) * TY, n = (I)(t / across / down);
      const I in_y = y0 * SY + first_y, in_x = x0 * SX + first_x - shift;
      __syncthreads();
      constexpr int words = pitch / 2, all = lines * words, together = 5;  // under way at once, of a thread
#pragma unroll 1
      for (int from = threadIdx.x; from < all; from += threads * together) {
        u32 word[together];
#pragma unroll
        for (int i = 0; i < together; ++i) {
          const int at = from + i * threads, e = at % words * 2;
          const I y = in_y + at / words, xa = in_x + e / C, xb = in_x + (e + 1) / C;
          const bool inside = at < all && y >= 0 && y < in_h, a = inside && xa >= 0 && xa < in_w, b = inside && xb >= 0 && xb < in_w;
          const E* line = left.first + (s64)n * left.n + (s64)y * left.y;
          word[i] = 0;
          if (pairs && a && b) {
            word[i] = *(const u32*)(line + (s64)in_x * C + e);
          } else {
            if (a) word[i] = line[xa * left.x + e % C * left.c].bits;
            if (b) word[i] |= (u32)line[xb * left.x + (e + 1) % C * left.c].bits << 16;
          }
        }
#pragma unroll
        for (int i = 0; i < together; ++i) {
          const int at = from + i * threads;
          if (at < all) asm volatile("st.shared.u32 [%0], %1;" :: "r"(base + at * 4), "r"(word[i]) : "memory");
        }
      }
      __syncthreads();
      float sum[2][BN / 8][4];
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int j = 0; j < BN / 8; ++j)
#pragma unroll
          for (int k = 0; k < 4; ++k) sum[m][j][k] = 0.0f;
      const u32 mine = base + 2 * (warp * 2 * SY * pitch + group * SX * C + quad * 2);
      const int line = threadIdx.x % 8, low = threadIdx.x / 8 % 2 * 8, high = threadIdx.x / 16 % 2 * 8;
#pragma unroll
      for (int step = 0; step < steps; ++step) {
        u32 a[2][4];
#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
          for (int k = 0; k < 4; ++k) {
            const int half = step * 2 + k / 2;
            a[m][k] = 0;
            if (half < halves) {
              asm volatile("ld.shared.u32 %0, [%1];" : "=r"(a[m][k]) : "r"(mine + 2 * ((m * SY + half / parts) * pitch + k % 2 * 8 * SX * C + half % parts * 8)) : "memory");
              const int e = half % parts * 8;
              if (e < shift * C || e + 8 > (shift + KW) * C) a[m][k] &= masks[half % parts];
            }
          }
#pragma unroll
        for (int j = 0; j < BN / 16; ++j) {
          u32 b[4];
          load_matrices(b, base_b + 2 * ((j * 16 + high + line) * pitch_b + step * 16 + low), false);
#pragma unroll
          for (int m = 0; m < 2; ++m) {
            multiply_halves(sum[m][j * 2], a[m], b[0], b[1], E());
            multiply_halves(sum[m][j * 2 + 1], a[m], b[2], b[3], E());
          }
        }
      }
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int h = 0; h < 4; h += 2) {
          const I y = y0 + warp * 2 + m, x = x0 + group + h * 4, r = (n * out_h + y) * out_w + x;
          const bool inside = y < out_h && x < out_w;
          auto column = [&](int j) { return col0 + (j + quad % 2) * 8 + quad / 2 * 4; };
          const auto own = put.own((I)0, inside ? r : (I)0);
          decltype(put.ahead(own, col0)) ahead[BN / 16];
#pragma unroll
          for (int j = 0; j < BN / 8; j += 2) {
            ahead[j / 2] = put.ahead(own, column(j) < cols ? column(j) : (I)0);
          }
#pragma unroll
          for (int j = 0; j < BN / 8; j += 2) {
            float v[4] = {sum[m][j][h], sum[m][j][h + 1], sum[m][j + 1][h], sum[m][j + 1][h + 1]};
            exchange_columns(v);
            put.finish((I)0, own, column(j) < cols ? column(j) : (I)0, v, ahead[j / 2], inside && column(j) < cols);
          }
        }
    }
  }
}
)";
}

}  // namespace temper::cuda
