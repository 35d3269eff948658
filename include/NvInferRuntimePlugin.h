// Plugins of the second kind (IPluginV2 and what derives from it) and their creators. New ones are better written as IPluginV3
// (NvInferPluginBase.h, temper/api/plugin_v3.h).
#pragma once

#include "NvInferPluginBase.h"
#include "temper/api/callbacks.h"

struct cublasContext;
struct cudnnContext;

namespace nvinfer1 {

// Which interface an IPluginV2 really is: the top byte of getTensorRTVersion().
enum class PluginVersion : uint8_t {
  kV2 = 0,
  kV2_EXT = 1,
  kV2_IOEXT = 2,
  kV2_DYNAMICEXT = 3,
  kV2_DYNAMICEXT_PYTHON = 67,
};
enum class PluginCreatorVersion : int32_t { kV1 = 0, kV1_PYTHON = 64 };
static constexpr int32_t kPLUGIN_VERSION_PYTHON_BIT = 0x40;

// A tensor as a plugin sees it.
struct PluginTensorDesc {
  Dims dims;
  DataType type;
  TensorFormat format;
  float scale;  // of INT8 tensors: real value per step
};

// A plugin over tensors without their batch dimension. All calls on one object come from one thread at a time; int32_t results
// are 0 for success.
class IPluginV2 {
 public:
  IPluginV2() = default;
  virtual ~IPluginV2() noexcept = default;
  virtual int32_t getTensorRTVersion() const noexcept { return NV_TENSORRT_VERSION; }
  virtual AsciiChar const* getPluginType() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual int32_t getNbOutputs() const = 0;
  virtual Dims getOutputDimensions(int32_t index, Dims const* inputs, int32_t nbInputDims) = 0;
  virtual bool supportsFormat(DataType type, PluginFormat format) const = 0;
  virtual void configureWithFormat(Dims const* inputDims, int32_t nbInputs, Dims const* outputDims, int32_t nbOutputs,
                                   DataType type, PluginFormat format, int32_t maxBatchSize) = 0;
  virtual int32_t initialize() = 0;  // before the first enqueue
  virtual void terminate() = 0;
  virtual size_t getWorkspaceSize(int32_t maxBatchSize) const = 0;  // bytes
  virtual int32_t enqueue(int32_t batchSize, void const* const* inputs, void* const* outputs, void* workspace,
                          cudaStream_t stream) = 0;
  virtual size_t getSerializationSize() const = 0;  // bytes that serialize() writes
  virtual void serialize(void* buffer) const = 0;
  virtual void destroy() = 0;
  virtual IPluginV2* clone() const = 0;
  virtual void setPluginNamespace(AsciiChar const* pluginNamespace) = 0;
  virtual AsciiChar const* getPluginNamespace() const = 0;

 protected:
  IPluginV2(IPluginV2 const&) = default;
  IPluginV2(IPluginV2&&) = default;
  IPluginV2& operator=(IPluginV2 const&) & = default;
  IPluginV2& operator=(IPluginV2&&) & = default;
};

// With output types of its own.
class IPluginV2Ext : public IPluginV2 {
 public:
  IPluginV2Ext() = default;
  ~IPluginV2Ext() noexcept override = default;
  virtual DataType getOutputDataType(int32_t index, DataType const* inputTypes, int32_t nbInputs) const = 0;
  // Never asked since level 11.
  virtual bool isOutputBroadcastAcrossBatch(int32_t, bool const*, int32_t) const { return false; }
  virtual bool canBroadcastInputAcrossBatch(int32_t) const { return false; }
  virtual void configurePlugin(Dims const* inputDims, int32_t nbInputs, Dims const* outputDims, int32_t nbOutputs,
                               DataType const* inputTypes, DataType const* outputTypes, bool const* inputIsBroadcast,
                               bool const* outputIsBroadcast, PluginFormat floatFormat, int32_t maxBatchSize) = 0;
  virtual void attachToContext(cudnnContext*, cublasContext*, IGpuAllocator*) {}
  virtual void detachFromContext() {}
  IPluginV2Ext* clone() const override = 0;

 protected:
  IPluginV2Ext(IPluginV2Ext const&) = default;
  IPluginV2Ext(IPluginV2Ext&&) = default;
  IPluginV2Ext& operator=(IPluginV2Ext const&) & = default;
  IPluginV2Ext& operator=(IPluginV2Ext&&) & = default;
  int32_t getTensorRTVersion() const noexcept override {
    return static_cast<int32_t>((static_cast<uint32_t>(PluginVersion::kV2_EXT) << 24U) |
                                (static_cast<uint32_t>(NV_TENSORRT_VERSION) & 0xFFFFFFU));
  }
  void configureWithFormat(Dims const*, int32_t, Dims const*, int32_t, DataType, PluginFormat, int32_t) override {}
};

// With a type and format of its own for every input and output.
class IPluginV2IOExt : public IPluginV2Ext {
 public:
  IPluginV2IOExt() = default;
  ~IPluginV2IOExt() noexcept override = default;
  virtual void configurePlugin(PluginTensorDesc const* in, int32_t nbInput, PluginTensorDesc const* out, int32_t nbOutput) = 0;
  // May input or output `pos` (inputs first) be as tensors[pos] says, given that those before it are as tensors says?
  virtual bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* tensors, int32_t nbInputs,
                                         int32_t nbOutputs) const = 0;

 protected:
  IPluginV2IOExt(IPluginV2IOExt const&) = default;
  IPluginV2IOExt(IPluginV2IOExt&&) = default;
  IPluginV2IOExt& operator=(IPluginV2IOExt const&) & = default;
  IPluginV2IOExt& operator=(IPluginV2IOExt&&) & = default;
  int32_t getTensorRTVersion() const noexcept override {
    return static_cast<int32_t>((static_cast<uint32_t>(PluginVersion::kV2_IOEXT) << 24U) |
                                (static_cast<uint32_t>(NV_TENSORRT_VERSION) & 0xFFFFFFU));
  }

 private:
  void configurePlugin(Dims const*, int32_t, Dims const*, int32_t, DataType const*, DataType const*, bool const*, bool const*,
                       PluginFormat, int32_t) final {}
  bool supportsFormat(DataType, PluginFormat) const final { return false; }
};

// Makes plugins of one name and version.
class IPluginCreator : public IPluginCreatorInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN CREATOR_V1", 1, 0}; }
  IPluginCreator() = default;
  ~IPluginCreator() noexcept override = default;
  virtual int32_t getTensorRTVersion() const noexcept { return NV_TENSORRT_VERSION; }
  virtual AsciiChar const* getPluginName() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual PluginFieldCollection const* getFieldNames() = 0;  // the parameters that createPlugin takes
  virtual IPluginV2* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc) = 0;
  virtual IPluginV2* deserializePlugin(AsciiChar const* name, void const* serialData, size_t serialLength) = 0;
  virtual void setPluginNamespace(AsciiChar const* pluginNamespace) = 0;
  virtual AsciiChar const* getPluginNamespace() const = 0;

 protected:
  IPluginCreator(IPluginCreator const&) = default;
  IPluginCreator(IPluginCreator&&) = default;
  IPluginCreator& operator=(IPluginCreator const&) & = default;
  IPluginCreator& operator=(IPluginCreator&&) & = default;
};

namespace v_1_0 {
using nvinfer1::IPluginCreator;
}  // namespace v_1_0

}  // namespace nvinfer1
