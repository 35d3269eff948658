// The folder of compiled kernels: what was put comes back, damage does not, and it stays within its bounds.
#include "backend/cuda/run/code_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backend/cuda/run/nvrtc.h"

namespace temper::cuda {
namespace {

namespace fs = std::filesystem;

class CodeStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "temper_code_XXXXXX").string();
    ASSERT_TRUE(mkdtemp(name.data()));
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  static std::vector<std::byte> code(size_t bytes, int seed) {
    std::vector<std::byte> made(bytes);
    for (size_t i = 0; i < bytes; ++i) made[i] = std::byte((i * 31 + size_t(seed)) & 255);
    return made;
  }
  static Hash128 key(int number) { return Hasher().add_number(uint64_t(number)).finish(); }
  std::string folder_;
};

TEST_F(CodeStoreTest, KeepsAndGivesBack) {
  CodeStore store(folder_ + "/deeper/still");
  EXPECT_FALSE(store.get(key(1)));
  store.put(key(1), code(1000, 1));
  store.put(key(2), code(0, 2));
  EXPECT_EQ(store.get(key(1)), code(1000, 1));
  EXPECT_EQ(store.get(key(2)), code(0, 2));
  EXPECT_FALSE(store.get(key(3)));
}

TEST_F(CodeStoreTest, DamageIsAbsence) {
  CodeStore store(folder_);
  store.put(key(1), code(200, 1));
  const std::string path = folder_ + "/" + key(1).hex() + ".cubin";
  std::ifstream in(path, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(good.size(), 200U);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    std::ofstream(path, std::ios::binary) << bad;
    ASSERT_FALSE(store.get(key(1))) << at;
    std::ofstream(path, std::ios::binary) << good.substr(0, at);
    ASSERT_FALSE(store.get(key(1))) << at;
  }
  store.put(key(1), code(200, 1));
  EXPECT_EQ(store.get(key(1)), code(200, 1));
  // The file of another kernel under this one's name.
  fs::copy_file(path, folder_ + "/" + key(2).hex() + ".cubin");
  EXPECT_FALSE(store.get(key(2)));
}

TEST_F(CodeStoreTest, StaysWithinItsBounds) {
  CodeStore store(folder_, 20000);
  for (int i = 0; i < 40; ++i) {
    store.put(key(i), code(1000, i));
    const auto age = std::chrono::hours(100 - i);
    fs::last_write_time(folder_ + "/" + key(i).hex() + ".cubin", fs::file_time_type::clock::now() - age);
  }
  EXPECT_TRUE(store.get(key(3)));  // and so it is the last that was used
  store.trim();
  int64_t total = 0;
  for (const auto& file : fs::directory_iterator(folder_)) total += int64_t(file.file_size());
  EXPECT_LE(total, 20000);
  EXPECT_GE(total, 10000);
  EXPECT_TRUE(store.get(key(3)));
  EXPECT_TRUE(store.get(key(39)));
  EXPECT_FALSE(store.get(key(0)));
}

TEST_F(CodeStoreTest, AFolderThatCannotBeIsNoError) {
  std::ofstream(folder_ + "/file") << "x";
  CodeStore store(folder_ + "/file/below");
  store.put(key(1), code(10, 1));
  EXPECT_FALSE(store.get(key(1)));
  store.trim();
}

TEST(CompileAhead, GivesWhatCompilingGives) {
  if (Status usable = nvrtc_status(90); !usable.ok()) GTEST_SKIP() << usable.error().to_string();
  std::vector<std::string> sources;
  for (int i = 0; i < 8; ++i)
    sources.push_back("extern \"C\" __global__ void f(float* p) { p[threadIdx.x] += " + std::to_string(i) + ".5f; }");
  for (const std::string& source : sources) begin_compiling(source, 90);
  begin_compiling("not a kernel", 90);
  for (const std::string& source : sources) {
    auto code = compile_cuda(source, 90);
    ASSERT_TRUE(code.ok()) << code.error().to_string();
    EXPECT_GT((*code)->size(), 500U);
    EXPECT_EQ(compile_cuda(source, 90)->get(), code->get());
  }
  EXPECT_FALSE(compile_cuda("not a kernel", 90).ok());
}

}  // namespace
}  // namespace temper::cuda
