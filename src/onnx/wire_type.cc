// TypeProto and its kin.
#include "onnx/wire_fields.h"

namespace temper::onnx::wire {
namespace {

void decode_dim(Decoder& decoder, std::string_view bytes, Dim& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {  // value and param are a oneof: the last one holds
      case 1:
        out = {Dim::kValue, f.integer("dim_value"), {}};
        break;
      case 2:
        out = {Dim::kParam, 0, f.string("dim_param")};
        break;
      default:
        f.skip();
    }
  }
  // Exporters write both -1 and an empty name for "not known".
  if ((out.kind == Dim::kValue && out.value == -1) || (out.kind == Dim::kParam && out.param.empty())) out = {};
  if (out.kind == Dim::kValue && out.value < 0) {
    decoder.problem(ErrorCode::kCorrupt,
                    "a dimension of " + std::to_string(out.value) + "; give it a size, a name, or leave it out for 'unknown'");
    out = {};
  }
}

void decode_shape(Decoder& decoder, std::string_view bytes, std::vector<Dim>& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        decode_next(decoder, out, "dim", f.bytes("dim"), decode_dim);
        break;
      default:
        f.skip();
    }
  }
}

// TypeProto.Tensor and TypeProto.SparseTensor, which have the same fields.
void decode_tensor_type(Decoder& decoder, std::string_view bytes, Type& out) {
  Merged shape;
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.elem_type = int32_t(f.integer("elem_type"));
        break;
      case 2:
        shape.add(f.bytes("shape"));
        break;
      default:
        f.skip();
    }
  }
  if (shape) {
    Place place(decoder, "shape");
    decode_shape(decoder, shape.bytes(decoder), out.shape.emplace());
  }
}

// TypeProto.Sequence, .Map and .Optional: what they hold is a TypeProto in the field `element_field`.
void decode_container_type(Decoder& decoder, std::string_view bytes, uint32_t element_field, Type& out) {
  Merged element;
  for (Fields f(decoder, bytes); f.next();) {
    if (f.number() == element_field) {
      element.add(f.bytes("elem_type"));
    } else if (f.number() == 1 && out.kind == Type::kMap) {
      out.key_type = int32_t(f.integer("key_type"));
    } else {
      f.skip();
    }
  }
  if (element) decode_next(decoder, out.element, "elem_type", element.bytes(decoder), decode_type);
}

}  // namespace

void decode_type(Decoder& decoder, std::string_view bytes, Type& out) {
  Merged content;
  uint32_t chosen = 0;  // which field of the oneof
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
      case 4:
      case 5:
      case 8:
      case 9:
        if (f.number() != chosen) content.clear();
        chosen = f.number();
        content.add(f.bytes("type"));
        break;
      default:
        f.skip();
    }
  }
  switch (chosen) {
    case 1:
      out.kind = Type::kTensor;
      break;
    case 4:
      out.kind = Type::kSequence;
      break;
    case 5:
      out.kind = Type::kMap;
      break;
    case 8:
      out.kind = Type::kSparseTensor;
      break;
    case 9:
      out.kind = Type::kOptional;
      break;
    default:
      return;
  }
  if (chosen == 1 || chosen == 8) {
    decode_tensor_type(decoder, content.bytes(decoder), out);
  } else {
    decode_container_type(decoder, content.bytes(decoder), chosen == 5 ? 2 : 1, out);
  }
}

void decode_value_info(Decoder& decoder, std::string_view bytes, ValueInfo& out) {
  Merged type;
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.name = f.string("name");
        break;
      case 2:
        type.add(f.bytes("type"));
        break;
      default:
        f.skip();
    }
  }
  if (type) {
    Place place(decoder, "type");
    decode_type(decoder, type.bytes(decoder), out.type);
  }
}

}  // namespace temper::onnx::wire
