// EngineView: a loaded plan as an ICudaEngine. What contexts and inspectors need of it is in EngineFacts, which they share and
// keep alive; it is immutable, so threads use it freely.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "api/plan_notes.h"
#include "api/reporter.h"
#include "base/dtype.h"
#include "runtime/context.h"
#include "runtime/engine.h"

namespace temper::api {

struct EngineFacts {
  EngineFacts(std::shared_ptr<const Engine> loaded, int cpu_threads);

  struct Tensor {
    std::string name;
    bool input;
    int index;  // among the inputs, or the outputs
    DType dtype;
    nvinfer1::Dims shape;  // -1 for what is not constant; without an implicit batch
    bool host;
    int batch_dims;  // that are in front of `shape`: 1 for an implicit batch
  };
  // Index in `tensors`, or -1.
  int find(char const* name) const;
  bool bad_profile(int32_t index) const { return index < 0 || index >= profile_count(); }
  int32_t profile_count() const { return notes.profiles.empty() ? 1 : static_cast<int32_t>(notes.profiles.size()); }
  // The shape of an input that a profile names, that of its own for the rest: -1 where nobody said.
  nvinfer1::Dims profile_shape(const Tensor& tensor, int32_t profile, nvinfer1::OptProfileSelector select) const;

  std::shared_ptr<const Engine> engine;
  int threads;
  PlanNotes notes;
  std::vector<Tensor> tensors;  // inputs first
  int input_count;
  std::vector<int> launches;  // steps that are kernels: the layers of the engine
};

class EngineView final : public nvinfer1::ICudaEngine {
 public:
  EngineView(const Reporter& reporter, std::shared_ptr<const Engine> engine, int cpu_threads)
      : reporter_(reporter), facts_(std::make_shared<EngineFacts>(std::move(engine), cpu_threads)) {}

  int32_t getNbIOTensors() const noexcept override { return static_cast<int32_t>(facts_->tensors.size()); }
  char const* getIOTensorName(int32_t index) const noexcept override;
  nvinfer1::Dims getTensorShape(char const* name) const noexcept override;
  nvinfer1::DataType getTensorDataType(char const* name) const noexcept override;
  nvinfer1::TensorIOMode getTensorIOMode(char const* name) const noexcept override;
  nvinfer1::TensorLocation getTensorLocation(char const* name) const noexcept override;
  bool isShapeInferenceIO(char const* name) const noexcept override {
    return getTensorLocation(name) == nvinfer1::TensorLocation::kHOST;
  }

  int32_t getTensorBytesPerComponent(char const* name) const noexcept override;
  int32_t getTensorBytesPerComponent(char const* name, int32_t profile) const noexcept override;
  int32_t getTensorComponentsPerElement(char const* name) const noexcept override;
  int32_t getTensorComponentsPerElement(char const* name, int32_t profile) const noexcept override;
  nvinfer1::TensorFormat getTensorFormat(char const* name) const noexcept override;
  nvinfer1::TensorFormat getTensorFormat(char const* name, int32_t profile) const noexcept override;
  char const* getTensorFormatDesc(char const* name) const noexcept override;
  char const* getTensorFormatDesc(char const* name, int32_t profile) const noexcept override;
  int32_t getTensorVectorizedDim(char const* name) const noexcept override;
  int32_t getTensorVectorizedDim(char const* name, int32_t profile) const noexcept override;

  int32_t getNbOptimizationProfiles() const noexcept override { return facts_->profile_count(); }
  nvinfer1::Dims getProfileShape(char const* name, int32_t profile,
                                 nvinfer1::OptProfileSelector select) const noexcept override;
  int64_t const* getProfileTensorValuesV2(char const* name, int32_t profile,
                                          nvinfer1::OptProfileSelector select) const noexcept override;

  int32_t const* getProfileTensorValues(char const* name, int32_t profile,
                                        nvinfer1::OptProfileSelector select) const noexcept override;
  char const* getAliasedInputTensor(char const* name) const noexcept override;
  // No tensor is watched.
  bool isDebugTensor(char const*) const noexcept override { return false; }

  // A context takes the memory for its activations from the library, whatever the strategy.
  nvinfer1::IExecutionContext* createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept override;
  nvinfer1::IExecutionContext* createExecutionContext(nvinfer1::IRuntimeConfig* config) noexcept override;
  nvinfer1::IRuntimeConfig* createRuntimeConfig() noexcept override;
  nvinfer1::IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept override {
    return createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED);
  }
  size_t getDeviceMemorySizeForProfile(int32_t profile) const noexcept override {
    return static_cast<size_t>(getDeviceMemorySizeForProfileV2(profile));
  }
  size_t getDeviceMemorySize() const noexcept override { return static_cast<size_t>(getDeviceMemorySizeV2()); }
  int64_t getDeviceMemorySizeV2() const noexcept override;
  int64_t getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept override;

  nvinfer1::IHostMemory* serialize() const noexcept override;
  nvinfer1::ISerializationConfig* createSerializationConfig() noexcept override;
  nvinfer1::IHostMemory* serializeWithConfig(nvinfer1::ISerializationConfig& config) const noexcept override;
  nvinfer1::IEngineInspector* createEngineInspector() const noexcept override;

  // Nothing is streamed.
  int64_t getStreamableWeightsSize() const noexcept override { return 0; }
  bool setWeightStreamingBudgetV2(int64_t bytes) noexcept override;
  int64_t getWeightStreamingBudgetV2() const noexcept override { return 0; }
  int64_t getWeightStreamingAutomaticBudget() const noexcept override { return 0; }
  int64_t getWeightStreamingScratchMemorySize() const noexcept override { return 0; }
  bool setWeightStreamingBudget(int64_t bytes) noexcept override { return setWeightStreamingBudgetV2(bytes); }
  int64_t getWeightStreamingBudget() const noexcept override { return 0; }
  int64_t getMinimumWeightStreamingBudget() const noexcept override { return 0; }

  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(facts_->launches.size()); }
  char const* getName() const noexcept override { return facts_->notes.network_name.c_str(); }
  bool isRefittable() const noexcept override { return false; }
  bool hasImplicitBatchDimension() const noexcept override { return facts_->notes.max_batch > 0; }
  int32_t getMaxBatchSize() const noexcept override { return std::max(facts_->notes.max_batch, 1); }
  nvinfer1::EngineCapability getEngineCapability() const noexcept override { return nvinfer1::EngineCapability::kSTANDARD; }
  nvinfer1::TacticSources getTacticSources() const noexcept override { return 0; }
  nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override { return facts_->notes.verbosity; }
  nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return facts_->engine->plan().constants.empty() ? nvinfer1::HardwareCompatibilityLevel::kNONE
                                                    : nvinfer1::HardwareCompatibilityLevel::kAMPERE_PLUS;
  }
  int32_t getNbAuxStreams() const noexcept override { return 0; }
  int64_t getEngineStat(nvinfer1::EngineStat stat) const noexcept override;
  TEMPER_API_RECORDER(reporter_)

  const EngineFacts& facts() const { return *facts_; }

 private:
  // The tensor, or nullptr after an error was reported.
  const EngineFacts::Tensor* tensor(char const* name) const noexcept;
  bool known(char const* name, int32_t profile) const noexcept;

  Reporter reporter_;
  std::shared_ptr<const EngineFacts> facts_;
};

// Reports that there is no input or output `name`, and which there are.
void report_unknown(const Reporter& reporter, const EngineFacts& facts, char const* name) noexcept;

}  // namespace temper::api
