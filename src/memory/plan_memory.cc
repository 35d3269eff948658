#include "memory/plan_memory.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace temper {
namespace {

// Note [Placing buffers]
// Finding the smallest block is NP-hard (dynamic storage allocation). In practice it is easy: buffers are placed one by one,
// each into a gap between those that conflict with it, and one of a few orders gives the peak itself, which ends the search.
// Otherwise the best order is improved: the buffers that reach the top are moved to the front, where they get the low places.
// The work is limited by counting, not by the clock, so that the result is the same on every machine.
constexpr int64_t kWorkLimit = 12'000'000;  // comparisons of two lifetimes; a few nanoseconds each
constexpr int kRounds = 200;
constexpr size_t kChunk = 128;

struct Buffer {
  int64_t first, last, bytes;
  int index;  // in the caller's list
};

struct Placed {
  int64_t offset, end, first, last;
};

enum class Fit { kFirst, kBest };  // the lowest gap that is large enough, or the smallest

class Planner {
 public:
  Planner(std::vector<Buffer> buffers, int64_t peak) : buffers_(std::move(buffers)), peak_(peak), offsets_(buffers_.size()) {}

  // Tries an order; true when nothing can be better or the work is used up.
  bool attempt(const std::vector<int>& order, Fit fit) {
    placed_.clear();
    int64_t total = 0;
    for (int id : order) {
      const Buffer& buffer = buffers_[id];
      const int64_t offset = find_place(buffer, fit);
      offsets_[id] = offset;
      const Placed entry{offset, offset + buffer.bytes, buffer.first, buffer.last};
      placed_.insert(std::upper_bound(placed_.begin(), placed_.end(), entry,
                                      [](const Placed& a, const Placed& b) { return a.offset < b.offset; }),
                     entry);
      total = std::max(total, entry.end);
      if (total >= best_total_) break;  // not better: no need to see the rest
    }
    if (total < best_total_) {
      best_total_ = total;
      best_offsets_ = offsets_;
      best_order_ = order;
    }
    return best_total_ == peak_ || work_ > kWorkLimit;
  }

  bool improve() {
    std::vector<int> order = best_order_;
    const int64_t total = best_total_;
    std::stable_partition(order.begin(), order.end(), [&](int id) { return best_offsets_[id] + buffers_[id].bytes == total; });
    if (order == best_order_) {
      // Already in front: they were put on top of those before them. Let the last of these be the very first.
      auto tops =
          std::find_if(order.begin(), order.end(), [&](int id) { return best_offsets_[id] + buffers_[id].bytes != total; });
      std::rotate(order.begin(), tops, order.end());
    }
    const bool finished = attempt(order, Fit::kFirst) || attempt(order, Fit::kBest);
    return finished || best_total_ == total;
  }

  const std::vector<Buffer>& buffers() const { return buffers_; }
  const std::vector<int64_t>& offsets() const { return best_offsets_; }
  int64_t total() const { return best_total_; }

 private:
  int64_t find_place(const Buffer& buffer, Fit fit) {
    int64_t cursor = 0, place = -1, smallest = std::numeric_limits<int64_t>::max();
    const size_t count = placed_.size();
    size_t start = 0;
    for (; start < count; start += kChunk) {  // by offset
      // Which of the next ones conflict, without branches that nobody can predict.
      const size_t stop = std::min(count, start + kChunk);
      uint32_t conflicts[kChunk];
      size_t found = 0;
      for (size_t i = start; i < stop; ++i) {
        conflicts[found] = static_cast<uint32_t>(i);
        found += static_cast<size_t>(placed_[i].first <= buffer.last) & static_cast<size_t>(placed_[i].last >= buffer.first);
      }
      for (size_t k = 0; k < found; ++k) {
        const Placed& other = placed_[conflicts[k]];
        const int64_t gap = other.offset - cursor;
        if (gap >= buffer.bytes && gap < smallest) {
          place = cursor;
          smallest = gap;
        }
        if (place >= 0 && fit == Fit::kFirst) break;
        cursor = std::max(cursor, other.end);
      }
      if (place >= 0 && fit == Fit::kFirst) break;
    }
    work_ += static_cast<int64_t>(start);
    return place >= 0 ? place : cursor;
  }

  const std::vector<Buffer> buffers_;
  const int64_t peak_;
  std::vector<int64_t> offsets_;
  std::vector<Placed> placed_;
  int64_t work_ = 0;
  int64_t best_total_ = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> best_offsets_;
  std::vector<int> best_order_;
};

int64_t round_up(int64_t value, int64_t alignment) { return (value + alignment - 1) & -alignment; }

void check_input(std::span<const Lifetime> lifetimes, int64_t alignment) {
  TEMPER_CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0, "the alignment of a memory plan is a power of two");
  int64_t sum = 0;
  for (const Lifetime& lifetime : lifetimes) {
    TEMPER_CHECK(lifetime.first_step <= lifetime.last_step && lifetime.bytes >= 0, "a lifetime goes forward and has a size");
    TEMPER_CHECK(lifetime.bytes < (int64_t(1) << 61) && (sum += lifetime.bytes) < (int64_t(1) << 61),
                 "the sizes fit in 61 bits");
  }
}

int64_t peak_of(const std::vector<Buffer>& buffers) {
  std::vector<std::pair<int64_t, int64_t>> changes;  // step, bytes more; at the same step what ends goes first
  for (const Buffer& b : buffers) {
    changes.emplace_back(b.first, b.bytes);
    if (b.last != std::numeric_limits<int64_t>::max()) changes.emplace_back(b.last + 1, -b.bytes);
  }
  std::sort(changes.begin(), changes.end());
  int64_t now = 0, peak = 0;
  for (const auto& [step, change] : changes) peak = std::max(peak, now += change);
  return peak;
}

std::vector<Buffer> sized_buffers(std::span<const Lifetime> lifetimes, int64_t alignment) {
  check_input(lifetimes, alignment);
  std::vector<Buffer> buffers;
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    const Lifetime& l = lifetimes[i];
    if (l.bytes > 0) buffers.push_back({l.first_step, l.last_step, round_up(l.bytes, alignment), static_cast<int>(i)});
  }
  return buffers;
}

// Ids sorted by a key, larger first; the order of the list decides between equals.
template <class Key>
std::vector<int> sorted(const std::vector<Buffer>& buffers, Key key) {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return key(buffers[a]) > key(buffers[b]); });
  return order;
}

// Buffers of the fullest step first, then of the next fullest, ...
std::vector<int> by_breadth(const std::vector<Buffer>& buffers) {
  std::vector<int64_t> load(buffers.size());  // the most that is alive when buffer i is born: peaks are at births
  std::vector<int> births(buffers.size()), deaths(buffers.size());
  std::iota(births.begin(), births.end(), 0);
  std::iota(deaths.begin(), deaths.end(), 0);
  std::stable_sort(births.begin(), births.end(), [&](int a, int b) { return buffers[a].first < buffers[b].first; });
  std::stable_sort(deaths.begin(), deaths.end(), [&](int a, int b) { return buffers[a].last < buffers[b].last; });
  int64_t now = 0;
  for (size_t b = 0, d = 0; b < births.size(); ++b) {
    const int64_t step = buffers[births[b]].first;
    while (buffers[deaths[d]].last < step) now -= buffers[deaths[d++]].bytes;
    load[births[b]] = now += buffers[births[b]].bytes;
  }
  return sorted(buffers, [&](const Buffer& buffer) { return std::pair(load[&buffer - buffers.data()], buffer.bytes); });
}

}  // namespace

int64_t peak_bytes(std::span<const Lifetime> lifetimes, int64_t alignment) {
  return peak_of(sized_buffers(lifetimes, alignment));
}

Placement plan_memory(std::span<const Lifetime> lifetimes, int64_t alignment) {
  std::vector<Buffer> buffers = sized_buffers(lifetimes, alignment);
  Placement placement{std::vector<int64_t>(lifetimes.size()), 0};
  if (buffers.empty()) return placement;
  const int64_t peak = peak_of(buffers);
  Planner planner(std::move(buffers), peak);
  const std::vector<Buffer>& all = planner.buffers();
  auto duration = [](const Buffer& b) { return static_cast<double>(b.last) - static_cast<double>(b.first) + 1; };
  auto search = [&] {
    using Keys = std::pair<double, double>;
    const std::vector<int> orders[] = {
        sorted(all, [&](const Buffer& b) { return Keys(b.bytes, duration(b)); }),
        sorted(all, [&](const Buffer& b) { return Keys(b.bytes * duration(b), b.bytes); }),
        by_breadth(all),
        sorted(all, [&](const Buffer& b) { return Keys(duration(b), b.bytes); }),
        sorted(all, [&](const Buffer& b) { return Keys(-static_cast<double>(b.first), b.bytes); }),
    };
    for (const std::vector<int>& order : orders)
      for (Fit fit : {Fit::kFirst, Fit::kBest})
        if (planner.attempt(order, fit)) return;
    for (int round = 0; round < kRounds; ++round)
      if (planner.improve()) return;
  };
  search();
  for (size_t i = 0; i < all.size(); ++i) placement.offsets[all[i].index] = planner.offsets()[i];
  placement.total = planner.total();
  return placement;
}

}  // namespace temper
