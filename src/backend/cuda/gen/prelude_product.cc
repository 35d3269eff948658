// The part of the prelude that multiplies matrices on tensor cores.
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {

// Note [Matrix products on tensor cores]. A block of threads makes a tile of BM x BN results for one batch and one piece of the
// depth, BK elements of it at a time. Elements travel from global to shared memory by asynchronous copies, `stages` - 1 steps
// ahead of their use; what lies outside of the matrices, or where an access has no element, is filled with zeros by the copy
// itself. A side (left: rows, right: columns) lies in shared memory by depth (depth runs fastest; rows are BK + 4 words apart)
// or by row (rows run fastest; steps of the depth are BM + 8 words apart); either way the 32 words that a warp reads at once
// are in 32 banks. `vec` elements are copied at once: 4 where they are known to lie side by side and aligned, else 1.
//   state = side.own(batch, row)      what is known of a row, before the loop over the depth
//   pointer = side.at(state, k)       its element k, or null for none
//   put(piece, batch, row, col, sum)
// With `exact`, each operand is the sum of two numbers of 11 bits, of which the product of the two small parts is left out:
// that is nearly float arithmetic. Without, operands are rounded to 11 bits. Sums are float.
const char* product_prelude() {
  return R"(
__device__ inline void copy_async(u32 to, const float* from, bool any, const float* valid, int vec) {
  const float* source = any ? from : valid;
  int bytes = any ? vec * 4 : 0;
  if (vec == 4) asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(source), "r"(bytes) : "memory");
  else asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" :: "r"(to), "l"(source), "r"(bytes) : "memory");
}
__device__ inline void multiply_tile(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline u32 rounded_tf32(float x) {
  u32 r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
  return r;
}
__device__ inline void split_tf32(float x, u32& high, u32& low) {
  high = __float_as_uint(x) & 0xffffe000u;
  float rest = x - __uint_as_float(high);
  low = rest == rest ? __float_as_uint(rest) : 0u;
}

template <class O, class T> struct Side { O own; T at; };

// How one side's part of a tile travels: tile x BK elements by `threads` threads.
template <int tile, int BK, int threads, int vec, bool by_depth>
struct Carrier {
  static constexpr int pitch = by_depth ? BK + 4 : tile + 8;
  static constexpr int words = by_depth ? tile * pitch : BK * pitch;
  static constexpr int along = by_depth ? BK / vec : tile / vec;  // copies along the fast dimension
  static constexpr int copies = tile * BK / vec / threads;       // of one thread
  static constexpr int states = by_depth ? copies : 1;
  static_assert(threads % along == 0 && tile * BK % (vec * threads) == 0, "a thread keeps its place along the fast dimension");
  __device__ static int fast() { return threadIdx.x % along * vec; }
  __device__ static int slow(int i) { return threadIdx.x / along + i * (threads / along); }
  template <class S, class Side, class I>
  __device__ static void rows(S (&state)[states], bool (&inside)[states], const Side& side, I batch, I first, I count) {
#pragma unroll
    for (int i = 0; i < states; ++i) {
      I row = first + (by_depth ? slow(i) : fast());
      inside[i] = row < count;
      state[i] = side.own(batch, inside[i] ? row : count - 1);
    }
  }
  template <class S, class Side, class I>
  __device__ static void start(u32 to, const S (&state)[states], const bool (&inside)[states], const Side& side, I k0, I depth, const float* valid) {
    if (by_depth) {
      I k = k0 + fast();
      bool deep = k < depth;
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        const float* p = deep && inside[i < states ? i : 0] ? side.at(state[i < states ? i : 0], k) : nullptr;
        copy_async(to + 4 * (slow(i) * pitch + fast()), p, p != nullptr, valid, vec);
      }
    } else {
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        I k = k0 + slow(i);
        const float* p = k < depth && inside[0] ? side.at(state[0], k) : nullptr;
        copy_async(to + 4 * (slow(i) * pitch + fast()), p, p != nullptr, valid, vec);
      }
    }
  }
  __device__ static float at(const float* memory, int row, int k) { return memory[by_depth ? row * pitch + k : k * pitch + row]; }
};

template <int BM, int BN, int BK, int warps_m, int warps_n, int stages, int vec_a, bool depth_a, int vec_b, bool depth_b, bool exact, class I, class A, class B,
          class P>
__device__ inline void mma_product(I batches, I rows, I cols, I depth, I pieces, const A& left, const float* valid_a, const B& right, const float* valid_b,
                                   const P& put, float* memory) {
  constexpr int threads = warps_m * warps_n * 32, tiles_m = BM / warps_m / 16, tiles_n = BN / warps_n / 8;
  using CA = Carrier<BM, BK, threads, vec_a, depth_a>;
  using CB = Carrier<BN, BK, threads, vec_b, depth_b>;
  constexpr int stage_words = CA::words + CB::words;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = lane / 4, quad = lane % 4;
  const int warp_row = warp / warps_n * (BM / warps_m), warp_col = warp % warps_n * (BN / warps_n);
  const u32 base = (u32)__cvta_generic_to_shared(memory);
  const I across = (cols + BN - 1) / BN, down = (rows + BM - 1) / BM;
  const I steps = (depth + BK - 1) / BK, steps_of_piece = (steps + pieces - 1) / pieces;
  for (s64 block = blockIdx.x; block < (s64)across * down * batches * pieces; block += gridDim.x) {
    const I col0 = (I)(block % across) * BN, row0 = (I)(block / across % down) * BM;
    const I batch = (I)(block / across / down % batches), piece = (I)(block / across / down / batches);
    const I first = piece * steps_of_piece, last = least(first + steps_of_piece, steps);
    decltype(left.own(batch, row0)) state_a[CA::states];
    decltype(right.own(batch, col0)) state_b[CB::states];
    bool inside_a[CA::states], inside_b[CB::states];
    CA::rows(state_a, inside_a, left, batch, row0, rows);
    CB::rows(state_b, inside_b, right, batch, col0, cols);
    float sum[tiles_m][tiles_n][4];
#pragma unroll
    for (int m = 0; m < tiles_m; ++m)
#pragma unroll
      for (int n = 0; n < tiles_n; ++n)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[m][n][j] = 0.0f;
    auto fetch = [&](I step, int slot) {
      if (step < last) {
        const u32 to = base + 4 * slot * stage_words;
        CA::start(to, state_a, inside_a, left, step * BK, depth, valid_a);
        CB::start(to + 4 * CA::words, state_b, inside_b, right, step * BK, depth, valid_b);
      }
      asm volatile("cp.async.commit_group;" ::: "memory");
    };
#pragma unroll
    for (int s = 0; s < stages - 1; ++s) fetch(first + s, s);
    int slot = 0;
    for (I step = first; step < last; ++step) {
      asm volatile("cp.async.wait_group %0;" :: "n"(stages - 2) : "memory");
      __syncthreads();
      fetch(step + stages - 1, slot == 0 ? stages - 1 : slot - 1);
      const float* tile_a = memory + slot * stage_words;
      const float* tile_b = tile_a + CA::words;
#pragma unroll
      for (int k = 0; k < BK; k += 8) {
        u32 a[tiles_m][4], b[tiles_n][2], low_a[tiles_m][4], low_b[tiles_n][2];
#pragma unroll
        for (int m = 0; m < tiles_m; ++m)
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            const float x = CA::at(tile_a, warp_row + m * 16 + group + j % 2 * 8, k + quad + j / 2 * 4);
            if (exact) split_tf32(x, a[m][j], low_a[m][j]); else a[m][j] = rounded_tf32(x);
          }
#pragma unroll
        for (int n = 0; n < tiles_n; ++n)
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            const float x = CB::at(tile_b, warp_col + n * 8 + group, k + quad + j * 4);
            if (exact) split_tf32(x, b[n][j], low_b[n][j]); else b[n][j] = rounded_tf32(x);
          }
#pragma unroll
        for (int m = 0; m < tiles_m; ++m)
#pragma unroll
          for (int n = 0; n < tiles_n; ++n) {
            if (exact) {
              multiply_tile(sum[m][n], low_a[m], b[n]);
              multiply_tile(sum[m][n], a[m], low_b[n]);
            }
            multiply_tile(sum[m][n], a[m], b[n]);
          }
      }
      slot = slot == stages - 1 ? 0 : slot + 1;
    }
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();
#pragma unroll
    for (int m = 0; m < tiles_m; ++m)
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const I row = row0 + warp_row + m * 16 + group + j / 2 * 8;
        if (row < rows) {
#pragma unroll
          for (int n = 0; n < tiles_n; ++n) {
            const I col = col0 + warp_col + n * 8 + quad * 2;
            if (col < cols) put(piece, batch, row, col, sum[m][n][j]);
            if (col + 1 < cols) put(piece, batch, row, col + 1, sum[m][n][j + 1]);
          }
        }
      }
  }
}
)";
}

}  // namespace temper::cuda
