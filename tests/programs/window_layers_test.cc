// Layers over windows, built with the API, against sums written out here.
#include <cmath>
#include <limits>

#include "network_client.h"

namespace {

using namespace nvinfer1;
using client::expect_near;
using client::expect_shape;
using client::Net;
using client::wave;

struct Window {
  int64_t kernel, stride, dilation, pre, post;
  int64_t out(int64_t in) const { return (in + pre + post - dilation * (kernel - 1) - 1) / stride + 1; }
};

// [n, c, h, w] with [k, c / groups, kh, kw].
std::vector<double> convolve(const std::vector<float>& x, int64_t n, int64_t c, int64_t h, int64_t w,
                             const std::vector<float>& kernel, const std::vector<float>& bias, int64_t maps, int64_t groups,
                             Window wh, Window ww) {
  const int64_t oh = wh.out(h), ow = ww.out(w), per = c / groups;
  std::vector<double> y;
  for (int64_t b = 0; b < n; ++b)
    for (int64_t k = 0; k < maps; ++k)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          double sum = bias.empty() ? 0 : bias[size_t(k)];
          for (int64_t q = 0; q < per; ++q)
            for (int64_t u = 0; u < wh.kernel; ++u)
              for (int64_t v = 0; v < ww.kernel; ++v) {
                const int64_t yy = i * wh.stride + u * wh.dilation - wh.pre, xx = j * ww.stride + v * ww.dilation - ww.pre;
                if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
                const int64_t channel = k / (maps / groups) * per + q;
                sum += double(x[size_t(((b * c + channel) * h + yy) * w + xx)]) *
                       kernel[size_t(((k * per + q) * wh.kernel + u) * ww.kernel + v)];
              }
          y.push_back(sum);
        }
  return y;
}

TEST(WindowLayers, Convolution) {
  Net net;
  ITensor& x = net.input("x", Dims4(-1, 4, 9, 7));
  const auto kernel = wave(6 * 2 * 3 * 2, 1), bias = wave(6, 2);
  IConvolutionLayer* conv = net->addConvolutionNd(x, 6, DimsHW(3, 2), net.weights(kernel), net.weights(bias));
  ASSERT_NE(conv, nullptr) << temper::lastError().text();
  conv->setNbGroups(2);
  conv->setStrideNd(DimsHW(2, 1));
  conv->setDilationNd(DimsHW(1, 2));
  conv->setPrePadding(DimsHW(1, 0));
  conv->setPostPadding(DimsHW(0, 2));
  EXPECT_EQ(conv->getType(), LayerType::kCONVOLUTION);
  EXPECT_EQ(conv->getNbGroups(), 2);
  EXPECT_EQ(conv->getNbInputs(), 1);
  EXPECT_EQ(conv->getKernelWeights().count, 72);
  EXPECT_EQ(conv->getBiasWeights().count, 6);
  expect_shape(conv->getStrideNd(), {2, 1});
  expect_shape(conv->getPostPadding(), {0, 2});
  expect_shape(conv->getOutput(0)->getDimensions(), {-1, 6, 4, 7});
  net.output(conv);
  const auto in = wave(2 * 4 * 9 * 7);
  const auto y = net.run(Dims4(2, 4, 9, 7), in);
  expect_shape(y.shape, {2, 6, 4, 7});
  expect_near(y.values, convolve(in, 2, 4, 9, 7, kernel, bias, 6, 2, {3, 2, 1, 1, 0}, {2, 1, 2, 0, 2}));
}

TEST(WindowLayers, PaddingModesOfAConvolution) {
  const auto kernel = wave(2 * 3 * 3, 1);
  const auto in = wave(2 * 8 * 8);
  struct Case {
    PaddingMode mode;
    Window window;
    int64_t out;
  };
  for (const Case& c :
       {Case{PaddingMode::kEXPLICIT_ROUND_DOWN, {3, 2, 1, 0, 0}, 3}, Case{PaddingMode::kEXPLICIT_ROUND_UP, {3, 2, 1, 0, 1}, 4},
        Case{PaddingMode::kSAME_UPPER, {3, 2, 1, 0, 1}, 4}, Case{PaddingMode::kSAME_LOWER, {3, 2, 1, 1, 0}, 4}}) {
    Net net;
    ITensor& x = net.input("x", Dims4(1, 2, 8, 8));
    auto* conv = net->addConvolutionNd(x, 1, DimsHW(3, 3), net.weights(kernel), Weights{});
    conv->setStrideNd(DimsHW(2, 2));
    conv->setPaddingMode(c.mode);
    EXPECT_EQ(conv->getPaddingMode(), c.mode);
    net.output(conv);
    const auto y = net.run(Dims4(1, 2, 8, 8), in);
    expect_shape(y.shape, {1, 1, c.out, c.out});
    expect_near(y.values, convolve(in, 1, 2, 8, 8, kernel, {}, 1, 1, c.window, c.window));
  }
}

TEST(WindowLayers, DeconvolutionSpreadsWhatAConvolutionGathers) {
  Net net;
  ITensor& x = net.input("x", Dims4(1, 2, 3, 4));
  const auto kernel = wave(2 * 3 * 2 * 2, 1);  // [c, k, 2, 2]
  auto* deconv = net->addDeconvolutionNd(x, 3, DimsHW(2, 2), net.weights(kernel), Weights{});
  ASSERT_NE(deconv, nullptr) << temper::lastError().text();
  deconv->setStrideNd(DimsHW(2, 2));
  net.output(deconv);
  const auto in = wave(2 * 3 * 4);
  std::vector<double> wanted(3 * 6 * 8, 0);
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 4; ++j)
        for (int k = 0; k < 3; ++k)
          for (int u = 0; u < 2; ++u)
            for (int v = 0; v < 2; ++v)
              wanted[size_t((k * 6 + i * 2 + u) * 8 + j * 2 + v)] +=
                  double(in[size_t((c * 3 + i) * 4 + j)]) * kernel[size_t(((c * 3 + k) * 2 + u) * 2 + v)];
  const auto y = net.run(Dims4(1, 2, 3, 4), in);
  expect_shape(y.shape, {1, 3, 6, 8});
  expect_near(y.values, wanted);
}

TEST(WindowLayers, Pooling) {
  const auto in = wave(2 * 5 * 5);
  for (PoolingType type : {PoolingType::kMAX, PoolingType::kAVERAGE, PoolingType::kMAX_AVERAGE_BLEND}) {
    for (bool excludes : {true, false}) {
      Net net;
      ITensor& x = net.input("x", Dims4(1, 2, 5, 5));
      IPoolingLayer* pool = net->addPoolingNd(x, type, DimsHW(3, 3));
      pool->setStrideNd(DimsHW(2, 2));
      pool->setPaddingNd(DimsHW(1, 1));
      pool->setBlendFactor(0.25f);
      pool->setAverageCountExcludesPadding(excludes);
      EXPECT_EQ(pool->getPoolingType(), type);
      net.output(pool);
      std::vector<double> wanted;
      for (int c = 0; c < 2; ++c)
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) {
            double largest = -std::numeric_limits<double>::infinity(), sum = 0;
            int count = 0;
            for (int u = -1; u < 2; ++u)
              for (int v = -1; v < 2; ++v) {
                const int yy = i * 2 + u, xx = j * 2 + v;
                if (yy < 0 || yy > 4 || xx < 0 || xx > 4) continue;
                const double e = in[size_t((c * 5 + yy) * 5 + xx)];
                largest = std::max(largest, e), sum += e, ++count;
              }
            const double average = sum / (excludes ? count : 9);
            wanted.push_back(type == PoolingType::kMAX       ? largest
                             : type == PoolingType::kAVERAGE ? average
                                                             : 0.75 * largest + 0.25 * average);
          }
      expect_near(net.run(Dims4(1, 2, 5, 5), in).values, wanted);
    }
  }
}

TEST(WindowLayers, FullyConnected) {
  Net net;
  ITensor& x = net.input("x", Dims4(-1, 2, 2, 3));
  const auto kernel = wave(4 * 12, 1), bias = wave(4, 3);
  net.output(net->addFullyConnected(x, 4, net.weights(kernel), net.weights(bias)));
  const auto in = wave(3 * 12);
  std::vector<double> wanted;
  for (size_t b = 0; b < 3; ++b)
    for (size_t k = 0; k < 4; ++k) {
      double sum = bias[k];
      for (size_t i = 0; i < 12; ++i) sum += double(in[b * 12 + i]) * kernel[k * 12 + i];
      wanted.push_back(sum);
    }
  const auto y = net.run(Dims4(3, 2, 2, 3), in);
  expect_shape(y.shape, {3, 4, 1, 1});
  expect_near(y.values, wanted);
}

TEST(WindowLayers, SettingsAfterOtherLayersCount) {
  Net net;
  ITensor& x = net.input("x", Dims4(1, 1, 4, 4));
  const std::vector<float> kernel(9, 1);
  auto* conv = net->addConvolutionNd(x, 1, DimsHW(3, 3), net.weights(kernel), Weights{});
  auto* relu = net->addActivation(*conv->getOutput(0), ActivationType::kRELU);
  expect_shape(relu->getOutput(0)->getDimensions(), {1, 1, 2, 2});
  conv->setPaddingNd(DimsHW(1, 1));
  expect_shape(relu->getOutput(0)->getDimensions(), {1, 1, 4, 4});
  conv->setKernelSizeNd(DimsHW(5, 5));  // 9 weights are too few now
  EXPECT_EQ(relu->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_NE(temper::lastError().text().find("25"), std::string::npos) << temper::lastError().text();
  conv->setKernelSizeNd(DimsHW(1, 1));
  conv->setKernelWeights(net.weights({2}));
  conv->setPaddingNd(DimsHW(0, 0));
  net.output(relu);
  const auto in = wave(16);
  std::vector<double> wanted;
  for (float e : in) wanted.push_back(std::max(0.0f, 2 * e));
  expect_near(net.run(Dims4(1, 1, 4, 4), in).values, wanted);
}

}  // namespace
