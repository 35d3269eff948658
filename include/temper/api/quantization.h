// Calibration: how a program lets the builder find the ranges of tensors for 8-bit integers. Gone from TensorRT 11; stays here.
#pragma once

#include "NvInferRuntime.h"

namespace nvinfer1 {

enum class CalibrationAlgoType : int32_t {
  kLEGACY_CALIBRATION = 0,
  kENTROPY_CALIBRATION = 1,
  kENTROPY_CALIBRATION_2 = 2,
  kMINMAX_CALIBRATION = 3,
};
TEMPER_ENUM_COUNT(CalibrationAlgoType, 4)

enum class QuantizationFlag : int32_t { kCALIBRATE_BEFORE_FUSION = 0 };
TEMPER_ENUM_COUNT(QuantizationFlag, 1)
using QuantizationFlags = uint32_t;  // bits 1U << QuantizationFlag

// Gives batches of real input. Programs derive from one of the four below, which fix how ranges follow from what was seen.
class IInt8Calibrator : public IVersionedInterface {
 public:
  ~IInt8Calibrator() noexcept override = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IInt8Calibrator", 1, 0}; }
  virtual int32_t getBatchSize() const = 0;
  // Fills bindings[i] with the address of the next batch of the input names[i]; false when there is none left.
  virtual bool getBatch(void* bindings[], char const* names[], int32_t nbBindings) = 0;
  // The text of an earlier calibration, or nullptr; with it, nothing is run.
  virtual void const* readCalibrationCache(std::size_t& length) = 0;
  virtual void writeCalibrationCache(void const* ptr, std::size_t length) = 0;
  virtual CalibrationAlgoType getAlgorithm() = 0;
};

class IInt8EntropyCalibrator : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IInt8EntropyCalibrator", 1, 0}; }
  CalibrationAlgoType getAlgorithm() override { return CalibrationAlgoType::kENTROPY_CALIBRATION; }
  ~IInt8EntropyCalibrator() noexcept override = default;
};

class IInt8EntropyCalibrator2 : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IInt8EntropyCalibrator2", 1, 0}; }
  CalibrationAlgoType getAlgorithm() override { return CalibrationAlgoType::kENTROPY_CALIBRATION_2; }
  ~IInt8EntropyCalibrator2() noexcept override = default;
};

class IInt8MinMaxCalibrator : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IInt8MinMaxCalibrator", 1, 0}; }
  CalibrationAlgoType getAlgorithm() override { return CalibrationAlgoType::kMINMAX_CALIBRATION; }
  ~IInt8MinMaxCalibrator() noexcept override = default;
};

class IInt8LegacyCalibrator : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IInt8Calibrator", 1, 0}; }
  CalibrationAlgoType getAlgorithm() override { return CalibrationAlgoType::kLEGACY_CALIBRATION; }
  virtual double getQuantile() const = 0;          // the part of all values that the range covers, from 0 to 1
  virtual double getRegressionCutoff() const = 0;  // from 0 to 1
  virtual void const* readHistogramCache(std::size_t& length) = 0;
  virtual void writeHistogramCache(void const* ptr, std::size_t length) = 0;
  ~IInt8LegacyCalibrator() noexcept override = default;
};

namespace v_1_0 {
using nvinfer1::IInt8EntropyCalibrator;
using nvinfer1::IInt8EntropyCalibrator2;
using nvinfer1::IInt8LegacyCalibrator;
using nvinfer1::IInt8MinMaxCalibrator;
}  // namespace v_1_0

}  // namespace nvinfer1
