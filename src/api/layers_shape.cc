// Layers that move elements, make them, or pick some.
#include <algorithm>

#include "api/layer_names.h"
#include "api/layer_view.h"
#include "api/network.h"

namespace temper::api {
namespace {

using nvinfer1::Dims;

nvinfer1::Permutation to_permutation(const std::vector<int64_t>& order) {
  nvinfer1::Permutation permutation{};
  for (int32_t i = 0; i < Dims::MAX_DIMS; ++i) permutation.order[i] = size_t(i) < order.size() ? int32_t(order[i]) : i;
  return permutation;
}

class ShuffleView final : public LayerWith<nvinfer1::IShuffleLayer, layers::Shuffle> {
 public:
  ShuffleView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~ShuffleView() noexcept override = default;
  void setFirstTranspose(nvinfer1::Permutation order) noexcept override { put_order(&Attributes::first, order); }
  nvinfer1::Permutation getFirstTranspose() const noexcept override { return to_permutation(attributes().first); }
  void setReshapeDimensions(Dims const& dims) noexcept override {
    put_checked(dims, -1, "the reshape dimensions", [](Attributes& a, const std::vector<int64_t>& numbers) {
      a.reshapes = true;
      a.dims = numbers;
    });
  }
  Dims getReshapeDimensions() const noexcept override {
    return attributes().reshapes ? to_public(attributes().dims) : invalid_dims();
  }
  void setSecondTranspose(nvinfer1::Permutation order) noexcept override { put_order(&Attributes::second, order); }
  nvinfer1::Permutation getSecondTranspose() const noexcept override { return to_permutation(attributes().second); }
  void setZeroIsPlaceholder(bool is) noexcept override { put(&Attributes::zero_is_placeholder, bool(is)); }
  bool getZeroIsPlaceholder() const noexcept override { return attributes().zero_is_placeholder; }

 private:
  void put_order(std::vector<int64_t> Attributes::*field, const nvinfer1::Permutation& order) noexcept {
    edit([&](Attributes& a) { (a.*field).assign(order.order, order.order + Dims::MAX_DIMS); });
  }
};

class SliceView final : public LayerWith<nvinfer1::ISliceLayer, layers::Slice> {
 public:
  SliceView(Network& network, NodeId id) : LayerWith(network, id, 6) {}
  ~SliceView() noexcept override = default;
  void setStart(Dims const& dims) noexcept override { put_dims(&Attributes::start, dims, INT64_MIN, "the start"); }
  Dims getStart() const noexcept override { return to_public(attributes().start); }
  void setSize(Dims const& dims) noexcept override { put_dims(&Attributes::size, dims, 0, "the size"); }
  Dims getSize() const noexcept override { return to_public(attributes().size); }
  void setStride(Dims const& dims) noexcept override { put_dims(&Attributes::stride, dims, INT64_MIN, "the stride"); }
  Dims getStride() const noexcept override { return to_public(attributes().stride); }
  void setMode(nvinfer1::SampleMode mode) noexcept override { put_name(&Attributes::mode, kSampleModes, mode, "the mode"); }
  nvinfer1::SampleMode getMode() const noexcept override {
    return by_name<nvinfer1::SampleMode>(attributes().mode, kSampleModes);
  }
  void setAxes(Dims const& dims) noexcept override { put_dims(&Attributes::axes, dims, -Dims::MAX_DIMS, "the axes"); }
  Dims getAxes() const noexcept override { return attributes().axes.empty() ? invalid_dims() : to_public(attributes().axes); }
};

class ConcatenationView final : public LayerWith<nvinfer1::IConcatenationLayer, layers::Axis> {
 public:
  ConcatenationView(Network& network, NodeId id) : LayerWith(network, id, INT32_MAX) {}
  ~ConcatenationView() noexcept override = default;
  void setAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getAxis() const noexcept override { return int32_t(attributes().axis); }
};

class GatherView final : public LayerWith<nvinfer1::IGatherLayer, layers::GatherLayer> {
 public:
  GatherView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~GatherView() noexcept override = default;
  void setGatherAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getGatherAxis() const noexcept override { return int32_t(attributes().axis); }
  void setNbElementWiseDims(int32_t count) noexcept override {
    if (count < 0) return report("the number of elementwise dimensions", "it is at least 0");
    put(&Attributes::shared, int64_t(count));
  }
  int32_t getNbElementWiseDims() const noexcept override { return int32_t(attributes().shared); }
  void setMode(nvinfer1::GatherMode mode) noexcept override { put_name(&Attributes::mode, kGatherModes, mode, "the mode"); }
  nvinfer1::GatherMode getMode() const noexcept override {
    return by_name<nvinfer1::GatherMode>(attributes().mode, kGatherModes);
  }
};

class ScatterView final : public LayerWith<nvinfer1::IScatterLayer, layers::Scatter> {
 public:
  ScatterView(Network& network, NodeId id) : LayerWith(network, id, 3) {}
  ~ScatterView() noexcept override = default;
  void setMode(nvinfer1::ScatterMode mode) noexcept override { put_name(&Attributes::mode, kScatterModes, mode, "the mode"); }
  nvinfer1::ScatterMode getMode() const noexcept override {
    return by_name<nvinfer1::ScatterMode>(attributes().mode, kScatterModes);
  }
  void setAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getAxis() const noexcept override { return int32_t(attributes().axis); }
};

class ResizeView final : public LayerWith<nvinfer1::IResizeLayer, layers::Resize> {
 public:
  ResizeView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~ResizeView() noexcept override = default;
  void setOutputDimensions(Dims const& dims) noexcept override {
    put_dims(&Attributes::dims, dims, -1, "the output dimensions");
  }
  Dims getOutputDimensions() const noexcept override { return to_public(attributes().dims); }
  void setScales(float const* scales, int32_t count) noexcept override {
    const bool good =
        scales && count > 0 && count <= Dims::MAX_DIMS && std::all_of(scales, scales + count, [](float s) { return s > 0; });
    if (!good) return report("the scales", "they are 1 to 8 numbers above 0, one per dimension");
    edit([&](Attributes& a) { a.scales.assign(scales, scales + count); });
  }
  int32_t getScales(int32_t size, float* scales) const noexcept override {
    const auto& set = attributes().scales;
    if (set.empty()) return -1;
    for (int32_t i = 0; scales && i < size && size_t(i) < set.size(); ++i) scales[i] = float(set[i]);
    return int32_t(set.size());
  }
  void setResizeMode(nvinfer1::InterpolationMode mode) noexcept override {
    put_name(&Attributes::mode, kInterpolationModes, mode, "the mode");
  }
  nvinfer1::InterpolationMode getResizeMode() const noexcept override {
    return by_name<nvinfer1::InterpolationMode>(attributes().mode, kInterpolationModes);
  }
  void setCoordinateTransformation(nvinfer1::ResizeCoordinateTransformation how) noexcept override {
    put_name(&Attributes::coordinates, kCoordinates, how, "the coordinate transformation");
  }
  nvinfer1::ResizeCoordinateTransformation getCoordinateTransformation() const noexcept override {
    return by_name<nvinfer1::ResizeCoordinateTransformation>(attributes().coordinates, kCoordinates);
  }
  void setSelectorForSinglePixel(nvinfer1::ResizeSelector selector) noexcept override {
    if (!is_value(selector)) return report("the selector", "there is no value " + std::to_string(int(selector)));
    put(&Attributes::upper_single, selector == nvinfer1::ResizeSelector::kUPPER);
  }
  nvinfer1::ResizeSelector getSelectorForSinglePixel() const noexcept override {
    return attributes().upper_single ? nvinfer1::ResizeSelector::kUPPER : nvinfer1::ResizeSelector::kFORMULA;
  }
  void setNearestRounding(nvinfer1::ResizeRoundMode mode) noexcept override {
    put_name(&Attributes::rounding, kRoundModes, mode, "the rounding");
  }
  nvinfer1::ResizeRoundMode getNearestRounding() const noexcept override {
    return by_name<nvinfer1::ResizeRoundMode>(attributes().rounding, kRoundModes);
  }
  void setCubicCoeff(float a) noexcept override { put(&Attributes::cubic, double(a)); }
  float getCubicCoeff() const noexcept override { return float(attributes().cubic); }
  void setExcludeOutside(bool exclude) noexcept override { put(&Attributes::exclude_outside, bool(exclude)); }
  bool getExcludeOutside() const noexcept override { return attributes().exclude_outside; }
};

template <class Interface>
class Bare final : public LayerOf<Interface> {
 public:
  Bare(Network& network, NodeId id) : LayerOf<Interface>(network, id, 2) {}
  ~Bare() noexcept override = default;
};

Status check_rank(Dims const& dims, const char* what) {
  if (from_public(dims)) return {};
  return invalid(std::string(what) + " can't have " + dims_text(dims));
}

}  // namespace

using nvinfer1::ITensor;

nvinfer1::IShuffleLayer* Network::addShuffle(ITensor& input) noexcept {
  return add<ShuffleView>("addShuffle", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_shuffle";
    draft.attrs = make_attrs(layers::Shuffle{});
    draft.mendable = true;
    draft.reads(input);
    return {};
  });
}

nvinfer1::ISliceLayer* Network::addSlice(ITensor& input, Dims const& start, Dims const& size, Dims const& stride) noexcept {
  return add<SliceView>("addSlice", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(check_rank(start, "the start"));
    TEMPER_TRY(check_rank(size, "the size"));
    TEMPER_TRY(check_rank(stride, "the stride"));
    draft.type = "layer_slice";
    draft.attrs =
        make_attrs(layers::Slice{.start = *from_public(start), .size = *from_public(size), .stride = *from_public(stride)});
    draft.mendable = true;
    draft.reads(input);
    return {};
  });
}

nvinfer1::IShapeLayer* Network::addShape(ITensor& input) noexcept {
  return add<Bare<nvinfer1::IShapeLayer>>("addShape", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_shape";
    draft.attrs = make_attrs(layers::Indices{api_level_ == 8 ? DType::kI32 : DType::kI64});
    draft.reads(input);
    return {};
  });
}

nvinfer1::IConcatenationLayer* Network::addConcatenation(ITensor* const* inputs, int32_t count) noexcept {
  return add<ConcatenationView>("addConcatenation", [&](LayerDraft& draft) -> Status {
    TEMPER_TRY(draft.reads(inputs, count));
    const int32_t rank = inputs[0]->getDimensions().nbDims;
    draft.type = "layer_concatenation";
    draft.attrs = make_attrs(layers::Axis{rank > 3 ? rank - 3 : 0});
    draft.mendable = true;
    return {};
  });
}

nvinfer1::IGatherLayer* Network::add_gather(ITensor& data, ITensor& indices, int32_t axis, nvinfer1::GatherMode mode) noexcept {
  return add<GatherView>("addGather", [&](LayerDraft& draft) -> Status {
    if (!is_value(mode)) return invalid("there is no gather mode " + std::to_string(int(mode)));
    draft.type = "layer_gather";
    draft.attrs = make_attrs(layers::GatherLayer{std::string(kGatherModes[int(mode)]), axis});
    draft.mendable = true;
    draft.reads(data);
    draft.reads(indices);
    return {};
  });
}

nvinfer1::IScatterLayer* Network::addScatter(ITensor& data, ITensor& indices, ITensor& updates,
                                             nvinfer1::ScatterMode mode) noexcept {
  return add<ScatterView>("addScatter", [&](LayerDraft& draft) -> Status {
    if (!is_value(mode)) return invalid("there is no scatter mode " + std::to_string(int(mode)));
    draft.type = "layer_scatter";
    draft.attrs = make_attrs(layers::Scatter{std::string(kScatterModes[int(mode)])});
    draft.mendable = true;
    draft.reads(data);
    draft.reads(indices);
    draft.reads(updates);
    return {};
  });
}

nvinfer1::ISqueezeLayer* Network::addSqueeze(ITensor& input, ITensor& axes) noexcept {
  return add<Bare<nvinfer1::ISqueezeLayer>>("addSqueeze", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_squeeze";
    draft.reads(input);
    draft.reads(axes);
    return {};
  });
}
nvinfer1::IUnsqueezeLayer* Network::addUnsqueeze(ITensor& input, ITensor& axes) noexcept {
  return add<Bare<nvinfer1::IUnsqueezeLayer>>("addUnsqueeze", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_unsqueeze";
    draft.reads(input);
    draft.reads(axes);
    return {};
  });
}

nvinfer1::IResizeLayer* Network::addResize(ITensor& input) noexcept {
  return add<ResizeView>("addResize", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_resize";
    draft.attrs = make_attrs(layers::Resize{});
    draft.mendable = true;
    draft.reads(input);
    return {};
  });
}

}  // namespace temper::api
