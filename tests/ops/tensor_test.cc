// Operators that move, choose and generate elements, each on operands small enough to check by hand.
#include "tests/ops/apply_op.h"

namespace temper {
namespace {

using F = std::vector<float>;
using I = std::vector<int64_t>;

TEST(Gather, TakesPositionsFromBothEnds) {
  auto y = apply_op("gather_along", {{"axis", int64_t(1)}}, {floats({2, 3}, {1, 2, 3, 4, 5, 6}), longs({2}, {2, -3})});
  EXPECT_EQ(y[0].dims(), (I{2, 2}));
  EXPECT_EQ(floats_of(y[0]), (F{3, 1, 6, 4}));
}

TEST(Gather, RefusesPositionsThatAreNoIntegers) {
  EXPECT_NE(refusal("gather_along", {}, {floats({2}, {1, 2}), floats({1}, {0})}).find("must be integers"), std::string::npos);
}

TEST(Gather, OutsideIsAnError) {
  auto y = apply_once(*find_op("gather_along"), {}, {floats({2}, {1, 2}), longs({2}, {0, 2})}, false);
  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.error().message().find("outside"), std::string::npos);
}

TEST(GatherND, ReadsTuplesAfterBatchDims) {
  Tensor x = floats({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(floats_of(apply_op("gather_nd", {}, {x, longs({2, 2}, {0, 1, 1, -2})})[0]), (F{2, 3, 4, 5}));
  EXPECT_EQ(floats_of(apply_op("gather_nd", {{"batch_dims", int64_t(1)}}, {x, longs({2, 1}, {1, 0})})[0]), (F{2, 3, 4, 5}));
}

TEST(ScatterElements, PutsOrCombines) {
  Tensor x = floats({1, 4}, {1, 2, 3, 4}), at = longs({1, 3}, {1, -1, 1}), u = floats({1, 3}, {10, 20, 30});
  EXPECT_EQ(floats_of(apply_op("scatter_elements", {{"axis", int64_t(1)}}, {x, at, u})[0]), (F{1, 30, 3, 20}));
  EXPECT_EQ(floats_of(apply_op("scatter_elements", {{"axis", int64_t(1)}, {"reduction", std::string("add")}}, {x, at, u})[0]),
            (F{1, 42, 3, 24}));
  EXPECT_EQ(floats_of(apply_op("scatter_elements", {{"axis", int64_t(1)}, {"reduction", std::string("min")}}, {x, at, u})[0]),
            (F{1, 2, 3, 4}));
  EXPECT_NE(refusal("scatter_elements", {{"reduction", std::string("xor")}}, {x, at, u}), "");
}

TEST(ScatterND, PutsSlices) {
  auto y =
      apply_op("scatter_nd", {}, {floats({3, 2}, {0, 0, 0, 0, 0, 0}), longs({2, 1}, {2, 0}), floats({2, 2}, {1, 2, 3, 4})});
  EXPECT_EQ(floats_of(y[0]), (F{3, 4, 0, 0, 1, 2}));
}

TEST(TopK, IsStableAndGivesPositions) {
  auto y = apply_op("top_k", {{"axis", int64_t(0)}, {"count", int64_t(3)}}, {floats({5}, {1, 7, 3, 7, 5})});
  EXPECT_EQ(floats_of(y[0]), (F{7, 7, 5}));
  EXPECT_EQ(longs_of(y[1]), (I{1, 3, 4}));
  EXPECT_NE(refusal("top_k", {{"axis", int64_t(0)}, {"count", int64_t(6)}}, {floats({5}, {1, 7, 3, 7, 5})}), "");
}

TEST(NonZero, ListsCoordinates) {
  auto y = apply_op("non_zero", {}, {floats({2, 3}, {0, 5, 0, 6, 0, 7})});
  EXPECT_EQ(y[0].dims(), (I{2, 3}));
  EXPECT_EQ(longs_of(y[0]), (I{0, 1, 1, 1, 0, 2}));
}

TEST(Unique, SortedOrInOrderOfAppearance) {
  Tensor x = floats({6}, {2, 1, 1, 3, 4, 3});
  auto sorted = apply_op("unique", {}, {x});
  EXPECT_EQ(floats_of(sorted[0]), (F{1, 2, 3, 4}));
  EXPECT_EQ(longs_of(sorted[1]), (I{1, 0, 3, 4}));
  EXPECT_EQ(longs_of(sorted[2]), (I{1, 0, 0, 2, 3, 2}));
  EXPECT_EQ(longs_of(sorted[3]), (I{2, 1, 2, 1}));
  auto first = apply_op("unique", {{"sorted", false}}, {x});
  EXPECT_EQ(floats_of(first[0]), (F{2, 1, 3, 4}));
  EXPECT_EQ(longs_of(first[2]), (I{0, 1, 1, 2, 3, 2}));
}

TEST(NonMaxSuppression, KeepsTheBestOfOverlappingBoxesPerClass) {
  Tensor boxes = floats({1, 4, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 10, 1, 11, 0, 100, 1, 101});
  Tensor scores = floats({1, 1, 4}, {0.9f, 0.75f, 0.6f, 0.2f});
  Tensor three = longs({}, {3}), half = floats({}, {0.5f}), least = floats({}, {0.3f});
  EXPECT_EQ(longs_of(apply_op("non_max_suppression", {}, {boxes, scores, three, half})[0]), (I{0, 0, 0, 0, 0, 2, 0, 0, 3}));
  EXPECT_EQ(longs_of(apply_op("non_max_suppression", {}, {boxes, scores, three, half, least})[0]), (I{0, 0, 0, 0, 0, 2}));
  EXPECT_EQ(apply_op("non_max_suppression", {}, {boxes, scores})[0].dims(), (I{0, 3}));
}

TEST(Resize, NearestDoublesAndHalves) {
  Tensor x = floats({1, 1, 1, 4}, {1, 2, 3, 4}), none = floats({0}, {});
  EXPECT_EQ(floats_of(apply_op("resize", {}, {x, none, floats({4}, {1, 1, 1, 2})})[0]), (F{1, 1, 2, 2, 3, 3, 4, 4}));
  EXPECT_EQ(
      floats_of(apply_op("resize", {{"coordinates", std::string("asymmetric")}}, {x, none, floats({4}, {1, 1, 1, 0.5f})})[0]),
      (F{1, 3}));
}

TEST(Resize, LinearBetweenNeighbours) {
  Tensor x = floats({2}, {1, 3}), none = floats({0}, {});
  EXPECT_EQ(floats_of(apply_op("resize", {{"mode", std::string("linear")}}, {x, none, floats({1}, {2})})[0]),
            (F{1, 1.5f, 2.5f, 3}));
  EXPECT_EQ(floats_of(apply_op("resize", {{"mode", std::string("linear")}, {"coordinates", std::string("align_corners")}},
                               {x, none, none, longs({1}, {5})})[0]),
            (F{1, 1.5f, 2, 2.5f, 3}));
}

TEST(Resize, NeedsScalesOrSizes) {
  Tensor x = floats({2}, {1, 3}), none = floats({0}, {});
  EXPECT_NE(refusal("resize", {}, {x, none, none, none}).find("either scales or sizes"), std::string::npos);
}

TEST(Slice, BackwardsAndCutToTheTensor) {
  Tensor x = floats({5}, {0, 1, 2, 3, 4});
  auto slice = [&](int64_t start, int64_t end, int64_t step) {
    return floats_of(
        apply_op("slice", {}, {x, longs({1}, {start}), longs({1}, {end}), longs({1}, {0}), longs({1}, {step})})[0]);
  };
  EXPECT_EQ(slice(1, 100, 2), (F{1, 3}));
  EXPECT_EQ(slice(-1, INT64_MIN, -2), (F{4, 2, 0}));
  EXPECT_EQ(slice(3, 1, 1), F{});
  EXPECT_EQ(slice(100, -3, -1), (F{4, 3}));
}

TEST(Reshape, ZeroCopiesAndMinusOneFollows) {
  Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(apply_op("reshape", {}, {x, longs({3}, {0, -1, 1})})[0].dims(), (I{2, 3, 1}));
  EXPECT_NE(refusal("reshape", {}, {x, longs({2}, {-1, -1})}), "");
  EXPECT_NE(refusal("reshape", {}, {x, longs({1}, {5})}), "");
}

TEST(Reduce, AxesThatAreComputed) {
  Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(floats_of(apply_op("reduce_sum", {{"keep", false}}, {x, longs({1}, {-1})})[0]), (F{6, 15}));
  auto kept = apply_op("reduce_mean", {}, {x, longs({1}, {0})});
  EXPECT_EQ(kept[0].dims(), (I{1, 3}));
  EXPECT_EQ(floats_of(kept[0]), (F{2.5f, 3.5f, 4.5f}));
}

TEST(Pad, ReflectsAndCrops) {
  Tensor x = floats({4}, {1, 2, 3, 4});
  EXPECT_EQ(floats_of(apply_op("pad", {{"mode", std::string("reflect")}}, {x, longs({2}, {2, 1})})[0]),
            (F{3, 2, 1, 2, 3, 4, 3}));
  EXPECT_EQ(floats_of(apply_op("pad", {}, {x, longs({2}, {-1, 2}), floats({}, {9})})[0]), (F{2, 3, 4, 9, 9}));
}

TEST(OneHot, NegativePositionsAndOthersOutside) {
  auto y = apply_op("one_hot", {}, {longs({3}, {1, -1, 7}), longs({}, {3}), floats({2}, {0, 5})});
  EXPECT_EQ(floats_of(y[0]), (F{0, 5, 0, 0, 0, 5, 0, 0, 0}));
}

TEST(Quantize, RoundsToEvenAndSaturates) {
  auto y = apply_op("quantize", {},
                    {floats({5}, {-1, 1, 3, 5, 1000}), floats({}, {2}), Tensor::of(DType::kU8, {}, std::vector<uint8_t>{1})});
  // -0.5 and 0.5 round to 0, 1.5 and 2.5 to 2.
  EXPECT_EQ(std::vector<uint8_t>(y[0].as<uint8_t>().begin(), y[0].as<uint8_t>().end()),
            (std::vector<uint8_t>{1, 1, 3, 3, 255}));
}

TEST(Quantize, BlocksHaveTheirOwnScale) {
  auto y = apply_op(
      "quantize", {{"axis", int64_t(1)}, {"block", int64_t(2)}},
      {floats({1, 4}, {2, 4, 20, 40}), floats({1, 2}, {2, 20}), Tensor::of(DType::kI8, {1, 2}, std::vector<int8_t>{0, 0})});
  EXPECT_EQ(std::vector<int8_t>(y[0].as<int8_t>().begin(), y[0].as<int8_t>().end()), (std::vector<int8_t>{1, 2, 1, 2}));
}

TEST(ReverseSequence, OnlyTheFirstElements) {
  auto y = apply_op("reverse_sequence", {}, {floats({3, 2}, {0, 1, 2, 3, 4, 5}), longs({2}, {3, 2})});
  EXPECT_EQ(floats_of(y[0]), (F{4, 3, 2, 1, 0, 5}));
}

TEST(Operators, MissingOperandsAreRefused) {
  for (const Op* op : all_ops()) {
    if (op->is_core()) continue;
    auto result = apply_once(*op, {}, {}, true);
    EXPECT_TRUE(result.ok() || !result.error().message().empty()) << op->name;
  }
}

TEST(Operators, OperandsOfEveryRankGiveResultsOrErrors) {
  for (const Op* op : all_ops()) {
    if (op->is_core()) continue;
    for (size_t count = 1; count <= 3; ++count) {
      for (int64_t rank = 0; rank <= 4; ++rank) {
        for (DType dtype : {DType::kF32, DType::kI64, DType::kBool}) {
          std::vector<Tensor> operands(count, Tensor::zeros(dtype, I(rank, 2)));
          (void)apply_once(*op, {}, operands, false);
        }
      }
    }
  }
}

}  // namespace
}  // namespace temper
