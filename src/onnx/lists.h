// Sequences and optionals of tensors whose length is known while the model is read: they are lists of values, and no node of
// the graph is about them. An optional is a list of one element or none.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "onnx/model.h"
#include "ops/builder.h"

namespace temper::onnx {

using Lists = std::unordered_map<std::string_view, std::vector<Val>>;
using Singles = std::unordered_map<std::string_view, Val>;

// Whether a node makes a list or reads one.
bool is_about_lists(const Node& node, const Lists& lists);

// Reads such a node: its results go to `lists` and `singles`.
Status read_list_node(Builder& b, const Node& node, Lists& lists, Singles& singles);

}  // namespace temper::onnx
