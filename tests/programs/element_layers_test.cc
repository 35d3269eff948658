// Layers over elements, rows and matrices, built with the API, against formulas written out here.
#include <cmath>
#include <functional>
#include <numeric>

#include "network_client.h"

namespace {

using namespace nvinfer1;
using client::expect_near;
using client::expect_shape;
using client::Net;
using client::wave;

std::vector<double> each(const std::vector<float>& x, const std::function<double(double)>& f) {
  std::vector<double> y;
  for (float e : x) y.push_back(f(e));
  return y;
}

TEST(ElementLayers, Activations) {
  const double a = 0.5, b = 1.25;
  const std::function<double(double)> functions[] = {
      [](double x) { return std::max(x, 0.0); },
      [](double x) { return 1 / (1 + std::exp(-x)); },
      [](double x) { return std::tanh(x); },
      [&](double x) { return x >= 0 ? x : a * x; },
      [&](double x) { return x >= 0 ? x : a * (std::exp(x) - 1); },
      [&](double x) { return x > 0 ? b * x : b * (a * std::exp(x) - a); },
      [](double x) { return x / (1 + std::abs(x)); },
      [&](double x) { return a * std::log(std::exp(b * x) + 1); },
      [&](double x) { return std::max(a, std::min(b, x)); },
      [&](double x) { return std::max(0.0, std::min(1.0, a * x + b)); },
      [&](double x) { return a * std::tanh(b * x); },
      [&](double x) { return x > a ? x : 0; },
      [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); },
      [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (0.044715 * x * x * x + x))); },
  };
  const auto in = wave(40);
  for (int type = 0; type < EnumMax<ActivationType>(); ++type) {
    Net net;
    auto* layer = net->addActivation(net.input("x", Dims2(-1, 8)), static_cast<ActivationType>(type));
    ASSERT_NE(layer, nullptr);
    layer->setAlpha(float(a));
    layer->setBeta(float(b));
    EXPECT_EQ(int(layer->getActivationType()), type);
    net.output(layer);
    SCOPED_TRACE(type);
    expect_near(net.run(Dims2(5, 8), in).values, each(in, functions[type]), 3e-6);
  }
}

TEST(ElementLayers, Unary) {
  const std::pair<UnaryOperation, double (*)(double)> cases[] = {
      {UnaryOperation::kEXP, std::exp},     {UnaryOperation::kLOG, std::log},   {UnaryOperation::kSQRT, std::sqrt},
      {UnaryOperation::kSIN, std::sin},     {UnaryOperation::kCOS, std::cos},   {UnaryOperation::kTAN, std::tan},
      {UnaryOperation::kSINH, std::sinh},   {UnaryOperation::kCOSH, std::cosh}, {UnaryOperation::kASIN, std::asin},
      {UnaryOperation::kACOS, std::acos},   {UnaryOperation::kATAN, std::atan}, {UnaryOperation::kASINH, std::asinh},
      {UnaryOperation::kATANH, std::atanh}, {UnaryOperation::kCEIL, std::ceil}, {UnaryOperation::kFLOOR, std::floor},
      {UnaryOperation::kERF, std::erf},     {UnaryOperation::kABS, std::abs},   {UnaryOperation::kROUND, std::nearbyint},
  };
  std::vector<float> in(30);
  for (size_t i = 0; i < in.size(); ++i) in[i] = 0.02f + float(i) * 0.03f;
  for (const auto& [op, f] : cases) {
    Net net;
    net.output(net->addUnary(net.input("x", Dims2(5, 6)), op));
    SCOPED_TRACE(int(op));
    expect_near(net.run(Dims2(5, 6), in).values, each(in, f), 3e-6);
  }
}

TEST(ElementLayers, ArithmeticBroadcasts) {
  using Op = ElementWiseOperation;
  const std::pair<Op, double (*)(double, double)> cases[] = {
      {Op::kSUM, [](double x, double y) { return x + y; }},
      {Op::kPROD, [](double x, double y) { return x * y; }},
      {Op::kMAX, [](double x, double y) { return std::max(x, y); }},
      {Op::kMIN, [](double x, double y) { return std::min(x, y); }},
      {Op::kSUB, [](double x, double y) { return x - y; }},
      {Op::kDIV, [](double x, double y) { return x / y; }},
      {Op::kPOW, [](double x, double y) { return std::pow(x, y); }},
      {Op::kFLOOR_DIV, [](double x, double y) { return std::floor(x / y); }},
  };
  auto in = wave(12);
  for (float& e : in) e = std::abs(e) + 0.1f;
  const std::vector<float> row{0.5f, 1.5f, 2.5f};
  for (const auto& [op, f] : cases) {
    Net net;
    net.output(net->addElementWise(net.input("x", Dims2(-1, 3)), net.constant(Dims2(1, 3), row), op));
    std::vector<double> wanted;
    for (size_t i = 0; i < in.size(); ++i) wanted.push_back(f(in[i], row[i % 3]));
    SCOPED_TRACE(int(op));
    expect_near(net.run(Dims2(4, 3), in).values, wanted, 3e-6);
  }
}

TEST(ElementLayers, IntegersDivideAsTheyAreAsked) {
  for (auto [op, wanted] : {std::pair{ElementWiseOperation::kDIV, std::vector<int32_t>{3, -3, -3, 3}},
                            std::pair{ElementWiseOperation::kFLOOR_DIV, std::vector<int32_t>{3, -4, -4, 3}}}) {
    Net net;
    ITensor& x = net.input("x", Dims{1, {4}}, DataType::kINT32);
    net.output(net->addElementWise(x, net.ints(Dims{1, {4}}, {2, 2, -2, -2}), op));
    const auto y = net.run<int32_t, int32_t>({{"x", {Dims{1, {4}}, {7, -7, 7, -7}}}});
    EXPECT_EQ(y.values, wanted);
  }
}

// With weak typing the build is told the type of a layer: what is not permitted is refused where it is to be obeyed, and what
// is permitted is in the record.
TEST(ElementLayers, PrecisionOfALayerReachesTheBuild) {
  for (BuilderFlag binding : {BuilderFlag::kPREFER_PRECISION_CONSTRAINTS, BuilderFlag::kOBEY_PRECISION_CONSTRAINTS}) {
    for (DataType permitted : {DataType::kFLOAT, DataType::kHALF}) {
      Net net;
      ILayer* layer = net->addMatrixMultiply(net.input("x", Dims2(1, 2)), MatrixOperation::kNONE,
                                             net.constant(Dims2(2, 2), {0.5f, 0.25f, 1, -1}), MatrixOperation::kNONE);
      layer->setName("product");
      layer->setPrecision(DataType::kHALF);
      EXPECT_TRUE(layer->precisionIsSet());
      EXPECT_EQ(layer->getPrecision(), DataType::kHALF);
      if (permitted == DataType::kHALF) net.config->setFlag(BuilderFlag::kFP16);
      net.config->setFlag(binding);
      net.output(layer);
      const bool refused = binding == BuilderFlag::kOBEY_PRECISION_CONSTRAINTS && permitted == DataType::kFLOAT;
      ASSERT_EQ(net.build(), !refused);
      if (refused) {
        EXPECT_NE(net.logger.errors.back().find("product"), std::string::npos) << net.logger.errors.back();
        continue;
      }
      const std::string record = temper::explain(*net.engine, temper::TextFormat::kTEXT);
      EXPECT_NE(record.find("product: f16"), std::string::npos) << record;
    }
  }
}

TEST(ElementLayers, ComparisonsAndLogicMakeBooleans) {
  Net net;
  ITensor& x = net.input("x", Dims{1, {4}});
  ITensor& limit = net.constant(Dims{1, {1}}, {1});
  ITensor* above = net->addElementWise(x, limit, ElementWiseOperation::kGREATER)->getOutput(0);
  ITensor* equal = net->addElementWise(x, limit, ElementWiseOperation::kEQUAL)->getOutput(0);
  EXPECT_EQ(above->getType(), DataType::kBOOL);
  ITensor* either = net->addElementWise(*above, *equal, ElementWiseOperation::kOR)->getOutput(0);
  ITensor* neither = net->addUnary(*either, UnaryOperation::kNOT)->getOutput(0);
  net.output(net->addSelect(*neither, x, limit));
  const auto y = net.run(Dims{1, {4}}, {0, 1, 2, -3});
  EXPECT_EQ(y.values, (std::vector<float>{0, 1, 1, -3}));
}

TEST(ElementLayers, Scale) {
  const auto in = wave(2 * 3 * 4);
  Net net;
  ITensor& x = net.input("x", Dims3(2, 3, 4));
  const std::vector<float> shift{4, 5, 6}, factor{0.5f, 1, 2};
  IScaleLayer* layer = net->addScale(x, ScaleMode::kCHANNEL, net.weights(shift), net.weights(factor), net.weights({2, 2, 2}));
  net.output(layer);
  EXPECT_EQ(layer->getMode(), ScaleMode::kCHANNEL);
  EXPECT_EQ(layer->getShift().count, 3);
  std::vector<double> wanted;
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t c = i / 4 % 3;
    wanted.push_back(std::pow(double(in[i]) * factor[c] + shift[c], 2));
  }
  expect_near(net.run(Dims3(2, 3, 4), in).values, wanted);
}

TEST(ElementLayers, Reductions) {
  const auto in = wave(2 * 3 * 4);
  auto reduced = [&](double start, const std::function<double(double, double)>& f) {
    std::vector<double> y;
    for (size_t b = 0; b < 2; ++b)
      for (size_t k = 0; k < 4; ++k) {
        double sum = start;
        for (size_t i = 0; i < 3; ++i) sum = f(sum, in[(b * 3 + i) * 4 + k]);
        y.push_back(sum);
      }
    return y;
  };
  auto add = [](double a, double e) { return a + e; };
  auto average = reduced(0, add);
  for (double& e : average) e /= 3;
  const std::pair<ReduceOperation, std::vector<double>> cases[] = {
      {ReduceOperation::kSUM, reduced(0, add)},
      {ReduceOperation::kPROD, reduced(1, [](double a, double e) { return a * e; })},
      {ReduceOperation::kMAX, reduced(-1e9, [](double a, double e) { return std::max(a, e); })},
      {ReduceOperation::kMIN, reduced(1e9, [](double a, double e) { return std::min(a, e); })},
      {ReduceOperation::kAVG, average}};
  for (const auto& [op, wanted] : cases) {
    Net net;
    net.output(net->addReduce(net.input("x", Dims3(-1, 3, 4)), op, 2, true));
    const auto y = net.run(Dims3(2, 3, 4), in);
    expect_shape(y.shape, {2, 1, 4});
    expect_near(y.values, wanted);
  }
}

TEST(ElementLayers, MatrixProducts) {
  const auto in = wave(2 * 3 * 4), right = wave(2 * 5 * 4, 1);
  Net net;
  auto* layer = net->addMatrixMultiply(net.input("x", Dims3(2, 3, 4)), MatrixOperation::kNONE,
                                       net.constant(Dims3(2, 5, 4), right), MatrixOperation::kTRANSPOSE);
  net.output(layer);
  EXPECT_EQ(layer->getOperation(1), MatrixOperation::kTRANSPOSE);
  std::vector<double> wanted;
  for (size_t b = 0; b < 2; ++b)
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 5; ++j) {
        double sum = 0;
        for (size_t k = 0; k < 4; ++k) sum += double(in[(b * 3 + i) * 4 + k]) * right[(b * 5 + j) * 4 + k];
        wanted.push_back(sum);
      }
  const auto y = net.run(Dims3(2, 3, 4), in);
  expect_shape(y.shape, {2, 3, 5});
  expect_near(y.values, wanted);

  Net vector;
  vector.output(vector->addMatrixMultiply(vector.input("x", Dims2(2, 4)), MatrixOperation::kVECTOR,
                                          vector.constant(Dims3(2, 4, 5), right), MatrixOperation::kNONE));
  std::vector<double> rows;
  for (size_t b = 0; b < 2; ++b)
    for (size_t j = 0; j < 5; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 4; ++k) sum += double(in[b * 4 + k]) * right[(b * 4 + k) * 5 + j];
      rows.push_back(sum);
    }
  expect_near(vector.run(Dims2(2, 4), {in.begin(), in.begin() + 8}).values, rows);
}

TEST(ElementLayers, SoftMaxOverItsAxis) {
  const auto in = wave(2 * 3 * 4);
  Net net;
  ISoftMaxLayer* layer = net->addSoftMax(net.input("x", Dims3(2, 3, 4)));
  EXPECT_EQ(layer->getAxes(), 1u);
  layer->setAxes(2);
  net.output(layer);
  std::vector<double> wanted(in.size());
  for (size_t b = 0; b < 2; ++b)
    for (size_t k = 0; k < 4; ++k) {
      double sum = 0;
      for (size_t i = 0; i < 3; ++i) sum += std::exp(double(in[(b * 3 + i) * 4 + k]));
      for (size_t i = 0; i < 3; ++i) wanted[(b * 3 + i) * 4 + k] = std::exp(double(in[(b * 3 + i) * 4 + k])) / sum;
    }
  expect_near(net.run(Dims3(2, 3, 4), in).values, wanted);
}

TEST(ElementLayers, NormalizationOverAxesAndGroups) {
  const auto in = wave(4 * 5), scale = wave(4, 1), bias = wave(4, 2);
  for (size_t groups : {1, 2}) {
    Net net;
    ITensor& x = net.input("x", Dims3(1, 4, 5));
    auto* layer = net->addNormalization(x, net.constant(Dims3(1, 4, 1), scale), net.constant(Dims3(1, 4, 1), bias), 1u << 2);
    layer->setNbGroups(int64_t(groups));
    layer->setEpsilon(1e-3f);
    net.output(layer);
    const size_t per = groups == 1 ? 1 : 4 / groups;  // channels that share statistics
    std::vector<double> wanted;
    for (size_t c = 0; c < 4; ++c) {
      const size_t first = c / per * per * 5, count = per * 5;
      double mean = 0, variance = 0;
      for (size_t i = 0; i < count; ++i) mean += in[first + i] / double(count);
      for (size_t i = 0; i < count; ++i) variance += (in[first + i] - mean) * (in[first + i] - mean) / double(count);
      for (size_t i = 0; i < 5; ++i) wanted.push_back((in[c * 5 + i] - mean) / std::sqrt(variance + 1e-3) * scale[c] + bias[c]);
    }
    expect_near(net.run(Dims3(1, 4, 5), in).values, wanted);
  }
}

TEST(ElementLayers, QuantizeAndBack) {
  const auto in = wave(12);
  Net net;
  ITensor& x = net.input("x", Dims2(4, 3));
  ITensor& scale = net.constant(Dims{1, {3}}, {0.05f, 0.1f, 0.2f});
  IQuantizeLayer* q = net->addQuantize(x, scale);
  q->setAxis(1);
  EXPECT_EQ(q->getOutput(0)->getType(), DataType::kINT8);
  IDequantizeLayer* dq = net->addDequantize(*q->getOutput(0), scale);
  dq->setAxis(1);
  net.output(dq);
  const double scales[] = {0.05f, 0.1f, 0.2f};
  std::vector<double> wanted;
  for (size_t i = 0; i < in.size(); ++i) {
    const double s = scales[i % 3];
    wanted.push_back(std::min(127.0, std::max(-128.0, std::nearbyint(double(float(in[i] / float(s)))))) * s);
  }
  expect_near(net.run(Dims2(4, 3), in).values, wanted);
}

TEST(ElementLayers, CastEinsumCumulativeLrn) {
  const auto in = wave(12);
  Net net;
  ITensor& x = net.input("x", Dims2(3, 4));
  net.output(net->addCast(x, DataType::kINT32), "ints");
  ITensor* both[] = {&x, &net.constant(Dims2(4, 2), wave(8, 1))};
  net.output(net->addEinsum(both, 2, "ij,jk->ki"), "product");
  net.output(net->addCumulative(x, net.ints(Dims{0, {}}, {1}), CumulativeOperation::kSUM, true, false), "sums");
  const auto right = wave(8, 1);
  std::vector<int32_t> ints;
  for (float e : in) ints.push_back(int32_t(e));
  using Inputs = std::map<std::string, std::pair<Dims, std::vector<float>>>;
  const Inputs inputs{{"x", {Dims2(3, 4), in}}};
  EXPECT_EQ((net.run<int32_t, float>(inputs, "ints").values), ints);
  std::vector<double> product, sums;
  for (size_t k = 0; k < 2; ++k)
    for (size_t i = 0; i < 3; ++i) {
      double sum = 0;
      for (size_t j = 0; j < 4; ++j) sum += double(in[i * 4 + j]) * right[j * 2 + k];
      product.push_back(sum);
    }
  for (size_t i = 0; i < 3; ++i) {
    double sum = 0;
    for (size_t j = 0; j < 4; ++j) {
      sums.push_back(sum);
      sum += in[i * 4 + j];
    }
  }
  expect_near(net.run<float, float>(inputs, "product").values, product);
  expect_near(net.run<float, float>(inputs, "sums").values, sums);
}

}  // namespace
