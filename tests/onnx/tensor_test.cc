// Tensors: every encoding comes out as the same dense bytes, and what does not fit its shape is named.
#include <gtest/gtest.h>

#include "onnx/storage.h"
#include "onnx/text.h"
#include "onnx/validate.h"
#include "tests/onnx/model_bytes.h"

namespace temper::onnx {
namespace {

using namespace test;

// A tensor of `type` and `dims`, whose data `fill` writes.
template <class Fill>
std::string tensor(int type, const std::vector<int64_t>& dims, Fill fill) {
  return message([&](auto& w) {
    w.add_packed_int64(1, dims.begin(), dims.end());
    w.add_int32(2, type);
    w.add_string(8, "t");
    fill(w);
  });
}

std::string data_of(const std::string& bytes) {
  Expected<Value> value = read_value(as_bytes(bytes), Type::kTensor, "t.pb");
  EXPECT_TRUE(value.ok()) << text_of(value);
  if (!value.ok()) return "";
  return {reinterpret_cast<const char*>(value->tensor.data.data()), value->tensor.data.size()};
}

std::string error_of(const std::string& bytes) { return text_of(read_value(as_bytes(bytes), Type::kTensor, "t.pb")); }

auto raw(const std::string& data) {
  return [data](auto& w) { w.add_bytes(9, data); };
}
auto int32s(const std::vector<int32_t>& values) {
  return [values](auto& w) { w.add_packed_int32(5, values.begin(), values.end()); };
}

TEST(OnnxTensor, RawDataIsUsedWhereItLies) {
  std::string bytes = tensor(kFloat, {2}, raw(raw_of<float>({1, -2})));
  Expected<Value> value = read_value(as_bytes(bytes), Type::kTensor, "t.pb");
  ASSERT_TRUE(value.ok());
  const char* at = reinterpret_cast<const char*>(value->tensor.data.data());
  EXPECT_TRUE(at >= bytes.data() && at < bytes.data() + bytes.size());
  EXPECT_EQ(data_of(bytes), raw_of<float>({1, -2}));
}

TEST(OnnxTensor, TypedFieldsOfEveryType) {
  const std::vector<int64_t> i64 = {-1, int64_t(1) << 60};
  const std::vector<uint64_t> u64 = {~uint64_t(0), 7};
  const std::vector<double> f64 = {0.1, -3};
  const std::vector<float> f32 = {1, 2, 3, 4};
  EXPECT_EQ(data_of(tensor(kInt64, {2}, [&](auto& w) { w.add_packed_int64(7, i64.begin(), i64.end()); })),
            raw_of<int64_t>({-1, int64_t(1) << 60}));
  EXPECT_EQ(data_of(tensor(kUint64, {2}, [&](auto& w) { w.add_packed_uint64(11, u64.begin(), u64.end()); })),
            raw_of<uint64_t>({~uint64_t(0), 7}));
  EXPECT_EQ(data_of(tensor(kUint32, {1}, [&](auto& w) { w.add_uint64(11, 0xffffffffu); })), raw_of<uint32_t>({0xffffffffu}));
  EXPECT_EQ(data_of(tensor(kDouble, {2}, [&](auto& w) { w.add_packed_double(10, f64.begin(), f64.end()); })),
            raw_of<double>({0.1, -3}));
  EXPECT_EQ(data_of(tensor(kComplex64, {2}, [&](auto& w) { w.add_packed_float(4, f32.begin(), f32.end()); })),
            raw_of<float>({1, 2, 3, 4}));
  EXPECT_EQ(data_of(tensor(kComplex128, {1}, [&](auto& w) { w.add_packed_double(10, f64.begin(), f64.end()); })),
            raw_of<double>({0.1, -3}));
  EXPECT_EQ(data_of(tensor(kInt32, {2}, int32s({-7, 1 << 30}))), raw_of<int32_t>({-7, 1 << 30}));
  EXPECT_EQ(data_of(tensor(kInt8, {3}, int32s({-128, 127, 255}))), raw_of<uint8_t>({0x80, 0x7f, 0xff}));
  EXPECT_EQ(data_of(tensor(kUint16, {2}, int32s({0, 65535}))), raw_of<uint16_t>({0, 65535}));
  EXPECT_EQ(data_of(tensor(kBool, {3}, int32s({0, 1, 256}))), raw_of<uint8_t>({0, 1, 1}));
  EXPECT_EQ(data_of(tensor(kFloat16, {2}, int32s({0x3c00, 0xbc00}))), raw_of<uint16_t>({0x3c00, 0xbc00}));
  EXPECT_EQ(data_of(tensor(kBfloat16, {1}, int32s({0x3f80}))), raw_of<uint16_t>({0x3f80}));
  EXPECT_EQ(data_of(tensor(kFloat8E4M3FN, {1}, int32s({0xff}))), raw_of<uint8_t>({0xff}));
  EXPECT_EQ(data_of(tensor(kInt4, {3}, int32s({0x21, 0x03}))), raw_of<uint8_t>({0x21, 0x03}));
  EXPECT_EQ(data_of(tensor(kUint2, {5}, int32s({0xe4, 0x01}))), raw_of<uint8_t>({0xe4, 0x01}));
}

TEST(OnnxTensor, ARunMayComeInPieces) {
  std::string bytes = tensor(kFloat, {3}, [](auto& w) {
    const float two[] = {1, 2};
    w.add_packed_float(4, two, two + 2);
    w.add_float(4, 3);
  });
  EXPECT_EQ(data_of(bytes), raw_of<float>({1, 2, 3}));
  bytes = tensor(kInt64, {3}, [](auto& w) {
    w.add_int64(7, 300);
    const int64_t two[] = {-1, 5};
    w.add_packed_int64(7, two, two + 2);
  });
  EXPECT_EQ(data_of(bytes), raw_of<int64_t>({300, -1, 5}));
}

TEST(OnnxTensor, ABoolIsZeroOrOne) {
  EXPECT_EQ(data_of(tensor(kBool, {3}, raw(raw_of<uint8_t>({0, 2, 255})))), raw_of<uint8_t>({0, 1, 1}));
}

TEST(OnnxTensor, StringsAndEmptyTensors) {
  std::string bytes = tensor(kString, {2}, [](auto& w) {
    w.add_string(6, "a");
    w.add_string(6, "");
  });
  Expected<Value> value = read_value(as_bytes(bytes), Type::kTensor, "t.pb");
  ASSERT_TRUE(value.ok()) << text_of(value);
  EXPECT_EQ(value->tensor.strings, (std::vector<std::string_view>{"a", ""}));
  EXPECT_EQ(data_of(tensor(kFloat, {0, 5}, [](auto&) {})), "");
  EXPECT_EQ(data_of(tensor(kInt64, {3, 0}, raw(""))), "");
}

TEST(OnnxTensor, WhatDoesNotFitIsNamed) {
  EXPECT_EQ(error_of(tensor(kFloat, {2, 3}, raw(std::string(23, 'x')))),
            "E_CORRUPT: raw_data has 23 bytes, but float[2,3] takes 24; export the model again [t.pb]");
  EXPECT_EQ(error_of(tensor(kFloat, {2}, [](auto&) {})),
            "E_CORRUPT: the tensor has no data, but float[2] takes 8; export the model again [t.pb]");
  EXPECT_NE(
      error_of(tensor(kInt64, {2}, [](auto& w) { w.add_int64(7, 1); })).find("int64_data has 1 elements, but int64[2] takes 2"),
      std::string::npos);
  EXPECT_NE(error_of(tensor(kInt64, {1}, int32s({1}))).find("int32_data is filled"), std::string::npos);
  EXPECT_NE(error_of(tensor(kInt32, {1}, [](auto& w) { w.add_bytes(9, raw_of<int32_t>({1})), w.add_int32(5, 1); }))
                .find("int32_data is filled"),
            std::string::npos);
  EXPECT_NE(error_of(tensor(kFloat, {-1}, raw(""))).find("a dimension of -1"), std::string::npos);
  EXPECT_NE(error_of(tensor(kFloat, {int64_t(1) << 32, int64_t(1) << 32}, raw(""))).find("more elements than any memory"),
            std::string::npos);
  EXPECT_NE(error_of(tensor(kFloat, {0, int64_t(1) << 62, 8}, raw(""))).find("more elements than any memory"),
            std::string::npos);
  EXPECT_NE(error_of(tensor(0, {1}, raw("xxxx"))).find("element type is 0"), std::string::npos);
  EXPECT_NE(error_of(tensor(99, {1}, raw("xxxx"))).find("E_UNSUPPORTED: the tensor's element type is 99"), std::string::npos);
  EXPECT_NE(error_of(tensor(kUint8, {2}, int32s({1, 256}))).find("element 1 of int32_data is 256, which is no uint8"),
            std::string::npos);
  EXPECT_NE(error_of(tensor(kInt8, {1}, int32s({-129}))).find("is -129, which is no int8"), std::string::npos);
  EXPECT_NE(error_of(tensor(kString, {1}, raw("a"))).find("strings can't be in raw_data"), std::string::npos);
  EXPECT_NE(error_of(tensor(kString, {2}, [](auto& w) { w.add_string(6, "a"); })).find("string_data has 1 strings"),
            std::string::npos);
  EXPECT_NE(
      error_of(tensor(kFloat, {1}, [](auto& w) { w.add_bytes(9, "xxxx"), w.add_message(3, std::string()); })).find("segments"),
      std::string::npos);
  EXPECT_NE(error_of(tensor(kFloat, {1}, [](auto& w) { w.add_bytes(4, "xxx"); })).find("no whole number of elements"),
            std::string::npos);
  EXPECT_NE(error_of(tensor(kInt64, {1}, [](auto& w) { w.add_bytes(7, "\x01\xff"); })).find("end inside a number"),
            std::string::npos);
}

TEST(OnnxTensor, AllBadTensorsOfAModelAreNamed) {
  std::string bytes = model_of(graph_of(
      {}, {}, {}, {tensor_of("a", kFloat, {2}, "x"), tensor_of("b", kFloat, {1}, "abcd"), tensor_of("c", kInt8, {-2}, "")}));
  Expected<Model> model = read(bytes);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->graph.initializers[1].data.size(), 4u);
  std::string problems = all_of(validate(*model));
  EXPECT_NE(problems.find("[graph.initializer[0] 'a', in test.onnx]"), std::string::npos) << problems;
  EXPECT_EQ(problems.find("'b'"), std::string::npos);
  EXPECT_NE(problems.find("[graph.initializer[2] 'c', in test.onnx]"), std::string::npos);
}

TEST(OnnxValue, SequencesAndOptionals) {
  std::string one = tensor_of("", kFloat, {1}, raw_of<float>({1})), two = tensor_of("", kFloat, {2}, raw_of<float>({2, 3}));
  std::string sequence = message([&](auto& w) {
    w.add_string(1, "s");
    w.add_int32(2, 1);
    w.add_message(3, one);
    w.add_message(3, two);
  });
  Expected<Value> value = read_value(as_bytes(sequence), Type::kSequence, "s.pb");
  ASSERT_TRUE(value.ok()) << text_of(value);
  ASSERT_EQ(value->elements.size(), 2u);
  EXPECT_EQ(value->element_kind, Type::kTensor);
  EXPECT_EQ(value->elements[1].tensor.dims, std::vector<int64_t>{2});
  std::string optional = message([&](auto& w) {
    w.add_int32(2, 3);
    w.add_message(5, sequence);
  });
  value = read_value(as_bytes(optional), Type::kOptional, "o.pb");
  ASSERT_TRUE(value.ok()) << text_of(value);
  ASSERT_EQ(value->elements.size(), 1u);
  EXPECT_EQ(value->elements[0].elements.size(), 2u);
  std::string none = message([](auto& w) { w.add_int32(2, 1); });
  value = read_value(as_bytes(none), Type::kOptional, "o.pb");
  ASSERT_TRUE(value.ok());
  EXPECT_TRUE(value->elements.empty());
  std::string map = message([&](auto& w) {
    w.add_int32(2, kInt64);
    w.add_int64(3, 5);
    w.add_message(5, sequence);
  });
  EXPECT_NE(text_of(read_value(as_bytes(map), Type::kMap, "m.pb")).find("a map of 1 keys and 2 values"), std::string::npos);
}

TEST(OnnxSparse, IndicesAreChecked) {
  auto sparse = [](const std::vector<int64_t>& indices, const std::vector<int64_t>& shape) {
    return message([&](auto& w) {
      w.add_message(1, tensor_of("s", kFloat, {2}, raw_of<float>({1, 2})));
      w.add_message(2, message([&](auto& t) {
                      for (int64_t d : shape) t.add_int64(1, d);
                      t.add_int32(2, kInt64);
                      t.add_packed_int64(7, indices.begin(), indices.end());
                    }));
      w.add_int64(3, 2);
      w.add_int64(3, 3);
    });
  };
  auto problems = [&](const std::string& tensor) {
    std::string bytes = model_of(message([&](auto& w) { w.add_message(15, tensor); }));
    return all_of(read(bytes)->problems);
  };
  EXPECT_EQ(problems(sparse({0, 5}, {2})), "");
  EXPECT_EQ(problems(sparse({0, 0, 1, 2}, {2, 2})), "");
  EXPECT_NE(problems(sparse({0, 6}, {2})).find("index 6"), std::string::npos);
  EXPECT_NE(problems(sparse({0, 0, 1, 3}, {2, 2})).find("index 3"), std::string::npos);
  EXPECT_NE(problems(sparse({0, -1}, {2})).find("index -1"), std::string::npos);
  EXPECT_NE(problems(sparse({0, 1, 2}, {3})).find("indices"), std::string::npos);
}

}  // namespace
}  // namespace temper::onnx
