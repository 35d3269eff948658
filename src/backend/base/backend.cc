#include "backend/base/backend.h"

#include <map>
#include <string>

namespace temper {
namespace {

std::map<std::string, BackendOpener, std::less<>>& registry() {
  static std::map<std::string, BackendOpener, std::less<>> map;
  return map;
}

}  // namespace

RegisterBackend::RegisterBackend(std::string_view family, BackendOpener open) {
  TEMPER_CHECK(registry().emplace(std::string(family), open).second, "two backends serve " + std::string(family));
}

std::string_view family_of(std::string_view target) { return target.substr(0, target.find_first_of("-_")); }

Expected<std::shared_ptr<Backend>> open_backend(std::string_view target) {
  auto found = registry().find(family_of(target));
  if (found == registry().end()) {
    return Error(ErrorCode::kIncompatible,
                 "the plan is for the target '" + std::string(target) +
                     "', which this version of Temper can't run; build the plan again for this machine");
  }
  return found->second(target);
}

}  // namespace temper
