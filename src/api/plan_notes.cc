#include "api/plan_notes.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "api/config.h"
#include "api/network.h"
#include "api/translate.h"

namespace temper::api {
namespace {

using nvinfer1::Dims;

constexpr const char* kVersionKey = "temper";
constexpr const char* kNetworkKey = "network";
constexpr const char* kVerbosityKey = "verbosity";
constexpr const char* kBatchKey = "implicit batch";
constexpr const char* kAcrossBatchKey = "same across the batch";
constexpr std::string_view kProfileKey = "profile ";  // then its number, a space and the input's name

// "1x3x224x224", "scalar"; invalid dims when it is something else.
Dims read_dims(std::string_view text) {
  Dims dims{};
  if (text == "scalar") return dims;
  const char *at = text.data(), *end = at + text.size();
  while (at != end) {
    if (dims.nbDims == Dims::MAX_DIMS) return invalid_dims();
    auto [next, problem] = std::from_chars(at, end, dims.d[dims.nbDims]);
    if (problem != std::errc() || (next != end && (*next != 'x' || next + 1 == end))) return invalid_dims();
    ++dims.nbDims;
    at = next == end ? end : next + 1;
  }
  return dims.nbDims == 0 ? invalid_dims() : dims;
}

// "f16, bf16; obeying conv1: f32".
std::string types_text(const Narrowing& narrowing) {
  std::string text;
  for (DType type : narrowing.types) text += (text.empty() ? "" : ", ") + std::string(dtype_name(type));
  if (text.empty()) text = "f32";
  if (narrowing.layers.empty()) return text;
  text += narrowing.binding == TypeBinding::kNone     ? "; not binding"
          : narrowing.binding == TypeBinding::kPrefer ? "; preferring"
                                                      : "; obeying";
  for (const auto& [name, layer] : narrowing.layers) {
    text += " " + name + ":";
    if (layer.compute) text += " " + std::string(dtype_name(*layer.compute));
    for (const auto& type : layer.outputs) text += " -> " + std::string(type ? dtype_name(*type) : "any");
    text += ",";
  }
  text.pop_back();
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> make_notes(const Network& network, BuilderConfig& config, int32_t max_batch) {
  std::vector<std::pair<std::string, std::string>> notes;
  notes.emplace_back(kVersionKey, kVersion);
  notes.emplace_back(kNetworkKey, network.getName());
  notes.emplace_back(kVerbosityKey, std::to_string(int(config.getProfilingVerbosity())));
  notes.emplace_back("optimization level", std::to_string(config.getBuilderOptimizationLevel()));
  Narrowing narrowing = config.narrowing();
  network.add_layer_types(narrowing.layers);
  const bool strong = network.getFlag(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
  if (strong) {
    notes.emplace_back(plan::kTypesAskedNote, "those of the network");
  } else if (!narrowing.types.empty() || !narrowing.layers.empty()) {
    notes.emplace_back(plan::kTypesAskedNote, types_text(narrowing));
  }
  if (max_batch > 0) {
    notes.emplace_back(kBatchKey, std::to_string(max_batch));
    const std::vector<bool> batched = network.batched_inputs();
    for (size_t i = 0; i < batched.size(); ++i) {
      if (!batched[i]) notes.emplace_back(kAcrossBatchKey, network.graph().value(network.graph().inputs()[i]).name);
    }
  }
  for (size_t k = 0; k < config.profiles().size(); ++k) {
    for (const auto& [name, range] : config.profiles()[k].profile().inputs) {
      std::string text;
      for (const auto* shape : {&range.least, &range.best, &range.largest})
        text += (text.empty() ? "" : " ") + dims_text(to_public(*shape));
      notes.emplace_back(std::string(kProfileKey) + std::to_string(k) + " " + name, std::move(text));
    }
  }
  for (const std::string& pass : config.disabled_passes()) notes.emplace_back("disabled pass", pass);
  return notes;
}

PlanNotes read_notes(const plan::PlanT& plan) {
  PlanNotes notes;
  for (const auto& note : plan.record) {
    std::string_view key = note->key, value = note->value;
    if (key == kVersionKey) notes.version = value;
    if (key == kNetworkKey) notes.network_name = value;
    if (key == kVerbosityKey && (value == "1" || value == "2"))
      notes.verbosity = static_cast<nvinfer1::ProfilingVerbosity>(value[0] - '0');
    if (key == kBatchKey) std::from_chars(value.data(), value.data() + value.size(), notes.max_batch);
    if (key == kAcrossBatchKey) notes.across_batch.emplace(value);
    if (!key.starts_with(kProfileKey)) continue;
    key.remove_prefix(kProfileKey.size());
    size_t index = 0;
    auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), index);
    // A number that skips one is not of our writing.
    if (problem != std::errc() || end == key.data() + key.size() || index > notes.profiles.size()) continue;
    key.remove_prefix(static_cast<size_t>(end - key.data()) + 1);
    PlanNotes::Shapes shapes;
    bool good = true;
    for (Dims& dims : shapes) {
      size_t space = value.find(' ');
      dims = read_dims(value.substr(0, space));
      value = space == std::string_view::npos ? std::string_view() : value.substr(space + 1);
      good &= dims.nbDims >= 0;
    }
    if (!good) continue;
    if (index == notes.profiles.size()) notes.profiles.emplace_back();
    notes.profiles[index][std::string(key)] = shapes;
  }
  notes.max_batch = std::max(notes.max_batch, 0);
  return notes;
}

}  // namespace temper::api
