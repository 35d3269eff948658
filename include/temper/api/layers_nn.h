// Layers over channels and windows: convolution, pooling, activations, normalisation, ...
//
// Tensors are [N, C, spatial...]; "spatial" below are the dimensions after C. Weights belong to the program and must stay until
// the build has ended. Where an input beyond the first is given with setInput, it takes the place of the constant weights.
#pragma once

#include "NvInferLegacyDims.h"
#include "tensor.h"

namespace nvinfer1 {

// How the extent of a result follows from that of the input and the padding.
enum class PaddingMode : int32_t {
  kEXPLICIT_ROUND_DOWN = 0,  // as pre- and post-padding say; the last incomplete step is dropped
  kEXPLICIT_ROUND_UP = 1,    // the same; the last incomplete step counts
  kSAME_UPPER = 2,           // ceil(extent / stride); an odd element of padding goes behind
  kSAME_LOWER = 3,           // the same; it goes in front
  kCAFFE_ROUND_DOWN = 4,     // level 8: padding is the same on both sides
  kCAFFE_ROUND_UP = 5,
};
TEMPER_ENUM_COUNT(PaddingMode, 6)

// Sums of products of windows with kernels, [K, C / groups, kernel...], plus a bias of K.
class IConvolutionLayer : public ILayer {
 public:
  virtual void setNbOutputMaps(int64_t nbOutputMaps) noexcept = 0;
  virtual int64_t getNbOutputMaps() const noexcept = 0;
  // C and K are cut into so many groups, each convolved by itself. Default 1.
  virtual void setNbGroups(int64_t nbGroups) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setKernelWeights(Weights weights) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights weights) noexcept = 0;  // count 0: none
  virtual Weights getBiasWeights() const noexcept = 0;
  // Zeros in front of and behind each spatial dimension. Default 0. setPaddingNd sets both.
  TEMPER_SETS_DIMS(setPrePadding, padding)
  TEMPER_GETS_DIMS(getPrePadding)
  TEMPER_SETS_DIMS(setPostPadding, padding)
  TEMPER_GETS_DIMS(getPostPadding)
  TEMPER_SETS_DIMS(setPaddingNd, padding)
  TEMPER_GETS_DIMS(getPaddingNd)
  virtual void setPaddingMode(PaddingMode paddingMode) noexcept = 0;  // default kEXPLICIT_ROUND_DOWN
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  TEMPER_SETS_DIMS(setKernelSizeNd, kernelSize)
  TEMPER_GETS_DIMS(getKernelSizeNd)
  TEMPER_SETS_DIMS(setStrideNd, stride)  // default 1
  TEMPER_GETS_DIMS(getStrideNd)
  TEMPER_SETS_DIMS(setDilationNd, dilation)  // default 1
  TEMPER_GETS_DIMS(getDilationNd)

  // The forms of level 8 for two spatial dimensions.
  void setKernelSize(DimsHW kernelSize) noexcept { setKernelSizeNd(kernelSize); }
  DimsHW getKernelSize() const noexcept { return impl::height_width(getKernelSizeNd()); }
  void setStride(DimsHW stride) noexcept { setStrideNd(stride); }
  DimsHW getStride() const noexcept { return impl::height_width(getStrideNd()); }
  void setPadding(DimsHW padding) noexcept { setPaddingNd(padding); }
  DimsHW getPadding() const noexcept { return impl::height_width(getPaddingNd()); }
  void setDilation(DimsHW dilation) noexcept { setDilationNd(dilation); }
  DimsHW getDilation() const noexcept { return impl::height_width(getDilationNd()); }

 protected:
  ~IConvolutionLayer() noexcept override = default;
};

// The transpose of a convolution: each input element spreads over a window of the result. Kernels are [C, K / groups,
// kernel...]; padding is cut off the result.
class IDeconvolutionLayer : public ILayer {
 public:
  virtual void setNbOutputMaps(int64_t nbOutputMaps) noexcept = 0;
  virtual int64_t getNbOutputMaps() const noexcept = 0;
  virtual void setNbGroups(int64_t nbGroups) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setKernelWeights(Weights weights) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights weights) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;
  TEMPER_SETS_DIMS(setPrePadding, padding)
  TEMPER_GETS_DIMS(getPrePadding)
  TEMPER_SETS_DIMS(setPostPadding, padding)
  TEMPER_GETS_DIMS(getPostPadding)
  TEMPER_SETS_DIMS(setPaddingNd, padding)
  TEMPER_GETS_DIMS(getPaddingNd)
  virtual void setPaddingMode(PaddingMode paddingMode) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  TEMPER_SETS_DIMS(setKernelSizeNd, kernelSize)
  TEMPER_GETS_DIMS(getKernelSizeNd)
  TEMPER_SETS_DIMS(setStrideNd, stride)
  TEMPER_GETS_DIMS(getStrideNd)
  TEMPER_SETS_DIMS(setDilationNd, dilation)
  TEMPER_GETS_DIMS(getDilationNd)

  void setKernelSize(DimsHW kernelSize) noexcept { setKernelSizeNd(kernelSize); }
  DimsHW getKernelSize() const noexcept { return impl::height_width(getKernelSizeNd()); }
  void setStride(DimsHW stride) noexcept { setStrideNd(stride); }
  DimsHW getStride() const noexcept { return impl::height_width(getStrideNd()); }
  void setPadding(DimsHW padding) noexcept { setPaddingNd(padding); }
  DimsHW getPadding() const noexcept { return impl::height_width(getPaddingNd()); }

 protected:
  ~IDeconvolutionLayer() noexcept override = default;
};

// Level 8: the last three dimensions as one vector, times a matrix [K, C * H * W], plus a bias of K.
class IFullyConnectedLayer : public ILayer {
 public:
  virtual void setNbOutputChannels(int32_t nbOutputs) noexcept = 0;
  virtual int32_t getNbOutputChannels() const noexcept = 0;
  virtual void setKernelWeights(Weights weights) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights weights) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;

 protected:
  ~IFullyConnectedLayer() noexcept override = default;
};

enum class PoolingType : int32_t {
  kMAX = 0,
  kAVERAGE = 1,
  kMAX_AVERAGE_BLEND = 2,  // (1 - blend factor) * max + blend factor * average
};
TEMPER_ENUM_COUNT(PoolingType, 3)

// One value per window.
class IPoolingLayer : public ILayer {
 public:
  virtual void setPoolingType(PoolingType type) noexcept = 0;
  virtual PoolingType getPoolingType() const noexcept = 0;
  TEMPER_SETS_DIMS(setWindowSizeNd, windowSize)
  TEMPER_GETS_DIMS(getWindowSizeNd)
  TEMPER_SETS_DIMS(setStrideNd, stride)  // default: the window
  TEMPER_GETS_DIMS(getStrideNd)
  TEMPER_SETS_DIMS(setPrePadding, padding)
  TEMPER_GETS_DIMS(getPrePadding)
  TEMPER_SETS_DIMS(setPostPadding, padding)
  TEMPER_GETS_DIMS(getPostPadding)
  TEMPER_SETS_DIMS(setPaddingNd, padding)
  TEMPER_GETS_DIMS(getPaddingNd)
  virtual void setPaddingMode(PaddingMode paddingMode) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setBlendFactor(float blendFactor) noexcept = 0;  // from 0 to 1; default 0
  virtual float getBlendFactor() const noexcept = 0;
  // Does an average count the elements of the padding? Default: true, it does not.
  virtual void setAverageCountExcludesPadding(bool exclusive) noexcept = 0;
  virtual bool getAverageCountExcludesPadding() const noexcept = 0;

  void setWindowSize(DimsHW windowSize) noexcept { setWindowSizeNd(windowSize); }
  DimsHW getWindowSize() const noexcept { return impl::height_width(getWindowSizeNd()); }
  void setStride(DimsHW stride) noexcept { setStrideNd(stride); }
  DimsHW getStride() const noexcept { return impl::height_width(getStrideNd()); }
  void setPadding(DimsHW padding) noexcept { setPaddingNd(padding); }
  DimsHW getPadding() const noexcept { return impl::height_width(getPaddingNd()); }

 protected:
  ~IPoolingLayer() noexcept override = default;
};

enum class ActivationType : int32_t {
  kRELU = 0,
  kSIGMOID = 1,
  kTANH = 2,
  kLEAKY_RELU = 3,         // x >= 0 ? x : alpha * x
  kELU = 4,                // x >= 0 ? x : alpha * (exp(x) - 1)
  kSELU = 5,               // x > 0 ? beta * x : beta * (alpha * exp(x) - alpha)
  kSOFTSIGN = 6,           // x / (1 + |x|)
  kSOFTPLUS = 7,           // alpha * log(exp(beta * x) + 1)
  kCLIP = 8,               // max(alpha, min(beta, x))
  kHARD_SIGMOID = 9,       // max(0, min(1, alpha * x + beta))
  kSCALED_TANH = 10,       // alpha * tanh(beta * x)
  kTHRESHOLDED_RELU = 11,  // x > alpha ? x : 0
  kGELU_ERF = 12,          // 0.5 * x * (1 + erf(x / sqrt(2)))
  kGELU_TANH = 13,         // 0.5 * x * (1 + tanh(sqrt(2 / pi) * (0.044715 * x^3 + x)))
};
TEMPER_ENUM_COUNT(ActivationType, 14)

// A function of each element.
class IActivationLayer : public ILayer {
 public:
  virtual void setActivationType(ActivationType type) noexcept = 0;
  virtual ActivationType getActivationType() const noexcept = 0;
  // Defaults: 0 and 0, and where that would make no sense what the function is known with (kSELU, kSOFTPLUS, ...).
  virtual void setAlpha(float alpha) noexcept = 0;
  virtual void setBeta(float beta) noexcept = 0;
  virtual float getAlpha() const noexcept = 0;
  virtual float getBeta() const noexcept = 0;

 protected:
  ~IActivationLayer() noexcept override = default;
};

// x, or slope * x where x is negative; the slopes are the second input, broadcast to the first.
class IParametricReLULayer : public ILayer {
 protected:
  ~IParametricReLULayer() noexcept override = default;
};

// Local response normalisation over neighbouring channels: x / (k + alpha * mean of squares)^beta.
class ILRNLayer : public ILayer {
 public:
  virtual void setWindowSize(int64_t windowSize) noexcept = 0;  // odd, 1 to 15
  virtual int64_t getWindowSize() const noexcept = 0;
  virtual void setAlpha(float alpha) noexcept = 0;
  virtual float getAlpha() const noexcept = 0;
  virtual void setBeta(float beta) noexcept = 0;
  virtual float getBeta() const noexcept = 0;
  virtual void setK(float k) noexcept = 0;
  virtual float getK() const noexcept = 0;

 protected:
  ~ILRNLayer() noexcept override = default;
};

// How many of each of its weights a scale layer has.
enum class ScaleMode : int32_t {
  kUNIFORM = 0,      // one
  kCHANNEL = 1,      // one per channel
  kELEMENTWISE = 2,  // one per element behind the batch dimension
};
TEMPER_ENUM_COUNT(ScaleMode, 3)

// (x * scale + shift) ^ power. Weights of count 0 are left out.
class IScaleLayer : public ILayer {
 public:
  virtual void setMode(ScaleMode mode) noexcept = 0;
  virtual ScaleMode getMode() const noexcept = 0;
  virtual void setShift(Weights shift) noexcept = 0;
  virtual Weights getShift() const noexcept = 0;
  virtual void setScale(Weights scale) noexcept = 0;
  virtual Weights getScale() const noexcept = 0;
  virtual void setPower(Weights power) noexcept = 0;
  virtual Weights getPower() const noexcept = 0;
  virtual int32_t getChannelAxis() const noexcept = 0;  // default 1
  virtual void setChannelAxis(int32_t channelAxis) noexcept = 0;

 protected:
  ~IScaleLayer() noexcept override = default;
};

// exp(x) over its sum along one axis.
class ISoftMaxLayer : public ILayer {
 public:
  // A mask with the bit of one axis. Default: the third from the end, which is C of [N, C, H, W]; the first where the rank is
  // less than 3.
  virtual void setAxes(uint32_t axes) noexcept = 0;
  virtual uint32_t getAxes() const noexcept = 0;

 protected:
  ~ISoftMaxLayer() noexcept override = default;
};

// Softmax over the first elements of each row; the second input says how many.
class IRaggedSoftMaxLayer : public ILayer {
 protected:
  ~IRaggedSoftMaxLayer() noexcept override = default;
};

// (x - mean) / sqrt(variance + epsilon) * scale + bias, with mean and variance over the dimensions of a mask: instance, group
// or layer normalisation. Scale and bias are inputs 1 and 2.
class INormalizationLayer : public ILayer {
 public:
  virtual void setEpsilon(float eps) noexcept = 0;  // default 1e-5
  virtual float getEpsilon() const noexcept = 0;
  virtual void setAxes(uint32_t axesMask) noexcept = 0;
  virtual uint32_t getAxes() const noexcept = 0;
  virtual void setNbGroups(int64_t nbGroups) noexcept = 0;  // other than 1: the channels are cut into groups
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setComputePrecision(DataType type) noexcept = 0;  // kFLOAT (default) or kHALF
  virtual DataType getComputePrecision() const noexcept = 0;
  virtual bool isV2() const noexcept = 0;  // made by addNormalizationV2: scale and bias broadcast as they are

 protected:
  ~INormalizationLayer() noexcept override = default;
};

// Zeros around the last two dimensions, or a crop where a number is negative.
class IPaddingLayer : public ILayer {
 public:
  TEMPER_SETS_DIMS(setPrePaddingNd, padding)
  TEMPER_GETS_DIMS(getPrePaddingNd)
  TEMPER_SETS_DIMS(setPostPaddingNd, padding)
  TEMPER_GETS_DIMS(getPostPaddingNd)

  void setPrePadding(DimsHW padding) noexcept { setPrePaddingNd(padding); }
  DimsHW getPrePadding() const noexcept { return impl::height_width(getPrePaddingNd()); }
  void setPostPadding(DimsHW padding) noexcept { setPostPaddingNd(padding); }
  DimsHW getPostPadding() const noexcept { return impl::height_width(getPostPaddingNd()); }

 protected:
  ~IPaddingLayer() noexcept override = default;
};

}  // namespace nvinfer1
