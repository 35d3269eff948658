// The four kinds of IPluginV2 on the CPU, plugins of ONNX nodes, and libraries of plugins.
#include <gtest/gtest.h>

#include "network_client.h"
#include "sample_plugins.h"

using namespace nvinfer1;
using client::Net;
using sample::Registered;

namespace {

template <class Made>
class PluginV2 : public testing::Test {};
using Kinds = testing::Types<sample::AddOld, sample::AddExt, sample::AddIo, sample::AddDynamic>;
TYPED_TEST_SUITE(PluginV2, Kinds);

TYPED_TEST(PluginV2, Runs) {
  Registered<sample::AddCreator<TypeParam>> creator;
  Net net;
  ITensor* x = &net.input("x", {2, {2, 3}});
  IPluginV2* plugin = creator.make(0.5f, 0);
  auto* layer = net->addPluginV2(&x, 1, *plugin);
  plugin->destroy();  // the network has a clone
  ASSERT_NE(layer, nullptr) << temper::lastError().text();
  EXPECT_EQ(layer->getType(), LayerType::kPLUGIN_V2);
  EXPECT_STREQ(layer->getPlugin().getPluginType(), creator.getPluginName());
  client::expect_shape(layer->getOutput(0)->getDimensions(), {2, 3});
  net.output(net->addUnary(*layer->getOutput(0), UnaryOperation::kNEG));
  client::expect_near(net.run({2, {2, 3}}, {1, 2, 3, 4, 5, 6}).values, {-1.5, -2.5, -3.5, -4.5, -5.5, -6.5});
}

TYPED_TEST(PluginV2, IsFoundInItsNamespace) {
  Registered<sample::AddCreator<TypeParam>> creator("of tests");
  Net net;
  ITensor* x = &net.input("x", {1, {2}});
  IPluginV2* plugin = creator.make(1, 0);
  plugin->setPluginNamespace("of tests");
  net.output(net->addPluginV2(&x, 1, *plugin));
  plugin->destroy();
  client::expect_near(net.run({1, {2}}, {1, 2}).values, {2, 3});
}

TEST(PluginV2, TheOlderKindsHaveFixedExtents) {
  Net net;
  ITensor* x = &net.input("x", {2, {-1, 3}});
  EXPECT_EQ(net->addPluginV2(&x, 1, *std::make_unique<sample::AddIo>(1.f, 0)), nullptr);
  const std::string text = temper::lastError().text();
  for (const char* part : {"'AddIo'", "IPluginV2DynamicExt", "extent 0"}) EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(PluginV2, DynamicOnesRunAtEachShape) {
  Registered<sample::AddCreator<sample::AddDynamic>> creator;
  Net net;
  ITensor* x = &net.input("x", {1, {-1}});
  net.output(net->addPluginV2(&x, 1, *std::make_unique<sample::AddDynamic>(1.f)));
  auto* profile = net.builder->createOptimizationProfile();
  for (auto [at, n] : {std::pair(OptProfileSelector::kMIN, 1), {OptProfileSelector::kOPT, 2}, {OptProfileSelector::kMAX, 4}})
    profile->setDimensions("x", at, {1, {n}});
  net.config->addOptimizationProfile(profile);
  client::expect_near(net.run({1, {4}}, {1, 2, 3, 4}).values, {2, 3, 4, 5});
  client::expect_near(net.run({1, {1}}, {7}).values, {8});
}

TEST(PluginV2, InputsThatAreMissingAreRefused) {
  Net net;
  ITensor* none = nullptr;
  EXPECT_EQ(net->addPluginV2(&none, 1, *std::make_unique<sample::AddDynamic>(1.f)), nullptr);
  EXPECT_EQ(net->addPluginV2(nullptr, 1, *std::make_unique<sample::AddDynamic>(1.f)), nullptr);
  EXPECT_EQ(net->addPluginV2(nullptr, -1, *std::make_unique<sample::AddDynamic>(1.f)), nullptr);
  EXPECT_EQ(net->getNbLayers(), 0);
}

// ---- ONNX ----

std::string model_of(const std::string& op, const std::vector<std::string>& attributes) {
  return small::model({small::node(op, {"x"}, {"t"}, attributes), small::node("Neg", {"t"}, {"y"})},
                      {small::value("x", {2, 2})}, {small::value("y", {-1, 2})});
}
std::string number(const std::string& name, float value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return small::field(1, name) + small::varint(2 << 3 | 5) + bytes + small::field(20, 1);
}

std::vector<float> run_model(client::Logger& logger, const std::string& model) {
  client::Loaded loaded(logger, model);
  if (!loaded.engine) {
    ADD_FAILURE() << temper::lastError().text();
    return {};
  }
  std::unique_ptr<IExecutionContext> context(loaded.engine->createExecutionContext());
  std::vector<float> x{1, 2, 3, 4}, y(8);
  void* bindings[] = {x.data(), y.data()};
  EXPECT_TRUE(context->executeV2(bindings)) << temper::lastError().text();
  return y;
}

TEST(PluginOfOnnx, TakesAttributesAsFields) {
  Registered<sample::RepeatCreator> creator;
  client::Logger logger;
  const auto y = run_model(logger, model_of("Repeat", {small::integer("times", 2), number("scale", 10)}));
  EXPECT_EQ(y, (std::vector<float>{-10, -20, -30, -40, -10, -20, -30, -40}));
}

TEST(PluginOfOnnx, ReadsTheOlderGenerationToo) {
  Registered<sample::AddCreator<sample::AddDynamic>> creator("mine");
  client::Logger logger;
  auto y = run_model(logger, model_of("AddDynamic", {number("amount", 1), small::text("plugin_namespace", "mine")}));
  y.resize(4);
  EXPECT_EQ(y, (std::vector<float>{-2, -3, -4, -5}));
}

TEST(PluginOfOnnx, RunsInABranch) {
  Registered<sample::RepeatCreator> creator;
  client::Logger logger;
  const std::string yes =
      small::body({small::node("Repeat", {"x"}, {"a"}, {small::integer("times", 2)})}, {}, {small::value("a", {4, 2})});
  const std::string no =
      small::body({small::node("Concat", {"x", "x"}, {"b"}, {small::integer("axis", 0)})}, {}, {small::value("b", {4, 2})});
  const std::string model = small::model(
      {small::node("ReduceSum", {"x"}, {"s"}, {small::integer("keepdims", 0)}), small::node("Greater", {"s", "zero"}, {"c"}),
       small::node("If", {"c"}, {"y"}, {small::graph("then_branch", yes), small::graph("else_branch", no)})},
      {small::value("x", {2, 2})}, {small::value("y", {4, 2})}, {small::tensor<float>("zero", small::kFloat, {}, {0})});
  EXPECT_EQ(run_model(logger, model), (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4}));
}

TEST(PluginOfOnnx, SaysWhatIsWrong) {
  client::Logger logger;
  client::Build unknown(logger);
  EXPECT_FALSE(unknown.parse(model_of("Repeat", {})));
  EXPECT_NE(std::string(unknown.parser->getError(0)->desc()).find("no plugin of that name"), std::string::npos)
      << unknown.parser->getError(0)->desc();
  EXPECT_FALSE(unknown.parser->supportsOperator("Repeat"));
  Registered<sample::RepeatCreator> creator;
  EXPECT_TRUE(unknown.parser->supportsOperator("Repeat"));
  for (const auto& [attributes, part] : {std::pair(std::vector{small::integer("times", 0)}, "createPlugin() gives no plugin"),
                                         std::pair(std::vector{small::text("times", "two")}, "'times'"),
                                         std::pair(std::vector{small::integer("times", int64_t(1) << 40)}, "'times'")}) {
    client::Build build(logger);
    EXPECT_FALSE(build.parse(model_of("Repeat", attributes)));
    const std::string text = build.parser->getError(0)->desc();
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_NE(text.find("'Repeat'"), std::string::npos) << text;
  }
}

// ---- Libraries ----

TEST(PluginLibrary, IsLoadedUsedAndLeft) {
  IPluginRegistry& registry = *getPluginRegistry();
  EXPECT_EQ(registry.getCreator("FromLibrary", "1", ""), nullptr);
  auto* handle = registry.loadLibrary(TEMPER_PLUGIN_LIBRARY);
  ASSERT_NE(handle, nullptr) << temper::lastError().text();
  auto* creator = static_cast<IPluginCreatorV3One*>(registry.getCreator("FromLibrary", "1", ""));
  ASSERT_NE(creator, nullptr);
  {
    Net net;
    PluginFieldCollection none{0, nullptr};
    std::unique_ptr<IPluginV3> plugin(creator->createPlugin("", &none, TensorRTPhase::kBUILD));
    ITensor* x = &net.input("x", {1, {2}});
    net.output(net->addPluginV3(&x, 1, nullptr, 0, *plugin));
    client::expect_near(net.run({1, {2}}, {1, 2}).values, {3, 6});
  }
  registry.deregisterLibrary(handle);
  EXPECT_EQ(registry.getCreator("FromLibrary", "1", ""), nullptr);
  registry.deregisterLibrary(handle);
  EXPECT_NE(std::string(temper::lastError().text()).find("handle"), std::string::npos);
}

TEST(PluginLibrary, WhatIsNoneIsRefusedByItsPath) {
  EXPECT_EQ(getPluginRegistry()->loadLibrary("/nowhere/libplugins.so"), nullptr);
  EXPECT_NE(std::string(temper::lastError().text()).find("/nowhere/libplugins.so"), std::string::npos);
  EXPECT_EQ(getPluginRegistry()->loadLibrary(nullptr), nullptr);
  EXPECT_EQ(getPluginRegistry()->loadLibrary("libc.so.6"), nullptr);
  EXPECT_NE(std::string(temper::lastError().text()).find("getCreators"), std::string::npos) << temper::lastError().text();
}

}  // namespace
