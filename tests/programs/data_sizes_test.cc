// Sizes that only the data tells, where they are hard to follow: through branches that read them and make others, and through a
// tensor that is an output and a concat of parts that are made at different times.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "client.h"

namespace {

using namespace nvinfer1;
using Positions = std::vector<int64_t>;

// found = positions of what is not zero in x; y = found twice, or positions of what is above zero; all = found and y.
std::string branching() {
  using namespace small;
  const std::string twice =
      body({node("Concat", {"found", "found"}, {"t"}, {integer("axis", 1)})}, {}, {value("t", {1, -1}, kInt64)});
  const std::string above =
      body({node("Relu", {"x"}, {"r"}), node("NonZero", {"r"}, {"e"})}, {}, {value("e", {1, -1}, kInt64)});
  return model({node("NonZero", {"x"}, {"found"}),
                node("If", {"flag"}, {"y"}, {graph("then_branch", twice), graph("else_branch", above)}),
                node("Concat", {"found", "y"}, {"all"}, {integer("axis", 1)})},
               {value("flag", {}, kBool), value("x", {-1})}, {value("all", {1, -1}, kInt64), value("y", {1, -1}, kInt64)});
}

Positions positions(const client::Receiver& receiver) {
  Positions found(static_cast<size_t>(receiver.shape.d[1]));
  std::memcpy(found.data(), receiver.memory.data(), found.size() * sizeof(int64_t));
  return found;
}

TEST(DataSizes, BranchesThatReadAndMakeSizes) {
  client::Logger logger;
  client::Loaded loaded(logger, branching());
  ASSERT_TRUE(loaded.engine) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  client::Stream stream;
  const std::vector<float> inputs[] = {{1, 0, -2, 3, 0}, {0, -1, 0}, {5, 5, 5, 5, 5, 5, 5}, {}, {0, 2}};
  for (const auto& x : inputs) {
    // Both branches after each other: neither may look at the sizes that the other has left behind.
    for (const bool flag : {true, false, true}) {
      Positions found, y;
      for (size_t i = 0; i < x.size(); ++i) {
        if (x[i] != 0) found.push_back(static_cast<int64_t>(i));
        if (x[i] > 0) y.push_back(static_cast<int64_t>(i));
      }
      if (flag) {
        y = found;
        y.insert(y.end(), found.begin(), found.end());
      }
      Positions all = found;
      all.insert(all.end(), y.begin(), y.end());
      client::Receiver got_y, got_all;
      ASSERT_TRUE(context->setInputShape("x", Dims{1, {static_cast<int64_t>(x.size())}}));
      ASSERT_TRUE(context->setInputTensorAddress("x", x.empty() ? static_cast<const void*>(&flag) : x.data()));
      ASSERT_TRUE(context->setInputTensorAddress("flag", &flag));
      ASSERT_TRUE(context->setOutputAllocator("y", &got_y));
      ASSERT_TRUE(context->setOutputAllocator("all", &got_all));
      ASSERT_TRUE(context->enqueueV3(stream.handle)) << temper::lastError().text();
      ASSERT_EQ(cudaStreamSynchronize(stream.handle), cudaSuccess) << temper::lastError().text();
      EXPECT_EQ(positions(got_y), y) << x.size() << " " << flag;
      EXPECT_EQ(positions(got_all), all) << x.size() << " " << flag;
    }
  }
}

// The branches differ in rank, and with `then` the rest can't be read: the model holds for flag = false only.
TEST(DataSizes, ABranchOfAnotherRankIsAnErrorWhenItIsNeeded) {
  using namespace small;
  const std::string shape = body({node("Shape", {"x"}, {"s"})}, {}, {value("s", {1}, kInt64)});
  const std::string found = body({node("NonZero", {"x"}, {"n"})}, {}, {value("n", {1, -1}, kInt64)});
  const std::string bytes = model({node("If", {"flag"}, {"y"}, {graph("then_branch", shape), graph("else_branch", found)}),
                                   node("Concat", {"y", "y"}, {"all"}, {integer("axis", 1)})},
                                  {value("flag", {}, kBool), value("x", {-1})}, {value("all", {1, -1}, kInt64)});
  client::Logger logger;
  client::Loaded loaded(logger, bytes);
  ASSERT_TRUE(loaded.engine) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  client::Stream stream;
  const std::vector<float> x = {1, 0, -2, 3, 0};
  for (const bool flag : {false, true, false}) {
    client::Receiver got;
    ASSERT_TRUE(context->setInputShape("x", Dims{1, {static_cast<int64_t>(x.size())}}));
    ASSERT_TRUE(context->setInputTensorAddress("x", x.data()));
    ASSERT_TRUE(context->setInputTensorAddress("flag", &flag));
    ASSERT_TRUE(context->setOutputAllocator("all", &got));
    const bool ran = context->enqueueV3(stream.handle) && cudaStreamSynchronize(stream.handle) == cudaSuccess;
    EXPECT_EQ(ran, !flag);
    if (flag) {
      // The stream may run it in a thread of its own, whose last error is not ours.
      ASSERT_FALSE(logger.errors.empty());
      EXPECT_NE(logger.errors.back().find("node 'If_y' (If, opset 17) is not false for these inputs"), std::string::npos)
          << logger.errors.back();
    } else {
      EXPECT_EQ(positions(got), (Positions{0, 2, 3, 0, 2, 3}));
    }
  }
}

}  // namespace
