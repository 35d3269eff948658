// An ONNX file as plain data: what the bytes say, before anybody decides what it means.
//
// The structs follow onnx.proto, with the encodings taken away: a Tensor's `data` is always the dense little-endian image of
// its elements, whichever of the seven fields (or an external file) held them. Names are views and weights are spans, into the
// mapped file where its bytes can be used as they are; `Model::storage` keeps all of it alive, so whoever shares `storage`
// may keep any view or span. (Read from a caller's buffer, views point into that buffer, which must outlive the model.)
//
// Invariants after reader.h has returned a Model:
//   - each Attribute has a type, and only the fields of that type are filled;
//   - a Tensor's dims are not negative and `data` has exactly the bytes its dims and type ask for, unless `Model::problems`
//     names that tensor: a Model may be interpreted only when validate() (validate.h) found nothing;
//   - the domain "ai.onnx" is written "" everywhere;
//   - nodes come after those they read from, whatever the order in the file, unless they wait for each other in a circle.
//
//   Model model = TEMPER_TRY(read_model("net.onnx"));
//   for (const Node& node : model.graph.nodes)
//     if (const Attribute* pads = node.attribute("pads")) use(pads->ints);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace temper::onnx {

class Storage;  // storage.h
struct Graph;

// TensorProto.DataType, by the numbers in the file. DType (base/dtype.h) has those that Temper computes with.
enum DataType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};
inline constexpr int32_t kLastDataType = kInt2;

// "float", "int64", ... ("undefined" for a number that ONNX does not have); bits per element, 0 for strings and undefined.
std::string_view data_type_name(int32_t data_type);
int data_type_bits(int32_t data_type);

struct ExternalLocation {
  std::string_view location;  // relative to the model's folder
  int64_t offset = 0;
  std::optional<int64_t> length;
};

struct Tensor {
  std::string_view name;
  int32_t data_type = kUndefined;
  std::vector<int64_t> dims;
  // Elements in row-major order, little-endian, without any alignment; types below 8 bits are packed, low bits first.
  std::span<const std::byte> data;
  std::vector<std::string_view> strings;     // instead of data, for kString
  std::optional<ExternalLocation> external;  // where data came from, if from another file
  int64_t elements() const {
    int64_t count = 1;
    for (int64_t dim : dims) count *= dim;
    return count;
  }
};

struct SparseTensor {
  Tensor values;   // its name is the name of the whole
  Tensor indices;  // [NNZ] linear or [NNZ, rank]
  std::vector<int64_t> dims;
};

struct Dim {
  enum Kind : uint8_t { kUnknown, kValue, kParam } kind = kUnknown;
  int64_t value = 0;
  std::string_view param;
};

struct Type {
  enum Kind : uint8_t { kNone, kTensor, kSparseTensor, kSequence, kMap, kOptional } kind = kNone;
  int32_t elem_type = kUndefined;         // kTensor, kSparseTensor
  std::optional<std::vector<Dim>> shape;  // kTensor, kSparseTensor; nullopt: the rank is unknown
  int32_t key_type = kUndefined;          // kMap
  std::vector<Type> element;              // one for kSequence, kMap, kOptional if the file says what they hold
};

struct ValueInfo {
  std::string_view name;
  Type type;
};

struct Attribute {
  enum Kind : uint8_t {
    kUndefined = 0,
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kGraph = 5,
    kFloats = 6,
    kInts = 7,
    kStrings = 8,
    kTensors = 9,
    kGraphs = 10,
    kSparseTensor = 11,
    kSparseTensors = 12,
    kTypeProto = 13,
    kTypeProtos = 14,
  };
  std::string_view name;
  Kind type = kUndefined;
  std::string_view ref_attr_name;  // in a function body: the value is the caller's attribute of this name
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  std::vector<Tensor> tensors;               // kTensor: one
  std::vector<Graph> graphs;                 // kGraph: one
  std::vector<SparseTensor> sparse_tensors;  // kSparseTensor: one
  std::vector<Type> types;                   // kTypeProto: one

  // The single one of a kTensor or kGraph attribute; null for other types (and for a reference not yet substituted).
  const Tensor* tensor() const { return type == kTensor && !tensors.empty() ? tensors.data() : nullptr; }
  const Graph* graph() const { return type == kGraph && !graphs.empty() ? graphs.data() : nullptr; }
};

std::string_view attribute_kind_name(Attribute::Kind kind);  // "FLOAT", "INTS", ...

struct Node {
  std::string_view name, op_type, domain, overload, doc;
  std::vector<std::string_view> inputs, outputs;  // "": an optional one that is absent
  std::vector<Attribute> attributes;
  // The version of `domain` that this node means where it came from a function with imports of its own; 0: as the model says.
  int64_t opset_version = 0;

  const Attribute* attribute(std::string_view wanted) const {
    for (const Attribute& a : attributes) {
      if (a.name == wanted) return &a;
    }
    return nullptr;
  }
};

struct Graph {
  std::string_view name, doc;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<SparseTensor> sparse_initializers;
  std::vector<ValueInfo> inputs, outputs, value_infos;
};

struct OpsetImport {
  std::string_view domain;
  int64_t version = 0;
};

struct Function {
  std::string_view name, domain, overload, doc;
  std::vector<std::string_view> inputs, outputs;
  std::vector<std::string_view> attributes;  // without a default
  std::vector<Attribute> attribute_protos;   // with their defaults
  std::vector<Node> nodes;
  std::vector<OpsetImport> opset_imports;
  std::vector<ValueInfo> value_infos;
};

using StringPair = std::pair<std::string_view, std::string_view>;

struct Model {
  std::string display_name;  // for messages: the path, as a rule
  int64_t ir_version = 0;
  std::string_view producer_name, producer_version, domain, doc;
  int64_t model_version = 0;
  std::vector<OpsetImport> opset_imports;
  std::vector<StringPair> metadata_props;
  bool has_graph = false;
  Graph graph;
  std::vector<Function> functions;

  // What is wrong with single tensors and attributes: the rest could be read. validate() returns these first.
  std::vector<Error> problems;
  std::shared_ptr<Storage> storage;

  // The version that the model imports of `domain_name`; nullopt: it does not.
  std::optional<int64_t> opset(std::string_view domain_name) const {
    for (const OpsetImport& import : opset_imports) {
      if (import.domain == domain_name) return import.version;
    }
    return std::nullopt;
  }
  // The version that `node` means: its own, else the model's.
  std::optional<int64_t> opset(const Node& node) const {
    return node.opset_version != 0 ? std::optional(node.opset_version) : opset(node.domain);
  }
};

inline constexpr int64_t kFirstIrVersion = 3;
inline constexpr int64_t kLastIrVersion = 13;

}  // namespace temper::onnx
