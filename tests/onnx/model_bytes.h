// Serialised ONNX messages for tests, written field by field, so that a test can also write what no exporter would.
//
//   std::string model = model_of(graph_of({node_of("Relu", {"x"}, {"y"})}, {value_of("x")}, {value_of("y")}));
#pragma once

#include <cstring>
#include <initializer_list>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/reader.h"

namespace temper::onnx::test {

using Strings = std::vector<std::string>;

// One message; `fill` gets its writer.
template <class Fill>
std::string message(Fill fill) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  fill(writer);
  return bytes;
}

template <class T>
std::string raw_of(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (values.size() != 0) std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

inline std::string tensor_of(const std::string& name, int type, const std::vector<int64_t>& dims, const std::string& raw) {
  return message([&](auto& w) {
    for (int64_t d : dims) w.add_int64(1, d);
    w.add_int32(2, type);
    w.add_string(8, name);
    w.add_bytes(9, raw);
  });
}

inline std::string pair_of(const std::string& key, const std::string& value) {
  return message([&](auto& w) {
    w.add_string(1, key);
    w.add_string(2, value);
  });
}

inline std::string external_tensor_of(const std::string& name, int type, const std::vector<int64_t>& dims,
                                      const std::vector<std::pair<std::string, std::string>>& entries) {
  return message([&](auto& w) {
    for (int64_t d : dims) w.add_int64(1, d);
    w.add_int32(2, type);
    w.add_string(8, name);
    for (auto& [key, value] : entries) w.add_message(13, pair_of(key, value));
    w.add_enum(14, 1);
  });
}

// float[dims]; a dim below -1 is the name "N", -1 has neither value nor name.
inline std::string float_type(const std::vector<int64_t>& dims = {1}) {
  std::string shape = message([&](auto& w) {
    for (int64_t d : dims) {
      w.add_message(1, message([&](auto& dim) {
                      if (d >= 0) dim.add_int64(1, d);
                      if (d < -1) dim.add_string(2, "N");
                    }));
    }
  });
  return message([&](auto& w) {
    w.add_message(1, message([&](auto& t) {
                    t.add_int32(1, kFloat);
                    t.add_message(2, shape);
                  }));
  });
}

inline std::string value_of(const std::string& name, const std::string& type = float_type()) {
  return message([&](auto& w) {
    w.add_string(1, name);
    w.add_message(2, type);
  });
}

inline std::string int_attribute(const std::string& name, int64_t value) {
  return message([&](auto& w) {
    w.add_string(1, name);
    w.add_int64(3, value);
    w.add_enum(20, Attribute::kInt);
  });
}

inline std::string graph_attribute(const std::string& name, const std::string& graph) {
  return message([&](auto& w) {
    w.add_string(1, name);
    w.add_message(6, graph);
    w.add_enum(20, Attribute::kGraph);
  });
}

// In a function: attribute `name` of the node is attribute `caller_name` of the call.
inline std::string ref_attribute(const std::string& name, const std::string& caller_name, Attribute::Kind kind) {
  return message([&](auto& w) {
    w.add_string(1, name);
    w.add_enum(20, kind);
    w.add_string(21, caller_name);
  });
}

struct NodeExtra {
  std::string name, domain;
  Strings attributes;
};

inline std::string node_of(const std::string& op, const Strings& inputs, const Strings& outputs, const NodeExtra& extra = {}) {
  return message([&](auto& w) {
    for (auto& name : inputs) w.add_string(1, name);
    for (auto& name : outputs) w.add_string(2, name);
    if (!extra.name.empty()) w.add_string(3, extra.name);
    w.add_string(4, op);
    for (auto& a : extra.attributes) w.add_message(5, a);
    if (!extra.domain.empty()) w.add_string(7, extra.domain);
  });
}

inline std::string graph_of(const Strings& nodes, const Strings& inputs = {}, const Strings& outputs = {},
                            const Strings& initializers = {}) {
  return message([&](auto& w) {
    for (auto& n : nodes) w.add_message(1, n);
    w.add_string(2, "g");
    for (auto& t : initializers) w.add_message(5, t);
    for (auto& v : inputs) w.add_message(11, v);
    for (auto& v : outputs) w.add_message(12, v);
  });
}

inline std::string opset_of(const std::string& domain, int64_t version) {
  return message([&](auto& w) {
    if (!domain.empty()) w.add_string(1, domain);
    w.add_int64(2, version);
  });
}

struct FunctionText {
  std::string name;
  Strings inputs, outputs, attributes, attribute_protos, nodes;
  Strings imports = {opset_of("", 18), opset_of("local", 1)};
};

// A function of domain "local".
inline std::string function_of(const FunctionText& f) {
  return message([&](auto& w) {
    w.add_string(1, f.name);
    for (auto& name : f.inputs) w.add_string(4, name);
    for (auto& name : f.outputs) w.add_string(5, name);
    for (auto& name : f.attributes) w.add_string(6, name);
    for (auto& n : f.nodes) w.add_message(7, n);
    for (auto& i : f.imports) w.add_message(9, i);
    w.add_string(10, "local");
    for (auto& a : f.attribute_protos) w.add_message(11, a);
  });
}

inline std::string model_of(const std::string& graph, const Strings& functions = {},
                            const Strings& imports = {opset_of("", 18), opset_of("local", 1)}, int64_t ir_version = 10) {
  return message([&](auto& w) {
    w.add_int64(1, ir_version);
    w.add_message(7, graph);
    for (auto& i : imports) w.add_message(8, i);
    for (auto& f : functions) w.add_message(25, f);
  });
}

// x -> Relu -> y: the smallest useful model.
inline std::string relu_model() {
  return model_of(graph_of({node_of("Relu", {"x"}, {"y"})}, {value_of("x")}, {value_of("y")}));
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// `bytes` must live as long as the model.
inline Expected<Model> read(std::string_view bytes) { return read_model(as_bytes(bytes), "", "test.onnx"); }
Expected<Model> read(std::string&& bytes) = delete;

// All of an Error's text, or "ok".
template <class T>
std::string text_of(const Expected<T>& result) {
  return result.ok() ? "ok" : result.error().to_string();
}

inline std::string all_of(const std::vector<Error>& errors) {
  std::string out;
  for (const Error& e : errors) out += e.to_string() + "\n";
  return out;
}

}  // namespace temper::onnx::test
