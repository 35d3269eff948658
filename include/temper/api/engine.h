// Engines and contexts: a loaded plan, and the state of one sequence of inferences on it.
//
// A program asks the engine for its tensors by name, gives a context the shapes of inputs that have -1 in theirs and an address
// for every tensor, and enqueues:
//
//   std::unique_ptr<IExecutionContext> context{engine->createExecutionContext()};
//   context->setInputShape("x", Dims4{1, 3, 224, 224});
//   context->setTensorAddress("x", input);
//   context->setTensorAddress("y", output);
//   context->enqueueV3(stream);  // then wait for the stream
//
// An engine may be used by many threads at once; a context by one thread at a time. Contexts of one engine share its weights.
#pragma once

#include "callbacks.h"

namespace nvinfer1 {

class ICudaEngine;
class IExecutionContext;

// What serializeWithConfig writes.
class ISerializationConfig : public INoCopy {
 public:
  ~ISerializationConfig() noexcept override = default;
  TEMPER_DESTROY
  virtual bool setFlags(SerializationFlags serializationFlags) noexcept = 0;
  virtual SerializationFlags getFlags() const noexcept = 0;
  virtual bool clearFlag(SerializationFlag serializationFlag) noexcept = 0;
  virtual bool setFlag(SerializationFlag serializationFlag) noexcept = 0;
  virtual bool getFlag(SerializationFlag serializationFlag) const noexcept = 0;
};

// How a context is made.
class IRuntimeConfig : public INoCopy {
 public:
  ~IRuntimeConfig() noexcept override = default;
  TEMPER_DESTROY
  virtual void setExecutionContextAllocationStrategy(ExecutionContextAllocationStrategy strategy) noexcept = 0;
  virtual ExecutionContextAllocationStrategy getExecutionContextAllocationStrategy() const noexcept = 0;
};

// Says as text what is in an engine. Returned text lives until the next call on the same inspector.
class IEngineInspector : public INoCopy {
 public:
  ~IEngineInspector() noexcept override = default;
  TEMPER_DESTROY
  // With a context, information also has the shapes that are set there. nullptr takes it away.
  virtual bool setExecutionContext(IExecutionContext const* context) noexcept = 0;
  virtual IExecutionContext const* getExecutionContext() const noexcept = 0;
  // One layer of the engine, 0 <= layerIndex < getNbLayers(). How much it says depends on the plan's ProfilingVerbosity.
  virtual char const* getLayerInformation(int32_t layerIndex, LayerInformationFormat format) const noexcept = 0;
  // All layers and the inputs and outputs. kJSON: an object with "Layers" (an array) and "Bindings" (an array of names).
  virtual char const* getEngineInformation(LayerInformationFormat format) const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
};

// A plan that is ready to run. Methods that take a tensor name accept the inputs and outputs only; for another name they log
// an error and return nbDims = -1, kNONE, nullptr, -1 or false.
class ICudaEngine : public INoCopy {
 public:
  ~ICudaEngine() noexcept override = default;
  TEMPER_DESTROY

  // Inputs and outputs, in the order of the network: inputs first.
  virtual int32_t getNbIOTensors() const noexcept = 0;
  virtual char const* getIOTensorName(int32_t index) const noexcept = 0;
  // The shape as built; -1 for an extent that is set at run time.
  TEMPER_GETS_DIMS_OF(getTensorShape)
  virtual DataType getTensorDataType(char const* tensorName) const noexcept = 0;
  virtual TensorIOMode getTensorIOMode(char const* tensorName) const noexcept = 0;
  // kHOST for tensors whose values decide shapes: their addresses are host memory, read at enqueue.
  virtual TensorLocation getTensorLocation(char const* tensorName) const noexcept = 0;
  virtual bool isShapeInferenceIO(char const* tensorName) const noexcept = 0;

  // Layout. Bytes per component, components per vector (1 for kLINEAR), and the vectorized dimension (-1: none); the forms with
  // a profile index are for layouts that differ between profiles. A wrong profile index gives -1.
  virtual int32_t getTensorBytesPerComponent(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorBytesPerComponent(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual int32_t getTensorComponentsPerElement(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorComponentsPerElement(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual TensorFormat getTensorFormat(char const* tensorName) const noexcept = 0;
  virtual TensorFormat getTensorFormat(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual char const* getTensorFormatDesc(char const* tensorName) const noexcept = 0;
  virtual char const* getTensorFormatDesc(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual int32_t getTensorVectorizedDim(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorVectorizedDim(char const* tensorName, int32_t profileIndex) const noexcept = 0;

  // Optimization profiles; an engine always has at least one. The shape of an input in one of them; static inputs have theirs.
  virtual int32_t getNbOptimizationProfiles() const noexcept = 0;
#if TEMPER_API_LEVEL == 8
  virtual Dims64 getProfileShape64(char const* tensorName, int32_t profileIndex, OptProfileSelector select) const noexcept = 0;
  Dims getProfileShape(char const* tensorName, int32_t profileIndex, OptProfileSelector select) const noexcept {
    return impl::dims_as(getProfileShape64(tensorName, profileIndex, select));
  }
#else
  virtual Dims getProfileShape(char const* tensorName, int32_t profileIndex, OptProfileSelector select) const noexcept = 0;
#endif
  // The values of an input of location kHOST, as many as it has elements; nullptr for other tensors.
  virtual int64_t const* getProfileTensorValuesV2(char const* tensorName, int32_t profileIndex,
                                                  OptProfileSelector select) const noexcept = 0;

  // The same in 32 bits; nullptr when a value does not fit.
  virtual int32_t const* getProfileTensorValues(char const* tensorName, int32_t profileIndex,
                                                OptProfileSelector select) const noexcept = 0;
  // The input whose memory an output is written over; nullptr: none.
  virtual char const* getAliasedInputTensor(char const* tensorName) const noexcept = 0;
  virtual bool isDebugTensor(char const* name) const noexcept = 0;

  // A new context; several may run at once. nullptr when memory is short. Its memory for activations is taken as `strategy`
  // says.
  virtual IExecutionContext* createExecutionContext(
      ExecutionContextAllocationStrategy strategy = ExecutionContextAllocationStrategy::kSTATIC) noexcept = 0;
  virtual IExecutionContext* createExecutionContext(IRuntimeConfig* runtimeConfig) noexcept = 0;
  virtual IRuntimeConfig* createRuntimeConfig() noexcept = 0;
  // kUSER_MANAGED: the program gives the memory with setDeviceMemory before the first inference.
  virtual IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept = 0;
  // Bytes of activations and scratch that a context needs, for its largest profile or for one profile.
  virtual size_t getDeviceMemorySize() const noexcept = 0;
  virtual size_t getDeviceMemorySizeForProfile(int32_t profileIndex) const noexcept = 0;
  virtual int64_t getDeviceMemorySizeV2() const noexcept = 0;
  virtual int64_t getDeviceMemorySizeForProfileV2(int32_t profileIndex) const noexcept = 0;

  // The plan again, byte for byte what the engine was loaded from.
  virtual IHostMemory* serialize() const noexcept = 0;
  // What of it, the config says. nullptr for a flag that the plan can't do.
  virtual ISerializationConfig* createSerializationConfig() noexcept = 0;
  virtual IHostMemory* serializeWithConfig(ISerializationConfig& config) const noexcept = 0;
  virtual IEngineInspector* createEngineInspector() const noexcept = 0;

  // Weight streaming, for plans that were built with it: how many bytes of weights stay on the device. Of other plans nothing
  // can be streamed: sizes are 0 and budgets are refused.
  virtual int64_t getStreamableWeightsSize() const noexcept = 0;
  virtual bool setWeightStreamingBudgetV2(int64_t gpuMemoryBudget) noexcept = 0;
  virtual int64_t getWeightStreamingBudgetV2() const noexcept = 0;
  virtual int64_t getWeightStreamingAutomaticBudget() const noexcept = 0;
  virtual int64_t getWeightStreamingScratchMemorySize() const noexcept = 0;
  virtual bool setWeightStreamingBudget(int64_t gpuMemoryBudget) noexcept = 0;
  virtual int64_t getWeightStreamingBudget() const noexcept = 0;
  virtual int64_t getMinimumWeightStreamingBudget() const noexcept = 0;

  // Facts of the plan: its kernels count as layers; the name is the network's.
  virtual int32_t getNbLayers() const noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual bool isRefittable() const noexcept = 0;
  virtual bool hasImplicitBatchDimension() const noexcept = 0;  // always false from level 10 on
  virtual EngineCapability getEngineCapability() const noexcept = 0;
  virtual TacticSources getTacticSources() const noexcept = 0;
  virtual ProfilingVerbosity getProfilingVerbosity() const noexcept = 0;
  virtual HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept = 0;
  virtual int32_t getNbAuxStreams() const noexcept = 0;
  virtual int64_t getEngineStat(EngineStat stat) const noexcept = 0;  // bytes

  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;

  // Forms of level 8, which number the tensors: binding i is tensor i of getIOTensorName. A name that is none gives -1.
  int32_t getNbBindings() const noexcept { return getNbIOTensors(); }
  int32_t getBindingIndex(char const* name) const noexcept;
  char const* getBindingName(int32_t bindingIndex) const noexcept { return getIOTensorName(bindingIndex); }
  bool bindingIsInput(int32_t bindingIndex) const noexcept {
    return getTensorIOMode(getIOTensorName(bindingIndex)) == TensorIOMode::kINPUT;
  }
  Dims getBindingDimensions(int32_t bindingIndex) const noexcept { return getTensorShape(getIOTensorName(bindingIndex)); }
  DataType getBindingDataType(int32_t bindingIndex) const noexcept { return getTensorDataType(getIOTensorName(bindingIndex)); }
  virtual int32_t getMaxBatchSize() const noexcept = 0;  // of an implicit batch; else 1
  TensorLocation getLocation(int32_t bindingIndex) const noexcept { return getTensorLocation(getIOTensorName(bindingIndex)); }
  int32_t getBindingBytesPerComponent(int32_t bindingIndex) const noexcept {
    return getTensorBytesPerComponent(getIOTensorName(bindingIndex));
  }
  int32_t getBindingComponentsPerElement(int32_t bindingIndex) const noexcept {
    return getTensorComponentsPerElement(getIOTensorName(bindingIndex));
  }
  TensorFormat getBindingFormat(int32_t bindingIndex) const noexcept { return getTensorFormat(getIOTensorName(bindingIndex)); }
  char const* getBindingFormatDesc(int32_t bindingIndex) const noexcept {
    return getTensorFormatDesc(getIOTensorName(bindingIndex));
  }
  int32_t getBindingVectorizedDim(int32_t bindingIndex) const noexcept {
    return getTensorVectorizedDim(getIOTensorName(bindingIndex));
  }
  Dims getProfileDimensions(int32_t bindingIndex, int32_t profileIndex, OptProfileSelector select) const noexcept {
    return getProfileShape(getIOTensorName(bindingIndex), profileIndex, select);
  }
  int32_t const* getProfileShapeValues(int32_t profileIndex, int32_t inputIndex, OptProfileSelector select) const noexcept {
    return getProfileTensorValues(getIOTensorName(inputIndex), profileIndex, select);
  }
  bool isShapeBinding(int32_t bindingIndex) const noexcept { return isShapeInferenceIO(getIOTensorName(bindingIndex)); }
  bool isExecutionBinding(int32_t bindingIndex) const noexcept { return !isShapeBinding(bindingIndex); }
};

inline int32_t ICudaEngine::getBindingIndex(char const* name) const noexcept {
  for (int32_t i = 0; name && i < getNbIOTensors(); ++i) {
    char const *a = getIOTensorName(i), *b = name;
    while (*a && *a == *b) ++a, ++b;
    if (*a == *b) return i;
  }
  return -1;
}

// One sequence of inferences: shapes, addresses and memory for activations. Methods that return bool return false on an error
// and leave the context as it was.
class IExecutionContext : public INoCopy {
 public:
  ~IExecutionContext() noexcept override = default;
  TEMPER_DESTROY

  // Chooses an optimization profile (0 is chosen at first). All input shapes are to be set again afterwards.
  virtual bool setOptimizationProfileAsync(int32_t profileIndex, cudaStream_t stream) noexcept = 0;
  virtual int32_t getOptimizationProfile() const noexcept = 0;  // -1: none yet

  // The shape of an input for the next inference. Any shape that the model allows runs; profiles say what is fast. Static
  // inputs accept only the shape they have.
#if TEMPER_API_LEVEL == 8
  virtual bool setInputShape64(char const* tensorName, Dims64 const& dims) noexcept = 0;
  bool setInputShape(char const* tensorName, Dims const& dims) noexcept {
    return setInputShape64(tensorName, impl::dims_as(dims));
  }
#else
  virtual bool setInputShape(char const* tensorName, Dims const& dims) noexcept = 0;
#endif
  // The shape that is known now: -1 for an extent that depends on an input not set yet, or on data.
  TEMPER_GETS_DIMS_OF(getTensorShape)
  // Distance between neighbours along each axis, in elements; -1 as for getTensorShape.
  TEMPER_GETS_DIMS_OF(getTensorStrides)
  virtual bool allInputDimensionsSpecified() const noexcept = 0;
  virtual bool allInputShapesSpecified() const noexcept = 0;
  // Computes all shapes from the inputs. Returns 0 when all are known, else how many inputs still lack a shape or (kHOST) an
  // address, with the first nbMaxNames of their names in tensorNames; negative on an error.
  virtual int32_t inferShapes(int32_t nbMaxNames, char const** tensorNames) noexcept = 0;

  // Where a tensor is read or written: memory of the engine's device, host memory for location kHOST; aligned to 64 bytes or
  // more for full speed. Needed for every input, and for every output without an IOutputAllocator; nullptr takes an address
  // away.
  virtual bool setTensorAddress(char const* tensorName, void* data) noexcept = 0;
  virtual void const* getTensorAddress(char const* tensorName) const noexcept = 0;
  virtual bool setInputTensorAddress(char const* tensorName, void const* data) noexcept = 0;
  virtual bool setOutputTensorAddress(char const* tensorName, void* data) noexcept = 0;
  virtual void* getOutputTensorAddress(char const* tensorName) const noexcept = 0;
  // For outputs of data-dependent size.
  virtual bool setOutputAllocator(char const* tensorName, IOutputAllocator* outputAllocator) noexcept = 0;
  virtual IOutputAllocator* getOutputAllocator(char const* tensorName) const noexcept = 0;
  // An upper bound for the bytes of an output with the input shapes that are set; negative when there is none.
  virtual int64_t getMaxOutputSize(char const* tensorName) const noexcept = 0;

  // Puts one inference on the stream and returns without waiting for it. Shapes and addresses may be set anew for the next one
  // as soon as it returns, the data must stay until the inference has ended. false: nothing was enqueued.
  virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
  // Runs one inference and waits; addresses in the order of getIOTensorName.
  virtual bool executeV2(void* const* bindings) noexcept = 0;
  // An event that is recorded once the inputs have been read and may be overwritten.
  virtual bool setInputConsumedEvent(cudaEvent_t event) noexcept = 0;
  virtual cudaEvent_t getInputConsumedEvent() const noexcept = 0;

  // A profiler is told the time of every layer. With setEnqueueEmitsProfile(true), the default, each inference reports by
  // itself and is waited for; with false, reportToProfiler() reports the last one.
  virtual void setProfiler(IProfiler* profiler) noexcept = 0;
  virtual IProfiler* getProfiler() const noexcept = 0;
  virtual void setEnqueueEmitsProfile(bool enqueueEmitsProfile) noexcept = 0;
  virtual bool getEnqueueEmitsProfile() const noexcept = 0;
  virtual bool reportToProfiler() const noexcept = 0;

  // Memory for values of data-dependent size comes from here; nullptr: from the runtime's allocator.
  virtual bool setTemporaryStorageAllocator(IGpuAllocator* allocator) noexcept = 0;
  virtual IGpuAllocator* getTemporaryStorageAllocator() const noexcept = 0;
  // Memory for activations of a kUSER_MANAGED context, at least as many bytes as the engine's getDeviceMemorySize... says.
  virtual void setDeviceMemory(void* memory) noexcept = 0;
  virtual void setDeviceMemoryV2(void* memory, int64_t size) noexcept = 0;
  // Bytes that are needed for the input shapes that are set; 0 on an error.
  virtual size_t updateDeviceMemorySizeForShapes() noexcept = 0;
  virtual void setPersistentCacheLimit(size_t size) noexcept = 0;  // bytes of a GPU's L2 cache to keep; default 0
  virtual size_t getPersistentCacheLimit() const noexcept = 0;

  // Helper streams of the program's in place of those of the library.
  virtual void setAuxStreams(cudaStream_t* auxStreams, int32_t nbStreams) noexcept = 0;
  // Wait after every layer. Default: no.
  virtual void setDebugSync(bool sync) noexcept = 0;
  virtual bool getDebugSync() const noexcept = 0;
  virtual bool setNvtxVerbosity(ProfilingVerbosity verbosity) noexcept = 0;  // at most the engine's
  virtual ProfilingVerbosity getNvtxVerbosity() const noexcept = 0;
  virtual IRuntimeConfig* getRuntimeConfig() const noexcept = 0;

  // Debug tensors: told to the listener as they are computed. Off until switched on, by name or all.
  virtual bool setDebugListener(IDebugListener* listener) noexcept = 0;
  virtual IDebugListener* getDebugListener() noexcept = 0;
  virtual bool setTensorDebugState(char const* name, bool flag) noexcept = 0;
  virtual bool getDebugState(char const* name) const noexcept = 0;
  virtual bool setAllTensorsDebugState(bool flag) noexcept = 0;
  virtual bool setUnfusedTensorsDebugState(bool flag) noexcept = 0;
  virtual bool getUnfusedTensorsDebugState() const noexcept = 0;

  // An ncclComm_t, for plans of several devices. false: this library has none.
  virtual bool setCommunicator(void* communicator) noexcept = 0;

  virtual ICudaEngine const& getEngine() const noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;

  // Forms of level 8, which number the tensors as the engine's do. `inputConsumed` is recorded when the inputs may change.
  bool enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t* inputConsumed) noexcept {
    ICudaEngine const& engine = getEngine();
    for (int32_t i = 0; i < engine.getNbIOTensors(); ++i) {
      if (bindings[i] && !setTensorAddress(engine.getIOTensorName(i), bindings[i])) return false;
    }
    if (inputConsumed && !setInputConsumedEvent(*inputConsumed)) return false;
    return enqueueV3(stream);
  }
  // Implicit batch: every input and output is `batchSize` times as large as the engine says, but for inputs that are broadcast
  // across the batch. 1 <= batchSize <= getMaxBatchSize().
  virtual bool execute(int32_t batchSize, void* const* bindings) noexcept = 0;
  virtual bool enqueue(int32_t batchSize, void* const* bindings, cudaStream_t stream, cudaEvent_t* inputConsumed) noexcept = 0;
  bool setOptimizationProfile(int32_t profileIndex) noexcept { return setOptimizationProfileAsync(profileIndex, nullptr); }
  bool setBindingDimensions(int32_t bindingIndex, Dims dimensions) noexcept {
    return setInputShape(getEngine().getIOTensorName(bindingIndex), dimensions);
  }
  Dims getBindingDimensions(int32_t bindingIndex) const noexcept {
    return getTensorShape(getEngine().getIOTensorName(bindingIndex));
  }
  Dims getStrides(int32_t bindingIndex) const noexcept { return getTensorStrides(getEngine().getIOTensorName(bindingIndex)); }
  bool setInputShapeBinding(int32_t bindingIndex, int32_t const* data) noexcept {
    return setInputTensorAddress(getEngine().getIOTensorName(bindingIndex), data);
  }
  virtual bool getShapeBinding(int32_t bindingIndex, int32_t* data) const noexcept = 0;
};

}  // namespace nvinfer1
