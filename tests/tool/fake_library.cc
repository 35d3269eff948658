#include "fake_library.h"

#include <signal.h>

#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "NvOnnxParser.h"
#include "hostcuda/queue.h"
#include "temper/temper.h"
#include "unasked.h"

namespace fake {

Seen seen;
std::string failure;

namespace {

using namespace nvinfer1;

temper::ErrorReport last_error;
void fail(const char* code, const char* message) { last_error = {code, message, {"fake"}}; }

template <class Base>
struct Recorded : Base {
  void setErrorRecorder(IErrorRecorder*) noexcept override {}
  IErrorRecorder* getErrorRecorder() const noexcept override { return nullptr; }
};

struct Bytes : IHostMemory {
  explicit Bytes(std::string text) : bytes(std::move(text)) {}
  void* data() const noexcept override { return const_cast<char*>(bytes.data()); }
  size_t size() const noexcept override { return bytes.size(); }
  DataType type() const noexcept override { return DataType::kINT8; }
  std::string bytes;
};

constexpr const char* kNames[] = {"x", "mask", "y", "positive"};
int index_of(const char* name) {
  for (int i = 0; i < 4; ++i) {
    if (std::strcmp(kNames[i], name) == 0) return i;
  }
  return -1;
}
Dims declared(int index) {
  if (index == 0 || index == 2) return Dims2(-1, 4);
  Dims dims{};
  dims.nbDims = index < 0 ? -1 : 1;
  dims.d[0] = index == 1 ? 2 : -1;
  return dims;
}

struct Engine;

struct Context : Recorded<UnaskedContext> {
  explicit Context(Engine& of) : engine(of) {}
  bool setOptimizationProfileAsync(int32_t, cudaStream_t) noexcept override { return true; }
  int32_t getOptimizationProfile() const noexcept override { return 0; }
  bool setInputShape(const char* name, const Dims& dims) noexcept override {
    if (index_of(name) != 0 || dims.nbDims != 2 || dims.d[1] != 4) {
      fail("E_INVALID_ARGUMENT", "x has the shape -1x4");
      return false;
    }
    batch = dims.d[0];
    return true;
  }
  Dims getTensorShape(const char* name) const noexcept override {
    Dims dims = declared(index_of(name));
    if (dims.nbDims == 2) dims.d[0] = batch;
    return dims;
  }
  Dims getTensorStrides(const char*) const noexcept override { return {}; }
  bool allInputDimensionsSpecified() const noexcept override { return batch >= 0; }
  bool allInputShapesSpecified() const noexcept override { return batch >= 0; }
  int32_t inferShapes(int32_t, const char**) noexcept override { return batch >= 0 ? 0 : 1; }
  bool setTensorAddress(const char* name, void* data) noexcept override {
    addresses[name] = data;
    return index_of(name) >= 0;
  }
  const void* getTensorAddress(const char* name) const noexcept override { return addresses.at(name); }
  bool setInputTensorAddress(const char* name, const void* data) noexcept override {
    return setTensorAddress(name, const_cast<void*>(data));
  }
  bool setOutputTensorAddress(const char* name, void* data) noexcept override { return setTensorAddress(name, data); }
  void* getOutputTensorAddress(const char* name) const noexcept override { return addresses.at(name); }
  bool setOutputAllocator(const char*, IOutputAllocator* given) noexcept override {
    allocator = given;
    return true;
  }
  IOutputAllocator* getOutputAllocator(const char*) const noexcept override { return allocator; }
  int64_t getMaxOutputSize(const char*) const noexcept override { return batch * 32; }
  cudaError_t run() {
    if (failure == "run") return cudaErrorLaunchFailure;
    ++seen.inferences;
    const auto* x = static_cast<const float*>(addresses["x"]);
    const auto* mask = static_cast<const int64_t*>(addresses["mask"]);
    auto* y = static_cast<float*>(addresses["y"]);
    std::vector<int64_t> places;
    for (int64_t i = 0; i < batch * 4; ++i) {
      y[i] = 2 * x[i] + float(mask[0]);
      if (x[i] > 0) places.push_back(i);
    }
    auto* to = static_cast<int64_t*>(allocator->reallocateOutput("positive", nullptr, places.size() * 8, 64));
    if (!places.empty()) std::memcpy(to, places.data(), places.size() * 8);
    Dims dims{};
    dims.nbDims = 1;
    dims.d[0] = int64_t(places.size());
    allocator->notifyShape("positive", dims);
    if (profiler) {
      profiler->reportLayerTime("scale", 0.25f);
      profiler->reportLayerTime("nonzero", 0.75f);
    }
    return cudaSuccess;
  }
  bool enqueueV3(cudaStream_t stream) noexcept override {
    return hostcuda::submit(
               stream, [](void* self) { return static_cast<Context*>(self)->run(); }, this) == cudaSuccess;
  }
  bool executeV2(void* const*) noexcept override { return false; }
  bool setInputConsumedEvent(cudaEvent_t) noexcept override { return true; }
  cudaEvent_t getInputConsumedEvent() const noexcept override { return nullptr; }
  void setProfiler(IProfiler* given) noexcept override { profiler = given; }
  IProfiler* getProfiler() const noexcept override { return profiler; }
  void setEnqueueEmitsProfile(bool) noexcept override {}
  bool getEnqueueEmitsProfile() const noexcept override { return true; }
  bool reportToProfiler() const noexcept override { return true; }
  bool setTemporaryStorageAllocator(IGpuAllocator*) noexcept override { return true; }
  IGpuAllocator* getTemporaryStorageAllocator() const noexcept override { return nullptr; }
  const ICudaEngine& getEngine() const noexcept override;
  void setName(const char*) noexcept override {}
  const char* getName() const noexcept override { return ""; }

  Engine& engine;
  int64_t batch = -1;
  std::map<std::string, void*> addresses;
  IOutputAllocator* allocator = nullptr;
  IProfiler* profiler = nullptr;
};

struct Inspector : Recorded<IEngineInspector> {
  bool setExecutionContext(const IExecutionContext*) noexcept override { return true; }
  const IExecutionContext* getExecutionContext() const noexcept override { return nullptr; }
  const char* getLayerInformation(int32_t, LayerInformationFormat) const noexcept override { return "scale"; }
  const char* getEngineInformation(LayerInformationFormat format) const noexcept override {
    return format == LayerInformationFormat::kJSON
               ? R"({"Layers": ["scale", "nonzero"], "Bindings": ["x", "mask", "y", "positive"]})"
               : "Layers:\nscale\nnonzero";
  }
};

struct Engine : Recorded<UnaskedEngine> {
  Engine(std::string bytes, int64_t best) : plan(std::move(bytes)), best_batch(best) {}
  int32_t getNbIOTensors() const noexcept override { return 4; }
  const char* getIOTensorName(int32_t index) const noexcept override { return kNames[index]; }
  Dims getTensorShape(const char* name) const noexcept override { return declared(index_of(name)); }
  DataType getTensorDataType(const char* name) const noexcept override {
    return index_of(name) % 2 == 0 ? DataType::kFLOAT : DataType::kINT64;
  }
  TensorIOMode getTensorIOMode(const char* name) const noexcept override {
    const int index = index_of(name);
    return index < 0 ? TensorIOMode::kNONE : index < 2 ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
  }
  TensorLocation getTensorLocation(const char* name) const noexcept override {
    return index_of(name) == 1 ? TensorLocation::kHOST : TensorLocation::kDEVICE;
  }
  bool isShapeInferenceIO(const char*) const noexcept override { return false; }
  int32_t getTensorBytesPerComponent(const char*) const noexcept override { return 4; }
  int32_t getTensorBytesPerComponent(const char*, int32_t) const noexcept override { return 4; }
  int32_t getTensorComponentsPerElement(const char*) const noexcept override { return 1; }
  int32_t getTensorComponentsPerElement(const char*, int32_t) const noexcept override { return 1; }
  TensorFormat getTensorFormat(const char*) const noexcept override { return TensorFormat::kLINEAR; }
  TensorFormat getTensorFormat(const char*, int32_t) const noexcept override { return TensorFormat::kLINEAR; }
  const char* getTensorFormatDesc(const char*) const noexcept override { return "linear"; }
  const char* getTensorFormatDesc(const char*, int32_t) const noexcept override { return "linear"; }
  int32_t getTensorVectorizedDim(const char*) const noexcept override { return -1; }
  int32_t getTensorVectorizedDim(const char*, int32_t) const noexcept override { return -1; }
  int32_t getNbOptimizationProfiles() const noexcept override { return 1; }
  Dims getProfileShape(const char* name, int32_t, OptProfileSelector) const noexcept override {
    Dims dims = declared(index_of(name));
    if (dims.nbDims == 2) dims.d[0] = best_batch;
    return dims;
  }
  const int64_t* getProfileTensorValuesV2(const char*, int32_t, OptProfileSelector) const noexcept override { return nullptr; }
  IExecutionContext* createExecutionContext(ExecutionContextAllocationStrategy) noexcept override { return new Context(*this); }
  size_t getDeviceMemorySize() const noexcept override { return 0; }
  int64_t getDeviceMemorySizeV2() const noexcept override { return 0; }
  int64_t getDeviceMemorySizeForProfileV2(int32_t) const noexcept override { return 0; }
  IHostMemory* serialize() const noexcept override { return new Bytes(plan); }
  IEngineInspector* createEngineInspector() const noexcept override { return new Inspector; }
  int32_t getNbLayers() const noexcept override { return 2; }
  const char* getName() const noexcept override { return "fake"; }
  bool isRefittable() const noexcept override { return false; }
  bool hasImplicitBatchDimension() const noexcept override { return false; }
  int32_t getMaxBatchSize() const noexcept override { return 1; }
  EngineCapability getEngineCapability() const noexcept override { return EngineCapability::kSTANDARD; }
  TacticSources getTacticSources() const noexcept override { return 0; }
  ProfilingVerbosity getProfilingVerbosity() const noexcept override { return ProfilingVerbosity::kLAYER_NAMES_ONLY; }
  HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return HardwareCompatibilityLevel::kNONE;
  }
  int32_t getNbAuxStreams() const noexcept override { return 0; }
  int64_t getEngineStat(EngineStat) const noexcept override { return 0; }
  std::string plan;
  int64_t best_batch;
};

const ICudaEngine& Context::getEngine() const noexcept { return engine; }

// "FAKEPLAN 1" and the best batch.
ICudaEngine* load(const std::string& bytes) {
  std::istringstream text(bytes);
  std::string magic;
  int64_t best = 0;
  if (text >> magic >> best && magic == "FAKEPLAN") return new Engine(bytes, best);
  fail("E_CORRUPT", "not a plan");
  return nullptr;
}

struct Runtime : Recorded<UnaskedRuntime> {
  explicit Runtime(ILogger* given) : logger(given) {}
  ICudaEngine* deserializeCudaEngine(const void* blob, size_t size) noexcept override {
    return load({static_cast<const char*>(blob), size});
  }
  ICudaEngine* deserializeCudaEngine(IStreamReader&) noexcept override { return nullptr; }
  ICudaEngine* deserializeCudaEngine(IStreamReaderV2&) noexcept override { return nullptr; }
  void setGpuAllocator(IGpuAllocator*) noexcept override {}
  bool setMaxThreads(int32_t) noexcept override { return true; }
  int32_t getMaxThreads() const noexcept override { return 1; }
  void setEngineHostCodeAllowed(bool) noexcept override {}
  bool getEngineHostCodeAllowed() const noexcept override { return false; }
  ILogger* getLogger() const noexcept override { return logger; }
  ILogger* logger;
};

struct Tensor : UnaskedTensor {
  explicit Tensor(int i) : index(i) {}
  void setName(const char*) noexcept override {}
  const char* getName() const noexcept override { return kNames[index]; }
  void setDimensions(const Dims&) noexcept override {}
  Dims getDimensions() const noexcept override { return declared(index); }
  void setType(DataType) noexcept override {}
  DataType getType() const noexcept override { return DataType::kFLOAT; }
  bool isNetworkInput() const noexcept override { return index < 2; }
  bool isNetworkOutput() const noexcept override { return index >= 2; }
  void setAllowedFormats(TensorFormats) noexcept override {}
  TensorFormats getAllowedFormats() const noexcept override { return 1; }
  TensorLocation getLocation() const noexcept override { return TensorLocation::kDEVICE; }
  bool isShapeTensor() const noexcept override { return false; }
  bool isExecutionTensor() const noexcept override { return true; }
  void setDimensionName(int32_t, const char*) noexcept override {}
  const char* getDimensionName(int32_t) const noexcept override { return nullptr; }
  int index;
};

struct Network : Recorded<UnaskedNetwork> {
  explicit Network(IBuilder& of) : builder(of) {}
  ITensor* addInput(const char*, DataType, const Dims&) noexcept override { return nullptr; }
  void markOutput(ITensor&) noexcept override {}
  void unmarkOutput(ITensor&) noexcept override {}
  void removeTensor(ITensor&) noexcept override {}
  int32_t getNbLayers() const noexcept override { return 0; }
  ILayer* getLayer(int32_t) const noexcept override { return nullptr; }
  int32_t getNbInputs() const noexcept override { return 2; }
  ITensor* getInput(int32_t index) const noexcept override { return &tensors[index]; }
  int32_t getNbOutputs() const noexcept override { return 2; }
  ITensor* getOutput(int32_t index) const noexcept override { return &tensors[2 + index]; }
  void setName(const char*) noexcept override {}
  const char* getName() const noexcept override { return "fake"; }
  bool hasImplicitBatchDimension() const noexcept override { return false; }
  NetworkDefinitionCreationFlags getFlags() const noexcept override { return 0; }
  bool getFlag(NetworkDefinitionCreationFlag) const noexcept override { return false; }
  IBuilder& getBuilder() const noexcept override { return builder; }
  IBuilder& builder;
  mutable Tensor tensors[4]{Tensor(0), Tensor(1), Tensor(2), Tensor(3)};
};

struct Profile : IOptimizationProfile {
  bool setDimensions(const char*, OptProfileSelector, const Dims& given) noexcept override {
    dims.push_back(given);
    return given.nbDims == 2;
  }
  Dims getDimensions(const char*, OptProfileSelector) const noexcept override { return {}; }
  bool setShapeValues(const char*, OptProfileSelector, const int32_t*, int32_t) noexcept override { return true; }
  const int32_t* getShapeValues(const char*, OptProfileSelector) const noexcept override { return nullptr; }
  bool setShapeValuesV2(const char*, OptProfileSelector, const int64_t*, int32_t) noexcept override { return true; }
  const int64_t* getShapeValuesV2(const char*, OptProfileSelector) const noexcept override { return nullptr; }
  int32_t getNbShapeValues(const char*) const noexcept override { return -1; }
  bool setExtraMemoryTarget(float) noexcept override { return true; }
  float getExtraMemoryTarget() const noexcept override { return 1; }
  bool isValid() const noexcept override { return true; }
  std::vector<Dims> dims;
};

struct Cache : UnaskedCache {
  IHostMemory* serialize() const noexcept override { return new Bytes("CACHE " + std::to_string(records)); }
  bool combine(const ITimingCache& other, bool) noexcept override {
    records += static_cast<const Cache&>(other).records;
    return true;
  }
  bool reset() noexcept override { return true; }
  int records = 0;
};

struct Config : UnaskedConfig {
  void reset() noexcept override {}
  void setFlags(BuilderFlags given) noexcept override { seen.flags = given; }
  BuilderFlags getFlags() const noexcept override { return seen.flags; }
  void setFlag(BuilderFlag flag) noexcept override { seen.flags |= 1U << int(flag); }
  void clearFlag(BuilderFlag flag) noexcept override { seen.flags &= ~(1U << int(flag)); }
  bool getFlag(BuilderFlag flag) const noexcept override { return seen.flags >> int(flag) & 1; }
  void setBuilderOptimizationLevel(int32_t level) noexcept override { seen.level = level; }
  int32_t getBuilderOptimizationLevel() noexcept override { return seen.level; }
  void setAvgTimingIterations(int32_t) noexcept override {}
  int32_t getAvgTimingIterations() const noexcept override { return 1; }
  void setMaxNbTactics(int32_t) noexcept override {}
  int32_t getMaxNbTactics() const noexcept override { return -1; }
  bool setTacticSources(TacticSources) noexcept override { return true; }
  TacticSources getTacticSources() const noexcept override { return 0; }
  ITimingCache* createTimingCache(const void* blob, size_t size) const noexcept override {
    auto made = std::make_unique<Cache>();
    const std::string text(static_cast<const char*>(blob), size);
    if (size > 0 && text.rfind("CACHE ", 0) != 0) {
      fail("E_CORRUPT", "not a timing cache");
      return nullptr;
    }
    if (size > 0) made->records = std::stoi(text.substr(6));
    return made.release();
  }
  bool setTimingCache(const ITimingCache& given, bool) noexcept override {
    cache.records = static_cast<const Cache&>(given).records;
    return true;
  }
  const ITimingCache* getTimingCache() const noexcept override { return &cache; }
  void setMemoryPoolLimit(MemoryPoolType, size_t bytes) noexcept override { seen.workspace = bytes; }
  size_t getMemoryPoolLimit(MemoryPoolType) const noexcept override { return seen.workspace; }
  int32_t addOptimizationProfile(const IOptimizationProfile* profile) noexcept override {
    seen.profile = static_cast<const Profile*>(profile)->dims;
    return 0;
  }
  int32_t getNbOptimizationProfiles() const noexcept override { return 1; }
  void setProfilingVerbosity(ProfilingVerbosity) noexcept override {}
  ProfilingVerbosity getProfilingVerbosity() const noexcept override { return ProfilingVerbosity::kNONE; }
  void setProgressMonitor(IProgressMonitor* given) noexcept override { monitor = given; }
  IProgressMonitor* getProgressMonitor() const noexcept override { return monitor; }
  void setProfileStream(cudaStream_t) noexcept override {}
  cudaStream_t getProfileStream() const noexcept override { return nullptr; }
  void setEngineCapability(EngineCapability) noexcept override {}
  EngineCapability getEngineCapability() const noexcept override { return EngineCapability::kSTANDARD; }
  void setHardwareCompatibilityLevel(HardwareCompatibilityLevel) noexcept override {}
  HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return HardwareCompatibilityLevel::kNONE;
  }
  bool setMaxAuxStreams(int32_t) noexcept override { return true; }
  int32_t getMaxAuxStreams() const noexcept override { return -1; }
  Cache cache;
  IProgressMonitor* monitor = nullptr;
};

struct Builder : Recorded<UnaskedBuilder> {
  explicit Builder(ILogger* given) : logger(given) {}
  INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags) noexcept override { return new Network(*this); }
  IBuilderConfig* createBuilderConfig() noexcept override { return new Config; }
  IOptimizationProfile* createOptimizationProfile() noexcept override {
    profiles.push_back(std::make_unique<Profile>());
    return profiles.back().get();
  }
  std::string build(IBuilderConfig& given) {
    auto& config = static_cast<Config&>(given);
    ++seen.builds;
    config.monitor->phaseStart("measure", nullptr, 3);
    for (int step = 0; step < 3; ++step) {
      if (failure == "interrupt" && step == 1) raise(SIGINT);
      if (!config.monitor->stepComplete("measure", step)) {
        fail("E_CANCELLED", "stopped");
        return {};
      }
    }
    config.monitor->phaseFinish("measure");
    if (failure == "build") {
      fail("E_UNSUPPORTED", "this fake can't");
      return {};
    }
    if (config.cache.records == 0) {
      config.cache.records = 7;
      seen.measured += 7;
    }
    return "FAKEPLAN " + std::to_string(seen.profile.size() > 1 ? seen.profile[1].d[0] : 1);
  }
  IHostMemory* buildSerializedNetwork(INetworkDefinition&, IBuilderConfig& config) noexcept override {
    std::string plan = build(config);
    return plan.empty() ? nullptr : new Bytes(std::move(plan));
  }
  bool buildSerializedNetworkToStream(INetworkDefinition&, IBuilderConfig& config, IStreamWriter& writer) noexcept override {
    const std::string plan = build(config);
    return !plan.empty() && writer.write(plan.data(), int64_t(plan.size())) == int64_t(plan.size());
  }
  ICudaEngine* buildEngineWithConfig(INetworkDefinition&, IBuilderConfig&) noexcept override { return nullptr; }
  bool isNetworkSupported(const INetworkDefinition&, const IBuilderConfig&) const noexcept override { return true; }
  bool platformHasFastFp16() const noexcept override { return false; }
  bool platformHasFastInt8() const noexcept override { return false; }
  bool platformHasTf32() const noexcept override { return false; }
  void setGpuAllocator(IGpuAllocator*) noexcept override {}
  bool setMaxThreads(int32_t) noexcept override { return true; }
  int32_t getMaxThreads() const noexcept override { return 1; }
  ILogger* getLogger() const noexcept override { return logger; }
  void reset() noexcept override {}
  ILogger* logger;
  std::vector<std::unique_ptr<Profile>> profiles;
};

struct ParserError : nvonnxparser::IParserError {
  nvonnxparser::ErrorCode code() const override { return nvonnxparser::ErrorCode::kUNSUPPORTED_NODE; }
  const char* desc() const override { return "node 'n': operator Fancy is unknown"; }
  const char* file() const override { return ""; }
  int line() const override { return 0; }
  const char* func() const override { return ""; }
  int node() const override { return 0; }
  const char* nodeName() const override { return "n"; }
  const char* nodeOperator() const override { return "Fancy"; }
  const char* const* localFunctionStack() const override { return nullptr; }
  int32_t localFunctionStackSize() const override { return 0; }
};

struct Parser : UnaskedParser {
  bool parse(const void*, size_t, const char*) noexcept override { return false; }
  bool parseFromFile(const char* path, int) noexcept override {
    if (failure != "parse" && std::ifstream(path).good()) return true;
    fail("E_UNSUPPORTED", "operator Fancy is unknown");
    return false;
  }
  bool supportsModelV2(const void*, size_t, const char*) noexcept override { return true; }
  bool supportsOperator(const char*) const noexcept override { return true; }
  int getNbErrors() const noexcept override { return 1; }
  const nvonnxparser::IParserError* getError(int) const noexcept override { return &error; }
  void clearErrors() noexcept override {}
  void setFlags(nvonnxparser::OnnxParserFlags) noexcept override {}
  nvonnxparser::OnnxParserFlags getFlags() const noexcept override { return 0; }
  void setFlag(nvonnxparser::OnnxParserFlag) noexcept override {}
  void clearFlag(nvonnxparser::OnnxParserFlag) noexcept override {}
  bool getFlag(nvonnxparser::OnnxParserFlag) const noexcept override { return false; }
  const ITensor* getLayerOutputTensor(const char*, int64_t) noexcept override { return nullptr; }
  ParserError error;
};

}  // namespace
}  // namespace fake

void* createInferBuilder_INTERNAL(void* logger, int32_t) noexcept {
  return static_cast<nvinfer1::IBuilder*>(new fake::Builder(static_cast<nvinfer1::ILogger*>(logger)));
}
nvinfer1::IPluginRegistry* getPluginRegistry() noexcept {
  static struct Registry final : fake::UnaskedRegistry {
    PluginLibraryHandle loadLibrary(char const* path) noexcept override {
      fake::seen.libraries.emplace_back(path);
      return std::string_view(path) == "missing.so" ? nullptr : this;
    }
  } registry;
  return &registry;
}
void* createInferRuntime_INTERNAL(void* logger, int32_t) noexcept {
  return static_cast<nvinfer1::IRuntime*>(new fake::Runtime(static_cast<nvinfer1::ILogger*>(logger)));
}
void* createNvOnnxParser_INTERNAL(void*, void*, int) noexcept { return static_cast<nvonnxparser::IParser*>(new fake::Parser); }

namespace temper {

const char* versionText() noexcept { return "0.0.0"; }
ErrorReport lastError() { return fake::last_error; }
void clearLastError() noexcept { fake::last_error = {}; }
nvinfer1::ICudaEngine* loadPlan(nvinfer1::IRuntime&, const char* path) noexcept {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fake::fail("E_NOT_FOUND", "there is no such file");
    return nullptr;
  }
  return fake::load({std::istreambuf_iterator<char>(file), {}});
}
bool verify(const char* path, std::string& report) {
  std::ifstream file(path, std::ios::binary);
  std::string word;
  report = "container, steps";
  if (file >> word && word == "FAKEPLAN") return true;
  fake::fail("E_CORRUPT", "not a plan");
  return false;
}
std::string planVersion(const char* path) { return std::ifstream(path).good() ? "0.0.0" : ""; }
bool setCpuThreads(nvinfer1::IBuilderConfig&, int threads) noexcept {
  fake::seen.config_threads = threads;
  return true;
}
bool setCpuThreads(nvinfer1::IRuntime&, int threads) noexcept {
  fake::seen.runtime_threads = threads;
  return true;
}
bool setLayerPrecision(nvinfer1::IBuilderConfig&, const char* layer, nvinfer1::DataType type) noexcept {
  fake::seen.layer_types.push_back(std::string(layer) + " " + std::to_string(int(type)));
  return true;
}
bool setLayerOutputType(nvinfer1::IBuilderConfig&, const char* layer, int output, nvinfer1::DataType type) noexcept {
  fake::seen.layer_types.push_back(std::string(layer) + "[" + std::to_string(output) + "] " + std::to_string(int(type)));
  return true;
}
bool setTargets(nvinfer1::IBuilderConfig&, const char* targets) noexcept {
  fake::seen.targets = targets;
  return true;
}
bool switchTacticSource(nvinfer1::IBuilderConfig&, std::string_view source, bool on) {
  fake::seen.sources[std::string(source)] = on;
  return source == "onednn" || source == "tile";
}
std::vector<std::string> passNames() { return {"fold", "cse"}; }
bool disablePass(nvinfer1::IBuilderConfig&, std::string_view pass) { return pass == "fold" || pass == "cse"; }
void setPassListener(nvinfer1::IBuilderConfig&, PassListener) {}
std::string explain(const nvinfer1::ICudaEngine&, TextFormat format) {
  return format == TextFormat::kJSON ? "{}" : "kernel scale";
}
std::string print(const nvinfer1::ICudaEngine&, Representation) { return "plan text"; }
std::string print(const nvinfer1::INetworkDefinition&) { return "graph text"; }

}  // namespace temper
