// Layers over elements, rows and matrices: arithmetic, reductions, products, selection, quantisation.
#pragma once

#include "tensor.h"

namespace nvinfer1 {

enum class ElementWiseOperation : int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kDIV = 5,  // integers: rounded towards 0
  kPOW = 6,
  kFLOOR_DIV = 7,  // rounded towards minus infinity
  kAND = 8,        // kAND, kOR, kXOR: of booleans
  kOR = 9,
  kXOR = 10,
  kEQUAL = 11,  // kEQUAL, kGREATER, kLESS: the result is boolean
  kGREATER = 12,
  kLESS = 13,
};
TEMPER_ENUM_COUNT(ElementWiseOperation, 14)

// A function of two tensors of one type and rank; extents are equal, or 1 on one side.
class IElementWiseLayer : public ILayer {
 public:
  virtual void setOperation(ElementWiseOperation op) noexcept = 0;
  virtual ElementWiseOperation getOperation() const noexcept = 0;

 protected:
  ~IElementWiseLayer() noexcept override = default;
};

enum class UnaryOperation : int32_t {
  kEXP = 0,
  kLOG = 1,
  kSQRT = 2,
  kRECIP = 3,
  kABS = 4,
  kNEG = 5,
  kSIN = 6,
  kCOS = 7,
  kTAN = 8,
  kSINH = 9,
  kCOSH = 10,
  kASIN = 11,
  kACOS = 12,
  kATAN = 13,
  kASINH = 14,
  kACOSH = 15,
  kATANH = 16,
  kCEIL = 17,
  kFLOOR = 18,
  kERF = 19,
  kNOT = 20,  // of booleans
  kSIGN = 21,
  kROUND = 22,  // halves to even
  kISINF = 23,  // kISINF, kISNAN: the result is boolean
  kISNAN = 24,
};
TEMPER_ENUM_COUNT(UnaryOperation, 25)

class IUnaryLayer : public ILayer {
 public:
  virtual void setOperation(UnaryOperation op) noexcept = 0;
  virtual UnaryOperation getOperation() const noexcept = 0;

 protected:
  ~IUnaryLayer() noexcept override = default;
};

enum class ReduceOperation : int32_t { kSUM = 0, kPROD = 1, kMAX = 2, kMIN = 3, kAVG = 4, kNONE = 5 };
TEMPER_ENUM_COUNT(ReduceOperation, 6)

// Over the dimensions of a mask (bit i: dimension i), which become 1 or go.
class IReduceLayer : public ILayer {
 public:
  virtual void setOperation(ReduceOperation op) noexcept = 0;
  virtual ReduceOperation getOperation() const noexcept = 0;
  virtual void setReduceAxes(uint32_t reduceAxes) noexcept = 0;
  virtual uint32_t getReduceAxes() const noexcept = 0;
  virtual void setKeepDimensions(bool keepDimensions) noexcept = 0;
  virtual bool getKeepDimensions() const noexcept = 0;

 protected:
  ~IReduceLayer() noexcept override = default;
};

enum class CumulativeOperation : int32_t { kSUM = 0 };
TEMPER_ENUM_COUNT(CumulativeOperation, 1)

// Running sums along the axis that the second input, a constant scalar, names.
class ICumulativeLayer : public ILayer {
 public:
  virtual bool setOperation(CumulativeOperation op) noexcept = 0;
  virtual CumulativeOperation getOperation() const noexcept = 0;
  virtual void setExclusive(bool exclusive) noexcept = 0;  // each sum without its own element
  virtual bool getExclusive() const noexcept = 0;
  virtual void setReverse(bool reverse) noexcept = 0;  // from the end
  virtual bool getReverse() const noexcept = 0;

 protected:
  ~ICumulativeLayer() noexcept override = default;
};

enum class MatrixOperation : int32_t {
  kNONE = 0,
  kTRANSPOSE = 1,
  kVECTOR = 2,  // the last dimension is a vector, all before it are batch
};
TEMPER_ENUM_COUNT(MatrixOperation, 3)

// Products of the matrices in the last two dimensions; the dimensions before them are batch and broadcast.
class IMatrixMultiplyLayer : public ILayer {
 public:
  virtual void setOperation(int32_t index, MatrixOperation op) noexcept = 0;  // of input 0 or 1
  virtual MatrixOperation getOperation(int32_t index) const noexcept = 0;

 protected:
  ~IMatrixMultiplyLayer() noexcept override = default;
};

// Einstein's summation: "ij,jk->ik". Letters that are not in the result are summed over.
class IEinsumLayer : public ILayer {
 public:
  virtual bool setEquation(char const* equation) noexcept = 0;
  virtual char const* getEquation() const noexcept = 0;

 protected:
  ~IEinsumLayer() noexcept override = default;
};

// Element of the second input where the first, boolean, is true, else of the third.
class ISelectLayer : public ILayer {
 protected:
  ~ISelectLayer() noexcept override = default;
};

// The values of another type: of floating types and integers by value, of booleans as 0 and 1.
class ICastLayer : public ILayer {
 public:
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;

 protected:
  ~ICastLayer() noexcept override = default;
};

class IIdentityLayer : public ILayer {
 protected:
  ~IIdentityLayer() noexcept override = default;
};

// Ends an inference with an error and this message when an element of its input is false. Has no output.
class IAssertionLayer : public ILayer {
 public:
  virtual void setMessage(char const* message) noexcept = 0;
  virtual char const* getMessage() const noexcept = 0;

 protected:
  ~IAssertionLayer() noexcept override = default;
};

// round(x / scale), halves to even, kept within the result type. Scale is input 1, a zero point may be input 2.
class IQuantizeLayer : public ILayer {
 public:
  virtual int32_t getAxis() const noexcept = 0;  // of a scale with more than one element; -1: not set
  virtual void setAxis(int32_t axis) noexcept = 0;
  TEMPER_TRIES_DIMS(setBlockShape, blockShape)  // elements that share a scale
  TEMPER_GETS_DIMS(getBlockShape)               // nbDims = -1: not set
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;

 protected:
  ~IQuantizeLayer() noexcept override = default;
};

// (x - zero point) * scale.
class IDequantizeLayer : public ILayer {
 public:
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  TEMPER_TRIES_DIMS(setBlockShape, blockShape)
  TEMPER_GETS_DIMS(getBlockShape)
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;

 protected:
  ~IDequantizeLayer() noexcept override = default;
};

// Quantises blocks of an axis with scales of its own: outputs the numbers and the scales.
class IDynamicQuantizeLayer : public ILayer {
 public:
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
  virtual void setScaleType(DataType scaleType) noexcept = 0;
  virtual DataType getScaleType() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setBlockSize(int32_t size) noexcept = 0;
  virtual int32_t getBlockSize() const noexcept = 0;
  TEMPER_SETS_DIMS(setBlockShape, blockShape)
  TEMPER_GETS_DIMS(getBlockShape)

 protected:
  ~IDynamicQuantizeLayer() noexcept override = default;
};

}  // namespace nvinfer1
