#include "tune/source.h"

#include <algorithm>
#include <map>

namespace temper {
namespace {

struct Registered {
  std::vector<std::pair<int, const TacticSource*>> by_priority;
  std::vector<const TacticSource*> sources;
};
// By family.
std::map<std::string, Registered, std::less<>>& registered() {
  static std::map<std::string, Registered, std::less<>> r;
  return r;
}

std::map<std::string, RegisterArithmetic::Judge, std::less<>>& judges() {
  static std::map<std::string, RegisterArithmetic::Judge, std::less<>> j;
  return j;
}

std::string_view family_of(std::string_view target) { return target.substr(0, target.find_first_of("-_")); }

}  // namespace

RegisterArithmetic::RegisterArithmetic(std::string_view family, Judge judge) { judges()[std::string(family)] = judge; }

std::optional<std::string> why_not_narrow(const Device& device, DType type) {
  auto found = judges().find(family_of(device.target));
  if (found == judges().end()) return "no backend for " + device.target + " computes in it";
  return found->second(device, type);
}

RegisterSource::RegisterSource(int priority, const TacticSource& source, std::string_view family) {
  Registered& r = registered()[std::string(family)];
  r.by_priority.emplace_back(-priority, &source);
  std::sort(r.by_priority.begin(), r.by_priority.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->name() < b.second->name();
  });
  r.sources.clear();
  for (const auto& [priority_, s] : r.by_priority) r.sources.push_back(s);
}

const std::vector<const TacticSource*>& tactic_sources(std::string_view target) {
  static const std::vector<const TacticSource*> kNone;
  auto found = registered().find(family_of(target));
  return found == registered().end() ? kNone : found->second.sources;
}

std::vector<const TacticSource*> every_source() {
  std::vector<const TacticSource*> all;
  for (const auto& [family, of_family] : registered())
    all.insert(all.end(), of_family.sources.begin(), of_family.sources.end());
  return all;
}

std::vector<const TacticSource*> asked_sources(const Device& device, const BuildOptions& build) {
  std::vector<const TacticSource*> asked;
  for (const TacticSource* source : tactic_sources(device.target)) {
    const auto said = build.sources.find(source->name());
    bool on = said != build.sources.end() ? said->second : source->on_by_default();
    if (!build.only_source.empty()) on = build.only_source == source->name();
    if (on) asked.push_back(source);
  }
  return asked;
}

}  // namespace temper
