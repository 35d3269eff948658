// Greedy suppression of boxes.
//
// Note [Suppression by chunks]
// A box goes if one before it that stays overlaps it by more than the limit. The boxes of a list are taken in chunks. First,
// all chunks at once: which boxes of its own chunk before it would remove each. Then one chunk after another: what is open of
// it is settled in rounds (a box goes if a box that stays removes it, and stays if none that is open could), of which there are
// as many as the longest chain of boxes that remove each other, and at least one box is settled in each; and those that stay
// are held against all later boxes, by all of the device. A box is decided by those before it alone, so the bits are the same
// for any number of blocks.
#include "backend/cuda/gen/kernel_writer.h"

namespace temper::cuda {
namespace {

constexpr int kChunk = 1024;  // boxes, and threads of a block
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int64_t kBlocksTogether = 128;  // of those that wait for each other
constexpr int kBoxesOfBlock = 64;         // later boxes, from which one more block has work

constexpr const char* kSuppression = R"(
// A box taken later, and one taken earlier. Almost all are apart.
__device__ inline bool overlaps(float4 x, float area, float4 o, float limit) {
  if (!((o.x < x.z) & (x.x < o.z) & (o.y < x.w) & (x.y < o.w))) return false;
  float w = fminf(x.z, o.z) - fmaxf(x.x, o.x), h = fminf(x.w, o.w) - fmaxf(x.y, o.y);
  if (!(w > 0 && h > 0)) return false;
  float both = w * h;
  return both / (area + (o.z - o.x) * (o.w - o.y) - both) > limit;
}
__device__ inline float area_of(float4 x) { return (x.z - x.x) * (x.w - x.y); }

constexpr int kWords = kChunk / 32, kSlice = 64;
// What the chunks of all lists leave in memory: boxes as floats, masks of those before them in their chunk, whether they are gone;
// and by list, the boxes of the chunk at hand that stay.
struct Suppression {
  float4* boxes;
  u32* masks;
  u32* gone;
  float4* kept;
  u32* kept_count;
  u32* arrived;
};
template <class Side> __device__ inline void begin_suppression(const Suppression& s, s64 lists, s64 n, float limit, const Side& side) {
  __shared__ float4 all[kChunk];
  int self = threadIdx.x;
  s64 chunks = (n + kChunk - 1) / kChunk;
  if (blockIdx.x == 0 && self == 0) *s.arrived = 0;
  for (s64 block = blockIdx.x; block < lists * chunks; block += gridDim.x) {
    s64 list = block / chunks, box = block % chunks * kChunk + self, at = list * n + box;
    float4 x = {0, 0, 0, 0};
    if (box < n) x = {side(list, box, 0), side(list, box, 1), side(list, box, 2), side(list, box, 3)};
    all[self] = x;
    __syncthreads();
    if (box < n) {
      float area = area_of(x);
      for (int w = 0; w < kWords; ++w) {
        u32 bits = 0;
        for (int k = 0; k < 32 && w * 32 + k < self; ++k) bits |= (u32)overlaps(x, area, all[w * 32 + k], limit) << k;
        s.masks[at * kWords + w] = bits;
      }
      s.boxes[at] = x;
      s.gone[at] = 0;
    }
    __syncthreads();
  }
}
// Of the chunk at `base` of a list: put(box, stays).
template <class Put> __device__ inline void settle_chunk(const Suppression& s, s64 list, s64 n, s64 base, const Put& put) {
  __shared__ u32 open[kWords], stays[kWords];
  int self = threadIdx.x, warp = self / 32;
  s64 box = base + self, at = list * n + box;
  bool is_open = box < n && __ldcg(&s.gone[at]) == 0, stay = false;
  u32 mask[kWords];
#pragma unroll
  for (int w = 0; w < kWords; ++w) mask[w] = is_open ? s.masks[at * kWords + w] : 0;
  do {
    u32 bits = __ballot_sync(0xffffffffu, is_open), staying = __ballot_sync(0xffffffffu, stay);
    if (self % 32 == 0) { open[warp] = bits; stays[warp] = staying; }
    __syncthreads();
    u32 removed = 0, waits = 0;
#pragma unroll
    for (int w = 0; w < kWords; ++w) { removed |= mask[w] & stays[w]; waits |= mask[w] & open[w]; }
    if (is_open && (removed || !waits)) { is_open = false; stay = !removed; }
  } while (__syncthreads_or(is_open));
  u32 staying = __ballot_sync(0xffffffffu, stay);
  if (self % 32 == 0) stays[warp] = staying;
  __syncthreads();
  u32 before = __popc(staying & ((1u << (self % 32)) - 1)), count = 0;
  for (int w = 0; w < kWords; ++w) { if (w < warp) before += __popc(stays[w]); count += __popc(stays[w]); }
  if (stay) s.kept[list * kChunk + before] = s.boxes[at];
  if (self == 0) s.kept_count[list] = count;
  if (box < n) put(box, stay);
  __syncthreads();
}
// Those that stay against all boxes from `from` on, of all lists: a warp holds 32 boxes against a slice of them at a time.
__device__ inline void hold_against_later(const Suppression& s, s64 lists, s64 n, s64 from, float limit) {
  __shared__ float4 slices[kChunk / 32][kSlice];
  constexpr int kSlices = kChunk / kSlice;
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float4* slice = slices[warp];
  s64 tiles = (n - from + 31) / 32, warps = (s64)gridDim.x * (kChunk / 32);
  for (s64 item = blockIdx.x * (s64)(kChunk / 32) + warp; item < lists * tiles * kSlices; item += warps) {
    s64 list = item / kSlices / tiles, box = from + item / kSlices % tiles * 32 + lane, at = list * n + box;
    int first = (int)(item % kSlices) * kSlice, count = least((int)__ldcg(&s.kept_count[list]) - first, kSlice);
    bool open = count > 0 && box < n && __ldcg(&s.gone[at]) == 0;
    if (!__any_sync(0xffffffffu, open)) continue;
    for (int k = lane; k < count; k += 32) slice[k] = __ldcg(&s.kept[list * kChunk + first + k]);
    __syncwarp();
    if (open) {
      float4 x = s.boxes[at];
      float area = area_of(x);
      bool hit = false;
#pragma unroll 4
      for (int k = 0; k < count; ++k) hit |= overlaps(x, area, slice[k], limit);
      if (hit) s.gone[at] = 1;
    }
    __syncwarp();
  }
}
template <class Put> __device__ inline void suppress(const Suppression& s, s64 lists, s64 n, float limit, const Put& put) {
  u32 meetings = 0;
  for (s64 base = 0; base < n; base += kChunk) {
    for (s64 list = blockIdx.x; list < lists; list += gridDim.x) settle_chunk(s, list, n, base, [&](s64 box, bool stay) { put(list, box, stay); });
    if (base + kChunk >= n) break;
    meet_all_blocks(s.arrived, ++meetings);
    hold_against_later(s, lists, n, base + kChunk, limit);
    meet_all_blocks(s.arrived, ++meetings);
  }
}
)";

}  // namespace

// Boxes [lists, n, 4] in the order in which they are taken, and the limit.
void KernelWriter::write(const Opaque& s) {
  const TensorType& boxes = types_[static_cast<size_t>(s.operands[0])];
  const TensorType& threshold = types_[static_cast<size_t>(s.operands[1])];
  const Dims kept{boxes.dims[0], boxes.dims[1]};
  const SymInt lists = boxes.dims[0], n = boxes.dims[1], all = lists * n;
  const Place& place = places_[static_cast<size_t>(s.operands[0])][0];
  const Place& limit_place = places_[static_cast<size_t>(s.operands[1])][0];
  atoms_ += "constexpr int kChunk = " + std::to_string(kChunk) + ";" + kSuppression;
  std::string fields;
  const std::pair<const char*, SymInt> temporaries[] = {{"float4", all * 16}, {"u32", all * (kChunk / 32 * 4)},
                                                        {"u32", all * 4},     {"float4", lists * (kChunk * 16)},
                                                        {"u32", lists * 4},   {"u32", 4}};
  for (const auto& [type, bytes] : temporaries)
    fields += "(" + std::string(type) + "*)a.b[" + std::to_string(temporary(bytes)) + "], ";
  auto begin = [&] {
    line("const Suppression s{" + fields + "};");
    line("const s64 lists = " + expression(lists) + ", n = " + expression(n) + ";");
    line("const float limit = cast_f32(load(" + pointer(limit_place.buffer, threshold.dtype) + ", " +
         expression(limit_place.layout.offset) + "));");
  };
  begin();
  line("auto side = [&](s64 list, s64 box, int k) { return cast_f32(load(" + pointer(place.buffer, boxes.dtype) + ", " +
       expression(place.layout.offset) + " + list * " + expression(place.layout.strides[0]) + " + box * " +
       expression(place.layout.strides[1]) + " + k * (s64)" + expression(place.layout.strides[2]) + ")); };");
  line("begin_suppression(s, lists, n, limit, side);");
  end_entry("suppress_begin", kChunk, min(lists * ceil_div(n, kChunk), kMostBlocks));
  begin();
  line("auto put = [&](s64 list, s64 box, bool stays) {");
  line("const I d0 = (I)list, d1 = (I)box;");
  store(value_, kept, "stays");
  line("};");
  line("suppress(s, lists, n, limit, put);");
  end_entry("suppress", kChunk, min(ceil_div(all, kBoxesOfBlock), kBlocksTogether), 0, 0, true);
}

}  // namespace temper::cuda
