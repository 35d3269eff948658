// Reading the text that Graph::to_string writes. Constants of more than 16 elements stand in it as the hash of their type and bytes; the
// caller, who holds the tensors, finds them.
//
//   Graph graph = TEMPER_TRY(parse_graph(text, std::make_shared<SymContext>(), resolver));
//   graph.to_string() == text
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "ir/graph.h"

namespace temper {

using ConstantResolver = std::function<Expected<Tensor>(const TensorType& type, std::string_view hash)>;

// The result verifies. An empty resolver knows no constants.
Expected<Graph> parse_graph(std::string_view text, std::shared_ptr<SymContext> context, const ConstantResolver& constants = nullptr);

}  // namespace temper
