// The part of the prelude for products of 16-bit floats on Hopper: TMA and wgmma.
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {

// Note [Wide products]. A block is a team of producers and `teams` teams of consumers, each of four warps. Producers bring BM
// rows and BN columns, 64 elements of the depth at a time, to a ring of `stages` places in shared memory, consumers multiply
// them into registers by wgmma. Both sides lie by depth, 128 bytes a line, in the order that the hardware calls a swizzle of
// 128 bytes: 16-byte piece c of line r is at place c ^ (r % 8). Two barriers belong to a place: `full` (bytes have arrived, or
// all producers have) and `empty` (all consumers have read it).
//   side.fetch(...)                   by the copy engine, where the side is a Mapped one
//   side.own / side.at                by asynchronous copies of the producers, as in mma_product; these become visible to wgmma
//                                     by a fence after they are complete, so places are announced `lag` steps later
// split > 1: so many blocks share the depth of one tile; they add their sums through distributed shared memory, in their order.
// Blocks take tiles in columns of `together` rows, which keeps what they read in L2.
const char* wide_product_prelude() {
  return R"(
__device__ inline void barrier_start(u32 bar, u32 count) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" :: "r"(bar), "r"(count)); }
__device__ inline void barrier_expect(u32 bar, u32 bytes) { asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" :: "r"(bar), "r"(bytes) : "memory"); }
__device__ inline void barrier_arrive(u32 bar) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" :: "r"(bar) : "memory"); }
__device__ inline void barrier_wait(u32 bar, u32 parity) {
  asm volatile("{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; @done bra over; bra again; over: }" :: "r"(bar), "r"(parity) : "memory");
}
__device__ inline void tensor_copy(u32 to, const void* map, u32 bar, int x, int y, int z, int w) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" :: "r"(to), "l"(map), "r"(bar), "r"(x), "r"(y), "r"(z), "r"(w) : "memory");
}
__device__ inline void tensor_copy(u32 to, const void* map, u32 bar, int c, int x, int y, int n, u16 dx, u16 dy) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2], {%7, %8};" :: "r"(to), "l"(map), "r"(bar), "r"(c), "r"(x), "r"(y), "r"(n), "h"(dx), "h"(dy) : "memory");
}
__device__ inline void copy_16(u32 to, const void* from, bool any) {
  int bytes = any ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ inline u64 matrix_at(u32 address) { return (u64)((address & 0x3ffff) >> 4) | (u64)1 << 16 | (u64)64 << 32 | (u64)1 << 62; }
__device__ inline void meet_cluster() { asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory"); }
__device__ inline u32 in_block(u32 address, u32 block) { u32 there; asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(block)); return there; }
__device__ inline float4 far_read(u32 address) { float4 v; asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "r"(address) : "memory"); return v; }
struct __align__(64) TensorMap { u64 words[16]; };
struct Nothing {};
// A side that is a matrix for each batch (64 elements of the depth by as many lines as a box has): the copy engine fetches it.
// Batches are of two sorts; there are `inner` of the one for each of the other.
template <class I> struct Mapped {
  const TensorMap* map;
  I inner;
  __device__ void fetch(u32 to, u32 bar, I k, I row, I batch) const { tensor_copy(to, map, bar, (int)k, (int)row, (int)(batch % inner), (int)(batch / inner)); }
  __device__ Nothing own(I, I) const { return {}; }
};
// A side of which rows are the pixels of windows: start(row, k) says which channel, pixel and image a row begins with, and where
// in the window element k of the depth lies.
struct Window { int c, x, y, n; u16 dx, dy; };
template <class S> struct Windowed {
  const TensorMap* map;
  S start;
  template <class I> __device__ void fetch(u32 to, u32 bar, I k, I row, I) const {
    const Window w = start(row, k);
    tensor_copy(to, map, bar, w.c, w.x, w.y, w.n, w.dx, w.dy);
  }
  template <class I> __device__ Nothing own(I, I) const { return {}; }
};
// A side whose elements are where side.at() says, eight at a time.
template <class E, class O, class T> struct Gathered { O own; T at; const E* valid; };
// What a lane has of N columns of 64 rows, from column col0 on: of row `row` and the one eight below. What is read besides is
// asked for, for `group` strips, before the first of them is done: a load after a store would wait for its own turn.
template <int N, class I, class P> __device__ inline void put_sums(const P& put, const float (&sum)[N / 2], I batch, I row, I col0, I rows, I cols) {
  constexpr int group = N / 16 < 8 ? N / 16 : N / 16 % 8 == 0 ? 8 : 1;
  const int lane = threadIdx.x % 32;
  const I mine = col0 + lane % 2 * 8 + lane % 4 / 2 * 4;
#pragma unroll
  for (int h = 0; h < 4; h += 2) {
    const I r = row + h * 4;
    const auto own = put.own(batch, least(r, rows - 1));
#pragma unroll
    for (int first = 0; first < N / 16; first += group) {
      decltype(put.ahead(own, col0)) ahead[group];
#pragma unroll
      for (int g = 0; g < group; ++g) {
        const I c = mine + (first + g) * 16;
        ahead[g] = put.ahead(own, c < cols ? c : (I)0);
      }
#pragma unroll
      for (int g = 0; g < group; ++g) {
        const int j = (first + g) * 8 + h;
        float v[4] = {sum[j], sum[j + 1], sum[j + 4], sum[j + 5]};
        exchange_columns(v);
        const I c = mine + (first + g) * 16;
        put.finish((I)0, own, c < cols ? c : (I)0, v, ahead[g], r < rows && c < cols);
      }
    }
  }
}
template <class M, int BM, int BN, int stages, int teams, int split, bool tma_a, bool tma_b, class I, class A, class B, class P>
__device__ inline void wide_product(I batches, I rows, I cols, I depth, const A& left, const B& right, const P& put, unsigned char* memory) {
  constexpr int BK = 64, bytes_a = BM * 128, bytes_b = BN * 128, bytes = bytes_a + bytes_b;
  constexpr int tiles_m = BM / teams / 64;
  constexpr bool gathers = !tma_a || !tma_b;
  constexpr int lag = stages > 4 ? 3 : stages - 2;
  constexpr int together = 8, pitch = BN + 4;  // of a row of sums
  static_assert(split == 1 || BM * pitch * 4 <= stages * bytes, "the sums take the place of the stages");
  __shared__ __align__(8) u64 barriers[2 * stages];
  const u32 full = (u32)__cvta_generic_to_shared(barriers), empty = full + 8 * stages;
  const u32 base = ((u32)__cvta_generic_to_shared(memory) + 1023) & ~1023u;
  const int team = threadIdx.x / 128, thread = threadIdx.x % 128;
  u32 rank = 0;
  if (split > 1) asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  if (threadIdx.x == 0) {
    for (int s = 0; s < stages; ++s) {
      barrier_start(full + 8 * s, (gathers ? 128 : 0) + (tma_a || tma_b ? 1 : 0));
      barrier_start(empty + 8 * s, teams);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  const I across = (cols + BN - 1) / BN, down = (rows + BM - 1) / BM;
  const I steps = (depth + BK - 1) / BK, steps_of_piece = (steps + split - 1) / split;
  const s64 tiles = (s64)across * down * batches;
  I batch, row0, col0;
  const I first = split > 1 ? (I)rank * steps_of_piece : 0, last = least(first + steps_of_piece, steps);
  auto locate = [&](s64 t) {
    const I in_plane = across * down;
    batch = (I)(t / in_plane);
    I at = (I)(t % in_plane);
    const I group = at / (together * across), first = group * together, size = least(down - first, (I)together);
    at = at % (together * across);
    row0 = (first + at % size) * BM;
    col0 = at / size * BN;
  };
  if (team == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" :: "n"(gathers ? (teams == 1 ? 128 : 72) : 40));
    if (gathers || thread == 0) {
      int slot = 0, phase = 0, lag_slot = 0; s64 issued = 0;
      for (s64 t = blockIdx.x / split; t < tiles; t += gridDim.x / split) {
        locate(t);
        constexpr int copies_a = BM / 16, copies_b = BN / 16;
        const int chunk = thread % 8, line = thread / 8;
        decltype(left.own(batch, row0)) state_a[tma_a ? 1 : copies_a];
        decltype(right.own(batch, col0)) state_b[tma_b ? 1 : copies_b];
        if (!tma_a) {
#pragma unroll
          for (int i = 0; i < copies_a; ++i) state_a[i] = left.own(batch, least(row0 + line + i * 16, rows - 1));
        }
        if (!tma_b) {
#pragma unroll
          for (int i = 0; i < copies_b; ++i) state_b[i] = right.own(batch, least(col0 + line + i * 16, cols - 1));
        }
        for (I step = first; step < last; ++step) {
          barrier_wait(empty + 8 * slot, phase ^ 1);
          const u32 to_a = base + slot * bytes, to_b = to_a + bytes_a, bar = full + 8 * slot;
          if ((tma_a || tma_b) && thread == 0) {
            barrier_expect(bar, (tma_a ? bytes_a : 0) + (tma_b ? bytes_b : 0));
            if constexpr (tma_a) left.fetch(to_a, bar, step * BK, row0, batch);
            if constexpr (tma_b) right.fetch(to_b, bar, step * BK, col0, batch);
          }
          if constexpr (gathers) {
            const I k = step * BK + chunk * 8;
            const bool deep = k < depth;
            if constexpr (!tma_a) {
#pragma unroll
              for (int i = 0; i < copies_a; ++i) {
                const int r = line + i * 16;
                auto p = left.valid;
                const bool any = deep && row0 + r < rows && left.at(state_a[i], k, p);
                copy_16(to_a + r * 128 + ((chunk ^ (r & 7)) << 4), p, any);
              }
            }
            if constexpr (!tma_b) {
#pragma unroll
              for (int i = 0; i < copies_b; ++i) {
                const int r = line + i * 16;
                auto p = right.valid;
                const bool any = deep && col0 + r < cols && right.at(state_b[i], k, p);
                copy_16(to_b + r * 128 + ((chunk ^ (r & 7)) << 4), p, any);
              }
            }
            asm volatile("cp.async.commit_group;" ::: "memory");
            if (issued >= lag) {
              asm volatile("cp.async.wait_group %0;" :: "n"(lag) : "memory");
              asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
              barrier_arrive(full + 8 * lag_slot);
              lag_slot = lag_slot == stages - 1 ? 0 : lag_slot + 1;
            }
            ++issued;
          }
          if (++slot == stages) slot = 0, phase ^= 1;
        }
      }
      if constexpr (gathers) {
        asm volatile("cp.async.wait_group 0;" ::: "memory");
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        for (s64 j = least(issued, (s64)lag); j > 0; --j) {
          barrier_arrive(full + 8 * lag_slot);
          lag_slot = lag_slot == stages - 1 ? 0 : lag_slot + 1;
        }
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" :: "n"(teams == 1 ? 240 : gathers ? 216 : 232));
    const int lane = thread % 32, warp = thread / 32, my_row = (team - 1) * (BM / teams);
    int slot = 0, phase = 0;
    auto release = [&](int s) {
      if (thread == 0) barrier_arrive(empty + 8 * s);
    };
    float sum[tiles_m][BN / 2];
    for (s64 t = blockIdx.x / split; t < tiles; t += gridDim.x / split) {
      locate(t);
      if (first >= last) {
#pragma unroll
        for (int m = 0; m < tiles_m; ++m)
#pragma unroll
          for (int j = 0; j < BN / 2; ++j) sum[m][j] = 0.0f;
      }
      int before = -1;
      for (I step = first; step < last; ++step) {
        barrier_wait(full + 8 * slot, phase);
        const u64 a = matrix_at(base + slot * bytes + my_row * 128), b = matrix_at(base + slot * bytes + bytes_a);
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
        for (int k = 0; k < BK / 16; ++k)
#pragma unroll
          for (int m = 0; m < tiles_m; ++m) M::multiply(sum[m], a + 2 * k + 512 * m, b + 2 * k, step != first || k != 0);
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
        if (before >= 0) release(before);
        before = slot;
        if (++slot == stages) slot = 0, phase ^= 1;
      }
      asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
      for (int m = 0; m < tiles_m; ++m)
#pragma unroll
        for (int j = 0; j < BN / 2; ++j) asm volatile("" : "+f"(sum[m][j]) :: "memory");
      if (before >= 0) release(before);
      if (split > 1) asm volatile("bar.sync 1, %0;" :: "n"(teams * 128) : "memory");  // the sums take the place of what all have read
#pragma unroll
      for (int m = 0; m < tiles_m; ++m) {
        if constexpr (split > 1) {
#pragma unroll
          for (int g = 0; g < BN / 16; ++g)
#pragma unroll
            for (int h = 0; h < 4; h += 2) {
              float v[4] = {sum[m][g * 8 + h], sum[m][g * 8 + h + 1], sum[m][g * 8 + h + 4], sum[m][g * 8 + h + 5]};
              exchange_columns(v);
              const int r = my_row + m * 64 + warp * 16 + h * 4 + lane / 4, c = g * 16 + lane % 2 * 8 + lane % 4 / 2 * 4;
              asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" :: "r"(base + (r * pitch + c) * 4), "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3]) : "memory");
            }
        } else {
          put_sums<BN>(put, sum[m], batch, row0 + my_row + m * 64 + warp * 16 + lane / 4, col0, rows, cols);
        }
      }
    }
  }
  __syncwarp();
  if constexpr (split > 1) {
    meet_cluster();
    constexpr int strips = BM * BN / 4, each = (strips + split - 1) / split, threads = 128 * (teams + 1);
    locate(blockIdx.x / split);
    for (int i = threadIdx.x; i < each; i += threads) {
      const int strip = (int)rank * each + i, r = strip / (BN / 4), c = strip % (BN / 4) * 4;
      if (strip >= strips || row0 + r >= rows || col0 + c >= cols) continue;
      float v[4] = {};
#pragma unroll
      for (int p = 0; p < split; ++p) {
        const float4 x = far_read(in_block(base + (r * pitch + c) * 4, p));
        v[0] = v[0] + x.x, v[1] = v[1] + x.y, v[2] = v[2] + x.z, v[3] = v[3] + x.w;
      }
      const auto own = put.own(batch, row0 + r);
      put.finish((I)0, own, col0 + c, v, put.ahead(own, col0 + c), true);
    }
    meet_cluster();
  }
}
)";
}

std::string wide_atom_name(const std::string& dtype, int columns, bool held) {
  return (held ? "HeldAtom_" : "WideAtom_") + dtype + "_" + std::to_string(columns);
}

// The instruction for N columns of 64 rows, of f16 or bf16. held: its left side is in registers, and its right one has a line
// for each step of the depth.
std::string wide_atom_text(const std::string& dtype, int columns, bool held) {
  const int registers = columns / 2;
  std::string names, operands;
  for (int i = 0; i < registers; ++i) {
    names += (i ? ", %" : "%") + std::to_string(i);
    operands += std::string(i ? ", " : "") + "\"+f\"(d[" + std::to_string(i) + "])";
  }
  auto operand = [&](int k) { return "%" + std::to_string(registers + k); };
  const std::string left =
      held ? "{" + operand(2) + ", " + operand(3) + ", " + operand(4) + ", " + operand(5) + "}" : operand(2);
  return "struct " + wide_atom_name(dtype, columns, held) + " {\n__device__ static void multiply(float (&d)[" +
         std::to_string(registers) + "], " + (held ? "const u32 (&a)[4]" : "u64 a") + ", u64 b, bool add) {\n" +
         "asm volatile(\"{ .reg .pred p; setp.ne.b32 p, " + operand(1) + ", 0; wgmma.mma_async.sync.aligned.m64n" +
         std::to_string(columns) + "k16.f32." + dtype + "." + dtype + " {" + names + "}, " + left + ", " + operand(0) +
         ", p, 1, 1, " + (held ? "1" : "0, 0") + "; }\" : " + operands + " : \"l\"(b), \"r\"((int)add), " +
         (held ? "\"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3])" : "\"l\"(a)") + ");\n}\n};\n";
}

}  // namespace temper::cuda
