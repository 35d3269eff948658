// Content hashes: the same bytes give the same number on every machine and in every release (XXH3). They find damage and name
// cache entries; they are no defence against someone who wants a collision.
//
//   Hash128 key = Hasher().add("cpu-v4").add_number(threads).finish();
//   key.hex();  // 32 digits
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace temper {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  friend auto operator<=>(const Hash128&, const Hash128&) = default;
  std::string hex() const;  // 32 lower-case digits, high first
  static std::optional<Hash128> from_hex(std::string_view text);
};

uint64_t hash64(std::span<const std::byte> bytes, uint64_t seed = 0);
uint64_t hash64(std::string_view text, uint64_t seed = 0);
Hash128 hash128(std::span<const std::byte> bytes);
Hash128 hash128(std::string_view text);

// A hash of parts. `add_bytes` hashes the bytes as they are: however they are cut, the result is hash128 of the whole. `add`
// and `add_number` also hash the length, so that ("ab", "c") and ("a", "bc") differ: for keys.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  Hasher& add_bytes(std::span<const std::byte> bytes);
  Hasher& add(std::string_view text);
  Hasher& add_number(uint64_t value);

  Hash128 finish() const;  // of what was added so far
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace temper
