// Layers that move elements, make them, or pick some: shuffle, slice, gather, resize, top-k, ...
#pragma once

#include "layers_nn.h"

namespace nvinfer1 {

// Where each dimension of a result comes from: dimension i is dimension order[i] of the input.
struct Permutation {
  int32_t order[Dims::MAX_DIMS];
};

// A transpose, a reshape and a transpose, each of which may be left out. A second input, a vector of integers, takes the place
// of the reshape dimensions.
class IShuffleLayer : public ILayer {
 public:
  virtual void setFirstTranspose(Permutation permutation) noexcept = 0;
  virtual Permutation getFirstTranspose() const noexcept = 0;
  // -1 in one place: what is left over. 0: the extent of the input there (see setZeroIsPlaceholder).
  TEMPER_SETS_DIMS(setReshapeDimensions, dimensions)
  TEMPER_GETS_DIMS(getReshapeDimensions)  // nbDims = -1 when there is no reshape
  virtual void setSecondTranspose(Permutation permutation) noexcept = 0;
  virtual Permutation getSecondTranspose() const noexcept = 0;
  virtual void setZeroIsPlaceholder(bool zeroIsPlaceholder) noexcept = 0;  // default true; false: 0 is an extent of 0
  virtual bool getZeroIsPlaceholder() const noexcept = 0;

 protected:
  ~IShuffleLayer() noexcept override = default;
};

// What an element outside of a tensor is.
enum class SampleMode : int32_t {
  kSTRICT_BOUNDS = 0,  // an error
  kWRAP = 1,           // periodic
  kCLAMP = 2,          // that of the nearest edge
  kFILL = 3,           // a constant
  kREFLECT = 4,        // mirrored, the edge counted once
  kDEFAULT = 0,        // old spelling of kSTRICT_BOUNDS
};
TEMPER_ENUM_COUNT(SampleMode, 5)
using SliceMode = SampleMode;

// Every stride-th element from start on, size of them, per dimension. Start, size and stride may be inputs 1, 2 and 3, the
// value of kFILL input 4, the axes they are for input 5.
class ISliceLayer : public ILayer {
 public:
  TEMPER_SETS_DIMS(setStart, start)
  TEMPER_GETS_DIMS(getStart)
  TEMPER_SETS_DIMS(setSize, size)
  TEMPER_GETS_DIMS(getSize)
  TEMPER_SETS_DIMS(setStride, stride)  // may be negative
  TEMPER_GETS_DIMS(getStride)
  virtual void setMode(SampleMode mode) noexcept = 0;
  virtual SampleMode getMode() const noexcept = 0;
  TEMPER_SETS_DIMS(setAxes, axes)  // the others are taken whole; default: all, nbDims = -1
  TEMPER_GETS_DIMS(getAxes)

 protected:
  ~ISliceLayer() noexcept override = default;
};

// The extents of its input, as a vector of kINT64 (kINT32 at level 8).
class IShapeLayer : public ILayer {
 protected:
  ~IShapeLayer() noexcept override = default;
};

// One after the other along an axis.
class IConcatenationLayer : public ILayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;  // default: the third from the end, the first where the rank is less than 3
  virtual int32_t getAxis() const noexcept = 0;

 protected:
  ~IConcatenationLayer() noexcept override = default;
};

enum class GatherMode : int32_t {
  kDEFAULT = 0,  // whole slices of an axis, one per index
  kELEMENT = 1,  // one element per index, the other coordinates being the index's own
  kND = 2,       // the last dimension of the indices is a coordinate
};
TEMPER_ENUM_COUNT(GatherMode, 3)

// Elements of the first input at the indices of the second; negative ones count from the end.
class IGatherLayer : public ILayer {
 public:
  virtual void setGatherAxis(int32_t axis) noexcept = 0;
  virtual int32_t getGatherAxis() const noexcept = 0;
  virtual void setNbElementWiseDims(int32_t elementWiseDims) noexcept = 0;  // leading dimensions that both share
  virtual int32_t getNbElementWiseDims() const noexcept = 0;
  virtual void setMode(GatherMode mode) noexcept = 0;
  virtual GatherMode getMode() const noexcept = 0;

 protected:
  ~IGatherLayer() noexcept override = default;
};

enum class ScatterMode : int32_t { kELEMENT = 0, kND = 1 };
TEMPER_ENUM_COUNT(ScatterMode, 2)

// The first input with the elements at the indices (second input) replaced by the updates (third).
class IScatterLayer : public ILayer {
 public:
  virtual void setMode(ScatterMode mode) noexcept = 0;
  virtual ScatterMode getMode() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;  // of kELEMENT
  virtual int32_t getAxis() const noexcept = 0;

 protected:
  ~IScatterLayer() noexcept override = default;
};

// Without, or with more, dimensions of 1; which is said by the second input, a constant vector.
class ISqueezeLayer : public ILayer {
 protected:
  ~ISqueezeLayer() noexcept override = default;
};
class IUnsqueezeLayer : public ILayer {
 protected:
  ~IUnsqueezeLayer() noexcept override = default;
};

enum class TopKOperation : int32_t { kMAX = 0, kMIN = 1 };
TEMPER_ENUM_COUNT(TopKOperation, 2)

// The k largest or smallest along one axis, in order, and their positions (second output). k may be input 1.
class ITopKLayer : public ILayer {
 public:
  virtual void setOperation(TopKOperation op) noexcept = 0;
  virtual TopKOperation getOperation() const noexcept = 0;
  virtual void setK(int32_t k) noexcept = 0;
  virtual int32_t getK() const noexcept = 0;
  virtual void setReduceAxes(uint32_t reduceAxes) noexcept = 0;  // a mask with the bit of one axis
  virtual uint32_t getReduceAxes() const noexcept = 0;
  virtual bool setIndicesType(DataType type) noexcept = 0;  // kINT32 (default) or kINT64
  virtual DataType getIndicesType() const noexcept = 0;

 protected:
  ~ITopKLayer() noexcept override = default;
};

// Coordinates of the elements that are not 0: [rank, count], count known when it has run.
class INonZeroLayer : public ILayer {
 public:
  virtual bool setIndicesType(DataType type) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;

 protected:
  ~INonZeroLayer() noexcept override = default;
};

// Inputs: indices, [off value, on value], depth. A new dimension of extent depth at the axis is on where the index is.
class IOneHotLayer : public ILayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;

 protected:
  ~IOneHotLayer() noexcept override = default;
};

class IConstantLayer : public ILayer {
 public:
  virtual void setWeights(Weights weights) noexcept = 0;
  virtual Weights getWeights() const noexcept = 0;
  TEMPER_SETS_DIMS(setDimensions, dimensions)
  TEMPER_GETS_DIMS(getDimensions)

 protected:
  ~IConstantLayer() noexcept override = default;
};

enum class FillOperation : int32_t {
  kLINSPACE = 0,        // alpha, alpha + beta, ... ; beta per dimension where it is input 2
  kRANDOM_UNIFORM = 1,  // from alpha to beta
  kRANDOM_NORMAL = 2,   // mean alpha, standard deviation beta
};
TEMPER_ENUM_COUNT(FillOperation, 3)

// A tensor that is computed from nothing. Dimensions, alpha and beta may be inputs 0, 1 and 2.
class IFillLayer : public ILayer {
 public:
  TEMPER_SETS_DIMS(setDimensions, dimensions)
  TEMPER_GETS_DIMS(getDimensions)
  virtual void setOperation(FillOperation op) noexcept = 0;
  virtual FillOperation getOperation() const noexcept = 0;
  virtual void setAlpha(double alpha) noexcept = 0;
  virtual double getAlpha() const noexcept = 0;
  virtual void setBeta(double beta) noexcept = 0;
  virtual double getBeta() const noexcept = 0;
  virtual void setAlphaInt64(int64_t alpha) noexcept = 0;
  virtual int64_t getAlphaInt64() const noexcept = 0;
  virtual void setBetaInt64(int64_t beta) noexcept = 0;
  virtual int64_t getBetaInt64() const noexcept = 0;
  virtual bool isAlphaBetaInt64() const noexcept = 0;
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;

 protected:
  ~IFillLayer() noexcept override = default;
};

enum class InterpolationMode : int32_t { kNEAREST = 0, kLINEAR = 1, kCUBIC = 2 };
TEMPER_ENUM_COUNT(InterpolationMode, 3)
using ResizeMode = InterpolationMode;

// Which point of the input an element of a resized tensor is at.
enum class ResizeCoordinateTransformation : int32_t {
  kALIGN_CORNERS = 0,  // x * (in - 1) / (out - 1)
  kASYMMETRIC = 1,     // x * in / out
  kHALF_PIXEL = 2,     // (x + 0.5) * in / out - 0.5
};
TEMPER_ENUM_COUNT(ResizeCoordinateTransformation, 3)

// Where the one element of an extent of 1 is.
enum class ResizeSelector : int32_t { kFORMULA = 0, kUPPER = 1 };
TEMPER_ENUM_COUNT(ResizeSelector, 2)

// What kNEAREST does with a point between two elements.
enum class ResizeRoundMode : int32_t { kHALF_UP = 0, kHALF_DOWN = 1, kFLOOR = 2, kCEIL = 3 };
TEMPER_ENUM_COUNT(ResizeRoundMode, 4)

// Other extents, with elements interpolated. Either the dimensions of the result or scales are given; the dimensions may be
// input 1.
class IResizeLayer : public ILayer {
 public:
  TEMPER_SETS_DIMS(setOutputDimensions, dimensions)
  TEMPER_GETS_DIMS(getOutputDimensions)
  virtual void setScales(float const* scales, int32_t nbScales) noexcept = 0;  // one per dimension
  // Writes up to `size` scales; returns how many there are, -1 when none were set.
  virtual int32_t getScales(int32_t size, float* scales) const noexcept = 0;
  virtual void setResizeMode(InterpolationMode interpolationMode) noexcept = 0;  // default kNEAREST
  virtual InterpolationMode getResizeMode() const noexcept = 0;
  virtual void setCoordinateTransformation(ResizeCoordinateTransformation coordTransform) noexcept = 0;  // default kASYMMETRIC
  virtual ResizeCoordinateTransformation getCoordinateTransformation() const noexcept = 0;
  virtual void setSelectorForSinglePixel(ResizeSelector selector) noexcept = 0;  // default kFORMULA
  virtual ResizeSelector getSelectorForSinglePixel() const noexcept = 0;
  virtual void setNearestRounding(ResizeRoundMode value) noexcept = 0;  // default kFLOOR
  virtual ResizeRoundMode getNearestRounding() const noexcept = 0;
  virtual void setCubicCoeff(float A) noexcept = 0;  // default -0.75
  virtual float getCubicCoeff() const noexcept = 0;
  virtual void setExcludeOutside(bool excludeFlag) noexcept = 0;  // elements outside weigh nothing; default false
  virtual bool getExcludeOutside() const noexcept = 0;
  // Level 8.
  void setAlignCorners(bool alignCorners) noexcept {
    setCoordinateTransformation(alignCorners ? ResizeCoordinateTransformation::kALIGN_CORNERS
                                             : ResizeCoordinateTransformation::kASYMMETRIC);
  }
  bool getAlignCorners() const noexcept {
    return getCoordinateTransformation() == ResizeCoordinateTransformation::kALIGN_CORNERS;
  }

 protected:
  ~IResizeLayer() noexcept override = default;
};

// Elements of images [N, C, H, W] at the points of a grid [N, H', W', 2], in units where the image spans -1 to 1.
class IGridSampleLayer : public ILayer {
 public:
  virtual void setInterpolationMode(InterpolationMode mode) noexcept = 0;  // default kLINEAR
  virtual InterpolationMode getInterpolationMode() const noexcept = 0;
  virtual void setAlignCorners(
      bool alignCorners) noexcept = 0;  // -1 and 1 are the middles of the corner elements; default false
  virtual bool getAlignCorners() const noexcept = 0;
  virtual bool setSampleMode(SampleMode mode) noexcept = 0;  // kFILL (default: zeros), kCLAMP or kREFLECT
  virtual SampleMode getSampleMode() const noexcept = 0;

 protected:
  ~IGridSampleLayer() noexcept override = default;
};

enum class BoundingBoxFormat : int32_t { kCORNER_PAIRS = 0, kCENTER_SIZES = 1 };
TEMPER_ENUM_COUNT(BoundingBoxFormat, 2)

// Non-maximum suppression of boxes [N, boxes, classes or 1, 4] with scores [N, boxes, classes]. Outputs (batch, class, box) of
// those that stay, [count, 3], and their number. Inputs 2 to 4: most boxes per class, thresholds of overlap and of score.
class INMSLayer : public ILayer {
 public:
  virtual void setBoundingBoxFormat(BoundingBoxFormat fmt) noexcept = 0;
  virtual BoundingBoxFormat getBoundingBoxFormat() const noexcept = 0;
  virtual void setTopKBoxLimit(int32_t limit) noexcept = 0;  // boxes of highest score that are looked at
  virtual int32_t getTopKBoxLimit() const noexcept = 0;
  virtual bool setIndicesType(DataType type) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;

 protected:
  ~INMSLayer() noexcept override = default;
};

// The first elements of each sequence in reverse; the second input says how many, per batch.
class IReverseSequenceLayer : public ILayer {
 public:
  virtual void setBatchAxis(int32_t batchAxis) noexcept = 0;  // default 1
  virtual int32_t getBatchAxis() const noexcept = 0;
  virtual void setSequenceAxis(int32_t sequenceAxis) noexcept = 0;  // default 0
  virtual int32_t getSequenceAxis() const noexcept = 0;

 protected:
  ~IReverseSequenceLayer() noexcept override = default;
};

}  // namespace nvinfer1
