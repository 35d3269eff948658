// Layers that find elements, or make them from nothing.
#include "api/layer_names.h"
#include "api/layer_view.h"
#include "api/network.h"
#include "ops/core/core.h"

namespace temper::api {
namespace {

using nvinfer1::Dims;

// kINT32 or kINT64.
std::optional<DType> index_type(nvinfer1::DataType type) {
  const auto dtype = from_public(type);
  return dtype == DType::kI32 || dtype == DType::kI64 ? dtype : std::nullopt;
}

class TopKView final : public LayerWith<nvinfer1::ITopKLayer, layers::TopK> {
 public:
  TopKView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~TopKView() noexcept override = default;
  void setOperation(nvinfer1::TopKOperation op) noexcept override {
    if (!is_value(op)) return report("the operation", "there is no value " + std::to_string(int(op)));
    put(&Attributes::largest, op == nvinfer1::TopKOperation::kMAX);
  }
  nvinfer1::TopKOperation getOperation() const noexcept override {
    return attributes().largest ? nvinfer1::TopKOperation::kMAX : nvinfer1::TopKOperation::kMIN;
  }
  void setK(int32_t k) noexcept override {
    if (k < 1) return report("k", "it is at least 1");
    put(&Attributes::k, int64_t(k));
  }
  int32_t getK() const noexcept override { return int32_t(attributes().k); }
  void setReduceAxes(uint32_t axes) noexcept override { put(&Attributes::axes, int64_t(axes)); }
  uint32_t getReduceAxes() const noexcept override { return uint32_t(attributes().axes); }
  bool setIndicesType(nvinfer1::DataType type) noexcept override {
    if (auto dtype = index_type(type)) return put(&Attributes::indices, DType(*dtype));
    report("the type of the indices", "it is kINT32 or kINT64");
    return false;
  }
  nvinfer1::DataType getIndicesType() const noexcept override { return to_public(attributes().indices); }
};

class NonZeroView final : public LayerWith<nvinfer1::INonZeroLayer, layers::Indices> {
 public:
  NonZeroView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~NonZeroView() noexcept override = default;
  bool setIndicesType(nvinfer1::DataType type) noexcept override {
    if (auto dtype = index_type(type)) return put(&Attributes::type, DType(*dtype));
    report("the type of the indices", "it is kINT32 or kINT64");
    return false;
  }
  nvinfer1::DataType getIndicesType() const noexcept override { return to_public(attributes().type); }
};

class OneHotView final : public LayerWith<nvinfer1::IOneHotLayer, layers::Axis> {
 public:
  OneHotView(Network& network, NodeId id) : LayerWith(network, id, 3) {}
  ~OneHotView() noexcept override = default;
  void setAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getAxis() const noexcept override { return int32_t(attributes().axis); }
};

// A constant layer is its node: the weights are the attribute.
class ConstantView final : public LayerWith<nvinfer1::IConstantLayer, Constant> {
 public:
  ConstantView(Network& network, NodeId id) : LayerWith(network, id, 0) {}
  ~ConstantView() noexcept override = default;
  void setWeights(nvinfer1::Weights weights) noexcept override {
    guarded(core_.network().reporter(), false, [&]() -> Expected<bool> {
      Tensor flat = TEMPER_TRY_AT(core_.network().weights_tensor(weights, "the weights"), core_.place());
      if (flat.count() != attributes().data.count())
        return invalid("the layer has " + std::to_string(attributes().data.count()) + " elements, not " +
                       std::to_string(flat.count()))
            .at(core_.place());
      return put(&Constant::data, flat.reshaped(attributes().data.dims()));
    });
  }
  nvinfer1::Weights getWeights() const noexcept override {
    const Tensor& data = attributes().data;
    return {to_public(data.dtype()), data.bytes().data(), data.count()};
  }
  void setDimensions(Dims const& dims) noexcept override {
    const auto numbers = from_public(dims);
    if (!numbers || element_count(*numbers) != attributes().data.count())
      return report("the dimensions", dims_text(dims) + " are not as many elements as the weights have");
    put(&Constant::data, attributes().data.reshaped(*numbers));
  }
  Dims getDimensions() const noexcept override { return to_public(attributes().data.dims()); }
};

class FillView final : public LayerWith<nvinfer1::IFillLayer, layers::Fill> {
 public:
  FillView(Network& network, NodeId id) : LayerWith(network, id, 3) {}
  ~FillView() noexcept override = default;
  void setDimensions(Dims const& dims) noexcept override { put_dims(&Attributes::dims, dims, 0, "the dimensions"); }
  Dims getDimensions() const noexcept override { return to_public(attributes().dims); }
  void setOperation(nvinfer1::FillOperation op) noexcept override {
    put_name(&Attributes::type, kFillOperations, op, "the operation");
  }
  nvinfer1::FillOperation getOperation() const noexcept override {
    return by_name<nvinfer1::FillOperation>(attributes().type, kFillOperations);
  }
  void setAlpha(double alpha) noexcept override {
    edit([&](Attributes& a) { a.alpha = alpha, a.ints = false; });
  }
  double getAlpha() const noexcept override { return attributes().alpha; }
  void setBeta(double beta) noexcept override {
    edit([&](Attributes& a) { a.beta = beta, a.ints = false; });
  }
  double getBeta() const noexcept override { return attributes().beta; }
  void setAlphaInt64(int64_t alpha) noexcept override {
    edit([&](Attributes& a) { a.alpha_int = alpha, a.ints = true; });
  }
  int64_t getAlphaInt64() const noexcept override { return attributes().alpha_int; }
  void setBetaInt64(int64_t beta) noexcept override {
    edit([&](Attributes& a) { a.beta_int = beta, a.ints = true; });
  }
  int64_t getBetaInt64() const noexcept override { return attributes().beta_int; }
  bool isAlphaBetaInt64() const noexcept override { return attributes().ints; }
  void setToType(nvinfer1::DataType type) noexcept override { put_type(&Attributes::to, type, "the type"); }
  nvinfer1::DataType getToType() const noexcept override { return to_public(attributes().to); }
};

class GridSampleView final : public LayerWith<nvinfer1::IGridSampleLayer, layers::GridSample> {
 public:
  GridSampleView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~GridSampleView() noexcept override = default;
  void setInterpolationMode(nvinfer1::InterpolationMode mode) noexcept override {
    put_name(&Attributes::mode, kInterpolationModes, mode, "the interpolation mode");
  }
  nvinfer1::InterpolationMode getInterpolationMode() const noexcept override {
    return by_name<nvinfer1::InterpolationMode>(attributes().mode, kInterpolationModes);
  }
  void setAlignCorners(bool align) noexcept override { put(&Attributes::align_corners, bool(align)); }
  bool getAlignCorners() const noexcept override { return attributes().align_corners; }
  bool setSampleMode(nvinfer1::SampleMode mode) noexcept override {
    if (mode == nvinfer1::SampleMode::kSTRICT_BOUNDS || mode == nvinfer1::SampleMode::kWRAP) {
      report("the sample mode", "it is kFILL, kCLAMP or kREFLECT");
      return false;
    }
    return put_name(&Attributes::outside, kSampleModes, mode, "the sample mode");
  }
  nvinfer1::SampleMode getSampleMode() const noexcept override {
    return by_name<nvinfer1::SampleMode>(attributes().outside, kSampleModes);
  }
};

class NmsView final : public LayerWith<nvinfer1::INMSLayer, layers::Suppression> {
 public:
  NmsView(Network& network, NodeId id) : LayerWith(network, id, 5) {}
  ~NmsView() noexcept override = default;
  void setBoundingBoxFormat(nvinfer1::BoundingBoxFormat format) noexcept override {
    if (!is_value(format)) return report("the box format", "there is no value " + std::to_string(int(format)));
    put(&Attributes::center, format == nvinfer1::BoundingBoxFormat::kCENTER_SIZES);
  }
  nvinfer1::BoundingBoxFormat getBoundingBoxFormat() const noexcept override {
    return attributes().center ? nvinfer1::BoundingBoxFormat::kCENTER_SIZES : nvinfer1::BoundingBoxFormat::kCORNER_PAIRS;
  }
  // All boxes are looked at, whatever the limit: the result is that of a limit which is not reached.
  void setTopKBoxLimit(int32_t limit) noexcept override {
    if (limit < 1) return report("the limit of boxes", "it is at least 1");
    put(&Attributes::limit, int64_t(limit));
  }
  int32_t getTopKBoxLimit() const noexcept override { return int32_t(attributes().limit); }
  bool setIndicesType(nvinfer1::DataType type) noexcept override {
    if (auto dtype = index_type(type)) return put(&Attributes::indices, DType(*dtype));
    report("the type of the indices", "it is kINT32 or kINT64");
    return false;
  }
  nvinfer1::DataType getIndicesType() const noexcept override { return to_public(attributes().indices); }
};

class ReverseSequenceView final : public LayerWith<nvinfer1::IReverseSequenceLayer, layers::ReverseSequence> {
 public:
  ReverseSequenceView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~ReverseSequenceView() noexcept override = default;
  void setBatchAxis(int32_t axis) noexcept override { put(&Attributes::batch_axis, int64_t(axis)); }
  int32_t getBatchAxis() const noexcept override { return int32_t(attributes().batch_axis); }
  void setSequenceAxis(int32_t axis) noexcept override { put(&Attributes::sequence_axis, int64_t(axis)); }
  int32_t getSequenceAxis() const noexcept override { return int32_t(attributes().sequence_axis); }
};

}  // namespace

using nvinfer1::DataType;
using nvinfer1::ITensor;

nvinfer1::ITopKLayer* Network::addTopK(ITensor& input, nvinfer1::TopKOperation op, int32_t k, uint32_t axes,
                                       DataType type) noexcept {
  return add<TopKView>("addTopK", [&](LayerDraft& draft) -> Status {
    if (!is_value(op)) return invalid("there is no top-k operation " + std::to_string(int(op)));
    const auto indices = index_type(type);
    if (!indices) return invalid("the type of the indices is kINT32 or kINT64");
    draft.type = "layer_top_k";
    draft.attrs = make_attrs(layers::TopK{op == nvinfer1::TopKOperation::kMAX, k, axes, *indices});
    draft.mendable = true;
    draft.results = 2;
    draft.reads(input);
    return {};
  });
}
nvinfer1::ITopKLayer* Network::addTopK(ITensor& input, nvinfer1::TopKOperation op, int32_t k, uint32_t axes) noexcept {
  return addTopK(input, op, k, axes, DataType::kINT32);
}

nvinfer1::INonZeroLayer* Network::addNonZero(ITensor& input, DataType type) noexcept {
  return add<NonZeroView>("addNonZero", [&](LayerDraft& draft) -> Status {
    const auto indices = index_type(type);
    if (!indices) return invalid("the type of the indices is kINT32 or kINT64");
    draft.type = "layer_non_zero";
    draft.attrs = make_attrs(layers::Indices{*indices});
    draft.reads(input);
    return {};
  });
}
nvinfer1::INonZeroLayer* Network::addNonZero(ITensor& input) noexcept { return addNonZero(input, DataType::kINT32); }

nvinfer1::IOneHotLayer* Network::addOneHot(ITensor& indices, ITensor& values, ITensor& depth, int32_t axis) noexcept {
  return add<OneHotView>("addOneHot", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_one_hot";
    draft.attrs = make_attrs(layers::Axis{axis});
    draft.mendable = true;
    draft.reads(indices);
    draft.reads(values);
    draft.reads(depth);
    return {};
  });
}

nvinfer1::IConstantLayer* Network::addConstant(Dims const& dims, nvinfer1::Weights weights) noexcept {
  return add<ConstantView>("addConstant", [&](LayerDraft& draft) -> Status {
    const auto numbers = from_public(dims);
    if (!numbers) return invalid("a constant can't have " + dims_text(dims));
    Tensor flat = TEMPER_TRY(weights_tensor(weights, "the weights"));
    if (element_count(*numbers) != flat.count()) {
      return invalid("a constant of " + dims_text(dims) + " needs " + std::to_string(element_count(*numbers)) +
                     " weights, but there are " + std::to_string(flat.count()));
    }
    draft.type = "constant";
    draft.attrs = make_attrs(Constant{flat.reshaped(*numbers)});
    return {};
  });
}

nvinfer1::IFillLayer* Network::addFill(Dims const& dims, nvinfer1::FillOperation op, DataType type) noexcept {
  return add<FillView>("addFill", [&](LayerDraft& draft) -> Status {
    if (!is_value(op)) return invalid("there is no fill operation " + std::to_string(int(op)));
    const auto numbers = from_public(dims);
    const auto to = from_public(type);
    if (!numbers || !to) return invalid("there is no fill of " + dims_text(dims) + " in such a type");
    draft.type = "layer_fill";
    draft.attrs = make_attrs(layers::Fill{.type = std::string(kFillOperations[int(op)]), .dims = *numbers, .to = *to});
    draft.mendable = true;
    return {};
  });
}
nvinfer1::IFillLayer* Network::addFill(Dims const& dims, nvinfer1::FillOperation op) noexcept {
  return addFill(dims, op, DataType::kFLOAT);
}

nvinfer1::IGridSampleLayer* Network::addGridSample(ITensor& input, ITensor& grid) noexcept {
  return add<GridSampleView>("addGridSample", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_grid_sample";
    draft.attrs = make_attrs(layers::GridSample{});
    draft.reads(input);
    draft.reads(grid);
    return {};
  });
}

nvinfer1::INMSLayer* Network::addNMS(ITensor& boxes, ITensor& scores, ITensor& most, DataType type) noexcept {
  return add<NmsView>("addNMS", [&](LayerDraft& draft) -> Status {
    const auto indices = index_type(type);
    if (!indices) return invalid("the type of the indices is kINT32 or kINT64");
    draft.type = "layer_nms";
    draft.attrs = make_attrs(layers::Suppression{.indices = *indices});
    draft.results = 2;
    draft.reads(boxes);
    draft.reads(scores);
    draft.reads(most);
    return {};
  });
}
nvinfer1::INMSLayer* Network::addNMS(ITensor& boxes, ITensor& scores, ITensor& most) noexcept {
  return addNMS(boxes, scores, most, DataType::kINT32);
}

nvinfer1::IReverseSequenceLayer* Network::addReverseSequence(ITensor& input, ITensor& lengths) noexcept {
  return add<ReverseSequenceView>("addReverseSequence", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_reverse_sequence";
    draft.attrs = make_attrs(layers::ReverseSequence{});
    draft.mendable = true;
    draft.reads(input);
    draft.reads(lengths);
    return {};
  });
}

}  // namespace temper::api
