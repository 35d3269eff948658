#include "onnx/text.h"

#include <charconv>

#include "base/hash.h"
#include "onnx/wire_fields.h"

namespace temper::onnx {
namespace {

std::string quoted(std::string_view text) { return "'" + wire::printable(text, text.size()) + "'"; }

template <class T>
std::string number(T value) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr};  // shortest text that reads back the same
}

std::string hex(uint64_t value) {
  char buffer[16];
  for (int i = 15; i >= 0; --i, value >>= 4) buffer[i] = "0123456789abcdef"[value & 15];
  return {buffer, 16};
}

template <class List, class Print>
std::string joined(const List& list, Print print) {
  std::string out;
  for (const auto& item : list) {
    if (!out.empty()) out += ", ";
    out += print(item);
  }
  return out;
}

std::string element_name(int32_t data_type) {
  return data_type > 0 && data_type <= kLastDataType ? std::string(data_type_name(data_type)) : "type" + number(data_type);
}

std::string operator_name(std::string_view domain, std::string_view name, std::string_view overload) {
  std::string out = domain.empty() ? std::string(name) : std::string(domain) + "::" + std::string(name);
  return overload.empty() ? out : out + ":" + std::string(overload);
}

class Writer {
 public:
  void model(const Model& m) {
    line("model ir " + number(m.ir_version) + " producer " + quoted(m.producer_name) + " " + quoted(m.producer_version) +
         " domain " + quoted(m.domain) + " version " + number(m.model_version));
    if (!m.doc.empty()) line("doc " + wire::quoted(m.doc));
    for (const OpsetImport& import : m.opset_imports) line(opset(import));
    for (const StringPair& pair : m.metadata_props) line("metadata " + quoted(pair.first) + " = " + wire::quoted(pair.second));
    if (m.has_graph) graph("graph", m.graph);
    for (const Function& function : m.functions) this->function(function);
  }
  std::string take() { return std::move(out_); }

 private:
  void line(const std::string& text) { out_.append(size_t(depth_) * 2, ' ').append(text).append("\n"); }
  static std::string opset(const OpsetImport& import) {
    return "opset " + quoted(import.domain) + " " + number(import.version);
  }
  static std::string value(const ValueInfo& v) { return quoted(v.name) + ": " + to_text(v.type); }
  static std::string sparse(const SparseTensor& t) {
    return "sparse " + joined(t.dims, number<int64_t>) + " values " + to_text(t.values) + " indices " + to_text(t.indices);
  }

  void graph(const std::string& title, const Graph& g) {
    line(title + " " + quoted(g.name) + " {");
    ++depth_;
    for (const ValueInfo& v : g.inputs) line("input " + value(v));
    for (const Tensor& t : g.initializers) line("initializer " + quoted(t.name) + ": " + to_text(t));
    for (const SparseTensor& t : g.sparse_initializers) line("initializer " + quoted(t.values.name) + ": " + sparse(t));
    for (const Node& n : g.nodes) node(n);
    for (const ValueInfo& v : g.outputs) line("output " + value(v));
    for (const ValueInfo& v : g.value_infos) line("value " + value(v));
    --depth_;
    line("}");
  }

  void function(const Function& f) {
    line("function " + operator_name(f.domain, f.name, f.overload) + "(" + joined(f.inputs, quoted) + ") => (" +
         joined(f.outputs, quoted) + ") {");
    ++depth_;
    for (const OpsetImport& import : f.opset_imports) line(opset(import));
    for (std::string_view name : f.attributes) line("attribute " + quoted(name));
    for (const Attribute& a : f.attribute_protos) attribute(a);
    for (const Node& n : f.nodes) node(n);
    for (const ValueInfo& v : f.value_infos) line("value " + value(v));
    --depth_;
    line("}");
  }

  void node(const Node& n) {
    std::string text = joined(n.outputs, quoted) + " = " + operator_name(n.domain, n.op_type, n.overload) + "(" +
                       joined(n.inputs, quoted) + ")";
    if (!n.name.empty()) text += " name " + quoted(n.name);
    if (n.opset_version != 0) text += " opset " + number(n.opset_version);
    line(text);
    ++depth_;
    for (const Attribute& a : n.attributes) attribute(a);
    --depth_;
  }

  void attribute(const Attribute& a) {
    std::string head = "." + quoted(a.name) + " " + std::string(attribute_kind_name(a.type));
    if (!a.ref_attr_name.empty()) return line(head + " = @" + quoted(a.ref_attr_name));
    switch (a.type) {
      case Attribute::kUndefined:
        return line(head);
      case Attribute::kFloat:
        return line(head + " = " + number(a.f));
      case Attribute::kInt:
        return line(head + " = " + number(a.i));
      case Attribute::kString:
        return line(head + " = " + quoted(a.s));
      case Attribute::kFloats:
        return line(head + " = [" + joined(a.floats, number<float>) + "]");
      case Attribute::kInts:
        return line(head + " = [" + joined(a.ints, number<int64_t>) + "]");
      case Attribute::kStrings:
        return line(head + " = [" + joined(a.strings, quoted) + "]");
      case Attribute::kTensor:
      case Attribute::kTensors:
        return line(head + " = " + joined(a.tensors, [](const Tensor& t) { return to_text(t); }));
      case Attribute::kSparseTensor:
      case Attribute::kSparseTensors:
        return line(head + " = " + joined(a.sparse_tensors, sparse));
      case Attribute::kTypeProto:
      case Attribute::kTypeProtos:
        return line(head + " = " + joined(a.types, [](const Type& t) { return to_text(t); }));
      case Attribute::kGraph:
      case Attribute::kGraphs:
        for (const Graph& g : a.graphs) graph(head + " = graph", g);
    }
  }

  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string to_text(const Type& type) {
  auto dim = [](const Dim& d) {
    return d.kind == Dim::kValue ? number(d.value) : d.kind == Dim::kParam ? std::string(d.param) : std::string("?");
  };
  auto element = [&] { return type.element.empty() ? std::string("?") : to_text(type.element[0]); };
  switch (type.kind) {
    case Type::kTensor:
    case Type::kSparseTensor: {
      std::string shape = "[...]";
      if (type.shape) {
        shape = "[";
        for (const Dim& d : *type.shape) shape += (shape.size() > 1 ? "," : "") + dim(d);
        shape += "]";
      }
      return (type.kind == Type::kSparseTensor ? "sparse " : "") + element_name(type.elem_type) + shape;
    }
    case Type::kSequence:
      return "seq(" + element() + ")";
    case Type::kMap:
      return "map(" + element_name(type.key_type) + ", " + element() + ")";
    case Type::kOptional:
      return "optional(" + element() + ")";
    case Type::kNone:
      break;
  }
  return "?";
}

std::string to_text(const Tensor& tensor) {
  std::string out = element_name(tensor.data_type) + "[";
  for (size_t i = 0; i < tensor.dims.size(); ++i) out += (i ? "," : "") + number(tensor.dims[i]);
  out += "]";
  uint64_t hash = hash64(tensor.data);
  for (std::string_view s : tensor.strings) hash = hash64(s, hash);
  out += " #" + hex(hash);
  if (tensor.external) out += " in " + quoted(tensor.external->location) + "+" + number(tensor.external->offset);
  return out;
}

std::string to_text(const Model& model) {
  Writer writer;
  writer.model(model);
  return writer.take();
}

}  // namespace temper::onnx
