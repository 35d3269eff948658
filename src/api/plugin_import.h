// Nodes of ONNX models that plugins of the registry compute: the operator's type is the plugin's name, the attributes
// plugin_version ("1") and plugin_namespace ("") say which, and those that its creator names are its fields.
#pragma once

#include "onnx/import.h"

namespace temper::api {

// Creates the plugin of the node; null attributes: there is no creator for it. An Error says why the creator's was no good.
Expected<onnx::PluginNode> read_plugin_node(const onnx::Node& node, const Graph& graph, std::span<const ValueId> operands);

}  // namespace temper::api
