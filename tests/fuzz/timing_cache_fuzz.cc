// Fuzzes the timing cache: what is read, with its checksums as they are and made right again, is written and read as the same.
#include <cstdlib>

#include "tests/tune/forge_cache.h"
#include "tune/timing_cache.h"

namespace {

void read(std::string_view text) {
  auto cache = temper::TimingCache::parse(text);
  if (!cache.ok()) return;
  auto again = temper::TimingCache::parse(cache->serialize());
  if (!again.ok() || !(*again == *cache)) std::abort();
  again->merge(*cache);
  if (!(*again == *cache)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  read(temper::reseal_cache(text));
  return 0;
}
