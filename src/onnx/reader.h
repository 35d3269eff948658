// From bytes to model.h: the wire format of protocol buffers, decoded by field number, and the files beside a model.
//
// Two kinds of trouble. Bytes that cannot be followed (a cut file, a wrong wire type, nesting without end, not ONNX at all)
// end the reading with one Error that says where in the message tree. A tensor or attribute that makes no sense (size against
// dims, an external file that is not there) goes to `Model::problems` and reading goes on, so that validate() can name all.
//
// Files for external data are looked up only beneath the model's own folder: see external_data.h.
//
//   Model model = TEMPER_TRY(read_model("net.onnx"));
//   std::vector<Error> problems = validate(model);       // validate.h
//   TEMPER_TRY(inline_functions(model));                 // functions.h
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "onnx/model.h"

namespace temper::onnx {

Expected<Model> read_model(const std::string& path);

// `bytes` must outlive the model. `folder` is where external data is looked up; empty: there may be none.
Expected<Model> read_model(std::span<const std::byte> bytes, const std::string& folder, std::string display_name);

// A value of a test data file (.pb): a serialised TensorProto, SequenceProto or OptionalProto; which one the bytes do not say.
struct Value {
  Type::Kind kind = Type::kTensor;
  std::string_view name;
  Tensor tensor;                          // kTensor
  SparseTensor sparse_tensor;             // kSparseTensor
  Type::Kind element_kind = Type::kNone;  // kSequence, kOptional: what they hold, as far as the file says
  std::vector<Value> elements;            // kSequence: all; kOptional: one or none; kMap: the values
  Tensor keys;                            // kMap
  std::shared_ptr<Storage> storage;       // of the outermost value: keeps all views alive
};

struct OwnedTensor : Tensor {
  std::shared_ptr<Storage> storage;
};

Expected<OwnedTensor> read_tensor(const std::string& path);
Expected<Value> read_value(const std::string& path, Type::Kind kind);
Expected<Value> read_value(std::span<const std::byte> bytes, Type::Kind kind, std::string display_name);

}  // namespace temper::onnx
