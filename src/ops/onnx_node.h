// OnnxNode: what an operator's ONNX reader may ask about a node. Implemented by src/onnx.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/tensor.h"

namespace temper {

class OnnxNode {
 public:
  virtual ~OnnxNode() = default;
  virtual std::string_view op_type() const = 0;
  virtual int opset() const = 0;  // version of the node's domain that the model imports
  virtual int input_count() const = 0;
  virtual bool has_input(int i) const = 0;  // false: beyond the end, or the empty name
  virtual int output_count() const = 0;
  virtual bool has_output(int i) const = 0;  // somebody may want it
  virtual bool has(std::string_view attribute) const = 0;
  // Attributes with their default; a value of another type was already refused.
  virtual int64_t i(std::string_view name, int64_t otherwise) const = 0;
  virtual double f(std::string_view name, double otherwise) const = 0;
  virtual std::string s(std::string_view name, std::string_view otherwise) const = 0;
  virtual std::vector<int64_t> is(std::string_view name) const = 0;  // empty when absent
  virtual std::vector<double> fs(std::string_view name) const = 0;
  virtual std::vector<std::string> ss(std::string_view name) const = 0;
  virtual std::optional<Tensor> tensor(std::string_view name) const = 0;
  // An attribute that holds a TensorProto.DataType.
  virtual std::optional<DType> dtype(std::string_view name) const = 0;
};

}  // namespace temper
