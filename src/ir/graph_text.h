// Reading the text that Graph::to_string writes. Constants of more than 16 elements stand in it as the hash of their type and
// bytes; the caller, who holds the tensors, finds them.
//
//   Graph graph = TEMPER_TRY(parse_graph(text, std::make_shared<SymContext>(), resolver));
//   graph.to_string() == text
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/graph.h"

namespace temper {

using ConstantResolver = std::function<Expected<Tensor>(const TensorType& type, std::string_view hash)>;

// The result verifies. An empty resolver knows no constants.
Expected<Graph> parse_graph(std::string_view text, std::shared_ptr<SymContext> context,
                            const ConstantResolver& constants = nullptr);

// A sample of an operator (Op::samples): its operands and attributes. An operand is a type, a constant (a type and up to 16
// elements), or
// "_" where it is absent.
//   parse_sample(op, "f32[n, 10], _, i64[2] (3, 4) {axis = 1}", context)
struct OpSample {
  struct Absent {};
  std::vector<std::variant<Absent, TensorType, Tensor>> operands;
  AttrsPtr attrs;
};
Expected<OpSample> parse_sample(const Op& op, std::string_view text, SymContext& context);

}  // namespace temper
