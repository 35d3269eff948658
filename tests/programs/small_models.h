// A set of small models, each with another kind of kernel or step in its plan: what tests of plans and the fuzzers begin with.
#pragma once

#include <string>
#include <vector>

#include "tests/programs/small_model.h"

namespace small {

struct Named {
  std::string name, model;
};

inline std::vector<Named> all_models() {
  const std::string n4 = value("x", {-1, 4}), image = value("x", {1, 3, 8, 8}), y = value("y", {-1, 4});
  const std::string three = integers("kernel_shape", {3, 3}), around = integers("pads", {1, 1, 1, 1});
  auto any = [](const char* name, size_t rank) { return value(name, std::vector<int64_t>(rank, -1)); };
  const std::string then = body({node("Neg", {"x"}, {"a"})}, {}, {value("a", {4})}),
                    otherwise = body({node("Exp", {"x"}, {"b"})}, {}, {value("b", {4})});
  const std::string turn =
      body({node("Add", {"s", "s"}, {"t"}), node("Identity", {"go"}, {"on"}), node("Identity", {"t"}, {"row"})},
           {value("i", {}, kInt64), value("go", {}, kBool), value("s", {4})},
           {value("on", {}, kBool), value("t", {4}), value("row", {4})});
  // x as bytes and back, with the scale and the zero point of that name.
  auto rounded = [](const std::string& from, const std::string& to, const std::string& by) {
    return std::vector<std::string>{node("QuantizeLinear", {from, by + "_scale", by + "_zero"}, {to + "_bytes"}),
                                    node("DequantizeLinear", {to + "_bytes", by + "_scale", by + "_zero"}, {to})};
  };
  auto scale = [](const std::string& by, float size, int zero) {
    return std::vector<std::string>{tensor<float>(by + "_scale", kFloat, {}, {size}),
                                    tensor<uint8_t>(by + "_zero", kUint8, {}, {uint8_t(zero)})};
  };
  auto both = [](std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  std::vector<int8_t> bytes(4 * 3 * 9);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = int8_t(int(i * 37 % 201) - 100);
  const std::vector<std::string> quantized_weights = {tensor<int8_t>("wb", kInt8, {4, 3, 3, 3}, bytes),
                                                      tensor<float>("ws", kFloat, {}, {0.01f}),
                                                      tensor<int8_t>("wz", kInt8, {}, {0})};
  return {
      {"add_relu", add_relu()},
      {"conv", model({node("Conv", {"x", "w", "b"}, {"c"}, {three, around}), node("Relu", {"c"}, {"y"})}, {image},
                     {value("y", {1, 4, 8, 8})}, {waves("w", {4, 3, 3, 3}), waves("b", {4})})},
      {"depthwise", model({node("Conv", {"x", "w"}, {"y"}, {three, around, integer("group", 3)})}, {image},
                          {value("y", {1, 3, 8, 8})}, {waves("w", {3, 1, 3, 3})})},
      {"conv_transpose", model({node("ConvTranspose", {"x", "w"}, {"y"}, {integers("strides", {2, 2})})},
                               {value("x", {1, 3, 4, 4})}, {value("y", {1, 2, 8, 8})}, {waves("w", {3, 2, 2, 2})})},
      {"gemm_softmax", model({node("MatMul", {"x", "w"}, {"t"}), node("Softmax", {"t"}, {"y"})}, {n4}, {value("y", {-1, 8})},
                             {waves("w", {4, 8})})},
      {"layer_norm", model({node("LayerNormalization", {"x", "s", "b"}, {"y"})}, {n4}, {y},
                           {weights("s", {1, 2, 3, 4}), weights("b", {0, 1, 0, -1})})},
      {"reduce_all", model({node("ReduceMean", {"x"}, {"y"}, {integer("keepdims", 0)})}, {n4}, {value("y", {})})},
      {"non_zero", model({node("NonZero", {"x"}, {"y"})}, {value("x", {8})}, {value("y", {1, -1}, kInt64)})},
      {"if", model({node("If", {"c"}, {"y"}, {graph("then_branch", then), graph("else_branch", otherwise)})},
                   {value("c", {}, kBool), value("x", {4})}, {value("y", {4})})},
      {"loop", model({node("Loop", {"m", "c", "x"}, {"last", "rows"}, {graph("body", turn)})},
                     {value("m", {}, kInt64), value("c", {}, kBool), value("x", {4})}, {value("last", {4}), any("rows", 2)})},
      {"top_k", model({node("TopK", {"x", "k"}, {"y", "i"})}, {n4}, {value("y", {-1, 2}), value("i", {-1, 2}, kInt64)},
                      {indices("k", {2})})},
      {"scatter", model({node("ScatterElements", {"x", "i", "u"}, {"y"}, {integer("axis", 0)})},
                        {n4, value("i", {2, 4}, kInt64), value("u", {2, 4})}, {y})},
      {"cum_sum", model({node("CumSum", {"x", "a"}, {"y"})}, {n4}, {y}, {tensor<int64_t>("a", kInt64, {}, {0})})},
      {"gather", model({node("Gather", {"x", "i"}, {"y"})}, {n4, value("i", {3}, kInt64)}, {value("y", {3, 4})})},
      {"pool",
       model({node("MaxPool", {"x"}, {"a"}, {three, integers("strides", {2, 2})}), node("GlobalAveragePool", {"a"}, {"y"})},
             {image}, {value("y", {1, 3, 1, 1})})},
      {"attention", model({node("MatMul", {"q", "k"}, {"s"}), node("Mul", {"s", "half"}, {"t"}), node("Softmax", {"t"}, {"p"}),
                           node("MatMul", {"p", "v"}, {"y"})},
                          {value("q", {2, 6, 4}), value("k", {2, 4, 6}), value("v", {2, 6, 4})}, {value("y", {2, 6, 4})},
                          {tensor<float>("half", kFloat, {}, {0.5f})})},
      {"quantized_conv", model(both(both(rounded("x", "r", "in"), {node("DequantizeLinear", {"wb", "ws", "wz"}, {"w"}),
                                                                   node("Conv", {"r", "w"}, {"c"}, {three, around})}),
                                    rounded("c", "y", "out")),
                               {image}, {value("y", {1, 4, 8, 8})},
                               both(both(scale("in", 0.02f, 128), scale("out", 0.05f, 120)), quantized_weights))},
      {"lstm", model({node("LSTM", {"x", "w", "r", "b"}, {"y"}, {integer("hidden_size", 3)})}, {value("x", {-1, 1, 4})},
                     {value("y", {-1, 1, 1, 3})}, {waves("w", {1, 12, 4}), waves("r", {1, 12, 3}), waves("b", {1, 24})})},
      {"concat", model({node("Conv", {"x", "w"}, {"a"}, {three, around}), node("Relu", {"x"}, {"b"}),
                        node("Concat", {"a", "b"}, {"y"}, {integer("axis", 1)})},
                       {image}, {value("y", {1, 5, 8, 8})}, {waves("w", {2, 3, 3, 3})})},
      {"conv_any_size", model({node("Conv", {"x", "w"}, {"c"}, {three, around}), node("Sigmoid", {"c"}, {"y"})},
                              {value("x", {-1, 3, -1, -1})}, {value("y", {-1, 4, -1, -1})}, {waves("w", {4, 3, 3, 3})})},
      {"transpose_slice", model({node("Transpose", {"x"}, {"t"}, {integers("perm", {0, 2, 3, 1})}),
                                 node("Slice", {"t", "from", "to", "axes", "step"}, {"y"})},
                                {image}, {value("y", {1, 8, 4, 3})},
                                {indices("from", {7}), indices("to", {-9}), indices("axes", {2}), indices("step", {-2})})},
  };
}

}  // namespace small
