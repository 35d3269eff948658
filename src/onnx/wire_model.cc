// ModelProto, GraphProto, NodeProto, FunctionProto.
#include "onnx/wire_fields.h"

namespace temper::onnx::wire {
namespace {

void decode_opset(Decoder& decoder, std::string_view bytes, OpsetImport& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.domain = normal_domain(f.string("domain"));
        break;
      case 2:
        out.version = f.integer("version");
        break;
      default:
        f.skip();
    }
  }
}

void decode_pair(Decoder& decoder, std::string_view bytes, StringPair& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.first = f.string("key");
        break;
      case 2:
        out.second = f.string("value");
        break;
      default:
        f.skip();
    }
  }
}

void add_name(Decoder& decoder, std::vector<std::string_view>& list, std::string_view name) {
  decoder.charge(2 * sizeof(name));
  list.push_back(name);
}

void decode_node(Decoder& decoder, std::string_view bytes, Node& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        add_name(decoder, out.inputs, f.string("input"));
        break;
      case 2:
        add_name(decoder, out.outputs, f.string("output"));
        break;
      case 3:
        out.name = f.string("name");
        break;
      case 4:
        out.op_type = f.string("op_type");
        break;
      case 5:
        decode_next(decoder, out.attributes, "attribute", f.bytes("attribute"), decode_attribute, &Attribute::name);
        break;
      case 6:
        out.doc = f.string("doc_string");
        break;
      case 7:
        out.domain = normal_domain(f.string("domain"));
        break;
      case 8:
        out.overload = f.string("overload");
        break;
      default:
        f.skip();
    }
  }
}

void decode_function(Decoder& decoder, std::string_view bytes, Function& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.name = f.string("name");
        break;
      case 4:
        add_name(decoder, out.inputs, f.string("input"));
        break;
      case 5:
        add_name(decoder, out.outputs, f.string("output"));
        break;
      case 6:
        add_name(decoder, out.attributes, f.string("attribute"));
        break;
      case 7:
        decode_next(decoder, out.nodes, "node", f.bytes("node"), decode_node, &Node::name, &Node::op_type);
        break;
      case 8:
        out.doc = f.string("doc_string");
        break;
      case 9:
        decode_next(decoder, out.opset_imports, "opset_import", f.bytes("opset_import"), decode_opset, &OpsetImport::domain);
        break;
      case 10:
        out.domain = normal_domain(f.string("domain"));
        break;
      case 11:
        decode_next(decoder, out.attribute_protos, "attribute_proto", f.bytes("attribute_proto"), decode_attribute,
                    &Attribute::name);
        break;
      case 12:
        decode_next(decoder, out.value_infos, "value_info", f.bytes("value_info"), decode_value_info, &ValueInfo::name);
        break;
      case 13:
        out.overload = f.string("overload");
        break;
      default:
        f.skip();
    }
  }
}

}  // namespace

void decode_graph(Decoder& decoder, std::string_view bytes, Graph& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        decode_next(decoder, out.nodes, "node", f.bytes("node"), decode_node, &Node::name, &Node::op_type);
        break;
      case 2:
        out.name = f.string("name");
        break;
      case 5:
        decode_next(decoder, out.initializers, "initializer", f.bytes("initializer"), decode_tensor, &Tensor::name);
        break;
      case 10:
        out.doc = f.string("doc_string");
        break;
      case 11:
        decode_next(decoder, out.inputs, "input", f.bytes("input"), decode_value_info, &ValueInfo::name);
        break;
      case 12:
        decode_next(decoder, out.outputs, "output", f.bytes("output"), decode_value_info, &ValueInfo::name);
        break;
      case 13:
        decode_next(decoder, out.value_infos, "value_info", f.bytes("value_info"), decode_value_info, &ValueInfo::name);
        break;
      case 15:
        decode_next(decoder, out.sparse_initializers, "sparse_initializer", f.bytes("sparse_initializer"),
                    decode_sparse_tensor);
        break;
      default:
        f.skip();
    }
  }
}

void decode_model(Decoder& decoder, std::string_view bytes, Model& out) {
  Merged graph;
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.ir_version = f.integer("ir_version");
        break;
      case 2:
        out.producer_name = f.string("producer_name");
        break;
      case 3:
        out.producer_version = f.string("producer_version");
        break;
      case 4:
        out.domain = f.string("domain");
        break;
      case 5:
        out.model_version = f.integer("model_version");
        break;
      case 6:
        out.doc = f.string("doc_string");
        break;
      case 7:
        graph.add(f.bytes("graph"));
        break;
      case 8:
        decode_next(decoder, out.opset_imports, "opset_import", f.bytes("opset_import"), decode_opset, &OpsetImport::domain);
        break;
      case 14:
        decode_next(decoder, out.metadata_props, "metadata_props", f.bytes("metadata_props"), decode_pair);
        break;
      case 25:
        decode_next(decoder, out.functions, "functions", f.bytes("functions"), decode_function, &Function::name);
        break;
      default:
        f.skip();
    }
  }
  if (graph) {
    out.has_graph = true;
    Place place(decoder, "graph");
    decode_graph(decoder, graph.bytes(decoder), out.graph);
  }
}

}  // namespace temper::onnx::wire
