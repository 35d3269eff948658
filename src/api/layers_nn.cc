// Layers over channels and windows.
#include <cmath>

#include "api/layer_names.h"
#include "api/layer_view.h"
#include "api/network.h"

namespace temper::api {
namespace {

using nvinfer1::Dims;
using nvinfer1::Weights;

// Convolution and deconvolution differ in their operator only.
template <class Interface>
class ConvolutionView final : public LayerWith<Interface, layers::Convolution> {
 public:
  using Base = LayerWith<Interface, layers::Convolution>;
  using A = layers::Convolution;
  ConvolutionView(Network& network, NodeId id) : Base(network, id, 3) {}
  ~ConvolutionView() noexcept override = default;

  void setNbOutputMaps(int64_t count) noexcept override { put_count(&A::maps, count, "the number of output maps"); }
  int64_t getNbOutputMaps() const noexcept override { return this->attributes().maps; }
  void setNbGroups(int64_t count) noexcept override { put_count(&A::groups, count, "the number of groups"); }
  int64_t getNbGroups() const noexcept override { return this->attributes().groups; }
  void setKernelWeights(Weights weights) noexcept override { this->core_.put_weights(1, weights, "the kernel weights"); }
  Weights getKernelWeights() const noexcept override { return this->core_.weights(1); }
  void setBiasWeights(Weights weights) noexcept override { this->core_.put_weights(2, weights, "the bias weights"); }
  Weights getBiasWeights() const noexcept override { return this->core_.weights(2); }
  void setPrePadding(Dims const& dims) noexcept override { put_spatial(&A::pre, dims, 0, "the pre-padding"); }
  Dims getPrePadding() const noexcept override { return spatial(this->attributes().pre, 0); }
  void setPostPadding(Dims const& dims) noexcept override { put_spatial(&A::post, dims, 0, "the post-padding"); }
  Dims getPostPadding() const noexcept override { return spatial(this->attributes().post, 0); }
  void setPaddingNd(Dims const& dims) noexcept override {
    if (put_spatial(&A::pre, dims, 0, "the padding")) put_spatial(&A::post, dims, 0, "the padding");
  }
  Dims getPaddingNd() const noexcept override { return getPrePadding(); }
  void setPaddingMode(nvinfer1::PaddingMode mode) noexcept override {
    this->put_name(&A::padding, kPaddingModes, mode, "the padding mode");
  }
  nvinfer1::PaddingMode getPaddingMode() const noexcept override {
    return this->template by_name<nvinfer1::PaddingMode>(this->attributes().padding, kPaddingModes);
  }
  void setKernelSizeNd(Dims const& dims) noexcept override { put_spatial(&A::kernel, dims, 1, "the kernel size"); }
  Dims getKernelSizeNd() const noexcept override { return to_public(this->attributes().kernel); }
  void setStrideNd(Dims const& dims) noexcept override { put_spatial(&A::stride, dims, 1, "the stride"); }
  Dims getStrideNd() const noexcept override { return spatial(this->attributes().stride, 1); }
  void setDilationNd(Dims const& dims) noexcept override { put_spatial(&A::dilation, dims, 1, "the dilation"); }
  Dims getDilationNd() const noexcept override { return spatial(this->attributes().dilation, 1); }

 private:
  Dims spatial(const std::vector<int64_t>& set, int64_t otherwise) const {
    return this->dims_or(set, this->attributes().kernel.size(), otherwise);
  }
  bool put_spatial(std::vector<int64_t> A::*field, Dims const& dims, int64_t least, const char* what) noexcept {
    const size_t rank = this->attributes().kernel.size();
    if (size_t(dims.nbDims) != rank) {
      this->report(what, "it is " + dims_text(dims) + ", but the kernel has " + std::to_string(rank) + " dimensions");
      return false;
    }
    return this->put_dims(field, dims, least, what);
  }
  void put_count(int64_t A::*field, int64_t count, const char* what) noexcept {
    if (count < 1) return this->report(what, "it can't be " + std::to_string(count) + "; it is at least 1");
    this->put(field, int64_t(count));
  }
};

class PoolingView final : public LayerWith<nvinfer1::IPoolingLayer, layers::Pooling> {
 public:
  using A = layers::Pooling;
  PoolingView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~PoolingView() noexcept override = default;

  void setPoolingType(nvinfer1::PoolingType type) noexcept override {
    put_name(&A::type, kPoolingTypes, type, "the pooling type");
  }
  nvinfer1::PoolingType getPoolingType() const noexcept override {
    return by_name<nvinfer1::PoolingType>(attributes().type, kPoolingTypes);
  }
  void setWindowSizeNd(Dims const& dims) noexcept override { put_spatial(&A::window, dims, 1, "the window size"); }
  Dims getWindowSizeNd() const noexcept override { return to_public(attributes().window); }
  void setStrideNd(Dims const& dims) noexcept override { put_spatial(&A::stride, dims, 1, "the stride"); }
  Dims getStrideNd() const noexcept override { return spatial(attributes().stride, 1); }
  void setPrePadding(Dims const& dims) noexcept override { put_spatial(&A::pre, dims, 0, "the pre-padding"); }
  Dims getPrePadding() const noexcept override { return spatial(attributes().pre, 0); }
  void setPostPadding(Dims const& dims) noexcept override { put_spatial(&A::post, dims, 0, "the post-padding"); }
  Dims getPostPadding() const noexcept override { return spatial(attributes().post, 0); }
  void setPaddingNd(Dims const& dims) noexcept override {
    if (put_spatial(&A::pre, dims, 0, "the padding")) put_spatial(&A::post, dims, 0, "the padding");
  }
  Dims getPaddingNd() const noexcept override { return getPrePadding(); }
  void setPaddingMode(nvinfer1::PaddingMode mode) noexcept override {
    put_name(&A::padding, kPaddingModes, mode, "the padding mode");
  }
  nvinfer1::PaddingMode getPaddingMode() const noexcept override {
    return by_name<nvinfer1::PaddingMode>(attributes().padding, kPaddingModes);
  }
  void setBlendFactor(float factor) noexcept override {
    if (!(factor >= 0 && factor <= 1)) return report("the blend factor", "it is a number from 0 to 1");
    put(&A::blend, double(factor));
  }
  float getBlendFactor() const noexcept override { return float(attributes().blend); }
  void setAverageCountExcludesPadding(bool excludes) noexcept override { put(&A::excludes_padding, bool(excludes)); }
  bool getAverageCountExcludesPadding() const noexcept override { return attributes().excludes_padding; }

 private:
  Dims spatial(const std::vector<int64_t>& set, int64_t otherwise) const {
    return dims_or(set, attributes().window.size(), otherwise);
  }
  bool put_spatial(std::vector<int64_t> A::*field, Dims const& dims, int64_t least, const char* what) noexcept {
    const size_t rank = attributes().window.size();
    if (size_t(dims.nbDims) != rank) {
      report(what, "it is " + dims_text(dims) + ", but the window has " + std::to_string(rank) + " dimensions");
      return false;
    }
    return put_dims(field, dims, least, what);
  }
};

class FullyConnectedView final : public LayerWith<nvinfer1::IFullyConnectedLayer, layers::FullyConnected> {
 public:
  FullyConnectedView(Network& network, NodeId id) : LayerWith(network, id, 3) {}
  ~FullyConnectedView() noexcept override = default;
  void setNbOutputChannels(int32_t count) noexcept override {
    if (count < 1) return report("the number of output channels", "it is at least 1");
    put(&Attributes::outputs, int64_t(count));
  }
  int32_t getNbOutputChannels() const noexcept override { return int32_t(attributes().outputs); }
  void setKernelWeights(Weights weights) noexcept override { core_.put_weights(1, weights, "the kernel weights"); }
  Weights getKernelWeights() const noexcept override { return core_.weights(1); }
  void setBiasWeights(Weights weights) noexcept override { core_.put_weights(2, weights, "the bias weights"); }
  Weights getBiasWeights() const noexcept override { return core_.weights(2); }
};

class ActivationView final : public LayerWith<nvinfer1::IActivationLayer, layers::Activation> {
 public:
  ActivationView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~ActivationView() noexcept override = default;
  void setActivationType(nvinfer1::ActivationType type) noexcept override {
    put_name(&Attributes::type, kActivationTypes, type, "the activation type");
  }
  nvinfer1::ActivationType getActivationType() const noexcept override {
    return by_name<nvinfer1::ActivationType>(attributes().type, kActivationTypes);
  }
  void setAlpha(float alpha) noexcept override { put(&Attributes::alpha, double(alpha)); }
  void setBeta(float beta) noexcept override { put(&Attributes::beta, double(beta)); }
  float getAlpha() const noexcept override { return float(attributes().alpha); }
  float getBeta() const noexcept override { return float(attributes().beta); }
};

class LrnView final : public LayerWith<nvinfer1::ILRNLayer, layers::LocalResponse> {
 public:
  LrnView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~LrnView() noexcept override = default;
  void setWindowSize(int64_t size) noexcept override {
    if (size < 1 || size > 15 || size % 2 == 0) return report("the window size", "it is an odd number from 1 to 15");
    put(&Attributes::window, int64_t(size));
  }
  int64_t getWindowSize() const noexcept override { return attributes().window; }
  void setAlpha(float alpha) noexcept override { put(&Attributes::alpha, double(alpha)); }
  float getAlpha() const noexcept override { return float(attributes().alpha); }
  void setBeta(float beta) noexcept override { put(&Attributes::beta, double(beta)); }
  float getBeta() const noexcept override { return float(attributes().beta); }
  void setK(float k) noexcept override { put(&Attributes::k, double(k)); }
  float getK() const noexcept override { return float(attributes().k); }
};

class ScaleView final : public LayerWith<nvinfer1::IScaleLayer, layers::Scale> {
 public:
  ScaleView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~ScaleView() noexcept override = default;
  void setMode(nvinfer1::ScaleMode mode) noexcept override { put_name(&Attributes::mode, kScaleModes, mode, "the mode"); }
  nvinfer1::ScaleMode getMode() const noexcept override { return by_name<nvinfer1::ScaleMode>(attributes().mode, kScaleModes); }
  void setShift(Weights weights) noexcept override { core_.put_weights(1, weights, "the shift"); }
  Weights getShift() const noexcept override { return core_.weights(1); }
  void setScale(Weights weights) noexcept override { core_.put_weights(2, weights, "the scale"); }
  Weights getScale() const noexcept override { return core_.weights(2); }
  void setPower(Weights weights) noexcept override { core_.put_weights(3, weights, "the power"); }
  Weights getPower() const noexcept override { return core_.weights(3); }
  void setChannelAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getChannelAxis() const noexcept override { return int32_t(attributes().axis); }
};

class SoftMaxView final : public LayerWith<nvinfer1::ISoftMaxLayer, layers::Axis> {
 public:
  SoftMaxView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~SoftMaxView() noexcept override = default;
  void setAxes(uint32_t axes) noexcept override { put(&Attributes::axis, int64_t(axes)); }
  uint32_t getAxes() const noexcept override { return uint32_t(attributes().axis); }
};

class NormalizationView final : public LayerWith<nvinfer1::INormalizationLayer, layers::Normalization> {
 public:
  NormalizationView(Network& network, NodeId id) : LayerWith(network, id, 3) {}
  ~NormalizationView() noexcept override = default;
  void setEpsilon(float epsilon) noexcept override { put(&Attributes::epsilon, double(epsilon)); }
  float getEpsilon() const noexcept override { return float(attributes().epsilon); }
  void setAxes(uint32_t axes) noexcept override { put(&Attributes::axes, int64_t(axes)); }
  uint32_t getAxes() const noexcept override { return uint32_t(attributes().axes); }
  void setNbGroups(int64_t count) noexcept override {
    if (count < 1) return report("the number of groups", "it is at least 1");
    put(&Attributes::groups, int64_t(count));
  }
  int64_t getNbGroups() const noexcept override { return attributes().groups; }
  // Statistics are computed in f32 whatever is asked for: that is at least as exact.
  void setComputePrecision(nvinfer1::DataType type) noexcept override {
    if (type != nvinfer1::DataType::kFLOAT && type != nvinfer1::DataType::kHALF)
      return report("the compute precision", "it is kFLOAT or kHALF");
    compute_ = type;
  }
  nvinfer1::DataType getComputePrecision() const noexcept override { return compute_; }
  bool isV2() const noexcept override { return attributes().plain; }

 private:
  nvinfer1::DataType compute_ = nvinfer1::DataType::kFLOAT;
};

class PaddingView final : public LayerWith<nvinfer1::IPaddingLayer, layers::Padding> {
 public:
  PaddingView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~PaddingView() noexcept override = default;
  void setPrePaddingNd(Dims const& dims) noexcept override { put_pair(&Attributes::pre, dims, "the pre-padding"); }
  Dims getPrePaddingNd() const noexcept override { return to_public(attributes().pre); }
  void setPostPaddingNd(Dims const& dims) noexcept override { put_pair(&Attributes::post, dims, "the post-padding"); }
  Dims getPostPaddingNd() const noexcept override { return to_public(attributes().post); }

 private:
  void put_pair(std::vector<int64_t> Attributes::*field, Dims const& dims, const char* what) noexcept {
    if (dims.nbDims != 2) return report(what, "it has 2 dimensions, unlike " + dims_text(dims));
    put_dims(field, dims, INT32_MIN, what);
  }
};

template <class Interface>
class Bare final : public LayerOf<Interface> {
 public:
  Bare(Network& network, NodeId id) : LayerOf<Interface>(network, id, 2) {}
  ~Bare() noexcept override = default;
};

// 1 to 3 dimensions of at least 1.
Status check_window(Dims const& dims, const char* what) {
  bool good = dims.nbDims >= 1 && dims.nbDims <= 3;
  for (int i = 0; good && i < dims.nbDims; ++i) good = dims.d[i] >= 1;
  if (good) return {};
  return invalid(std::string(what) + " has 1 to 3 dimensions of at least 1, unlike " + dims_text(dims));
}

}  // namespace

using nvinfer1::ITensor;

nvinfer1::IConvolutionLayer* Network::addConvolutionNd(ITensor& input, int64_t maps, Dims const& kernel, Weights weights,
                                                       Weights bias) noexcept {
  return add<ConvolutionView<nvinfer1::IConvolutionLayer>>("addConvolutionNd", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(check_window(kernel, "the kernel"));
    if (maps < 1) return invalid("the number of output maps is at least 1, not " + std::to_string(maps));
    draft.type = "layer_convolution";
    draft.attrs =
        make_attrs(layers::Convolution{.maps = maps, .kernel = *from_public(kernel), .sample = hasImplicitBatchDimension()});
    draft.mendable = true;
    draft.reads(input);
    TEMPER_TRY(draft.reads(weights, "the kernel weights"));
    return draft.reads(bias, "the bias weights");
  });
}

nvinfer1::IDeconvolutionLayer* Network::addDeconvolutionNd(ITensor& input, int64_t maps, Dims const& kernel, Weights weights,
                                                           Weights bias) noexcept {
  return add<ConvolutionView<nvinfer1::IDeconvolutionLayer>>("addDeconvolutionNd", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(check_window(kernel, "the kernel"));
    if (maps < 1) return invalid("the number of output maps is at least 1, not " + std::to_string(maps));
    draft.type = "layer_deconvolution";
    draft.attrs =
        make_attrs(layers::Convolution{.maps = maps, .kernel = *from_public(kernel), .sample = hasImplicitBatchDimension()});
    draft.mendable = true;
    draft.reads(input);
    TEMPER_TRY(draft.reads(weights, "the kernel weights"));
    return draft.reads(bias, "the bias weights");
  });
}

nvinfer1::IFullyConnectedLayer* Network::addFullyConnected(ITensor& input, int32_t outputs, Weights weights,
                                                           Weights bias) noexcept {
  return add<FullyConnectedView>("addFullyConnected", [&](LayerDraft& draft) -> Status {
    if (outputs < 1) return invalid("the number of outputs is at least 1, not " + std::to_string(outputs));
    draft.type = "layer_fully_connected";
    draft.attrs = make_attrs(layers::FullyConnected{outputs});
    draft.mendable = true;
    draft.reads(input);
    TEMPER_TRY(draft.reads(weights, "the kernel weights"));
    return draft.reads(bias, "the bias weights");
  });
}

nvinfer1::IPoolingLayer* Network::addPoolingNd(ITensor& input, nvinfer1::PoolingType type, Dims const& window) noexcept {
  return add<PoolingView>("addPoolingNd", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(check_window(window, "the window"));
    if (!is_value(type)) return invalid("there is no pooling type " + std::to_string(int(type)));
    draft.type = "layer_pooling";
    layers::Pooling attrs{
        .type = std::string(kPoolingTypes[int(type)]), .window = *from_public(window), .sample = hasImplicitBatchDimension()};
    draft.attrs = make_attrs(std::move(attrs));
    draft.mendable = true;
    draft.reads(input);
    return {};
  });
}

nvinfer1::IPaddingLayer* Network::addPaddingNd(ITensor& input, Dims const& pre, Dims const& post) noexcept {
  return add<PaddingView>("addPaddingNd", [&](LayerDraft& draft) -> Status {
    if (pre.nbDims != 2 || post.nbDims != 2)
      return invalid("the paddings have 2 dimensions each, unlike " + dims_text(pre) + " and " + dims_text(post));
    draft.type = "layer_padding";
    draft.attrs = make_attrs(layers::Padding{*from_public(pre), *from_public(post)});
    draft.mendable = true;
    draft.reads(input);
    return {};
  });
}

nvinfer1::IActivationLayer* Network::addActivation(ITensor& input, nvinfer1::ActivationType type) noexcept {
  return add<ActivationView>("addActivation", [&](LayerDraft& draft) -> Status {
    if (!is_value(type)) return invalid("there is no activation type " + std::to_string(int(type)));
    draft.type = "layer_activation";
    draft.attrs = make_attrs(layers::Activation{std::string(kActivationTypes[int(type)])});
    draft.reads(input);
    return {};
  });
}

nvinfer1::IParametricReLULayer* Network::addParametricReLU(ITensor& input, ITensor& slope) noexcept {
  return add<Bare<nvinfer1::IParametricReLULayer>>("addParametricReLU", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_parametric_relu";
    draft.reads(input);
    draft.reads(slope);
    return {};
  });
}

nvinfer1::ILRNLayer* Network::addLRN(ITensor& input, int64_t window, float alpha, float beta, float k) noexcept {
  return add<LrnView>("addLRN", [&](LayerDraft& draft) -> Status {
    if (window < 1 || window > 15 || window % 2 == 0)
      return invalid("the window is an odd number from 1 to 15, not " + std::to_string(window));
    draft.type = "layer_lrn";
    draft.attrs = make_attrs(layers::LocalResponse{window, alpha, beta, k, hasImplicitBatchDimension()});
    draft.reads(input);
    return {};
  });
}

nvinfer1::IScaleLayer* Network::addScaleNd(ITensor& input, nvinfer1::ScaleMode mode, Weights shift, Weights scale,
                                           Weights power, int32_t axis) noexcept {
  return add<ScaleView>("addScaleNd", [&](LayerDraft& draft) -> Status {
    if (!is_value(mode)) return invalid("there is no scale mode " + std::to_string(int(mode)));
    draft.type = "layer_scale";
    draft.attrs = make_attrs(layers::Scale{std::string(kScaleModes[int(mode)]), axis});
    draft.mendable = true;
    draft.reads(input);
    TEMPER_TRY(draft.reads(shift, "the shift"));
    TEMPER_TRY(draft.reads(scale, "the scale"));
    return draft.reads(power, "the power");
  });
}

nvinfer1::IScaleLayer* Network::addScale(ITensor& input, nvinfer1::ScaleMode mode, Weights shift, Weights scale,
                                         Weights power) noexcept {
  return addScaleNd(input, mode, shift, scale, power, hasImplicitBatchDimension() ? 0 : 1);
}

nvinfer1::ISoftMaxLayer* Network::addSoftMax(ITensor& input) noexcept {
  return add<SoftMaxView>("addSoftMax", [&](LayerDraft& draft) -> Status {
    const int32_t rank = input.getDimensions().nbDims;
    draft.type = "layer_softmax";
    draft.attrs = make_attrs(layers::Axis{int64_t(1) << (rank > 3 ? rank - 3 : 0)});
    draft.mendable = true;
    draft.reads(input);
    return {};
  });
}

nvinfer1::IRaggedSoftMaxLayer* Network::addRaggedSoftMax(ITensor& input, ITensor& bounds) noexcept {
  return add<Bare<nvinfer1::IRaggedSoftMaxLayer>>("addRaggedSoftMax", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_ragged_softmax";
    draft.reads(input);
    draft.reads(bounds);
    return {};
  });
}

nvinfer1::INormalizationLayer* Network::add_normalization(ITensor& input, ITensor& scale, ITensor& bias, uint32_t axes,
                                                          bool plain) noexcept {
  return add<NormalizationView>("addNormalization", [&](LayerDraft& draft) -> Status {
    if (axes == 0) return invalid("the mask of axes is 0; set the bit of one axis at least");
    if (hasImplicitBatchDimension())
      return Error(ErrorCode::kUnsupported, "a normalization needs a network with kEXPLICIT_BATCH");
    draft.type = "layer_normalization";
    draft.attrs = make_attrs(layers::Normalization{.axes = axes, .plain = plain});
    draft.mendable = true;
    draft.reads(input);
    draft.reads(scale);
    draft.reads(bias);
    return {};
  });
}

}  // namespace temper::api
