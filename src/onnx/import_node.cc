#include "onnx/import_node.h"

#include <cstring>

#include "onnx/import.h"

namespace temper::onnx {

int64_t ModelNode::i(std::string_view name, int64_t otherwise) const {
  const Attribute* a = node_.attribute(name);
  return a ? a->i : otherwise;
}
double ModelNode::f(std::string_view name, double otherwise) const {
  const Attribute* a = node_.attribute(name);
  return a ? a->f : otherwise;
}
std::string ModelNode::s(std::string_view name, std::string_view otherwise) const {
  const Attribute* a = node_.attribute(name);
  return std::string(a ? a->s : otherwise);
}
std::vector<int64_t> ModelNode::is(std::string_view name) const {
  const Attribute* a = node_.attribute(name);
  return a ? a->ints : std::vector<int64_t>{};
}
std::vector<double> ModelNode::fs(std::string_view name) const {
  const Attribute* a = node_.attribute(name);
  return a ? std::vector<double>(a->floats.begin(), a->floats.end()) : std::vector<double>{};
}
std::vector<std::string> ModelNode::ss(std::string_view name) const {
  std::vector<std::string> all;
  if (const Attribute* a = node_.attribute(name)) all.assign(a->strings.begin(), a->strings.end());
  return all;
}
std::optional<temper::Tensor> ModelNode::tensor(std::string_view name) const {
  const Attribute* a = node_.attribute(name);
  if (!a || !a->tensor()) return std::nullopt;
  auto t = to_tensor(*a->tensor(), owner_);
  return t.ok() ? std::optional(std::move(*t)) : std::nullopt;
}
std::optional<DType> ModelNode::dtype(std::string_view name) const {
  const Attribute* a = node_.attribute(name);
  return a ? dtype_from_onnx(static_cast<int>(a->i)) : std::nullopt;
}

Expected<temper::Tensor> to_tensor(const Tensor& t, const std::shared_ptr<const void>& owner) {
  auto dtype = dtype_from_onnx(t.data_type);
  if (!dtype) {
    return Error(ErrorCode::kUnsupported, "tensors of type " + std::string(data_type_name(t.data_type)) + " are not supported")
        .at("tensor '" + std::string(t.name) + "'");
  }
  if (*dtype == DType::kString) return temper::Tensor::strings(t.dims, {t.strings.begin(), t.strings.end()});
  int width = std::max(1, dtype_bits(*dtype) / 8);
  if (reinterpret_cast<uintptr_t>(t.data.data()) % width == 0) return temper::Tensor(*dtype, t.dims, t.data, owner);
  temper::Tensor copy = temper::Tensor::zeros(*dtype, t.dims);
  std::memcpy(copy.mutable_bytes(), t.data.data(), t.data.size());
  return copy;
}

}  // namespace temper::onnx
