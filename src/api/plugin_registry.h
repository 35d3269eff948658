// PluginRegistry: the creators that a program has registered, by name, version and namespace, and the resources that its
// plugins share. There is one of the process.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "api/reporter.h"
#include "base/dynlib.h"

namespace temper::api {

class PluginRegistry final : public nvinfer1::IPluginRegistry {
 public:
  static PluginRegistry& of_process();
  ~PluginRegistry() noexcept override = default;

  bool registerCreator(nvinfer1::IPluginCreator& creator, char const* const name_space) noexcept override;
  bool registerCreator(nvinfer1::IPluginCreatorInterface& creator, char const* const name_space) noexcept override;
  bool deregisterCreator(nvinfer1::IPluginCreator const& creator) noexcept override { return forget(&creator); }
  bool deregisterCreator(nvinfer1::IPluginCreatorInterface const& creator) noexcept override { return forget(&creator); }
  nvinfer1::IPluginCreator* getPluginCreator(char const* const name, char const* const version,
                                             char const* const name_space) noexcept override;
  nvinfer1::IPluginCreatorInterface* getCreator(char const* const name, char const* const version,
                                                char const* const name_space) noexcept override;
  nvinfer1::IPluginCreator* const* getPluginCreatorList(int32_t* const count) const noexcept override;
  nvinfer1::IPluginCreatorInterface* const* getAllCreators(int32_t* const count) const noexcept override;
  nvinfer1::IPluginCreatorInterface* const* getAllCreatorsRecursive(int32_t* const count) noexcept override {
    return getAllCreators(count);
  }
  // The registry of the process has none above it.
  bool isParentSearchEnabled() const noexcept override { return parent_search_; }
  void setParentSearchEnabled(bool const enabled) noexcept override { parent_search_ = enabled; }
  PluginLibraryHandle loadLibrary(char const* path) noexcept override;
  void deregisterLibrary(PluginLibraryHandle handle) noexcept override;
  nvinfer1::IPluginResource* acquirePluginResource(char const* key, nvinfer1::IPluginResource* resource) noexcept override;
  int32_t releasePluginResource(char const* key) noexcept override;
  // Whether there is a creator of that name, of any version and namespace.
  bool has(std::string_view name) const;
  void setErrorRecorder(nvinfer1::IErrorRecorder* const recorder) noexcept override { reporter_.set_recorder(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return reporter_.recorder(); }

 private:
  PluginRegistry() : reporter_(nullptr) {}
  using Key = std::tuple<std::string, std::string, std::string>;  // name, version, namespace
  struct Shared {
    nvinfer1::IPluginResource* resource;
    int32_t users;
  };
  bool keep(Key key, nvinfer1::IPluginCreatorInterface* creator, nvinfer1::IPluginCreator* old_kind);
  bool forget(const nvinfer1::IPluginCreatorInterface* creator) noexcept;

  struct Library {
    DynamicLibrary code;
    std::vector<nvinfer1::IPluginCreatorInterface*> creators;
  };

  mutable std::mutex mutex_;
  Reporter reporter_;
  std::map<Key, nvinfer1::IPluginCreatorInterface*> creators_;
  std::vector<nvinfer1::IPluginCreatorInterface*> all_;
  std::vector<nvinfer1::IPluginCreator*> old_kind_;
  std::map<std::string, Shared, std::less<>> resources_;
  std::map<void*, std::unique_ptr<Library>> libraries_;  // by handle
  bool parent_search_ = true;
};

}  // namespace temper::api
