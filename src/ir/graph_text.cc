// Graph::to_string: the canonical text. Values are numbered in the order in which they appear, so that ids left behind by edits
// do not show; numbers of a nested body start again at 0.
//
//   graph (%0: f32[batch, 64] "x", %1: i64[1] {batch + 1}) {
//     %2: f32[64, 10] = constant() {data = f32[64, 10] <...>} "fc.weight"
//     %3: f32[batch, 10] "logits" = matmul(%0, %2) "fc"
//   } -> (%3 "logits")
//
// A result's name stands behind its type, a node's name at the end of its line; "_" is an absent operand; bodies follow their
// node. Braces behind a type hold the contents.
#include <unordered_map>

#include "ir/graph.h"
#include "ir/op.h"
#include "ir/text_form.h"

namespace temper {
namespace {

std::string type_text(const ValueType& type) {
  if (const auto* t = std::get_if<TensorType>(&type)) return t->to_string();
  if (const auto* s = std::get_if<SequenceType>(&type)) return "sequence(" + s->element.to_string() + ")";
  return "optional(" + std::get<OptionalType>(type).element.to_string() + ")";
}

class Writer {
 public:
  explicit Writer(const Graph& graph, std::string indent) : graph_(graph), indent_(std::move(indent)) {}

  std::string run() {
    text_ = "graph (";
    const char* separator = "";
    for (ValueId id : graph_.inputs()) {
      text_ += separator + defined(id);
      separator = ", ";
    }
    text_ += ") {\n";
    for (NodeId id : graph_.order()) node(graph_.node(id));
    text_ += indent_ + "} -> (";
    const auto& names = graph_.output_names();
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      text_ += (i ? ", " : "") + reference(graph_.outputs()[i]);
      if (i < names.size()) text_ += " " + quoted_text(names[i]);
    }
    return text_ + ")";
  }

 private:
  std::string reference(ValueId id) const {
    if (id == kNone32) return "_";
    auto found = numbers_.find(id);
    return found == numbers_.end() ? "%undefined" : "%" + std::to_string(found->second);
  }
  std::string defined(ValueId id) {
    numbers_.emplace(id, static_cast<int>(numbers_.size()));
    const Value& value = graph_.value(id);
    std::string text = reference(id) + ": " + type_text(value.type);
    if (value.contents) {
      text += " {";
      for (size_t i = 0; i < value.contents->size(); ++i) text += (i ? ", " : "") + (*value.contents)[i].to_string();
      text += "}";
    }
    return value.name.empty() ? text : text + " " + quoted_text(value.name);
  }
  void node(const Node& node) {
    std::string operands, results;
    for (ValueId id : node.operands) operands += (operands.empty() ? "" : ", ") + reference(id);
    for (ValueId id : node.results) results += (results.empty() ? "" : ", ") + defined(id);
    text_ += indent_ + "  " + results + (results.empty() ? "" : " = ") + node.op->name + "(" + operands + ")";
    const char* separator = " {";
    for (const auto& [name, value] : node.attrs->fields()) {
      text_ += separator + std::string(name) + " = " + to_string(value);
      separator = ", ";
    }
    if (*separator == ',') text_ += "}";
    if (!node.name.empty()) text_ += " " + quoted_text(node.name);
    for (const auto& body : node.bodies) text_ += "\n" + indent_ + "    " + Writer(*body, indent_ + "    ").run();
    text_ += "\n";
  }

  const Graph& graph_;
  std::string indent_, text_;
  std::unordered_map<ValueId, int> numbers_;
};

}  // namespace

std::string Graph::to_string() const { return Writer(*this, "").run() + "\n"; }

}  // namespace temper
