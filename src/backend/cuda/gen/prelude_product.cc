// The part of the prelude that multiplies matrices on tensor cores.
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {

// Note [Matrix products on tensor cores]. A block of threads makes a tile of BM x BN results for one batch and one piece of the
// depth, BK elements of it at a time. Elements travel from global to shared memory by asynchronous copies, `stages` - 1 steps
// ahead of their use; what lies outside of the matrices, or where an access has no element, is filled with zeros by the copy
// itself. A side (left: rows, right: columns) lies in shared memory by depth (depth runs fastest) or by row (rows run fastest);
// its lines are 16 bytes longer than what they hold (32 where words are read one by one), so that what a warp reads at once
// lies in different banks. `vec` elements are copied at once: as many as are known to lie side by side and aligned.
//   state = side.own(batch, row)      what is known of a row, before the loop over the depth
//   any = side.at(state, k, pointer)  whether it has an element k, and if so, where
//   own = put.own(batch, row)              what is known of a row of results
//   ahead = put.ahead(own, col)                    what is read for four results from column `col` on
//   put.finish(piece, own, col, v, ahead, inside)  their sums, of which those inside of the matrix count, if any is
// A row and a column outside are replaced by some inside, and only stores are left out: a branch for each four results would
// have all of them wait for each other.
// An address that a copy does not read is one of the tensor (`valid`) all the same, and whether it reads is a predicate of its
// own. With a null pointer as the sign, NVRTC 13.0's assembler zeroed the 64-bit address by an instruction (CS2R) whose result
// it took for there one or two cycles too early: now and then a warp copied from address 0.
// An Atom says how elements are multiplied. FloatAtom: with `exact`, each operand is the sum of two numbers of 11 bits, of
// which the product of the two small parts is left out: that is nearly float arithmetic; infinities and NaN meet no small part,
// for 0 times infinity is not what was asked. Without, operands are rounded to 11 bits. HalfAtom: 16-bit operands as they are.
// Sums are float.
const char* product_prelude() {
  return R"(
template <class E, int vec> __device__ inline void copy_async(u32 to, const E* source, bool any) {
  constexpr int size = vec * (int)sizeof(E);
  const int bytes = any ? size : 0;
  if (size == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(source), "r"(bytes) : "memory");
  else asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" :: "r"(to), "l"(source), "r"(bytes), "n"(size < 4 ? 4 : size == 16 ? 8 : size) : "memory");
}

template <class O, class T> struct Side { O own; T at; };
template <class O, class A, class F> struct Put { O own; A ahead; F finish; };

// How one side's part of a tile travels: tile x BK elements by `threads` threads. Asynchronous copies have 4 bytes at least; a
// single 16-bit element is loaded and stored, and is there after the next barrier like the others.
template <class E, int tile, int BK, int threads, int vec, bool by_depth>
struct Carrier {
  static constexpr int size = (int)sizeof(E), pad = size == 4 && !by_depth ? 32 : 16;
  static constexpr int pitch = (by_depth ? BK : tile) + pad / size;
  static constexpr int bytes = (by_depth ? tile : BK) * pitch * size;
  static constexpr int along = by_depth ? BK / vec : tile / vec;  // copies along the fast dimension
  static constexpr int copies = tile * BK / vec / threads;       // of one thread
  static constexpr int states = by_depth ? copies : 1;
  static constexpr bool is_by_depth = by_depth;
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
  __device__ static void start(u32 to, const S (&state)[states], const bool (&inside)[states], const Side& side, I k0, I depth, const E* valid) {
    // `p` stays an address of the tensor where there is no element.
    auto element = [&](int i, const E*& p) {
      const I k = k0 + (by_depth ? fast() : slow(i));
      const int own = i < states ? i : 0;
      return k < depth && inside[own] && side.at(state[own], k, p);
    };
    if constexpr (vec * size >= 4) {
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        const E* p = valid;
        const bool any = element(i, p);
        copy_async<E, vec>(to + size * (slow(i) * pitch + fast()), p, any);
      }
    } else {
      constexpr int group = copies < 8 ? copies : 8;  // loads in flight
#pragma unroll
      for (int i = 0; i < copies; i += group) {
        u16 x[group];
#pragma unroll
        for (int j = 0; j < group; ++j) {
          const E* p = valid;
          x[j] = element(i + j, p) ? p->bits : (u16)0;
        }
#pragma unroll
        for (int j = 0; j < group; ++j)
          asm volatile("st.shared.b16 [%0], %1;" :: "r"(to + size * (slow(i + j) * pitch + fast())), "h"(x[j]) : "memory");
      }
    }
  }
};

template <bool exact> struct FloatAtom {
  typedef float Element;
  static constexpr int depth = 8;
  __device__ static void one(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
  // finite: the large part again, 0 where that is no finite number.
  __device__ static void split(float x, u32& large, u32& finite, u32& small) {
    if (!exact) {
      asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(large) : "f"(x));
      return;
    }
    large = __float_as_uint(x) & 0xffffe000u;
    const float rest = x - __uint_as_float(large);
    const bool odd = rest != rest;
    small = odd ? 0u : __float_as_uint(rest);
    finite = odd ? 0u : large;
    if (x != x) large = 0x7fc00000u;
  }
  template <class C> __device__ static float at(u32 memory, int row, int k) {
    float x;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(x) : "r"(memory + 4 * (C::is_by_depth ? row * C::pitch + k : k * C::pitch + row)) : "memory");
    return x;
  }
  template <class CA, class CB, int tiles_m, int tiles_n>
  __device__ static void multiply(float (&sum)[tiles_m][tiles_n][4], u32 tile_a, u32 tile_b, int row, int col, int k) {
    const int group = threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
    u32 a[tiles_m][4], finite_a[tiles_m][4], small_a[tiles_m][4], b[tiles_n][2], finite_b[tiles_n][2], small_b[tiles_n][2];
#pragma unroll
    for (int m = 0; m < tiles_m; ++m)
#pragma unroll
      for (int j = 0; j < 4; ++j)
        split(at<CA>(tile_a, row + m * 16 + group + j % 2 * 8, k + quad + j / 2 * 4), a[m][j], finite_a[m][j], small_a[m][j]);
#pragma unroll
    for (int n = 0; n < tiles_n; ++n)
#pragma unroll
      for (int j = 0; j < 2; ++j) split(at<CB>(tile_b, col + n * 8 + group, k + quad + j * 4), b[n][j], finite_b[n][j], small_b[n][j]);
#pragma unroll
    for (int m = 0; m < tiles_m; ++m)
#pragma unroll
      for (int n = 0; n < tiles_n; ++n) {
        if (exact) {
          one(sum[m][n], small_a[m], finite_b[n]);
          one(sum[m][n], finite_a[m], small_b[n]);
        }
        one(sum[m][n], a[m], b[n]);
      }
  }
};

__device__ inline void load_matrices(u32 (&r)[4], u32 address, bool transposed) {
  if (transposed) asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
  else asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
__device__ inline void multiply_halves(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ inline void multiply_halves(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <class E> struct HalfAtom {
  typedef E Element;
  static constexpr int depth = 16;
  template <class CA, class CB, int tiles_m, int tiles_n>
  __device__ static void multiply(float (&sum)[tiles_m][tiles_n][4], u32 tile_a, u32 tile_b, int row, int col, int k) {
    const int line = threadIdx.x % 8, low = threadIdx.x / 8 % 2 * 8, high = threadIdx.x / 16 % 2 * 8;
    u32 a[tiles_m][4], b[tiles_n / 2][4];
#pragma unroll
    for (int m = 0; m < tiles_m; ++m) {
      const int at = row + m * 16;
      load_matrices(a[m], tile_a + 2 * (CA::is_by_depth ? (at + low + line) * CA::pitch + k + high : (k + high + line) * CA::pitch + at + low), !CA::is_by_depth);
    }
#pragma unroll
    for (int n = 0; n < tiles_n / 2; ++n) {
      const int at = col + n * 16;
      load_matrices(b[n], tile_b + 2 * (CB::is_by_depth ? (at + high + line) * CB::pitch + k + low : (k + low + line) * CB::pitch + at + high), !CB::is_by_depth);
    }
#pragma unroll
    for (int m = 0; m < tiles_m; ++m)
#pragma unroll
      for (int n = 0; n < tiles_n; ++n) multiply_halves(sum[m][n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1], E());
  }
};

// Lanes hold two columns each of two tiles of 8; afterwards four in a row: even lanes of the first tile, odd ones of the second.
__device__ inline void exchange_columns(float (&v)[4]) {
  const bool odd = threadIdx.x & 1;
#pragma unroll
  for (int j = 0; j < 2; ++j) {
    const float got = __shfl_xor_sync(0xffffffffu, odd ? v[j] : v[2 + j], 1);
    if (odd) v[j] = got; else v[2 + j] = got;
  }
}

template <class Atom, int BM, int BN, int BK, int warps_m, int warps_n, int stages, int vec_a, bool depth_a, int vec_b, bool depth_b, class I, class A, class B,
          class P>
__device__ inline void mma_product(I batches, I rows, I cols, I depth, I pieces, const A& left, const typename Atom::Element* valid_a, const B& right,
                                   const typename Atom::Element* valid_b, const P& put, unsigned char* memory) {
  typedef typename Atom::Element E;
  constexpr int threads = warps_m * warps_n * 32, tiles_m = BM / warps_m / 16, tiles_n = BN / warps_n / 8;
  using CA = Carrier<E, BM, BK, threads, vec_a, depth_a>;
  using CB = Carrier<E, BN, BK, threads, vec_b, depth_b>;
  constexpr int stage_bytes = CA::bytes + CB::bytes;
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
        const u32 to = base + slot * stage_bytes;
        CA::start(to, state_a, inside_a, left, step * BK, depth, valid_a);
        CB::start(to + CA::bytes, state_b, inside_b, right, step * BK, depth, valid_b);
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
      const u32 tile_a = base + slot * stage_bytes;
#pragma unroll
      for (int k = 0; k < BK; k += Atom::depth) Atom::template multiply<CA, CB>(sum, tile_a, tile_a + CA::bytes, warp_row, warp_col, k);
      slot = slot == stages - 1 ? 0 : slot + 1;
    }
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncthreads();
#pragma unroll
    for (int m = 0; m < tiles_m; ++m)
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const I row = row0 + warp_row + m * 16 + group + j / 2 * 8;
        auto column = [&](int n) { return col0 + warp_col + (n + quad % 2) * 8 + quad / 2 * 4; };
        const auto own = put.own(batch, least(row, rows - 1));
        decltype(put.ahead(own, col0)) ahead[tiles_n / 2];
#pragma unroll
        for (int n = 0; n < tiles_n; n += 2) {
          ahead[n / 2] = put.ahead(own, column(n) < cols ? column(n) : (I)0);
        }
#pragma unroll
        for (int n = 0; n < tiles_n; n += 2) {
          float v[4] = {sum[m][n][j], sum[m][n][j + 1], sum[m][n + 1][j], sum[m][n + 1][j + 1]};
          exchange_columns(v);
          put.finish(piece, own, column(n) < cols ? column(n) : (I)0, v, ahead[n / 2], row < rows && column(n) < cols);
        }
      }
  }
}
)";
}

}  // namespace temper::cuda
