#include "onnx/import.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "onnx/functions.h"
#include "onnx/import_node.h"
#include "onnx/lists.h"
#include "onnx/reader.h"
#include "onnx/validate.h"
#include "ops/builder.h"

namespace temper::onnx {
namespace {

using Name = std::string_view;

// Which operator reads an ONNX node: the binding with the highest `since` that the opset reaches.
struct Reader {
  const Op* op = nullptr;
  const OnnxBinding* binding = nullptr;
};
Reader find_reader(Name domain, Name op_type, int64_t opset) {
  using Key = std::pair<std::string, std::string>;
  static const std::map<Key, std::vector<Reader>> table = [] {
    std::map<Key, std::vector<Reader>> t;
    for (const Op* op : all_ops()) {
      for (const OnnxBinding& binding : op->onnx) t[{binding.domain, binding.op_type}].push_back({op, &binding});
    }
    return t;
  }();
  Reader best;
  auto found = table.find({std::string(domain), std::string(op_type)});
  if (found == table.end()) return best;
  for (const Reader& r : found->second) {
    if (r.binding->since <= opset && (!best.op || r.binding->since > best.binding->since)) best = r;
  }
  return best;
}

// Names that a graph reads and does not make, those of its subgraphs included.
void free_names(const Graph& graph, std::set<Name>& found) {
  std::set<Name> made;
  for (const ValueInfo& v : graph.inputs) made.insert(v.name);
  for (const Tensor& t : graph.initializers) made.insert(t.name);
  for (const SparseTensor& t : graph.sparse_initializers) made.insert(t.values.name);
  std::set<Name> read;
  for (const Node& node : graph.nodes) {
    read.insert(node.inputs.begin(), node.inputs.end());
    for (const Attribute& a : node.attributes) {
      for (const Graph& sub : a.graphs) free_names(sub, read);
    }
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const ValueInfo& v : graph.outputs) read.insert(v.name);
  for (Name name : read) {
    if (!name.empty() && !made.contains(name)) found.insert(name);
  }
}

// A dimension's name as an identifier that no variable of an index map has.
std::string symbol_name(Name name) {
  std::string id;
  for (char c : name) id += std::isalnum(static_cast<unsigned char>(c)) || c == '_' ? c : '_';
  bool reserved = id.size() > 1 && (id[0] == 'd' || id[0] == 'v' || id[0] == 'u' || id[0] == 's') &&
                  std::all_of(id.begin() + 1, id.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
  if (id.empty() || std::isdigit(static_cast<unsigned char>(id[0])) || reserved || id == "min" || id == "max") id = "dim_" + id;
  return id;
}

// Exporters write "?" and the like for a dimension that they have no name for: two of them are not equal.
bool is_name(Name name) {
  return std::any_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)); });
}

class Importer {
 public:
  // `choices`: see Note [Branches of different rank]; it grows with each one met beyond its end.
  Importer(const Model& model, const ImportOptions& options, Import& result, std::vector<bool>& choices)
      : model_(model), options_(options), problems_(result.problems), assumptions_(result.assumptions), choices_(choices) {}

  struct Scope {
    Builder builder;
    Singles values;  // absent Val: its producer was refused
    Lists lists;
    explicit Scope(temper::Graph& graph) : builder(graph) {}
  };

  void import_inputs(Scope& scope, const Graph& graph) {
    std::set<Name> held;
    for (const Tensor& t : graph.initializers) held.insert(t.name);
    for (const ValueInfo& info : graph.inputs) {
      if (held.contains(info.name)) continue;  // IR version 3 lists weights as inputs too; the value given is the value
      auto type = tensor_type(scope, info);
      if (!type.ok()) {
        problems_.push_back(std::move(type).error().at("input '" + std::string(info.name) + "'"));
        scope.values[info.name] = Val{&scope.builder, kNone32};
        continue;
      }
      scope.values[info.name] = scope.builder.val(scope.builder.graph().add_input(*type, std::string(info.name)));
    }
  }

  void import_body(Scope& scope, const Graph& graph) {
    for (const Tensor& t : graph.initializers) {
      auto tensor = to_tensor(t, model_.storage);
      if (!tensor.ok()) {
        problems_.push_back(std::move(tensor).error());
        scope.values[t.name] = Val{&scope.builder, kNone32};
        continue;
      }
      scope.builder.set_name(std::string(t.name));
      Val v = scope.builder.constant(std::move(*tensor));
      scope.builder.graph().value(v.id).name = t.name;
      scope.values[t.name] = v;
    }
    for (const SparseTensor& t : graph.sparse_initializers) {
      problems_.push_back(Error(ErrorCode::kUnsupported, "sparse initializers are not supported; store it dense")
                              .at("tensor '" + std::string(t.values.name) + "'"));
      scope.values[t.values.name] = Val{&scope.builder, kNone32};
    }
    for (const Node& node : graph.nodes) import_node(scope, node);
  }

  std::vector<ValueId> outputs(Scope& scope, const Graph& graph) {
    std::vector<ValueId> ids;
    for (const ValueInfo& info : graph.outputs) {
      auto found = scope.values.find(info.name);
      ids.push_back(found == scope.values.end() ? kNone32 : found->second.id);
    }
    return ids;
  }

 private:
  Expected<ValueType> tensor_type(Scope& scope, const ValueInfo& info) {
    if (info.type.kind != Type::kTensor) {
      return Error(ErrorCode::kUnsupported, "only tensors may be inputs of a model so far");
    }
    auto dtype = dtype_from_onnx(info.type.elem_type);
    if (!dtype)
      return Error(ErrorCode::kUnsupported,
                   "element type " + std::string(data_type_name(info.type.elem_type)) + " is not supported");
    if (!info.type.shape)
      return Error(ErrorCode::kUnsupported, "the rank of an input must be known; give it a shape (its dims may be symbols)");
    TensorType type{*dtype, {}};
    for (size_t i = 0; i < info.type.shape->size(); ++i) {
      const Dim& d = (*info.type.shape)[i];
      if (d.kind == Dim::kValue && d.value >= 0)
        type.dims.push_back(d.value);
      else if (d.kind == Dim::kParam && is_name(d.param))
        type.dims.push_back(scope.builder.sym().symbol(symbol_name(d.param)));
      else
        type.dims.push_back(scope.builder.sym().symbol(symbol_name(std::string(info.name) + "_" + std::to_string(i))));
    }
    return ValueType(type);
  }

  std::string place(const Node& node) const {
    std::string at = "node '" + std::string(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name) + "' (" +
                     (node.domain.empty() ? "" : std::string(node.domain) + ".") + std::string(node.op_type);
    if (auto opset = model_.opset(node)) at += ", opset " + std::to_string(*opset);
    return at + ")";
  }

  void import_node(Scope& scope, const Node& node) {
    if (is_about_lists(node, scope.lists)) {
      scope.builder.set_name(std::string(node.name.empty() ? node.outputs[0] : node.name));
      Status read = read_list_node(scope.builder, node, scope.lists, scope.values);
      if (read.ok()) return;
      problems_.push_back(std::move(read).error().at(place(node)).at(model_.display_name));
      return mark_outputs(scope, node);
    }
    std::vector<Val> operands;
    for (Name input : node.inputs) {
      if (input.empty()) {
        operands.push_back(Val{&scope.builder, kNone32});
        continue;
      }
      auto found = scope.values.find(input);
      if (found == scope.values.end() || !found->second) return mark_outputs(scope, node);  // its cause is reported already
      operands.push_back(found->second);
    }
    while (!operands.empty() && !operands.back()) operands.pop_back();
    scope.builder.set_name(std::string(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name));
    auto results = read_node(scope, node, operands);
    if (!results.ok()) {
      problems_.push_back(std::move(results).error().at(place(node)).at(model_.display_name));
      return mark_outputs(scope, node);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      if (i >= results->size()) {
        problems_.push_back(Error(ErrorCode::kUnsupported, "output " + std::to_string(i) + " of this operator is not supported")
                                .at(place(node))
                                .at(model_.display_name));
        scope.values[node.outputs[i]] = Val{&scope.builder, kNone32};
        continue;
      }
      temper::Value& value = scope.builder.graph().value((*results)[i].id);
      if (value.name.empty()) value.name = node.outputs[i];
      scope.values[node.outputs[i]] = (*results)[i];
    }
  }

  void mark_outputs(Scope& scope, const Node& node) {
    for (Name output : node.outputs) scope.values[output] = Val{&scope.builder, kNone32};
  }

  Expected<std::vector<Val>> read_node(Scope& scope, const Node& node, std::span<const Val> operands) {
    auto opset = model_.opset(node);
    if (!opset)
      return Error(ErrorCode::kInvalidArgument, "the model does not import the domain '" + std::string(node.domain) + "'");
    if (node.domain.empty() && node.op_type == "If") return read_if(scope, node, operands);
    if (node.domain.empty() && node.op_type == "Loop") return read_loop(scope, node, operands);
    if (node.domain.empty() && node.op_type == "Scan") return read_scan(scope, node, operands, *opset);
    Reader reader = find_reader(node.domain, node.op_type, *opset);
    if (options_.plugins && (!reader.op || options_.plugins_come_first)) {
      auto results = TEMPER_TRY(read_plugin(scope, node, operands));
      if (!results.empty()) return results;
    }
    if (!reader.op) {
      return Error(ErrorCode::kUnsupported,
                   "operator " + std::string(node.op_type) + " of opset " + std::to_string(*opset) +
                       (node.domain.empty() ? "" : " of domain " + std::string(node.domain)) +
                       " is not supported, and no plugin of that name is registered; rewrite the model without it, or "
                       "load the plugin");
    }
    ModelNode view(node, static_cast<int>(*opset), model_.storage);
    AttrsPtr attrs = TEMPER_TRY(reader.binding->read(view));
    auto results = scope.builder.op(*reader.op, std::move(attrs), operands);
    TEMPER_TRY(scope.builder.take_status());
    return results;
  }

  // Nothing where no plugin computes the node.
  Expected<std::vector<Val>> read_plugin(Scope& scope, const Node& node, std::span<const Val> operands) {
    std::vector<ValueId> ids;
    for (Val v : operands) ids.push_back(v.id);
    PluginNode plugin = TEMPER_TRY(options_.plugins(node, scope.builder.graph(), ids));
    if (!plugin.attrs) return std::vector<Val>{};
    std::vector<Val> ordered;
    for (size_t k : plugin.order) ordered.push_back(operands[k]);
    auto results = scope.builder.op(core_op("plugin"), std::move(plugin.attrs), ordered);
    TEMPER_TRY(scope.builder.take_status());
    return results;
  }

  // What a subgraph uses of its surroundings: operands of the node, and inputs or (if constant) constants of the body.
  struct Captures {
    std::vector<Name> names;  // passed in
    std::vector<Val> values;
    std::vector<Name> known;  // copied
  };
  Expected<Captures> find_captures(Scope& outer, std::span<const Graph* const> graphs) {
    std::set<Name> free;
    for (const Graph* graph : graphs) free_names(*graph, free);
    Captures captures;
    for (Name name : free) {
      auto found = outer.values.find(name);
      if (found == outer.values.end() || !found->second) {
        return Error(ErrorCode::kInvalidArgument, "its subgraph uses '" + std::string(name) + "', which could not be read");
      }
      if (outer.builder.constant_value(found->second)) {
        captures.known.push_back(name);
      } else {
        captures.names.push_back(name);
        captures.values.push_back(found->second);
      }
    }
    return captures;
  }
  void enter_captures(Scope& outer, Scope& inner, const Captures& captures) {
    for (size_t i = 0; i < captures.names.size(); ++i) {
      const temper::Value& value = outer.builder.graph().value(captures.values[i].id);
      ValueId id = inner.builder.graph().add_input(value.type, std::string(captures.names[i]));
      inner.builder.graph().value(id).contents = value.contents;
      inner.values[captures.names[i]] = inner.builder.val(id);
    }
    for (Name name : captures.known)
      inner.values[name] = inner.builder.constant(*outer.builder.constant_value(outer.values.at(name)));
  }
  // Problems inside are reported where they are; the node itself then only says that its subgraph could not be read.
  Status finish_body(temper::Graph& body, Scope& inner, const Graph& graph, size_t problems_before) {
    auto ids = outputs(inner, graph);
    if (problems_.size() != problems_before || std::find(ids.begin(), ids.end(), kNone32) != ids.end()) {
      return Error(ErrorCode::kInvalidArgument, "its subgraph '" + std::string(graph.name) + "' could not be read");
    }
    body.set_outputs(std::move(ids));
    return {};
  }

  Expected<std::vector<Val>> read_if(Scope& scope, const Node& node, std::span<const Val> operands) {
    const Attribute *yes = node.attribute("then_branch"), *no = node.attribute("else_branch");
    if (!yes || !no || !yes->graph() || !no->graph() || operands.size() != 1) {
      return Error(ErrorCode::kInvalidArgument, "If needs a condition, a then_branch and an else_branch");
    }
    // A condition that is known picks its branch now.
    auto known = scope.builder.contents(operands[0]);
    if (known && known->size() == 1 && (*known)[0].is_const()) {
      return read_inline(scope, (*known)[0].value() ? *yes->graph() : *no->graph());
    }
    const Graph* graphs[] = {yes->graph(), no->graph()};
    Captures captures = TEMPER_TRY(find_captures(scope, graphs));
    std::vector<std::unique_ptr<temper::Graph>> bodies;
    for (const Graph* graph : graphs) {
      bodies.push_back(std::make_unique<temper::Graph>(scope.builder.graph().context()));
      Scope inner(*bodies.back());
      enter_captures(scope, inner, captures);
      size_t before = problems_.size();
      import_body(inner, *graph);
      TEMPER_TRY(finish_body(*bodies.back(), inner, *graph, before));
    }
    level_single_elements(*bodies[0], *bodies[1]);
    for (size_t i = 0; i < std::min(bodies[0]->outputs().size(), bodies[1]->outputs().size()); ++i) {
      if (bodies[0]->type(bodies[0]->outputs()[i]).dims.size() == bodies[1]->type(bodies[1]->outputs()[i]).dims.size())
        continue;
      if (next_choice_ == choices_.size()) choices_.push_back(true);
      bool branch = choices_[next_choice_++];
      const std::string taken = branch ? "true" : "false";
      assumptions_.push_back(place(node) + ": its branches differ in rank; its condition is taken to be " + taken +
                             ", and a run for which it is not will end with an error");
      Val condition = scope.builder.reshape(operands[0], {});
      if (!branch) condition = scope.builder.map(ScalarOp::k_logical_not, condition);
      scope.builder.op(
          core_op("assert"),
          make_attrs(Assert{"the condition of " + place(node) + " is not " + taken +
                            " for these inputs; its branches differ in rank, so the model was read for " + taken +
                            " only: give inputs of the shapes that it was made for, or simplify the model for them"}),
          std::span(&condition, 1));
      TEMPER_TRY(scope.builder.take_status());
      return read_inline(scope, branch ? *yes->graph() : *no->graph());
    }
    IfAttrs attrs;
    for (size_t i = 0; i < std::min(bodies[0]->outputs().size(), bodies[1]->outputs().size()); ++i) {
      const Dims &a = bodies[0]->type(bodies[0]->outputs()[i]).dims, &b = bodies[1]->type(bodies[1]->outputs()[i]).dims;
      for (size_t d = 0; d < std::min(a.size(), b.size()); ++d) {
        if (a[d] != b[d]) attrs.sizes.push_back(scope.builder.sym().fresh_size());
      }
    }
    std::vector<Val> all{operands[0].builder->rank(operands[0]) == 0 ? operands[0] : scope.builder.reshape(operands[0], {})};
    all.insert(all.end(), captures.values.begin(), captures.values.end());
    auto results = scope.builder.op(core_op("if"), make_attrs(std::move(attrs)), all, std::move(bodies));
    TEMPER_TRY(scope.builder.take_status());
    return results;
  }

  // Where one branch gives a scalar and the other a tensor of one element and higher rank, both give the latter: what reads it
  // broadcasts.
  void level_single_elements(temper::Graph& yes, temper::Graph& no) {
    std::vector<ValueId> of_yes = yes.outputs(), of_no = no.outputs();
    for (size_t i = 0; i < std::min(of_yes.size(), of_no.size()); ++i) {
      const Dims a = yes.type(of_yes[i]).dims, b = no.type(of_no[i]).dims;
      auto single = [](const Dims& dims) {
        return std::all_of(dims.begin(), dims.end(), [](SymInt d) { return d.is_const(1); });
      };
      if (a.size() == b.size() || !single(a) || !single(b)) continue;
      temper::Graph& lower = a.size() < b.size() ? yes : no;
      Builder builder(lower);
      ValueId& output = a.size() < b.size() ? of_yes[i] : of_no[i];
      output = builder.reshape(builder.val(output), a.size() < b.size() ? b : a).id;
    }
    yes.set_outputs(std::move(of_yes));
    no.set_outputs(std::move(of_no));
  }

  // A subgraph written straight into the surrounding graph; its names stay its own.
  Expected<std::vector<Val>> read_inline(Scope& scope, const Graph& graph) {
    auto outer = scope.values;
    std::string name = scope.builder.name();
    size_t before = problems_.size();
    import_body(scope, graph);
    std::vector<Val> results;
    for (ValueId id : outputs(scope, graph)) results.push_back(scope.builder.val(id));
    scope.values = std::move(outer);
    scope.builder.set_name(std::move(name));
    if (problems_.size() != before || std::any_of(results.begin(), results.end(), [](Val v) { return !v; })) {
      return Error(ErrorCode::kInvalidArgument, "its subgraph '" + std::string(graph.name) + "' could not be read");
    }
    return results;
  }

  Expected<std::vector<Val>> read_loop(Scope& scope, const Node& node, std::span<const Val> given) {
    const Attribute* attribute = node.attribute("body");
    if (!attribute || !attribute->graph()) return Error(ErrorCode::kInvalidArgument, "Loop needs a body");
    const Graph& graph = *attribute->graph();
    std::vector<Val> operands(given.begin(), given.end());
    operands.resize(std::max<size_t>(2, node.inputs.size()), Val{&scope.builder, kNone32});
    size_t states = operands.size() - 2;
    if (graph.inputs.size() != states + 2 || graph.outputs.size() < states + 1) {
      return Error(ErrorCode::kInvalidArgument, "Loop's body has another number of inputs or outputs than the node asks for");
    }
    const Graph* graphs[] = {&graph};
    Captures captures = TEMPER_TRY(find_captures(scope, graphs));
    for (size_t i = 0; i < 2; ++i) {
      if (operands[i] && scope.builder.rank(operands[i]) != 0) operands[i] = scope.builder.reshape(operands[i], {});
    }
    // A condition that starts true and that the body passes through counts for nothing.
    auto body = std::make_unique<temper::Graph>(scope.builder.graph().context());
    Scope inner(*body);
    inner.values[graph.inputs[0].name] =
        inner.builder.val(body->add_input(TensorType{DType::kI64, {}}, std::string(graph.inputs[0].name)));
    inner.values[graph.inputs[1].name] =
        inner.builder.val(body->add_input(TensorType{DType::kBool, {}}, std::string(graph.inputs[1].name)));
    for (size_t s = 0; s < states; ++s) {
      if (!operands[2 + s]) return Error(ErrorCode::kInvalidArgument, "Loop's carried values must be given");
      ValueType type = scope.builder.graph().value(operands[2 + s].id).type;
      inner.values[graph.inputs[2 + s].name] = inner.builder.val(body->add_input(type, std::string(graph.inputs[2 + s].name)));
    }
    enter_captures(scope, inner, captures);
    size_t before = problems_.size();
    import_body(inner, graph);
    TEMPER_TRY(finish_body(*body, inner, graph, before));
    for (size_t s = 0; s < states; ++s) {
      if (!(body->type(body->outputs()[1 + s]) == body->type(body->inputs()[2 + s]))) {
        return Error(ErrorCode::kUnsupported, "a carried value changes its type or shape from one iteration to the next ('" +
                                                  std::string(graph.outputs[1 + s].name) + "'), which is not supported");
      }
    }
    auto always = [&](const std::optional<std::vector<SymInt>>& c) { return c && c->size() == 1 && (*c)[0].is_const(1); };
    bool passes =
        body->outputs()[0] == body->inputs()[1] || always(inner.builder.contents(inner.builder.val(body->outputs()[0])));
    if (operands[1] && passes && always(scope.builder.contents(operands[1]))) operands[1] = Val{&scope.builder, kNone32};
    Loop attrs;
    attrs.states = static_cast<int64_t>(states);
    attrs.scans = static_cast<int64_t>(graph.outputs.size() - 1 - states);
    bool counted = operands[0] && !operands[1] && passes && scope.builder.contents(operands[0]).has_value();
    if (attrs.scans > 0 && !counted) attrs.sizes.push_back(scope.builder.sym().fresh_size());
    if (!counted && !operands[1]) operands[1] = scope.builder.scalar(1, DType::kBool);
    operands.insert(operands.end(), captures.values.begin(), captures.values.end());
    std::vector<std::unique_ptr<temper::Graph>> bodies;
    bodies.push_back(std::move(body));
    auto results = scope.builder.op(core_op("loop"), make_attrs(std::move(attrs)), operands, std::move(bodies));
    TEMPER_TRY(scope.builder.take_status());
    return results;
  }

  // A loop over positions: each scan input is passed in whole, and the body reads its slice.
  Expected<std::vector<Val>> read_scan(Scope& scope, const Node& node, std::span<const Val> given, int64_t opset) {
    const Attribute* attribute = node.attribute("body");
    if (!attribute || !attribute->graph()) return Error(ErrorCode::kInvalidArgument, "Scan needs a body");
    if (opset < 9)
      return Error(ErrorCode::kUnsupported,
                   "Scan of opset 8, over batches, is not supported; convert the model to opset 9 or later");
    const Graph& graph = *attribute->graph();
    ModelNode view(node, static_cast<int>(opset), model_.storage);
    auto scanned = static_cast<size_t>(std::max<int64_t>(0, view.i("num_scan_inputs", 0)));
    if (scanned == 0 || scanned > given.size() || graph.inputs.size() != given.size() ||
        graph.outputs.size() < given.size() - scanned) {
      return Error(ErrorCode::kInvalidArgument, "Scan's body has another number of inputs or outputs than the node asks for");
    }
    size_t states = given.size() - scanned, made = graph.outputs.size() - states;
    Builder& b = scope.builder;
    auto entry = [&](std::string_view name, size_t i) { return i < view.is(name).size() ? view.is(name)[i] : 0; };
    SymInt trips;
    std::vector<int64_t> axes;
    for (size_t i = 0; i < scanned; ++i) {
      axes.push_back(b.normal_axis(entry("scan_input_axes", i), b.rank(given[states + i])));
      TEMPER_TRY(b.take_status());
      SymInt extent = b.dims(given[states + i])[axes[i]];
      if (i == 0 || extent.is_const()) trips = extent;
    }
    const Graph* graphs[] = {&graph};
    Captures captures = TEMPER_TRY(find_captures(scope, graphs));
    auto body = std::make_unique<temper::Graph>(b.graph().context());
    Scope inner(*body);
    Val iteration = inner.builder.val(body->add_input(TensorType{DType::kI64, {}}, ""));
    body->add_input(TensorType{DType::kBool, {}}, "");
    std::vector<Val> operands{b.size(trips), Val{&b, kNone32}};
    for (size_t i = 0; i < given.size(); ++i) {
      if (!given[i]) return Error(ErrorCode::kInvalidArgument, "Scan's inputs must be given");
      Val v = inner.builder.val(body->add_input(b.graph().value(given[i].id).type, std::string(graph.inputs[i].name)));
      operands.push_back(given[i]);
      inner.values[graph.inputs[i].name] = v;
    }
    enter_captures(scope, inner, captures);
    for (size_t i = 0; i < scanned; ++i) {
      Name name = graph.inputs[states + i].name;
      Val at = entry("scan_input_directions", i) != 0 ? inner.builder.size(trips - 1) - iteration : iteration;
      inner.values[name] = inner.builder.take(inner.values[name], at, axes[i]);
    }
    TEMPER_TRY(inner.builder.take_status());
    size_t before = problems_.size();
    import_body(inner, graph);
    TEMPER_TRY(finish_body(*body, inner, graph, before));
    for (size_t s = 0; s < states; ++s) {
      if (!(body->type(body->outputs()[s]) == body->type(body->inputs()[2 + s]))) {
        return Error(ErrorCode::kUnsupported, "a carried value changes its type or shape from one iteration to the next ('" +
                                                  std::string(graph.outputs[s].name) + "'), which is not supported");
      }
    }
    std::vector<ValueId> outputs = body->outputs();
    outputs.insert(outputs.begin(), inner.builder.scalar(1, DType::kBool).id);
    body->set_outputs(std::move(outputs));
    operands.insert(operands.end(), captures.values.begin(), captures.values.end());
    std::vector<std::unique_ptr<temper::Graph>> bodies;
    bodies.push_back(std::move(body));
    auto results = b.op(core_op("loop"), make_attrs(Loop{static_cast<int64_t>(states), static_cast<int64_t>(made), {}}),
                        operands, std::move(bodies));
    for (size_t i = 0; i < made && b.ok(); ++i) {
      Val& v = results[states + i];
      if (entry("scan_output_directions", i) != 0) v = b.flip(v, 0);
      int64_t axis = b.normal_axis(entry("scan_output_axes", i), b.rank(v));
      if (axis == 0) continue;
      std::vector<int64_t> permutation;
      for (int64_t d = 1; d < b.rank(v); ++d) permutation.push_back(d);
      permutation.insert(permutation.begin() + axis, 0);
      v = b.transpose(v, permutation);
    }
    TEMPER_TRY(b.take_status());
    return results;
  }

  const Model& model_;
  const ImportOptions& options_;
  std::vector<Error>& problems_;
  std::vector<std::string>& assumptions_;
  std::vector<bool>& choices_;
  size_t next_choice_ = 0;
};

// Note [Branches of different rank]
// Exporters write `if the last dimension is 1: squeeze it` for every squeeze of an unknown shape. A graph has one rank for each
// value, so one branch must be chosen before. The rest of the model decides: the first combination of choices with which all of
// it can be read is taken, said in Import::assumptions and asserted at run time. Combinations are tried in order, the last
// choice varying fastest.
constexpr int kMostAttempts = 16;
bool next_combination(std::vector<bool>& choices) {
  while (!choices.empty() && !choices.back()) choices.pop_back();
  if (choices.empty()) return false;
  choices.back() = false;
  return true;
}

Import attempt(const Model& model, const ImportOptions& options, std::vector<bool>& choices) {
  Import result;
  for (const auto& [key, value] : model.metadata_props) result.metadata.emplace_back(key, value);
  temper::Graph graph(std::make_shared<SymContext>());
  Importer importer(model, options, result, choices);
  Importer::Scope scope(graph);
  importer.import_inputs(scope, model.graph);
  importer.import_body(scope, model.graph);
  auto ids = importer.outputs(scope, model.graph);
  if (result.problems.empty()) {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == kNone32) {
        result.problems.push_back(
            Error(ErrorCode::kInvalidArgument, "output '" + std::string(model.graph.outputs[i].name) + "' is never made")
                .at(model.display_name));
      }
    }
  }
  if (!result.problems.empty()) return result;
  graph.set_outputs(std::move(ids));
  for (const ValueInfo& info : model.graph.outputs) graph.output_names().emplace_back(info.name);
  result.graph = std::move(graph);
  return result;
}

}  // namespace

Import import_model(const Model& model, const ImportOptions& options) {
  std::vector<bool> choices;
  Import first = attempt(model, options, choices);
  if (first.problems.empty()) return first;
  for (int attempts = 1; attempts < kMostAttempts && next_combination(choices); ++attempts) {
    Import other = attempt(model, options, choices);
    if (other.problems.empty()) return other;
  }
  return first;
}

Import import_file(const std::string& path) {
  auto model = read_model(path);
  if (!model.ok()) {
    Import failed;
    failed.problems.push_back(std::move(model).error());
    return failed;
  }
  Import refused;
  refused.problems = validate(*model);
  if (!refused.problems.empty()) return refused;
  if (Status inlined = inline_functions(*model); !inlined.ok()) {
    refused.problems.push_back(std::move(inlined).error());
    return refused;
  }
  sort_nodes(*model);
  return import_model(*model);
}

}  // namespace temper::onnx
