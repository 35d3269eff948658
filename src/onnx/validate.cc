#include "onnx/validate.h"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "onnx/function_index.h"
#include "onnx/scopes.h"
#include "onnx/wire_fields.h"

namespace temper::onnx {
namespace {

using wire::printable;
using wire::quoted;
using Names = std::unordered_set<std::string_view>;

class Validator {
 public:
  Validator(const Model& model, size_t limit) : model_(model), functions_(model), limit_(limit) {}

  std::vector<Error> run() {
    for (const Error& e : model_.problems) add(e);
    check_versions();
    if (model_.has_graph) {
      check_interface();
      check_graph(model_.graph, "graph");
    } else {
      problem(ErrorCode::kCorrupt, "the model has no graph; export it again", "");
    }
    for (size_t i = 0; i < model_.functions.size(); ++i) check_function(i);
    check_recursion();
    if (dropped_ > 0) {
      problems_.push_back(
          Error(ErrorCode::kInvalidArgument, "and " + std::to_string(dropped_) + " more problems").at(model_.display_name));
    }
    return std::move(problems_);
  }

 private:
  void add(Error error) {
    if (problems_.size() < limit_) {
      problems_.push_back(std::move(error));
    } else {
      ++dropped_;
    }
  }

  void problem(ErrorCode code, std::string message, const std::string& place) {
    Error error(code, std::move(message));
    if (!place.empty()) error = std::move(error).at(place);
    add(std::move(error).at(model_.display_name));
  }

  static std::string indexed(const std::string& within, const char* list, size_t i) {
    return (within.empty() ? "" : within + ".") + list + "[" + std::to_string(i) + "]";
  }
  static std::string node_place(const std::string& within, size_t i, const Node& n) {
    return indexed(within, "node", i) + (n.name.empty() ? "" : " " + quoted(n.name)) + " (" + printable(n.op_type) + ")";
  }

  void check_versions() {
    if (model_.ir_version > kLastIrVersion) {
      problem(ErrorCode::kUnsupported,
              "the model has IR version " + std::to_string(model_.ir_version) +
                  ", and the newest that can be read is 13; export it for IR version 13 or older",
              "ir_version");
    } else if (model_.ir_version < kFirstIrVersion) {
      problem(ErrorCode::kUnsupported,
              "the model has IR version " + std::to_string(model_.ir_version) +
                  ", and the oldest that can be read is 3; export it again with a newer exporter",
              "ir_version");
    }
    check_imports(model_.opset_imports, "");
  }

  void check_imports(const std::vector<OpsetImport>& imports, const std::string& within) {
    std::map<std::string_view, int64_t> versions;
    for (size_t i = 0; i < imports.size(); ++i) {
      const OpsetImport& import = imports[i];
      std::string place = indexed(within, "opset_import", i);
      if (import.version <= 0) {
        problem(ErrorCode::kCorrupt,
                "domain " + domain_text(import.domain) + " is imported in version " + std::to_string(import.version) +
                    ", and versions begin at 1; export the model again",
                place);
      }
      auto [found, fresh] = versions.emplace(import.domain, import.version);
      if (!fresh && found->second != import.version) {
        problem(ErrorCode::kCorrupt,
                "domain " + domain_text(import.domain) + " is imported in versions " + std::to_string(found->second) + " and " +
                    std::to_string(import.version) + "; leave one",
                place);
      }
    }
  }

  static std::string domain_text(std::string_view domain) { return quoted(domain.empty() ? "ai.onnx" : domain); }

  // What only the outermost graph must have.
  void check_interface() {
    for (size_t i = 0; i < model_.graph.inputs.size(); ++i) {
      const ValueInfo& v = model_.graph.inputs[i];
      bool typed = v.type.kind != Type::kNone && (v.type.kind != Type::kTensor || v.type.elem_type != kUndefined);
      if (!typed) {
        problem(ErrorCode::kCorrupt, "input " + quoted(v.name) + " has no type; export the model with the types of its inputs",
                indexed("graph", "input", i));
      }
    }
  }

  bool visible(std::string_view name) const {
    for (const Names* scope : scopes_) {
      if (scope->contains(name)) return true;
    }
    return false;
  }

  void define(Names& scope, std::string_view name, const char* what, const std::string& place) {
    if (name.empty()) {
      problem(ErrorCode::kCorrupt, std::string(what) + " has no name; export the model again", place);
    } else if (!scope.insert(name).second) {
      problem(ErrorCode::kCorrupt,
              std::string(what) + " " + quoted(name) + " is defined twice in the same graph; give each value a name of its own",
              place);
    }
  }

  void check_graph(const Graph& graph, const std::string& within) {
    Names defined;
    for (size_t i = 0; i < graph.inputs.size(); ++i)
      define(defined, graph.inputs[i].name, "input", indexed(within, "input", i));
    // An initializer with the name of an input is that input's default.
    Names inputs = defined, initializers;
    auto initializer = [&](std::string_view name, const std::string& place) {
      bool fresh = initializers.insert(name).second;
      if (!fresh || !inputs.contains(name)) define(defined, name, "initializer", place);
    };
    for (size_t i = 0; i < graph.initializers.size(); ++i)
      initializer(graph.initializers[i].name, indexed(within, "initializer", i));
    for (size_t i = 0; i < graph.sparse_initializers.size(); ++i) {
      initializer(graph.sparse_initializers[i].values.name, indexed(within, "sparse_initializer", i));
    }
    scopes_.push_back(&defined);
    check_nodes(graph.nodes, defined, within);
    for (size_t i = 0; i < graph.outputs.size(); ++i) check_output(graph.outputs[i].name, indexed(within, "output", i));
    scopes_.pop_back();
  }

  void check_output(std::string_view name, const std::string& place) {
    if (name.empty()) {
      problem(ErrorCode::kCorrupt, "an output has no name; export the model again", place);
    } else if (!visible(name)) {
      problem(ErrorCode::kCorrupt,
              "output " + quoted(name) + " is made by no node; remove the output, or export the model again", place);
    }
  }

  // The nodes of a graph or function whose scope is `defined`, the innermost one.
  void check_nodes(const std::vector<Node>& nodes, Names& defined, const std::string& within) {
    std::unordered_map<std::string_view, size_t> producer;
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (std::string_view name : nodes[i].outputs) producer.emplace(name, i);
    }
    producers_.push_back(&producer);
    std::vector<size_t> cycle = find_cycle(nodes);
    if (!cycle.empty()) report_cycle(nodes, cycle, within);
    cycles_around_ += !cycle.empty();
    for (size_t i = 0; i < nodes.size(); ++i) {
      const Node& node = nodes[i];
      std::string place = node_place(within, i, node);
      check_operator(node, place);
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        std::string_view name = node.inputs[k];
        if (name.empty() || visible(name)) continue;
        if (!made_later(name)) {
          problem(ErrorCode::kCorrupt,
                  "input " + quoted(name) + " is made by no node, input or initializer; export the model again", place);
        } else if (cycles_around_ == 0) {
          problem(
              ErrorCode::kCorrupt,
              "input " + quoted(name) + " is made by a later node; sort the nodes so that each comes after those it reads from",
              place);
        }
      }
      check_attributes(node, place);
      for (std::string_view name : node.outputs) {
        if (!name.empty()) define(defined, name, "output", place);
      }
    }
    cycles_around_ -= !cycle.empty();
    producers_.pop_back();
  }

  bool made_later(std::string_view name) const {
    for (const auto* scope : producers_) {
      if (scope->contains(name)) return true;
    }
    return false;
  }

  void report_cycle(const std::vector<Node>& nodes, const std::vector<size_t>& cycle, const std::string& within) {
    std::string names;
    for (size_t k = 0; k < cycle.size() && k < 8; ++k) names += (k ? " -> " : "") + node_place("", cycle[k], nodes[cycle[k]]);
    if (cycle.size() > 8) names += " -> " + std::to_string(cycle.size() - 8) + " more";
    problem(ErrorCode::kCorrupt, "these nodes wait for each other in a circle: " + names + "; export the model again", within);
  }

  void check_operator(const Node& node, const std::string& place) {
    if (node.op_type.empty()) return problem(ErrorCode::kCorrupt, "the node has no operator; export the model again", place);
    if (const Function* function = functions_.find(node)) {
      if (node.inputs.size() > function->inputs.size() || node.outputs.size() > function->outputs.size()) {
        problem(ErrorCode::kCorrupt,
                "function " + functions_.name_of(*function) + " is called with " + std::to_string(node.inputs.size()) +
                    " inputs and " + std::to_string(node.outputs.size()) + " outputs, but has " +
                    std::to_string(function->inputs.size()) + " and " + std::to_string(function->outputs.size()) +
                    "; export the model again",
                place);
      }
      return;
    }
    if (!node.overload.empty() || functions_.is_local_domain(node.domain)) {
      std::string name = domain_text(node.domain) + "::" + printable(node.op_type) +
                         (node.overload.empty() ? "" : ":" + printable(node.overload));
      return problem(ErrorCode::kCorrupt,
                     "the model does not define the function " + name + " that this node calls; export the model again", place);
    }
    bool imported = model_.opset(node).has_value();
    if (function_) {
      for (const OpsetImport& import : function_->opset_imports) imported |= import.domain == node.domain;
    }
    if (!imported && missing_domains_.emplace(function_, node.domain).second) {
      problem(ErrorCode::kCorrupt,
              "the node is of domain " + domain_text(node.domain) + ", of which no opset_import gives a version; add one",
              place);
    }
  }

  void check_attributes(const Node& node, const std::string& place) {
    Names seen;
    for (size_t i = 0; i < node.attributes.size(); ++i) {
      const Attribute& a = node.attributes[i];
      std::string inner = place + "." + (a.name.empty() ? "attribute[" + std::to_string(i) + "]" : printable(a.name));
      if (a.name.empty()) {
        problem(ErrorCode::kCorrupt, "an attribute has no name; export the model again", inner);
      } else if (!seen.insert(a.name).second) {
        problem(ErrorCode::kCorrupt, "attribute " + quoted(a.name) + " is given twice; leave one", inner);
      }
      if (!a.ref_attr_name.empty() && !function_) {
        problem(ErrorCode::kCorrupt,
                "the attribute stands for a caller's attribute " + quoted(a.ref_attr_name) +
                    ", which has a meaning only inside a function; give it a value",
                inner);
      } else if (!a.ref_attr_name.empty() && !declares(*function_, a.ref_attr_name)) {
        problem(ErrorCode::kCorrupt,
                "the attribute stands for attribute " + quoted(a.ref_attr_name) +
                    ", which the function does not declare; export the model again",
                inner);
      }
      for (size_t k = 0; k < a.graphs.size(); ++k) {
        check_graph(a.graphs[k], inner + (a.graphs.size() > 1 ? "[" + std::to_string(k) + "]" : ""));
      }
    }
  }

  static bool declares(const Function& function, std::string_view attribute) {
    for (std::string_view name : function.attributes) {
      if (name == attribute) return true;
    }
    for (const Attribute& a : function.attribute_protos) {
      if (a.name == attribute) return true;
    }
    return false;
  }

  void check_function(size_t index) {
    const Function& function = model_.functions[index];
    std::string within = indexed("", "functions", index) + " " + quoted(function.name);
    if (function.name.empty()) problem(ErrorCode::kCorrupt, "a function has no name; export the model again", within);
    if (functions_.find(function.domain, function.name, function.overload) != &function) {
      problem(ErrorCode::kCorrupt, "function " + functions_.name_of(function) + " is defined twice; leave one", within);
    }
    check_imports(function.opset_imports, within);
    Names attributes;
    auto declare = [&](std::string_view name) {
      if (!attributes.insert(name).second)
        problem(ErrorCode::kCorrupt, "attribute " + quoted(name) + " is declared twice; leave one", within);
    };
    for (std::string_view name : function.attributes) declare(name);
    for (const Attribute& a : function.attribute_protos) declare(a.name);
    function_ = &function;
    Names defined;
    for (std::string_view name : function.inputs) define(defined, name, "input", within);
    scopes_.push_back(&defined);
    check_nodes(function.nodes, defined, within);
    for (size_t i = 0; i < function.outputs.size(); ++i) check_output(function.outputs[i], indexed(within, "output", i));
    scopes_.pop_back();
    function_ = nullptr;
  }

  void check_recursion() {
    std::vector<const Function*> circle = functions_.find_recursion();
    if (circle.empty()) return;
    std::string names;
    for (const Function* f : circle) names += functions_.name_of(*f) + " -> ";
    problem(ErrorCode::kCorrupt,
            "these functions call each other without end: " + names + functions_.name_of(*circle.front()) +
                "; export the model again",
            "functions");
  }

  const Model& model_;
  FunctionIndex functions_;
  size_t limit_;
  size_t dropped_ = 0;
  int cycles_around_ = 0;  // lists of nodes with a cycle, among those we are in: order means nothing there
  std::vector<Error> problems_;
  const Function* function_ = nullptr;                                          // whose body is being checked
  std::vector<const Names*> scopes_;                                            // what is defined so far, outermost first
  std::vector<const std::unordered_map<std::string_view, size_t>*> producers_;  // what is ever made, outermost first
  std::set<std::pair<const Function*, std::string_view>> missing_domains_;      // reported once for each body
};

}  // namespace

std::vector<Error> validate(const Model& model, size_t limit) { return Validator(model, limit).run(); }

}  // namespace temper::onnx
