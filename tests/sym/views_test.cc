// What reshapes, transposes, slices and pads make of an index must collapse again: the sizes of the results are part of the
// test.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>

#include "sym/sym.h"
#include "tests/sym/print.h"

namespace temper {
namespace {

using Dims = std::vector<SymInt>;

// A view: element `index` of a tensor of shape `dims` is element source[...] of the tensor that the chain began with.
struct View {
  Dims dims, vars, source;
};

Dims make_indices(SymContext& context, const Dims& dims) {
  Dims vars;
  for (size_t i = 0; i < dims.size(); ++i) vars.push_back(context.index(static_cast<int>(i), dims[i]));
  return vars;
}

View identity(SymContext& context, const Dims& dims) {
  Dims vars = make_indices(context, dims);
  return {dims, vars, vars};
}

View compose(SymContext& context, const View& v, const Dims& dims, const Dims& vars, const Dims& into_old) {
  View result{dims, vars, {}};
  for (SymInt e : v.source) result.source.push_back(substitute(e, v.vars, into_old));
  return result;
}

View reshape(SymContext& context, const View& v, const Dims& dims) {
  Dims vars = make_indices(context, dims), old(v.dims.size());
  SymInt linear = 0, stride = 1;
  for (size_t i = 0; i < dims.size(); ++i) linear = linear * dims[i] + vars[i];
  for (size_t i = v.dims.size(); i-- > 0;) {
    old[i] = floor_div(linear, stride);
    if (i > 0) old[i] = mod(old[i], v.dims[i]);
    stride *= v.dims[i];
  }
  return compose(context, v, dims, vars, old);
}

View transpose(SymContext& context, const View& v, const std::vector<size_t>& order) {
  Dims dims;
  for (size_t o : order) dims.push_back(v.dims[o]);
  Dims vars = make_indices(context, dims), old(dims.size());
  for (size_t i = 0; i < order.size(); ++i) old[order[i]] = vars[i];
  return compose(context, v, dims, vars, old);
}

class Views : public ::testing::Test {
 protected:
  SymContext context;
  SymInt b = context.symbol("b"), s = context.symbol("s");
  SymInt d(int ordinal, SymInt extent) { return context.index(ordinal, extent); }
};

TEST_F(Views, AttentionHeads) {
  View v = identity(context, {b, s, 768});
  v = transpose(context, reshape(context, v, {b, s, 12, 64}), {0, 2, 1, 3});
  EXPECT_EQ(v.source, (Dims{d(0, b), d(2, s), d(1, 12) * 64 + d(3, 64)}));
  v = reshape(context, transpose(context, v, {0, 2, 1, 3}), {b, s, 768});
  EXPECT_EQ(v.source, v.vars);
}

TEST_F(Views, FlatteningAndBack) {
  View v = identity(context, {b, s, 768});
  v = reshape(context, v, {b * s, 768});
  EXPECT_EQ(v.source, (Dims{floor_div(d(0, b * s), s), mod(d(0, b * s), s), d(1, 768)}));
  v = reshape(context, v, {b, s, 12, 64});
  EXPECT_EQ(v.source, (Dims{d(0, b), d(1, s), d(2, 12) * 64 + d(3, 64)}));
  v = reshape(context, v, {b, s * 768});
  v = reshape(context, v, {b, s, 768});
  EXPECT_EQ(v.source, v.vars);
  v = reshape(context, v, {b * s * 768});
  v = reshape(context, v, {b, s, 768});
  EXPECT_EQ(v.source, v.vars);
}

TEST_F(Views, PixelShuffle) {
  SymInt h = context.symbol("h"), w = context.symbol("w");
  View v = identity(context, {b, 64, h, w});
  v = reshape(context, v, {b, 16, 2, 2, h, w});
  v = reshape(context, transpose(context, v, {0, 1, 4, 2, 5, 3}), {b, 16, h * 2, w * 2});
  SymInt y = d(2, h * 2), x = d(3, w * 2);
  EXPECT_EQ(v.source, (Dims{d(0, b), d(1, 16) * 4 + mod(y, 2) * 2 + mod(x, 2), floor_div(y, 2), floor_div(x, 2)}));
  // And space-to-depth undoes it.
  v = reshape(context, v, {b, 16, h, 2, w, 2});
  v = reshape(context, transpose(context, v, {0, 1, 3, 5, 2, 4}), {b, 64, h, w});
  EXPECT_EQ(v.source, v.vars);
}

TEST_F(Views, ChannelShuffle) {
  SymInt h = context.symbol("h");
  View v = reshape(context, identity(context, {b, 116, h, 28}), {b, 2, 58, h, 28});
  v = reshape(context, transpose(context, v, {0, 2, 1, 3, 4}), {b, 116, h, 28});
  SymInt c = d(1, 116);
  EXPECT_EQ(v.source, (Dims{d(0, b), mod(c, 2) * 58 + floor_div(c, 2), d(2, h), d(3, 28)}));
}

TEST_F(Views, WindowPartition) {
  View v = reshape(context, identity(context, {b, 56, 56, 96}), {b, 8, 7, 8, 7, 96});
  v = reshape(context, transpose(context, v, {0, 1, 3, 2, 4, 5}), {b * 64, 49, 96});
  SymInt w = d(0, b * 64), p = d(1, 49);
  EXPECT_EQ(v.source,
            (Dims{floor_div(w, 64), mod(floor_div(w, 8), 8) * 7 + floor_div(p, 7), mod(w, 8) * 7 + mod(p, 7), d(2, 96)}));
  v = reshape(context, v, {b, 8, 8, 7, 7, 96});
  v = reshape(context, transpose(context, v, {0, 1, 3, 2, 4, 5}), {b, 56, 56, 96});
  EXPECT_EQ(v.source, v.vars);
}

TEST_F(Views, StridedSpatialSizes) {
  SymInt h = floor_div(context.symbol("h") - 1, 2) + 1, w = floor_div(context.symbol("w") - 1, 2) + 1;
  View v = identity(context, {b, 32, h, w});
  v = reshape(context, v, {b, 32, h * w});
  v = reshape(context, transpose(context, v, {0, 2, 1}), {b, h, w, 32});
  EXPECT_EQ(v.source, (Dims{d(0, b), d(3, 32), d(1, h), d(2, w)}));
}

TEST_F(Views, SizesThatAreSums) {
  SymInt t = s + 1;  // a class token
  View v = identity(context, {b, t, 768});
  v = reshape(context, v, {b * t, 768});
  v = transpose(context, reshape(context, v, {b, t, 12, 64}), {0, 2, 1, 3});
  v = reshape(context, v, {b * 12, t, 64});
  v = reshape(context, v, {b, 12, t, 64});
  v = reshape(context, transpose(context, v, {0, 2, 1, 3}), {b, t, 768});
  EXPECT_EQ(v.source, v.vars);
}

TEST_F(Views, SlicesAndPads) {
  SymInt i = d(0, s + 4);
  // Padded by 2 on both sides, then the padding cut off: the guard is always true.
  SymInt inside = less(1, i) * less(i, s + 2);
  SymInt j = d(0, s);
  EXPECT_EQ(substitute(inside, std::array{i}, std::array{j + 2}), SymInt(1));
  EXPECT_EQ(substitute(i - 2, std::array{i}, std::array{j + 2}), j);
  // A slice with step 2 of an index that was doubled.
  EXPECT_EQ(floor_div(2 * j, 2), j);
  EXPECT_EQ(mod(2 * j, 2), SymInt(0));
  EXPECT_EQ(floor_div(2 * j + 1, 2), j);
  // Flipped twice.
  EXPECT_EQ(s - 1 - (s - 1 - j), j);
  // Clamped to the edge where that can't happen.
  EXPECT_EQ(min(max(j, 0), s - 1), j);
}

// Random chains of reshape and transpose over one symbolic dimension, and the way back: all must cancel.
TEST_F(Views, RandomChainsUndoThemselves) {
  std::mt19937 random(7);
  auto pick = [&](size_t count) { return random() % count; };
  for (int round = 0; round < 300; ++round) {
    SymInt symbolic = std::array{b, s + 1, b * s, floor_div(s, 2) + 1}[pick(4)];
    Dims dims{symbolic, 6, 4, 10};
    std::rotate(dims.begin(), dims.begin() + static_cast<ptrdiff_t>(pick(4)), dims.end());
    View v = identity(context, dims);
    struct Move {
      Dims before;
      std::vector<size_t> order;  // empty: a reshape
    };
    std::vector<Move> moves;
    for (int i = 0; i < 4; ++i) {
      Move move{v.dims, {}};
      switch (pick(3)) {
        case 0: {
          move.order.resize(v.dims.size());
          std::iota(move.order.begin(), move.order.end(), size_t{0});
          std::shuffle(move.order.begin(), move.order.end(), random);
          v = transpose(context, v, move.order);
          break;
        }
        case 1: {  // merges two neighbours
          if (v.dims.size() < 2) continue;
          size_t at = pick(v.dims.size() - 1);
          Dims merged = v.dims;
          merged[at] = merged[at] * merged[at + 1];
          merged.erase(merged.begin() + static_cast<ptrdiff_t>(at) + 1);
          v = reshape(context, v, merged);
          break;
        }
        default: {  // splits a dimension of constant even extent
          size_t at = pick(v.dims.size());
          if (!v.dims[at].is_const() || v.dims[at].value() % 2 != 0 || v.dims.size() > 6) continue;
          Dims split = v.dims;
          int64_t half = split[at].value() / 2;
          bool two_first = pick(2) == 0;
          split[at] = two_first ? 2 : half;
          split.insert(split.begin() + static_cast<ptrdiff_t>(at) + 1, two_first ? half : 2);
          v = reshape(context, v, split);
        }
      }
      moves.push_back(move);
    }
    std::string way;
    for (SymInt e : v.source) way += e.to_string() + "; ";
    for (size_t i = moves.size(); i-- > 0;) {
      if (moves[i].order.empty()) {
        v = reshape(context, v, moves[i].before);
        continue;
      }
      std::vector<size_t> inverse(moves[i].order.size());
      for (size_t k = 0; k < inverse.size(); ++k) inverse[moves[i].order[k]] = k;
      v = transpose(context, v, inverse);
    }
    std::string back;
    for (SymInt e : v.source) back += e.to_string() + "; ";
    EXPECT_EQ(v.source, v.vars) << "round " << round << ": " << way << " became " << back;
  }
}

}  // namespace
}  // namespace temper
