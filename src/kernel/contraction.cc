#include "kernel/contraction.h"

#include <algorithm>
#include <optional>

namespace temper {
namespace {

using Why = std::string;

// One loop of the stage and its strides in the three tensors.
struct Loop {
  SymInt extent, a = 0, b = 0, c = 0;
  std::vector<int> dims;  // of the result that it runs over, outermost first
};

// Merges neighbours that together run through memory like one loop, outermost first.
std::vector<Loop> collapse(std::vector<Loop> loops) {
  std::vector<Loop> merged;
  for (const Loop& l : loops) {
    if (!merged.empty()) {
      Loop& outer = merged.back();
      if (outer.a == l.a * l.extent && outer.b == l.b * l.extent && outer.c == l.c * l.extent) {
        std::vector<int> dims = std::move(outer.dims);
        dims.insert(dims.end(), l.dims.begin(), l.dims.end());
        outer = {outer.extent * l.extent, l.a, l.b, l.c, std::move(dims)};
        continue;
      }
    }
    merged.push_back(l);
  }
  return merged;
}

struct Parts {
  SymContext& context;
  const Contract& stage;
  std::vector<SymInt> vars;
  size_t out_count;
  SymInt extent(size_t v) const { return stage.domain[v]; }
  bool is_trivial(size_t v) const { return stage.domain[v].is_const(1); }
};

std::variant<Contraction, Why> as_product(const Parts& p, const Layout& lhs, const Layout& rhs, const Layout& out,
                                          bool rhs_constant, const std::function<int64_t(SymInt)>& best) {
  auto a = as_affine(lhs.address(p.stage.lhs.map.results), p.vars), b = as_affine(rhs.address(p.stage.rhs.map.results), p.vars);
  if (!a || !b) return Why("an operand's index is not affine");
  std::vector<Loop> rows, cols, depth, batch;
  Contraction result;
  for (size_t v = 0; v < p.vars.size(); ++v) {
    Loop loop{p.extent(v), a->coefficients[v], b->coefficients[v], v < p.out_count ? out.strides[v] : SymInt(0), {}};
    bool in_a = loop.a != SymInt(0), in_b = loop.b != SymInt(0);
    if (v < p.out_count && p.is_trivial(v)) result.row_dims.push_back(static_cast<int>(v));
    if (p.is_trivial(v)) continue;
    if (v < p.out_count) loop.dims = {static_cast<int>(v)};
    if (v >= p.out_count) {
      if (!in_a || !in_b) return Why("a reduced dimension occurs in one operand only");
      depth.push_back(loop);
    } else {
      (in_a ? (in_b ? batch : rows) : (in_b ? cols : batch)).push_back(loop);
    }
  }
  rows = collapse(rows), cols = collapse(cols), depth = collapse(depth), batch = collapse(batch);
  // Of several loops over rows the longest is the matrix's: any does where lhs is read along its depth, else the one that lies
  // innermost.
  if (!rows.empty()) {
    bool along_depth = depth.empty() || depth[0].a.is_const(1);
    auto matrix = std::max_element(rows.begin(), rows.end(), [&](const Loop& x, const Loop& y) {
      auto rank = [&](const Loop& l) { return along_depth || l.a.is_const(1) ? best(l.extent) : -1; };
      return rank(x) <= rank(y);
    });
    std::rotate(matrix, matrix + 1, rows.end());
  }
  auto list_dims = [](const std::vector<Loop>& loops, std::vector<int>& dims) {
    for (const Loop& l : loops) dims.insert(dims.end(), l.dims.begin(), l.dims.end());
  };
  list_dims(batch, result.row_dims);
  list_dims(rows, result.row_dims);
  list_dims(cols, result.col_dims);
  if (depth.size() > 1) return Why("the reduced dimensions don't lie one behind the other");
  if (cols.size() > 1) return Why("the columns don't lie one behind the other");
  MatrixProduct m;
  if (!depth.empty()) m.depth = depth[0].extent;
  SymInt a_depth = depth.empty() ? SymInt(1) : depth[0].a;
  m.b_depth = depth.empty() ? SymInt(1) : depth[0].b;
  if (!cols.empty()) {
    m.cols = cols[0].extent;
    m.b_col = cols[0].b;
    if (!cols[0].c.is_const(1)) return Why("the result's columns are not innermost in memory");
  }
  SymInt a_row = m.depth;
  m.ldc = m.cols;
  if (!rows.empty()) {
    m.rows = rows.back().extent;
    a_row = rows.back().a;
    m.ldc = rows.back().c;
    rows.pop_back();
  }
  if (a_depth.is_const(1)) {
    m.lda = a_row;
  } else if (a_row.is_const(1)) {
    m.a_transposed = true;
    m.lda = a_depth;
  } else if (m.rows.is_const(1)) {
    return Why("the depth of lhs is not innermost in memory");
  } else {
    return Why("neither rows nor depth of lhs are innermost in memory");
  }
  if (!rhs_constant) {
    if (m.b_col.is_const(1))
      m.ldb = m.b_depth;
    else if (m.b_depth.is_const(1))
      m.ldb = m.b_col, m.b_transposed = true;
    else
      return Why("neither depth nor columns of rhs are innermost in memory");
  }
  batch.insert(batch.end(), rows.begin(), rows.end());
  if (batch.size() > 3) return Why("more than three batch dimensions");
  int matrices = 0;
  for (size_t k = 0; k < batch.size(); ++k) {
    m.batch[3 - batch.size() + k] = {batch[k].extent, batch[k].a, batch[k].b, batch[k].c};
    matrices += batch[k].b != SymInt(0);
  }
  if (rhs_constant && matrices > 1) return Why("constant matrices along two batch dimensions");
  result.form = m;
  result.a_offset = a->offset;
  result.b_offset = b->offset;
  result.c_offset = out.offset;
  return result;
}

// Every factor of the guard says that an index of lhs is in range.
bool guards_range(SymInt guard, const std::vector<SymInt>& index, const Dims& dims, std::span<const SymInt> more = {}) {
  if (guard.is_const(1)) return true;
  std::vector<SymInt> factors{guard};
  if (kind_of(guard) == SymKind::kProduct) factors = operands_of(guard);
  return std::all_of(factors.begin(), factors.end(), [&](SymInt f) {
    if (std::find(more.begin(), more.end(), f) != more.end()) return true;
    if (kind_of(f) != SymKind::kLess) return false;
    auto sides = operands_of(f);
    SymInt margin = sides[1] - sides[0] - 1;  // the factor says: margin >= 0
    for (size_t d = 0; d < dims.size(); ++d) {
      if (f == less(-1, index[d]) || f == less(index[d], dims[d])) return true;
      if (margin == index[d] || margin == dims[d] - 1 - index[d]) return true;
    }
    return false;
  });
}

// index = (row + pad - dilation * tap) / stride, for a transposed convolution; affine (stride 1) when there is no division.
struct Window {
  int row = -1, tap = -1;  // variables
  SymInt stride = 1, dilation = 1, pad = 0;
  bool transposed = false;
};
std::optional<Window> as_window(const Parts& p, SymInt index, std::vector<SymInt>& exact) {
  Window w;
  SymInt numerator = index;
  if (kind_of(index) == SymKind::kFloorDiv) {
    auto parts = operands_of(index);
    numerator = parts[0];
    w.stride = parts[1];
    w.transposed = true;
    exact.push_back(equal(mod(numerator, w.stride), 0));
    exact.push_back(less(mod(numerator, w.stride), 1));
    exact.push_back(equal(index * w.stride, numerator));
  }
  auto affine = as_affine(numerator, p.vars);
  if (!affine) return std::nullopt;
  SymInt row = 0, tap = 0;
  for (size_t v = 0; v < p.vars.size(); ++v) {
    if (affine->coefficients[v].is_const(0)) continue;
    int& place = v < p.out_count ? w.row : w.tap;
    if (place != -1) return std::nullopt;
    place = static_cast<int>(v);
    (v < p.out_count ? row : tap) = affine->coefficients[v];
  }
  if (w.row == -1) return std::nullopt;
  if (w.transposed || (tap.is_const() && tap.value() < 0)) {
    if (!row.is_const(1)) return std::nullopt;
    w.transposed = true;
    w.dilation = w.tap == -1 ? SymInt(1) : -tap;
    w.pad = affine->offset;
  } else {
    w.stride = row;
    w.dilation = w.tap == -1 ? SymInt(1) : tap;
    w.pad = -affine->offset;
  }
  return w;
}

std::variant<Contraction, Why> as_convolution(const Parts& p, const Layout& lhs, const Layout& rhs, const Layout& out,
                                              const Dims& lhs_dims, bool rhs_constant) {
  if (!rhs_constant) return Why("the weights of a convolution are not constant");
  auto weights = as_affine(rhs.address(p.stage.rhs.map.results), p.vars);
  if (!weights) return Why("the weights' index is not affine");
  const auto& index = p.stage.lhs.map.results;
  // Dims of lhs: the channel is the one without a row variable.
  std::vector<int> spatial;
  int channel = -1;
  std::vector<std::optional<Window>> windows(index.size());
  std::vector<SymInt> exact;
  for (size_t d = 0; d < index.size(); ++d) {
    if (lhs_dims[d].is_const(1) && index[d].is_const(0)) continue;
    auto w = as_window(p, index[d], exact);
    bool is_row = w && weights->coefficients[w->row].is_const(0);
    if (is_row) {
      windows[d] = w;
      spatial.push_back(static_cast<int>(d));
    } else if (channel == -1) {
      channel = static_cast<int>(d);
    } else {
      return Why("two dimensions of lhs act as channels");
    }
  }
  if (!guards_range(p.stage.lhs.map.guard, index, lhs_dims, exact))
    return Why("elements are left out by another rule than padding");
  // Integer kernels pad with any level.
  if (is_float(p.stage.accumulate) && !p.stage.lhs.map.guard.is_const(1) && !(p.stage.lhs.fill == ScalarValue{}))
    return Why("padding is not zero");
  Convolution c;
  Contraction result;
  std::vector<char> is_tap(p.vars.size(), 0);
  for (int d : spatial) {
    c.transposed = c.transposed || windows[d]->transposed;
    if (windows[d]->tap != -1) is_tap[windows[d]->tap] = 1;
  }
  for (int d : spatial) {
    if (c.transposed && !windows[d]->transposed && windows[d]->tap != -1)
      return Why("one dimension is a convolution, another a transposed one");
  }
  if (spatial.size() > 3) return Why("windows in three dimensions");
  if (spatial.size() == 3) {
    const auto images = std::find_if(spatial.begin(), spatial.end(), [&](int d) {
      return windows[d]->tap == -1 && windows[d]->stride.is_const(1) && windows[d]->pad.is_const(0);
    });
    if (images == spatial.end()) return Why("windows in three dimensions");
    const Window& w = *windows[*images];
    c.batch = p.extent(w.row);
    c.in_image = lhs.strides[*images];
    c.out_image = out.strides[w.row];
    result.row_dims.push_back(w.row);
    spatial.erase(images);
  }
  auto take = [&](int d, SymInt& in, SymInt& extent, SymInt& kernel, SymInt& stride, SymInt& dilation, SymInt& pad,
                  SymInt& in_stride, SymInt& out_stride, SymInt& w_stride) {
    const Window& w = *windows[d];
    in = lhs_dims[d];
    extent = p.extent(w.row);
    kernel = w.tap == -1 ? SymInt(1) : p.extent(w.tap);
    stride = w.stride, dilation = w.dilation, pad = w.pad;
    in_stride = lhs.strides[d];
    out_stride = out.strides[w.row];
    w_stride = w.tap == -1 ? SymInt(0) : weights->coefficients[w.tap];
  };
  if (spatial.empty()) return Why("no window");
  take(spatial.back(), c.in_w, c.out_w, c.kernel_w, c.stride_w, c.dilation_w, c.pad_left, c.in_pixel, c.out_pixel, c.w_w);
  if (spatial.size() == 2)
    take(spatial[0], c.in_h, c.out_h, c.kernel_h, c.stride_h, c.dilation_h, c.pad_top, c.in_row, c.out_row, c.w_h);
  for (int d : spatial) result.row_dims.push_back(windows[d]->row);
  // Columns, and the channels that are summed. A variable that neither operand depends on is a column too: equal weights may be
  // one.
  int col = -1, depth = -1;
  std::vector<char> is_row(p.vars.size(), 0);
  for (int d : result.row_dims) is_row[d] = 1;
  for (size_t v = 0; v < p.vars.size(); ++v) {
    bool trivial = p.is_trivial(v);
    bool is_col = v < p.out_count && !trivial && !is_row[v];
    if (v < p.out_count && trivial) result.row_dims.push_back(static_cast<int>(v));
    if (trivial) continue;
    if (is_col) {
      result.col_dims.push_back(static_cast<int>(v));
      if (col != -1) return Why("two dimensions act as columns");
      col = static_cast<int>(v);
    } else if (v >= p.out_count && !is_tap[v]) {
      if (depth != -1) return Why("two dimensions act as summed channels");
      depth = static_cast<int>(v);
    }
  }
  SymInt all_out = col == -1 ? SymInt(1) : p.extent(col);
  c.in_c = depth == -1 ? SymInt(1) : p.extent(depth);
  SymInt summed = depth == -1 ? SymInt(0) : p.vars[depth];
  if (channel == -1) {
    if (!c.in_c.is_const(1)) return Why("no dimension of lhs acts as channel");
    c.out_c = all_out;
  } else {
    if (!lhs.strides[channel].is_const(1)) return Why("the channels of lhs are not innermost in memory");
    if (!all_out.is_const()) return Why("the number of channels is not known");
    // All channels in groups, or, where a part of the channels is read, those in one group or each in its own.
    bool found = false;
    for (SymInt groups : {floor_div(lhs_dims[channel], c.in_c), SymInt(1), all_out}) {
      if (found || !groups.is_const() || groups.value() < 1 || all_out.value() % groups.value() != 0) continue;
      const SymInt out_c = all_out.value() / groups.value();
      if (!groups.is_const(1) && col == -1) continue;
      const SymInt first = groups.is_const(1) ? SymInt(0) : floor_div(p.vars[col], out_c) * c.in_c;
      const SymInt ahead = index[channel] - first - summed;
      if (!ahead.is_const()) continue;
      found = true;
      c.groups = groups, c.out_c = out_c;
      result.a_offset = ahead;  // the channel's stride is 1
    }
    if (!found) return Why("the channel of lhs is indexed in an unusual way");
  }
  if (col != -1 && !out.strides[col].is_const(1)) return Why("the result's channels are not innermost in memory");
  c.w_out = col == -1 ? SymInt(0) : weights->coefficients[col];
  c.w_group = c.w_out * c.out_c;
  c.w_in = depth == -1 ? SymInt(0) : weights->coefficients[depth];
  if (spatial.size() < 2) c.in_row = c.in_w * c.in_pixel, c.out_row = c.out_w * c.out_pixel;
  if (c.in_image.is_const(0)) c.in_image = c.in_h * c.in_row;
  if (c.out_image.is_const(0)) c.out_image = c.out_h * c.out_row;
  result.form = c;
  result.a_offset += lhs.offset;
  result.b_offset = weights->offset;
  result.c_offset = out.offset;
  return result;
}

Parts parts_of(SymContext& context, const Contract& stage) {
  return {context, stage, index_vars(context, stage.domain), stage.domain.size() - static_cast<size_t>(stage.reduced)};
}

}  // namespace

std::variant<Contraction, std::string> analyse_contraction(SymContext& context, const Contract& stage, const Layout& lhs,
                                                           const Layout& rhs, const Layout& out, const Dims& lhs_dims,
                                                           bool rhs_constant, const std::function<int64_t(SymInt)>& best) {
  Parts p = parts_of(context, stage);
  if (!stage.rhs.map.guard.is_const(1)) return Why("rhs is guarded");
  bool window = !stage.lhs.map.guard.is_const(1);
  for (SymInt e : stage.lhs.map.results) {
    auto affine = as_affine(e, p.vars);
    if (!affine) {
      window = window || kind_of(e) == SymKind::kFloorDiv || rhs_constant;
      continue;
    }
    bool row = false, tap = false, strided = false;
    for (size_t v = 0; v < p.vars.size(); ++v) {
      if (affine->coefficients[v].is_const(0)) continue;
      (v < p.out_count ? row : tap) = true;
      if (v < p.out_count && affine->coefficients[v].is_const() && affine->coefficients[v].value() > 1 &&
          affine->coefficients[v].value() <= 8)
        strided = true;
    }
    window = window || (row && (tap || strided));
  }
  std::string why;
  if (window) {
    auto convolution = as_convolution(p, lhs, rhs, out, lhs_dims, rhs_constant);
    if (std::holds_alternative<Contraction>(convolution) || !stage.lhs.map.guard.is_const(1)) return convolution;
    why = std::get<Why>(convolution) + "; as a matrix product: ";
  }
  auto product = as_product(p, lhs, rhs, out, rhs_constant, best);
  if (auto* refused = std::get_if<Why>(&product)) return why + *refused;
  return product;
}

int wanted_innermost_lhs(SymContext& context, const Contract& stage) {
  Parts p = parts_of(context, stage);
  // The dimension that runs with a reduced variable which is no tap of a window: the summed channels. Depthwise: with the
  // columns, where nothing is summed but taps.
  int summed = -1, shared = -1;
  for (size_t d = 0; d < stage.lhs.map.results.size(); ++d) {
    SymInt e = stage.lhs.map.results[d];
    bool row = false, reduced = false, in_both = false;
    for (size_t v = 0; v < p.vars.size(); ++v) {
      if (p.is_trivial(v) || !depends_on(e, p.vars[v])) continue;
      bool in_rhs = std::any_of(stage.rhs.map.results.begin(), stage.rhs.map.results.end(),
                                [&](SymInt r) { return depends_on(r, p.vars[v]); });
      (v >= p.out_count ? reduced : in_rhs ? in_both : row) = true;
    }
    if (row) continue;
    if (reduced) summed = static_cast<int>(d);
    if (in_both) shared = static_cast<int>(d);
  }
  return summed >= 0 ? summed : shared;
}

int wanted_innermost_out(SymContext& context, const Contract& stage) {
  Parts p = parts_of(context, stage);
  for (size_t v = p.out_count; v-- > 0;) {
    if (p.is_trivial(v)) continue;
    bool in_rhs = std::any_of(stage.rhs.map.results.begin(), stage.rhs.map.results.end(),
                              [&](SymInt r) { return depends_on(r, p.vars[v]); });
    bool row = std::any_of(stage.lhs.map.results.begin(), stage.lhs.map.results.end(),
                           [&](SymInt r) { return depends_on(r, p.vars[v]); });
    if (in_rhs && !row) return static_cast<int>(v);
  }
  // Depthwise and grouped: the channel occurs on both sides, in the dimension of lhs that is wanted innermost.
  int channel = wanted_innermost_lhs(context, stage);
  for (size_t v = 0; channel >= 0 && v < p.out_count; ++v) {
    if (!p.is_trivial(v) && depends_on(stage.lhs.map.results[channel], p.vars[v])) return static_cast<int>(v);
  }
  return -1;
}

}  // namespace temper
