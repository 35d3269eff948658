#include "api/inspector.h"

#include "api/explain.h"
#include "api/translate.h"

namespace temper::api {

using nvinfer1::LayerInformationFormat;
using nvinfer1::ProfilingVerbosity;

std::string Inspector::layer(int launch, LayerInformationFormat format) const {
  const plan::StepT& step = *facts_->engine->plan().steps[facts_->launches[launch]];
  const bool named = facts_->notes.verbosity != ProfilingVerbosity::kNONE;
  const bool detailed = facts_->notes.verbosity == ProfilingVerbosity::kDETAILED;
  const std::string name = named ? step.name : "layer " + std::to_string(launch);
  if (format == LayerInformationFormat::kONELINE) return detailed ? name + ": " + step.tactic : name;
  if (!detailed) return json_text(name);
  std::string text = "{\"Name\": " + json_text(name) + ", \"Kernel\": " + json_text(step.kernel) +
                     ", \"Tactic\": " + json_text(step.tactic) + ", \"Nodes\": [";
  for (size_t i = 0; i < step.nodes.size(); ++i) text += (i ? ", " : "") + json_text(step.nodes[i]);
  return text + "], \"Region\": " + json_text(step.region) + "}";
}

std::string Inspector::shape_of(const EngineFacts::Tensor& tensor) const {
  return dims_text(context_ ? context_->getTensorShape(tensor.name.c_str()) : tensor.shape);
}

char const* Inspector::getLayerInformation(int32_t index, LayerInformationFormat format) const noexcept {
  return guarded<char const*>(reporter_, nullptr, [&]() -> Expected<char const*> {
    if (index < 0 || size_t(index) >= facts_->launches.size()) {
      return invalid("the engine has " + std::to_string(facts_->launches.size()) + " layers, so there is no layer " +
                     std::to_string(index));
    }
    text_ = layer(index, format);
    return text_.c_str();
  });
}

char const* Inspector::getEngineInformation(LayerInformationFormat format) const noexcept {
  return guarded<char const*>(reporter_, nullptr, [&]() -> Expected<char const*> {
    const bool json = format == LayerInformationFormat::kJSON;
    std::string text = json ? "{\"Layers\": [" : "Layers:";
    for (size_t i = 0; i < facts_->launches.size(); ++i) {
      text += json ? (i ? ",\n  " : "\n  ") : "\n";
      text += layer(static_cast<int>(i), format);
    }
    text += json ? "\n], \"Bindings\": [" : "\n\nBindings:";
    for (size_t i = 0; i < facts_->tensors.size(); ++i) {
      const auto& tensor = facts_->tensors[i];
      text += json ? (i ? ", " : "") + json_text(tensor.name) : "\n" + tensor.name + " " + shape_of(tensor);
    }
    if (json) {
      text += "], \"Shapes\": [";
      for (size_t i = 0; i < facts_->tensors.size(); ++i) text += (i ? ", " : "") + json_text(shape_of(facts_->tensors[i]));
      text += "]}";
    }
    text_ = std::move(text);
    return text_.c_str();
  });
}

}  // namespace temper::api
