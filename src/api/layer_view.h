// Layers as the API sees them: views of nodes. LayerCore has what all layers share; LayerOf puts it behind an interface of
// nvinfer1; LayerWith adds the attributes of the node's operator (ops/layers/layers.h), which setters change and getters read.
//
//   class ActivationView final : public LayerWith<nvinfer1::IActivationLayer, layers::Activation> {
//     void setAlpha(float alpha) noexcept override { put(&Attributes::alpha, double(alpha)); }
//     float getAlpha() const noexcept override { return float(attributes().alpha); }
//   };
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "api/translate.h"
#include "ir/graph.h"
#include "ops/layers/layers.h"

namespace temper::api {

class Network;

class LayerCore {
 public:
  LayerCore(Network& network, NodeId id) : network_(network), id_(id) {}

  nvinfer1::LayerType type() const;
  void set_name(char const* name) noexcept;
  char const* name() const noexcept;
  void set_metadata(char const* metadata) noexcept;
  char const* metadata() const noexcept { return metadata_.c_str(); }
  int32_t input_count() const noexcept;
  nvinfer1::ITensor* input(int32_t index) const noexcept;
  int32_t output_count() const noexcept;
  nvinfer1::ITensor* output(int32_t index) const noexcept;
  void set_input(int32_t index, nvinfer1::ITensor& tensor, int32_t most) noexcept;

  // Weak typing: kept here, read by the build.
  void set_precision(nvinfer1::DataType type) noexcept;
  void reset_precision() noexcept { precision_.reset(); }
  std::optional<DType> precision() const { return precision_; }
  void set_output_type(int32_t index, nvinfer1::DataType type) noexcept;
  void reset_output_type(int32_t index) noexcept;
  std::optional<DType> chosen_output_type(int32_t index) const;
  nvinfer1::DataType output_type(int32_t index) const noexcept;
  bool set_ranks(int32_t count) noexcept;

  Network& network() const { return network_; }
  NodeId id() const { return id_; }
  Node& node() const;
  std::string place() const;  // "layer 'conv1' (Convolution)"
  // New attributes for the node; what reads its results is inferred anew.
  void change(AttrsPtr attrs);
  // An operand that is constant weights, or absent when count is 0.
  bool put_weights(size_t operand, nvinfer1::Weights weights, const char* what) noexcept;
  nvinfer1::Weights weights(size_t operand) const noexcept;

 private:
  Network& network_;
  NodeId id_;
  std::string metadata_;
  std::optional<DType> precision_;
  std::vector<std::optional<DType>> output_types_;
};

// Is the node one of the API's own layers or a plugin, which are inferred anew when they are changed?
bool is_layer(const Node& node);
bool is_plugin(const Node& node);
// The operator's name in the words of the API: "convolution".
std::string_view layer_word(std::string_view op);

// The base of all views, by which the network finds the core of an ILayer.
class LayerBase {
 public:
  LayerBase(Network& network, NodeId id, int32_t most_inputs) : core_(network, id), most_inputs_(most_inputs) {}
  virtual ~LayerBase() = default;
  virtual nvinfer1::ILayer& layer() = 0;
  LayerCore& core() { return core_; }
  const LayerCore& core() const { return core_; }

 protected:
  LayerCore core_;
  int32_t most_inputs_;  // that setInput may give
};

template <class Interface>
class LayerOf : public Interface, public LayerBase {
 public:
  using LayerBase::LayerBase;
  nvinfer1::ILayer& layer() override { return *this; }

  nvinfer1::LayerType getType() const noexcept override { return core_.type(); }
  void setName(char const* name) noexcept override { core_.set_name(name); }
  char const* getName() const noexcept override { return core_.name(); }
  void setMetadata(char const* metadata) noexcept override { core_.set_metadata(metadata); }
  char const* getMetadata() const noexcept override { return core_.metadata(); }
  int32_t getNbInputs() const noexcept override { return core_.input_count(); }
  nvinfer1::ITensor* getInput(int32_t index) const noexcept override { return core_.input(index); }
  int32_t getNbOutputs() const noexcept override { return core_.output_count(); }
  nvinfer1::ITensor* getOutput(int32_t index) const noexcept override { return core_.output(index); }
  void setInput(int32_t index, nvinfer1::ITensor& tensor) noexcept override { core_.set_input(index, tensor, most_inputs_); }
  void setPrecision(nvinfer1::DataType type) noexcept override { core_.set_precision(type); }
  nvinfer1::DataType getPrecision() const noexcept override { return to_public(core_.precision().value_or(DType::kF32)); }
  bool precisionIsSet() const noexcept override { return core_.precision().has_value(); }
  void resetPrecision() noexcept override { core_.reset_precision(); }
  void setOutputType(int32_t index, nvinfer1::DataType type) noexcept override { core_.set_output_type(index, type); }
  nvinfer1::DataType getOutputType(int32_t index) const noexcept override { return core_.output_type(index); }
  bool outputTypeIsSet(int32_t index) const noexcept override { return core_.chosen_output_type(index).has_value(); }
  void resetOutputType(int32_t index) noexcept override { core_.reset_output_type(index); }
  bool setNbRanks(int32_t count) noexcept override { return core_.set_ranks(count); }
  int32_t getNbRanks() const noexcept override { return 1; }
};

// A layer that says nothing but what every layer does, and nodes of a model that no class describes.
class PlainLayer final : public LayerOf<nvinfer1::ILayer> {
 public:
  PlainLayer(Network& network, NodeId id) : LayerOf(network, id, 64) {}
  ~PlainLayer() noexcept override = default;
};

// Reports a setter's argument that has no meaning.
void report_argument(const LayerCore& core, const char* what, const std::string& problem) noexcept;

template <class Interface, class A>
class LayerWith : public LayerOf<Interface> {
 public:
  using Attributes = A;
  using LayerOf<Interface>::LayerOf;

 protected:
  const A& attributes() const { return attrs_as<A>(*this->core_.node().attrs); }

  template <class T>
  bool put(T A::*field, T value) noexcept {
    return edit([&](A& a) { a.*field = std::move(value); });
  }
  template <class Edit>
  bool edit(const Edit& change) noexcept {
    try {
      A next = attributes();
      change(next);
      this->core_.change(make_attrs(std::move(next)));
      return true;
    } catch (const std::exception& thrown) {
      report_argument(this->core_, "a setting", thrown.what());
      return false;
    }
  }
  // Extents of at least `least`.
  bool put_dims(std::vector<int64_t> A::*field, nvinfer1::Dims const& dims, int64_t least, const char* what) noexcept {
    return put_checked(dims, least, what, [&](A& a, const std::vector<int64_t>& numbers) { a.*field = numbers; });
  }
  template <class Keep>
  bool put_checked(nvinfer1::Dims const& dims, int64_t least, const char* what, const Keep& keep) noexcept {
    bool good = dims.nbDims >= 0 && dims.nbDims <= nvinfer1::Dims::MAX_DIMS;
    for (int32_t i = 0; good && i < dims.nbDims; ++i) good = dims.d[i] >= least;
    if (!good) {
      report_argument(this->core_, what,
                      "it can't be " + dims_text(dims) + "; each number is at least " + std::to_string(least));
      return false;
    }
    const std::vector<int64_t> numbers(dims.d, dims.d + dims.nbDims);
    return edit([&](A& a) { keep(a, numbers); });
  }
  // An enumerator, kept by its name.
  template <class Enum, size_t N>
  bool put_name(std::string A::*field, const std::string_view (&names)[N], Enum value, const char* what) noexcept {
    static_assert(N >= 1);
    if (int32_t(value) < 0 || size_t(value) >= N) {
      report_argument(this->core_, what, "there is no value " + std::to_string(int32_t(value)));
      return false;
    }
    return put(field, std::string(names[size_t(value)]));
  }
  template <class Enum, size_t N>
  Enum by_name(const std::string& value, const std::string_view (&names)[N]) const {
    for (size_t i = 0; i < N; ++i) {
      if (names[i] == value) return static_cast<Enum>(i);
    }
    return static_cast<Enum>(0);
  }
  // A type that the layer may give.
  bool put_type(DType A::*field, nvinfer1::DataType type, const char* what) noexcept {
    const auto dtype = from_public(type);
    if (!dtype) {
      report_argument(this->core_, what, "there is no such element type");
      return false;
    }
    return put(field, DType(*dtype));
  }
  // `count` copies of `otherwise` where nothing was set.
  static nvinfer1::Dims dims_or(const std::vector<int64_t>& set, size_t count, int64_t otherwise) {
    return to_public(set.empty() ? std::vector<int64_t>(count, otherwise) : set);
  }
  void report(const char* what, const std::string& problem) const noexcept { report_argument(this->core_, what, problem); }
};

}  // namespace temper::api
