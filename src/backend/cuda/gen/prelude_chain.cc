// The part of the prelude for two products with rows between them on Hopper: attention and its like.
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {

// Note [Wide chains]. A block is a team of producers, of which one thread works, and `teams` teams of consumers. A tile is
// 64 rows for each team, of one batch. Keys and values come in chunks of W lines through a ring of `slots` places, all lines in
// the swizzle of 128 bytes, LD and LV pieces of 64 elements wide; queries have a ring of two places of their own. Scores of a
// chunk stand in the registers of a team and never leave them: a lane has two rows, eight apart, of each two neighbours of
// every eight columns.
// What is done with rows is Rows, which is generated: one for each row of a lane.
//   rows.add<pass>(x, at, counts)   element `at` of the row, if there is one, for the reduction number `pass`
//   rows.close(pass)                its result, from all lanes of the row, and what follows from that
//   rows.last(x)                    what the second product multiplies, when all reductions are known
// What is computed of elements beyond the row is thrown away: a branch for each would be one after the other.
// Each reduction is a pass through the keys. Of a row that is one chunk the scores are computed once and kept; of a longer one
// they are computed again in each pass, for that costs less than to store them.
// The second product takes its left side from the registers, where the scores were, and its right one as it lies: a chunk has
// a line for each step of the depth. `score` is what is done with a sum of the first product at its own point.
const char* wide_chain_prelude() {
  return R"(
__device__ inline u64 lines_at(u32 address, int bytes) { return (u64)((address & 0x3ffff) >> 4) | (u64)(bytes >> 4) << 16 | (u64)64 << 32 | (u64)1 << 62; }
__device__ inline u32 pack_two(float a, float b, f16) { u32 r; asm("cvt.rn.f16x2.f32 %0, %2, %1;" : "=r"(r) : "f"(a), "f"(b)); return r; }
__device__ inline u32 pack_two(float a, float b, bf16) { u32 r; asm("cvt.rn.bf16x2.f32 %0, %2, %1;" : "=r"(r) : "f"(a), "f"(b)); return r; }
// The whole of a row, which four lanes have, for each of them; the same bits in all.
template <class M> __device__ inline M over_quad(M mine) {
  constexpr int words = (sizeof(M) + 3) / 4;
#pragma unroll
  for (int delta = 1; delta < 4; delta *= 2) {
    u32 w[words] = {};
    memcpy(w, &mine, sizeof(M));
#pragma unroll
    for (int k = 0; k < words; ++k) w[k] = __shfl_xor_sync(0xffffffffu, w[k], delta);
    M other;
    memcpy(&other, w, sizeof(M));
    if (threadIdx.x & delta) { other.merge(mine); mine = other; } else mine.merge(other);
  }
  return mine;
}
template <int p, int passes, int W, class Rows> __device__ inline void add_to_rows(int pass, Rows (&rows)[2], const float (&x)[W / 2], int left, s64 first) {
  if constexpr (p < passes) {
    if (pass == p) {
#pragma unroll
      for (int j = 0; j < W / 2; ++j) {
        const int c = j / 4 * 8 + j % 2;
        rows[j / 2 % 2].template add<p>(x[j], first + c, c < left);
      }
    } else {
      add_to_rows<p + 1, passes, W>(pass, rows, x, left, first);
    }
  }
}
template <class MS, class MV, class E, int W, int DV, int LD, int LV, int teams, int slots, int passes, class Rows, class I, class Q, class K, class V, class S, class P>
__device__ inline void wide_chain(I batches, I rows, I cols, I out_cols, const Q& queries, const K& keys, const V& values, const S& score, const P& put, unsigned char* memory) {
  constexpr int tile = 64 * teams, bytes_q = LD * tile * 128, block = W * 128, slot_bytes = (LD > LV ? LD : LV) * block;
  __shared__ __align__(8) u64 barriers[2 * slots + 4];
  const u32 full = (u32)__cvta_generic_to_shared(barriers), empty = full + 8 * slots, full_q = empty + 8 * slots, empty_q = full_q + 16;
  const u32 base_q = ((u32)__cvta_generic_to_shared(memory) + 1023) & ~1023u, base = base_q + 2 * bytes_q;
  const int team = threadIdx.x / 128, thread = threadIdx.x % 128;
  if (threadIdx.x == 0) {
    for (int s = 0; s < slots; ++s) barrier_start(full + 8 * s, 1), barrier_start(empty + 8 * s, teams);
    for (int s = 0; s < 2; ++s) barrier_start(full_q + 8 * s, 1), barrier_start(empty_q + 8 * s, teams);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  const I down = (rows + tile - 1) / tile, chunks = (cols + W - 1) / W;
  const s64 tiles = (s64)down * batches;
  int slot = 0, phase = 0, slot_q = 0, phase_q = 0;
  auto next = [&] { if (++slot == slots) slot = 0, phase ^= 1; };
  auto next_q = [&] { if (++slot_q == 2) slot_q = 0, phase_q ^= 1; };
  if (team == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (thread == 0) {
      for (s64 t = blockIdx.x; t < tiles; t += gridDim.x) {
        const I batch = (I)(t / down), row0 = (I)(t % down) * tile;
        barrier_wait(empty_q + 8 * slot_q, phase_q ^ 1);
        barrier_expect(full_q + 8 * slot_q, bytes_q);
        for (int k = 0; k < LD; ++k) queries.fetch(base_q + slot_q * bytes_q + k * tile * 128, full_q + 8 * slot_q, (I)(k * 64), row0, batch);
        next_q();
        for (int pass = 0; pass <= passes; ++pass) {
          for (I chunk = 0; chunk < chunks; ++chunk) {
            if (pass == 0 || chunks > 1) {
              barrier_wait(empty + 8 * slot, phase ^ 1);
              barrier_expect(full + 8 * slot, LD * block);
              for (int k = 0; k < LD; ++k) keys.fetch(base + slot * slot_bytes + k * block, full + 8 * slot, (I)(k * 64), chunk * W, batch);
              next();
            }
            if (pass == passes) {
              barrier_wait(empty + 8 * slot, phase ^ 1);
              barrier_expect(full + 8 * slot, LV * block);
              for (int k = 0; k < LV; ++k) values.fetch(base + slot * slot_bytes + k * block, full + 8 * slot, (I)(k * 64), chunk * W, batch);
              next();
            }
          }
        }
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" :: "n"(teams == 1 ? 240 : 232));
    const int lane = thread % 32, warp = thread / 32, my_row = (team - 1) * 64 + warp * 16 + lane / 4, my_col = lane % 4 * 2;
    auto release = [&](u32 bar) { if (thread == 0) barrier_arrive(bar); };
    for (s64 t = blockIdx.x; t < tiles; t += gridDim.x) {
      const I batch = (I)(t / down), row0 = (I)(t % down) * tile;
      float x[W / 2], sum[DV / 2];
      Rows known[2];
      known[0].clear(), known[1].clear();
      barrier_wait(full_q + 8 * slot_q, phase_q);
      const u32 mine = base_q + slot_q * bytes_q + (team - 1) * 64 * 128;
#pragma unroll 1
      for (int pass = 0; pass <= passes; ++pass) {
#pragma unroll 1
        for (I chunk = 0; chunk < chunks; ++chunk) {
          const I first = chunk * W + my_col;
          const int left = cols - first < (I)W ? (int)(cols - first) : W;
          if (pass == 0 || chunks > 1) {
            barrier_wait(full + 8 * slot, phase);
            const u32 there = base + slot * slot_bytes;
            asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
            for (int k = 0; k < LD * 4; ++k) MS::multiply(x, matrix_at(mine + k / 4 * tile * 128) + k % 4 * 2, matrix_at(there + k / 4 * block) + k % 4 * 2, k != 0);
            asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
            asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
            for (int j = 0; j < W / 2; ++j) asm volatile("" : "+f"(x[j]) :: "memory");
            release(empty + 8 * slot);
            if ((pass == passes || chunks == 1) && chunk == chunks - 1) release(empty_q + 8 * slot_q);
            next();
#pragma unroll
            for (int j = 0; j < W / 2; ++j) x[j] = score(batch, least(row0 + my_row + j / 2 % 2 * 8, rows - 1), least(first + j / 4 * 8 + j % 2, cols - 1), x[j]);
          }
          if (pass < passes) {
            add_to_rows<0, passes, W>(pass, known, x, left, (s64)first);
            continue;
          }
          u32 p[W / 16][4];
#pragma unroll
          for (int k = 0; k < W / 16; ++k)
#pragma unroll
            for (int q = 0; q < 4; ++q) {
              const int j = k * 8 + q * 2, c = j / 4 * 8;
              const u32 inside = (c < left ? 0xffffu : 0u) | (c + 1 < left ? 0xffff0000u : 0u);
              p[k][q] = pack_two(known[q % 2].last(x[j]), known[q % 2].last(x[j + 1]), E()) & inside;
            }
          barrier_wait(full + 8 * slot, phase);
          const u32 there = base + slot * slot_bytes;
          asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
          for (int k = 0; k < W / 16; ++k) MV::multiply(sum, p[k], lines_at(there + k * 2048, block), chunk != 0 || k != 0);
          asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
          asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
          for (int j = 0; j < DV / 2; ++j) asm volatile("" : "+f"(sum[j]) :: "memory");
          release(empty + 8 * slot);
          next();
        }
        known[0].close(pass), known[1].close(pass);
      }
      next_q();
      if (chunks == 0) {
        release(empty_q + 8 * (slot_q ^ 1));
#pragma unroll
        for (int j = 0; j < DV / 2; ++j) sum[j] = 0.0f;
      }
      put_sums<DV>(put, sum, batch, row0 + my_row, (I)0, rows, out_cols);
    }
  }
}
)";
}

}  // namespace temper::cuda
