// Which names the nodes of a graph read, and in what order nodes can run.
//
// A node reads its inputs and whatever the graphs in its attributes capture: names that they read without defining them. A
// graph defines its inputs, its initializers and its nodes' outputs; a definition hides one of the same name further out.
//
//   for (std::string_view name : names_read(if_node)) ...      // the condition, and what both branches capture
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "onnx/model.h"

namespace temper::onnx {

// Every name that running `node` reads from the graph it is in, outputs of its graphs included; without "", maybe repeated.
std::vector<std::string_view> names_read(const Node& node);

// The positions of `nodes` in an order where each comes after those whose outputs it reads, as close to the given order as can
// be; shorter than `nodes` when there are cycles: what is missing is on one, or after one.
std::vector<size_t> topological_order(const std::vector<Node>& nodes);

// The positions of nodes that read each other in a circle, the first one reading from the last; empty: there is none.
std::vector<size_t> find_cycle(const std::vector<Node>& nodes);

}  // namespace temper::onnx
