#include "tune/source.h"

#include <algorithm>

namespace temper {
namespace {

struct Registered {
  std::vector<std::pair<int, const TacticSource*>> by_priority;
  std::vector<const TacticSource*> sources;
};
Registered& registered() {
  static Registered r;
  return r;
}

}  // namespace

RegisterSource::RegisterSource(int priority, const TacticSource& source) {
  Registered& r = registered();
  r.by_priority.emplace_back(-priority, &source);
  std::sort(r.by_priority.begin(), r.by_priority.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : a.second->name() < b.second->name(); });
  r.sources.clear();
  for (const auto& [priority_, s] : r.by_priority) r.sources.push_back(s);
}

const std::vector<const TacticSource*>& tactic_sources() { return registered().sources; }

}  // namespace temper
