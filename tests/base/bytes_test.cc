#include "base/bytes.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

enum class Colour : uint8_t { kRed, kGreen, kBlue };

std::vector<std::byte> sample() {
  ByteWriter w;
  w.u8(0xfe);
  w.u16(0x1234);
  w.u32(0xdeadbeef);
  w.u64(0x0123456789abcdefu);
  w.i8(-1);
  w.i16(-2);
  w.i32(-3);
  w.i64(-4);
  w.f32(1.5f);
  w.f64(-2.5);
  w.boolean(true);
  w.enumerator(Colour::kBlue);
  w.string("relu");
  w.string("");
  w.vector(std::vector<int64_t>{1, -2, 3});
  w.vector(std::vector<float>{});
  return w.take();
}

Status read_sample(std::span<const std::byte> bytes) {
  ByteReader r(bytes);
  EXPECT_EQ(TEMPER_TRY(r.u8()), 0xfe);
  EXPECT_EQ(TEMPER_TRY(r.u16()), 0x1234);
  EXPECT_EQ(TEMPER_TRY(r.u32()), 0xdeadbeef);
  EXPECT_EQ(TEMPER_TRY(r.u64()), 0x0123456789abcdefu);
  EXPECT_EQ(TEMPER_TRY(r.i8()), -1);
  EXPECT_EQ(TEMPER_TRY(r.i16()), -2);
  EXPECT_EQ(TEMPER_TRY(r.i32()), -3);
  EXPECT_EQ(TEMPER_TRY(r.i64()), -4);
  EXPECT_EQ(TEMPER_TRY(r.f32()), 1.5f);
  EXPECT_EQ(TEMPER_TRY(r.f64()), -2.5);
  EXPECT_EQ(TEMPER_TRY(r.boolean()), true);
  EXPECT_EQ(TEMPER_TRY(r.enumerator<Colour>(3)), Colour::kBlue);
  EXPECT_EQ(TEMPER_TRY(r.string()), "relu");
  EXPECT_EQ(TEMPER_TRY(r.string_view()), "");
  EXPECT_EQ(TEMPER_TRY(r.vector<int64_t>()), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(TEMPER_TRY(r.vector<float>()), std::vector<float>{});
  return r.finish();
}

TEST(Bytes, WhatWasWrittenIsRead) {
  Status status = read_sample(sample());
  EXPECT_TRUE(status.ok()) << status.error().to_string();
}

TEST(Bytes, LittleEndian) {
  ByteWriter w;
  w.u32(0x04030201);
  ASSERT_EQ(w.size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(w.bytes()[i], std::byte(i + 1));
}

TEST(Bytes, EveryPrefixIsAnError) {
  const std::vector<std::byte> bytes = sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Status status = read_sample(std::span(bytes).first(size));
    ASSERT_FALSE(status.ok()) << size;
    EXPECT_EQ(status.error().code(), ErrorCode::kCorrupt);
  }
}

TEST(Bytes, LeftOverBytesAreAnError) {
  std::vector<std::byte> bytes = sample();
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(read_sample(bytes).ok());
}

TEST(Bytes, CountsAreCheckedBeforeAnythingIsAllocated) {
  ByteWriter w;
  w.u32(0xffffffff);
  w.u64(0);
  EXPECT_FALSE(ByteReader(w.bytes()).vector<double>().ok());
  EXPECT_FALSE(ByteReader(w.bytes()).string().ok());
  EXPECT_FALSE(ByteReader(w.bytes()).count(4).ok());
  EXPECT_TRUE(ByteReader(w.bytes()).count(0).ok());
}

TEST(Bytes, BooleansAndEnumeratorsHaveARange) {
  ByteWriter w;
  w.u8(2);
  EXPECT_FALSE(ByteReader(w.bytes()).boolean().ok());
  EXPECT_FALSE(ByteReader(w.bytes()).enumerator<Colour>(2).ok());
  EXPECT_TRUE(ByteReader(w.bytes()).enumerator<Colour>(3).ok());
}

TEST(Bytes, RawIsBounded) {
  const std::vector<std::byte> bytes(10);
  ByteReader r(bytes);
  EXPECT_EQ(r.raw(4)->size(), 4u);
  EXPECT_FALSE(r.raw(7).ok());
  EXPECT_FALSE(r.raw(SIZE_MAX).ok());
  EXPECT_EQ(r.remaining(), 6u);
  EXPECT_EQ(r.raw(6)->size(), 6u);
}

}  // namespace
}  // namespace temper
