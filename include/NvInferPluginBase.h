// What every kind of plugin has in common: fields, capabilities, resources, and the creator's base.
#pragma once

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

// Element type of a plugin's parameter.
enum class PluginFieldType : int32_t {
  kFLOAT16 = 0,
  kFLOAT32 = 1,
  kFLOAT64 = 2,
  kINT8 = 3,
  kINT16 = 4,
  kINT32 = 5,
  kCHAR = 6,
  kDIMS = 7,  // Dims of the level that the plugin was compiled for
  kUNKNOWN = 8,
  kBF16 = 9,
  kINT64 = 10,
  kFP8 = 11,
  kINT4 = 12,
  kFP4 = 13,
};
TEMPER_ENUM_COUNT(PluginFieldType, 14)

// One named parameter: `length` elements of `type` at `data`. Owned by whoever made it; the plugin copies what it keeps.
class PluginField {
 public:
  AsciiChar const* name;
  void const* data;
  PluginFieldType type;
  int32_t length;
  PluginField(AsciiChar const* const name_ = nullptr, void const* const data_ = nullptr,
              PluginFieldType const type_ = PluginFieldType::kUNKNOWN, int32_t const length_ = 0) noexcept
      : name(name_), data(data_), type(type_), length(length_) {}
};

struct PluginFieldCollection {
  int32_t nbFields;
  PluginField const* fields;
};

// What a plugin is created for: to be built into a plan, or to run from one.
enum class TensorRTPhase : int32_t { kBUILD = 0, kRUNTIME = 1 };
TEMPER_ENUM_COUNT(TensorRTPhase, 2)

// The parts of an IPluginV3.
enum class PluginCapabilityType : int32_t { kCORE = 0, kBUILD = 1, kRUNTIME = 2 };
TEMPER_ENUM_COUNT(PluginCapabilityType, 3)

class IPluginCapability : public IVersionedInterface {};

// Something that plugins share by a key of the registry. The registry keeps a clone until every user has released it.
class IPluginResource : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IPluginResource", 1, 0}; }
  IPluginResource() = default;
  IPluginResource(IPluginResource const&) = default;
  IPluginResource(IPluginResource&&) = default;
  IPluginResource& operator=(IPluginResource const&) & = default;
  IPluginResource& operator=(IPluginResource&&) & = default;
  ~IPluginResource() noexcept override = default;
  // Frees what it holds; 0 is success. Called on clones only.
  virtual int32_t release() = 0;
  virtual IPluginResource* clone() = 0;
};

// Base of the creators of either kind; getInterfaceInfo().kind tells them apart.
class IPluginCreatorInterface : public IVersionedInterface {
 public:
  ~IPluginCreatorInterface() noexcept override = default;

 protected:
  IPluginCreatorInterface() = default;
  IPluginCreatorInterface(IPluginCreatorInterface const&) = default;
  IPluginCreatorInterface(IPluginCreatorInterface&&) = default;
  IPluginCreatorInterface& operator=(IPluginCreatorInterface const&) & = default;
  IPluginCreatorInterface& operator=(IPluginCreatorInterface&&) & = default;
};

// A plugin as a set of capabilities. getCapabilityInterface returns the object's own part of that type; nullptr: it has none.
class IPluginV3 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN_V3", 1, 0}; }
  virtual IPluginCapability* getCapabilityInterface(PluginCapabilityType type) = 0;
  virtual IPluginV3* clone() = 0;  // with all of its state; nullptr on an error
};

namespace v_1_0 {
using nvinfer1::IPluginCapability;
using nvinfer1::IPluginCreatorInterface;
using nvinfer1::IPluginResource;
using nvinfer1::IPluginV3;
}  // namespace v_1_0

}  // namespace nvinfer1
