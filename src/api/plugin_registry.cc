#include "api/plugin_registry.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "NvInfer.h"
#include "NvInferPlugin.h"

namespace temper::api {

PluginRegistry& PluginRegistry::of_process() {
  // Creators register while the program starts, and may be asked for while it ends.
  static auto* registry = new PluginRegistry;
  return *registry;
}

bool PluginRegistry::keep(Key key, nvinfer1::IPluginCreatorInterface* creator, nvinfer1::IPluginCreator* old_kind) {
  std::lock_guard lock(mutex_);
  if (!creators_.emplace(std::move(key), creator).second) return false;
  all_.push_back(creator);
  if (old_kind) old_kind_.push_back(old_kind);
  return true;
}

bool PluginRegistry::registerCreator(nvinfer1::IPluginCreator& creator, char const* const name_space) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    const std::string space = name_space ? name_space : "";
    creator.setPluginNamespace(space.c_str());
    return keep({creator.getPluginName(), creator.getPluginVersion(), space}, &creator, &creator);
  });
}

bool PluginRegistry::registerCreator(nvinfer1::IPluginCreatorInterface& creator, char const* const name_space) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    const std::string kind = creator.getInterfaceInfo().kind;
    if (kind == "PLUGIN CREATOR_V1") return registerCreator(static_cast<nvinfer1::IPluginCreator&>(creator), name_space);
    if (kind != "PLUGIN CREATOR_V3ONE")
      return invalid("a creator of the kind '" + kind + "' can't be registered; derive from IPluginCreatorV3One");
    auto& known = static_cast<nvinfer1::IPluginCreatorV3One&>(creator);
    return keep({known.getPluginName(), known.getPluginVersion(), name_space ? name_space : ""}, &creator, nullptr);
  });
}

bool PluginRegistry::forget(const nvinfer1::IPluginCreatorInterface* creator) noexcept {
  std::lock_guard lock(mutex_);
  std::erase(all_, creator);
  std::erase_if(old_kind_, [&](auto* old) { return old == creator; });
  return std::erase_if(creators_, [&](const auto& entry) { return entry.second == creator; }) > 0;
}

nvinfer1::IPluginCreatorInterface* PluginRegistry::getCreator(char const* const name, char const* const version,
                                                              char const* const name_space) noexcept {
  return guarded<nvinfer1::IPluginCreatorInterface*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IPluginCreatorInterface*> {
    if (!name || !version) return nullptr;
    std::lock_guard lock(mutex_);
    auto found = creators_.find(Key{name, version, name_space ? name_space : ""});
    return found == creators_.end() ? nullptr : found->second;
  });
}

nvinfer1::IPluginCreator* PluginRegistry::getPluginCreator(char const* const name, char const* const version,
                                                           char const* const name_space) noexcept {
  auto* creator = getCreator(name, version, name_space);
  std::lock_guard lock(mutex_);
  auto found = std::find(old_kind_.begin(), old_kind_.end(), creator);
  return found == old_kind_.end() ? nullptr : *found;
}

nvinfer1::IPluginCreator* const* PluginRegistry::getPluginCreatorList(int32_t* const count) const noexcept {
  std::lock_guard lock(mutex_);
  if (count) *count = static_cast<int32_t>(old_kind_.size());
  return old_kind_.data();
}

nvinfer1::IPluginCreatorInterface* const* PluginRegistry::getAllCreators(int32_t* const count) const noexcept {
  std::lock_guard lock(mutex_);
  if (count) *count = static_cast<int32_t>(all_.size());
  return all_.data();
}

bool PluginRegistry::has(std::string_view name) const {
  std::lock_guard lock(mutex_);
  return std::any_of(creators_.begin(), creators_.end(), [&](const auto& entry) { return std::get<0>(entry.first) == name; });
}

// A library says what it has by one of two functions; those that register themselves when they are loaded have neither.
nvinfer1::IPluginRegistry::PluginLibraryHandle PluginRegistry::loadLibrary(char const* path) noexcept {
  return guarded<void*>(reporter_, nullptr, [&]() -> Expected<void*> {
    if (!path || !*path) return invalid("loadLibrary was given no path");
    using GetCreators = nvinfer1::IPluginCreatorInterface* const* (*)(int32_t & count);
    using GetOldCreators = nvinfer1::IPluginCreator* const* (*)(int32_t & count);
    GetCreators creators = nullptr;
    GetOldCreators old_creators = nullptr;
    const DynamicSymbol symbols[] = {{"getCreators", reinterpret_cast<void**>(&creators), false},
                                     {"getPluginCreators", reinterpret_cast<void**>(&old_creators), false}};
    const std::string name = path;
    const auto known = [&] {
      std::lock_guard lock(mutex_);
      return std::set(all_.begin(), all_.end());
    };
    const auto before = known();
    auto library = std::make_unique<Library>(
        Library{TEMPER_TRY_AT(DynamicLibrary::open(std::span(&name, 1), symbols), "plugin library '" + name + "'"), {}});
    int32_t count = 0;
    const auto register_all = [&](auto* const* all) {
      for (int32_t i = 0; all && i < count; ++i) {
        if (all[i]) registerCreator(*all[i], "");
      }
    };
    if (creators) register_all(creators(count));
    if (!creators && old_creators) register_all(old_creators(count));
    std::ranges::set_difference(known(), before, std::back_inserter(library->creators));
    if (!creators && !old_creators && library->creators.empty()) {
      return invalid("it has neither getCreators() nor getPluginCreators(), and registers no plugin when it is loaded")
          .at("plugin library '" + name + "'");
    }
    std::lock_guard lock(mutex_);
    void* handle = library.get();
    libraries_[handle] = std::move(library);
    return handle;
  });
}

void PluginRegistry::deregisterLibrary(PluginLibraryHandle handle) noexcept {
  guarded(reporter_, false, [&]() -> Expected<bool> {
    std::unique_ptr<Library> library;
    {
      std::lock_guard lock(mutex_);
      auto found = libraries_.find(handle);
      if (found == libraries_.end()) return invalid("deregisterLibrary was given a handle that loadLibrary has not given");
      library = std::move(found->second);
      libraries_.erase(found);
    }
    for (const auto* creator : library->creators) forget(creator);
    return true;
  });
}

nvinfer1::IPluginResource* PluginRegistry::acquirePluginResource(char const* key,
                                                                 nvinfer1::IPluginResource* resource) noexcept {
  return guarded<nvinfer1::IPluginResource*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IPluginResource*> {
    if (!key || !resource) return invalid("acquirePluginResource needs a key and a resource");
    std::lock_guard lock(mutex_);
    auto found = resources_.find(std::string_view(key));
    if (found == resources_.end()) {
      auto* own = resource->clone();
      if (!own) return invalid("the resource '" + std::string(key) + "' could not be cloned");
      found = resources_.emplace(key, Shared{own, 0}).first;
    }
    ++found->second.users;
    return found->second.resource;
  });
}

int32_t PluginRegistry::releasePluginResource(char const* key) noexcept {
  return guarded(reporter_, int32_t(-1), [&]() -> Expected<int32_t> {
    std::lock_guard lock(mutex_);
    auto found = key ? resources_.find(std::string_view(key)) : resources_.end();
    if (found == resources_.end()) return invalid("there is no resource '" + std::string(key ? key : "") + "'");
    if (--found->second.users > 0) return 0;
    const int32_t result = found->second.resource->release();
    delete found->second.resource;
    resources_.erase(found);
    return result;
  });
}

}  // namespace temper::api

nvinfer1::IPluginRegistry* getPluginRegistry() noexcept { return &temper::api::PluginRegistry::of_process(); }
nvinfer1::IPluginRegistry* nvinfer1::getBuilderPluginRegistry(EngineCapability capability) noexcept {
  return capability == EngineCapability::kSTANDARD ? getPluginRegistry() : nullptr;
}
nvinfer1::safe::IPluginRegistry* nvinfer1::getBuilderSafePluginRegistry(EngineCapability) noexcept { return nullptr; }
bool nvinfer1::setInternalLibraryPath(AsciiChar const* path) noexcept { return path && *path; }
bool initLibNvInferPlugins(void*, char const*) noexcept { return true; }
