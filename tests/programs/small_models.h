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
  };
}

}  // namespace small
