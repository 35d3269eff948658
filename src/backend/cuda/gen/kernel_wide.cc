// Wide products: contractions of 16-bit floats on Hopper, by TMA and wgmma. Note [Wide products] in prelude_wide.cc.
#include <algorithm>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kBytes = 2;            // of an element
constexpr int kPieceElements = 8;    // of 16 bytes, which are copied at once
constexpr int kLineElements = 64;    // of 128 bytes, which the copy engine fetches of a line
constexpr int64_t kLeastDepth = 32;  // less would leave most of a line of 64 empty

std::string text_of(bool b) { return b ? "true" : "false"; }

// By how much an address grows from one point of these variables to the next in their order; nothing where that is not the same
// for all of them.
std::optional<SymInt> common_step(SymContext& context, SymInt address, const Variables& list) {
  std::optional<SymInt> step;
  SymInt inner = 1;
  for (size_t k = list.size(); k-- > 0;) {
    const SymInt own = step_of(address, context.index(list[k].first, list[k].second));
    const std::vector<SymInt> vars = vars_of(own);
    if (std::any_of(vars.begin(), vars.end(), [](SymInt v) { return var_of(v).kind == VarKind::kIndex; })) return std::nullopt;
    if (!step)
      step = own;
    else if (!(own == *step * inner))
      return std::nullopt;
    inner *= list[k].second;
  }
  return step ? step : SymInt(0);
}

}  // namespace

// Whether a guard says nothing but that these indices are inside of these dims.
bool guards_range(SymInt guard, const std::vector<SymInt>& indices, const Dims& dims) {
  if (guard.is_const(1)) return true;
  if (kind_of(guard) == SymKind::kProduct) {
    const std::vector<SymInt> factors = operands_of(guard);
    return std::all_of(factors.begin(), factors.end(), [&](SymInt f) { return guards_range(f, indices, dims); });
  }
  if (guard.is_const() || kind_of(guard) != SymKind::kLess) return false;
  const std::vector<SymInt> sides = operands_of(guard);
  const SymInt gap = sides[1] - sides[0];
  for (size_t k = 0; k < indices.size(); ++k) {
    if (gap == indices[k] + 1 || gap == dims[k] - indices[k]) return true;
  }
  return false;
}

// A matrix for each batch. Batches are of two sorts, of which each has a step of its own: images and heads, say.
std::optional<KernelWriter::FetchedSide> KernelWriter::matrix_of(const Access& access, const ProductVariables& v,
                                                                 const Variables& own) {
  if (!access.map.guard.is_const(1)) return std::nullopt;
  const SymInt address = places_[static_cast<size_t>(access.value)][0].layout.address(access.map.results);
  const auto depth = common_step(context_, address, v.depth), own_step = common_step(context_, address, own);
  if (!depth || !depth->is_const(1) || !own_step || (own_step->is_const(0) && !own.empty())) return std::nullopt;
  Variables outer, inner = v.batches;
  std::optional<SymInt> outer_step, inner_step;
  for (;;) {
    outer_step = common_step(context_, address, outer);
    inner_step = common_step(context_, address, inner);
    if (!outer_step) return std::nullopt;
    if (inner_step) break;  // of nothing there is one
    outer.push_back(inner.front());
    inner.erase(inner.begin());
  }
  if ((inner_step->is_const(0) && !inner.empty()) || (outer_step->is_const(0) && !outer.empty())) return std::nullopt;
  SymInt offset = address;
  for (const Variables* list : {&v.depth, &own, &v.batches}) {
    for (const auto& [ordinal, extent] : *list) {
      const SymInt var = context_.index(ordinal, extent), zero = 0;
      offset = substitute(offset, std::span(&var, 1), std::span(&zero, 1));
    }
  }
  // Of one line or batch only, the step is anything that the copy engine takes.
  const SymInt any = ceil_div(count_of(v.depth), kPieceElements) * kPieceElements;
  auto step = [&](const Variables& list, SymInt found) { return list.empty() ? any : found; };
  return FetchedSide{{count_of(v.depth), count_of(own), count_of(inner), count_of(outer)},
                     {step(own, *own_step), step(inner, *inner_step), step(outer, *outer_step)},
                     offset,
                     {},
                     {}};
}

// A window over images whose channels are innermost: rows are images, y and x, or some of them, and the depth is the place in
// the window, and then channels.
std::optional<KernelWriter::FetchedSide> KernelWriter::window_of(const Access& access, const ProductVariables& v,
                                                                 const Variables& own) {
  const Layout& layout = places_[static_cast<size_t>(access.value)][0].layout;
  const Dims& dims = types_[static_cast<size_t>(access.value)].dims;
  const std::vector<SymInt>& results = access.map.results;
  if (!v.batches.empty() || v.depth.empty() || dims.size() != 4) return std::nullopt;
  if (!guards_range(access.map.guard, results, dims)) return std::nullopt;
  const auto& [channel_ordinal, channels] = v.depth.back();
  const SymInt channel = context_.index(channel_ordinal, channels);
  if (!proves_multiple_of(channels, kLineElements)) return std::nullopt;
  // Dimensions of the tensor, by what moves them.
  int channel_dim = -1, image_dim = -1;
  std::vector<int> window_dims;
  size_t rows = own.size();
  for (size_t d = 0; d < dims.size(); ++d) {
    if (results[d] == channel)
      channel_dim = static_cast<int>(d);
    else if (image_dim < 0 && window_dims.empty() &&
             (results[d].is_const(0) ||
              (!own.empty() && own.size() > 2 && results[d] == context_.index(own[0].first, own[0].second))))
      image_dim = static_cast<int>(d);
    else
      window_dims.push_back(static_cast<int>(d));
  }
  if (channel_dim < 0 || image_dim < 0 || window_dims.size() != 2 || !(dims[static_cast<size_t>(channel_dim)] == channels))
    return std::nullopt;
  const bool many = !results[static_cast<size_t>(image_dim)].is_const();
  if (rows != (many ? 3u : 2u)) return std::nullopt;
  FetchedSide side{{channels}, {}, layout.offset, std::vector<int32_t>(6), {channel}};
  std::vector<SymInt> steps;
  size_t used = 1;                // variables of the depth
  for (int k = 1; k >= 0; --k) {  // x, then y
    const auto d = static_cast<size_t>(window_dims[static_cast<size_t>(k)]);
    const auto& [ordinal, extent] = own[own.size() - 2 + static_cast<size_t>(k)];
    const SymInt var = context_.index(ordinal, extent), zero = 0, step = step_of(results[d], var);
    SymInt start = results[d], along = 0;
    for (size_t j = 0; j + 1 < v.depth.size(); ++j) {
      const SymInt inner = context_.index(v.depth[j].first, v.depth[j].second);
      if (!depends_on(results[d], inner)) continue;
      const SymInt inner_step = step_of(results[d], inner);
      if (!inner_step.is_const() || inner_step.value() < 0) return std::nullopt;
      along += inner * inner_step;
      start = substitute(start, std::span(&inner, 1), std::span(&zero, 1));
      ++used;
    }
    const SymInt first = start - var * step, beyond = first + (extent - 1) * step - dims[d] + 1;
    auto is_within = [](SymInt e, int64_t low, int64_t high) { return e.is_const() && e.value() >= low && e.value() <= high; };
    if (!is_within(step, 1, 8) || !is_within(first, -128, 127) || !is_within(beyond, -128, 127) || bounds(along).hi > 255)
      return std::nullopt;
    const auto at = static_cast<size_t>(1 - k);
    side.window[at] = static_cast<int32_t>(first.value());
    side.window[2 + at] = static_cast<int32_t>(beyond.value());
    side.window[4 + at] = static_cast<int32_t>(step.value());
    side.dims.push_back(dims[d]);
    side.strides.push_back(layout.strides[d]);
    side.places.push_back(start);
    steps.push_back(along);
  }
  if (used != v.depth.size() || !layout.strides[static_cast<size_t>(channel_dim)].is_const(1)) return std::nullopt;
  side.dims.push_back(dims[static_cast<size_t>(image_dim)]);
  side.strides.push_back(layout.strides[static_cast<size_t>(image_dim)]);
  side.places.push_back(results[static_cast<size_t>(image_dim)]);
  side.places.insert(side.places.end(), steps.begin(), steps.end());
  return side;
}

std::optional<KernelWriter::FetchedSide> KernelWriter::fetched_side(const Access& access, const ProductVariables& v,
                                                                    const Variables& own) {
  auto side = matrix_of(access, v, own);
  if (!side) side = window_of(access, v, own);
  if (!side) return std::nullopt;
  std::vector<SymInt> pieces = side->strides;
  pieces.push_back(side->offset);
  const bool is_aligned = std::all_of(pieces.begin(), pieces.end(),
                                      [](SymInt e) { return proves_multiple_of(e, kPieceElements) && bounds(e).lo >= 0; });
  return is_aligned ? side : std::nullopt;
}

// The map of a side among those of the kernel, of which so many lines are fetched at once.
std::string KernelWriter::add_map(const Access& access, const FetchedSide& side, int lines) {
  const DType dtype = types_[static_cast<size_t>(access.value)].dtype;
  KernelProgram::Map m{places_[static_cast<size_t>(access.value)][0].buffer,
                       static_cast<int32_t>(dtype),
                       lines,
                       number(side.offset * kBytes),
                       {},
                       {},
                       side.window};
  for (SymInt d : side.dims) m.dims.push_back(number(d));
  for (SymInt stride : side.strides) m.strides.push_back(number(stride * kBytes));
  result_.program.maps.push_back(std::move(m));
  return "&a.m[" + std::to_string(result_.program.maps.size() - 1) + "]";
}

std::optional<WideCut> KernelWriter::wide_cut(const Contract& s, const ProductVariables& v) {
  const DType dtype = types_[static_cast<size_t>(s.lhs.value)].dtype;
  if (architecture_ != 90 || (dtype != DType::kF16 && dtype != DType::kBF16) || best_(count_of(v.depth)) < kLeastDepth)
    return std::nullopt;
  for (const auto& [access, own] : {std::pair{&s.lhs, &v.rows}, std::pair{&s.rhs, &v.cols}}) {
    const Way way = way_of(*access, *own, v.depth);
    if (!way.by_depth || way.elements != kPieceElements) return std::nullopt;
  }
  if (!matrix_of(s.rhs, v, v.cols)) return std::nullopt;
  return choose_wide_cut(double(best_(count_of(v.rows))), double(best_(count_of(v.cols))), double(best_(count_of(v.batches))),
                         double(best_(count_of(v.depth))), !fetched_side(s.lhs, v, v.rows), products_.cut);
}

void KernelWriter::write_wide(const Contract& s, const ProductVariables& v, const WideCut& cut) {
  const SymInt rows = count_of(v.rows), cols = count_of(v.cols), batches = count_of(v.batches), depth = count_of(v.depth);
  const DType dtype = types_[static_cast<size_t>(s.lhs.value)].dtype;
  const std::string element = storage_type_text(dtype);
  uses_products_ = true;
  result_.program.only_there = true;
  auto side = [&](const std::string& name, const Access& access, const Variables& own, int lines) {
    const auto fetched = fetched_side(access, v, own);
    if (!fetched) {
      write_side("side_" + name, access, v, own);
      line("const Gathered<" + element + ", decltype(own_side_" + name + "), decltype(at_side_" + name + ")> " + name +
           "{own_side_" + name + ", at_side_" + name + ", (const " + element + "*)a.b[" +
           std::to_string(places_[static_cast<size_t>(access.value)][0].buffer) + "]};");
      return false;
    }
    const std::string map = add_map(access, *fetched, lines);
    if (fetched->window.empty()) {
      line("const Mapped<I> " + name + "{" + map + ", " + expression(fetched->dims[2]) + "};");
      return true;
    }
    line("auto start_" + name + " = [&](I r, I k) {");
    point(own, "r");
    point(v.depth, "k");
    std::string places;
    for (size_t k = 0; k < fetched->places.size(); ++k)
      places += (k ? ", " : "") + std::string(k < kRankOfMaps ? "(int)" : "(u16)") + "(" + expression(fetched->places[k]) + ")";
    line("return Window{" + places + "};");
    line("};");
    line("const Windowed<decltype(start_" + name + ")> " + name + "{" + map + ", start_" + name + "};");
    return true;
  };
  const bool left = side("left", s.lhs, v.rows, cut.rows), right = side("right", s.rhs, v.cols, cut.cols);
  expression(rows * cols * batches);
  write_put(s, v, "");
  const std::string atom = wide_atom_text(element, cut.cols);
  if (wide_atoms_.find(atom) == std::string::npos) wide_atoms_ += atom;
  line("extern __shared__ __align__(1024) unsigned char memory[];");
  std::string numbers;
  for (int n : {cut.rows, cut.cols, cut.stages, cut.teams, cut.split}) numbers += std::to_string(n) + ", ";
  line("wide_product<" + wide_atom_name(element, cut.cols) + ", " + numbers + text_of(left) + ", " + text_of(right) +
       ", I>((I)" + expression(batches) + ", (I)" + expression(rows) + ", (I)" + expression(cols) + ", (I)" +
       expression(depth) + ", left, right, put, memory);");
  const SymInt tiles = ceil_div(rows, cut.rows) * ceil_div(cols, cut.cols) * batches;
  // Without a split, blocks stay and take one tile after the other.
  end_entry("wide_product", cut.threads(), cut.split > 1 ? tiles * cut.split : min(tiles, kMultiprocessors),
            {.shared_bytes = cut.shared_bytes(), .resident = 1, .cluster = cut.split});
}

}  // namespace temper::cuda
