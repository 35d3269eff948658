#include "tune/race.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace temper {
namespace {

// A first run that took so long tells enough to count.
constexpr double kLong = 20e3;
// A least time counts as repeated when the lower quartile is that near.
constexpr double kRepeated = 0.04;

int64_t ns(double us) { return std::max<int64_t>(0, std::llround(us * 1e3)); }

}  // namespace

RaceLimits RaceLimits::for_level(int level) {
  constexpr double kEach[] = {0, 2000, 3000, 4000, 8000, 20000};
  RaceLimits limits;
  limits.each_us = kEach[std::clamp(level, 0, 5)];
  return limits;
}

double Race::Runner::least() const {
  double least = std::numeric_limits<double>::infinity();
  for (double t : us) least = std::min(least, t);
  return least;
}

Timing Race::Runner::timing() const {
  std::vector<double> sorted = us;
  std::sort(sorted.begin(), sorted.end());
  Timing t;
  t.runs = int64_t(sorted.size());
  t.least_ns = ns(sorted.front());
  t.median_ns = ns(sorted[sorted.size() / 2]);
  t.spread_ns = ns(sorted[std::min(sorted.size() - 1, std::max<size_t>(1, sorted.size() / 4))]) - t.least_ns;
  return t;
}

bool Race::Runner::enough(const RaceLimits& limits) const {
  if (heat_runs < limits.least_runs) return false;
  if (heat_runs >= 4 * limits.most_runs || spent >= 4 * limits.each_us) return true;
  if (heat_runs < limits.most_runs && spent < limits.each_us) return false;
  const Timing t = timing();
  return double(t.spread_ns) <= kRepeated * double(t.least_ns);
}

int64_t Race::held_bytes() const {
  int64_t bytes = 0;
  for (const Runner& r : runners_) bytes += r.trial->held_bytes();
  return bytes;
}

void Race::enter(size_t tag, std::unique_ptr<Trial> trial, double first_us) {
  runners_.push_back({tag, std::move(trial), {first_us}});
}

size_t Race::leader() const {
  size_t best = 0;
  for (size_t i = 1; i < runners_.size(); ++i) {
    if (runners_[i].least() < runners_[best].least()) best = i;
  }
  return best;
}

std::vector<Race::Failure> Race::run() {
  std::vector<Failure> failures;
  for (Runner& r : runners_) r.spent = 0, r.heat_runs = r.us.front() > kLong ? 1 : 0, r.out = false;
  for (bool any = true; any;) {
    any = false;
    for (size_t i = 0; i < runners_.size(); ++i) {
      Runner& r = runners_[i];
      if (r.out || r.enough(limits_)) continue;
      if (r.us.front() > kLong && r.least() > limits_.behind * runners_[leader()].least()) {
        r.out = true;
        continue;
      }
      auto us = r.trial->time_us();
      if (!us.ok()) {
        failures.push_back({r.tag, std::move(us).error()});
        runners_.erase(runners_.begin() + ptrdiff_t(i--));
        continue;
      }
      any = true;
      r.us.push_back(*us);
      r.spent += *us;
      ++r.heat_runs;
      const double lead = runners_[leader()].least();
      const bool judged = r.us.size() > 3 || *us > kLong;
      r.out = judged && r.least() > limits_.behind * lead;
    }
  }
  return failures;
}

void Race::retire_all_but_leader(const std::function<void(const Runner&)>& keep) {
  if (runners_.empty()) return;
  std::swap(runners_[0], runners_[leader()]);
  for (size_t i = 1; i < runners_.size(); ++i) keep(runners_[i]);
  runners_.erase(runners_.begin() + 1, runners_.end());
}

void Race::retire_all(const std::function<void(const Runner&)>& keep) {
  for (const Runner& r : runners_) keep(r);
  runners_.clear();
}

}  // namespace temper
