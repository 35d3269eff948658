// Reductions of tensors whose innermost dimension is kept (channels-last): sums over a window, as depthwise convolution and
// pooling are, and over whole columns, as squeezing a picture to its mean is. Whoever does a point does its neighbours along
// the innermost dimension too, 16 bytes of them.
//
// Note [Windows]
// Neighbours along another dimension read much of the same. A thread does a few of those too, and the taps of one dimension of
// the window are written out for each of them: taps of one place, which is to say of equal address and guard, are one load. No
// stride, dilation or padding is looked at for that.
//
//   float p0[8]; load_pack_if(p0, (f16*)a.b[0], d0 * 86016 + ..., (d2 + d4 - 1 >= 0) != 0, 0.0f); ...
//   for (int j = 0; j < 8; ++j) { m[0][j].s = multiply_add(p0[j], p5[j], m[0][j].s); m[1][j].s = ... }
#include <algorithm>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = int64_t{1} << 20;
constexpr int kStripBytes = 16;               // that one instruction moves
constexpr int64_t kMostTaps = 128;            // of a window
constexpr int64_t kMostWrittenOut = 16;       // of one of its dimensions
constexpr int64_t kMostUnrolled = 9;          // taps, up to which none stay a loop
constexpr int64_t kLeastThreads = 32768;      // that keep a device busy
constexpr int64_t kThreadsToSpare = 1 << 17;  // from which one may do several points of a row
constexpr int64_t kShortestColumn = 32;
constexpr int kLanes = 8;  // of a block, side by side along the innermost dimension

// The ways, by how often they were the best on an H200: points that a thread does at most, and those of them along the
// innermost dimension. More points are fewer loads, and fewer threads at once.
struct Share {
  int points, strip;
};
constexpr Share kShares[] = {{28, 4}, {16, 4}, {32, 8}, {16, 8}, {56, 8}, {8, 8}};

std::string text_of(int n) { return std::to_string(n); }

}  // namespace

// The longest strip along the last of `kept`, up to `most` points, that all operands can be read along; 1 if there is none.
int KernelWriter::strip_of_operands(const Variables& kept, const std::vector<const Access*>& operands, int most) const {
  if (kept.empty()) return 1;
  const SymInt var = context_.index(kept.back().first, kept.back().second);
  int strip = most;
  bool any = false;
  for (const Access* access : operands) {
    const DType dtype = types_[static_cast<size_t>(access->value)].dtype;
    if (!access->loads.empty() || dtype_bits(dtype) < 8) return 1;
    const SymInt address = places_[static_cast<size_t>(access->value)][0].layout.address(access->map.results);
    if (!depends_on(address, var) && !depends_on(access->map.guard, var)) continue;
    const SymInt rest = address - var;
    if (depends_on(rest, var) || depends_on(access->map.guard, var)) return 1;
    strip = std::min(strip, kStripBytes * 8 / dtype_bits(dtype));
    while (strip > 1 && !proves_multiple_of(rest, strip)) strip /= 2;
    any = true;
  }
  while (strip > 1 && !proves_multiple_of(kept.back().second, strip)) strip /= 2;
  return any ? strip : 1;
}

std::vector<KernelWriter::Tap> KernelWriter::taps_of(const Reduce& s, const WindowCut& cut) const {
  const auto extent = [&](int ordinal) { return s.domain[static_cast<size_t>(ordinal)]; };
  const SymInt from[] = {context_.index(cut.along, extent(cut.along)), context_.index(cut.unrolled, extent(cut.unrolled))};
  std::vector<Tap> taps;
  for (int q = 0; q < cut.reach; ++q) {
    for (int64_t k = 0; k < extent(cut.unrolled).value(); ++k) {
      const SymInt to[] = {from[0] + q, k};
      for (size_t o = 0; o < s.operands.size(); ++o) {
        const Access& access = s.operands[o];
        const SymInt address = places_[static_cast<size_t>(access.value)][0].layout.address(access.map.results);
        taps.push_back({static_cast<int>(o), substitute(address, from, to), substitute(access.map.guard, from, to)});
      }
    }
  }
  return taps;
}

// How the reduction is done as one over a window, if it is one.
std::optional<KernelWriter::WindowCut> KernelWriter::window_cut(const Reduce& s) const {
  const int rank = static_cast<int>(s.domain.size()), first_reduced = rank - s.reduced;
  const Variables reduced = variables_of(s.domain, first_reduced, rank);
  const Variables kept = in_order_of(Dims(s.domain.begin(), s.domain.begin() + first_reduced));
  const SymInt taps = count_of(reduced), points = count_of(kept);
  if (reduced.empty() || kept.empty() || !taps.is_const() || taps.value() > kMostTaps) return std::nullopt;
  const auto& code = s.body->code();
  if (std::any_of(code.begin(), code.end(), [](const auto& x) { return x.op == ScalarOp::kSym; })) return std::nullopt;
  std::vector<const Access*> operands;
  for (const Access& access : s.operands) operands.push_back(&access);
  const Share share = kShares[static_cast<size_t>(products_.cut) % std::size(kShares)];
  WindowCut cut{strip_of_operands(kept, operands, share.strip), kept.back().first, 1, reduced.back().first};
  while (cut.strip > 2 && best_(points) / cut.strip < kLeastThreads) cut.strip /= 2;
  if (cut.strip < 2 || s.domain[static_cast<size_t>(cut.unrolled)].value() > kMostWrittenOut) return std::nullopt;
  // Along which dimension neighbours share the most places of the window.
  size_t most = 0;
  WindowCut chosen = cut;
  for (size_t a = kept.size() - 1; a-- > 0;) {
    int reach = share.points / cut.strip;
    while (reach > 1 && (!proves_multiple_of(kept[a].second, reach) || best_(points) / cut.strip / reach < kThreadsToSpare))
      --reach;
    if (reach == 1) continue;
    for (const auto& u : reduced) {
      if (u.second.value() > kMostWrittenOut) continue;
      const WindowCut next{cut.strip, kept[a].first, reach, u.first};
      std::vector<Tap> places = taps_of(s, next);
      const size_t all = places.size();
      std::vector<Tap> distinct;
      for (const Tap& tap : places) {
        if (std::find(distinct.begin(), distinct.end(), tap) == distinct.end()) distinct.push_back(tap);
      }
      if (all - distinct.size() > most) most = all - distinct.size(), chosen = next;
    }
  }
  return chosen;
}

// contracts: what is reduced are products, each added in one rounding.
void KernelWriter::write_window(const Reduce& s, bool contracts, const WindowCut& cut) {
  const int rank = static_cast<int>(s.domain.size()), first_reduced = rank - s.reduced;
  const Dims kept_dims(s.domain.begin(), s.domain.begin() + first_reduced);
  const Variables kept = in_order_of(kept_dims);
  Variables loop = variables_of(s.domain, first_reduced, rank);
  std::erase_if(loop, [&](const auto& v) { return v.first == cut.unrolled; });
  const auto& [inner, inner_extent] = kept.back();
  const SymInt inner_var = context_.index(inner, inner_extent), items = floor_div(product(kept_dims), cut.strip * cut.reach);
  const std::string strip = text_of(cut.strip), reach = text_of(cut.reach), along = text_of(cut.along);
  begin_items(items);
  Blocks blocks{{inner, cut.strip}};
  if (cut.along != inner) blocks[cut.along] = cut.reach;
  point(kept, "i", blocks);
  line(monoid_text(s) + " m[" + reach + "][" + strip + "];");
  line("#pragma unroll");
  line("for (int j = 0; j < " + text_of(cut.reach * cut.strip) + "; ++j) m[j / " + strip + "][j % " + strip + "].clear();");
  const int64_t all = product(std::span(s.domain).subspan(kept_dims.size())).value();
  line(all <= kMostUnrolled ? "#pragma unroll" : "#pragma unroll 1");
  line("for (I r = 0; r < " + expression(count_of(loop)) + "; ++r) {");
  point(loop, "r");
  // Each place that is read, once; and those that lie side by side, together.
  const std::vector<Tap> taps = taps_of(s, cut);
  std::vector<Tap> places;
  std::vector<std::string> names;
  auto find = [&](const Tap& tap) {
    return static_cast<size_t>(std::find(places.begin(), places.end(), tap) - places.begin());
  };
  for (const Tap& tap : taps) {
    if (find(tap) == places.size()) places.push_back(tap);
  }
  names.resize(places.size());
  for (size_t p = 0; p < places.size(); ++p) {
    if (!names[p].empty()) continue;
    const Tap& tap = places[p];
    const std::string name = "p" + std::to_string(p);
    const Access& access = s.operands[static_cast<size_t>(tap.operand)];
    const DType dtype = types_[static_cast<size_t>(access.value)].dtype;
    const std::string from = pointer(places_[static_cast<size_t>(access.value)][0].buffer, dtype),
                      guard = "(" + expression(tap.guard) + ") != 0", address = expression(tap.address),
                      fill = literal_text(access.fill, dtype);
    const bool along_strip = depends_on(tap.address, inner_var);
    auto beside = [&](int k) { return find({tap.operand, tap.address + k, tap.guard}); };
    int run = along_strip ? cut.strip : kStripBytes * 8 / dtype_bits(dtype);
    for (; !along_strip && run > 1; run /= 2) {
      bool is_run = proves_multiple_of(tap.address, run);
      for (int k = 1; k < run && is_run; ++k) is_run = beside(k) < places.size() && names[beside(k)].empty();
      if (is_run) break;
    }
    if (run == 1) {
      names[p] = name;
      line(compute_type_text(dtype) + " " + name + " = " + fill + ";");
      line("if (" + guard + ") " + name + " = load(" + from + ", " + address + ");");
      continue;
    }
    for (int k = 0; k < (along_strip ? 1 : run); ++k)
      names[k == 0 ? p : beside(k)] = name + (along_strip ? "[j]" : "[" + text_of(k) + "]");
    line(compute_type_text(dtype) + " " + name + "[" + text_of(run) + "];");
    line("load_pack_if(" + name + ", " + from + ", " + address + ", " + guard + ", " + fill + ");");
  }
  auto name_of = [&](const Tap& tap) { return names[find(tap)]; };
  line("#pragma unroll");
  line("for (int j = 0; j < " + strip + "; ++j) {");
  const SymInt position = position_of(s);
  const SymInt unrolled = context_.index(cut.unrolled, s.domain[static_cast<size_t>(cut.unrolled)]);
  const int64_t steps = s.domain[static_cast<size_t>(cut.unrolled)].value();
  for (size_t t = 0; t < taps.size(); t += s.operands.size()) {
    const std::string sum = "m[" + std::to_string(t / s.operands.size() / static_cast<size_t>(steps)) + "][j]";
    const SymInt k = static_cast<int64_t>(t / s.operands.size()) % steps;
    if (contracts) {
      add_product(s, sum, name_of(taps[t]), name_of(taps[t + 1]));
      continue;
    }
    line("{");
    const std::vector<std::string> x = evaluate(*s.body, [&](int operand, const std::string& name) {
      const Access& access = s.operands[static_cast<size_t>(operand)];
      line("const " + compute_type_text(types_[static_cast<size_t>(access.value)].dtype) + " " + name + " = " +
           name_of(taps[t + static_cast<size_t>(operand)]) + ";");
    });
    line(sum + ".add(" + x[0] + ", (s64)" + expression(substitute(position, std::span(&unrolled, 1), std::span(&k, 1))) + ");");
    line("}");
  }
  line("}");
  line("}");
  if (cut.along != inner) {
    line("const I o" + along + " = d" + along + ";");
    line("#pragma unroll");
    line("for (int q = 0; q < " + reach + "; ++q) {");
    line("const I d" + along + " = o" + along + " + q;");
  } else {
    line("{ constexpr int q = 0;");
  }
  begin_strip(inner, inner_extent, cut.strip);
  finish_point(kept_dims, results_text(s, "m[q][j]"));
  end_strip();
  line("}");
  line("}");
  end_entry("window", kThreads, min(ceil_div(items, kThreads), kMostBlocks));
}

// Whole columns, shared out among the rows of a block. False if it is no such reduction.
bool KernelWriter::write_columns(const Reduce& s) {
  const int rank = static_cast<int>(s.domain.size()), first_reduced = rank - s.reduced;
  const Dims kept_dims(s.domain.begin(), s.domain.begin() + first_reduced),
      reduced_dims(s.domain.begin() + first_reduced, s.domain.end());
  Variables kept = in_order_of(kept_dims);
  std::vector<const Access*> operands;
  for (const Access& access : s.operands) operands.push_back(&access);
  const int strip = strip_of_operands(kept, operands, kStripBytes / 2);
  if (strip < 2 || best_(product(reduced_dims)) < kShortestColumn) return false;
  const auto [inner, inner_extent] = kept.back();
  kept.pop_back();
  const SymInt strips = floor_div(inner_extent, strip), tiles = ceil_div(strips, kLanes), items = count_of(kept) * tiles;
  const std::string lanes = text_of(kLanes), count = count_text(reduced_dims), d = "d" + text_of(inner);
  line("const int lane = (int)threadIdx.x % " + lanes + ", row = (int)threadIdx.x / " + lanes + ";");
  line("for (s64 item = blockIdx.x; item < (s64)" + expression(items) + "; item += gridDim.x) {");
  line("const I i = (I)item, at = i % " + expression(tiles) + " * " + lanes + " + lane, outer = i / " + expression(tiles) +
       ";");
  point(kept, "outer");
  line("const bool inside = at < " + expression(strips) + ";");
  line("const I " + d + " = inside ? at * " + text_of(strip) + " : 0;");
  line(monoid_text(s) + " m[" + text_of(strip) + "];");
  line("#pragma unroll");
  line("for (int j = 0; j < " + text_of(strip) + "; ++j) m[j].clear();");
  line("for (I r = inside ? (I)row : " + count + "; r < " + count + "; r += " + text_of(kThreads / kLanes) + ") {");
  point(variables_of(s.domain, first_reduced, rank), "r");
  begin_strip(inner, inner_extent, strip);
  line("m[j].add(" + evaluate(*s.body, s.operands)[0] + ", (s64)r);");
  end_strip();
  line("}");
  line("over_rows<" + text_of(kThreads) + ", " + lanes + ">(m);");
  line("if (inside && row == 0) {");
  begin_strip(inner, inner_extent, strip);
  finish_point(kept_dims, results_text(s, "m[j]"));
  end_strip();
  line("}");
  line("}");
  end_entry("columns", kThreads, min(items, kMostBlocks));
  return true;
}

}  // namespace temper::cuda
