// Small types that the builder and the runtime share: weights, formats, locations, options. Included by NvInferRuntime.h.
#pragma once

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

class IPluginRegistry;

// Library objects are handled by pointer and never copied.
class INoCopy {
 protected:
  INoCopy() = default;
  virtual ~INoCopy() = default;
  INoCopy(INoCopy const&) = delete;
  INoCopy& operator=(INoCopy const&) = delete;
  INoCopy(INoCopy&&) = delete;
  INoCopy& operator=(INoCopy&&) = delete;
};

// What a set of weights is for, in the calls of IRefitter that name a layer.
enum class WeightsRole : int32_t {
  kKERNEL = 0,    // of a convolution, deconvolution or fully connected layer
  kBIAS = 1,      // of the same
  kSHIFT = 2,     // of a scale layer
  kSCALE = 3,     // of a scale layer
  kCONSTANT = 4,  // of a constant layer
  kANY = 5,       // whatever has the name
};
TEMPER_ENUM_COUNT(WeightsRole, 6)

// A constant array that the program owns. `count` is in elements; the memory must stay as it is until the build has ended.
class Weights {
 public:
  DataType type;
  void const* values;
  int64_t count;
};

// Bytes that the library owns: a plan, a timing cache. Ended with delete.
class IHostMemory : public INoCopy {
 public:
  ~IHostMemory() noexcept override = default;
  virtual void* data() const noexcept = 0;
  virtual std::size_t size() const noexcept = 0;  // bytes
  virtual DataType type() const noexcept = 0;
  TEMPER_DESTROY
};

// What an engine is restricted to; the last three are old spellings of the first three.
enum class EngineCapability : int32_t {
  kSTANDARD = 0,        // nothing
  kSAFETY = 1,          // what a certified runtime has: not available here
  kDLA_STANDALONE = 2,  // a deep learning accelerator alone: not available here
  kDEFAULT = 0,
  kSAFE_GPU = 1,
  kSAFE_DLA = 2,
};
TEMPER_ENUM_COUNT(EngineCapability, 3)

// Where a tensor's address must point: device memory, or host memory for shape tensors. On the CPU both are host memory.
enum class TensorLocation : int32_t { kDEVICE = 0, kHOST = 1 };
TEMPER_ENUM_COUNT(TensorLocation, 2)

enum class DeviceType : int32_t { kGPU = 0, kDLA = 1 };
TEMPER_ENUM_COUNT(DeviceType, 2)

// Layout of a tensor in memory. kLINEAR: row-major, the last extent contiguous. The others put a vector of channels last
// (CHW<n>) or the channels last, padded to a multiple (HWC<n>).
enum class TensorFormat : int32_t {
  kLINEAR = 0,
  kCHW2 = 1,
  kHWC8 = 2,
  kCHW4 = 3,
  kCHW16 = 4,
  kCHW32 = 5,
  kDHWC8 = 6,
  kCDHW32 = 7,
  kHWC = 8,
  kDLA_LINEAR = 9,
  kDLA_HWC4 = 10,
  kHWC16 = 11,
  kDHWC = 12,
};
TEMPER_ENUM_COUNT(TensorFormat, 13)
using PluginFormat = TensorFormat;

// Which of the three shapes of an optimization profile.
enum class OptProfileSelector : int32_t {
  kMIN = 0,  // the least extents that may occur
  kOPT = 1,  // what to be fast for
  kMAX = 2,  // the largest extents that may occur
};
TEMPER_ENUM_COUNT(OptProfileSelector, 3)

// Libraries that may offer kernels, as bits of TacticSources.
enum class TacticSource : int32_t {
  kCUBLAS = 0,
  kCUBLAS_LT = 1,
  kCUDNN = 2,
  kEDGE_MASK_CONVOLUTIONS = 3,
  kJIT_CONVOLUTIONS = 4
};
TEMPER_ENUM_COUNT(TacticSource, 5)
using TacticSources = uint32_t;

// How much of the network's wording the plan keeps for the inspector and the profiler.
enum class ProfilingVerbosity : int32_t {
  kLAYER_NAMES_ONLY = 0,  // names of the layers (the default)
  kNONE = 1,              // numbers only
  kDETAILED = 2,          // also tactics, shapes and formats
  kDEFAULT = 0,           // old spellings
  kVERBOSE = 2,
};
TEMPER_ENUM_COUNT(ProfilingVerbosity, 3)

// When the memory for activations is taken.
enum class ExecutionContextAllocationStrategy : int32_t {
  kSTATIC = 0,             // when the context is created, enough for every profile
  kON_PROFILE_CHANGE = 1,  // when a profile is chosen, enough for it
  kUSER_MANAGED = 2,       // the program gives it
};
TEMPER_ENUM_COUNT(ExecutionContextAllocationStrategy, 3)

enum class LayerInformationFormat : int32_t { kONELINE = 0, kJSON = 1 };
TEMPER_ENUM_COUNT(LayerInformationFormat, 2)

// Figures of an engine, in bytes.
enum class EngineStat : int32_t { kTOTAL_WEIGHTS_SIZE = 0, kSTRIPPED_WEIGHTS_SIZE = 1 };
TEMPER_ENUM_COUNT(EngineStat, 2)

// What IEngine::serializeWithConfig leaves out, or puts in.
enum class SerializationFlag : int32_t {
  kEXCLUDE_WEIGHTS = 0,       // weights that can be refitted
  kEXCLUDE_LEAN_RUNTIME = 1,  // of a version-compatible plan
  kINCLUDE_REFIT = 2,         // keeps a stripped plan refittable
};
TEMPER_ENUM_COUNT(SerializationFlag, 3)
using SerializationFlags = uint32_t;  // bits 1U << SerializationFlag

// How a runtime may keep the code of a plan while it loads it.
enum class TempfileControlFlag : int32_t { kALLOW_IN_MEMORY_FILES = 0, kALLOW_TEMPORARY_FILES = 1 };
TEMPER_ENUM_COUNT(TempfileControlFlag, 2)
using TempfileControlFlags = uint32_t;  // bits 1U << TempfileControlFlag

enum class HardwareCompatibilityLevel : int32_t { kNONE = 0, kAMPERE_PLUS = 1, kSAME_COMPUTE_CAPABILITY = 2 };
TEMPER_ENUM_COUNT(HardwareCompatibilityLevel, 3)

}  // namespace nvinfer1
