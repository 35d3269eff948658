#include "ir/index_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "ir/types.h"
#include "scalar/text_cursor.h"

namespace temper {
namespace {

using Point = std::vector<int64_t>;

// All points of a domain in row-major order, with the symbols' values put in.
struct Enumeration {
  std::map<std::string, int64_t> symbols;

  int64_t value(SymInt e, const Point& point) const {
    Expected<int64_t> result = evaluate(e, [&](SymInt var) -> std::optional<int64_t> {
      const SymVar& v = var_of(var);
      if (v.kind == VarKind::kIndex) return point[v.ordinal];
      return symbols.at(v.name);
    });
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
    return result.ok() ? *result : -1;
  }
  std::vector<Point> points(const Dims& dims) const {
    std::vector<Point> all = {{}};
    for (SymInt dim : dims) {
      std::vector<Point> longer;
      for (const Point& p : all) {
        for (int64_t i = 0; i < value(dim, {}); ++i) {
          longer.push_back(p);
          longer.back().push_back(i);
        }
      }
      all = std::move(longer);
    }
    return all;
  }
  // The element that is read at each point; an empty Point where the guard is 0.
  std::map<Point, std::optional<Point>> reads(const IndexMap& map) const {
    std::map<Point, std::optional<Point>> result;
    for (const Point& p : points(map.domain)) {
      result[p];
      if (value(map.guard, p) == 0) continue;
      Point element;
      for (SymInt r : map.results) element.push_back(value(r, p));
      result[p] = element;
    }
    return result;
  }
  int64_t position(const Point& p, const Dims& dims) const {
    int64_t position = 0;
    for (size_t k = 0; k < dims.size(); ++k) position = position * value(dims[k], {}) + p[k];
    return position;
  }
};

TEST(IndexMap, ReshapeDividesOnlyWhatIsSplitOrMerged) {
  SymContext context;
  SymInt b = context.symbol("b"), n = context.symbol("n");
  auto text = [&](Dims dims, Dims to) { return reshape_map(context, dims, to).to_string(); };
  EXPECT_EQ(text({b, 768}, {b, 768}), "[b, 768] -> (d0, d1)");
  EXPECT_EQ(text({b, n, 768}, {b, n, 12, 64}), "[b, n, 12, 64] -> (d0, d1, d2*64 + d3)");
  EXPECT_EQ(text({b, n, 12, 64}, {b, n, 768}), "[b, n, 768] -> (d0, d1, d2 / 64, d2 % 64)");
  EXPECT_EQ(text({b, 12, n, 64}, {b * 12, n, 64}), "[b*12, n, 64] -> (d0 / 12, d0 % 12, d1, d2)");
  EXPECT_EQ(text({b, 1, n}, {1, b, n, 1}), "[1, b, n, 1] -> (d1, 0, d2)");
  EXPECT_EQ(text({2, 3, 5, 7}, {6, 35}), "[6, 35] -> (d0 / 3, d0 % 3, d1 / 7, d1 % 7)");
  EXPECT_EQ(text({b, 4, 4, 64}, {b, 16, 64}), "[b, 16, 64] -> (d0, d1 / 4, d1 % 4, d2)");
  EXPECT_EQ(text({0, 3}, {3, 0}), "[3, 0] -> (0, 0)");
  EXPECT_EQ(text({}, {1, 1}), "[1, 1] -> ()");
  EXPECT_EQ(text({1, 1}, {}), "[] -> (0, 0)");
  // The front is not known to match, the back is.
  SymInt u = context.fresh_size();
  IndexMap map = reshape_map(context, {b, n, 64}, {u, 64});
  EXPECT_EQ(map.results[2].to_string(), "d1");
}

TEST(IndexMap, SplitAndMergeIsIdentity) {
  SymContext context;
  SymInt b = context.symbol("b");
  Dims flat = {b, 12 * 64}, split = {b, 12, 64};
  IndexMap there = reshape_map(context, flat, split), back = reshape_map(context, split, flat);
  EXPECT_TRUE(is_identity(context, compose(context, back, there), flat));
  EXPECT_TRUE(is_identity(context, compose(context, there, back), split));
  EXPECT_TRUE(is_reshape(context, there, flat));
  EXPECT_TRUE(is_reshape(context, back, split));
  EXPECT_FALSE(is_identity(context, there, flat));
}

TEST(IndexMap, Permutations) {
  SymContext context;
  SymInt b = context.symbol("b");
  Dims dims = {b, 3, 1, 5};
  const int64_t permutation[] = {0, 2, 3, 1};
  IndexMap map = transpose_map(context, dims, permutation);
  EXPECT_EQ(map.to_string(), "[b, 1, 5, 3] -> (d0, d3, 0, d2)");
  EXPECT_EQ(as_permutation(context, map), (std::vector<int64_t>{0, 3, 1, 2}));
  EXPECT_FALSE(is_identity(context, map, dims));
  EXPECT_FALSE(is_reshape(context, map, dims));
  EXPECT_FALSE(as_permutation(context, broadcast_map(context, {3}, {3, 3})));
  const int64_t moves_a_one[] = {0, 2, 1, 3};
  EXPECT_TRUE(is_reshape(context, transpose_map(context, dims, moves_a_one), dims));
}

TEST(IndexMap, BroadcastKnowsWhatRepeats) {
  SymContext context;
  SymInt n = context.symbol("n"), m = context.symbol("m");
  EXPECT_EQ(broadcast_map(context, {1, 64}, {n, 8, 64}).to_string(), "[n, 8, 64] -> (0, d2)");
  EXPECT_EQ(broadcast_map(context, {n}, {m, n}).to_string(), "[m, n] -> (d1)");
  IndexMap unknown = broadcast_map(context, {n}, {m});
  Enumeration repeated{{{"n", 1}, {"m", 4}}}, equal{{{"n", 4}, {"m", 4}}};
  EXPECT_EQ(repeated.reads(unknown)[{3}], Point{0});
  EXPECT_EQ(equal.reads(unknown)[{3}], Point{3});
}

TEST(IndexMap, PadGuardsOnlyWhereItReachesOut) {
  SymContext context;
  SymInt n = context.symbol("n");
  const SymInt before[] = {0, 1};
  IndexMap map = pad_map(context, {n, 4}, before, {n, 7});
  for (const auto& [point, element] : Enumeration{{{"n", 2}}}.reads(map)) {
    bool inside = point[1] >= 1 && point[1] < 5;
    ASSERT_EQ(element.has_value(), inside);
    if (inside) {
      EXPECT_EQ(*element, (Point{point[0], point[1] - 1}));
    }
  }
  EXPECT_FALSE(depends_on(map.guard, context.index(0, n))) << map.to_string();
  const SymInt none[] = {0, 0};
  EXPECT_TRUE(is_identity(context, pad_map(context, {n, 4}, none, {n, 4}), {n, 4}));
}

TEST(IndexMap, GuardsAreNotRepeated) {
  SymContext context;
  SymInt a = less(context.index(0, 9), 5), b = less(2, context.index(1, 9));
  EXPECT_EQ(both(a, a), a);
  EXPECT_EQ(both(both(a, b), a), both(a, b));
  EXPECT_EQ(both(a, 1), a);
  EXPECT_TRUE(both(a, 0).is_const(0));
}

TEST(IndexMap, TextIsReadBack) {
  SymContext context;
  for (std::string text : {"[batch, 64, 56] -> (d0, d1 + 2, d2 - 1) if (0 < d2)", "[] -> ()", "[4] -> (v0, d0)",
                           "[n, 8] -> (min(d0, 3), d1 / 2)"}) {
    SymInt loaded[] = {100};
    Expected<IndexMap> map = parse_index_map(text, context, loaded);
    ASSERT_TRUE(map.ok()) << map.error().to_string();
    Expected<IndexMap> again = parse_index_map(map->to_string(), context, loaded);
    ASSERT_TRUE(again.ok()) << map->to_string();
    EXPECT_EQ(*again, *map);
  }
  EXPECT_FALSE(parse_index_map("[4] -> (d1)", context).ok());
  EXPECT_FALSE(parse_index_map("[4 -> (d0)", context).ok());
  EXPECT_FALSE(parse_index_map("[4] -> (d0) x", context).ok());
}

TEST(TensorType, TextIsReadBack) {
  SymContext context;
  std::string text = "f32[batch, 3, max(h, w), 224]";
  TextCursor cursor(text);
  Expected<TensorType> type = parse_tensor_type(cursor, context);
  ASSERT_TRUE(type.ok()) << type.error().to_string();
  EXPECT_EQ(type->to_string(), text);
  EXPECT_EQ(element_count({DType::kF32, {2, 3, 4}}), SymInt(24));
}

// A random data movement over a tensor of these dims.
IndexMap random_map(SymContext& context, std::mt19937& random, const Dims& dims, const Enumeration& values) {
  auto extent = [&](size_t k) { return values.value(dims[k], {}); };
  switch (random() % 5) {
    case 0: {
      std::vector<int64_t> permutation(dims.size());
      for (size_t k = 0; k < dims.size(); ++k) permutation[k] = static_cast<int64_t>(k);
      std::shuffle(permutation.begin(), permutation.end(), random);
      return transpose_map(context, dims, permutation);
    }
    case 1: {  // merges and splits neighbours
      Dims to;
      for (size_t k = 0; k < dims.size(); ++k) {
        if (!to.empty() && random() % 2 == 0) {
          to.back() *= dims[k];
        } else if (dims[k].is_const() && dims[k].value() % 2 == 0 && random() % 2 == 0) {
          to.push_back(dims[k].value() / 2);
          to.push_back(2);
        } else {
          to.push_back(dims[k]);
        }
        if (random() % 5 == 0) to.push_back(1);
      }
      return reshape_map(context, dims, to);
    }
    case 2: {
      Dims to(random() % 2, 2);
      for (SymInt d : dims) to.push_back(d.is_const(1) && random() % 2 == 0 ? SymInt(3) : d);
      return broadcast_map(context, dims, to);
    }
    case 3: {
      std::vector<SymInt> starts;
      std::vector<int64_t> steps;
      Dims to;
      for (size_t k = 0; k < dims.size(); ++k) {
        if (!dims[k].is_const() || extent(k) == 0) {
          starts.push_back(dims[k] - 1);
          steps.push_back(-1);
          to.push_back(dims[k]);
          continue;
        }
        int64_t start = static_cast<int64_t>(random() % extent(k)), step = 1 + static_cast<int64_t>(random() % 2);
        starts.push_back(start);
        steps.push_back(step);
        to.push_back((extent(k) - start + step - 1) / step);
      }
      return slice_map(context, dims, starts, steps, to);
    }
    default: {
      std::vector<SymInt> before;
      Dims to;
      for (SymInt d : dims) {
        int64_t front = static_cast<int64_t>(random() % 3), back = static_cast<int64_t>(random() % 2);
        before.push_back(front);
        to.push_back(d + front + back);
      }
      return pad_map(context, dims, before, to);
    }
  }
}

TEST(IndexMapProperty, CompositionIsEnumerated) {
  std::mt19937 random(3);
  int reshapes = 0;
  for (int round = 0; round < 300; ++round) {
    SymContext context;
    SymInt n = context.symbol("n");
    Enumeration values{{{"n", 1 + static_cast<int64_t>(random() % 3)}}};
    const SymInt choices[] = {1, 2, 3, 4, 6, n, n};
    Dims dims;
    for (size_t k = 0; k <= random() % 4; ++k) dims.push_back(choices[random() % std::size(choices)]);
    IndexMap inner = random_map(context, random, dims, values);
    IndexMap outer = random_map(context, random, inner.domain, values);
    if (values.points(outer.domain).size() > 3000) continue;
    IndexMap composed = compose(context, outer, inner);
    auto inner_reads = values.reads(inner), outer_reads = values.reads(outer);
    std::string text = inner.to_string() + "\n" + outer.to_string() + "\n" + composed.to_string();
    bool is_in_order = values.points(outer.domain).size() == values.points(dims).size();
    for (const auto& [point, element] : values.reads(composed)) {
      std::optional<Point> expected;
      if (outer_reads[point]) {
        ASSERT_TRUE(inner_reads.contains(*outer_reads[point])) << text;
        expected = inner_reads[*outer_reads[point]];
      }
      ASSERT_EQ(element, expected) << text;
      is_in_order = is_in_order && element && values.position(*element, dims) == values.position(point, composed.domain);
      if (!element) continue;
      for (size_t k = 0; k < dims.size(); ++k) {
        ASSERT_GE((*element)[k], 0) << text;
        ASSERT_LT((*element)[k], values.value(dims[k], {})) << text;
      }
    }
    if (is_reshape(context, composed, dims)) {
      ++reshapes;
      ASSERT_TRUE(is_in_order) << text;
    }
    if (is_identity(context, composed, dims)) {
      ASSERT_TRUE(is_in_order) << text;
    }
    Expected<IndexMap> again = parse_index_map(composed.to_string(), context);
    ASSERT_TRUE(again.ok()) << composed.to_string() << ": " << again.error().to_string();
    ASSERT_EQ(*again, composed);
  }
  EXPECT_GT(reshapes, 10);
}

}  // namespace
}  // namespace temper
