// Checking of plans for the safety runtime, at level 8. There is no safety runtime here: createConsistencyChecker gives
// nullptr.
#pragma once

#include "NvInfer.h"

namespace nvinfer1 {
namespace consistency {

class IConsistencyChecker {
 public:
  virtual bool validate() const noexcept = 0;
  virtual ~IConsistencyChecker() = default;

 protected:
  IConsistencyChecker() = default;
  IConsistencyChecker(IConsistencyChecker const&) = delete;
  IConsistencyChecker& operator=(IConsistencyChecker const&) = delete;
  IConsistencyChecker(IConsistencyChecker&&) = delete;
  IConsistencyChecker& operator=(IConsistencyChecker&&) = delete;
};

// A creator that can check what a plan holds of its plugins.
class IPluginChecker : public IPluginCreator {
 public:
  virtual bool validate(char const* name, void const* serialData, size_t serialLength, PluginTensorDesc const* in,
                        size_t nbInputs, PluginTensorDesc const* out, size_t nbOutputs, int64_t workspaceSize) const = 0;
  IPluginChecker() = default;
  ~IPluginChecker() noexcept override = default;

 protected:
  IPluginChecker(IPluginChecker const&) = default;
  IPluginChecker(IPluginChecker&&) = default;
  IPluginChecker& operator=(IPluginChecker const&) & = default;
  IPluginChecker& operator=(IPluginChecker&&) & = default;
};

namespace {
inline IConsistencyChecker* createConsistencyChecker(ILogger& logger, void const*, size_t) noexcept {
  logger.log(ILogger::Severity::kERROR, "there is no safety runtime, so plans can't be checked for it");
  return nullptr;
}
}  // namespace

}  // namespace consistency
}  // namespace nvinfer1
