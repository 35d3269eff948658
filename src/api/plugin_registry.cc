#include "api/plugin_registry.h"

#include <algorithm>
#include <cstring>

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

nvinfer1::IPluginRegistry::PluginLibraryHandle PluginRegistry::loadLibrary(char const* path) noexcept {
  return guarded<void*>(reporter_, nullptr, [&]() -> Expected<void*> {
    return Error(ErrorCode::kUnsupported, "plugin libraries are not loaded; link '" + std::string(path ? path : "") +
                                              "' with the program, where its creators register themselves");
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
