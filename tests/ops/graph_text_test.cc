// The text of a graph: what is written reads back as the same graph, and what makes no sense is refused with its place.
#include "ir/graph_text.h"

#include <gtest/gtest.h>

#include "ir/op.h"
#include "ir/text_form.h"
#include "ops/builder.h"

namespace temper {
namespace {

std::string reprinted(const std::string& text, const ConstantResolver& constants = nullptr) {
  auto graph = parse_graph(text, std::make_shared<SymContext>(), constants);
  return graph.ok() ? graph->to_string() : graph.error().to_string();
}

std::string refusal(const std::string& text) {
  auto graph = parse_graph(text, std::make_shared<SymContext>());
  return graph.ok() ? "" : graph.error().message();
}

constexpr const char* kSmall =
    "graph (%0: f32[batch, 4] \"x\", %1: i64[2] {batch, 4}) {\n"
    "  %2: f32[4] = constant() {data = f32[4] (1, 2, 0.5, -0)} \"scale\"\n"
    "  %3: f32[batch, 4] = reindex(%2) {map = [batch, 4] -> (d1), fill = 0}\n"
    "  %4: f32[batch, 4] \"y\" = map(%0, %3) {domain = [batch, 4], body = {(f32 %0, f32 %1) { %2 = mul f32 %0 %1 } -> %2}} \"a "
    "\\\"b\\\"\\x0a\"\n"
    "  %5: f32[batch] = reduce(%4) {axes = [1], monoid = max}\n"
    "} -> (%4 \"first\", %5 \"second\")\n";

TEST(GraphText, ReadsBackWhatItWrote) { EXPECT_EQ(reprinted(kSmall), kSmall); }

TEST(GraphText, GathersKeepTheExtentsOfWhatTheyLoad) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  SymInt n = b.sym().symbol("n");
  Val x = b.val(graph.add_input(TensorType{DType::kF32, {n, 8}}, "x")),
      i = b.val(graph.add_input(TensorType{DType::kI64, {5}}, "i"));
  Val y = b.take(x, i, 0);
  ASSERT_TRUE(b.ok());
  graph.set_outputs({y.id});
  std::string text = graph.to_string();
  EXPECT_NE(text.find("where v0 < (n)"), std::string::npos);
  EXPECT_EQ(reprinted(text), text);
}

TEST(GraphText, LargeConstantsStandAsTheirHash) {
  Tensor big = Tensor::zeros(DType::kF32, {5, 5});
  big.set(7, {3, 0});
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  graph.set_outputs({b.constant(big).id});
  std::string text = graph.to_string();
  auto resolve = [&](const TensorType&, std::string_view hash) -> Expected<Tensor> {
    if (hash == tensor_hash(big)) return big;
    return Error(ErrorCode::kNotFound, "another constant");
  };
  EXPECT_EQ(reprinted(text, resolve), text);
  EXPECT_NE(refusal(text), "");
}

TEST(GraphText, BodiesAreGraphs) {
  Graph graph(std::make_shared<SymContext>());
  Builder b(graph);
  Val c = b.val(graph.add_input(TensorType{DType::kBool, {}}, "c")),
      x = b.val(graph.add_input(TensorType{DType::kF32, {3}}, "x"));
  std::vector<std::unique_ptr<Graph>> bodies;
  for (int branch = 0; branch < 2; ++branch) {
    bodies.push_back(std::make_unique<Graph>(graph.context()));
    Builder inner(*bodies.back());
    Val v = inner.val(bodies.back()->add_input(TensorType{DType::kF32, {3}}, "x"));
    bodies.back()->set_outputs({branch == 0 ? v.id : (-v).id});
  }
  const Val operands[] = {c, x};
  auto y = b.op(core_op("if"), make_attrs(IfAttrs{}), operands, std::move(bodies));
  ASSERT_TRUE(b.ok());
  graph.set_outputs({y[0].id});
  EXPECT_TRUE(verify(graph).ok());
  std::string text = graph.to_string();
  EXPECT_EQ(reprinted(text), text);
}

TEST(GraphText, RefusesWithItsPlace) {
  EXPECT_NE(refusal("graph () { } -> (%0)").find("%0 is not defined"), std::string::npos);
  EXPECT_NE(refusal("graph () {\n  %0: f32[] = nonsense()\n} -> ()").find("line 2"), std::string::npos);
  EXPECT_NE(refusal("graph (%1: f32[]) { } -> ()").find("%0"), std::string::npos);
  EXPECT_NE(refusal("graph () { } -> () more"), "");
  EXPECT_NE(refusal("graph (%0: f32[4]) { %1: f32[3] = reindex(%0) {map = [4] -> (d0)} } -> (%1)").find("should be a f32[4]"),
            std::string::npos);
  EXPECT_NE(refusal("graph (%0: f32[4]) { %1: f32[4] = reindex(%0) {colour = 3} } -> (%1)").find("colour"), std::string::npos);
}

TEST(GraphText, CutOffAnywhereItIsRefused) {
  std::string text = kSmall;
  for (size_t length = 0; length + 1 < text.size(); ++length)
    EXPECT_NE(refusal(text.substr(0, length)), "") << text.substr(0, length);
}

TEST(Attrs, EqualByContent) {
  ScalarBuilder a, b;
  AttrValue x = a.finish(a.constant(1, DType::kF32), 0), y = b.finish(b.constant(1, DType::kF32), 0);
  EXPECT_TRUE(equal_attr(x, y));
  EXPECT_FALSE(equal_attr(AttrValue(0.0), AttrValue(-0.0)));
  EXPECT_TRUE(equal_attr(AttrValue(__builtin_nan("")), AttrValue(__builtin_nan(""))));
  EXPECT_FALSE(equal_attr(AttrValue(int64_t(1)), AttrValue(true)));
  EXPECT_TRUE(equal_attrs(*make_attrs(Concat{1}), *make_attrs(Concat{1})));
  EXPECT_FALSE(equal_attrs(*make_attrs(Concat{1}), *make_attrs(Concat{2})));
  EXPECT_FALSE(equal_attrs(*make_attrs(Concat{1}), *make_attrs(Suppress{})));
}

}  // namespace
}  // namespace temper
