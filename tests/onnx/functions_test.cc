// Inlining: what calls become.
#include "onnx/functions.h"

#include <gtest/gtest.h>

#include "onnx/text.h"
#include "onnx/validate.h"
#include "tests/onnx/model_bytes.h"

namespace temper::onnx {
namespace {

using namespace test;

std::string nodes_text(const std::string& bytes) {
  Expected<Model> model = read(bytes);
  if (!model.ok()) return text_of(model);
  EXPECT_EQ(all_of(validate(*model)), "");
  Status status = inline_functions(*model);
  if (!status.ok()) return text_of(status);
  EXPECT_EQ(all_of(validate(*model)), "");
  EXPECT_TRUE(model->functions.empty());
  std::string text = to_text(*model), out;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    // Nodes, attributes and the insides of graphs; not the model's interface.
    bool interface = line.starts_with("  input") || line.starts_with("  output") || line.starts_with("  initializer");
    if (line.starts_with("  ") && !interface) out += line.substr(2) + "\n";
    at = end + 1;
  }
  return out;
}

std::string call_of(const std::string& function, const Strings& inputs, const Strings& outputs, const std::string& name = "c",
                    const Strings& attributes = {}) {
  return node_of(function, inputs, outputs, {name, "local", attributes});
}

std::string model_calling(const Strings& nodes, const Strings& functions, const Strings& outputs = {"y"}) {
  Strings values;
  for (auto& name : outputs) values.push_back(value_of(name));
  return model_of(graph_of(nodes, {value_of("x"), value_of("t")}, values), functions);
}

TEST(OnnxFunctions, ACallBecomesItsBodyUnderFreshNames) {
  std::string f =
      function_of({"f", {"a"}, {"r"}, {}, {}, {node_of("Relu", {"a"}, {"t"}, {"relu"}), node_of("Neg", {"t"}, {"r"})}});
  EXPECT_EQ(nodes_text(model_calling({call_of("f", {"x"}, {"m"}, "one"), call_of("f", {"m"}, {"y"}, "one")}, {f})),
            "'one/t' = Relu('x') name 'one/relu'\n"
            "'m' = Neg('one/t') name 'one/Neg'\n"
            "'one/t_1' = Relu('m') name 'one/relu'\n"
            "'y' = Neg('one/t_1') name 'one/Neg'\n");
}

TEST(OnnxFunctions, AttributesComeFromTheCallThenFromTheDefaultsThenNot) {
  std::string f =
      function_of({"f",
                   {"a"},
                   {"r"},
                   {"given", "absent"},
                   {int_attribute("defaulted", 7), int_attribute("overridden", 8)},
                   {node_of("Op", {"a"}, {"r"},
                            {"",
                             "",
                             {ref_attribute("p", "given", Attribute::kInt), ref_attribute("q", "absent", Attribute::kInt),
                              ref_attribute("r", "defaulted", Attribute::kInt),
                              ref_attribute("s", "overridden", Attribute::kInt), int_attribute("u", 5)}})}});
  EXPECT_EQ(nodes_text(model_calling(
                {call_of("f", {"x"}, {"y"}, "c", {int_attribute("given", 1), int_attribute("overridden", 2)})}, {f})),
            "'y' = Op('x') name 'c/Op'\n"
            "  .'p' INT = 1\n"
            "  .'r' INT = 7\n"
            "  .'s' INT = 2\n"
            "  .'u' INT = 5\n");
}

TEST(OnnxFunctions, NestedCallsPassAttributesOn) {
  std::string inner = function_of({"inner",
                                   {"a"},
                                   {"r"},
                                   {"k"},
                                   {},
                                   {node_of("Op", {"a"}, {"r"}, {"", "", {ref_attribute("axis", "k", Attribute::kInt)}})}});
  std::string outer =
      function_of({"outer",
                   {"a"},
                   {"r"},
                   {"n"},
                   {},
                   {node_of("Relu", {"a"}, {"h"}),
                    node_of("inner", {"h"}, {"r"}, {"i", "local", {ref_attribute("k", "n", Attribute::kInt)}})}});
  EXPECT_EQ(nodes_text(model_calling({call_of("outer", {"x"}, {"y"}, "c", {int_attribute("n", 3)})}, {outer, inner})),
            "'c/h' = Relu('x') name 'c/Relu'\n"
            "'y' = Op('c/h') name 'c/i/Op'\n"
            "  .'axis' INT = 3\n");
}

TEST(OnnxFunctions, AbsentInputsAndOutputs) {
  std::string f =
      function_of({"f", {"a", "b"}, {"r", "s"}, {}, {}, {node_of("Clip", {"a", "b"}, {"r"}), node_of("Neg", {"r"}, {"s"})}});
  EXPECT_EQ(nodes_text(model_calling({call_of("f", {"x"}, {"", "y"})}, {f})),
            "'c/r' = Clip('x', '') name 'c/Clip'\n"
            "'y' = Neg('c/r') name 'c/Neg'\n");
}

TEST(OnnxFunctions, AnOutputThatIsAnInputIsACopy) {
  std::string f = function_of({"f", {"a"}, {"a", "r", "r"}, {}, {}, {node_of("Neg", {"a"}, {"r"})}});
  EXPECT_EQ(nodes_text(model_calling({call_of("f", {"x"}, {"p", "q", "y"})}, {f}, {"p", "q", "y"})),
            "'q' = Neg('x') name 'c/Neg'\n"
            "'p' = Identity('x') name 'c/Identity'\n"
            "'y' = Identity('q') name 'c/Identity'\n");
}

// The body's branch defines "t", which is also what the caller calls the function's input: the two must not meet.
TEST(OnnxFunctions, GraphsInABodyAreRenamedToo) {
  std::string branch = graph_of({node_of("Neg", {"a"}, {"t"}), node_of("Abs", {"t"}, {"o"})}, {}, {value_of("o")});
  std::string f = function_of(
      {"f", {"a"}, {"r"}, {}, {}, {node_of("If", {"a"}, {"r"}, {"", "", {graph_attribute("then_branch", branch)}})}});
  EXPECT_EQ(nodes_text(model_calling({call_of("f", {"t"}, {"y"})}, {f})),
            "'y' = If('t') name 'c/If'\n"
            "  .'then_branch' GRAPH = graph 'g' {\n"
            "    'c/t' = Neg('t') name 'c/Neg'\n"
            "    'c/o' = Abs('c/t') name 'c/Abs'\n"
            "    output 'c/o': float[1]\n"
            "  }\n");
}

TEST(OnnxFunctions, CallsInsideGraphsAndGraphsAsAttributes) {
  std::string f =
      function_of({"f",
                   {"a"},
                   {"r"},
                   {"body"},
                   {},
                   {node_of("If", {"a"}, {"r"}, {"", "", {ref_attribute("then_branch", "body", Attribute::kGraph)}})}});
  std::string g = function_of({"g", {"a"}, {"r"}, {}, {}, {node_of("Neg", {"a"}, {"r"})}});
  std::string branch = graph_of({call_of("g", {"x"}, {"o"}, "in")}, {}, {value_of("o")});
  EXPECT_EQ(nodes_text(model_calling({call_of("f", {"t"}, {"y"}, "c", {graph_attribute("body", branch)})}, {f, g})),
            "'y' = If('t') name 'c/If'\n"
            "  .'then_branch' GRAPH = graph 'g' {\n"
            "    'o' = Neg('x') name 'in/Neg'\n"
            "    output 'o': float[1]\n"
            "  }\n");
}

TEST(OnnxFunctions, OtherVersionsStayWithTheNode) {
  std::string f = function_of({"f",
                               {"a"},
                               {"r"},
                               {},
                               {},
                               {node_of("Relu", {"a"}, {"h"}), node_of("Op", {"h"}, {"r"}, {"", "extra"})},
                               {opset_of("", 13), opset_of("extra", 2)}});
  EXPECT_EQ(nodes_text(model_calling({call_of("f", {"x"}, {"y"})}, {f})),
            "'c/h' = Relu('x') name 'c/Relu' opset 13\n"
            "'y' = extra::Op('c/h') name 'c/Op' opset 2\n");
}

TEST(OnnxFunctions, TypesOfAttributesMustAgree) {
  std::string f = function_of(
      {"f", {"a"}, {"r"}, {"k"}, {}, {node_of("Op", {"a"}, {"r"}, {"", "", {ref_attribute("p", "k", Attribute::kFloat)}})}});
  std::string error = nodes_text(model_calling({call_of("f", {"x"}, {"y"}, "c", {int_attribute("k", 1)})}, {f}));
  EXPECT_EQ(error,
            "E_CORRUPT: attribute 'k' is INT, but node 'c/Op' in the function needs FLOAT; export the model again "
            "[call of function 'local::f' by node 'c', in test.onnx]");
}

std::string chain(int length, int calls_each) {
  Strings functions = {function_of({"f0", {"a"}, {"r"}, {}, {}, {node_of("Neg", {"a"}, {"r"})}})};
  for (int i = 1; i < length; ++i) {
    Strings nodes;
    for (int k = 0; k < calls_each; ++k) {
      nodes.push_back(call_of("f" + std::to_string(i - 1), {k ? "h" + std::to_string(k) : "a"},
                              {k + 1 < calls_each ? "h" + std::to_string(k + 1) : "r"}, ""));
    }
    functions.push_back(function_of({"f" + std::to_string(i), {"a"}, {"r"}, {}, {}, nodes}));
  }
  return model_calling({call_of("f" + std::to_string(length - 1), {"x"}, {"y"})}, functions);
}

TEST(OnnxFunctions, GrowthAndDepthHaveLimits) {
  std::string bytes = chain(40, 2);
  Expected<Model> model = read(bytes);
  EXPECT_NE(text_of(inline_functions(*model, 5000)).find("more than 5000 nodes"), std::string::npos);
  EXPECT_NE(nodes_text(chain(1000, 1)).find("nested more than 200 deep"), std::string::npos);
  EXPECT_EQ(nodes_text(chain(5, 1)), "'y' = Neg('x') name 'c/f3/f2/f1/f0/Neg'\n");
}

TEST(OnnxFunctions, RecursionEndsEvenUnvalidated) {
  std::string f = function_of({"f", {"a"}, {"r"}, {}, {}, {call_of("f", {"a"}, {"r"})}});
  std::string bytes = model_calling({call_of("f", {"x"}, {"y"})}, {f});
  Expected<Model> model = read(bytes);
  EXPECT_NE(text_of(inline_functions(*model)).find("without end"), std::string::npos);
}

}  // namespace
}  // namespace temper::onnx
