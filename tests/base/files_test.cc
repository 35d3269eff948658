// MappedFile and AtomicFileWriter.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

#include "base/atomic_file.h"
#include "base/mapped_file.h"

namespace temper {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "temper_files_" + std::string(6, 'X');
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& text) const { std::ofstream(path(name), std::ios::binary) << text; }
  std::string get(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t count() const { return std::distance(std::filesystem::directory_iterator(folder_), {}); }

  std::string folder_;
};

std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST_F(Files, MapsTheWholeFile) {
  put("f", "hello");
  Expected<MappedFile> file = MappedFile::open(path("f"));
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(text_of(file->bytes()), "hello");
  EXPECT_TRUE(file->still_intact().ok());
  std::vector<std::byte> part(3);
  EXPECT_TRUE(file->read(1, part).ok());
  EXPECT_EQ(text_of(part), "ell");
  EXPECT_FALSE(file->read(3, part).ok());
  EXPECT_FALSE(file->read(UINT64_MAX, part).ok());
  file->will_need();
  file->let_go();
  EXPECT_EQ(text_of(file->bytes()), "hello");
  MappedFile moved = std::move(*file);
  EXPECT_EQ(text_of(moved.bytes()), "hello");
}

TEST_F(Files, EmptyFile) {
  put("f", "");
  Expected<MappedFile> file = MappedFile::open(path("f"));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_TRUE(file->still_intact().ok());
  EXPECT_TRUE(MappedFile().still_intact().ok());
}

TEST_F(Files, WhatIsNoFileIsAnError) {
  EXPECT_EQ(MappedFile::open(path("missing")).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::open(folder_).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(MappedFile::open("/dev/zero").error().code(), ErrorCode::kInvalidArgument);
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(path("pipe")).error().code(), ErrorCode::kInvalidArgument);
  put("f", "x");
  EXPECT_EQ(MappedFile::open(path("f") + "/g").error().code(), ErrorCode::kNotFound);
  const Error error = MappedFile::open(path("missing")).error();
  EXPECT_NE(error.to_string().find("missing"), std::string::npos);
}

TEST_F(Files, AFileThatShrinksIsAnErrorAndNoSignal) {
  const size_t size = 10 * 4096 + 100;
  put("f", std::string(size, 'x'));
  MappedFile file = std::move(*MappedFile::open(path("f")));
  MappedFile other = std::move(*MappedFile::open(path("f")));
  ASSERT_EQ(truncate(path("f").c_str(), 4096 + 10), 0);
  EXPECT_FALSE(file.faulted());
  EXPECT_FALSE(file.still_intact().ok());          // noticed before anything is read
  const std::string text = text_of(file.bytes());  // reads every page
  EXPECT_EQ(text.substr(0, 4096), std::string(4096, 'x'));
  EXPECT_EQ(text.substr(2 * 4096), std::string(size - 2 * 4096, '\0'));
  EXPECT_TRUE(file.faulted());
  EXPECT_FALSE(other.faulted());
  const Status status = file.still_intact();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kIo);
  std::vector<std::byte> part(4096);
  EXPECT_FALSE(file.read(8192, part).ok());
  // The file grows back; what was lost stays lost.
  ASSERT_EQ(truncate(path("f").c_str(), size), 0);
  EXPECT_FALSE(file.still_intact().ok());
}

TEST_F(Files, SeveralThreadsReadAFileThatShrinks) {
  const size_t size = 64 * 4096;
  put("f", std::string(size, 1));
  for (int repeat = 0; repeat < 5; ++repeat) {
    put("g", std::string(size, 1));
    MappedFile file = std::move(*MappedFile::open(path("g")));
    ASSERT_EQ(truncate(path("g").c_str(), 0), 0);
    std::vector<std::thread> readers;
    std::atomic<int> sum{0};
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&] {
        int mine = 0;
        for (std::byte b : file.bytes()) mine += static_cast<int>(b);
        sum += mine;
      });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(sum.load(), 0);
    EXPECT_TRUE(file.faulted());
  }
}

TEST_F(Files, AFileThatIsWrittenToIsNoticedAndOneThatIsReplacedIsNot) {
  put("f", "hello");
  MappedFile file = std::move(*MappedFile::open(path("f")));
  ASSERT_TRUE(write_file_atomically(path("f"), std::string_view("other")).ok());
  EXPECT_TRUE(file.still_intact().ok());
  EXPECT_EQ(text_of(file.bytes()), "hello");
  MappedFile now = std::move(*MappedFile::open(path("f")));
  const timespec times[2] = {{0, UTIME_OMIT}, {12345, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path("f").c_str(), times, 0), 0);
  EXPECT_FALSE(now.still_intact().ok());
}

TEST_F(Files, OtherBusErrorsGoWhereTheyWent) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  put("f", "x");
  EXPECT_EXIT(
      {
        signal(SIGBUS, [](int) { _exit(77); });
        auto file = MappedFile::open(path("f"));
        raise(SIGBUS);
      },
      testing::ExitedWithCode(77), "");
}

TEST_F(Files, WritesAndReplaces) {
  ASSERT_TRUE(write_file_atomically(path("f"), std::string_view("one")).ok());
  EXPECT_EQ(get("f"), "one");
  ASSERT_EQ(chmod(path("f").c_str(), 0640), 0);
  ASSERT_TRUE(write_file_atomically(path("f"), std::string_view("two")).ok());
  EXPECT_EQ(get("f"), "two");
  struct stat info;
  ASSERT_EQ(stat(path("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, StreamsSmallAndLargePieces) {
  std::string want;
  AtomicFileWriter file = std::move(*AtomicFileWriter::create(path("f")));
  for (size_t size : {1u, 10u, 65536u, 3u, 200000u, 65535u, 2u, 0u}) {
    std::string piece(size, 'a');
    for (size_t i = 0; i < size; ++i) piece[i] = static_cast<char>(size * 31 + i * 7);
    ASSERT_TRUE(file.write(bytes_of(piece)).ok());
    want += piece;
    EXPECT_EQ(file.size(), want.size());
  }
  ASSERT_TRUE(file.write_at(5, bytes_of("HEADER")).ok());
  want.replace(5, 6, "HEADER");
  ASSERT_TRUE(file.write(bytes_of("end")).ok());
  EXPECT_FALSE(std::filesystem::exists(path("f")));
  ASSERT_TRUE(file.commit().ok());
  EXPECT_TRUE(get("f") == want + "end");
}

TEST_F(Files, WithoutCommitNothingHappens) {
  put("f", "old");
  {
    AtomicFileWriter file = std::move(*AtomicFileWriter::create(path("f")));
    ASSERT_TRUE(file.write(bytes_of("new")).ok());
    EXPECT_EQ(count(), 2u);
  }
  EXPECT_EQ(get("f"), "old");
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, FollowsLinks) {
  put("real", "old");
  std::filesystem::create_symlink("real", path("link"));
  ASSERT_TRUE(write_file_atomically(path("link"), std::string_view("new")).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(get("real"), "new");
}

TEST_F(Files, PathsThatCannotBeWritten) {
  EXPECT_EQ(write_file_atomically(path("no/such/f"), std::string_view("x")).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(write_file_atomically(folder_, std::string_view("x")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(write_file_atomically("/dev/null", std::string_view("x")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(write_file_atomically("", std::string_view("x")).ok());
  EXPECT_FALSE(write_file_atomically(path(std::string(300, 'n')), std::string_view("x")).ok());
  EXPECT_TRUE(write_file_atomically(path(std::string(255, 'n')), std::string_view("x")).ok());
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, AFullDiskIsAnErrorAndLeavesNothing) {
  put("f", "old");
  // A limit on the size of files fails in the same place as a full disk.
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = write_file_atomically(path("f"), std::string(300'000, 'x'));
  // Also when the error comes late, from the buffer, and is ignored by the caller.
  Status late;
  {
    AtomicFileWriter file = std::move(*AtomicFileWriter::create(path("f")));
    for (int i = 0; i < 30; ++i) static_cast<void>(file.write(bytes_of(std::string(10'000, 'y'))).ok());
    late = file.commit();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(late.ok());
  EXPECT_EQ(get("f"), "old");
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, WhatAKilledWriterLeftBehindIsRemoved) {
  const pid_t child = fork();
  if (child == 0) {
    auto file = AtomicFileWriter::create(path("f"));
    static_cast<void>(file->write(bytes_of(std::string(100'000, 'x'))).ok());
    raise(SIGKILL);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(std::filesystem::exists(path("f")));
  EXPECT_EQ(count(), 1u);
  put(".f.notes.partial", "not ours");
  AtomicFileWriter alive = std::move(*AtomicFileWriter::create(path("f")));  // removes the dead one's
  EXPECT_EQ(count(), 2u);
  ASSERT_TRUE(write_file_atomically(path("f"), std::string_view("done")).ok());  // leaves the living one's
  EXPECT_EQ(count(), 3u);
  ASSERT_TRUE(alive.write(bytes_of("last")).ok());
  ASSERT_TRUE(alive.commit().ok());
  EXPECT_EQ(get("f"), "last");
  EXPECT_EQ(get(".f.notes.partial"), "not ours");
}

TEST_F(Files, SeveralWritersOfOneFile) {
  std::vector<std::thread> writers;
  std::atomic<int> failures{0};
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      const std::string text(50'000, static_cast<char>('a' + i));
      for (int repeat = 0; repeat < 10; ++repeat) failures += !write_file_atomically(path("f"), text).ok();
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failures.load(), 0);
  const std::string text = get("f");
  EXPECT_TRUE(text == std::string(50'000, text[0]));
  EXPECT_EQ(count(), 1u);
}

}  // namespace
}  // namespace temper
