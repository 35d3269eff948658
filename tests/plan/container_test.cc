#include "plan/container.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>

#include "base/thread_pool.h"
#include "plan/container_layout.h"
#include "tests/plan/forge.h"

namespace temper {
namespace {

using Bytes = std::vector<std::byte>;

Bytes noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

struct Part {
  SectionKind kind;
  std::string name;
  Bytes bytes;
};

Bytes build(const std::vector<Part>& parts, size_t piece = SIZE_MAX) {
  MemorySink sink;
  PlanWriter writer(sink);
  for (const Part& part : parts) {
    EXPECT_TRUE(writer.begin(part.kind, part.name).ok());
    for (std::span<const std::byte> rest = part.bytes; !rest.empty();) {
      const size_t size = std::min(piece, rest.size());
      EXPECT_TRUE(writer.write(rest.first(size)).ok());
      rest = rest.subspan(size);
    }
  }
  EXPECT_TRUE(writer.finish().ok());
  return sink.take();
}

std::vector<Part> small_parts() {
  return {{SectionKind::kMeta, "", noise(77, 1)},     {SectionKind::kGraph, "", noise(64, 2)},
          {SectionKind::kWeights, "", noise(130, 3)}, {SectionKind::kKernels, "cpu-v4", noise(1, 4)},
          {SectionKind::kKernels, "sm_90a", {}},      {SectionKind::kTuning, "", noise(10, 5)}};
}

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void expect_parts(std::span<const std::byte> plan, const std::vector<Part>& parts, Executor& executor) {
  Expected<PlanReader> reader = PlanReader::open(plan, executor);
  ASSERT_TRUE(reader.ok()) << reader.error().to_string();
  ASSERT_EQ(reader->sections().size(), parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const PlanSection& section = reader->sections()[i];
    EXPECT_EQ(section.kind, parts[i].kind);
    EXPECT_EQ(section.name, parts[i].name);
    EXPECT_EQ(section.offset % (section.kind == SectionKind::kWeights ? 4096 : 64), 0u);
    EXPECT_TRUE(equal(reader->bytes(section), parts[i].bytes));
    EXPECT_TRUE(equal(*reader->require(parts[i].kind, parts[i].name), parts[i].bytes));
  }
}

TEST(Container, WhatWasWrittenIsRead) {
  SerialExecutor serial;
  expect_parts(build(small_parts()), small_parts(), serial);
  const std::vector<Part> empty = {{SectionKind::kWeights, "", {}}};
  expect_parts(build(empty), empty, serial);
  const Bytes plan = build(small_parts());
  Expected<PlanReader> reader = PlanReader::open(plan);
  EXPECT_FALSE(reader->find(SectionKind::kShapePrograms));
  const Error error = reader->require(SectionKind::kKernels, "cpu-v3").error();
  EXPECT_NE(error.message().find("kernels/cpu-v3"), std::string::npos);
}

TEST(Container, BytesDependOnlyOnTheContents) {
  for (size_t weights : {size_t(1), kPlanBlockBytes - 1, kPlanBlockBytes, kPlanBlockBytes + 1, 3 * kPlanBlockBytes + 12345}) {
    std::vector<Part> parts = small_parts();
    parts[2].bytes = noise(weights, 6);
    const Bytes whole = build(parts);
    EXPECT_TRUE(whole == build(parts, 4097));
    EXPECT_TRUE(whole == build(parts, 1'000'003));
    ThreadPool pool(3);
    ThreadPool::Lease lease = pool.try_acquire(3);
    expect_parts(whole, parts, lease);
  }
  EXPECT_NE(PlanReader::open(build(small_parts()))->fingerprint(),
            PlanReader::open(build({{SectionKind::kMeta, "", noise(77, 1)}}))->fingerprint());
}

TEST(Container, AlignInsideASection) {
  MemorySink sink;
  PlanWriter writer(sink);
  ASSERT_TRUE(writer.begin(SectionKind::kWeights).ok());
  ASSERT_TRUE(writer.write("abc").ok());
  ASSERT_TRUE(writer.align(64).ok());
  EXPECT_EQ(writer.position(), 64u);
  ASSERT_TRUE(writer.align(64).ok());
  EXPECT_EQ(writer.position(), 64u);
  ASSERT_TRUE(writer.write("d").ok());
  ASSERT_TRUE(writer.align(8192).ok());
  EXPECT_EQ(writer.position(), 8192u);
  ASSERT_TRUE(writer.finish().ok());
  const Bytes plan = sink.take();
  EXPECT_EQ(PlanReader::open(plan)->find(SectionKind::kWeights)->size(), 8192u);
}

bool typed(const Error& error) {
  return error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kInvalidArgument ||
         error.code() == ErrorCode::kIncompatible;
}

TEST(Container, EveryPrefixIsRejected) {
  const Bytes plan = build(small_parts());
  ASSERT_LE(plan.size(), 16384u);
  for (size_t size = 0; size < plan.size(); ++size) {
    const Bytes prefix(plan.begin(), plan.begin() + static_cast<ptrdiff_t>(size));  // its own block: a read beyond it is seen
    const auto reader = PlanReader::open(prefix);
    ASSERT_FALSE(reader.ok()) << size;
    EXPECT_TRUE(typed(reader.error())) << reader.error().to_string();
  }
  Bytes longer = plan;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(PlanReader::open(longer).ok());
}

TEST(Container, EverySingleBitFlipIsRejected) {
  Bytes plan = build(small_parts());
  ASSERT_TRUE(PlanReader::open(plan).ok());
  for (size_t bit = 0; bit < plan.size() * 8; ++bit) {
    plan[bit / 8] ^= std::byte(1 << bit % 8);
    const auto reader = PlanReader::open(plan);
    ASSERT_FALSE(reader.ok()) << "byte " << bit / 8;
    ASSERT_TRUE(typed(reader.error())) << reader.error().to_string();
    plan[bit / 8] ^= std::byte(1 << bit % 8);
  }
}

TEST(Container, ADamagedBlockIsNamed) {
  std::vector<Part> parts = small_parts();
  parts[2].bytes = noise(3 * kPlanBlockBytes, 7);
  Bytes plan = build(parts);
  const uint64_t offset = PlanReader::open(plan)->sections()[2].offset + kPlanBlockBytes;
  plan[offset + 5] ^= std::byte{1};
  const auto reader = PlanReader::open(plan);
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().message().find("section weights"), std::string::npos);
  EXPECT_NE(reader.error().message().find("offset " + std::to_string(offset)), std::string::npos);
}

// Reads everything that the reader hands out, so that a sanitizer sees a span that leads outside.
uint64_t touch(const PlanReader& reader) {
  uint64_t sum = 0;
  for (const PlanSection& section : reader.sections())
    for (std::byte b : reader.bytes(section)) sum += static_cast<uint64_t>(b);
  return sum;
}

TEST(Container, ResealedFlipsAreRejectedOrHarmless) {
  const Bytes original = build(small_parts());
  const auto reference = PlanReader::open(original);
  int rejected = 0, accepted = 0;
  for (size_t bit = 0; bit < original.size() * 8; ++bit) {
    Bytes plan = original;
    plan[bit / 8] ^= std::byte(1 << bit % 8);
    reseal_plan(plan);
    const auto reader = PlanReader::open(plan);
    if (!reader.ok()) {
      ASSERT_TRUE(typed(reader.error()));
      ++rejected;
      continue;
    }
    ++accepted;
    touch(*reader);
    // What is accepted has the same layout: only contents, names or kinds differ, or the flip was in a checksum and is undone.
    ASSERT_EQ(reader->sections().size(), reference->sections().size());
    for (size_t i = 0; i < reader->sections().size(); ++i) {
      ASSERT_EQ(reader->sections()[i].offset, reference->sections()[i].offset);
    }
  }
  EXPECT_GT(rejected, 0);
  EXPECT_GT(accepted, 0);
}

TEST(Container, ResealedNonsenseIsRejectedOrHarmless) {
  std::mt19937 random(9);
  const Bytes original = build(small_parts());
  const uint64_t interesting[] = {
      0, 1, 63, 64, 65, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff, uint64_t(1) << 63, ~uint64_t(0), ~uint64_t(63)};
  for (int i = 0; i < 20'000; ++i) {
    Bytes plan = original;
    const size_t table = plan.size() - 6 * kPlanEntryBytes;
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      const uint64_t value = interesting[random() % std::size(interesting)] + random() % 3 - 1;
      const size_t width = random() % 2 ? 8 : 4;
      const size_t at = random() % 4 == 0 ? random() % (kPlanHeaderBytes - 8) : table + random() % (6 * kPlanEntryBytes - 8);
      std::memcpy(plan.data() + at / 4 * 4, &value, width);
    }
    if (random() % 8 == 0) plan.resize(random() % plan.size());
    reseal_plan(plan, random() % 2);
    const auto reader = PlanReader::open(plan);
    if (reader.ok()) touch(*reader);
  }
}

TEST(Container, PaddingMustBeZero) {
  const Bytes original = build(small_parts());
  const auto reference = PlanReader::open(original);
  const PlanSection& meta = reference->sections()[0];
  Bytes plan = original;
  plan[meta.offset + meta.size] = std::byte{1};
  reseal_plan(plan);
  EXPECT_FALSE(PlanReader::open(plan).ok());
  plan = original;
  plan[60] = std::byte{1};  // the end of the header
  reseal_plan(plan);
  EXPECT_FALSE(PlanReader::open(plan).ok());
}

TEST(Container, ForgedSectionTables) {
  const Bytes original = build(small_parts());
  auto forged = [&](size_t section, size_t field, uint64_t value, size_t width) {
    Bytes plan = original;
    std::memcpy(plan.data() + plan.size() - (6 - section) * kPlanEntryBytes + field, &value, width);
    reseal_plan(plan);
    return PlanReader::open(plan).ok();
  };
  EXPECT_TRUE(forged(0, 0, 1, 4));
  EXPECT_FALSE(forged(0, 0, 0, 4));
  EXPECT_FALSE(forged(0, 0, 7, 4));
  EXPECT_FALSE(forged(0, 0, 2, 4)) << "two graphs";
  EXPECT_FALSE(forged(2, 0, 5, 4)) << "weights called something else";
  EXPECT_FALSE(forged(0, 4, 1, 4)) << "flags";
  EXPECT_FALSE(forged(1, 8, 64, 8)) << "overlap";
  EXPECT_TRUE(forged(0, 16, 78, 8)) << "a byte of padding more: another plan, but a whole one";
  EXPECT_FALSE(forged(0, 16, 64 * 3, 8)) << "reaches into the next section";
  for (uint64_t size : {uint64_t(0), uint64_t(1) << 40, ~uint64_t(0), ~uint64_t(0) - 63})
    EXPECT_FALSE(forged(2, 16, size, 8)) << size;
}

TEST(Container, FilesThatAreNoPlansAreCalledByTheirName) {
  auto message = [](std::string_view text) {
    const auto reader = PlanReader::open(std::as_bytes(std::span(text)));
    EXPECT_FALSE(reader.ok());
    return reader.ok() ? std::string() : reader.error().message();
  };
  // ir_version 8, producer_name "pytorch", graph with 3 bytes, opset_import.
  const std::string onnx("\x08\x08\x12\x07pytorch\x3a\x03\x12\x01g\x42\x02\x10\x11", 20);
  EXPECT_NE(message(onnx).find("this is an ONNX file, not a plan; use --onnx="), std::string::npos);
  EXPECT_NE(message(onnx.substr(0, 13)).find("ONNX"), std::string::npos);
  EXPECT_NE(message("graph main {\n  %0 = relu(%x)\n}\n").find("text"), std::string::npos);
  EXPECT_NE(message(std::string("ftrt\0\0\0\1", 8)).find("TensorRT"), std::string::npos);
  EXPECT_NE(message("").find("empty"), std::string::npos);
  EXPECT_NE(message(std::string(100, '\0')).find("not a plan"), std::string::npos);
  EXPECT_NE(message("TEMPR").find("ends inside its header"), std::string::npos);
  Bytes newer = build(small_parts());
  newer[8] = std::byte{200};
  EXPECT_EQ(PlanReader::open(newer).error().code(), ErrorCode::kIncompatible);
}

// A sink over reserved but untouched memory, which takes zeros without storing them.
class SparseSink final : public ByteSink {
 public:
  explicit SparseSink(size_t limit) : limit_(limit) {
    void* data = mmap(nullptr, limit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    data_ = data == MAP_FAILED ? nullptr : static_cast<std::byte*>(data);
  }
  ~SparseSink() override {
    if (data_ != nullptr) munmap(data_, limit_);
  }
  bool usable() const { return data_ != nullptr; }
  Status write(std::span<const std::byte> bytes) override {
    TEMPER_CHECK(bytes.size() <= limit_ - size_, "more than the test reserved");
    if (bytes.size() != kPlanBlockBytes) std::memcpy(data_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return {};
  }
  Status write_at(uint64_t offset, std::span<const std::byte> bytes) override {
    std::memcpy(data_ + offset, bytes.data(), bytes.size());
    return {};
  }
  uint64_t size() const override { return size_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t limit_;
  size_t size_ = 0;
};

TEST(Container, SectionsBeyond4GiB) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "takes the sanitizer too much memory and time";
#endif
  constexpr uint64_t kWeights = (uint64_t(4) << 30) + 3 * kPlanBlockBytes;
  SparseSink sink(kWeights + (1 << 21));
  if (!sink.usable()) GTEST_SKIP() << "the system does not lend 4 GiB of addresses";
  PlanWriter writer(sink);
  ASSERT_TRUE(writer.begin(SectionKind::kWeights).ok());
  const Bytes zeros(kPlanBlockBytes);
  for (uint64_t at = 0; at < kWeights; at += kPlanBlockBytes) ASSERT_TRUE(writer.write(zeros).ok());
  ASSERT_TRUE(writer.write("the last bytes").ok());
  ASSERT_TRUE(writer.begin(SectionKind::kTuning).ok());
  ASSERT_TRUE(writer.write("record").ok());
  ASSERT_TRUE(writer.finish().ok());
  const auto reader = PlanReader::open(sink.bytes());
  ASSERT_TRUE(reader.ok()) << reader.error().to_string();
  EXPECT_EQ(reader->sections()[0].size, kWeights + 14);
  EXPECT_GT(reader->sections()[1].offset, kWeights);
  const auto tuning = *reader->find(SectionKind::kTuning);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(tuning.data()), tuning.size()), "record");
}

TEST(ContainerDeathTest, MisuseOfTheWriterIsABug) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  MemorySink sink;
  PlanWriter writer(sink);
  EXPECT_DEATH(static_cast<void>(writer.write("x").ok()), "begin a section first");
  EXPECT_DEATH(static_cast<void>(writer.finish().ok()), "at least one section");
  EXPECT_DEATH(static_cast<void>(writer.begin(SectionKind::kKernels, std::string(25, 'n')).ok()), "section names");
  ASSERT_TRUE(writer.begin(SectionKind::kMeta).ok());
  EXPECT_DEATH(static_cast<void>(writer.begin(SectionKind::kMeta).ok()), "each section once");
}

}  // namespace
}  // namespace temper
