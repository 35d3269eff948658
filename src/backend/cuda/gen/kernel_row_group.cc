// Row groups: reductions and maps over the same rows (softmax, normalisations) as one kernel. A block does a row at a time;
// what a map computes for the row stays in registers, and what a reduction computes is known to all threads of the block.
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

void KernelWriter::write_row_group() {
  const Reduce* reduce = nullptr;
  for (size_t s = stage_; !reduce; ++s) reduce = std::get_if<Reduce>(&region_.stages[s]);
  const Dims full = reduce->domain, kept(full.begin(), full.end() - reduce->reduced);
  const int rank = static_cast<int>(full.size()), first_reduced = static_cast<int>(kept.size());
  const int64_t length = product(std::span(full).subspan(kept.size())).value();
  const int threads = static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(32, (length + 3) / 4)))),
            block = std::min(threads, kMostThreads);
  const std::string each = std::to_string((length + block - 1) / block);
  const SymInt rows = product(kept);
  line("for (s64 item = blockIdx.x; item < (s64)" + expression(rows) + "; item += gridDim.x) {");
  line("const I i = (I)item;");
  point(variables_of(kept, 0, first_reduced), "i");
  auto begin_elements = [&] {
    line("#pragma unroll");
    line("for (int j = 0; j < " + each + "; ++j) {");
    line("const I r = (I)threadIdx.x + j * " + std::to_string(block) + ";");
    line("if (r >= " + std::to_string(length) + ") continue;");
    point(variables_of(full, first_reduced, rank), "r");
  };
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
        line(name(r) + "[j] = " + results[r] + ";");
        store(value + static_cast<int>(r), full, results[r]);
      }
      line("}");
      for (size_t r = 0; r < types.size(); ++r) held_[value + static_cast<int>(r)] = name(r) + "[j]";
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
        line("m.add(" + evaluate(*stage.body, stage.operands)[0] + ", (s64)r);");
        line("}");
        line("m = over_block<" + std::to_string(block) + ">(m);");
        results = results_text(stage, "m");
      }
      for (size_t r = 0; r < types.size(); ++r) line(name(r) + " = " + results[r] + ";");
      line("}");
      for (size_t r = 0; r < types.size(); ++r) {
        held_[value + static_cast<int>(r)] = name(r);
        if (places_[static_cast<size_t>(value) + r].empty()) continue;
        line("if (threadIdx.x == 0) {");
        store(value + static_cast<int>(r), kept, name(r));
        line("}");
      }
    }
    value += static_cast<int>(types.size());
  }
  held_.clear();
  line("}");
  end_entry("rows", block, min(rows, kMostBlocks));
}

}  // namespace temper::cuda
