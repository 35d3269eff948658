// NvUtils.h: weights in another order.
#include <gtest/gtest.h>

#include "NvUtils.h"

namespace {

using namespace nvinfer1;

TEST(WeightOrder, DimsInAnotherOrder) {
  const std::vector<float> in{0, 1, 2, 3, 4, 5};  // [1, 2, 3]
  std::vector<float> out(6);
  const int32_t shape[] = {1, 2, 3}, order[] = {2, 0, 1};
  ASSERT_TRUE(utils::reshapeWeights({DataType::kFLOAT, in.data(), 6}, shape, order, out.data(), 3));
  EXPECT_EQ(out, (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_FALSE(utils::reshapeWeights({DataType::kINT4, in.data(), 6}, shape, order, out.data(), 3));
}

TEST(WeightOrder, PiecesAndMatrices) {
  std::vector<int16_t> pieces{1, 2, 3, 4, 5, 6};
  const int32_t order[] = {2, 0, 1};
  ASSERT_TRUE(utils::reorderSubBuffers(pieces.data(), order, 3, 4));
  EXPECT_EQ(pieces, (std::vector<int16_t>{5, 6, 1, 2, 3, 4}));
  std::vector<int32_t> matrices{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  ASSERT_TRUE(utils::transposeSubBuffers(matrices.data(), DataType::kINT32, 2, 2, 3));
  EXPECT_EQ(matrices, (std::vector<int32_t>{1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12}));
  EXPECT_FALSE(utils::transposeSubBuffers(nullptr, DataType::kINT32, 2, 2, 3));
}

}  // namespace
