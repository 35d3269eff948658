// AttributeProto: thirteen fields, of which the type says which one counts.
#include "onnx/wire_fields.h"

namespace temper::onnx {

std::string_view attribute_kind_name(Attribute::Kind kind) {
  constexpr std::string_view kNames[] = {"UNDEFINED",      "FLOAT",      "INT",        "STRING",  "TENSOR", "GRAPH",
                                         "FLOATS",         "INTS",       "STRINGS",    "TENSORS", "GRAPHS", "SPARSE_TENSOR",
                                         "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
  return size_t(kind) < std::size(kNames) ? kNames[kind] : "UNDEFINED";
}

namespace wire {
namespace {

constexpr int32_t kLastKind = Attribute::kTypeProtos;

// Old exporters leave the type out; the one field that is there then tells.
Attribute::Kind kind_from_fields(uint32_t seen) {
  for (int kind = 1; kind <= kLastKind; ++kind) {
    if (seen == 1u << kind) return Attribute::Kind(kind);
  }
  return Attribute::kUndefined;
}

// Empties what the type does not name, so that no reader meets two values.
void keep_only(Attribute::Kind kind, Attribute& a) {
  if (kind != Attribute::kFloat) a.f = 0;
  if (kind != Attribute::kInt) a.i = 0;
  if (kind != Attribute::kString) a.s = {};
  if (kind != Attribute::kFloats) a.floats.clear();
  if (kind != Attribute::kInts) a.ints.clear();
  if (kind != Attribute::kStrings) a.strings.clear();
}

}  // namespace

void decode_attribute(Decoder& decoder, std::string_view bytes, Attribute& out) {
  // Which kinds of value the bytes hold, by bit; the messages among them are decoded when the type is known.
  uint32_t seen = 0;
  int32_t declared = Attribute::kUndefined;
  Merged tensor, graph, sparse_tensor, type;
  std::vector<std::string_view> tensors, graphs, sparse_tensors, types;
  auto saw = [&](Attribute::Kind kind) { seen |= 1u << kind; };
  auto many = [&](Attribute::Kind kind, std::vector<std::string_view>& list, std::string_view item) {
    decoder.charge(2 * sizeof(item));
    list.push_back(item);
    saw(kind);
  };
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.name = f.string("name");
        break;
      case 2:
        out.f = f.floating("f");
        saw(Attribute::kFloat);
        break;
      case 3:
        out.i = f.integer("i");
        saw(Attribute::kInt);
        break;
      case 4:
        out.s = f.bytes("s");
        saw(Attribute::kString);
        break;
      case 5:
        tensor.add(f.bytes("t"));
        saw(Attribute::kTensor);
        break;
      case 6:
        graph.add(f.bytes("g"));
        saw(Attribute::kGraph);
        break;
      case 7:
        f.floats("floats", out.floats);
        saw(Attribute::kFloats);
        break;
      case 8:
        f.integers("ints", out.ints);
        saw(Attribute::kInts);
        break;
      case 9:
        many(Attribute::kStrings, out.strings, f.bytes("strings"));
        break;
      case 10:
        many(Attribute::kTensors, tensors, f.bytes("tensors"));
        break;
      case 11:
        many(Attribute::kGraphs, graphs, f.bytes("graphs"));
        break;
      case 14:
        type.add(f.bytes("tp"));
        saw(Attribute::kTypeProto);
        break;
      case 15:
        many(Attribute::kTypeProtos, types, f.bytes("type_protos"));
        break;
      case 20:
        declared = int32_t(f.integer("type"));
        break;
      case 21:
        out.ref_attr_name = f.string("ref_attr_name");
        break;
      case 22:
        sparse_tensor.add(f.bytes("sparse_tensor"));
        saw(Attribute::kSparseTensor);
        break;
      case 23:
        many(Attribute::kSparseTensors, sparse_tensors, f.bytes("sparse_tensors"));
        break;
      default:
        f.skip();
    }
  }

  if (declared < 0 || declared > kLastKind) {
    decoder.problem(ErrorCode::kUnsupported,
                    "attribute type " + std::to_string(declared) +
                        " does not exist in ONNX up to IR version 13; export the model for an older one");
    declared = Attribute::kUndefined;
  }
  out.type = Attribute::Kind(declared);
  if (out.type == Attribute::kUndefined) out.type = kind_from_fields(seen);
  if (out.ref_attr_name.empty()) {
    bool own = seen >> out.type & 1;
    bool message = out.type == Attribute::kTensor || out.type == Attribute::kGraph || out.type == Attribute::kSparseTensor ||
                   out.type == Attribute::kTypeProto;
    // A scalar that is its default and an empty list may be left out of the bytes; a message may not, nor may another kind
    // stand in.
    if (out.type == Attribute::kUndefined) {
      decoder.problem(ErrorCode::kCorrupt, "the attribute has no type and not exactly one value; export the model again");
    } else if (!own && (message || seen != 0)) {
      decoder.problem(ErrorCode::kCorrupt, "the attribute's type is " + std::string(attribute_kind_name(out.type)) +
                                               ", but it has no value of that type; export the model again");
    }
  }
  keep_only(out.type, out);
  switch (out.type) {
    case Attribute::kTensor:
      if (tensor) decode_next(decoder, out.tensors, "t", tensor.bytes(decoder), decode_tensor, &Tensor::name);
      break;
    case Attribute::kGraph:
      if (graph) decode_next(decoder, out.graphs, "g", graph.bytes(decoder), decode_graph, &Graph::name);
      break;
    case Attribute::kSparseTensor:
      if (sparse_tensor)
        decode_next(decoder, out.sparse_tensors, "sparse_tensor", sparse_tensor.bytes(decoder), decode_sparse_tensor);
      break;
    case Attribute::kTypeProto:
      if (type) decode_next(decoder, out.types, "tp", type.bytes(decoder), decode_type);
      break;
    case Attribute::kTensors:
      for (std::string_view part : tensors) decode_next(decoder, out.tensors, "tensors", part, decode_tensor, &Tensor::name);
      break;
    case Attribute::kGraphs:
      for (std::string_view part : graphs) decode_next(decoder, out.graphs, "graphs", part, decode_graph, &Graph::name);
      break;
    case Attribute::kSparseTensors:
      for (std::string_view part : sparse_tensors)
        decode_next(decoder, out.sparse_tensors, "sparse_tensors", part, decode_sparse_tensor);
      break;
    case Attribute::kTypeProtos:
      for (std::string_view part : types) decode_next(decoder, out.types, "type_protos", part, decode_type);
      break;
    default:
      break;
  }
}

}  // namespace wire
}  // namespace temper::onnx
