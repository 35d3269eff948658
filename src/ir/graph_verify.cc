#include <algorithm>

#include "ir/graph.h"
#include "ir/op.h"

namespace temper {
namespace {

Error broken(std::string what) { return Error(ErrorCode::kInternal, std::move(what)); }

std::string type_text(const ValueType& type) {
  const auto* tensor = std::get_if<TensorType>(&type);
  return tensor ? tensor->to_string() : "a sequence or an optional";
}

Status check_contents(const Value& value) {
  if (!value.contents) return {};
  const auto* type = std::get_if<TensorType>(&value.type);
  if (!type || is_float(type->dtype) || type->dtype == DType::kString) return broken("only integers have contents");
  SymInt count = element_count(*type);
  if (!count.is_const(static_cast<int64_t>(value.contents->size()))) {
    return broken("a " + type->to_string() + " has contents of " + std::to_string(value.contents->size()) + " elements");
  }
  return {};
}

// What the body's inputs stand for, from the operand `first` on; types agree, but dims that a loop changes.
Status check_body(const Graph& graph, const Node& node, const Graph& body, size_t first, size_t operands_before) {
  if (body.inputs().size() + first != node.operands.size() + operands_before)
    return broken("a body has another number of inputs than its node passes in");
  for (size_t i = operands_before; i < body.inputs().size(); ++i) {
    ValueId operand = node.operands[first + i - operands_before];
    if (operand == kNone32) return broken("a body's input has no operand");
    const auto* given = std::get_if<TensorType>(&graph.value(operand).type);
    const auto* wanted = std::get_if<TensorType>(&body.value(body.inputs()[i]).type);
    if (!given || !wanted || given->dtype != wanted->dtype || given->dims.size() != wanted->dims.size()) {
      return broken("input " + std::to_string(i) + " of a body is a " + type_text(body.value(body.inputs()[i]).type) +
                    ", the operand a " + type_text(graph.value(operand).type));
    }
  }
  return {};
}

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.value_count(), false) {}

  Status run() {
    for (ValueId id : graph_.inputs()) {
      TEMPER_TRY(define(id, kNone32));
      TEMPER_TRY(check_contents(graph_.value(id)));
    }
    for (NodeId id : graph_.order()) {
      const Node& n = graph_.node(id);
      TEMPER_TRY_AT(node(n, id), "node '" + n.name + "' (" + (n.op ? n.op->name : "without op") + ")");
    }
    for (ValueId id : graph_.outputs()) {
      if (id < 0 || id >= graph_.value_count() || !defined_[id]) return broken("an output of the graph is not defined");
    }
    if (!graph_.output_names().empty() && graph_.output_names().size() != graph_.outputs().size())
      return broken("outputs and their names differ in number");
    return {};
  }

 private:
  Status define(ValueId id, NodeId producer) {
    if (id < 0 || id >= graph_.value_count()) return broken("a value that does not exist");
    if (defined_[id]) return broken("a value is defined twice");
    if (graph_.value(id).producer != producer) return broken("a value names another producer");
    defined_[id] = true;
    return {};
  }

  Status node(const Node& n, NodeId id) {
    if (!n.op || !n.attrs) return broken("it has no op or no attributes");
    for (ValueId operand : n.operands) {
      if (operand == kNone32) continue;
      if (operand < 0 || operand >= graph_.value_count() || !defined_[operand])
        return broken("an operand is not defined before");
    }
    if (n.attrs->type() != n.op->default_attrs->type()) return broken("it has the attributes of another op");
    for (const auto& body : n.bodies) {
      if (body->context() != graph_.context()) return broken("a body has dimensions of its own");
      TEMPER_TRY_AT(Verifier(*body).run(), "body");
    }
    if (n.op->name == "if") {
      for (const auto& body : n.bodies) TEMPER_TRY(check_body(graph_, n, *body, 1, 0));
    } else if (n.op->name == "loop") {
      for (const auto& body : n.bodies) TEMPER_TRY(check_body(graph_, n, *body, 2, 2));
    }
    if (n.op->is_core()) {
      // Inference of core ops reads the graph only: it takes a mutable one for the sake of those that make sizes.
      auto types = n.op->infer(const_cast<Graph&>(graph_), *n.attrs, n.operands, n.bodies);
      if (!types.ok()) return std::move(types).error();
      if (types->size() != n.results.size())
        return broken("it has " + std::to_string(n.results.size()) + " results, and should have " +
                      std::to_string(types->size()));
      for (size_t r = 0; r < n.results.size(); ++r) {
        ValueId result = n.results[r];
        if (result >= 0 && result < graph_.value_count() && !(graph_.value(result).type == (*types)[r])) {
          return broken("result " + std::to_string(r) + " is a " + type_text(graph_.value(result).type) + ", and should be a " +
                        type_text((*types)[r]));
        }
      }
    }
    for (ValueId result : n.results) {
      TEMPER_TRY(define(result, id));
      TEMPER_TRY(check_contents(graph_.value(result)));
    }
    return {};
  }

  const Graph& graph_;
  std::vector<bool> defined_;
};

}  // namespace

Status verify(const Graph& graph) { return Verifier(graph).run(); }

}  // namespace temper
