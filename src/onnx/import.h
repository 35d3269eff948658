// From an ONNX model to a Graph of composites. Everything that is wrong is reported, not the first thing only: a node that
// can't be read makes one problem, and nodes that depend on it are passed over.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"
#include "onnx/model.h"

namespace temper::onnx {

struct Import {
  std::optional<temper::Graph> graph;  // absent when there are problems
  std::vector<Error> problems;
  std::vector<std::pair<std::string, std::string>> metadata;
  // Decided without being known, and asserted at run time: see Note [Branches of different rank].
  std::vector<std::string> assumptions;
};

// A node that a plugin computes: what the core op "plugin" says of it, and its operands in the order that it has them.
struct PluginNode {
  AttrsPtr attrs;  // null: no plugin computes it
  std::vector<size_t> order;
};
using PluginReader =
    std::function<Expected<PluginNode>(const Node& node, const temper::Graph& graph, std::span<const ValueId> operands)>;
struct ImportOptions {
  PluginReader plugins;             // asked for nodes that no operator reads
  bool plugins_come_first = false;  // asked for the others too
};

// Local functions are already inlined (functions.h) and the model is valid (validate.h).
Import import_model(const Model& model, const ImportOptions& options = {});
// Reads, validates, inlines and imports a file.
Import import_file(const std::string& path);

// The dtype and elements of a tensor of a model; shares its bytes where they are aligned.
Expected<temper::Tensor> to_tensor(const Tensor& tensor, const std::shared_ptr<const void>& owner);

}  // namespace temper::onnx
