// Weak typing: what binds a layer, what is refused, what stays. What the pass makes of whole graphs:
// tests/golden/narrow_floats.
#include "passes/narrow_floats.h"

#include <gtest/gtest.h>

#include "ir/graph_text.h"

namespace temper {
namespace {

// Two products in a row, of layers "first" and "second"; the weight of the first can be any number.
Graph two_products(std::string_view weight = "0.5") {
  const std::string text =
      "graph (%0: f32[8, 2] \"x\") {\n"
      "  %1: f32[2, 2] = constant() {data = f32[2, 2] (0.25, " +
      std::string(weight) +
      ", 1, -1)} \"w\"\n"
      "  %2: f32[8, 2] = contract(%0, %1) {lhs = [8, 2, 2] -> (d0, d2), rhs = [8, 2, 2] -> (d2, d1), reduced = 1, accumulate = "
      "f32, dtype = f32} \"first\"\n"
      "  %3: f32[8, 2] = map(%2) {domain = [8, 2], body = {(f32 %0) { %1 = abs f32 %0 } -> %1}} \"between\"\n"
      "  %4: f32[8, 2] = contract(%3, %1) {lhs = [8, 2, 2] -> (d0, d2), rhs = [8, 2, 2] -> (d2, d1), reduced = 1, accumulate = "
      "f32, dtype = f32} \"second\"\n"
      "} -> (%4 \"y\")\n";
  auto graph = parse_graph(text, std::make_shared<SymContext>());
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return std::move(*graph);
}

std::string products(const Graph& graph, const Narrowing& narrowing) {
  auto narrowed = narrow_floats(graph, narrowing);
  return narrowed.ok() ? product_types(*narrowed) : narrowed.error().to_string();
}

// Layers with small operands compute in f32 unless they are told to: these pay for no kernel that narrows them.
Narrowing told(TypeBinding binding, DType first, DType second) {
  return {{DType::kF16, DType::kBF16}, binding, {{"first", {first, {}}}, {"second", {second, {}}}}};
}

TEST(NarrowFloats, ChangesNothingUnlessPermitted) {
  const Graph graph = two_products();
  auto same = narrow_floats(graph, {});
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->to_string(), graph.to_string());
}

TEST(NarrowFloats, ProductsOfInputsThatAreReadOnceStay) {
  EXPECT_EQ(products(two_products(), {{DType::kBF16}}), "f32 1, bf16 1");
}

TEST(NarrowFloats, LayersAreObeyedWhereTheyBind) {
  const Graph graph = two_products();
  EXPECT_EQ(products(graph, told(TypeBinding::kObey, DType::kBF16, DType::kF16)), "f16 1, bf16 1");
  EXPECT_EQ(products(graph, told(TypeBinding::kPrefer, DType::kF32, DType::kF32)), "f32 2");
  EXPECT_EQ(products(graph, told(TypeBinding::kNone, DType::kF32, DType::kF32)), "f32 1, f16 1");
  Narrowing all{{DType::kF16}, TypeBinding::kPrefer, {{"*", {DType::kF32, {}}}, {"second", {DType::kF16, {}}}}};
  EXPECT_EQ(products(graph, all), "f32 1, f16 1");
}

TEST(NarrowFloats, ATypeThatIsNotPermittedIsRefusedOnlyWhereItIsToBeObeyed) {
  Narrowing narrowing = told(TypeBinding::kPrefer, DType::kF32, DType::kBF16);
  narrowing.types = {DType::kF16};
  EXPECT_EQ(products(two_products(), narrowing), "f32 1, f16 1");
  narrowing.binding = TypeBinding::kObey;
  const std::string error = products(two_products(), narrowing);
  EXPECT_NE(error.find("'second'"), std::string::npos) << error;
  EXPECT_NE(error.find("not permitted"), std::string::npos) << error;
}

TEST(NarrowFloats, WeightsBeyondTheRangeStay) {
  const Graph graph = two_products("70000");
  EXPECT_EQ(products(graph, {{DType::kF16}}), "f32 2");
  EXPECT_EQ(products(graph, {{DType::kBF16}}), "f32 1, bf16 1");
  const std::string error = products(graph, told(TypeBinding::kObey, DType::kF32, DType::kF16));
  EXPECT_NE(error.find("beyond its range"), std::string::npos) << error;
}

TEST(NarrowFloats, AnOutputTypeOfALayerRoundsWhatItMakes) {
  Narrowing narrowing = told(TypeBinding::kPrefer, DType::kF32, DType::kF32);
  narrowing.layers["between"].outputs = {DType::kBF16};
  Graph graph = two_products();
  graph.value(3).name = "middle";
  auto narrowed = narrow_floats(graph, narrowing);
  ASSERT_TRUE(narrowed.ok()) << narrowed.error().to_string();
  EXPECT_EQ(product_types(*narrowed), "f32 2");
  EXPECT_NE(narrowed->to_string().find("cast bf16"), std::string::npos) << narrowed->to_string();
}

}  // namespace
}  // namespace temper
