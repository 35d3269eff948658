// Plugins as programs of each level write them: with Dims of the level's width, registered by REGISTER_TENSORRT_PLUGIN.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "cuda_runtime_api.h"

using namespace nvinfer1;

static_assert(NV_TENSORRT_MAJOR == EXPECTED_LEVEL, "the headers are those of another level");

namespace {

class Logger : public ILogger {
  void log(Severity severity, AsciiChar const* text) noexcept override {
    if (severity <= Severity::kERROR) std::printf("%s\n", text);
  }
};

constexpr int kRows = 2, kColumns = 3;

bool is_expected(Dims const& dims, int rows) { return dims.nbDims == 2 && dims.d[0] == rows && dims.d[1] == kColumns; }

// What both plugins have in common. y = x + 1, in a row more than x has, which is 0.
template <class Base>
class OneMoreRow : public Base {
 public:
  AsciiChar const* getPluginVersion() const noexcept override { return "1"; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  size_t getSerializationSize() const noexcept override { return 0; }
  void serialize(void*) const noexcept override {}
  void destroy() noexcept override { delete this; }
  void setPluginNamespace(AsciiChar const* space) noexcept override { space_ = space; }
  AsciiChar const* getPluginNamespace() const noexcept override { return space_.c_str(); }
  DataType getOutputDataType(int32_t, DataType const* inputs, int32_t) const noexcept override { return inputs[0]; }

 protected:
  static int32_t compute(int rows, void const* const* inputs, void* const* outputs) {
    auto const* x = static_cast<float const*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int i = 0; i < (rows + 1) * kColumns; ++i) y[i] = i < rows * kColumns ? x[i] + 1 : 0;
    return 0;
  }
  static bool is_plain(PluginTensorDesc const& desc) {
    return desc.type == DataType::kFLOAT && desc.format == TensorFormat::kLINEAR && desc.dims.nbDims == 2 &&
           desc.dims.d[1] == kColumns;
  }
  std::string space_;
};

class Fixed final : public OneMoreRow<IPluginV2IOExt> {
 public:
  AsciiChar const* getPluginType() const noexcept override { return "Fixed"; }
  IPluginV2IOExt* clone() const noexcept override { return new Fixed(*this); }
  Dims getOutputDimensions(int32_t, Dims const* inputs, int32_t) noexcept override {
    Dims dims = inputs[0];
    ++dims.d[0];
    return dims;
  }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* tensors, int32_t, int32_t) const noexcept override {
    return is_plain(tensors[pos]);
  }
  void configurePlugin(PluginTensorDesc const* in, int32_t, PluginTensorDesc const* out, int32_t) noexcept override {
    configured_well = is_expected(in[0].dims, kRows) && is_expected(out[0].dims, kRows + 1);
  }
  size_t getWorkspaceSize(int32_t) const noexcept override { return 0; }
  int32_t enqueue(int32_t batch, void const* const* inputs, void* const* outputs, void*, cudaStream_t) noexcept override {
    return batch == 1 ? compute(kRows, inputs, outputs) : 1;
  }
  bool isOutputBroadcastAcrossBatch(int32_t, bool const*, int32_t) const noexcept override { return false; }
  bool canBroadcastInputAcrossBatch(int32_t) const noexcept override { return false; }

  static bool configured_well;
};
bool Fixed::configured_well = false;

class Dynamic final : public OneMoreRow<IPluginV2DynamicExt> {
 public:
  AsciiChar const* getPluginType() const noexcept override { return "Dynamic"; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Dynamic(*this); }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* inputs, int32_t, IExprBuilder& builder) noexcept override {
    DimsExprs dims = inputs[0];
    dims.d[0] = builder.operation(DimensionOperation::kSUM, *inputs[0].d[0], *builder.constant(1));
    return dims;
  }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* tensors, int32_t, int32_t) noexcept override {
    return is_plain(tensors[pos]);
  }
  void configurePlugin(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const* out,
                       int32_t) noexcept override {
    good_ = is_expected(in[0].min, 1) && is_expected(in[0].max, 4) && is_expected(out[0].max, 5);
  }
  size_t getWorkspaceSize(PluginTensorDesc const* in, int32_t, PluginTensorDesc const*, int32_t) const noexcept override {
    return is_expected(in[0].dims, 4) ? 64 : 0;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    if (!good_ || !is_expected(in[0].dims, kRows) || !is_expected(out[0].dims, kRows + 1)) return 1;
    return compute(kRows, inputs, outputs);
  }

 private:
  bool good_ = false;
};

template <class Plugin>
class Creator : public IPluginCreator {
 public:
  AsciiChar const* getPluginName() const noexcept override { return Plugin().getPluginType(); }
  AsciiChar const* getPluginVersion() const noexcept override { return "1"; }
  PluginFieldCollection const* getFieldNames() noexcept override { return &none_; }
  IPluginV2* createPlugin(AsciiChar const*, PluginFieldCollection const*) noexcept override { return new Plugin; }
  IPluginV2* deserializePlugin(AsciiChar const*, void const*, size_t) noexcept override { return new Plugin; }
  void setPluginNamespace(AsciiChar const* space) noexcept override { space_ = space; }
  AsciiChar const* getPluginNamespace() const noexcept override { return space_.c_str(); }

 private:
  PluginFieldCollection none_{0, nullptr};
  std::string space_;
};
using FixedCreator = Creator<Fixed>;
using DynamicCreator = Creator<Dynamic>;
REGISTER_TENSORRT_PLUGIN(FixedCreator);
REGISTER_TENSORRT_PLUGIN(DynamicCreator);

bool run(Logger& logger, IPluginV2& plugin, int rows) {
  std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  std::unique_ptr<INetworkDefinition> network(
      builder->createNetworkV2(1U << int(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH)));
  std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  ITensor* x = network->addInput("x", DataType::kFLOAT, Dims2(rows, kColumns));
  IPluginV2Layer* layer = network->addPluginV2(&x, 1, plugin);
  if (!layer) return false;
  layer->getOutput(0)->setName("y");
  network->markOutput(*layer->getOutput(0));
  if (rows < 0) {
    IOptimizationProfile* profile = builder->createOptimizationProfile();
    profile->setDimensions("x", OptProfileSelector::kMIN, Dims2(1, kColumns));
    profile->setDimensions("x", OptProfileSelector::kOPT, Dims2(kRows, kColumns));
    profile->setDimensions("x", OptProfileSelector::kMAX, Dims2(4, kColumns));
    config->addOptimizationProfile(profile);
  }
  std::unique_ptr<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  if (!plan) return false;
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  if (!engine) return false;
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  float const given[kRows * kColumns] = {1, 2, 3, 4, 5, 6};
  float const wanted[(kRows + 1) * kColumns] = {2, 3, 4, 5, 6, 7, 0, 0, 0};
  float got[(kRows + 1) * kColumns] = {};
  cudaStream_t stream = nullptr;
  bool const good = cudaStreamCreate(&stream) == cudaSuccess && context->setInputShape("x", Dims2(kRows, kColumns)) &&
                    context->setInputTensorAddress("x", given) && context->setTensorAddress("y", got) &&
                    context->enqueueV3(stream) && cudaStreamSynchronize(stream) == cudaSuccess;
  cudaStreamDestroy(stream);
  return good && std::memcmp(got, wanted, sizeof(wanted)) == 0;
}

}  // namespace

int main() {
  Logger logger;
  Fixed fixed;
  Dynamic dynamic;
  bool const good = run(logger, fixed, kRows) && Fixed::configured_well && run(logger, dynamic, -1);
  std::puts(good ? "PASSED" : "FAILED");
  return good ? 0 : 1;
}
