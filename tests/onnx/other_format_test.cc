// Files that are no ONNX models are told as what they are, with what to do.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/onnx/model_bytes.h"

namespace temper::onnx {
namespace {

using namespace test;

std::string error_of(const std::string& bytes) { return text_of(read(bytes)); }

TEST(OnnxOtherFormat, IsTold) {
  using namespace std::string_literals;
  const std::pair<std::string, const char*> kCases[] = {
      {"", "the file is empty"},
      {"TEMPRPLN\1\0\0\0"s, "this is a Temper plan"},
      {"\x1f\x8b\x08\0\0\0"s, "gzip"},
      {"PK\x03\x04\x14\0\0\0"s, "zip archive"},
      {"<!DOCTYPE html>\n<html lang=\"en\">", "web page"},
      {"\n <HTML><head>", "web page"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"},
      {"<ir_version: 8, opset_import: [\"\" : 18]>", "ONNX in text form"},
      {"import onnx\nprint(1)\n", "this is a text file"},
      {"\x89HDF\r\n\x1a\n", "HDF5"},
      {"\x1c\0\0\0TFL3\0\0"s, "TensorFlow Lite"},
      {"\x80\x02}q\0."s, "pickle"},
      {std::string(4096, '\0'), "nothing but zeros"},
      {"\xff\xfe\xfd\xfc\xfb", "E_CORRUPT"},
      {message([](auto& w) { w.add_string(2, "producer without a graph"); }), "there is no graph in it"},
  };
  for (const auto& [bytes, expected] : kCases)
    EXPECT_NE(error_of(bytes).find(expected), std::string::npos) << expected << ": " << error_of(bytes);
}

// Text that happens to be a message: a model may begin with its documentation.
TEST(OnnxOtherFormat, AModelThatLooksLikeTextIsAModel) {
  std::string bytes = message([](auto& w) { w.add_string(6, std::string(100, 'd')); }) + relu_model();
  ASSERT_TRUE(read(bytes).ok());
}

TEST(OnnxOtherFormat, PathsThatAreNoFiles) {
  std::string folder = std::filesystem::temp_directory_path().string();
  EXPECT_NE(text_of(read_model(folder)).find("this is a folder"), std::string::npos);
  EXPECT_EQ(text_of(read_model(folder + "/temper-no-such-file.onnx")),
            "E_NOT_FOUND: there is no such file; check the path [" + folder + "/temper-no-such-file.onnx]");
  EXPECT_NE(text_of(read_model("/dev/null")).find("no regular file"), std::string::npos);
  EXPECT_NE(text_of(read_model("")).find("E_NOT_FOUND"), std::string::npos);
}

TEST(OnnxOtherFormat, ReadsFilesByPath) {
  std::string path = (std::filesystem::temp_directory_path() / ("temper-onnx-" + std::to_string(getpid()))).string();
  std::ofstream(path, std::ios::binary) << relu_model();
  Expected<Model> model = read_model(path);
  std::ofstream(path, std::ios::binary) << tensor_of("t", kFloat, {1}, raw_of<float>({2}));
  Expected<OwnedTensor> tensor = read_tensor(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(model.ok()) << text_of(model);
  EXPECT_EQ(model->display_name, path);
  ASSERT_TRUE(tensor.ok()) << text_of(tensor);
  EXPECT_EQ(tensor->name, "t");
}

}  // namespace
}  // namespace temper::onnx
