// External data stays beneath the model's folder, both with openat2 and without.
#include "onnx/external_data.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "onnx/validate.h"
#include "tests/onnx/model_bytes.h"

namespace temper::onnx {
namespace {

using namespace test;
namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// A folder with model/ (the model's own) and outside.bin beside it.
class OnnxExternalData : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "temper-onnx-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    folder_ = root_ / "model";
    fs::create_directories(folder_ / "sub");
    write(root_ / "outside.bin", "secret");
    write(folder_ / "w.bin", raw_of<float>({1, 2, 3}));
    write(folder_ / "sub/w.bin", "sub");
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string open_text(const std::string& location, BeneathMethod method) {
    Expected<int> fd = open_beneath(folder_.string(), location, method);
    if (fd.ok()) close(*fd);
    return text_of(fd);
  }

  void expect_both(const std::string& location, const std::string& part) {
    for (BeneathMethod method : {BeneathMethod::kAny, BeneathMethod::kByComponent}) {
      EXPECT_NE(open_text(location, method).find(part), std::string::npos) << location << ": " << open_text(location, method);
    }
  }

  Expected<Model> model_with(const std::vector<std::pair<std::string, std::string>>& entries,
                             const std::vector<int64_t>& dims = {2}) {
    write(folder_ / "net.onnx", model_of(graph_of({}, {}, {}, {external_tensor_of("w", kFloat, dims, entries)})));
    return read_model((folder_ / "net.onnx").string());
  }

  fs::path root_, folder_;
};

TEST_F(OnnxExternalData, OpensFilesBeneathTheFolder) {
  for (BeneathMethod method : {BeneathMethod::kAny, BeneathMethod::kByComponent}) {
    EXPECT_EQ(open_text("w.bin", method), "ok");
    EXPECT_EQ(open_text("sub/w.bin", method), "ok");
    EXPECT_EQ(open_text("./sub//w.bin", method), "ok");
  }
}

TEST_F(OnnxExternalData, NothingLeadsOut) {
  expect_both((root_ / "outside.bin").string(), "absolute path");
  expect_both("../outside.bin", "leads out of the model's folder");
  expect_both("sub/../../outside.bin", "leads out of the model's folder");
  expect_both("sub/..", "leads out of the model's folder");
  expect_both("", "no 'location' is given");
  expect_both(std::string("w.bin\0x", 7), "zero byte");
  fs::create_symlink("../outside.bin", folder_ / "link.bin");
  fs::create_symlink("w.bin", folder_ / "inner.bin");
  fs::create_directory_symlink("..", folder_ / "up");
  fs::create_directory_symlink("sub", folder_ / "alias");
  expect_both("link.bin", "symbolic link");
  expect_both("inner.bin", "symbolic link");
  expect_both("up/outside.bin", "symbolic link");
  expect_both("alias/w.bin", "symbolic link");
  fs::create_hard_link(root_ / "outside.bin", folder_ / "hard.bin");
  expect_both("hard.bin", "2 hard links");
}

TEST_F(OnnxExternalData, OnlyRegularFilesThatAreThere) {
  expect_both("none.bin", "E_NOT_FOUND");
  expect_both("none/w.bin", "E_NOT_FOUND");
  expect_both("sub", "no regular file");
  expect_both("w.bin/w.bin", "'w.bin/w.bin'");
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_both("pipe", "no regular file");
}

TEST_F(OnnxExternalData, RangesAreTakenFromTheFile) {
  Expected<Model> model = model_with({{"location", "w.bin"}, {"offset", "4"}, {"length", "8"}});
  ASSERT_TRUE(model.ok()) << text_of(model);
  EXPECT_EQ(all_of(validate(*model)), "");
  const Tensor& w = model->graph.initializers[0];
  ASSERT_EQ(w.data.size(), 8u);
  float values[2];
  std::memcpy(values, w.data.data(), 8);
  EXPECT_EQ(values[0], 2);
  EXPECT_EQ(values[1], 3);
  ASSERT_TRUE(w.external);
  EXPECT_EQ(w.external->location, "w.bin");
  write(folder_ / "odd.bin", "x" + raw_of<float>({5, 6}));
  model = model_with({{"location", "odd.bin"}, {"offset", "1"}});
  EXPECT_EQ(all_of(validate(*model)), "");
  std::memcpy(values, model->graph.initializers[0].data.data(), 8);
  EXPECT_EQ(values[1], 6);
}

TEST_F(OnnxExternalData, RangesOutsideTheFileAreRefused) {
  auto problem = [&](const std::vector<std::pair<std::string, std::string>>& entries) {
    return all_of(model_with(entries)->problems);
  };
  EXPECT_NE(problem({{"location", "w.bin"}, {"offset", "8"}})
                .find("takes 8 bytes from byte 8 of the external data file 'w.bin', which has only 12"),
            std::string::npos);
  EXPECT_NE(problem({{"location", "w.bin"}, {"offset", "999999999999999999"}}).find("has only 12"), std::string::npos);
  EXPECT_NE(problem({{"location", "w.bin"}, {"offset", "9999999999999999999"}}).find("no number of bytes"), std::string::npos);
  EXPECT_NE(problem({{"location", "w.bin"}, {"offset", "-4"}}).find("no number of bytes"), std::string::npos);
  EXPECT_NE(problem({{"location", "w.bin"}, {"length", "4"}}).find("has 4 bytes, but float[2] takes 8"), std::string::npos);
  EXPECT_NE(problem({{"location", "../outside.bin"}}).find("[graph.initializer[0] 'w', in "), std::string::npos);
  EXPECT_NE(problem({}).find("no 'location' is given"), std::string::npos);
}

TEST_F(OnnxExternalData, AModelFromMemoryNeedsAFolder) {
  std::string bytes = model_of(graph_of({}, {}, {}, {external_tensor_of("w", kFloat, {3}, {{"location", "w.bin"}})}));
  EXPECT_NE(all_of(read_model(as_bytes(bytes), "", "m")->problems).find("no folder"), std::string::npos);
  EXPECT_EQ(all_of(read_model(as_bytes(bytes), folder_.string(), "m")->problems), "");
}

TEST_F(OnnxExternalData, ViewsOutliveTheModel) {
  std::shared_ptr<Storage> storage;
  Tensor w;
  {
    Expected<Model> model = model_with({{"location", "w.bin"}}, {3});
    ASSERT_TRUE(model.ok());
    w = model->graph.initializers[0];
    storage = model->storage;
  }
  float first;
  std::memcpy(&first, w.data.data(), 4);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(w.name, "w");
}

}  // namespace
}  // namespace temper::onnx
