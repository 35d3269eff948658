#include "api/engine_options.h"

#include "api/engine.h"

namespace temper::api {

nvinfer1::IExecutionContext* EngineView::createExecutionContext(nvinfer1::IRuntimeConfig* config) noexcept {
  const auto strategy =
      config ? config->getExecutionContextAllocationStrategy() : nvinfer1::ExecutionContextAllocationStrategy::kSTATIC;
  return createExecutionContext(strategy);
}

nvinfer1::IRuntimeConfig* EngineView::createRuntimeConfig() noexcept {
  return guarded<nvinfer1::IRuntimeConfig*>(reporter_, nullptr,
                                            [&]() -> Expected<nvinfer1::IRuntimeConfig*> { return new RuntimeConfig; });
}

nvinfer1::ISerializationConfig* EngineView::createSerializationConfig() noexcept {
  return guarded<nvinfer1::ISerializationConfig*>(
      reporter_, nullptr, [&]() -> Expected<nvinfer1::ISerializationConfig*> { return new SerializationConfig(reporter_); });
}

nvinfer1::IHostMemory* EngineView::serializeWithConfig(nvinfer1::ISerializationConfig& config) const noexcept {
  if (config.getFlag(nvinfer1::SerializationFlag::kEXCLUDE_WEIGHTS)) {
    reporter_.report(ErrorCode::kUnsupported, "a plan can't be written without its weights; serialize it whole");
    return nullptr;
  }
  return serialize();  // a plan holds no lean runtime, and nothing for refitting
}

bool EngineView::setWeightStreamingBudgetV2(int64_t) noexcept {
  reporter_.report(ErrorCode::kUnsupported, "weights are not streamed: the plan keeps all of them in memory");
  return false;
}

// Plans hold the values in 64 bits only.
int32_t const* EngineView::getProfileTensorValues(char const* name, int32_t, nvinfer1::OptProfileSelector) const noexcept {
  if (tensor(name)) reporter_.report(ErrorCode::kUnsupported, "values of a profile are 64-bit; use getProfileTensorValuesV2");
  return nullptr;
}

}  // namespace temper::api
