// Local functions (FunctionProto) disappear: each call becomes the nodes of the body, in the graph that called.
//
// Formal inputs and outputs become the caller's names, other values get fresh names, `ref_attr_name` becomes the caller's
// attribute, the function's default, or nothing. Nested calls and calls inside If/Loop/Scan bodies too. A node whose function
// imports another version of its domain than the model carries that version in `Node::opset_version`.
//
//   function local.f(X) => (Y) { T = Relu(X)  Y = Neg(T) }
//   c = local.f(a)  [name 'call']      becomes      call/T = Relu(a)   c = Neg(call/T)
#pragma once

#include "base/error.h"
#include "onnx/model.h"

namespace temper::onnx {

// Afterwards model.functions is empty. Fails, with the model in no useful state, on recursion, on arguments that do not match
// the signature, and when the result would have more than `max_nodes` nodes.
Status inline_functions(Model& model, int64_t max_nodes = 1'000'000);

}  // namespace temper::onnx
