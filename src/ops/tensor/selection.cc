// NonZero, Compress, Unique, NonMaxSuppression: how many elements the results have is known when they have been computed.
#include "ops/nn/operands.h"
#include "ops/tensor/positions.h"
#include "ops/tensor/shape_arguments.h"

namespace temper {
namespace {

Val positions_of(Builder& b, Val mask) {
  return b.ok() ? b.op("compact", CompactAttrs{b.sym().fresh_size()}, std::span(&mask, 1))[0] : mask;
}
Val flat(Builder& b, Val x) { return b.reshape(x, {product(b.dims(x))}); }
Val column(Builder& b, Val vector) { return b.reshape(vector, {b.dims(vector)[0], 1}); }
Val is_not_zero(Builder& b, Val x) {
  return b.dtype(x) == DType::kBool ? x : b.map(ScalarOp::k_logical_not, x == b.like(0, x));
}
// Row-major positions in a tensor of `dims` as one coordinate per dimension.
std::vector<Val> coordinates(Builder& b, Val positions, const Dims& dims) {
  std::vector<Val> result(dims.size());
  for (size_t d = dims.size(); d-- > 0;) {
    Val extent = b.size(dims[d]);
    result[d] = d == 0 ? positions : b.map(ScalarOp::k_fmod, positions, extent);
    if (d > 0) positions = positions / extent;
  }
  return result;
}

const RegisterOp<NoAttrs> kNonZero{{
    .name = "non_zero",
    .body = [](Builder& b, const NoAttrs&, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      Val found = positions_of(b, flat(b, is_not_zero(b, in[0])));
      if (!b.ok()) return {in[0]};
      if (b.rank(in[0]) == 0) return {b.fill(0, DType::kI64, {0, b.dims(found)[0]})};
      std::vector<Val> rows;
      for (Val c : coordinates(b, found, b.dims(in[0]))) rows.push_back(b.reshape(c, {1, b.dims(found)[0]}));
      return {b.concat(rows, 0)};
    },
    .onnx = {{"NonZero", 9}},
    .samples = {"f32[n, 3]"},
}};

struct CompressAttrs {
  int64_t axis = 0;
  bool flatten = true;
  TEMPER_FIELDS(axis, flatten)
};
const RegisterOp<CompressAttrs> kCompress{{
    .name = "compress",
    .body = [](Builder& b, const CompressAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      Val x = a.flatten ? flat(b, in[0]) : in[0];
      return {b.take(x, positions_of(b, in[1]), a.flatten ? 0 : a.axis)};
    },
    .onnx = {{"Compress", 9,
              [](const OnnxNode& n) -> Expected<CompressAttrs> {
                return CompressAttrs{n.i("axis", 0), !n.has("axis")};
              }}},
    .samples = {"f32[n, 3], bool[2] {axis = 1, flatten = false}"},
}};

struct UniqueAttrs {
  int64_t axis = 0;
  bool flatten = true, sorted = true;
  TEMPER_FIELDS(axis, flatten, sorted)
};

std::vector<Val> sort(Builder& b, Val x) { return b.op("sort", SortAttrs{0, false, b.dims(x)[0]}, std::span(&x, 1)); }
// y[positions[i]] = values[i]
Val inverted(Builder& b, Val positions, Val values) {
  SymInt n = b.dims(positions)[0];
  IndexMap target{{n}, {b.sym().loaded(0, n)}, 1}, load{{n}, index_vars(b.sym(), {n}), 1};
  const Val operands[] = {b.fill(0, DType::kI64, {n}), values, positions};
  return b.op("scatter", ScatterAttrs{std::move(target), {std::move(load)}, std::nullopt}, operands)[0];
}

// Rows of x [n, m] in lexicographic order: sorted stably by the last column first. The positions of the rows.
Val order_of_rows(Builder& b, Val x) {
  constexpr int64_t kMostColumns = 256;
  if (!b.dims(x)[1].is_const() || b.dims(x)[1].value() > kMostColumns) {
    return b.fail(ErrorCode::kUnsupported,
                  "Unique of slices that have more than " + std::to_string(kMostColumns) + " elements each");
  }
  Val order;
  for (int64_t c = b.dims(x)[1].value(); c-- > 0 && b.ok();) {
    Val key = b.reshape(b.slice(x, 1, c, 1), {b.dims(x)[0]});
    if (order) key = b.take(key, order, 0);
    Val moved = sort(b, key)[1];
    order = order ? b.take(order, moved, 0) : moved;
  }
  return order ? order : b.iota({b.dims(x)[0]}, 0, DType::kI64);
}

const RegisterOp<UniqueAttrs> kUnique{{
    .name = "unique",
    .body = [](Builder& b, const UniqueAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      // x as rows: row i is the i-th thing that may be there twice.
      Val x = in[0], rows;
      std::vector<int64_t> front;
      if (a.flatten) {
        rows = column(b, flat(b, x));
      } else {
        int64_t axis = b.normal_axis(a.axis, b.rank(x));
        if (!b.ok()) return {x};
        front.push_back(axis);
        for (int64_t d = 0; d < b.rank(x); ++d) {
          if (d != axis) front.push_back(d);
        }
        Val moved = b.transpose(x, front);
        rows = b.reshape(moved, {b.dims(moved)[0], product(std::span(b.dims(moved)).subspan(1))});
      }
      Val order = order_of_rows(b, rows);
      if (!b.ok()) return {x};
      SymInt n = b.dims(rows)[0];
      Val sorted = b.take(rows, order, 0);
      // Where a run of equal rows begins: row 0, and rows that differ from the one before.
      Val before = b.slice(sorted, 0, 0, max(n - 1, 0)), after = b.slice(sorted, 0, 1, max(n - 1, 0));
      Val differs = b.reduce(MonoidKind::k_any, b.map(ScalarOp::k_logical_not, before == after), {1}, false);
      const Val flags[] = {b.fill(1, DType::kBool, {min(n, 1)}), differs};
      Val begins = b.reshape(b.concat(flags, 0), {n});  // min(n, 1) + max(n - 1, 0)
      Val starts = positions_of(b, begins);
      if (!b.ok()) return {x};
      SymInt u = b.dims(starts)[0];
      Val first = b.take(order, starts, 0);
      Val counted = b.cast(begins, DType::kI64);
      Val rank = b.op("scan", ScanAttrs{0, MonoidKind::k_sum, false, false}, std::span(&counted, 1))[0] - 1;
      Val inverse = inverted(b, order, rank);
      const Val ends[] = {b.slice(starts, 0, 1, max(u - 1, 0)), b.broadcast(b.reshape(b.size(n), {1}), {min(u, 1)})};
      Val counts = b.concat(ends, 0);
      counts = b.reshape(counts, {u}) - starts;
      if (!a.sorted) {
        auto by_first = sort(b, first);
        first = by_first[0];
        counts = b.take(counts, by_first[1], 0);
        inverse = b.take(inverted(b, by_first[1], b.iota({u}, 0, DType::kI64)), inverse, 0);
      }
      Val y = b.take(rows, first, 0);
      if (a.flatten) {
        y = b.reshape(y, {u});
      } else {
        Dims to{u};
        std::vector<int64_t> back(front.size());
        for (size_t d = 1; d < front.size(); ++d) to.push_back(b.dims(x)[front[d]]);
        for (size_t d = 0; d < front.size(); ++d) back[front[d]] = static_cast<int64_t>(d);
        y = b.transpose(b.reshape(y, to), back);
      }
      return {y, first, inverse, counts};
    },
    .onnx = {{"Unique", 11,
              [](const OnnxNode& n) -> Expected<UniqueAttrs> {
                return UniqueAttrs{n.i("axis", 0), !n.has("axis"), n.i("sorted", 1) != 0};
              }}},
    .samples = {"f32[n]", "i64[n, 3] {axis = 0, flatten = false}", "i32[n, 2] {axis = 0, flatten = false, sorted = false}"},
}};

// Note [NMS]: scores [batch, classes, n] are sorted per list, best first; boxes are read in that order; `suppress` keeps those
// that no better kept box overlaps. Boxes whose score is too low come last in their list, so they suppress only each other, and
// are dropped afterwards; so are those beyond the first `most`. Positions of what is left, in row-major order, are the result's
// order.
struct NmsAttrs {
  bool center = false;
  TEMPER_FIELDS(center)
};
const RegisterOp<NmsAttrs> kNms{{
    .name = "non_max_suppression",
    .body = [](Builder& b, const NmsAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 2)) return {in[0]};
      if (b.rank(in[0]) != 3 || b.rank(in[1]) != 3)
        return {b.fail(ErrorCode::kInvalidArgument, "boxes are [batch, n, 4] and scores [batch, classes, n]")};
      Val boxes = b.cast(in[0], DType::kF32), scores = b.cast(in[1], DType::kF32);
      auto scalar = [&](Val v, DType dtype) { return v ? b.cast(b.reshape(v, {}), dtype) : b.scalar(0, dtype); };
      Val most = scalar(in[2], DType::kI64), overlap = scalar(in[3], DType::kF32);
      auto part = [&](int64_t k) { return b.slice(boxes, 2, k, 1); };
      std::vector<Val> corners;
      if (a.center) {
        Val half_w = part(2) * 0.5, half_h = part(3) * 0.5;
        corners = {part(0) - half_w, part(1) - half_h, part(0) + half_w, part(1) + half_h};
      } else {
        auto low = [&](int64_t k) { return b.map(ScalarOp::k_min, part(k), part(k + 2)); };
        auto high = [&](int64_t k) { return b.map(ScalarOp::k_max, part(k), part(k + 2)); };
        corners = {low(0), low(1), high(0), high(1)};
      }
      boxes = b.concat(corners, 2);
      if (!b.ok()) return {in[0]};
      Dims lists = b.dims(scores);  // batch, classes, n
      SymInt n = lists[2];
      auto ranked = b.op("sort", SortAttrs{2, true, n}, std::span(&scores, 1));
      if (!b.ok()) return {in[0]};
      Dims domain = lists;
      domain.push_back(4);
      auto d = index_vars(b.sym(), domain);
      IndexMap map{domain, {d[0], b.sym().loaded(0, n), d[3]}, 1}, load{domain, {d[0], d[1], d[2]}, 1};
      Val in_order = b.gather(boxes, std::span(&ranked[1], 1), std::move(map), {std::move(load)});
      const Val operands[] = {b.reshape(in_order, {lists[0] * lists[1], n, 4}), overlap};
      Val kept = b.reshape(b.op("suppress", Suppress{}, operands)[0], lists);
      if (in[4]) kept = b.map(ScalarOp::k_logical_and, kept, b.broadcast(scalar(in[4], DType::kF32) < ranked[0], lists));
      Val counted = b.cast(kept, DType::kI64);
      Val rank = b.op("scan", ScanAttrs{2, MonoidKind::k_sum, false, false}, std::span(&counted, 1))[0];
      kept = b.map(ScalarOp::k_logical_and, kept, rank <= most);
      Val chosen = positions_of(b, flat(b, kept));
      if (!b.ok()) return {in[0]};
      auto at = coordinates(b, chosen, lists);
      at[2] = b.take(flat(b, ranked[1]), chosen, 0);
      for (Val& v : at) v = column(b, v);
      return {b.concat(at, 1)};
    },
    .onnx = {{"NonMaxSuppression", 10,
              [](const OnnxNode& n) -> Expected<NmsAttrs> { return NmsAttrs{n.i("center_point_box", 0) != 0}; }}},
    .samples = {"f32[1, n, 4], f32[1, 2, n]"},
}};

struct TopKAttrs {
  int64_t axis = -1, count = -1;
  bool largest = true;
  TEMPER_FIELDS(axis, count, largest)
};
const RegisterOp<TopKAttrs> kTopK{{
    .name = "top_k",
    .body = [](Builder& b, const TopKAttrs& a, Operands in) -> Vals {
      if (!require(b, in, 1)) return {in[0]};
      int64_t axis = b.normal_axis(a.axis, b.rank(in[0]));
      SymInt count = a.count >= 0 ? SymInt(a.count) : bound_size(b, in[1]);
      if (!b.ok()) return {in[0]};
      SymInt n = b.dims(in[0])[axis];
      if (count.is_const() && (count.value() < 0 || (n.is_const() && n.value() < count.value()))) {
        return {b.fail(ErrorCode::kInvalidArgument,
                       "the best " + count.to_string() + " of " + n.to_string() + " elements are asked for")};
      }
      auto sorted = b.op("sort", SortAttrs{axis, a.largest, count}, std::span(in.begin(), 1));
      return {sorted[0], sorted[1]};
    },
    .onnx = {{"TopK", 1,
              [](const OnnxNode& n) -> Expected<TopKAttrs> {
                return TopKAttrs{n.i("axis", -1), n.i("k", 0), true};
              }},
             {"TopK", 10,
              [](const OnnxNode& n) -> Expected<TopKAttrs> {
                return TopKAttrs{n.i("axis", -1), -1, n.i("largest", 1) != 0};
              }}},
    .samples = {"f32[n, 10] {axis = 1, count = 3}"},
}};

}  // namespace
}  // namespace temper
