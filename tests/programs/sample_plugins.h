// Plugins that tests are made of, one of each generation, written as programs write them.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "NvInfer.h"
#include "cuda_runtime_api.h"

namespace sample {

using namespace nvinfer1;

// An IPluginV3 with one float output of its first input's shape; what differs is overridden.
class PluginV3 : public IPluginV3, public IPluginV3OneCore, public IPluginV3OneBuildV2, public IPluginV3OneRuntime {
 public:
  IPluginCapability* getCapabilityInterface(PluginCapabilityType type) override {
    if (type == PluginCapabilityType::kCORE) return static_cast<IPluginV3OneCore*>(this);
    if (type == PluginCapabilityType::kBUILD) return static_cast<IPluginV3OneBuild*>(this);
    return static_cast<IPluginV3OneRuntime*>(this);
  }
  AsciiChar const* getPluginVersion() const override { return "1"; }
  AsciiChar const* getPluginNamespace() const override { return ""; }
  int32_t configurePlugin(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*, int32_t) override {
    return 0;
  }
  int32_t getOutputDataTypes(DataType* outputs, int32_t count, DataType const* inputs, int32_t) const override {
    std::fill_n(outputs, count, inputs[0]);
    return 0;
  }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t count,
                          IExprBuilder&) override {
    std::fill_n(outputs, count, inputs[0]);
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* tensors, int32_t, int32_t) override {
    return tensors[pos].desc.type == DataType::kFLOAT && tensors[pos].desc.format == TensorFormat::kLINEAR;
  }
  int32_t getNbOutputs() const override { return 1; }
  int32_t onShapeChange(PluginTensorDesc const*, int32_t, PluginTensorDesc const*, int32_t) override { return 0; }
  IPluginV3* attachToContext(IPluginResourceContext*) override { return clone(); }
  PluginFieldCollection const* getFieldsToSerialize() override {
    fields_ = {0, nullptr};
    return &fields_;
  }

 protected:
  PluginFieldCollection fields_{};
};

// A creator of PluginV3s of one class, which takes no parameters.
template <class Made>
class CreatorV3 : public IPluginCreatorV3One {
 public:
  IPluginV3* createPlugin(AsciiChar const*, PluginFieldCollection const*, TensorRTPhase) override { return new Made; }
  PluginFieldCollection const* getFieldNames() override { return &none_; }
  AsciiChar const* getPluginName() const override { return Made().getPluginName(); }
  AsciiChar const* getPluginVersion() const override { return "1"; }
  AsciiChar const* getPluginNamespace() const override { return ""; }

 private:
  PluginFieldCollection none_{0, nullptr};
};

inline int64_t volume(Dims const& dims) {
  int64_t count = 1;
  for (int i = 0; i < dims.nbDims; ++i) count *= dims.d[i];
  return count;
}

// y = the input, `times` times one after the other along its first dimension, each multiplied by `scale`.
class Repeat final : public PluginV3 {
 public:
  Repeat(int32_t times, float scale) : times_(times), scale_(scale) {}
  IPluginV3* clone() override { return new Repeat(times_, scale_); }
  AsciiChar const* getPluginName() const override { return "Repeat"; }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder& builder) override {
    outputs[0] = inputs[0];
    outputs[0].d[0] = builder.operation(DimensionOperation::kPROD, *inputs[0].d[0], *builder.constant(times_));
    return 0;
  }
  size_t getWorkspaceSize(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const*, int32_t) const override {
    return sizeof(float) * size_t(volume(in[0].max));
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs, void* const* outputs,
                  void* workspace, cudaStream_t stream) override {
    const int64_t count = volume(in[0].dims);
    if (volume(out[0].dims) != count * times_) return 1;
    auto* scaled = static_cast<float*>(workspace);
    for (int64_t i = 0; i < count; ++i) scaled[i] = static_cast<const float*>(inputs[0])[i] * scale_;
    for (int32_t t = 0; t < times_; ++t) {
      cudaMemcpyAsync(static_cast<float*>(outputs[0]) + t * count, scaled, sizeof(float) * size_t(count),
                      cudaMemcpyDeviceToDevice, stream);
    }
    return 0;
  }
  PluginFieldCollection const* getFieldsToSerialize() override {
    all_ = {{"times", &times_, PluginFieldType::kINT32, 1}, {"scale", &scale_, PluginFieldType::kFLOAT32, 1}};
    fields_ = {int32_t(all_.size()), all_.data()};
    return &fields_;
  }

 private:
  int32_t times_;
  float scale_;
  std::vector<PluginField> all_;
};

class RepeatCreator : public IPluginCreatorV3One {
 public:
  IPluginV3* createPlugin(AsciiChar const*, PluginFieldCollection const* fields, TensorRTPhase phase) override {
    int32_t times = 1;
    float scale = 1;
    for (int32_t i = 0; i < fields->nbFields; ++i) {
      const PluginField& field = fields->fields[i];
      if (!std::strcmp(field.name, "times")) times = *static_cast<const int32_t*>(field.data);
      if (!std::strcmp(field.name, "scale")) scale = *static_cast<const float*>(field.data);
    }
    phases.push_back(phase);
    return times < 1 ? nullptr : new Repeat(times, scale);
  }
  PluginFieldCollection const* getFieldNames() override { return &collection_; }
  AsciiChar const* getPluginName() const override { return "Repeat"; }
  AsciiChar const* getPluginVersion() const override { return "1"; }
  AsciiChar const* getPluginNamespace() const override { return ""; }
  std::vector<TensorRTPhase> phases;

 private:
  PluginField names_[2] = {{"times", nullptr, PluginFieldType::kINT32, 1}, {"scale", nullptr, PluginFieldType::kFLOAT32, 1}};
  PluginFieldCollection collection_{2, names_};
};

// Positions of the elements above 0, and how many they are.
class Positive final : public PluginV3 {
 public:
  explicit Positive(DataType count = DataType::kINT32) : count_(count) {}
  IPluginV3* clone() override { return new Positive(count_); }
  AsciiChar const* getPluginName() const override { return "Positive"; }
  int32_t getNbOutputs() const override { return 2; }
  int32_t getOutputDataTypes(DataType* outputs, int32_t, DataType const*, int32_t) const override {
    outputs[0] = DataType::kINT32;
    outputs[1] = count_;
    return 0;
  }
  int32_t getOutputShapes(DimsExprs const* inputs, int32_t, DimsExprs const*, int32_t, DimsExprs* outputs, int32_t,
                          IExprBuilder& builder) override {
    auto* half = builder.operation(DimensionOperation::kFLOOR_DIV, *inputs[0].d[0], *builder.constant(2));
    outputs[0].nbDims = 1;
    outputs[0].d[0] = builder.declareSizeTensor(1, *half, *inputs[0].d[0]);
    outputs[1].nbDims = 0;
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* tensors, int32_t, int32_t) override {
    return tensors[pos].desc.type == (pos == 0 ? DataType::kFLOAT : pos == 1 ? DataType::kINT32 : count_);
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) override {
    if (out[0].dims.d[0] != -1) return 1;
    int32_t found = 0;
    for (int32_t i = 0; i < in[0].dims.d[0]; ++i) {
      if (static_cast<const float*>(inputs[0])[i] > 0) static_cast<int32_t*>(outputs[0])[found++] = i;
    }
    if (count_ == DataType::kINT32)
      *static_cast<int32_t*>(outputs[1]) = found;
    else
      *static_cast<int64_t*>(outputs[1]) = found;
    return 0;
  }

 private:
  DataType count_;
};

// A plan that calls both: x[n], from 1 to 4, repeated, and the positions of what is above 0 in it.
inline std::unique_ptr<IHostMemory> plan_of_plugins(ILogger& logger) {
  std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(0));
  std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  config->setBuilderOptimizationLevel(0);
  Dims dims{1, {-1}};
  ITensor* x = network->addInput("x", DataType::kFLOAT, dims);
  Repeat repeat(2, 1);
  ITensor* repeated = network->addPluginV3(&x, 1, nullptr, 0, repeat)->getOutput(0);
  Positive positive;
  ITensor* found = network->addPluginV3(&repeated, 1, nullptr, 0, positive)->getOutput(0);
  network->markOutput(*network->addElementWise(*found, *found, ElementWiseOperation::kSUM)->getOutput(0));
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  for (auto [at, n] : {std::pair(OptProfileSelector::kMIN, 1), {OptProfileSelector::kOPT, 2}, {OptProfileSelector::kMAX, 4}}) {
    dims.d[0] = n;
    profile->setDimensions("x", at, dims);
  }
  config->addOptimizationProfile(profile);
  return std::unique_ptr<IHostMemory>(builder->buildSerializedNetwork(*network, *config));
}

// A creator that is registered as long as it lives.
template <class Creator>
struct Registered : Creator {
  explicit Registered(const char* space = "") { getPluginRegistry()->registerCreator(static_cast<Creator&>(*this), space); }
  ~Registered() { getPluginRegistry()->deregisterCreator(static_cast<Creator const&>(*this)); }
};

// What all four kinds of IPluginV2 have in common here: y = x + `amount`.
template <class Base>
class AddV2 : public Base {
 public:
  explicit AddV2(float amount) : amount_(amount) {}
  AsciiChar const* getPluginVersion() const override { return "1"; }
  int32_t getNbOutputs() const override { return 1; }
  int32_t initialize() override { return 0; }
  void terminate() override {}
  size_t getSerializationSize() const override { return sizeof(amount_); }
  void serialize(void* to) const override { std::memcpy(to, &amount_, sizeof(amount_)); }
  void destroy() override { delete this; }
  void setPluginNamespace(AsciiChar const* space) override { space_ = space; }
  AsciiChar const* getPluginNamespace() const override { return space_.c_str(); }

 protected:
  int32_t add(int64_t count, void const* const* inputs, void* const* outputs) const {
    for (int64_t i = 0; i < count; ++i) static_cast<float*>(outputs[0])[i] = static_cast<const float*>(inputs[0])[i] + amount_;
    return 0;
  }
  float amount_;
  std::string space_;
};

// The three that know fixed extents keep how many elements there are.
template <class Base>
class FixedAddV2 : public AddV2<Base> {
 public:
  FixedAddV2(float amount, int32_t count) : AddV2<Base>(amount), count_(count) {}
  Dims getOutputDimensions(int32_t, Dims const* inputs, int32_t) override { return inputs[0]; }
  size_t getWorkspaceSize(int32_t) const override { return 0; }
  int32_t enqueue(int32_t batch, void const* const* inputs, void* const* outputs, void*, cudaStream_t) override {
    return this->add(int64_t(batch) * count_, inputs, outputs);
  }
  size_t getSerializationSize() const override { return sizeof(float) + sizeof(count_); }
  void serialize(void* to) const override {
    std::memcpy(to, &this->amount_, sizeof(float));
    std::memcpy(static_cast<char*>(to) + sizeof(float), &count_, sizeof(count_));
  }

 protected:
  int32_t count_ = 0;
};

class AddOld final : public FixedAddV2<IPluginV2> {
 public:
  using FixedAddV2::FixedAddV2;
  AsciiChar const* getPluginType() const override { return "AddOld"; }
  IPluginV2* clone() const override { return new AddOld(*this); }
  bool supportsFormat(DataType type, PluginFormat format) const override {
    return type == DataType::kFLOAT && format == PluginFormat::kLINEAR;
  }
  void configureWithFormat(Dims const* in, int32_t, Dims const*, int32_t, DataType, PluginFormat, int32_t) override {
    count_ = int32_t(volume(in[0]));
  }
};

class AddExt final : public FixedAddV2<IPluginV2Ext> {
 public:
  using FixedAddV2::FixedAddV2;
  AsciiChar const* getPluginType() const override { return "AddExt"; }
  IPluginV2Ext* clone() const override { return new AddExt(*this); }
  bool supportsFormat(DataType type, PluginFormat format) const override {
    return type == DataType::kFLOAT && format == PluginFormat::kLINEAR;
  }
  DataType getOutputDataType(int32_t, DataType const* inputs, int32_t) const override { return inputs[0]; }
  void configurePlugin(Dims const* in, int32_t, Dims const*, int32_t, DataType const*, DataType const*, bool const*,
                       bool const*, PluginFormat, int32_t) override {
    count_ = int32_t(volume(in[0]));
  }
};

class AddIo final : public FixedAddV2<IPluginV2IOExt> {
 public:
  using FixedAddV2::FixedAddV2;
  AsciiChar const* getPluginType() const override { return "AddIo"; }
  IPluginV2IOExt* clone() const override { return new AddIo(*this); }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* tensors, int32_t, int32_t) const override {
    return tensors[pos].type == DataType::kFLOAT && tensors[pos].format == TensorFormat::kLINEAR;
  }
  DataType getOutputDataType(int32_t, DataType const* inputs, int32_t) const override { return inputs[0]; }
  void configurePlugin(PluginTensorDesc const* in, int32_t, PluginTensorDesc const*, int32_t) override {
    count_ = int32_t(volume(in[0].dims));
  }
};

class AddDynamic final : public AddV2<IPluginV2DynamicExt> {
 public:
  using AddV2::AddV2;
  AsciiChar const* getPluginType() const override { return "AddDynamic"; }
  IPluginV2DynamicExt* clone() const override { return new AddDynamic(*this); }
  DataType getOutputDataType(int32_t, DataType const* inputs, int32_t) const override { return inputs[0]; }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* inputs, int32_t, IExprBuilder&) override { return inputs[0]; }
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* tensors, int32_t, int32_t) override {
    return tensors[pos].type == DataType::kFLOAT && tensors[pos].format == TensorFormat::kLINEAR;
  }
  void configurePlugin(DynamicPluginTensorDesc const* in, int32_t, DynamicPluginTensorDesc const*, int32_t) override {
    largest_ = volume(in[0].max);
  }
  size_t getWorkspaceSize(PluginTensorDesc const*, int32_t, PluginTensorDesc const*, int32_t) const override { return 64; }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs, void*,
                  cudaStream_t) override {
    return volume(in[0].dims) > largest_ ? 1 : add(volume(in[0].dims), inputs, outputs);
  }

 private:
  int64_t largest_ = 0;
};

// Creators of the four: the field "amount"; from a plan, what serialize() wrote.
template <class Made>
class AddCreator : public IPluginCreator {
 public:
  AsciiChar const* getPluginName() const override { return name_.c_str(); }
  AsciiChar const* getPluginVersion() const override { return "1"; }
  PluginFieldCollection const* getFieldNames() override { return &collection_; }
  IPluginV2* createPlugin(AsciiChar const*, PluginFieldCollection const* fields) override {
    float amount = 0;
    for (int32_t i = 0; i < fields->nbFields; ++i) amount = *static_cast<const float*>(fields->fields[i].data);
    return make(amount, 0);
  }
  IPluginV2* deserializePlugin(AsciiChar const*, void const* data, size_t size) override {
    float amount = 0;
    int32_t count = 0;
    std::memcpy(&amount, data, sizeof(amount));
    if (size > sizeof(amount)) std::memcpy(&count, static_cast<const char*>(data) + sizeof(amount), sizeof(count));
    return make(amount, count);
  }
  void setPluginNamespace(AsciiChar const* space) override { space_ = space; }
  AsciiChar const* getPluginNamespace() const override { return space_.c_str(); }

  static IPluginV2* make(float amount, int32_t count) {
    if constexpr (std::is_constructible_v<Made, float, int32_t>) {
      return new Made(amount, count);
    } else {
      return new Made(amount);
    }
  }

 private:
  PluginField amount_{"amount", nullptr, PluginFieldType::kFLOAT32, 1};
  PluginFieldCollection collection_{1, &amount_};
  std::string name_ = [] {
    IPluginV2* made = make(0, 0);
    std::string name = made->getPluginType();
    made->destroy();
    return name;
  }();
  std::string space_;
};

}  // namespace sample
