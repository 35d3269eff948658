// Products whose depth does not lie innermost, and convolutions of what is no image by itself: a part of the channels, tokens,
// an image with one more dimension. Movement before them is read through or done first, whichever leaves a kernel that is made
// for them.
#include <gtest/gtest.h>

#include <functional>

#include "base/cpu_info.h"
#include "ir/graph_text.h"
#include "ops/builder.h"
#include "passes/pass.h"
#include "tests/conformance/plan_run.h"
#include "tests/conformance/sample_case.h"

namespace temper::testing {
namespace {

struct Case {
  const char* name;
  Dims input, weights;
  std::function<Val(Builder&, Val, Val)> body;
};

Val conv(Builder& b, Val x, Val w, const std::string& attributes) {
  const Op& op = *find_op("conv");
  SymContext& context = b.sym();
  auto sample = parse_sample(op, "f32[1, 1, 1, 1], f32[1, 1, 1, 1] {" + attributes + "}", context);
  const Val operands[] = {x, w};
  return b.op(op, sample->attrs, operands)[0];
}

const std::vector<Case>& cases() {
  static const int64_t kNchw[] = {0, 3, 1, 2};
  static const std::vector<Case> all = {
      {"part_of_the_channels",
       {2, 40, 9, 9},
       {16, 12, 3, 3},
       [](Builder& b, Val x, Val w) { return conv(b, b.slice(x, 1, 20, 12, 1), w, "pads = [1, 1, 1, 1]"); }},
      {"part_of_the_channels_each_alone",
       {2, 40, 9, 9},
       {12, 1, 3, 3},
       [](Builder& b, Val x, Val w) { return conv(b, b.slice(x, 1, 20, 12, 1), w, "pads = [1, 1, 1, 1], group = 12"); }},
      {"part_of_the_channels_in_groups",
       {2, 40, 9, 9},
       {8, 4, 3, 3},
       [](Builder& b, Val x, Val w) { return conv(b, b.slice(x, 1, 20, 16, 1), w, "group = 4"); }},
      {"patches_of_tokens",
       {2, 64, 24},
       {16, 24, 4, 4},
       [](Builder& b, Val x, Val w) {
         return conv(b, b.transpose(b.reshape(x, {2, 8, 8, 24}), kNchw), w, "strides = [4, 4]");
       }},
      {"windows_of_tokens",
       {2, 64, 24},
       {16, 24, 3, 3},
       [](Builder& b, Val x, Val w) {
         return conv(b, b.transpose(b.reshape(x, {2, 8, 8, 24}), kNchw), w, "pads = [1, 1, 1, 1], strides = [2, 2]");
       }},
      {"windows_of_the_first_two_dimensions",
       {1, 3, 9, 8, 7},
       {16, 3, 3, 3, 1},
       [](Builder& b, Val x, Val w) { return conv(b, x, w, "pads = [1, 1, 0, 1, 1, 0]"); }},
      {"windows_of_three_dimensions",
       {2, 4, 7, 9, 8},
       {16, 4, 3, 3, 3},
       [](Builder& b, Val x, Val w) { return conv(b, x, w, "pads = [1, 1, 1, 1, 1, 1]"); }},
      {"product_with_the_heads_innermost",
       {2, 9, 20, 4},
       {4, 20, 16},
       [](Builder& b, Val x, Val w) {
         const Val operands[] = {b.transpose(x, kNchw), w};
         const Op& op = *find_op("matmul");
         return b.op(op, parse_sample(op, "f32[1, 1], f32[1, 1]", b.sym())->attrs, operands)[0];
       }},
      {"windows_of_the_first_dimension",
       {1, 8, 9, 8, 7},
       {16, 8, 3, 1, 1},
       [](Builder& b, Val x, Val w) { return conv(b, x, w, "pads = [1, 0, 0, 1, 0, 0]"); }},
  };
  return all;
}

class MovedOperands : public ::testing::TestWithParam<size_t> {};

TEST_P(MovedOperands, AreRightAndLeaveNoPlainKernel) {
  const Case& c = cases()[GetParam()];
  Graph graph(std::make_shared<SymContext>());
  Builder builder(graph, c.name);
  const Val x = builder.val(graph.add_input(TensorType{DType::kF32, c.input}, "x"));
  const Val w = builder.constant([&] {
    Graph of_weights(std::make_shared<SymContext>());
    of_weights.add_input(TensorType{DType::kF32, c.weights}, "w");
    return random_inputs(of_weights, 1, 7)[0];
  }());
  const Val y = c.body(builder, x, w);
  ASSERT_TRUE(builder.take_status().ok());
  graph.output_names().push_back("y");
  graph.set_outputs({y.id});
  PassOptions none;
  for (const Pass& pass : all_passes()) none.disabled.insert(std::string(pass.name));
  const auto core = run_passes(graph.clone(), none);
  ASSERT_TRUE(core.ok()) << core.error().to_string();
  const std::vector<Tensor> inputs = random_inputs(*core, 1, 1);
  const auto want = interpret(*core, exact(inputs));
  ASSERT_TRUE(want.ok()) << want.error().to_string();
  for (int level = 0; level <= static_cast<int>(cpu_info().isa); ++level) {
    BuildConfig config;
    config.compile.device = {std::string(isa_name(static_cast<IsaLevel>(level))), 1};
    config.compile.build.optimization_level = 0;
    const auto engine = build_engine(graph, config);
    ASSERT_TRUE(engine.ok()) << engine.error().to_string();
    for (const auto& step : (*engine)->plan().steps) {
      for (const auto& candidate : step->candidates) {
        EXPECT_FALSE(candidate->chosen && candidate->source == "naive") << config.compile.device.target << ": " << step->name;
      }
    }
    const auto got = run_engine(*engine, inputs);
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    std::string where;
    EXPECT_LE(distance((*got)[0], (*want)[0], DType::kF32, where), 1) << config.compile.device.target << ": " << where;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, MovedOperands, ::testing::Range(size_t(0), cases().size()),
                         [](const auto& info) { return cases()[info.param].name; });

}  // namespace
}  // namespace temper::testing
