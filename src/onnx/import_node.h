// OnnxNode over a node of a model.
#pragma once

#include "onnx/model.h"
#include "ops/onnx_node.h"

namespace temper::onnx {

class ModelNode final : public OnnxNode {
 public:
  ModelNode(const Node& node, int opset, std::shared_ptr<const void> owner)
      : node_(node), opset_(opset), owner_(std::move(owner)) {}
  std::string_view op_type() const override { return node_.op_type; }
  int opset() const override { return opset_; }
  int input_count() const override { return static_cast<int>(node_.inputs.size()); }
  bool has_input(int i) const override { return i < input_count() && !node_.inputs[i].empty(); }
  int output_count() const override { return static_cast<int>(node_.outputs.size()); }
  bool has_output(int i) const override { return i < output_count() && !node_.outputs[i].empty(); }
  bool has(std::string_view attribute) const override { return node_.attribute(attribute) != nullptr; }
  int64_t i(std::string_view name, int64_t otherwise) const override;
  double f(std::string_view name, double otherwise) const override;
  std::string s(std::string_view name, std::string_view otherwise) const override;
  std::vector<int64_t> is(std::string_view name) const override;
  std::vector<double> fs(std::string_view name) const override;
  std::vector<std::string> ss(std::string_view name) const override;
  std::optional<temper::Tensor> tensor(std::string_view name) const override;
  std::optional<DType> dtype(std::string_view name) const override;

 private:
  const Node& node_;
  int opset_;
  std::shared_ptr<const void> owner_;
};

}  // namespace temper::onnx
