// Convolutions over few channels. Note [Narrow windows] in prelude_narrow.cc.
#include <algorithm>

#include "backend/cuda/gen/kernel_writer.h"
#include "backend/cuda/gen/prelude.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 16;                  // results along each side of a block's tile
constexpr int64_t kMostChannels = 6;       // more are worth a copy of their own
constexpr int64_t kMostWindow = 16;        // along each side
constexpr int64_t kMostCols = 64;          // that a block does at once
constexpr int kMostSharedHere = 96 << 10;  // so that a multiprocessor has two blocks
constexpr int kResident = 2;
constexpr int64_t kBlocks = kResident * kMultiprocessors;

}  // namespace

int KernelWriter::NarrowWindow::shared_bytes() const {
  const int64_t run = ((kernel_x + shift) * channels + 7) / 8 * 8, steps = (kernel_y * run / 8 + 1) / 2;
  const int64_t lines = (kTile - 1) * step_y + kernel_y, width = (kTile - 1) * step_x * channels + run;
  return static_cast<int>(2 * (cols * (steps * 16 + 8) + lines * (width + width % 2)));
}

// A window over pictures of few channels, of which the results are many.
std::optional<KernelWriter::NarrowWindow> KernelWriter::narrow_window(const Contract& s, const ProductVariables& v) {
  const DType dtype = types_[static_cast<size_t>(s.lhs.value)].dtype;
  const Dims& dims = types_[static_cast<size_t>(s.lhs.value)].dims;
  const std::vector<SymInt>& at = s.lhs.map.results;
  if ((dtype != DType::kF16 && dtype != DType::kBF16) || dims.size() != 4 || !v.batches.empty() || v.rows.size() < 2 ||
      !guards_range(s.lhs.map.guard, at, dims))
    return std::nullopt;
  auto var = [&](const std::pair<int, SymInt>& item) { return context_.index(item.first, item.second); };
  NarrowWindow w;
  // The last two rows are y and x; one before them counts the pictures.
  const SymInt y = var(v.rows[v.rows.size() - 2]), x = var(v.rows.back());
  for (int d = 0; d < 4; ++d) {
    const SymInt e = at[static_cast<size_t>(d)];
    int* dim = depends_on(e, y)                            ? &w.y
               : depends_on(e, x)                          ? &w.x
               : v.rows.size() == 3 && e == var(v.rows[0]) ? &w.image
                                                           : nullptr;
    if (!dim && w.channel < 0 && dims[static_cast<size_t>(d)].is_const()) dim = &w.channel;
    if (!dim && v.rows.size() == 2 && e.is_const(0)) dim = &w.image;
    if (!dim || *dim >= 0) return std::nullopt;
    *dim = d;
  }
  if (w.y < 0 || w.x < 0 || w.channel < 0 || w.image < 0) return std::nullopt;
  w.channels = dims[static_cast<size_t>(w.channel)].value();
  if (w.channels > kMostChannels) return std::nullopt;
  std::vector<int> used;
  for (const auto& item : v.depth) {
    const SymInt e = var(item);
    if (at[static_cast<size_t>(w.channel)] == e && item.second.is_const(w.channels))
      w.channel_var = item.first, used.push_back(item.first);
  }
  if (w.channels > 1 && w.channel_var < 0) return std::nullopt;
  if (w.channels == 1 && !at[static_cast<size_t>(w.channel)].is_const(0)) return std::nullopt;
  auto axis = [&](int dim, SymInt own, int64_t& step, int64_t& first, int64_t& kernel, int& kernel_var) {
    SymInt e = at[static_cast<size_t>(dim)];
    const SymInt own_step = step_of(e, own), zero = 0;
    if (!own_step.is_const() || own_step.value() < 1 || own_step.value() > 4) return false;
    step = own_step.value();
    kernel = 1;
    e = substitute(e, std::span(&own, 1), std::span(&zero, 1));
    for (const auto& item : v.depth) {
      const SymInt k = var(item);
      if (!depends_on(e, k)) continue;
      if (kernel_var >= 0 || !step_of(e, k).is_const(1) || !item.second.is_const() || item.second.value() > kMostWindow)
        return false;
      kernel = item.second.value();
      kernel_var = item.first;
      used.push_back(item.first);
      e = substitute(e, std::span(&k, 1), std::span(&zero, 1));
    }
    if (!e.is_const()) return false;
    first = e.value();
    return true;
  };
  if (!axis(w.y, y, w.step_y, w.first_y, w.kernel_y, w.y_var) || !axis(w.x, x, w.step_x, w.first_x, w.kernel_x, w.x_var) ||
      used.size() != v.depth.size() || w.step_x * w.channels % 2 != 0)
    return std::nullopt;
  w.shift = w.first_x * w.channels % 2 != 0;
  const int64_t cols = best_(count_of(v.cols));
  w.cols = std::min<int64_t>(kMostCols, (cols + 15) / 16 * 16);
  const int64_t tiles = best_(count_of(v.rows)) / (kTile * kTile);
  return tiles >= kBlocks && w.shared_bytes() <= kMostSharedHere ? std::optional(w) : std::nullopt;
}

void KernelWriter::write_narrow_window(const Contract& s, const ProductVariables& v, const NarrowWindow& w) {
  const Place& place = places_[static_cast<size_t>(s.lhs.value)][0];
  const TensorType& type = types_[static_cast<size_t>(s.lhs.value)];
  const std::string element = storage_type_text(type.dtype);
  uses_products_ = uses_narrow_windows_ = true;
  auto stride = [&](int dim) { return place.layout.strides[static_cast<size_t>(dim)]; };
  const bool pairs = stride(w.channel).is_const(1) && stride(w.x).is_const(w.channels) && proves_multiple_of(stride(w.y), 2) &&
                     proves_multiple_of(stride(w.image), 2) && proves_multiple_of(place.layout.offset, 2);
  line("const Picture<" + element + ", I> left{(const " + element + "*)a.b[" + std::to_string(place.buffer) + "] + " +
       expression(place.layout.offset) + ", " + expression(stride(w.image)) + ", " + expression(stride(w.y)) + ", " +
       expression(stride(w.x)) + ", " + expression(stride(w.channel)) + "};");
  line("auto right = [&](I c, I channel, I ky, I kx) {");
  point(v.cols, "c");
  for (const auto& [ordinal, extent] : v.depth)
    line("const I d" + std::to_string(ordinal) + " = " +
         (ordinal == w.channel_var ? "channel"
          : ordinal == w.y_var     ? "ky"
                                   : "kx") +
         ";");
  read(s.rhs, "x");
  line("return x;");
  line("};");
  write_put(s, v, "");
  expression(count_of(v.rows) * count_of(v.cols));
  line("extern __shared__ __align__(16) unsigned char memory[];");
  std::string numbers;
  for (int64_t n : {w.cols, w.channels, w.kernel_y, w.kernel_x, w.step_y, w.step_x, int64_t{w.shift}})
    numbers += std::to_string(n) + ", ";
  const SymInt out_y = v.rows[v.rows.size() - 2].second, out_x = v.rows.back().second,
               images = v.rows.size() == 3 ? v.rows[0].second : SymInt(1);
  std::string arguments;
  for (SymInt e : {images, out_y, out_x, type.dims[static_cast<size_t>(w.y)], type.dims[static_cast<size_t>(w.x)],
                   SymInt(w.first_y), SymInt(w.first_x), count_of(v.cols)})
    arguments += "(I)" + expression(e) + ", ";
  line("narrow_window<" + element + ", " + numbers + (pairs ? "true" : "false") + ", I>(" + arguments +
       "left, right, put, memory);");
  const SymInt tiles = ceil_div(out_y, kTile) * ceil_div(out_x, kTile) * images;
  end_entry("narrow_window", kThreads, min(tiles, kBlocks), {.shared_bytes = w.shared_bytes(), .resident = kResident});
}

}  // namespace temper::cuda
