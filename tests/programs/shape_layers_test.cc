// Layers that move elements, make them, or pick some, built with the API.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "network_client.h"

namespace {

using namespace nvinfer1;
using client::expect_near;
using client::expect_shape;
using client::Net;
using client::wave;

std::vector<float> ramp(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}
Dims vector_of(int64_t n) { return Dims{1, {n}}; }

TEST(ShapeLayers, ShuffleTransposesAndReshapes) {
  Net net;
  IShuffleLayer* shuffle = net->addShuffle(net.input("x", Dims3(-1, 2, 3)));
  shuffle->setFirstTranspose(Permutation{{0, 2, 1}});
  shuffle->setReshapeDimensions(Dims3(0, -1, 1));
  shuffle->setSecondTranspose(Permutation{{1, 0, 2}});
  EXPECT_EQ(shuffle->getFirstTranspose().order[1], 2);
  expect_shape(shuffle->getReshapeDimensions(), {0, -1, 1});
  net.output(shuffle);
  const auto y = net.run(Dims3(2, 2, 3), ramp(12));
  expect_shape(y.shape, {6, 2, 1});
  EXPECT_EQ(y.values, (std::vector<float>{0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11}));
}

TEST(ShapeLayers, ShapesThatTheNetworkComputes) {
  // Flattens all but the first dimension with a shape made of the input's own.
  Net net;
  ITensor& x = net.input("x", Dims3(-1, 2, -1));
  IShapeLayer* shape = net->addShape(x);
  EXPECT_EQ(shape->getOutput(0)->getType(), DataType::kINT64);
  ITensor* first = net->addGather(*shape->getOutput(0), net.ints(vector_of(1), {0}), 0)->getOutput(0);
  ITensor* rest = net->addCast(net.ints(vector_of(1), {-1}), DataType::kINT64)->getOutput(0);
  ITensor* parts[] = {first, rest};
  ITensor* wanted = net->addConcatenation(parts, 2)->getOutput(0);
  IShuffleLayer* shuffle = net->addShuffle(x);
  shuffle->setInput(1, *wanted);
  EXPECT_EQ(shuffle->getNbInputs(), 2);
  EXPECT_EQ(shuffle->getOutput(0)->getDimensions().nbDims, 2);
  net.output(shuffle);
  const auto y = net.run(Dims3(3, 2, 5), ramp(30));
  expect_shape(y.shape, {3, 10});
  EXPECT_EQ(y.values, ramp(30));
}

TEST(ShapeLayers, SliceModes) {
  const auto in = ramp(5);
  const std::pair<SampleMode, std::vector<float>> cases[] = {{SampleMode::kWRAP, {3, 4, 0, 1, 2, 3, 4, 0}},
                                                             {SampleMode::kCLAMP, {0, 0, 0, 1, 2, 3, 4, 4}},
                                                             {SampleMode::kFILL, {0, 0, 0, 1, 2, 3, 4, 0}},
                                                             {SampleMode::kREFLECT, {2, 1, 0, 1, 2, 3, 4, 3}}};
  for (const auto& [mode, wanted] : cases) {
    Net net;
    ISliceLayer* slice = net->addSlice(net.input("x", vector_of(5)), vector_of(-2), vector_of(8), vector_of(1));
    slice->setMode(mode);
    EXPECT_EQ(slice->getMode(), mode);
    net.output(slice);
    EXPECT_EQ(net.run(vector_of(5), in).values, wanted) << int(mode);
  }
  Net net;
  ISliceLayer* slice = net->addSlice(net.input("x", Dims2(2, 5)), Dims2(1, 4), Dims2(1, 2), Dims2(1, -2));
  net.output(slice);
  EXPECT_EQ(net.run(Dims2(2, 5), ramp(10)).values, (std::vector<float>{9, 7}));
}

TEST(ShapeLayers, ConcatenationAndPadding) {
  Net net;
  ITensor& x = net.input("x", Dims4(1, 1, 2, 2));
  IPaddingLayer* padded = net->addPaddingNd(x, DimsHW(1, -1), DimsHW(0, 1));
  ITensor* all[] = {padded->getOutput(0), &net.constant(Dims4(1, 1, 3, 1), {7, 8, 9})};
  IConcatenationLayer* both = net->addConcatenation(all, 2);
  EXPECT_EQ(both->getAxis(), 1);
  both->setAxis(3);
  net.output(both);
  const auto y = net.run(Dims4(1, 1, 2, 2), {1, 2, 3, 4});
  expect_shape(y.shape, {1, 1, 3, 3});
  EXPECT_EQ(y.values, (std::vector<float>{0, 0, 7, 2, 0, 8, 4, 0, 9}));
}

TEST(ShapeLayers, GatherAndScatter) {
  Net net;
  ITensor& x = net.input("x", Dims3(2, 3, 2));
  IGatherLayer* rows = net->addGather(x, net.ints(Dims2(2, 2), {2, 0, 1, -1}), 1);
  rows->setNbElementWiseDims(1);
  net.output(rows, "rows");
  IGatherLayer* nd = net->addGatherV2(x, net.ints(Dims2(2, 3), {0, 1, 1, 1, 2, 0}), GatherMode::kND);
  net.output(nd, "nd");
  IGatherLayer* elements = net->addGatherV2(x, net.ints(Dims3(1, 1, 2), {2, 1}), GatherMode::kELEMENT);
  elements->setGatherAxis(1);
  net.output(elements, "elements");
  IScatterLayer* scatter =
      net->addScatter(x, net.ints(Dims2(1, 2), {1, 0}), net.constant(Dims2(1, 2), {-1, -2}), ScatterMode::kND);
  net.output(scatter, "scatter");
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {Dims3(2, 3, 2), ramp(12)}}};
  EXPECT_EQ((net.run<float, float>(inputs, "rows").values), (std::vector<float>{4, 5, 0, 1, 8, 9, 10, 11}));
  EXPECT_EQ((net.run<float, float>(inputs, "nd").values), (std::vector<float>{3, 10}));
  EXPECT_EQ((net.run<float, float>(inputs, "elements").values), (std::vector<float>{4, 3}));
  EXPECT_EQ((net.run<float, float>(inputs, "scatter").values), (std::vector<float>{0, 1, 2, 3, 4, 5, -1, -2, 8, 9, 10, 11}));
}

TEST(ShapeLayers, ResizeNearestAndLinear) {
  Net net;
  ITensor& x = net.input("x", Dims4(1, 1, 1, 3));
  IResizeLayer* nearest = net->addResize(x);
  nearest->setOutputDimensions(Dims4(1, 1, 1, 6));
  net.output(nearest, "nearest");
  IResizeLayer* linear = net->addResize(x);
  const float scales[] = {1, 1, 1, 2};
  linear->setScales(scales, 4);
  linear->setResizeMode(InterpolationMode::kLINEAR);
  linear->setCoordinateTransformation(ResizeCoordinateTransformation::kALIGN_CORNERS);
  float read[4] = {};
  EXPECT_EQ(linear->getScales(4, read), 4);
  EXPECT_EQ(read[3], 2);
  net.output(linear, "linear");
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {Dims4(1, 1, 1, 3), {0, 10, 20}}}};
  EXPECT_EQ((net.run<float, float>(inputs, "nearest").values), (std::vector<float>{0, 0, 10, 10, 20, 20}));
  expect_near(net.run<float, float>(inputs, "linear").values, {0, 4, 8, 12, 16, 20});
}

TEST(ShapeLayers, TopKAndNonZero) {
  Net net;
  ITensor& x = net.input("x", Dims2(2, 4));
  ITopKLayer* top = net->addTopK(x, TopKOperation::kMAX, 2, 2);
  EXPECT_EQ(top->getOutput(1)->getType(), DataType::kINT32);
  net.output(top, "values", 0);
  net.output(top, "indices", 1);
  INonZeroLayer* found = net->addNonZero(x);
  net.output(found, "found");
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {Dims2(2, 4), {3, 0, 5, 4, 0, 0, 1, 9}}}};
  EXPECT_EQ((net.run<float, float>(inputs, "values").values), (std::vector<float>{5, 4, 9, 1}));
  EXPECT_EQ((net.run<int32_t, float>(inputs, "indices").values), (std::vector<int32_t>{2, 3, 3, 2}));
  const auto at = net.run<int32_t, float>(inputs, "found");
  expect_shape(at.shape, {2, 5});
  EXPECT_EQ(at.values, (std::vector<int32_t>{0, 0, 0, 1, 1, 0, 2, 3, 2, 3}));
}

TEST(ShapeLayers, FillOneHotSqueezeReverse) {
  Net net;
  IFillLayer* fill = net->addFill(vector_of(4), FillOperation::kLINSPACE, DataType::kFLOAT);
  fill->setAlpha(1);
  fill->setBeta(0.5);
  ITensor& x = net.input("x", vector_of(4));
  net.output(net->addElementWise(x, *fill->getOutput(0), ElementWiseOperation::kSUM), "sum");
  ITensor* on =
      net->addOneHot(net.ints(vector_of(2), {1, 0}), net.constant(vector_of(2), {-1, 1}), net.ints(Dims{0, {}}, {3}), -1)
          ->getOutput(0);
  net.output(on, "on");
  ITensor* wide = net->addUnsqueeze(x, net.ints(vector_of(1), {0}))->getOutput(0);
  expect_shape(wide->getDimensions(), {1, 4});
  IReverseSequenceLayer* reverse = net->addReverseSequence(*wide, net.ints(vector_of(1), {3}));
  reverse->setBatchAxis(0);
  reverse->setSequenceAxis(1);
  net.output(net->addSqueeze(*reverse->getOutput(0), net.ints(vector_of(1), {0})), "reversed");
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {vector_of(4), {10, 20, 30, 40}}}};
  EXPECT_EQ((net.run<float, float>(inputs, "sum").values), (std::vector<float>{11, 21.5, 32, 42.5}));
  EXPECT_EQ((net.run<float, float>(inputs, "on").values), (std::vector<float>{-1, 1, -1, 1, -1, -1}));
  EXPECT_EQ((net.run<float, float>(inputs, "reversed").values), (std::vector<float>{30, 20, 10, 40}));
}

TEST(ShapeLayers, SuppressesBoxesThatOverlap) {
  Net net;
  ITensor& boxes = net.constant(Dims4(1, 3, 1, 4), {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 2, 2, 3, 3});
  ITensor& scores = net.input("x", Dims3(1, 3, 1));
  INMSLayer* nms = net->addNMS(boxes, scores, net.ints(Dims{0, {}}, {3}));
  ASSERT_NE(nms, nullptr) << temper::lastError().text();
  nms->setInput(3, net.constant(Dims{0, {}}, {0.5f}));
  nms->setInput(4, net.constant(Dims{0, {}}, {0.1f}));
  net.output(nms, "boxes", 0);
  net.output(nms, "count", 1);
  const std::map<std::string, std::pair<Dims, std::vector<float>>> inputs{{"x", {Dims3(1, 3, 1), {0.9f, 0.8f, 0.7f}}}};
  const auto kept = net.run<int32_t, float>(inputs, "boxes");
  expect_shape(kept.shape, {2, 3});
  EXPECT_EQ(kept.values, (std::vector<int32_t>{0, 0, 0, 0, 0, 2}));
  EXPECT_EQ((net.run<int32_t, float>(inputs, "count").values), (std::vector<int32_t>{2}));
}

// Three boxes that don't overlap, two classes: of six candidates of an item only the highest are looked at.
TEST(ShapeLayers, NmsLooksAtTheHighestBoxesOnly) {
  for (int32_t limit : {1, 3, 6}) {
    Net net;
    ITensor& scores = net.input("x", Dims3(1, 3, 2));
    ITensor& boxes = net.constant(Dims4(1, 3, 1, 4), {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
    INMSLayer* nms = net->addNMS(boxes, scores, net.ints(Dims{0, {}}, {3}));
    ASSERT_NE(nms, nullptr) << temper::lastError().text();
    nms->setTopKBoxLimit(limit);
    EXPECT_EQ(nms->getTopKBoxLimit(), limit);
    net.output(nms, "y", 0);
    const auto kept = net.run<int32_t, float>({{"x", {Dims3(1, 3, 2), {0.9f, 0.2f, 0.3f, 0.8f, 0.7f, 0.1f}}}});
    std::vector<int32_t> wanted{0, 0, 0};
    if (limit == 3) wanted = {0, 0, 0, 0, 0, 2, 0, 1, 1};
    if (limit == 6) wanted = {0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 2};
    EXPECT_EQ(kept.values, wanted) << limit;
  }
}

TEST(ShapeLayers, AssertionEndsARun) {
  Net net;
  ITensor& x = net.input("x", vector_of(2));
  ITensor* good = net->addElementWise(x, net.constant(vector_of(1), {0}), ElementWiseOperation::kGREATER)->getOutput(0);
  IAssertionLayer* layer = net->addAssertion(*good, "every x must be above 0");
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  EXPECT_EQ(layer->getNbOutputs(), 0);
  net.output(net->addUnary(x, UnaryOperation::kSQRT));
  EXPECT_EQ(net.run(vector_of(2), {4, 9}).values, (std::vector<float>{2, 3}));
  const float bad[] = {4, -1};
  std::vector<float> y(2);
  EXPECT_TRUE(net.context->setInputTensorAddress("x", bad));
  EXPECT_TRUE(net.context->setTensorAddress("y", y.data()));
  client::Stream stream;
  EXPECT_TRUE(net.context->enqueueV3(stream.handle));
  EXPECT_NE(cudaStreamSynchronize(stream.handle), cudaSuccess);
}

}  // namespace
