// IPluginV3 on the CPU: built into a network, kept in a plan, made again by its creator, run.
#include <gtest/gtest.h>

#include <stdexcept>

#include "network_client.h"
#include "sample_plugins.h"

using namespace nvinfer1;
using client::Net;
using sample::Registered;

namespace {

template <class Plugin>
IPluginV3Layer* add(Net& net, std::vector<ITensor*> inputs, Plugin&& plugin, std::vector<ITensor*> shapes = {}) {
  return net->addPluginV3(inputs.data(), int32_t(inputs.size()), shapes.data(), int32_t(shapes.size()), plugin);
}

void profile(Net& net, const char* input, Dims least, Dims best, Dims most) {
  auto* p = net.builder->createOptimizationProfile();
  p->setDimensions(input, OptProfileSelector::kMIN, least);
  p->setDimensions(input, OptProfileSelector::kOPT, best);
  p->setDimensions(input, OptProfileSelector::kMAX, most);
  net.config->addOptimizationProfile(p);
}

TEST(PluginV3, RunsBetweenLayersAtEachShapeOfTheProfile) {
  Registered<sample::RepeatCreator> creator;
  Net net;
  ITensor& x = net.input("x", {2, {-1, 3}});
  auto* before = net->addActivation(x, ActivationType::kRELU);
  auto* layer = add(net, {before->getOutput(0)}, sample::Repeat(2, 10));
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  EXPECT_EQ(layer->getType(), LayerType::kPLUGIN_V3);
  EXPECT_EQ(layer->getNbInputs(), 1);
  net.output(net->addUnary(*layer->getOutput(0), UnaryOperation::kNEG));
  profile(net, "x", {2, {1, 3}}, {2, {2, 3}}, {2, {4, 3}});
  auto small = net.run({2, {1, 3}}, {1, -2, 3});
  client::expect_shape(small.shape, {2, 3});
  client::expect_near(small.values, {-10, 0, -30, -10, 0, -30});
  auto large = net.run({2, {2, 3}}, {1, 2, 3, 4, 5, 6});
  client::expect_shape(large.shape, {4, 3});
  client::expect_near(large.values, {-10, -20, -30, -40, -50, -60, -10, -20, -30, -40, -50, -60});
  EXPECT_EQ(creator.phases, std::vector{TensorRTPhase::kRUNTIME});
}

TEST(PluginV3, IsACloneOfWhatWasGiven) {
  Net net;
  ITensor& x = net.input("x", {2, {2, 3}});
  sample::Repeat given(2, 1);
  auto* layer = add(net, {&x}, given);
  ASSERT_NE(layer, nullptr);
  EXPECT_NE(&layer->getPlugin(), &given);
  client::expect_shape(layer->getOutput(0)->getDimensions(), {4, 3});
  // Asked again when its input changes.
  x.setDimensions({2, {5, 3}});
  client::expect_shape(layer->getOutput(0)->getDimensions(), {10, 3});
}

TEST(PluginV3, OutsideTheProfileIsRefused) {
  Registered<sample::RepeatCreator> creator;
  Net net;
  net.output(add(net, {&net.input("x", {2, {-1, 3}})}, sample::Repeat(2, 1)));
  profile(net, "x", {2, {1, 3}}, {2, {1, 3}}, {2, {2, 3}});
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  std::vector<float> x(9), y(18);
  ASSERT_TRUE(net.context->setInputShape("x", {2, {3, 3}}));
  net.context->setTensorAddress("x", x.data());
  net.context->setTensorAddress("y", y.data());
  void* bindings[] = {x.data(), y.data()};
  EXPECT_FALSE(net.context->executeV2(bindings));
  const std::string text = temper::lastError().text();
  EXPECT_NE(text.find("'Repeat'"), std::string::npos) << text;
  EXPECT_NE(text.find("optimization profile"), std::string::npos) << text;
}

TEST(PluginV3, NeedsAProfileForOpenExtents) {
  Net net;
  net.output(add(net, {&net.input("x", {2, {-1, 3}})}, sample::Repeat(2, 1)));
  EXPECT_FALSE(net.build());
  const std::string text = temper::lastError().text();
  EXPECT_NE(text.find("add an optimization profile"), std::string::npos) << text;
  EXPECT_NE(text.find("'Repeat'"), std::string::npos) << text;
}

TEST(PluginV3, WithoutItsCreatorAPlanIsRefusedByName) {
  Net net;
  net.output(add(net, {&net.input("x", {2, {2, 3}})}, sample::Repeat(2, 1)));
  // The build looks at what the plan needs, and needs no creator for it.
  net.config->setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, size_t(1) << 20);
  EXPECT_FALSE(net.build());
  ASSERT_NE(net.plan, nullptr) << temper::lastError().text();
  const std::string text = temper::lastError().text();
  for (const char* part : {"plugin 'Repeat' version '1' of namespace ''", "creator", "loadLibrary"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  Registered<sample::RepeatCreator> creator;
  EXPECT_TRUE(net.build()) << temper::lastError().text();
}

class WidePositiveCreator : public sample::CreatorV3<sample::Positive> {
 public:
  IPluginV3* createPlugin(AsciiChar const*, PluginFieldCollection const*, TensorRTPhase) override {
    return new sample::Positive(DataType::kINT64);
  }
};

template <class Creator>
void run_positive(DataType count_type) {
  Registered<Creator> creator;
  Net net;
  auto* layer = add(net, {&net.input("x", {1, {-1}})}, sample::Positive(count_type));
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  EXPECT_EQ(layer->getOutput(0)->getDimensions().d[0], -1);
  // Read by a layer, and as an output of the network.
  ITensor& found = *layer->getOutput(0);
  net.output(net->addElementWise(found, found, ElementWiseOperation::kSUM), "doubled");
  net.output(&found, "found");
  profile(net, "x", {1, {1}}, {1, {4}}, {1, {6}});
  using Inputs = std::map<std::string, std::pair<Dims, std::vector<float>>>;
  auto doubled = net.run<int32_t, float>(Inputs{{"x", {{1, {5}}, {1, -1, 3, -2, 4}}}}, "doubled");
  EXPECT_EQ(doubled.values, (std::vector<int32_t>{0, 4, 8}));
  auto own = net.run<int32_t, float>(Inputs{{"x", {{1, {6}}, {-1, -1, 3, -2, 4, 7}}}}, "found");
  EXPECT_EQ(own.values, (std::vector<int32_t>{2, 4, 5}));
  auto none = net.run<int32_t, float>(Inputs{{"x", {{1, {2}}, {-1, -1}}}}, "doubled");
  client::expect_shape(none.shape, {0});
}

TEST(PluginV3, DecidesASizeInItsRun) { run_positive<sample::CreatorV3<sample::Positive>>(DataType::kINT32); }
TEST(PluginV3, TellsASizeAsInt64) { run_positive<WidePositiveCreator>(DataType::kINT64); }

// y = x, with the extents that its shape input says, filled up with zeros.
class Grow final : public sample::PluginV3 {
 public:
  IPluginV3* clone() override { return new Grow; }
  AsciiChar const* getPluginName() const override { return "Grow"; }
  int32_t getOutputShapes(DimsExprs const*, int32_t count, DimsExprs const* shapes, int32_t shape_count, DimsExprs* outputs,
                          int32_t, IExprBuilder&) override {
    if (count != 1 || shape_count != 1) return 1;
    outputs[0] = shapes[0];
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) override {
    const int64_t have = sample::volume(in[0].dims), want = sample::volume(out[0].dims);
    for (int64_t i = 0; i < want; ++i)
      static_cast<float*>(outputs[0])[i] = i < have ? static_cast<const float*>(inputs[0])[i] : 0;
    return 0;
  }
};

TEST(PluginV3, TakesShapesFromOtherTensors) {
  Registered<sample::CreatorV3<Grow>> creator;
  Net net;
  ITensor& like = net.input("like", {2, {-1, 2}});
  auto* layer = add(net, {&net.input("x", {1, {3}})}, Grow(), {net->addShape(like)->getOutput(0)});
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  EXPECT_EQ(layer->getNbInputs(), 2);
  net.output(layer);
  net.output(net->addIdentity(like), "unchanged");
  profile(net, "like", {2, {2, 2}}, {2, {2, 2}}, {2, {3, 2}});
  auto y = net.run<float, float>({{"x", {{1, {3}}, {1, 2, 3}}}, {"like", {{2, {3, 2}}, std::vector<float>(6)}}});
  client::expect_shape(y.shape, {3, 2});
  client::expect_near(y.values, {1, 2, 3, 0, 0, 0});
}

TEST(PluginV3, RefusesShapesThatAreComputedFromData) {
  Net net;
  ITensor& data = net.input("shape", {1, {2}}, DataType::kINT64);
  EXPECT_EQ(add(net, {&net.input("x", {1, {3}})}, Grow(), {&data}), nullptr);
  const std::string text = temper::lastError().text();
  EXPECT_NE(text.find("'shape'"), std::string::npos) << text;
  EXPECT_NE(text.find("'Grow'"), std::string::npos) << text;
}

// Adds 1 to its input in place.
class Increment final : public sample::PluginV3 {
 public:
  IPluginV3* clone() override { return new Increment; }
  AsciiChar const* getPluginName() const override { return "Increment"; }
  int32_t getAliasedInput(int32_t) override { return 0; }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs, void*,
                  cudaStream_t) override {
    if (inputs[0] != outputs[0]) return 1;
    for (int64_t i = 0; i < sample::volume(in[0].dims); ++i) static_cast<float*>(outputs[0])[i] += 1;
    return 0;
  }
};

TEST(PluginV3, WritesOverAnInputThatOthersStillRead) {
  Registered<sample::CreatorV3<Increment>> creator;
  Net net;
  ITensor& x = net.input("x", {1, {3}});
  ITensor& twice = *net->addElementWise(x, x, ElementWiseOperation::kSUM)->getOutput(0);
  auto* layer = add(net, {&twice}, Increment());
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  net.output(net->addElementWise(*layer->getOutput(0), twice, ElementWiseOperation::kPROD));
  client::expect_near(net.run({1, {3}}, {1, 2, 3}).values, {6, 20, 42});
}

TEST(PluginV3, WritesOverAnInputOfTheNetworkWhereTheCallerBindsBothToOnePlace) {
  Registered<sample::CreatorV3<Increment>> creator;
  Net net;
  auto* layer = add(net, {&net.input("x", {1, {3}})}, Increment());
  net.output(layer);
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  EXPECT_STREQ(net.engine->getAliasedInputTensor("y"), "x");
  EXPECT_EQ(net.engine->getAliasedInputTensor("x"), nullptr);
  std::vector<float> both{1, 2, 3};
  void* bindings[] = {both.data(), both.data()};
  ASSERT_TRUE(net.context->executeV2(bindings)) << temper::lastError().text();
  EXPECT_EQ(both, (std::vector<float>{2, 3, 4}));
}

// Doubles in half precision only; keeps the tactic that it was given.
class Halves final : public sample::PluginV3 {
 public:
  IPluginV3* clone() override { return new Halves(*this); }
  AsciiChar const* getPluginName() const override { return "Halves"; }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* tensors, int32_t, int32_t) override {
    return tensors[pos].desc.type == DataType::kHALF;
  }
  int32_t getNbTactics() override { return 2; }
  int32_t getValidTactics(int32_t* tactics, int32_t count) override {
    for (int32_t i = 0; i < count; ++i) tactics[i] = 7 + i;
    return 0;
  }
  int32_t setTactic(int32_t tactic) override {
    tactic_ = tactic;
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs, void*,
                  cudaStream_t) override {
    if (tactic_ != 7 && tactic_ != 8) return 1;
    // Twice a normal number is one more in the exponent.
    for (int64_t i = 0; i < sample::volume(in[0].dims); ++i)
      static_cast<uint16_t*>(outputs[0])[i] = uint16_t(static_cast<const uint16_t*>(inputs[0])[i] + 0x400);
    return 0;
  }

 private:
  int32_t tactic_ = 0;
};

TEST(PluginV3, GetsTheTypesThatItSupportsAndATactic) {
  Registered<sample::CreatorV3<Halves>> creator;
  Net net;
  auto* layer = add(net, {&net.input("x", {1, {3}})}, Halves());
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  EXPECT_EQ(layer->getOutput(0)->getType(), DataType::kFLOAT);
  net.output(layer);
  client::expect_near(net.run({1, {3}}, {1, 2, -3}).values, {2, 4, -6});
}

TEST(PluginV3, WhereTypesAreFixedThoseThatItLacksAreRefused) {
  Net net(1U << int(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED));
  net.output(add(net, {&net.input("x", {1, {3}})}, Halves()));
  EXPECT_FALSE(net.build());
  const std::string text = temper::lastError().text();
  EXPECT_NE(text.find("'Halves'"), std::string::npos) << text;
  EXPECT_NE(text.find("cast its inputs"), std::string::npos) << text;
}

class Failing final : public sample::PluginV3 {
 public:
  IPluginV3* clone() override { return new Failing; }
  AsciiChar const* getPluginName() const override { return "Failing"; }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const*, void*,
                  cudaStream_t) override {
    return 42;
  }
};

TEST(PluginV3, WhatGoesWrongInItHasItsName) {
  Registered<sample::CreatorV3<Failing>> creator;
  Net net;
  auto* layer = add(net, {&net.input("x", {1, {3}})}, Failing());
  layer->setName("the one that fails");
  net.output(layer);
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  std::vector<float> x(3), y(3);
  void* bindings[] = {x.data(), y.data()};
  EXPECT_FALSE(net.context->executeV2(bindings));
  const std::string text = temper::lastError().text();
  for (const char* part : {"'Failing'", "'the one that fails'", "returned 42"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  // On a stream it is an error of the stream.
  net.context->setTensorAddress("x", x.data());
  net.context->setTensorAddress("y", y.data());
  client::Stream stream;
  ASSERT_TRUE(net.context->enqueueV3(stream.handle));
  EXPECT_NE(cudaStreamSynchronize(stream.handle), cudaSuccess);
}

class Launching final : public sample::PluginV3 {
 public:
  IPluginV3* clone() override { return new Launching; }
  AsciiChar const* getPluginName() const override { return "Launching"; }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const*, void*,
                  cudaStream_t stream) override {
    cudaLaunchKernel(nullptr, dim3(1), dim3(32), nullptr, 0, stream);
    return 0;  // as many plugins do
  }
};

TEST(PluginV3, KernelsOfItsOwnAreNoneOnAHost) {
  Registered<sample::CreatorV3<Launching>> creator;
  Net net;
  net.output(add(net, {&net.input("x", {1, {3}})}, Launching()));
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  std::vector<float> x(3), y(3);
  void* bindings[] = {x.data(), y.data()};
  EXPECT_FALSE(net.context->executeV2(bindings));
  const std::string text = temper::lastError().text();
  for (const char* part : {"'Launching'", "no code for kernels", "host code"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

// One thing of it is wrong.
class Wrong final : public sample::PluginV3 {
 public:
  enum What {
    kRank,
    kNoExpression,
    kDivisor,
    kShapesFail,
    kTypesFail,
    kNoType,
    kAlias,
    kNoOutputs,
    kThrows,
    kNoBuild,
    kNoClone
  };
  explicit Wrong(What what) : what_(what) {}
  IPluginV3* clone() override { return what_ == kNoClone ? nullptr : new Wrong(what_); }
  IPluginCapability* getCapabilityInterface(PluginCapabilityType type) override {
    return what_ == kNoBuild && type == PluginCapabilityType::kBUILD ? nullptr : PluginV3::getCapabilityInterface(type);
  }
  AsciiChar const* getPluginName() const override { return "Wrong"; }
  int32_t getNbOutputs() const override { return what_ == kNoOutputs ? 0 : 1; }
  int32_t getAliasedInput(int32_t) override { return what_ == kAlias ? 3 : -1; }
  int32_t getOutputDataTypes(DataType* outputs, int32_t, DataType const* inputs, int32_t) const override {
    outputs[0] = what_ == kNoType ? static_cast<DataType>(999) : inputs[0];
    return what_ == kTypesFail ? 5 : 0;
  }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder& builder) override {
    if (what_ == kThrows) throw std::runtime_error("thrown by the plugin");
    outputs[0] = inputs[0];
    if (what_ == kRank) outputs[0].nbDims = 9;
    if (what_ == kNoExpression) outputs[0].d[0] = nullptr;
    if (what_ == kDivisor)
      outputs[0].d[0] = builder.operation(DimensionOperation::kFLOOR_DIV, *inputs[0].d[0], *builder.constant(0));
    return what_ == kShapesFail ? 6 : 0;
  }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const*, void*,
                  cudaStream_t) override {
    return 0;
  }

 private:
  What what_;
};

TEST(PluginV3, WhatIsWrongInItIsRefusedWhenItIsAdded) {
  const std::pair<Wrong::What, const char*> wrongs[] = {{Wrong::kRank, "a rank of 9"},
                                                        {Wrong::kNoExpression, "no expression for extent 0"},
                                                        {Wrong::kDivisor, "no expression for extent 0"},
                                                        {Wrong::kShapesFail, "getOutputShapes() returned 6"},
                                                        {Wrong::kTypesFail, "getOutputDataTypes() returned 5"},
                                                        {Wrong::kNoType, "element type"},
                                                        {Wrong::kAlias, "over an input that it does not have"},
                                                        {Wrong::kNoOutputs, "no outputs"},
                                                        {Wrong::kThrows, "thrown by the plugin"},
                                                        {Wrong::kNoBuild, "getCapabilityInterface()"},
                                                        {Wrong::kNoClone, "clone() gives no plugin"}};
  for (const auto& [what, part] : wrongs) {
    Net net;
    EXPECT_EQ(add(net, {&net.input("x", {1, {3}})}, Wrong(what)), nullptr) << part;
    const std::string text = temper::lastError().text();
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(net->getNbLayers(), 0);
  }
}

TEST(PluginV3, IsALayerOfTheEngine) {
  Registered<sample::RepeatCreator> creator;
  Net net;
  auto* layer = add(net, {&net.input("x", {2, {2, 3}})}, sample::Repeat(2, 1));
  layer->setName("twice");
  net.output(layer);
  net.config->setProfilingVerbosity(ProfilingVerbosity::kDETAILED);
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  EXPECT_EQ(net.engine->getNbLayers(), 1);
  std::unique_ptr<IEngineInspector> inspector(net.engine->createEngineInspector());
  const std::string text = inspector->getLayerInformation(0, LayerInformationFormat::kJSON);
  EXPECT_NE(text.find("twice"), std::string::npos) << text;
  EXPECT_NE(text.find("Repeat"), std::string::npos) << text;
}

TEST(PluginV3, LibrariesAreNotPutIntoPlans) {
  Net net;
  net.output(net->addIdentity(net.input("x", {1, {3}})));
  const char* paths[] = {"libmine.so"};
  net.config->setPluginsToSerialize(paths, 1);
  EXPECT_FALSE(net.build());
  EXPECT_NE(std::string(temper::lastError().text()).find("'libmine.so'"), std::string::npos) << temper::lastError().text();
}

TEST(PluginV3, TwoContextsHaveOneEach) {
  Registered<sample::RepeatCreator> creator;
  Net net;
  net.output(add(net, {&net.input("x", {2, {-1, 1}})}, sample::Repeat(2, 1)));
  profile(net, "x", {2, {1, 1}}, {2, {2, 1}}, {2, {4, 1}});
  ASSERT_TRUE(net.build()) << temper::lastError().text();
  std::unique_ptr<IExecutionContext> other(net.engine->createExecutionContext());
  std::vector<float> x{1, 2, 3, 4}, y(8), z(4);
  net.context->setInputShape("x", {2, {4, 1}});
  other->setInputShape("x", {2, {2, 1}});
  for (int round = 0; round < 2; ++round) {
    void* first[] = {x.data(), y.data()};
    void* second[] = {x.data(), z.data()};
    ASSERT_TRUE(net.context->executeV2(first)) << temper::lastError().text();
    ASSERT_TRUE(other->executeV2(second)) << temper::lastError().text();
  }
  EXPECT_EQ(y, (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4}));
  EXPECT_EQ(z, (std::vector<float>{1, 2, 1, 2}));
}

}  // namespace
