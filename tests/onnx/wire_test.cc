// The wire format: what encodings a message may have, and what becomes of bytes that are no message.
#include <gtest/gtest.h>

#include "onnx/text.h"
#include "onnx/validate.h"
#include "tests/onnx/model_bytes.h"

namespace temper::onnx {
namespace {

using namespace test;

TEST(OnnxWire, ReadsAModel) {
  std::string bytes = message([](auto& w) {
    w.add_string(2, "maker");
    w.add_message(7, graph_of({node_of("Relu", {"x"}, {"y"}, {"n", "ai.onnx", {int_attribute("k", -3)}})},
                              {value_of("x", float_type({2, -2, -1}))}, {value_of("y")},
                              {tensor_of("w", kFloat, {2}, raw_of<float>({1, 2}))}));
    w.add_message(14, pair_of("key", "value"));
    w.add_int64(5, 7);
    w.add_message(8, opset_of("ai.onnx", 18));
    w.add_int64(1, 10);  // fields may come in any order
  });
  Expected<Model> model = read(bytes);
  ASSERT_TRUE(model.ok()) << text_of(model);
  EXPECT_EQ(all_of(validate(*model)), "");
  EXPECT_EQ(model->ir_version, 10);
  EXPECT_EQ(model->producer_name, "maker");
  EXPECT_EQ(model->model_version, 7);
  EXPECT_EQ(model->opset(""), 18);
  ASSERT_EQ(model->metadata_props.size(), 1u);
  EXPECT_EQ(model->metadata_props[0], StringPair("key", "value"));
  ASSERT_EQ(model->graph.nodes.size(), 1u);
  const Node& node = model->graph.nodes[0];
  EXPECT_EQ(node.domain, "");
  ASSERT_NE(node.attribute("k"), nullptr);
  EXPECT_EQ(node.attribute("k")->i, -3);
  EXPECT_EQ(to_text(model->graph.inputs[0].type), "float[2,N,?]");
}

TEST(OnnxWire, TextIsTheSameForTheSameModel) {
  std::string bytes = relu_model();
  EXPECT_EQ(to_text(*read(bytes)),
            "model ir 10 producer '' '' domain '' version 0\n"
            "opset '' 18\n"
            "opset 'local' 1\n"
            "graph 'g' {\n"
            "  input 'x': float[1]\n"
            "  'y' = Relu('x')\n"
            "  output 'y': float[1]\n"
            "}\n");
}

std::string attribute_model(const std::string& attribute) {
  return model_of(graph_of({node_of("Op", {}, {"y"}, {"", "", {attribute}})}, {}, {value_of("y")}));
}

TEST(OnnxWire, RepeatedNumbersMayBePackedOrNotOrBoth) {
  const int64_t ints[] = {1, -2};
  const float floats[] = {0.5f, -0.25f};
  std::string bytes = attribute_model(message([&](auto& w) {
    w.add_string(1, "a");
    w.add_packed_int64(8, ints, ints + 2);
    w.add_int64(8, int64_t(1) << 40);
    w.add_packed_int64(8, ints, ints + 1);
    w.add_enum(20, Attribute::kInts);
  }));
  EXPECT_EQ(read(bytes)->graph.nodes[0].attributes[0].ints, (std::vector<int64_t>{1, -2, int64_t(1) << 40, 1}));
  bytes = attribute_model(message([&](auto& w) {
    w.add_string(1, "a");
    w.add_float(7, 3.0f);
    w.add_packed_float(7, floats, floats + 2);
    w.add_enum(20, Attribute::kFloats);
  }));
  EXPECT_EQ(read(bytes)->graph.nodes[0].attributes[0].floats, (std::vector<float>{3, 0.5f, -0.25f}));
}

TEST(OnnxWire, OneMessageInTwoPartsIsTheirMerge) {
  std::string first = graph_of({node_of("A", {"x"}, {"t"})}, {value_of("x")});
  std::string second = graph_of({node_of("B", {"t"}, {"y"})}, {}, {value_of("y")});
  std::string bytes = message([&](auto& w) {
    w.add_message(7, first);
    w.add_int64(1, 9);
    w.add_message(8, opset_of("", 18));
    w.add_message(7, second);
    w.add_int64(1, 10);  // the last one holds
  });
  Expected<Model> model = read(bytes);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->ir_version, 10);
  ASSERT_EQ(model->graph.nodes.size(), 2u);
  EXPECT_EQ(all_of(validate(*model)), "");
}

TEST(OnnxWire, TheLastMemberOfAOneofHolds) {
  auto type = [](bool tensor_last) {
    std::string tensor = message([](auto& w) { w.add_int32(1, kInt64); });
    std::string sequence = message([](auto& w) { w.add_message(1, float_type({3})); });
    return message([&](auto& w) {
      if (!tensor_last) w.add_message(1, tensor);
      w.add_message(4, sequence);
      if (tensor_last) w.add_message(1, tensor);
    });
  };
  std::string bytes = model_of(graph_of({}, {value_of("a", type(true)), value_of("b", type(false))}));
  Expected<Model> model = read(bytes);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(to_text(model->graph.inputs[0].type), "int64[...]");
  EXPECT_EQ(to_text(model->graph.inputs[1].type), "seq(float[3])");
}

TEST(OnnxWire, UnknownFieldsAreSkippedGroupsToo) {
  std::string bytes = relu_model() + message([](auto& w) {
                        w.add_int64(1000, 5);
                        w.add_fixed32(1001, 5);
                        w.add_fixed64(1002, 5);
                        w.add_string(1003, "later");
                      });
  bytes += std::string("\xa3\x06\x08\x05\xab\x06\xac\x06\xa4\x06", 10);  // group 100 { 1: 5, group 101 {} }
  Expected<Model> model = read(bytes);
  ASSERT_TRUE(model.ok()) << text_of(model);
  EXPECT_EQ(model->graph.nodes.size(), 1u);
  std::string open_group = bytes.substr(0, bytes.size() - 2);
  EXPECT_FALSE(read(open_group).ok());
}

TEST(OnnxWire, AnAttributeWithoutTypeHasTheTypeOfItsValue) {
  std::string bytes = attribute_model(message([](auto& w) {
    w.add_string(1, "a");
    w.add_string(4, "text");
  }));
  const Attribute a = read(bytes)->graph.nodes[0].attributes[0];
  EXPECT_EQ(a.type, Attribute::kString);
  EXPECT_EQ(a.s, "text");
}

TEST(OnnxWire, AnAttributesTypeDecidesWhichValueCounts) {
  std::string both = attribute_model(message([](auto& w) {
    w.add_string(1, "a");
    w.add_float(2, 1.5f);
    w.add_int64(3, 4);
    w.add_enum(20, Attribute::kInt);
  }));
  const Attribute a = read(both)->graph.nodes[0].attributes[0];
  EXPECT_EQ(a.i, 4);
  EXPECT_EQ(a.f, 0);
  std::string other = attribute_model(message([](auto& w) {
    w.add_string(1, "a");
    w.add_float(2, 1.5f);
    w.add_enum(20, Attribute::kInts);
  }));
  EXPECT_EQ(all_of(read(other)->problems),
            "E_CORRUPT: the attribute's type is INTS, but it has no value of that type; export the model again "
            "[graph.node[0] (Op).attribute[0] 'a', in test.onnx]\n");
  std::string tensor = attribute_model(message([](auto& w) {
    w.add_string(1, "a");
    w.add_enum(20, Attribute::kTensor);
  }));
  EXPECT_EQ(read(tensor)->problems.size(), 1u);
  std::string unknown = attribute_model(message([](auto& w) { w.add_string(1, "a"), w.add_enum(20, 99); }));
  EXPECT_NE(all_of(read(unknown)->problems).find("attribute type 99"), std::string::npos);
}

TEST(OnnxWire, AWrongWireTypeIsNamed) {
  std::string node = message([](auto& w) { w.add_int64(4, 5); });
  std::string bytes = model_of(graph_of({node_of("Relu", {"x"}, {"y"}), node}));
  EXPECT_EQ(text_of(read(bytes)),
            "E_CORRUPT: field 'op_type' is encoded as a varint, but ONNX has it as a length and bytes; the file is damaged or "
            "no ONNX model: "
            "export it again [graph.node[1], in test.onnx]");
}

TEST(OnnxWire, NestingWithoutEndIsRefused) {
  std::string graph = graph_of({});
  for (int i = 0; i < 80; ++i) graph = graph_of({node_of("If", {}, {}, {"", "", {graph_attribute("then_branch", graph)}})});
  std::string bytes = model_of(graph);
  EXPECT_NE(text_of(read(bytes)).find("nested more than 200 deep"), std::string::npos);
  std::string type = float_type();
  for (int i = 0; i < 300; ++i) {
    type = message([&](auto& w) { w.add_message(4, message([&](auto& s) { s.add_message(1, type); })); });
  }
  bytes = model_of(graph_of({}, {value_of("x", type)}));
  EXPECT_NE(text_of(read(bytes)).find("nested more than 200 deep"), std::string::npos);
}

TEST(OnnxWire, ABadShapeIsAProblemOfThatValue) {
  std::string bytes = model_of(
      graph_of({}, {value_of("x", message([](auto& w) {
                               w.add_message(1, message([](auto& t) {
                                               t.add_int32(1, kFloat);
                                               t.add_message(2, message([](auto& s) {
                                                               s.add_message(1, message([](auto& d) { d.add_int64(1, -5); }));
                                                             }));
                                             }));
                             }))}));
  EXPECT_NE(all_of(read(bytes)->problems).find("a dimension of -5"), std::string::npos);
  EXPECT_NE(all_of(read(bytes)->problems).find("graph.input[0] 'x'.type.shape.dim[0]"), std::string::npos);
}

// A model with most kinds of field, for the two tests of damage.
std::string rich_model() {
  std::string body = graph_of({node_of("Neg", {"x"}, {"b"})}, {}, {value_of("b")});
  return model_of(
      graph_of(
          {node_of("local_f", {"x"}, {"t"}, {"call", "local", {int_attribute("k", 300)}}),
           node_of("If", {"c"}, {"y"}, {"", "", {graph_attribute("then_branch", body), graph_attribute("else_branch", body)}})},
          {value_of("x", float_type({2, -2}))}, {value_of("y")},
          {tensor_of("c", kBool, {}, raw_of<uint8_t>({1})), tensor_of("w", kFloat, {2, 2}, raw_of<float>({1, 2, 3, 4}))}),
      {function_of({"local_f", {"a"}, {"r"}, {"k"}, {}, {node_of("Relu", {"a"}, {"r"})}})});
}

TEST(OnnxWire, NoPrefixOfAModelPassesForTheModel) {
  std::string bytes = rich_model();
  Expected<Model> whole = read(bytes);
  ASSERT_TRUE(whole.ok()) << text_of(whole);
  ASSERT_EQ(all_of(validate(*whole)), "");
  std::string text = to_text(*whole);
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string prefix = bytes.substr(0, size);
    Expected<Model> model = read(prefix);
    EXPECT_TRUE(!model.ok() || to_text(*model) != text) << size;
    if (!model.ok()) {
      EXPECT_FALSE(model.error().message().empty());
      EXPECT_EQ(model.error().trail().back(), "test.onnx");
    }
  }
}

TEST(OnnxWire, AFlippedBitGivesAModelOrAnError) {
  std::string bytes = rich_model();
  size_t refused = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = char(damaged[bit / 8] ^ (1 << (bit % 8)));
    Expected<Model> model = read(damaged);
    refused += !model.ok() || !validate(*model).empty();
    EXPECT_TRUE(!model.ok() || !to_text(*model).empty());
  }
  EXPECT_GT(refused, bytes.size());
}

}  // namespace
}  // namespace temper::onnx
