#include "api/engine.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "api/execution_context.h"
#include "api/inspector.h"
#include "api/page_memory.h"
#include "api/translate.h"
#include "base/cpu_info.h"

namespace temper::api {

using nvinfer1::Dims;

namespace {

// The slots whose value the plan knows: constants of the first shape program.
std::vector<std::optional<int64_t>> constant_slots(const Engine& engine) {
  std::vector<std::optional<int64_t>> known(engine.plan().slot_count);
  if (engine.plan().segments.empty()) return known;
  const ShapeProgram& program = engine.program(0);
  const plan::SegmentT& segment = *engine.plan().segments[0];
  for (size_t i = 0; i < segment.results.size(); ++i) {
    int code = segment.values[i] - static_cast<int>(program.inputs.size());
    if (code >= 0 && program.code[code].op == ShapeOp::kConst) known[segment.results[i]] = program.code[code].constant;
  }
  return known;
}

}  // namespace

EngineFacts::EngineFacts(std::shared_ptr<const Engine> loaded, int cpu_threads)
    : engine(std::move(loaded)),
      threads(cpu_threads > 0 ? cpu_threads : default_thread_count()),
      notes(read_notes(engine->plan())) {
  const plan::PlanT& plan = engine->plan();
  const auto known = constant_slots(*engine);
  input_count = static_cast<int>(plan.inputs.size());
  for (const auto* list : {&plan.inputs, &plan.outputs}) {
    for (const auto& binding : *list) {
      Tensor tensor{binding->name,
                    list == &plan.inputs,
                    static_cast<int>(&binding - list->data()),
                    static_cast<DType>(binding->dtype),
                    invalid_dims(),
                    binding->host_values,
                    0};
      const bool batched = notes.max_batch > 0 && !(tensor.input && notes.across_batch.contains(tensor.name));
      if (batched && !binding->dims.empty()) tensor.batch_dims = 1;
      const std::span shown = std::span(binding->dims).subspan(size_t(tensor.batch_dims));
      if (shown.size() <= size_t(Dims::MAX_DIMS)) {
        tensor.shape.nbDims = static_cast<int32_t>(shown.size());
        for (size_t d = 0; d < shown.size(); ++d) tensor.shape.d[d] = known[shown[d]].value_or(-1);
      }
      tensors.push_back(std::move(tensor));
    }
  }
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (computes(*plan.steps[i])) launches.push_back(static_cast<int>(i));
  }
}

int EngineFacts::find(char const* name) const {
  if (!name) return -1;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

Dims EngineFacts::profile_shape(const Tensor& tensor, int32_t profile, nvinfer1::OptProfileSelector select) const {
  if (size_t(profile) < notes.profiles.size()) {
    auto found = notes.profiles[profile].find(tensor.name);
    if (found != notes.profiles[profile].end()) return found->second[int(select)];
  }
  return tensor.shape;
}

void report_unknown(const Reporter& reporter, const EngineFacts& facts, char const* name) noexcept {
  guarded(reporter, false, [&]() -> Expected<bool> {
    if (!name) return invalid("no name of a tensor was given");
    std::string all;
    for (const auto& tensor : facts.tensors) all += (all.empty() ? "'" : ", '") + tensor.name + "'";
    return Error(ErrorCode::kNotFound, "the engine has no input or output '" + std::string(name) + "'; it has " + all);
  });
}

const EngineFacts::Tensor* EngineView::tensor(char const* name) const noexcept {
  int index = facts_->find(name);
  if (index >= 0) return &facts_->tensors[index];
  report_unknown(reporter_, *facts_, name);
  return nullptr;
}

bool EngineView::known(char const* name, int32_t profile) const noexcept {
  if (!facts_->bad_profile(profile)) return tensor(name) != nullptr;
  reporter_.report(ErrorCode::kInvalidArgument, "the engine has no optimization profile of this number");
  return false;
}

char const* EngineView::getIOTensorName(int32_t index) const noexcept {
  if (index >= 0 && index < getNbIOTensors()) return facts_->tensors[index].name.c_str();
  reporter_.report(ErrorCode::kInvalidArgument, "getIOTensorName was given a number beyond the inputs and outputs");
  return nullptr;
}

Dims EngineView::getTensorShape(char const* name) const noexcept {
  const auto* found = tensor(name);
  return found ? found->shape : invalid_dims();
}

nvinfer1::DataType EngineView::getTensorDataType(char const* name) const noexcept {
  const auto* found = tensor(name);
  return found ? to_public(found->dtype) : nvinfer1::DataType::kFLOAT;
}

nvinfer1::TensorIOMode EngineView::getTensorIOMode(char const* name) const noexcept {
  const auto* found = tensor(name);
  if (!found) return nvinfer1::TensorIOMode::kNONE;
  return found->input ? nvinfer1::TensorIOMode::kINPUT : nvinfer1::TensorIOMode::kOUTPUT;
}

nvinfer1::TensorLocation EngineView::getTensorLocation(char const* name) const noexcept {
  const auto* found = tensor(name);
  return found && found->host ? nvinfer1::TensorLocation::kHOST : nvinfer1::TensorLocation::kDEVICE;
}

int32_t EngineView::getTensorBytesPerComponent(char const* name) const noexcept {
  const auto* found = tensor(name);
  return found ? (dtype_bits(found->dtype) + 7) / 8 : -1;
}
int32_t EngineView::getTensorBytesPerComponent(char const* name, int32_t profile) const noexcept {
  return known(name, profile) ? getTensorBytesPerComponent(name) : -1;
}
int32_t EngineView::getTensorComponentsPerElement(char const* name) const noexcept { return tensor(name) ? 1 : -1; }
int32_t EngineView::getTensorComponentsPerElement(char const* name, int32_t profile) const noexcept {
  return known(name, profile) ? 1 : -1;
}
nvinfer1::TensorFormat EngineView::getTensorFormat(char const* name) const noexcept {
  tensor(name);  // reports an unknown name
  return nvinfer1::TensorFormat::kLINEAR;
}
nvinfer1::TensorFormat EngineView::getTensorFormat(char const* name, int32_t profile) const noexcept {
  known(name, profile);  // reports an unknown name or profile
  return nvinfer1::TensorFormat::kLINEAR;
}
char const* EngineView::getTensorFormatDesc(char const* name) const noexcept {
  return tensor(name) ? "row-major linear (kLINEAR)" : nullptr;
}
char const* EngineView::getTensorFormatDesc(char const* name, int32_t profile) const noexcept {
  return known(name, profile) ? getTensorFormatDesc(name) : nullptr;
}
int32_t EngineView::getTensorVectorizedDim(char const* name) const noexcept {
  tensor(name);  // reports an unknown name
  return -1;
}
int32_t EngineView::getTensorVectorizedDim(char const* name, int32_t profile) const noexcept {
  known(name, profile);  // reports an unknown name or profile
  return -1;
}

// Where a plugin writes an output of the engine over an input of it.
char const* EngineView::getAliasedInputTensor(char const* name) const noexcept {
  const auto* found = tensor(name);
  if (!found || found->input) return nullptr;
  const plan::PlanT& plan = facts_->engine->plan();
  const int buffer = plan.outputs[found->index]->buffer;
  for (const auto& step : plan.steps) {
    if (step->kind != plan::StepKind::Plugin) continue;
    const plan::PluginInfoT& plugin = *step->plugin;
    for (size_t o = 0; o < plugin.aliases.size(); ++o) {
      if (plugin.aliases[o] < 0 || step->buffers[size_t(plugin.inputs) + o] != buffer) continue;
      for (const auto& input : plan.inputs) {
        if (input->buffer == step->buffers[size_t(plugin.aliases[o])]) return input->name.c_str();
      }
    }
  }
  return nullptr;
}

Dims EngineView::getProfileShape(char const* name, int32_t profile, nvinfer1::OptProfileSelector select) const noexcept {
  if (!known(name, profile)) return invalid_dims();
  const auto* found = tensor(name);
  if (!found->input || !is_value(select)) {
    reporter_.report(ErrorCode::kInvalidArgument, "profile shapes belong to inputs, by one of kMIN, kOPT and kMAX");
    return invalid_dims();
  }
  return facts_->profile_shape(*found, profile, select);
}

// No plan has inputs whose values are known before they are given.
int64_t const* EngineView::getProfileTensorValuesV2(char const* name, int32_t profile,
                                                    nvinfer1::OptProfileSelector select) const noexcept {
  known(name, profile);  // reports an unknown name or profile
  return nullptr;
}

nvinfer1::IExecutionContext* EngineView::createExecutionContext(
    nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept {
  return guarded<nvinfer1::IExecutionContext*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IExecutionContext*> {
    return new ContextView(*this, reporter_, facts_);
  });
}

int64_t EngineView::getDeviceMemorySizeV2() const noexcept {
  int64_t most = 0;
  for (int32_t profile = 0; profile < facts_->profile_count(); ++profile)
    most = std::max(most, getDeviceMemorySizeForProfileV2(profile));
  return most;
}

// Extents that nobody gave count as 1.
int64_t EngineView::getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept {
  return guarded(reporter_, int64_t(0), [&]() -> Expected<int64_t> {
    if (facts_->bad_profile(profile)) return invalid("the engine has no optimization profile " + std::to_string(profile));
    Context context(facts_->engine);
    for (int i = 0; i < facts_->input_count; ++i) {
      Dims dims = facts_->profile_shape(facts_->tensors[i], profile, nvinfer1::OptProfileSelector::kMAX);
      std::vector<int64_t> extents(facts_->engine->plan().inputs[i]->dims.size(), 1);
      for (int d = 0; d < dims.nbDims; ++d) extents[d] = dims.d[d] < 0 ? 1 : dims.d[d];
      TEMPER_TRY(context.set_input_shape(i, extents));
    }
    TEMPER_TRY(context.prepare(facts_->threads));
    return context.activation_bytes();
  });
}

nvinfer1::IHostMemory* EngineView::serialize() const noexcept {
  return guarded<nvinfer1::IHostMemory*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IHostMemory*> {
    return make_host_memory(facts_->engine->plan_bytes(), facts_->engine);
  });
}

nvinfer1::IEngineInspector* EngineView::createEngineInspector() const noexcept {
  return guarded<nvinfer1::IEngineInspector*>(
      reporter_, nullptr, [&]() -> Expected<nvinfer1::IEngineInspector*> { return new Inspector(reporter_, facts_); });
}

int64_t EngineView::getEngineStat(nvinfer1::EngineStat stat) const noexcept {
  return stat == nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE ? static_cast<int64_t>(facts_->engine->plan().weights_bytes) : 0;
}

}  // namespace temper::api
