#include "base/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace temper {
namespace {

TEST(Hash, KnownValues) {
  // Of the empty input, as the definition of XXH3 gives them: a change would make all old files look damaged.
  EXPECT_EQ(hash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(hash128("").hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(Hash, HexComesBack) {
  const Hash128 hash = hash128("temper");
  EXPECT_EQ(hash.hex().size(), 32u);
  EXPECT_EQ(Hash128::from_hex(hash.hex()), hash);
  EXPECT_FALSE(Hash128::from_hex(""));
  EXPECT_FALSE(Hash128::from_hex(hash.hex() + "0"));
  EXPECT_FALSE(Hash128::from_hex(std::string(31, '0') + "G"));
  EXPECT_FALSE(Hash128::from_hex(std::string(31, '0') + "A"));
}

TEST(Hash, PiecesGiveTheHashOfTheWhole) {
  std::vector<std::byte> bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i * 7 + i / 256);
  const std::span<const std::byte> all(bytes);
  for (size_t piece : {1u, 3u, 64u, 1000u, 4999u, 5000u}) {
    Hasher hasher;
    for (size_t at = 0; at < all.size(); at += piece) hasher.add_bytes(all.subspan(at, std::min(piece, all.size() - at)));
    EXPECT_EQ(hasher.finish(), hash128(all)) << piece;
  }
}

TEST(Hash, PartsOfKeysAreKeptApart) {
  EXPECT_NE(Hasher().add("ab").add("c").finish(), Hasher().add("a").add("bc").finish());
  EXPECT_NE(Hasher().add("").add("a").finish(), Hasher().add("a").add("").finish());
  EXPECT_NE(Hasher().add_number(1).finish(), Hasher().add_number(2).finish());
  Hasher hasher;
  hasher.add("x");
  hasher.reset();
  EXPECT_EQ(hasher.finish(), hash128(""));
  EXPECT_NE(hash64("a", 1), hash64("a", 2));
}

}  // namespace
}  // namespace temper
