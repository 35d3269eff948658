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
  std::sort(r.by_priority.begin(), r.by_priority.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->name() < b.second->name();
  });
  r.sources.clear();
  for (const auto& [priority_, s] : r.by_priority) r.sources.push_back(s);
}

const std::vector<const TacticSource*>& tactic_sources() { return registered().sources; }

std::vector<const TacticSource*> asked_sources(const BuildOptions& build) {
  std::vector<const TacticSource*> asked;
  for (const TacticSource* source : tactic_sources()) {
    const auto said = build.sources.find(source->name());
    bool on = said != build.sources.end() ? said->second : source->on_by_default();
    if (!build.only_source.empty()) on = build.only_source == source->name();
    if (on) asked.push_back(source);
  }
  return asked;
}

}  // namespace temper
