// Inspector: an engine as text, layer by layer.
#pragma once

#include <memory>
#include <string>

#include "api/engine.h"

namespace temper::api {

class Inspector final : public nvinfer1::IEngineInspector {
 public:
  Inspector(const Reporter& reporter, std::shared_ptr<const EngineFacts> facts)
      : reporter_(reporter), facts_(std::move(facts)) {}

  bool setExecutionContext(nvinfer1::IExecutionContext const* context) noexcept override {
    context_ = context;
    return true;
  }
  nvinfer1::IExecutionContext const* getExecutionContext() const noexcept override { return context_; }
  char const* getLayerInformation(int32_t index, nvinfer1::LayerInformationFormat format) const noexcept override;
  char const* getEngineInformation(nvinfer1::LayerInformationFormat format) const noexcept override;
  TEMPER_API_RECORDER(reporter_)

 private:
  std::string layer(int launch, nvinfer1::LayerInformationFormat format) const;
  std::string shape_of(const EngineFacts::Tensor& tensor) const;

  Reporter reporter_;
  std::shared_ptr<const EngineFacts> facts_;
  nvinfer1::IExecutionContext const* context_ = nullptr;
  mutable std::string text_;
};

}  // namespace temper::api
