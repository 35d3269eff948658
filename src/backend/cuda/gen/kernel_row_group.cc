// Row groups: reductions and maps over the same rows (softmax, normalisations) as one kernel. A block does a row at a time, or
// each of its warps does one where there are many; what a map computes for the row stays in registers, and what a reduction
// computes is known to all threads of the row. A thread has strips of the row (kernel_strip.cc), far from each other.
#include <algorithm>
#include <bit>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int kMostThreads = 512;
constexpr int kMostElements = 8;      // of a row, that one thread holds
constexpr int64_t kShortestRow = 32;  // shorter ones are done by a thread each
constexpr int kRowsOfBlock = 4;       // where each warp does one,
constexpr int kMostOfLane = 32;       // which holds so many elements of it in each lane at most,
constexpr int64_t kManyRows = 2048;   // and there are so many that all warps have work
constexpr int kStripBytes = 16;

bool reads_directly(const Access& access, const std::vector<SymInt>& index) {
  return access.loads.empty() && access.map.guard.is_const(1) && access.map.results == index;
}

}  // namespace

// One past the last stage of the row group that begins at `first`; `first` if there is none.
size_t KernelWriter::end_of_row_group(size_t first) const {
  // The first reduction says what a row is.
  const Reduce* reduce = nullptr;
  for (size_t s = first; s < region_.stages.size() && !reduce; ++s) {
    reduce = std::get_if<Reduce>(&region_.stages[s]);
    if (!reduce && !std::holds_alternative<Map>(region_.stages[s])) return first;
  }
  if (!reduce) return first;
  const Dims full = reduce->domain, kept(full.begin(), full.end() - reduce->reduced);
  const SymInt length = product(std::span(full).subspan(kept.size()));
  if (!length.is_const() || length.value() < kShortestRow || length.value() > int64_t{kMostThreads} * kMostElements)
    return first;
  const std::vector<SymInt> point = identity_map(context_, full).results, row(point.begin(), point.begin() + std::ssize(kept));
  const std::vector<SymInt> alone = identity_map(context_, kept).results;
  int start = static_cast<int>(region_.inputs.size());
  for (size_t s = 0; s < first; ++s) start += static_cast<int>(result_types(region_.stages[s]).size());
  std::vector<char> is_full;  // by value of the group
  size_t end = first;
  int passes = 0;  // stages that go through the rows
  for (; end < region_.stages.size(); ++end) {
    const auto* map = std::get_if<Map>(&region_.stages[end]);
    const auto* other = std::get_if<Reduce>(&region_.stages[end]);
    const bool through = map ? map->domain == full : other && other->domain == full && other->reduced == reduce->reduced;
    if (!through && !(map && map->domain == kept)) break;
    const std::vector<Access>& operands = map ? map->operands : other->operands;
    const bool fits = std::all_of(operands.begin(), operands.end(), [&](const Access& access) {
      for (const Access::Load& load : access.loads) {
        if (load.value >= start) return false;
      }
      if (access.value < start) return true;
      if (is_full[static_cast<size_t>(access.value - start)]) return through && reads_directly(access, point);
      return reads_directly(access, through ? row : alone);
    });
    if (!fits) break;
    is_full.insert(is_full.end(), result_types(region_.stages[end]).size(), map && through);
    passes += through;
  }
  return passes >= 2 ? end : first;
}

// How many elements side by side one lane takes of a row whose last variable this is: as many as are loaded at once of the
// narrowest type of 16 bits or more that the group reads or writes.
int KernelWriter::strip_of_row(const std::pair<int, SymInt>& last, int64_t length) const {
  int bytes = 8;
  auto note = [&](size_t value) {
    if (!places_[value].empty()) bytes = std::max(2, std::min(bytes, dtype_bits(types_[value].dtype) / 8));
  };
  size_t value = static_cast<size_t>(value_);
  for (size_t s = stage_; s < group_end_; ++s) {
    for (const Access* access : accesses_of(region_.stages[s])) note(static_cast<size_t>(access->value));
    for (size_t r = 0; r < result_types(region_.stages[s]).size(); ++r) note(value++);
  }
  int strip = kStripBytes / bytes;
  while (strip > 1 && (!proves_multiple_of(last.second, strip) || length / strip < 32)) strip /= 2;
  return strip;
}

void KernelWriter::write_row_group() {
  const Reduce* reduce = nullptr;
  for (size_t s = stage_; !reduce; ++s) reduce = std::get_if<Reduce>(&region_.stages[s]);
  const Dims full = reduce->domain, kept(full.begin(), full.end() - reduce->reduced);
  const int rank = static_cast<int>(full.size()), first_reduced = static_cast<int>(kept.size());
  const int64_t length = product(std::span(full).subspan(kept.size())).value();
  const SymInt rows = product(kept);
  const bool by_warp = length <= 32 * kMostOfLane && best_(rows) >= kManyRows;
  const int threads = static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(32, (length + 3) / 4))));
  const int block = by_warp ? 32 : std::min(threads, kMostThreads), at_once = by_warp ? kRowsOfBlock : 1;
  const Variables along = variables_of(full, first_reduced, rank);
  const int strip = by_warp ? strip_of_row(along.back(), length) : 1;
  const int strips = static_cast<int>((length + block * strip - 1) / (block * strip));
  const std::string each = std::to_string(strips * strip);
  line("for (s64 item = " + (by_warp ? "blockIdx.x * " + std::to_string(at_once) + " + threadIdx.x / 32" : "blockIdx.x") +
       "; item < (s64)" + expression(rows) + "; item += gridDim.x * " + std::to_string(at_once) + ") {");
  line("const I i = (I)item;");
  point(variables_of(kept, 0, first_reduced), "i");
  auto begin_elements = [&] {
    line("#pragma unroll");
    line("for (int k = 0; k < " + std::to_string(strips) + "; ++k) {");
    line("const I r = ((I)threadIdx.x % " + std::to_string(block) + " + k * " + std::to_string(block) + ") * " +
         std::to_string(strip) + ";");
    line("if (r >= " + std::to_string(length) + ") continue;");
    point(along, "r");
    begin_strip(along.back().first, along.back().second, strip);
  };
  auto end_elements = [&] {
    end_strip();
    line("}");
  };
  const std::string element = "[k * " + std::to_string(strip) + " + j]";
  int value = value_;
  for (size_t s = stage_; s < group_end_; ++s) {
    const auto* map = std::get_if<Map>(&region_.stages[s]);
    const std::vector<TensorType> types = result_types(region_.stages[s]);
    auto name = [&](size_t r) { return "h" + std::to_string(value + static_cast<int>(r)); };
    if (map && map->domain == full && !(map->domain == kept)) {
      for (size_t r = 0; r < types.size(); ++r) line(compute_type_text(types[r].dtype) + " " + name(r) + "[" + each + "];");
      begin_elements();
      const std::vector<std::string> results = evaluate(*map->body, map->operands);
      for (size_t r = 0; r < types.size(); ++r) {
        line(name(r) + element + " = " + results[r] + ";");
        store(value + static_cast<int>(r), full, results[r]);
      }
      end_elements();
      for (size_t r = 0; r < types.size(); ++r) held_[value + static_cast<int>(r)] = name(r) + element;
    } else {
      for (size_t r = 0; r < types.size(); ++r) line(compute_type_text(types[r].dtype) + " " + name(r) + ";");
      line("{");
      std::vector<std::string> results;
      if (map) {
        results = evaluate(*map->body, map->operands);
      } else {
        const auto& stage = std::get<Reduce>(region_.stages[s]);
        line(monoid_text(stage) + " m;");
        line("m.clear();");
        begin_elements();
        line("m.add(" + evaluate(*stage.body, stage.operands)[0] + ", (s64)r + j);");
        end_elements();
        line("m = over_block<" + std::to_string(block) + ">(m);");
        results = results_text(stage, "m");
      }
      for (size_t r = 0; r < types.size(); ++r) line(name(r) + " = " + results[r] + ";");
      line("}");
      for (size_t r = 0; r < types.size(); ++r) {
        held_[value + static_cast<int>(r)] = name(r);
        if (places_[static_cast<size_t>(value) + r].empty()) continue;
        line("if (threadIdx.x % " + std::to_string(block) + " == 0) {");
        store(value + static_cast<int>(r), kept, name(r));
        line("}");
      }
    }
    value += static_cast<int>(types.size());
  }
  held_.clear();
  line("}");
  end_entry("rows", block * at_once, min(ceil_div(rows, at_once), kMostBlocks));
}

}  // namespace temper::cuda
