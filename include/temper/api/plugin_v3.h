// Plugins with dynamic shapes: IPluginV2DynamicExt, and the parts and creator of an IPluginV3. Included by NvInferRuntime.h.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {

enum class DimensionOperation : int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kEQUAL = 5,      // 1 or 0
  kLESS = 6,       // 1 or 0
  kFLOOR_DIV = 7,  // rounded towards minus infinity
  kCEIL_DIV = 8,
};
TEMPER_ENUM_COUNT(DimensionOperation, 9)

// An extent of an input as an expression, or one computed from such. Owned by the IExprBuilder.
class IDimensionExpr : public INoCopy {
 public:
  virtual bool isConstant() const noexcept = 0;
  virtual int64_t getConstantValue() const noexcept = 0;  // of a constant; else the least int64_t
  virtual bool isSizeTensor() const noexcept = 0;         // made by declareSizeTensor

 protected:
  ~IDimensionExpr() noexcept override = default;
};

// Makes expressions while a plugin says the shapes of its outputs.
class IExprBuilder : public INoCopy {
 public:
  virtual IDimensionExpr const* constant(int64_t value) noexcept = 0;
  virtual IDimensionExpr const* operation(DimensionOperation op, IDimensionExpr const& first,
                                          IDimensionExpr const& second) noexcept = 0;
  // An extent that is known only when the plugin has run: it writes it as the scalar output `outputIndex`. `opt` is what to be
  // fast for, `upper` what it can't exceed.
  virtual IDimensionExpr const* declareSizeTensor(int32_t outputIndex, IDimensionExpr const& opt,
                                                  IDimensionExpr const& upper) = 0;

 protected:
  ~IExprBuilder() noexcept override = default;
};

class DimsExprs {
 public:
  int32_t nbDims;
  IDimensionExpr const* d[Dims::MAX_DIMS];
};

struct DynamicPluginTensorDesc {
  PluginTensorDesc desc;  // -1 in dims where the extent is set at run time
  Dims min, max;          // over the profile
#if TEMPER_API_LEVEL != 8
  Dims opt;
#endif
};

class IPluginV2DynamicExt : public IPluginV2Ext {
 public:
  static constexpr int32_t kFORMAT_COMBINATION_LIMIT = 100;  // combinations tried at most

  IPluginV2DynamicExt* clone() const override = 0;
  virtual DimsExprs getOutputDimensions(int32_t outputIndex, DimsExprs const* inputs, int32_t nbInputs,
                                        IExprBuilder& exprBuilder) = 0;
  virtual bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* tensors, int32_t nbInputs, int32_t nbOutputs) = 0;
  virtual void configurePlugin(DynamicPluginTensorDesc const* in, int32_t nbInputs, DynamicPluginTensorDesc const* out,
                               int32_t nbOutputs) = 0;
  virtual size_t getWorkspaceSize(PluginTensorDesc const* inputs, int32_t nbInputs, PluginTensorDesc const* outputs,
                                  int32_t nbOutputs) const = 0;
  virtual int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc, void const* const* inputs,
                          void* const* outputs, void* workspace, cudaStream_t stream) = 0;

 protected:
  int32_t getTensorRTVersion() const noexcept override {
    return static_cast<int32_t>((static_cast<uint32_t>(PluginVersion::kV2_DYNAMICEXT) << 24U) |
                                (static_cast<uint32_t>(NV_TENSORRT_VERSION) & 0xFFFFFFU));
  }
  ~IPluginV2DynamicExt() noexcept override = default;

 private:
  void configurePlugin(Dims const*, int32_t, Dims const*, int32_t, DataType const*, DataType const*, bool const*, bool const*,
                       PluginFormat, int32_t) final {}
  bool supportsFormat(DataType, PluginFormat) const final { return false; }
  Dims getOutputDimensions(int32_t, Dims const*, int32_t) final { return Dims{-1, {}}; }
  bool isOutputBroadcastAcrossBatch(int32_t, bool const*, int32_t) const final { return false; }
  bool canBroadcastInputAcrossBatch(int32_t) const final { return false; }
  size_t getWorkspaceSize(int32_t) const final { return 0; }
  int32_t enqueue(int32_t, void const* const*, void* const*, void*, cudaStream_t) final { return 1; }
};

// What a plugin may use of the context it is attached to.
class IPluginResourceContext {
 public:
  virtual IGpuAllocator* getGpuAllocator() const noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual ~IPluginResourceContext() noexcept = default;

 protected:
  IPluginResourceContext() = default;
  IPluginResourceContext(IPluginResourceContext const&) = default;
  IPluginResourceContext(IPluginResourceContext&&) = default;
  IPluginResourceContext& operator=(IPluginResourceContext const&) & = default;
  IPluginResourceContext& operator=(IPluginResourceContext&&) & = default;
};

// The part that names the plugin.
class IPluginV3OneCore : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_CORE", 1, 0}; }
  virtual AsciiChar const* getPluginName() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual AsciiChar const* getPluginNamespace() const = 0;
};

// The part that the builder asks. int32_t results are 0 for success where nothing else is said.
class IPluginV3OneBuild : public IPluginCapability {
 public:
  static constexpr int32_t kDEFAULT_FORMAT_COMBINATION_LIMIT = 100;

  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_BUILD", 1, 0}; }
  virtual int32_t configurePlugin(DynamicPluginTensorDesc const* in, int32_t nbInputs, DynamicPluginTensorDesc const* out,
                                  int32_t nbOutputs) = 0;
  virtual int32_t getOutputDataTypes(DataType* outputTypes, int32_t nbOutputs, DataType const* inputTypes,
                                     int32_t nbInputs) const = 0;
  // shapeInputs: for inputs of type shape, their values as expressions.
  virtual int32_t getOutputShapes(DimsExprs const* inputs, int32_t nbInputs, DimsExprs const* shapeInputs,
                                  int32_t nbShapeInputs, DimsExprs* outputs, int32_t nbOutputs, IExprBuilder& exprBuilder) = 0;
  virtual bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* tensors, int32_t nbInputs,
                                         int32_t nbOutputs) = 0;
  virtual int32_t getNbOutputs() const = 0;
  virtual size_t getWorkspaceSize(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*, int32_t) const {
    return 0;
  }
  // Tactics of the plugin's own: their numbers, all above 0, written to `tactics`.
  virtual int32_t getValidTactics(int32_t* tactics, int32_t nbTactics) { return 0; }
  virtual int32_t getNbTactics() { return 0; }
  virtual char const* getTimingCacheID() { return nullptr; }  // nullptr: its times are not cached
  virtual int32_t getFormatCombinationLimit() { return kDEFAULT_FORMAT_COMBINATION_LIMIT; }
  virtual char const* getMetadataString() { return nullptr; }
};

namespace v_2_0 {
// Adds outputs that are written over inputs.
class IPluginV3OneBuild : public nvinfer1::IPluginV3OneBuild {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_BUILD", 2, 0}; }
  // The input whose memory output `outputIndex` takes; -1: none.
  virtual int32_t getAliasedInput(int32_t outputIndex) { return -1; }
};
}  // namespace v_2_0
using IPluginV3OneBuildV2 = v_2_0::IPluginV3OneBuild;

// The part that runs.
class IPluginV3OneRuntime : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3ONE_RUNTIME", 1, 0}; }
  virtual int32_t setTactic(int32_t tactic) { return 0; }
  virtual int32_t onShapeChange(PluginTensorDesc const* in, int32_t nbInputs, PluginTensorDesc const* out,
                                int32_t nbOutputs) = 0;
  virtual int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc, void const* const* inputs,
                          void* const* outputs, void* workspace, cudaStream_t stream) = 0;
  // A clone for one context, which owns it.
  virtual IPluginV3* attachToContext(IPluginResourceContext* context) = 0;
  // What a plan keeps of the plugin, and its creator gets back.
  virtual PluginFieldCollection const* getFieldsToSerialize() = 0;
};

class IPluginCreatorV3One : public IPluginCreatorInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN CREATOR_V3ONE", 1, 0}; }
  IPluginCreatorV3One() = default;
  ~IPluginCreatorV3One() noexcept override = default;
  virtual IPluginV3* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc, TensorRTPhase phase) = 0;
  virtual PluginFieldCollection const* getFieldNames() = 0;
  virtual AsciiChar const* getPluginName() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual AsciiChar const* getPluginNamespace() const = 0;

 protected:
  IPluginCreatorV3One(IPluginCreatorV3One const&) = default;
  IPluginCreatorV3One(IPluginCreatorV3One&&) = default;
  IPluginCreatorV3One& operator=(IPluginCreatorV3One const&) & = default;
  IPluginCreatorV3One& operator=(IPluginCreatorV3One&&) & = default;
};

namespace v_1_0 {
using nvinfer1::IPluginCreatorV3One;
using nvinfer1::IPluginV3OneBuild;
using nvinfer1::IPluginV3OneCore;
using nvinfer1::IPluginV3OneRuntime;
}  // namespace v_1_0

}  // namespace nvinfer1

// The registry of the process.
extern "C" TENSORRTAPI nvinfer1::IPluginRegistry* getPluginRegistry() noexcept;

namespace nvinfer1 {

// Registers a creator when the program starts: PluginRegistrar<MyCreator> makes one and keeps it.
template <typename T>
class PluginRegistrar {
 public:
  PluginRegistrar() { getPluginRegistry()->registerCreator(instance, ""); }

 private:
  T instance{};
};

}  // namespace nvinfer1

#define REGISTER_TENSORRT_PLUGIN(name) \
  static nvinfer1::PluginRegistrar<name> pluginRegistrar##name {}
