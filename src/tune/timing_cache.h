// TimingCache: what was measured and what was decided, kept from build to build as text.
//
// Two kinds of record. A timing belongs to one tactic of one problem: the key hashes all that its time depends on (region,
// layouts, best shapes, device, threads, cache sizes, source). A decision belongs to one whole build: the tactics chosen, in
// the order of the units; a build that finds its own takes no measurements, and so gives the same plan byte for byte.
//
//   b0b4f4a0c1bb4f5e temper timing cache 1
//   9d1f6d2a9d1b8c11 timing 4f0c...e1 193250 195125 500 12 contract: gemm cpu-v4 14x2 mc=196 kc=256 nc=64 a=view
//   1c7e9a5a4c2d8e77 decision 77ab...03 2 contract: gemm ...<TAB>tile: default
//   5a0d2b2c6d7f8e90 end 2
//
// Invariants of the text: each line begins with the hash of the rest of it, the last line's is over the whole text before it
// too, and lines are sorted. So equal caches are equal bytes, and any damage or cut is found. Times are whole nanoseconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace temper {

struct Timing {
  int64_t least_ns = 0;  // of all runs; -1: the tactic failed, and `runs` is 0
  int64_t median_ns = 0;
  int64_t spread_ns = 0;  // how well the least is repeated: its distance from the lower quartile
  int64_t runs = 0;

  bool failed() const { return least_ns < 0; }
  bool operator==(const Timing&) const = default;
};

class TimingCache {
 public:
  static Expected<TimingCache> parse(std::string_view text);
  std::string serialize() const;

  // Of two timings of the same thing the one with the lower spread stays, of two decisions the one that was here.
  void merge(const TimingCache& other);
  // Only what is not here yet.
  void add_missing(const TimingCache& other);
  void clear();
  bool empty() const { return timings_.empty() && decisions_.empty(); }
  size_t size() const { return timings_.size() + decisions_.size(); }

  // Null where there is none. Names of tactics are "source: configuration".
  const Timing* timing(const Hash128& problem, std::string_view tactic) const;
  const std::vector<std::string>* decision(const Hash128& build) const;
  // These replace what was there. Tactics whose names hold control characters are not kept.
  void set_timing(const Hash128& problem, std::string_view tactic, const Timing& timing);
  void set_decision(const Hash128& build, std::vector<std::string> tactics);

  bool operator==(const TimingCache&) const = default;

 private:
  std::map<std::pair<Hash128, std::string>, Timing, std::less<>> timings_;
  std::map<Hash128, std::vector<std::string>> decisions_;
};

}  // namespace temper
