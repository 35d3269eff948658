// The structural validator names every problem, and order is mended, not complained of.
#include "onnx/validate.h"

#include <gtest/gtest.h>

#include "onnx/scopes.h"
#include "onnx/text.h"
#include "tests/onnx/model_bytes.h"

namespace temper::onnx {
namespace {

using namespace test;

std::string problems_of(const std::string& bytes) {
  Expected<Model> model = read(bytes);
  return model.ok() ? all_of(validate(*model)) : text_of(model);
}

std::string problems_of_graph(const std::string& graph) { return problems_of(model_of(graph)); }

void expect_problem(const std::string& problems, const std::string& part) {
  EXPECT_NE(problems.find(part), std::string::npos) << "wanted: " << part << "\ngot: " << problems;
}

TEST(OnnxValidate, AGoodModelHasNoProblems) { EXPECT_EQ(problems_of(relu_model()), ""); }

TEST(OnnxValidate, NamesEveryProblemInOnePass) {
  std::string problems = problems_of(model_of(graph_of(
      {
          node_of("Relu", {"nowhere"}, {"a"}, {"first"}),
          node_of("Relu", {"x"}, {"a"}, {"second"}),
          node_of("Op", {"x"}, {"b"}, {"third", "foreign", {int_attribute("k", 1), int_attribute("k", 2)}}),
          node_of("", {"x"}, {"c"}),
      },
      {value_of("x"), value_of("x"), value_of("untyped", "")}, {value_of("never")},
      {tensor_of("w", kInt8, {1}, "a"), tensor_of("w", kInt8, {1}, "b")})));
  expect_problem(problems,
                 "input 'nowhere' is made by no node, input or initializer; export the model again [graph.node[0] 'first' "
                 "(Relu), in test.onnx]");
  expect_problem(
      problems,
      "output 'a' is defined twice in the same graph; give each value a name of its own [graph.node[1] 'second' (Relu)");
  expect_problem(
      problems,
      "the node is of domain 'foreign', of which no opset_import gives a version; add one [graph.node[2] 'third' (Op)");
  expect_problem(problems, "attribute 'k' is given twice");
  expect_problem(problems, "the node has no operator");
  expect_problem(problems, "input 'x' is defined twice");
  expect_problem(problems, "input 'untyped' has no type");
  expect_problem(problems, "initializer 'w' is defined twice");
  expect_problem(problems, "output 'never' is made by no node");
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 9);
}

TEST(OnnxValidate, ManyProblemsAreCounted) {
  Strings nodes;
  for (int i = 0; i < 10; ++i) nodes.push_back(node_of("Relu", {"m" + std::to_string(i)}, {}));
  std::string bytes = model_of(graph_of(nodes));
  Expected<Model> model = read(bytes);
  std::vector<Error> problems = validate(*model, 4);
  ASSERT_EQ(problems.size(), 5u);
  EXPECT_EQ(problems.back().message(), "and 6 more problems");
}

TEST(OnnxValidate, Versions) {
  EXPECT_EQ(problems_of(model_of(graph_of({}), {}, {opset_of("", 18)}, 3)), "");
  EXPECT_EQ(problems_of(model_of(graph_of({}), {}, {opset_of("", 18)}, 13)), "");
  expect_problem(problems_of(model_of(graph_of({}), {}, {opset_of("", 18)}, 14)),
                 "E_UNSUPPORTED: the model has IR version 14, and the newest");
  expect_problem(problems_of(model_of(graph_of({}), {}, {opset_of("", 18)}, 2)), "IR version 2, and the oldest");
  expect_problem(problems_of(model_of(graph_of({}), {}, {opset_of("", 18), opset_of("ai.onnx", 17)})),
                 "'ai.onnx' is imported in versions 18 and 17");
  expect_problem(problems_of(model_of(graph_of({}), {}, {opset_of("", 0)})), "versions begin at 1");
  std::string no_graph = message([](auto& w) { w.add_int64(1, 10); });
  expect_problem(problems_of(no_graph), "the model has no graph");
}

TEST(OnnxValidate, AnInitializerMayBeTheDefaultOfAnInput) {
  EXPECT_EQ(problems_of_graph(graph_of({node_of("Relu", {"x"}, {"y"})}, {value_of("x")}, {value_of("y")},
                                       {tensor_of("x", kFloat, {1}, "1234")})),
            "");
}

TEST(OnnxValidate, NodesAreSortedOnReading) {
  std::string bytes = model_of(
      graph_of({node_of("C", {"b"}, {"c"}), node_of("B", {"a"}, {"b"}), node_of("D", {}, {"d"}), node_of("A", {}, {"a"})}, {},
               {value_of("c")}));
  Expected<Model> model = read(bytes);
  EXPECT_EQ(all_of(validate(*model)), "");
  std::string order;
  for (const Node& n : model->graph.nodes) order += n.op_type;
  EXPECT_EQ(order, "DABC");  // the earliest of the file goes first whenever it can
}

TEST(OnnxValidate, AReadFromALaterNodeInsideABranchCountsForTheOrder) {
  std::string branch = graph_of({node_of("Neg", {"late"}, {"n"})}, {}, {value_of("n")});
  std::string bytes = model_of(graph_of(
      {node_of("If", {"x"}, {"y"}, {"", "", {graph_attribute("then_branch", branch)}}), node_of("Relu", {"x"}, {"late"})},
      {value_of("x")}, {value_of("y")}));
  Expected<Model> model = read(bytes);
  EXPECT_EQ(all_of(validate(*model)), "");
  EXPECT_EQ(model->graph.nodes[0].op_type, "Relu");
  std::swap(model->graph.nodes[0], model->graph.nodes[1]);
  expect_problem(all_of(validate(*model)), "input 'late' is made by a later node; sort the nodes");
}

TEST(OnnxValidate, ACycleIsSpelledOut) {
  std::string problems = problems_of_graph(graph_of({node_of("A", {"c"}, {"a"}, {"na"}), node_of("B", {"a"}, {"b"}, {"nb"}),
                                                     node_of("C", {"b"}, {"c"}, {"nc"}), node_of("After", {"c"}, {"d"})}));
  expect_problem(problems, "wait for each other in a circle");
  expect_problem(problems, "node[0] 'na' (A) -> node[1] 'nb' (B)");
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 1);
  expect_problem(problems_of_graph(graph_of({node_of("Self", {"s"}, {"s"})})), "in a circle: node[0] (Self)");
  std::string branch = graph_of({node_of("Neg", {"y"}, {"n"})}, {}, {value_of("n")});
  problems = problems_of_graph(graph_of({node_of("If", {}, {"y"}, {"", "", {graph_attribute("then_branch", branch)}})}));
  expect_problem(problems, "in a circle: node[0] (If)");
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 1);
}

TEST(OnnxValidate, SubgraphsSeeWhatIsAroundThem) {
  auto model = [](const std::string& read_name, const std::string& inner_output) {
    std::string branch = graph_of({node_of("Neg", {read_name}, {inner_output})}, {}, {value_of(inner_output)});
    return model_of(graph_of(
        {node_of("If", {"x"}, {"y"}, {"if", "", {graph_attribute("then_branch", branch)}}), node_of("Relu", {"y"}, {"z"})},
        {value_of("x")}, {value_of("z")}));
  };
  EXPECT_EQ(problems_of(model("x", "n")), "");
  EXPECT_EQ(problems_of(model("x", "x2")), "");
  EXPECT_EQ(problems_of(model("x", "y")), "");  // hides the outer one, which exporters do
  expect_problem(problems_of(model("q", "n")),
                 "input 'q' is made by no node, input or initializer; export the model again [graph.node[0] 'if' "
                 "(If).then_branch.node[0] (Neg)");
  std::string outside = model_of(graph_of(
      {node_of("If", {"x"}, {"y"}, {"", "", {graph_attribute("b", graph_of({node_of("Neg", {"x"}, {"inner"})}, {}, {}))}}),
       node_of("Relu", {"inner"}, {"z"})},
      {value_of("x")}, {value_of("z")}));
  expect_problem(problems_of(outside), "input 'inner' is made by no node");
}

TEST(OnnxValidate, FunctionsAreChecked) {
  std::string graph = graph_of({node_of("f", {"x"}, {"y"}, {"call", "local"})}, {value_of("x")}, {value_of("y")});
  auto with = [&](const Strings& functions) { return problems_of(model_of(graph, functions)); };
  std::string good = function_of({"f",
                                  {"a"},
                                  {"r"},
                                  {"k"},
                                  {},
                                  {node_of("Relu", {"a"}, {"r"}, {"", "", {ref_attribute("alpha", "k", Attribute::kFloat)}})}});
  EXPECT_EQ(with({good}), "");
  expect_problem(with({good, good}), "function 'local::f' is defined twice");
  expect_problem(with({function_of({"g", {"a"}, {"a"}})}), "the model does not define the function 'local'::f");
  expect_problem(with({function_of({"f", {}, {"r"}, {}, {}, {node_of("Relu", {"z"}, {"r"})}})}),
                 "called with 1 inputs and 1 outputs, but has 0 and 1");
  expect_problem(with({function_of({"f", {"a"}, {"r"}, {}, {}, {node_of("Relu", {"z"}, {"r"})}})}),
                 "input 'z' is made by no node");
  expect_problem(with({function_of({"f", {"a"}, {"r"}})}), "output 'r' is made by no node");
  expect_problem(with({function_of({"f", {"a"}, {"a"}, {"k", "k"}})}), "attribute 'k' is declared twice");
  expect_problem(
      with({function_of({"f",
                         {"a"},
                         {"r"},
                         {},
                         {},
                         {node_of("Relu", {"a"}, {"r"}, {"", "", {ref_attribute("alpha", "k", Attribute::kFloat)}})}})}),
      "attribute 'k', which the function does not declare");
  expect_problem(with({function_of({"f", {"a"}, {"r"}, {}, {}, {node_of("X", {"a"}, {"r"}, {"", "other"})}})}),
                 "domain 'other'");
}

TEST(OnnxValidate, ReferencesAndRecursion) {
  expect_problem(
      problems_of_graph(graph_of({node_of("Relu", {}, {"y"}, {"", "", {ref_attribute("alpha", "k", Attribute::kFloat)}})})),
      "has a meaning only inside a function");
  std::string f = function_of({"f", {"a"}, {"r"}, {}, {}, {node_of("g", {"a"}, {"r"}, {"", "local"})}});
  std::string g = function_of({"g", {"a"}, {"r"}, {}, {}, {node_of("f", {"a"}, {"r"}, {"", "local"})}});
  expect_problem(problems_of(model_of(graph_of({}), {f, g})),
                 "call each other without end: 'local::f' -> 'local::g' -> 'local::f'");
}

TEST(OnnxScopes, CapturedNamesAreReads) {
  std::string inner = graph_of({node_of("Neg", {"deep"}, {"d"})}, {}, {value_of("d")});
  std::string branch = graph_of(
      {node_of("Add", {"own", "captured"}, {"n"}), node_of("If", {"n"}, {"m"}, {"", "", {graph_attribute("g", inner)}})},
      {value_of("own")}, {value_of("m"), value_of("passed")});
  std::string bytes = model_of(graph_of({node_of("If", {"c", ""}, {"y"}, {"", "", {graph_attribute("b", branch)}})}));
  Expected<Model> model = read(bytes);
  EXPECT_EQ(names_read(model->graph.nodes[0]), (std::vector<std::string_view>{"c", "captured", "deep", "passed"}));
}

}  // namespace
}  // namespace temper::onnx
