#include "ir/graph.h"

#include <algorithm>

namespace temper {

Graph Graph::clone() const {
  Graph copy(context_);
  copy.values_ = values_;
  copy.nodes_.reserve(nodes_.size());
  for (const auto& node : nodes_) {
    auto twin = std::make_unique<Node>();
    twin->op = node->op;
    twin->attrs = node->attrs;
    twin->operands = node->operands;
    twin->results = node->results;
    twin->name = node->name;
    for (const auto& body : node->bodies) twin->bodies.push_back(std::make_unique<Graph>(body->clone()));
    copy.nodes_.push_back(std::move(twin));
  }
  copy.order_ = order_;
  copy.inputs_ = inputs_;
  copy.outputs_ = outputs_;
  copy.output_names_ = output_names_;
  return copy;
}

ValueId Graph::add_input(ValueType type, std::string name) {
  auto id = static_cast<ValueId>(values_.size());
  values_.push_back({std::move(type), std::move(name), kNone32, std::nullopt});
  inputs_.push_back(id);
  return id;
}

NodeId Graph::add_node(const Op& op, AttrsPtr attrs, std::vector<ValueId> operands, std::vector<ValueType> result_types,
                       std::vector<std::unique_ptr<Graph>> bodies, std::string name) {
  auto id = static_cast<NodeId>(nodes_.size());
  auto node = std::make_unique<Node>();
  node->op = &op;
  node->attrs = std::move(attrs);
  node->operands = std::move(operands);
  node->bodies = std::move(bodies);
  node->name = std::move(name);
  for (ValueType& type : result_types) {
    node->results.push_back(static_cast<ValueId>(values_.size()));
    values_.push_back({std::move(type), "", id, std::nullopt});
  }
  nodes_.push_back(std::move(node));
  order_.push_back(id);
  return id;
}

std::vector<std::vector<NodeId>> Graph::uses() const {
  std::vector<std::vector<NodeId>> uses(values_.size());
  for (NodeId id : order_) {
    for (ValueId operand : nodes_[id]->operands) {
      if (operand != kNone32 && (uses[operand].empty() || uses[operand].back() != id)) uses[operand].push_back(id);
    }
  }
  return uses;
}

void Graph::replace_uses(ValueId from, ValueId to) {
  for (NodeId id : order_) std::replace(nodes_[id]->operands.begin(), nodes_[id]->operands.end(), from, to);
  std::replace(outputs_.begin(), outputs_.end(), from, to);
}

void Graph::erase_if(const std::function<bool(const Node&)>& dead) {
  std::erase_if(order_, [&](NodeId id) { return dead(*nodes_[id]); });
}

}  // namespace temper
