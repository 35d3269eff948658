// Op: everything Temper knows about one operator, said in one file. A core op has `infer`; every other is a composite, whose
// `body` writes it in core ops: from that come its lowering, shape inference, reference semantics and cost. Ops register
// themselves:
//
//   const RegisterOp<Softmax> kSoftmax{{.name = "softmax", .body = ..., .onnx = {{"Softmax", 13, ...}}, .samples = {...}}};
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace temper {

class Builder;   // ops/builder.h
class OnnxNode;  // ops/onnx_node.h

struct OnnxBinding {
  std::string op_type;
  int since = 1;            // from this opset version on, until the next binding of the same op_type
  std::string domain = "";  // "" is ai.onnx
  // Attributes from an ONNX node; may refuse with a reason.
  std::function<Expected<AttrsPtr>(const OnnxNode&)> read;
};

struct Op {
  std::string name;
  // Core ops: result types from operands. The node's results are not yet made.
  std::function<Expected<std::vector<ValueType>>(Graph& graph, const Attrs& attrs, std::span<const ValueId> operands,
                                                 const std::vector<std::unique_ptr<Graph>>& bodies)>
      infer;
  // Composites: emits core ops (or other composites) and returns the results; reports errors through the builder.
  std::function<std::vector<ValueId>(Builder& builder, const Attrs& attrs, std::span<const ValueId> operands)> body;
  std::vector<OnnxBinding> onnx;
  // Operands and attributes for tests, see parse_sample: "f32[n, 3, 8, 8], f32[4, 3, 3, 3] {strides = [2, 2]}".
  std::vector<std::string> samples;
  AttrsPtr default_attrs;
  std::function<Expected<AttrsPtr>(const AttrFields&)> make_attrs;

  bool is_core() const { return !body; }
};

const Op* find_op(std::string_view name);
const Op& core_op(std::string_view name);  // must exist
const std::vector<const Op*>& all_ops();   // sorted by name
void register_op(Op op);

}  // namespace temper
