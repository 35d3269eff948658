// Layers that this version does not have, each with what to do in its place.
#include "api/network.h"

namespace temper::api {

bool Network::refuse(const char* call, const char* why) const noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> { return Error(ErrorCode::kUnsupported, why).at(call); });
}

nvinfer1::IDynamicQuantizeLayer* Network::addDynamicQuantize(nvinfer1::ITensor&, int32_t, int32_t, nvinfer1::DataType,
                                                             nvinfer1::DataType) noexcept {
  refuse("addDynamicQuantize", "dynamic quantization is not supported; quantize with constant scales (addQuantize)");
  return nullptr;
}

nvinfer1::IDynamicQuantizeLayer* Network::addDynamicQuantizeV2(nvinfer1::ITensor&, nvinfer1::Dims const&, nvinfer1::DataType,
                                                               nvinfer1::DataType) noexcept {
  refuse("addDynamicQuantizeV2", "dynamic quantization is not supported; quantize with constant scales (addQuantize)");
  return nullptr;
}

nvinfer1::IAttention* Network::addAttention(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                            nvinfer1::AttentionNormalizationOp, bool) noexcept {
  refuse("addAttention", "attention as one layer is not supported; write it as matrix products and a softmax, which are fused");
  return nullptr;
}

nvinfer1::IAttention* Network::addAttentionV2(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                              nvinfer1::AttentionNormalizationOp, nvinfer1::CausalMaskKind) noexcept {
  refuse("addAttentionV2",
         "attention as one layer is not supported; write it as matrix products and a softmax, which are fused");
  return nullptr;
}

nvinfer1::IRotaryEmbeddingLayer* Network::addRotaryEmbedding(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&, bool,
                                                             int32_t) noexcept {
  refuse("addRotaryEmbedding",
         "rotary embedding as one layer is not supported; use the RotaryEmbedding operator of an ONNX model");
  return nullptr;
}

nvinfer1::IKVCacheUpdateLayer* Network::addKVCacheUpdate(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&,
                                                         nvinfer1::KVCacheMode) noexcept {
  refuse("addKVCacheUpdate", "caches of keys and values are not supported; give the cache as an input and an output");
  return nullptr;
}

nvinfer1::IMoELayer* Network::addMoE(nvinfer1::ITensor&, nvinfer1::ITensor&, nvinfer1::ITensor&) noexcept {
  refuse("addMoE", "mixtures of experts are not supported; write them as matrix products and gathers");
  return nullptr;
}

nvinfer1::IDistCollectiveLayer* Network::addDistCollective(nvinfer1::ITensor&, nvinfer1::CollectiveOperation,
                                                           nvinfer1::ReduceOperation, int64_t, int64_t*, int64_t) noexcept {
  refuse("addDistCollective", "one device runs a plan; build the network without collectives");
  return nullptr;
}

}  // namespace temper::api
