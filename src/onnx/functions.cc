#include "onnx/functions.h"

#include <new>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "onnx/function_index.h"
#include "onnx/storage.h"
#include "onnx/wire_fields.h"

namespace temper::onnx {
namespace {

using wire::quoted;

// Functions that call others twice, and those twice again, are a small file and an endless graph.
constexpr uint64_t kMaxBytes = uint64_t(2) << 30;
constexpr int kMaxNesting = 200;  // of calls and of graphs in attributes, together

// Names of a function body, or of a graph within it, and what they are called in the graph that the call is in. No name of the
// body stays as it is: it might be one of the caller's.
struct Scope {
  const Scope* outer = nullptr;
  std::unordered_map<std::string_view, std::string_view> names;

  const std::string_view* find(std::string_view name) const {
    for (const Scope* scope = this; scope; scope = scope->outer) {
      if (auto found = scope->names.find(name); found != scope->names.end()) return &found->second;
    }
    return nullptr;
  }
};

class Inliner {
 public:
  Inliner(Model& model, int64_t max_nodes) : model_(model), index_(model), max_nodes_(max_nodes) { collect_names(model.graph); }

  Status run() {
    TEMPER_TRY(expand_graph(model_.graph));
    model_.functions.clear();
    return {};
  }

 private:
  // One call: what its body is copied with.
  struct Call {
    const Node& node;
    const Function& function;
    std::string prefix;                                                 // of names that the body gives
    std::unordered_map<std::string_view, const Attribute*> attributes;  // the caller's, else the defaults
  };

  void collect_names(const Graph& g) {
    for (const ValueInfo& v : g.inputs) used_.insert(v.name);
    for (const Tensor& t : g.initializers) used_.insert(t.name);
    for (const SparseTensor& t : g.sparse_initializers) used_.insert(t.values.name);
    for (const Node& n : g.nodes) {
      used_.insert(n.outputs.begin(), n.outputs.end());
      used_.insert(n.inputs.begin(), n.inputs.end());
      for (const Attribute& a : n.attributes) {
        for (const Graph& inner : a.graphs) collect_names(inner);
      }
    }
  }

  // Names invented here have to be new in every graph of the model, for a graph in an attribute sees the names around it.
  std::string_view fresh(const Call& call, std::string_view name) {
    std::string base = call.prefix + "/" + std::string(name);
    std::string candidate = base;
    if (used_.contains(candidate)) {
      int64_t& next = suffixes_[base];
      do {
        candidate = base + "_" + std::to_string(++next);
      } while (used_.contains(candidate));
    }
    std::string_view kept = model_.storage->keep(std::move(candidate));
    used_.insert(kept);
    return kept;
  }

  Error error(const Call& call, std::string message) const {
    return Error(ErrorCode::kCorrupt, std::move(message)).at(call_text(call.node, call.function)).at(model_.display_name);
  }
  static std::string call_text(const Node& node, const Function& f) {
    return "call of function " + FunctionIndex::name_of(f) + (node.name.empty() ? "" : " by node " + quoted(node.name));
  }

  // Counts what one more copy of `node` or `a` takes, before it is made; the graphs of a node's own attributes not included.
  Status charge(const Node& node) {
    ++nodes_;
    bytes_ += sizeof(Node) + 16 * (node.inputs.size() + node.outputs.size());
    return within_limits();
  }

  Status charge(const Attribute& a) {
    bytes_ +=
        sizeof(Attribute) + 4 * a.floats.size() + 8 * a.ints.size() + 16 * a.strings.size() + sizeof(Type) * a.types.size();
    for (const Tensor& t : a.tensors) bytes_ += sizeof(Tensor) + 8 * t.dims.size() + 16 * t.strings.size();
    for (const SparseTensor& t : a.sparse_tensors) bytes_ += sizeof(SparseTensor) + 8 * t.dims.size();
    for (const Graph& g : a.graphs)
      bytes_ += sizeof(Graph) + sizeof(Tensor) * g.initializers.size() + sizeof(ValueInfo) * g.inputs.size();
    return within_limits();
  }

  Status charge_whole(const Attribute& a) {
    TEMPER_TRY(charge(a));
    for (const Graph& g : a.graphs) {
      for (const Node& n : g.nodes) {
        TEMPER_TRY(charge(n));
        for (const Attribute& inner : n.attributes) TEMPER_TRY(charge_whole(inner));
      }
    }
    return {};
  }

  Status within_limits() const {
    if (nodes_ <= max_nodes_ && bytes_ <= kMaxBytes) return {};
    return Error(ErrorCode::kOutOfMemory, "with its functions inlined the model has more than " + std::to_string(max_nodes_) +
                                              " nodes or 2 GiB of attributes; export it without functions")
        .at(model_.display_name);
  }

  Status deeper() const {
    if (depth_ < kMaxNesting) return {};
    return Error(ErrorCode::kUnsupported,
                 "calls of functions and graphs in attributes are nested more than 200 deep, or without end; export the model "
                 "again")
        .at(model_.display_name);
  }

  Status expand_graph(Graph& graph) {
    TEMPER_TRY(deeper());
    ++depth_;
    std::vector<Node> expanded;
    expanded.reserve(graph.nodes.size());
    for (Node& node : graph.nodes) TEMPER_TRY(expand_node(std::move(node), expanded));
    graph.nodes = std::move(expanded);
    --depth_;
    return {};
  }

  Status expand_node(Node node, std::vector<Node>& out) {
    for (Attribute& a : node.attributes) {
      for (Graph& g : a.graphs) TEMPER_TRY(expand_graph(g));
    }
    if (const Function* function = index_.find(node)) return inline_call(node, *function, out);
    out.push_back(std::move(node));
    return {};
  }

  Status inline_call(const Node& node, const Function& function, std::vector<Node>& out) {
    TEMPER_TRY(deeper());
    Call call{node, function, std::string(node.name.empty() ? function.name : node.name), {}};
    if (node.inputs.size() > function.inputs.size() || node.outputs.size() > function.outputs.size()) {
      return error(call, "the call has " + std::to_string(node.inputs.size()) + " inputs and " +
                             std::to_string(node.outputs.size()) + " outputs, the function " +
                             std::to_string(function.inputs.size()) + " and " + std::to_string(function.outputs.size()) +
                             "; export the model again");
    }
    for (const Attribute& a : node.attributes) call.attributes.emplace(a.name, &a);
    for (const Attribute& a : function.attribute_protos) call.attributes.emplace(a.name, &a);

    Scope scope;
    for (size_t i = 0; i < function.inputs.size(); ++i) {
      scope.names.emplace(function.inputs[i], i < node.inputs.size() ? node.inputs[i] : std::string_view());
    }
    // An output that is an input too, or stands twice among the outputs, has its one name already: the second one is a copy.
    std::vector<std::pair<std::string_view, std::string_view>> copies;  // formal, actual
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      if (!scope.names.emplace(function.outputs[i], node.outputs[i]).second)
        copies.emplace_back(function.outputs[i], node.outputs[i]);
    }
    define_outputs(call, function.nodes, scope);
    ++depth_;
    for (const Node& body_node : function.nodes) {
      TEMPER_TRY(expand_node(TEMPER_TRY(copy_node(call, body_node, scope)), out));
    }
    --depth_;
    for (auto [formal, actual] : copies) TEMPER_TRY(append_copy(call, *scope.find(formal), actual, out));
    return charge(node);  // so that calls of empty functions count too
  }

  Status append_copy(const Call& call, std::string_view from, std::string_view to, std::vector<Node>& out) {
    if (from.empty()) return error(call, "output " + quoted(to) + " is an input that the caller leaves out; give it");
    Node node;
    node.op_type = "Identity";
    node.name = model_.storage->keep(call.prefix + "/Identity");
    node.inputs = {from};
    node.outputs = {to};
    constexpr int64_t kAnyVersionWithIdentity = 13;
    if (!model_.opset("")) node.opset_version = kAnyVersionWithIdentity;
    out.push_back(std::move(node));
    return {};
  }

  void define_outputs(const Call& call, const std::vector<Node>& nodes, Scope& scope) {
    for (const Node& n : nodes) {
      for (std::string_view name : n.outputs) {
        if (!name.empty() && !scope.names.contains(name)) scope.names.emplace(name, fresh(call, name));
      }
    }
  }

  Expected<std::string_view> resolve(const Call& call, std::string_view name, const Scope& scope) const {
    if (name.empty()) return name;
    if (const std::string_view* found = scope.find(name)) return *found;
    return error(call, "the function's body reads " + quoted(name) + ", which nothing in it defines; export the model again");
  }

  Expected<Node> copy_node(const Call& call, const Node& from, const Scope& scope) {
    TEMPER_TRY(charge(from));
    Node to;
    to.name = model_.storage->keep(call.prefix + "/" + std::string(from.name.empty() ? from.op_type : from.name));
    to.op_type = from.op_type;
    to.domain = from.domain;
    to.overload = from.overload;
    to.doc = from.doc;
    to.opset_version = version_of(call.function, from);
    for (std::string_view name : from.inputs) to.inputs.push_back(TEMPER_TRY(resolve(call, name, scope)));
    for (std::string_view name : from.outputs) to.outputs.push_back(TEMPER_TRY(resolve(call, name, scope)));
    for (const Attribute& a : from.attributes) TEMPER_TRY(copy_attribute(call, a, scope, to));
    return to;
  }

  // 0 where the function means the same version as the model.
  int64_t version_of(const Function& function, const Node& node) const {
    for (const OpsetImport& import : function.opset_imports) {
      if (import.domain == node.domain) return import.version == model_.opset(node.domain) ? 0 : import.version;
    }
    return 0;
  }

  Status copy_attribute(const Call& call, const Attribute& from, const Scope& scope, Node& to) {
    if (from.ref_attr_name.empty()) {
      TEMPER_TRY(charge(from));
      Attribute copy = without_graphs(from);
      for (const Graph& g : from.graphs) copy.graphs.push_back(TEMPER_TRY(copy_graph(call, g, scope)));
      to.attributes.push_back(std::move(copy));
      return {};
    }
    auto found = call.attributes.find(from.ref_attr_name);
    if (found == call.attributes.end()) return {};  // left out by the caller: then the operator's own default holds
    if (from.type != Attribute::kUndefined && from.type != found->second->type) {
      return error(call, "attribute " + quoted(from.ref_attr_name) + " is " +
                             std::string(attribute_kind_name(found->second->type)) + ", but node " + quoted(to.name) +
                             " in the function needs " + std::string(attribute_kind_name(from.type)) +
                             "; export the model again");
    }
    TEMPER_TRY(charge_whole(*found->second));
    // A graph that the caller gave means the caller's names and versions: it stays as it is.
    to.attributes.push_back(*found->second);
    to.attributes.back().name = from.name;
    return {};
  }

  static Attribute without_graphs(const Attribute& from) {
    if (from.graphs.empty()) return from;
    Attribute copy;
    copy.name = from.name;
    copy.type = from.type;
    return copy;
  }

  Expected<Graph> copy_graph(const Call& call, const Graph& from, const Scope& outer) {
    Graph to;
    to.name = from.name;
    Scope scope{&outer, {}};
    for (const ValueInfo& v : from.inputs) scope.names.emplace(v.name, fresh(call, v.name));
    for (const Tensor& t : from.initializers) scope.names.emplace(t.name, fresh(call, t.name));
    for (const SparseTensor& t : from.sparse_initializers) scope.names.emplace(t.values.name, fresh(call, t.values.name));
    define_outputs(call, from.nodes, scope);
    for (const ValueInfo& v : from.inputs) to.inputs.push_back(TEMPER_TRY(copy_value(call, v, scope)));
    for (const ValueInfo& v : from.outputs) to.outputs.push_back(TEMPER_TRY(copy_value(call, v, scope)));
    to.initializers = from.initializers;
    for (Tensor& t : to.initializers) t.name = TEMPER_TRY(resolve(call, t.name, scope));
    to.sparse_initializers = from.sparse_initializers;
    for (SparseTensor& t : to.sparse_initializers) t.values.name = TEMPER_TRY(resolve(call, t.values.name, scope));
    for (const Node& n : from.nodes) to.nodes.push_back(TEMPER_TRY(copy_node(call, n, scope)));
    return to;
  }

  Expected<ValueInfo> copy_value(const Call& call, const ValueInfo& from, const Scope& scope) const {
    ValueInfo to{TEMPER_TRY(resolve(call, from.name, scope)), from.type};
    forget_dim_names(to.type);
    return to;
  }

  // A function's "N" is not the model's "N", nor the "N" of another call.
  static void forget_dim_names(Type& type) {
    if (type.shape) {
      for (Dim& d : *type.shape) {
        if (d.kind == Dim::kParam) d = {};
      }
    }
    for (Type& inner : type.element) forget_dim_names(inner);
  }

  Model& model_;
  FunctionIndex index_;
  std::unordered_set<std::string_view> used_;
  std::unordered_map<std::string, int64_t> suffixes_;
  int64_t max_nodes_;
  int64_t nodes_ = 0;
  uint64_t bytes_ = 0;
  int depth_ = 0;
};

}  // namespace

Status inline_functions(Model& model, int64_t max_nodes) {
  if (model.functions.empty()) return {};
  try {
    return Inliner(model, max_nodes).run();
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kOutOfMemory, "there is not enough memory to inline the model's functions").at(model.display_name);
  }
}

}  // namespace temper::onnx
