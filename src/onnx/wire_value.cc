#include "onnx/wire_value.h"

#include <array>
#include <utility>

namespace temper::onnx::wire {
namespace {

// The elem_type of SequenceProto and OptionalProto, by number.
constexpr std::array<Type::Kind, 6> kElementKinds = {Type::kNone,     Type::kTensor, Type::kSparseTensor,
                                                     Type::kSequence, Type::kMap,    Type::kOptional};

Type::Kind element_kind(Decoder& decoder, int64_t number) {
  if (number >= 0 && size_t(number) < kElementKinds.size()) return kElementKinds[size_t(number)];
  decoder.problem(ErrorCode::kUnsupported, "an element kind of " + std::to_string(number) + ", which ONNX does not have");
  return Type::kNone;
}

void add_element(Decoder& decoder, Value& to, Type::Kind kind, const char* field, std::string_view bytes) {
  decoder.charge(2 * sizeof(Value));
  Value& element = to.elements.emplace_back();
  element.kind = kind;
  Place place(decoder, field, int64_t(to.elements.size()) - 1, &element.name);
  decode_value(decoder, bytes, element);
}

constexpr const char* kSequenceFields[] = {"tensor_values", "sparse_tensor_values", "sequence_values", "map_values",
                                           "optional_values"};

void decode_sequence(Decoder& decoder, std::string_view bytes, Value& out) {
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.name = f.string("name");
        break;
      case 2:
        out.element_kind = element_kind(decoder, f.integer("elem_type"));
        break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7: {
        const char* field = kSequenceFields[f.number() - 3];
        add_element(decoder, out, kElementKinds[f.number() - 2], field, f.bytes(field));
        break;
      }
      default:
        f.skip();
    }
  }
}

void decode_optional(Decoder& decoder, std::string_view bytes, Value& out) {
  std::array<Merged, 6> content;  // by element kind
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.name = f.string("name");
        break;
      case 2:
        out.element_kind = element_kind(decoder, f.integer("elem_type"));
        break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        content[f.number() - 2].add(f.bytes("value"));
        break;
      default:
        f.skip();
    }
  }
  for (size_t kind = 1; kind < content.size(); ++kind) {
    if (content[kind] && out.elements.empty())
      add_element(decoder, out, kElementKinds[kind], "value", content[kind].bytes(decoder));
  }
}

void decode_map(Decoder& decoder, std::string_view bytes, Value& out) {
  std::vector<int64_t> keys;
  Merged values;
  for (Fields f(decoder, bytes); f.next();) {
    switch (f.number()) {
      case 1:
        out.name = f.string("name");
        break;
      case 2:
        out.keys.data_type = int32_t(f.integer("key_type"));
        break;
      case 3:
        f.integers("keys", keys);
        break;
      case 4:
        decoder.charge(32);
        out.keys.strings.push_back(f.bytes("string_keys"));
        break;
      case 5:
        values.add(f.bytes("values"));
        break;
      default:
        f.skip();
    }
  }
  if (out.keys.strings.empty()) {
    std::span<std::byte> buffer = decoder.storage.buffer(keys.size() * sizeof(int64_t));
    if (!keys.empty()) std::memcpy(buffer.data(), keys.data(), buffer.size());
    out.keys.data_type = kInt64;  // all integer keys are stored so, whatever their declared width
    out.keys.data = buffer;
    out.keys.dims = {int64_t(keys.size())};
  } else {
    out.keys.data_type = kString;
    out.keys.dims = {int64_t(out.keys.strings.size())};
  }
  Value sequence;
  {
    Place place(decoder, "values");
    decode_sequence(decoder, values.bytes(decoder), sequence);
  }
  out.element_kind = sequence.element_kind;
  out.elements = std::move(sequence.elements);
  if (int64_t(out.elements.size()) != out.keys.dims[0]) {
    decoder.problem(ErrorCode::kCorrupt, "a map of " + std::to_string(out.keys.dims[0]) + " keys and " +
                                             std::to_string(out.elements.size()) + " values; write the file again");
  }
}

}  // namespace

void decode_value(Decoder& decoder, std::string_view bytes, Value& value) {
  switch (value.kind) {
    case Type::kTensor:
      decode_tensor(decoder, bytes, value.tensor);
      value.name = value.tensor.name;
      return;
    case Type::kSparseTensor:
      return decode_sparse_tensor(decoder, bytes, value.sparse_tensor);
    case Type::kSequence:
      return decode_sequence(decoder, bytes, value);
    case Type::kMap:
      return decode_map(decoder, bytes, value);
    case Type::kOptional:
      return decode_optional(decoder, bytes, value);
    case Type::kNone:
      break;
  }
  decoder.fail(ErrorCode::kInvalidArgument,
               "a value of no kind can't be read; say whether it is a tensor, a sequence or an optional");
}

}  // namespace temper::onnx::wire
