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

constexpr int kFloat = 1, kInt64 = 7, kBool = 9;

// An extent of -1 is the dimension "N".
inline std::string value(const std::string& name, const std::vector<int64_t>& dims, int type = kFloat) {
  std::string shape;
  for (int64_t d : dims) shape += field(1, d < 0 ? field(2, std::string("N")) : field(1, uint64_t(d)));
  return field(1, name) + field(2, field(1, field(1, uint64_t(type)) + field(2, shape)));
}

inline std::string attribute(const std::string& name, int64_t number) {
  return field(1, name) + field(3, uint64_t(number)) + field(20, uint64_t(2));
}
inline std::string attribute(const std::string& name, const std::string& graph) {
  return field(1, name) + field(6, graph) + field(20, uint64_t(5));
}

inline std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                        const std::vector<std::string>& attributes = {}) {
  std::string bytes;
  for (const std::string& input : inputs) bytes += field(1, input);
  for (const std::string& output : outputs) bytes += field(2, output);
  bytes += field(3, op + "_" + outputs[0]) + field(4, op);
  for (const std::string& a : attributes) bytes += field(5, a);
  return bytes;
}

inline std::string weights(const std::string& name, const std::vector<float>& values) {
  std::string raw(values.size() * sizeof(float), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  return field(1, values.size()) + field(2, uint64_t(kFloat)) + field(8, name) + field(9, raw);
}

inline std::string graph(const std::vector<std::string>& nodes, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs, const std::vector<std::string>& initializers = {}) {
  std::string graph;
  for (const std::string& n : nodes) graph += field(1, n);
  graph += field(2, std::string("small"));
  for (const std::string& t : initializers) graph += field(5, t);
  for (const std::string& v : inputs) graph += field(11, v);
  for (const std::string& v : outputs) graph += field(12, v);
  return graph;
}

inline std::string model(const std::vector<std::string>& nodes, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs, const std::vector<std::string>& initializers = {}) {
  return field(1, 8) + field(7, graph(nodes, inputs, outputs, initializers)) + field(8, field(2, 17)) +
         field(14, field(1, std::string("labels")) + field(2, std::string("cat,dog")));
}

// y = relu(x + w): x and y are f32[N, 4].
inline std::string add_relu() {
  return model({node("Add", {"x", "w"}, {"t"}), node("Relu", {"t"}, {"y"})}, {value("x", {-1, 4})}, {value("y", {-1, 4})},
               {weights("w", {1, -2, 3, -4})});
}

}  // namespace small
