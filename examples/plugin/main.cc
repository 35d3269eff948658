// A layer of your own: a plugin that clips what is too loud. It is added to a network, kept in a plan, made again when the plan
// is loaded, and run; on a machine without a GPU it is host code.
//
//   cmake --build build --target plugin && build/plugin
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "NvInfer.h"
#include "cuda_runtime_api.h"

using namespace nvinfer1;

namespace {

constexpr char kName[] = "SoftLimit";

// y = x where |x| <= limit, and half of what is beyond. Any shape.
class SoftLimit final : public IPluginV3, public IPluginV3OneCore, public IPluginV3OneBuild, public IPluginV3OneRuntime {
 public:
  explicit SoftLimit(float limit) : limit_(limit) {}
  IPluginV3* clone() override { return new SoftLimit(limit_); }
  IPluginCapability* getCapabilityInterface(PluginCapabilityType type) override {
    if (type == PluginCapabilityType::kCORE) return static_cast<IPluginV3OneCore*>(this);
    if (type == PluginCapabilityType::kBUILD) return static_cast<IPluginV3OneBuild*>(this);
    return static_cast<IPluginV3OneRuntime*>(this);
  }

  // What it is called: its creator has the same three.
  AsciiChar const* getPluginName() const override { return kName; }
  AsciiChar const* getPluginVersion() const override { return "1"; }
  AsciiChar const* getPluginNamespace() const override { return ""; }

  // What the builder asks.
  int32_t getNbOutputs() const override { return 1; }
  int32_t getOutputDataTypes(DataType* outputs, int32_t, DataType const* inputs, int32_t) const override {
    outputs[0] = inputs[0];
    return 0;
  }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder&) override {
    outputs[0] = inputs[0];
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* tensors, int32_t, int32_t) override {
    return tensors[pos].desc.type == DataType::kFLOAT && tensors[pos].desc.format == TensorFormat::kLINEAR;
  }
  int32_t configurePlugin(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*, int32_t) override {
    return 0;
  }

  // What runs.
  IPluginV3* attachToContext(IPluginResourceContext*) override { return clone(); }
  int32_t onShapeChange(PluginTensorDesc const* in, int32_t, PluginTensorDesc const*, int32_t) override {
    count_ = 1;
    for (int32_t d = 0; d < in[0].dims.nbDims; ++d) count_ *= in[0].dims.d[d];
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const* inputs, void* const* outputs, void*,
                  cudaStream_t) override {
    auto const* x = static_cast<float const*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t i = 0; i < count_; ++i) {
      float const inside = std::clamp(x[i], -limit_, limit_);
      y[i] = inside + (x[i] - inside) / 2;
    }
    return 0;
  }

  // What a plan keeps.
  PluginFieldCollection const* getFieldsToSerialize() override {
    field_ = PluginField("limit", &limit_, PluginFieldType::kFLOAT32, 1);
    fields_ = {1, &field_};
    return &fields_;
  }

 private:
  float limit_;
  int64_t count_ = 0;
  PluginField field_;
  PluginFieldCollection fields_{};
};

class SoftLimitCreator final : public IPluginCreatorV3One {
 public:
  AsciiChar const* getPluginName() const override { return kName; }
  AsciiChar const* getPluginVersion() const override { return "1"; }
  AsciiChar const* getPluginNamespace() const override { return ""; }
  PluginFieldCollection const* getFieldNames() override { return &fields_; }
  IPluginV3* createPlugin(AsciiChar const*, PluginFieldCollection const* given, TensorRTPhase) override {
    float limit = 1;
    for (int32_t i = 0; i < given->nbFields; ++i) {
      if (std::strcmp(given->fields[i].name, "limit") == 0) limit = *static_cast<float const*>(given->fields[i].data);
    }
    return new SoftLimit(limit);
  }

 private:
  PluginField limit_{"limit", nullptr, PluginFieldType::kFLOAT32, 1};
  PluginFieldCollection fields_{1, &limit_};
};
REGISTER_TENSORRT_PLUGIN(SoftLimitCreator);

class Logger : public ILogger {
  void log(Severity severity, AsciiChar const* text) noexcept override {
    if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", text);
  }
};

}  // namespace

int main() {
  Logger logger;
  std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(0));
  std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  ITensor* x = network->addInput("x", DataType::kFLOAT, Dims2(1, 6));
  ITensor* louder = network->addElementWise(*x, *x, ElementWiseOperation::kSUM)->getOutput(0);
  SoftLimit limit(1.5F);
  IPluginV3Layer* layer = network->addPluginV3(&louder, 1, nullptr, 0, limit);
  if (!layer) return 1;
  layer->getOutput(0)->setName("y");
  network->markOutput(*layer->getOutput(0));
  std::unique_ptr<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  if (!plan) return 1;

  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  if (!engine) return 1;
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  std::vector<float> in{-2, -0.5F, 0, 0.25F, 0.75F, 4}, out(in.size());
  void* bindings[] = {in.data(), out.data()};
  if (!context || !context->executeV2(bindings)) return 1;
  for (size_t i = 0; i < in.size(); ++i) std::printf("%5.2f -> %5.2f\n", in[i], out[i]);
  return out == std::vector<float>{-2.75F, -1, 0, 0.5F, 1.5F, 4.75F} ? 0 : 1;
}
