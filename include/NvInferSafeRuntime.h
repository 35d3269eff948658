// The safety runtime, which is a product of its own and not here: its factory gives nullptr. Programs that only name it
// compile.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {
namespace safe {

class IRuntime;

namespace {
inline IRuntime* createInferRuntime(ILogger& logger) noexcept {
  logger.log(ILogger::Severity::kERROR, "there is no safety runtime; use nvinfer1::createInferRuntime");
  return nullptr;
}
}  // namespace

}  // namespace safe
}  // namespace nvinfer1
