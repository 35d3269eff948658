// Graph: values in SSA form. A Node applies an Op with attributes to operand Values and makes result Values; ids are stable
// while the graph is edited, and `order()` lists the nodes so that every operand is made before it is used. Nested bodies (if,
// loop) are Graphs that see nothing of their surroundings: what they use is passed in as operands of their node and inputs of
// theirs.
//
//   graph (%0: f32[batch, 64] "x") {
//     %1: f32[64, 10] = constant() {data = <9f2c...>} "fc.weight"
//     %2: f32[batch, 10] = matmul(%0, %1) "fc"
//   } -> (%2 "logits")
//
// Dimensions are SymInts of one SymContext, shared by clones and nested graphs. Integer values of at most 64 elements may carry
// `contents`: their elements as SymInts, in row-major order. That is how shapes computed in the graph become dims.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "ir/attrs.h"
#include "ir/types.h"

namespace temper {

struct Op;
class Graph;
using ValueId = int32_t;
using NodeId = int32_t;
inline constexpr int32_t kNone32 = -1;

struct SequenceType {
  TensorType element;  // dims may differ from element to element: then they are fresh sizes
  bool operator==(const SequenceType&) const = default;
};
struct OptionalType {
  TensorType element;
  bool operator==(const OptionalType&) const = default;
};
using ValueType = std::variant<TensorType, SequenceType, OptionalType>;

struct Value {
  ValueType type;
  std::string name;           // of the model; "" for ones that have none
  NodeId producer = kNone32;  // kNone32: an input of the graph
  std::optional<std::vector<SymInt>> contents;

  const TensorType& tensor() const { return std::get<TensorType>(type); }
};

struct Node {
  const Op* op = nullptr;
  AttrsPtr attrs;
  std::vector<ValueId> operands;  // kNone32: an optional operand that is absent
  std::vector<ValueId> results;
  std::vector<std::unique_ptr<Graph>> bodies;
  std::string name;  // of the model's node that it comes from; several nodes may come from one
};

class Graph {
 public:
  explicit Graph(std::shared_ptr<SymContext> context) : context_(std::move(context)) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;
  // A deep copy with the same ids; constants share their bytes, dims their context.
  Graph clone() const;

  SymContext& sym() const { return *context_; }
  const std::shared_ptr<SymContext>& context() const { return context_; }

  ValueId add_input(ValueType type, std::string name);
  // Appends a node; result values are made with the given types.
  NodeId add_node(const Op& op, AttrsPtr attrs, std::vector<ValueId> operands, std::vector<ValueType> result_types,
                  std::vector<std::unique_ptr<Graph>> bodies, std::string name);
  void set_outputs(std::vector<ValueId> outputs) { outputs_ = std::move(outputs); }

  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }
  // Names of the outputs: a value may leave under several names, so they are kept beside it.
  std::vector<std::string>& output_names() { return output_names_; }
  const std::vector<std::string>& output_names() const { return output_names_; }

  Value& value(ValueId id) { return values_[id]; }
  const Value& value(ValueId id) const { return values_[id]; }
  Node& node(NodeId id) { return *nodes_[id]; }
  const Node& node(NodeId id) const { return *nodes_[id]; }
  // nullptr for an input of the graph.
  const Node* producer(ValueId id) const {
    return values_[id].producer == kNone32 ? nullptr : nodes_[values_[id].producer].get();
  }
  const TensorType& type(ValueId id) const { return values_[id].tensor(); }
  int value_count() const { return static_cast<int>(values_.size()); }
  int node_count() const { return static_cast<int>(nodes_.size()); }
  const std::vector<NodeId>& order() const { return order_; }

  // Reading nodes of each value, outputs of the graph not counted. O(graph).
  std::vector<std::vector<NodeId>> uses() const;
  // All later reads of `from` read `to`.
  void replace_uses(ValueId from, ValueId to);
  // Removes the nodes for which `dead` holds from the order; their ids stay unused.
  void erase_if(const std::function<bool(const Node&)>& dead);

  std::string to_string() const;

 private:
  std::shared_ptr<SymContext> context_;
  std::deque<Value> values_;  // references to values, and so to their dims, stay valid while nodes are added
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<NodeId> order_;
  std::vector<ValueId> inputs_, outputs_;
  std::vector<std::string> output_names_;
};

// Checks SSA order, arity, types against each Op's own inference, contents, bodies. A violation is an error that names the
// node.
Status verify(const Graph& graph);

}  // namespace temper
