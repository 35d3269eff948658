// Networks that make no sense are refused at the call, with words that name the layer and the cure; what this version does not
// have is refused too, never left out in silence.
#include <cmath>

#include "network_client.h"

namespace {

using namespace nvinfer1;
using client::Net;
using client::wave;

// The text of the last error, which is taken.
std::string taken() {
  std::string text = temper::lastError().text();
  temper::clearLastError();
  return text;
}
#define EXPECT_REFUSED(call, word)                         \
  do {                                                     \
    temper::clearLastError();                              \
    EXPECT_FALSE(call) << #call;                           \
    const std::string text = taken();                      \
    EXPECT_NE(text.find(word), std::string::npos) << text; \
  } while (false)
// For setters, which return nothing.
#define EXPECT_COMPLAINT(call, word)                       \
  do {                                                     \
    temper::clearLastError();                              \
    call;                                                  \
    const std::string text = taken();                      \
    EXPECT_NE(text.find(word), std::string::npos) << text; \
  } while (false)

class NetworkErrors : public testing::Test {
 protected:
  Net net;
  ITensor& image = net.input("image", Dims4(1, 3, 8, 8));
  ITensor& row = net.input("row", Dims2(2, 4));
  ITensor& flags = net.input("flags", Dims2(2, 4), DataType::kBOOL);
};

TEST_F(NetworkErrors, ArgumentsWithoutMeaning) {
  const Weights none{}, nowhere{DataType::kFLOAT, nullptr, 4};
  EXPECT_REFUSED(net->addConvolutionNd(image, 0, DimsHW(3, 3), net.weights(wave(9)), none), "output maps");
  EXPECT_REFUSED(net->addConvolutionNd(image, 1, DimsHW(0, 3), net.weights(wave(9)), none), "kernel");
  EXPECT_REFUSED(net->addConvolutionNd(image, 1, Dims{0, {}}, net.weights(wave(9)), none), "kernel");
  EXPECT_REFUSED(net->addConvolutionNd(image, 1, DimsHW(3, 3), nowhere, none), "no values");
  EXPECT_REFUSED(net->addPoolingNd(image, static_cast<PoolingType>(9), DimsHW(2, 2)), "pooling type");
  EXPECT_REFUSED(net->addActivation(image, static_cast<ActivationType>(77)), "activation type");
  EXPECT_REFUSED(net->addElementWise(row, row, static_cast<ElementWiseOperation>(-1)), "elementwise");
  EXPECT_REFUSED(net->addUnary(row, static_cast<UnaryOperation>(99)), "unary");
  EXPECT_REFUSED(net->addReduce(row, ReduceOperation::kNONE, 1, false), "reduction");
  EXPECT_REFUSED(net->addLRN(image, 4, 1, 1, 1), "odd");
  EXPECT_REFUSED(net->addNormalization(image, image, image, 0), "axes");
  EXPECT_REFUSED(net->addConcatenation(nullptr, 2), "input");
  EXPECT_REFUSED(net->addConstant(Dims2(2, 3), net.weights(wave(5))), "2x3");
  EXPECT_REFUSED(net->addTopK(row, TopKOperation::kMAX, 1, 1, DataType::kFLOAT), "kINT32");
  EXPECT_REFUSED(net->addPaddingNd(image, Dims3(1, 1, 1), DimsHW(1, 1)), "2 dimensions");
  EXPECT_REFUSED(net->addEinsum(nullptr, 0, "i->i"), "input");
  ITensor* one[] = {&row};
  EXPECT_REFUSED(net->addEinsum(one, 1, nullptr), "equation");
  EXPECT_REFUSED(net->addAssertion(row, "x"), "boolean");
  EXPECT_REFUSED(net->addInput("row", DataType::kFLOAT, Dims2(1, 1)), "already");
  EXPECT_EQ(net->getNbLayers(), 0);
}

TEST_F(NetworkErrors, InputsThatDoNotFit) {
  EXPECT_REFUSED(net->addElementWise(image, row, ElementWiseOperation::kSUM), "ranks");
  EXPECT_REFUSED(net->addElementWise(row, flags, ElementWiseOperation::kSUM), "types");
  EXPECT_REFUSED(net->addElementWise(row, net.constant(Dims2(3, 4), wave(12)), ElementWiseOperation::kSUM), "broadcast");
  EXPECT_REFUSED(net->addUnary(flags, UnaryOperation::kEXP), "bool");
  EXPECT_REFUSED(net->addReduce(row, ReduceOperation::kSUM, 1u << 5, false), "axis 5");
  EXPECT_REFUSED(net->addReduce(row, ReduceOperation::kSUM, 0, false), "no axes");
  EXPECT_REFUSED(net->addSelect(row, row, row), "");
  EXPECT_REFUSED(net->addActivation(flags, ActivationType::kSIGMOID), "floating");
}

TEST_F(NetworkErrors, SettersWithoutMeaningChangeNothing) {
  auto* conv = net->addConvolutionNd(image, 2, DimsHW(3, 3), net.weights(wave(54)), Weights{});
  ASSERT_NE(conv, nullptr) << taken();
  EXPECT_COMPLAINT(conv->setStrideNd(DimsHW(0, 1)), "stride");
  EXPECT_COMPLAINT(conv->setStrideNd(Dims3(1, 1, 1)), "kernel has 2");
  EXPECT_COMPLAINT(conv->setNbGroups(0), "groups");
  EXPECT_COMPLAINT(conv->setPaddingMode(static_cast<PaddingMode>(17)), "padding mode");
  EXPECT_COMPLAINT(conv->setInput(7, row), "at most 3");
  EXPECT_COMPLAINT(conv->setName(nullptr), "no name");
  client::expect_shape(conv->getStrideNd(), {1, 1});
  EXPECT_EQ(conv->getNbGroups(), 1);
  client::expect_shape(conv->getOutput(0)->getDimensions(), {1, 2, 6, 6});
  auto* pool = net->addPoolingNd(image, PoolingType::kMAX, DimsHW(2, 2));
  EXPECT_COMPLAINT(pool->setBlendFactor(2), "blend");
  auto* top = net->addTopK(row, TopKOperation::kMAX, 2, 2);
  EXPECT_COMPLAINT(top->setK(0), "at least 1");
  EXPECT_COMPLAINT(row.setDynamicRange(NAN, 1), "finite");
}

TEST_F(NetworkErrors, ContradictionsAreFoundWhenTheyAreLookedAt) {
  auto* conv = net->addConvolutionNd(image, 2, DimsHW(3, 3), net.weights(wave(10)), Weights{});
  ASSERT_NE(conv, nullptr);
  conv->setName("stem");
  auto* relu = net->addActivation(*conv->getOutput(0), ActivationType::kRELU);
  ASSERT_NE(relu, nullptr);
  temper::clearLastError();
  EXPECT_EQ(relu->getOutput(0)->getDimensions().nbDims, -1);
  std::string text = taken();
  EXPECT_NE(text.find("stem"), std::string::npos) << text;
  EXPECT_NE(text.find("54"), std::string::npos) << text;
  net.output(relu);
  EXPECT_FALSE(net.build());
  text = taken();
  EXPECT_NE(text.find("stem"), std::string::npos) << text;
  conv->setKernelWeights(net.weights(wave(54)));
  EXPECT_TRUE(net.build()) << taken();
}

TEST_F(NetworkErrors, ALayerMayNotReadWhatItMakes) {
  auto* first = net->addUnary(row, UnaryOperation::kABS);
  auto* second = net->addUnary(*first->getOutput(0), UnaryOperation::kNEG);
  first->setInput(0, *second->getOutput(0));
  net.output(second);
  temper::clearLastError();
  EXPECT_FALSE(net.build());
  EXPECT_NE(taken().find("what it makes itself"), std::string::npos);
}

TEST_F(NetworkErrors, TensorsOfAnotherNetwork) {
  Net other;
  ITensor& strange = other.input("strange", Dims2(2, 4));
  EXPECT_REFUSED(net->addElementWise(row, strange, ElementWiseOperation::kSUM), "another network");
  auto* own = net->addUnary(row, UnaryOperation::kABS);
  EXPECT_COMPLAINT(own->setInput(0, strange), "another network");
  EXPECT_COMPLAINT(net->markOutput(strange), "another network");
}

TEST_F(NetworkErrors, WhatIsNotThereSaysSo) {
  EXPECT_REFUSED(net->addAttention(image, image, image, AttentionNormalizationOp::kSOFTMAX, false), "softmax");
  EXPECT_REFUSED(net->addMoE(row, row, row), "experts");
  EXPECT_REFUSED(net->addDistCollective(row, CollectiveOperation::kALL_REDUCE, ReduceOperation::kSUM, 0, nullptr, 0), "device");
  EXPECT_REFUSED(net->addDynamicQuantize(row, 1, 16, DataType::kFP4, DataType::kFP8), "addQuantize");
  EXPECT_REFUSED(net->addKVCacheUpdate(image, image, row, KVCacheMode::kLINEAR), "cache");
  EXPECT_REFUSED(net->addRotaryEmbedding(image, row, row, false, 0), "RotaryEmbedding");
  EXPECT_REFUSED(net->markDebug(row), "output");
  EXPECT_EQ(net->getNbLayers(), 0);
  IFillLayer* random = net->addFill(Dims2(2, 4), FillOperation::kRANDOM_UNIFORM, DataType::kFLOAT);
  EXPECT_EQ(random->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_NE(taken().find("random"), std::string::npos);
}

TEST_F(NetworkErrors, OptionsThatCanNotBeMet) {
  net.output(net->addUnary(row, UnaryOperation::kABS));
  net.config->setDefaultDeviceType(DeviceType::kDLA);
  EXPECT_REFUSED(net.build(), "kGPU_FALLBACK");
  net.config->setFlag(BuilderFlag::kGPU_FALLBACK);
  EXPECT_TRUE(net.build()) << taken();
  EXPECT_EQ(net.builder->getNbDLACores(), 0);
  EXPECT_FALSE(net.config->canRunOnDLA(net->getLayer(0)));
  net.config->setRuntimePlatform(RuntimePlatform::kWINDOWS_AMD64);
  EXPECT_REFUSED(net.builder->isNetworkSupported(*net.network, *net.config), "operating system");
  EXPECT_REFUSED(createInferRefitter(*net.engine, net.logger), "refitted");
  EXPECT_REFUSED(net.engine->setWeightStreamingBudgetV2(1), "streamed");
}

TEST_F(NetworkErrors, NamesAndOrderOfLayers) {
  auto* a = net->addUnary(row, UnaryOperation::kABS);
  auto* b = net->addScaleNd(image, ScaleMode::kUNIFORM, net.weights({1}), Weights{}, Weights{}, 1);
  ASSERT_EQ(net->getNbLayers(), 2);
  EXPECT_EQ(net->getLayer(0), a);
  EXPECT_EQ(net->getLayer(1), b);  // its weights are no layer
  EXPECT_STREQ(a->getName(), "(Unnamed Layer* 0) [unary]");
  EXPECT_EQ(net->getLayer(2), nullptr);
  a->setMetadata("mine");
  EXPECT_STREQ(a->getMetadata(), "mine");
  a->setPrecision(DataType::kHALF);
  EXPECT_TRUE(a->precisionIsSet());
  a->resetPrecision();
  EXPECT_FALSE(a->precisionIsSet());
  EXPECT_TRUE(net->setWeightsName(b->getShift(), "shift"));
  EXPECT_REFUSED(net->setWeightsName(Weights{DataType::kFLOAT, this, 1}, "none"), "no layer");
}

}  // namespace
