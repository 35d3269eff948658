// ONNX models of a few nodes, written byte by byte, for tests that know the public API only.
//
//   std::string bytes = small::model({small::node("Add", {"x", "w"}, {"t"}), small::node("Relu", {"t"}, {"y"})},
//                                    {small::value("x", {-1, 4})}, {small::value("y", {-1, 4})}, {small::weights("w", {1, -2,
//                                    3, -4})});
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace small {

inline std::string varint(uint64_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  return bytes + static_cast<char>(number);
}
inline std::string field(int id, uint64_t number) { return varint(uint64_t(id) << 3) + varint(number); }
inline std::string field(int id, const std::string& bytes) {
  return varint(uint64_t(id) << 3 | 2) + varint(bytes.size()) + bytes;
}

constexpr int kFloat = 1, kUint8 = 2, kInt8 = 3, kInt64 = 7, kBool = 9;

// An extent of -1 is the dimension "N".
inline std::string value(const std::string& name, const std::vector<int64_t>& dims, int type = kFloat) {
  std::string shape;
  for (int64_t d : dims) shape += field(1, d < 0 ? field(2, std::string("N")) : field(1, uint64_t(d)));
  return field(1, name) + field(2, field(1, field(1, uint64_t(type)) + field(2, shape)));
}

// Attributes of a node.
inline std::string integer(const std::string& name, int64_t number) {
  return field(1, name) + field(3, uint64_t(number)) + field(20, 2);
}
inline std::string text(const std::string& name, const std::string& value) {
  return field(1, name) + field(4, value) + field(20, 3);
}
inline std::string graph(const std::string& name, const std::string& body) {
  return field(1, name) + field(6, body) + field(20, 5);
}
inline std::string integers(const std::string& name, const std::vector<int64_t>& numbers) {
  std::string bytes = field(1, name);
  for (int64_t number : numbers) bytes += field(8, uint64_t(number));
  return bytes + field(20, 7);
}

inline std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                        const std::vector<std::string>& attributes = {}) {
  std::string bytes;
  for (const std::string& input : inputs) bytes += field(1, input);
  for (const std::string& output : outputs) bytes += field(2, output);
  bytes += field(3, op + "_" + outputs[0]) + field(4, op);
  for (const std::string& attribute : attributes) bytes += field(5, attribute);
  return bytes;
}

template <class T>
std::string tensor(const std::string& name, int type, const std::vector<int64_t>& dims, const std::vector<T>& values) {
  std::string bytes;
  for (int64_t d : dims) bytes += field(1, uint64_t(d));
  return bytes + field(2, uint64_t(type)) + field(8, name) +
         field(9, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}
inline std::string weights(const std::string& name, const std::vector<float>& values) {
  return tensor(name, kFloat, {int64_t(values.size())}, values);
}
inline std::string indices(const std::string& name, const std::vector<int64_t>& values) {
  return tensor(name, kInt64, {int64_t(values.size())}, values);
}
// Weights of that shape, all different, small, of both signs.
inline std::string waves(const std::string& name, const std::vector<int64_t>& dims) {
  size_t count = 1;
  for (int64_t d : dims) count *= size_t(d);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = float(int(i * 37 % 101) - 50) / 64.0f;
  return tensor(name, kFloat, dims, values);
}

inline std::string body(const std::vector<std::string>& nodes, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const std::vector<std::string>& initializers = {}) {
  std::string bytes;
  for (const std::string& n : nodes) bytes += field(1, n);
  bytes += field(2, std::string("small"));
  for (const std::string& t : initializers) bytes += field(5, t);
  for (const std::string& v : inputs) bytes += field(11, v);
  for (const std::string& v : outputs) bytes += field(12, v);
  return bytes;
}

inline std::string model(const std::vector<std::string>& nodes, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs, const std::vector<std::string>& initializers = {}) {
  return field(1, 8) + field(7, body(nodes, inputs, outputs, initializers)) + field(8, field(2, 17)) +
         field(14, field(1, std::string("labels")) + field(2, std::string("cat,dog")));
}

// y = relu(x + w): x and y are f32[N, 4].
inline std::string add_relu() {
  return model({node("Add", {"x", "w"}, {"t"}), node("Relu", {"t"}, {"y"})}, {value("x", {-1, 4})}, {value("y", {-1, 4})},
               {weights("w", {1, -2, 3, -4})});
}

}  // namespace small
