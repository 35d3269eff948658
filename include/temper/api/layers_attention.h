// Layers of transformers: attention, rotary embedding, caches of keys and values, experts; and those that join devices.
#pragma once

#include "layers_elements.h"

namespace nvinfer1 {

class IAttention;

enum class AttentionNormalizationOp : int32_t { kNONE = 0, kSOFTMAX = 1 };
TEMPER_ENUM_COUNT(AttentionNormalizationOp, 2)

// Which keys a query may see.
enum class CausalMaskKind : int32_t {
  kNONE = 0,         // all
  kUPPER_LEFT = 1,   // key <= query, counted from the start
  kLOWER_RIGHT = 2,  // counted from the end
};
TEMPER_ENUM_COUNT(CausalMaskKind, 3)

// Layout of queries, keys and values.
enum class AttentionIOForm : int32_t {
  kPADDED_BHND = 0,  // [batch, heads, sequence, size]
  kPACKED_NHD = 1,   // [all sequences one after the other, heads, size], with their lengths beside
};
TEMPER_ENUM_COUNT(AttentionIOForm, 2)

class IAttentionBoundaryLayer : public ILayer {
 public:
  virtual IAttention* getAttention() const noexcept = 0;

 protected:
  ~IAttentionBoundaryLayer() noexcept override = default;
};
class IAttentionInputLayer : public IAttentionBoundaryLayer {
 protected:
  ~IAttentionInputLayer() noexcept override = default;
};
class IAttentionOutputLayer : public IAttentionBoundaryLayer {
 protected:
  ~IAttentionOutputLayer() noexcept override = default;
};

// normalisation(query * transpose(key) [+ mask]) * value, as one operation. Queries are to be scaled by the program.
class IAttention : public INoCopy {
 public:
  virtual bool setNormalizationOperation(AttentionNormalizationOp op) noexcept = 0;
  virtual AttentionNormalizationOp getNormalizationOperation() const noexcept = 0;
  // Boolean (true: visible) or of the query's type (added), broadcast to [batch, heads, queries, keys]. Not with causal.
  virtual bool setMask(ITensor& mask) noexcept = 0;
  virtual ITensor* getMask() noexcept = 0;
  virtual bool setCausal(bool isCausal) noexcept = 0;
  virtual bool getCausal() const noexcept = 0;
  virtual bool setCausalKind(CausalMaskKind kind) noexcept = 0;
  virtual CausalMaskKind getCausalKind() const noexcept = 0;
  virtual bool setDecomposable(bool decomposable) noexcept = 0;  // may be computed by several kernels
  virtual bool getDecomposable() const noexcept = 0;
  virtual bool setInput(int32_t index, ITensor& input) noexcept = 0;  // 0 query, 1 key, 2 value
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;
  virtual bool setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual bool setNormalizationQuantizeScale(ITensor& tensor) noexcept = 0;
  virtual ITensor* getNormalizationQuantizeScale() const noexcept = 0;
  virtual bool setNormalizationQuantizeToType(DataType type) noexcept = 0;
  virtual DataType getNormalizationQuantizeToType() const noexcept = 0;
  virtual bool setMetadata(char const* metadata) noexcept = 0;
  virtual char const* getMetadata() const noexcept = 0;
  virtual bool setNbRanks(int32_t nbRanks) noexcept = 0;
  virtual int32_t getNbRanks() const noexcept = 0;
  virtual bool setQueryForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getQueryForm() const noexcept = 0;
  virtual bool setKeyValueForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getKeyValueForm() const noexcept = 0;
  virtual bool setQueryLengths(ITensor* lengths) noexcept = 0;
  virtual ITensor* getQueryLengths() const noexcept = 0;
  virtual bool setKeyValueLengths(ITensor* lengths) noexcept = 0;
  virtual ITensor* getKeyValueLengths() const noexcept = 0;

 protected:
  ~IAttention() noexcept override = default;
};

// Turns pairs of elements by angles: inputs x [batch, heads, sequence, size], cosines, sines, and positions (input 3) if the
// caches are to be indexed.
class IRotaryEmbeddingLayer : public ILayer {
 public:
  virtual void setInterleaved(bool interleaved) noexcept = 0;  // pairs are neighbours; else halves
  virtual bool getInterleaved() const noexcept = 0;
  virtual bool setRotaryEmbeddingDim(int32_t rotaryEmbeddingDim) noexcept = 0;  // 0: all of the size
  virtual int32_t getRotaryEmbeddingDim() const noexcept = 0;

 protected:
  ~IRotaryEmbeddingLayer() noexcept override = default;
};

enum class KVCacheMode : int32_t { kLINEAR = 0 };
TEMPER_ENUM_COUNT(KVCacheMode, 1)

// The cache (input 0, [batch, heads, room, size]) with the update (input 1) written from the positions of input 2 on.
class IKVCacheUpdateLayer : public ILayer {
 public:
  virtual bool setCacheMode(KVCacheMode cacheMode) noexcept = 0;
  virtual KVCacheMode getCacheMode() const noexcept = 0;
  virtual bool setUpdateForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getUpdateForm() const noexcept = 0;
  virtual bool setUpdateLengths(ITensor* lengths) noexcept = 0;
  virtual ITensor* getUpdateLengths() const noexcept = 0;

 protected:
  ~IKVCacheUpdateLayer() noexcept override = default;
};

enum class MoEActType : int32_t { kNONE = 0, kSILU = 1 };
TEMPER_ENUM_COUNT(MoEActType, 2)

// A mixture of experts: each token goes through those that were selected for it, weighted by their scores.
class IMoELayer : public ILayer {
 public:
  virtual void setGatedWeights(ITensor& fcGateWeights, ITensor& fcUpWeights, ITensor& fcDownWeights,
                               MoEActType activationType) noexcept = 0;
  virtual void setGatedBiases(ITensor& fcGateBiases, ITensor& fcUpBiases, ITensor& fcDownBiases) noexcept = 0;
  virtual void setActivationType(MoEActType activationType) noexcept = 0;
  virtual MoEActType getActivationType() const noexcept = 0;
  virtual void setQuantizationStatic(ITensor& fcDownActivationScale, DataType dataType) noexcept = 0;
#if TEMPER_API_LEVEL == 8
  virtual void setQuantizationDynamicDblQ64(ITensor& scale, DataType type, Dims64 const& shape,
                                            DataType scaleType) noexcept = 0;
  void setQuantizationDynamicDblQ(ITensor& scale, DataType type, Dims const& shape, DataType scaleType) noexcept {
    setQuantizationDynamicDblQ64(scale, type, impl::dims_as(shape), scaleType);
  }
#else
  virtual void setQuantizationDynamicDblQ(ITensor& fcDownActivationDblQScale, DataType dataType, Dims const& blockShape,
                                          DataType dynQOutputScaleType) noexcept = 0;
#endif
  virtual void setQuantizationToType(DataType type) noexcept = 0;
  virtual DataType getQuantizationToType() const noexcept = 0;
  TEMPER_SETS_DIMS(setQuantizationBlockShape, blockShape)
  TEMPER_GETS_DIMS(getQuantizationBlockShape)
  virtual void setDynQOutputScaleType(DataType type) noexcept = 0;
  virtual DataType getDynQOutputScaleType() const noexcept = 0;
  // Of the gated unit: (up + beta) * gate * sigmoid(alpha * gate), both kept within the limit.
  virtual void setSwigluParams(float limit, float alpha, float beta) noexcept = 0;
  virtual void setSwigluParamLimit(float limit) noexcept = 0;
  virtual float getSwigluParamLimit() const noexcept = 0;
  virtual void setSwigluParamAlpha(float alpha) noexcept = 0;
  virtual float getSwigluParamAlpha() const noexcept = 0;
  virtual void setSwigluParamBeta(float beta) noexcept = 0;
  virtual float getSwigluParamBeta() const noexcept = 0;

 protected:
  ~IMoELayer() noexcept override = default;
};

enum class CollectiveOperation : int32_t {
  kALL_REDUCE = 0,
  kALL_GATHER = 1,
  kBROADCAST = 2,
  kREDUCE = 3,
  kREDUCE_SCATTER = 4,
  kALL_TO_ALL = 5,
  kGATHER = 6,
  kSCATTER = 7,
};
TEMPER_ENUM_COUNT(CollectiveOperation, 8)

// Exchanges values between the devices of a group.
class IDistCollectiveLayer : public ILayer {
 protected:
  ~IDistCollectiveLayer() noexcept override = default;
};

class IPluginV2;
class IPluginV3;

// What a plugin computes.
class IPluginV2Layer : public ILayer {
 public:
  virtual IPluginV2& getPlugin() noexcept = 0;

 protected:
  ~IPluginV2Layer() noexcept override = default;
};
class IPluginV3Layer : public ILayer {
 public:
  virtual IPluginV3& getPlugin() noexcept = 0;

 protected:
  ~IPluginV3Layer() noexcept override = default;
};

}  // namespace nvinfer1
