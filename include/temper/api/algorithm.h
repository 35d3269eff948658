// Choosing kernels by the program itself. Gone from TensorRT 11; the timing cache (IBuilderConfig::setTimingCache, with
// kEDITABLE_TIMING_CACHE) does the same.
#pragma once

#include "NvInferRuntime.h"

namespace nvinfer1 {

// An input or output of an algorithm: its layout.
class IAlgorithmIOInfo : public INoCopy {
 public:
  virtual DataType getDataType() const noexcept = 0;
  TEMPER_GETS_DIMS(getStrides)                            // in vectors of elements
  virtual int64_t getVectorizedDim() const noexcept = 0;  // -1: none
  virtual int64_t getComponentsPerElement() const noexcept = 0;
  virtual TensorFormat getTensorFormat() const noexcept = 0;  // level 8

 protected:
  ~IAlgorithmIOInfo() noexcept override = default;
};

// What names a kernel in a process: the same numbers on the same machine with the same library.
class IAlgorithmVariant : public INoCopy {
 public:
  virtual int64_t getImplementation() const noexcept = 0;
  virtual int64_t getTactic() const noexcept = 0;

 protected:
  ~IAlgorithmVariant() noexcept override = default;
};

// The layer that is chosen for.
class IAlgorithmContext : public INoCopy {
 public:
  virtual char const* getName() const noexcept = 0;
#if TEMPER_API_LEVEL == 8
  virtual Dims64 getDimensions64(int32_t index, OptProfileSelector select) const noexcept = 0;
  Dims getDimensions(int32_t index, OptProfileSelector select) const noexcept {
    return impl::dims_as(getDimensions64(index, select));
  }
#else
  virtual Dims getDimensions(int32_t index, OptProfileSelector select) const noexcept = 0;
#endif
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;

 protected:
  ~IAlgorithmContext() noexcept override = default;
};

class IAlgorithm : public INoCopy {
 public:
  virtual IAlgorithmVariant const& getAlgorithmVariant() const noexcept = 0;
  virtual float getTimingMSec() const noexcept = 0;
  virtual std::size_t getWorkspaceSize() const noexcept = 0;  // bytes
  virtual IAlgorithmIOInfo const* getAlgorithmIOInfoByIndex(int32_t index) const noexcept = 0;
  IAlgorithmIOInfo const& getAlgorithmIOInfo(int32_t index) const noexcept { return *getAlgorithmIOInfoByIndex(index); }

 protected:
  ~IAlgorithm() noexcept override = default;
};

// Implemented by the program. selectAlgorithms writes the indices of those it permits to `selection` and returns how many;
// reportAlgorithms is told what was chosen.
class IAlgorithmSelector : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IAlgorithmSelector", 1, 0}; }
  virtual int32_t selectAlgorithms(IAlgorithmContext const& context, IAlgorithm const* const* choices, int32_t nbChoices,
                                   int32_t* selection) = 0;
  virtual void reportAlgorithms(IAlgorithmContext const* const* algoContexts, IAlgorithm const* const* algoChoices,
                                int32_t nbAlgorithms) = 0;
  ~IAlgorithmSelector() noexcept override = default;
};

namespace v_1_0 {
using nvinfer1::IAlgorithmSelector;
}  // namespace v_1_0

}  // namespace nvinfer1
