// Layers over elements, rows and matrices.
#include "api/layer_names.h"
#include "api/layer_view.h"
#include "api/network.h"

namespace temper::api {
namespace {

using nvinfer1::Dims;

class ElementWiseView final : public LayerWith<nvinfer1::IElementWiseLayer, layers::Operation> {
 public:
  ElementWiseView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~ElementWiseView() noexcept override = default;
  void setOperation(nvinfer1::ElementWiseOperation op) noexcept override {
    put_name(&Attributes::type, kElementWiseOperations, op, "the operation");
  }
  nvinfer1::ElementWiseOperation getOperation() const noexcept override {
    return by_name<nvinfer1::ElementWiseOperation>(attributes().type, kElementWiseOperations);
  }
};

class UnaryView final : public LayerWith<nvinfer1::IUnaryLayer, layers::Operation> {
 public:
  UnaryView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~UnaryView() noexcept override = default;
  void setOperation(nvinfer1::UnaryOperation op) noexcept override {
    put_name(&Attributes::type, kUnaryOperations, op, "the operation");
  }
  nvinfer1::UnaryOperation getOperation() const noexcept override {
    return by_name<nvinfer1::UnaryOperation>(attributes().type, kUnaryOperations);
  }
};

class ReduceView final : public LayerWith<nvinfer1::IReduceLayer, layers::Reduction> {
 public:
  ReduceView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~ReduceView() noexcept override = default;
  void setOperation(nvinfer1::ReduceOperation op) noexcept override {
    put_name(&Attributes::type, kReduceOperations, op, "the operation");
  }
  nvinfer1::ReduceOperation getOperation() const noexcept override {
    return by_name<nvinfer1::ReduceOperation>(attributes().type, kReduceOperations);
  }
  void setReduceAxes(uint32_t axes) noexcept override { put(&Attributes::axes, int64_t(axes)); }
  uint32_t getReduceAxes() const noexcept override { return uint32_t(attributes().axes); }
  void setKeepDimensions(bool keep) noexcept override { put(&Attributes::keep, bool(keep)); }
  bool getKeepDimensions() const noexcept override { return attributes().keep; }
};

class CumulativeView final : public LayerWith<nvinfer1::ICumulativeLayer, layers::Cumulative> {
 public:
  CumulativeView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~CumulativeView() noexcept override = default;
  bool setOperation(nvinfer1::CumulativeOperation op) noexcept override {
    if (is_value(op)) return true;
    report("the operation", "there is no value " + std::to_string(int(op)));
    return false;
  }
  nvinfer1::CumulativeOperation getOperation() const noexcept override { return nvinfer1::CumulativeOperation::kSUM; }
  void setExclusive(bool exclusive) noexcept override { put(&Attributes::exclusive, bool(exclusive)); }
  bool getExclusive() const noexcept override { return attributes().exclusive; }
  void setReverse(bool reverse) noexcept override { put(&Attributes::reverse, bool(reverse)); }
  bool getReverse() const noexcept override { return attributes().reverse; }
};

class MatrixMultiplyView final : public LayerWith<nvinfer1::IMatrixMultiplyLayer, layers::MatrixMultiply> {
 public:
  MatrixMultiplyView(Network& network, NodeId id) : LayerWith(network, id, 2) {}
  ~MatrixMultiplyView() noexcept override = default;
  void setOperation(int32_t index, nvinfer1::MatrixOperation op) noexcept override {
    if (index < 0 || index > 1) return report("the operation", "there are inputs 0 and 1 only");
    put_name(index == 0 ? &Attributes::op0 : &Attributes::op1, kMatrixOperations, op, "the operation");
  }
  nvinfer1::MatrixOperation getOperation(int32_t index) const noexcept override {
    return by_name<nvinfer1::MatrixOperation>(index == 1 ? attributes().op1 : attributes().op0, kMatrixOperations);
  }
};

class EinsumView final : public LayerWith<nvinfer1::IEinsumLayer, layers::Equation> {
 public:
  EinsumView(Network& network, NodeId id) : LayerWith(network, id, 64) {}
  ~EinsumView() noexcept override = default;
  bool setEquation(char const* equation) noexcept override {
    if (equation && *equation) return put(&Attributes::equation, std::string(equation));
    report("the equation", "it is text such as \"ij,jk->ik\"");
    return false;
  }
  char const* getEquation() const noexcept override { return attributes().equation.c_str(); }
};

class CastView final : public LayerWith<nvinfer1::ICastLayer, layers::Cast> {
 public:
  CastView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~CastView() noexcept override = default;
  void setToType(nvinfer1::DataType type) noexcept override { put_type(&Attributes::to, type, "the type"); }
  nvinfer1::DataType getToType() const noexcept override { return to_public(attributes().to); }
};

class AssertionView final : public LayerWith<nvinfer1::IAssertionLayer, layers::Assertion> {
 public:
  AssertionView(Network& network, NodeId id) : LayerWith(network, id, 1) {}
  ~AssertionView() noexcept override = default;
  int32_t getNbOutputs() const noexcept override { return 0; }
  nvinfer1::ITensor* getOutput(int32_t) const noexcept override { return nullptr; }
  void setMessage(char const* message) noexcept override { put(&Attributes::message, std::string(message ? message : "")); }
  char const* getMessage() const noexcept override { return attributes().message.c_str(); }
};

template <class Interface>
class QuantizationView final : public LayerWith<Interface, layers::Quantization> {
 public:
  using A = layers::Quantization;
  QuantizationView(Network& network, NodeId id) : LayerWith<Interface, A>(network, id, 3) {}
  ~QuantizationView() noexcept override = default;
  int32_t getAxis() const noexcept override { return int32_t(this->attributes().axis); }
  void setAxis(int32_t axis) noexcept override {
    if (axis < 0) return this->report("the axis", "it is at least 0");
    this->put(&A::axis, int64_t(axis));
  }
  bool setBlockShape(Dims const& shape) noexcept override { return this->put_dims(&A::block, shape, 1, "the block shape"); }
  Dims getBlockShape() const noexcept override {
    return this->attributes().block.empty() ? invalid_dims() : to_public(this->attributes().block);
  }
  void setToType(nvinfer1::DataType type) noexcept override { this->put_type(&A::to, type, "the type"); }
  nvinfer1::DataType getToType() const noexcept override { return to_public(this->attributes().to); }
};

template <class Interface>
class Bare final : public LayerOf<Interface> {
 public:
  Bare(Network& network, NodeId id) : LayerOf<Interface>(network, id, 3) {}
  ~Bare() noexcept override = default;
};

}  // namespace

using nvinfer1::ITensor;

nvinfer1::IElementWiseLayer* Network::addElementWise(ITensor& x, ITensor& y, nvinfer1::ElementWiseOperation op) noexcept {
  return add<ElementWiseView>("addElementWise", [&](LayerDraft& draft) -> Status {
    if (!is_value(op)) return invalid("there is no elementwise operation " + std::to_string(int(op)));
    draft.type = "layer_elementwise";
    draft.attrs = make_attrs(layers::Operation{std::string(kElementWiseOperations[int(op)])});
    draft.reads(x);
    draft.reads(y);
    return {};
  });
}

nvinfer1::IUnaryLayer* Network::addUnary(ITensor& input, nvinfer1::UnaryOperation op) noexcept {
  return add<UnaryView>("addUnary", [&](LayerDraft& draft) -> Status {
    if (!is_value(op)) return invalid("there is no unary operation " + std::to_string(int(op)));
    draft.type = "layer_unary";
    draft.attrs = make_attrs(layers::Operation{std::string(kUnaryOperations[int(op)])});
    draft.reads(input);
    return {};
  });
}

nvinfer1::IReduceLayer* Network::addReduce(ITensor& input, nvinfer1::ReduceOperation op, uint32_t axes, bool keep) noexcept {
  return add<ReduceView>("addReduce", [&](LayerDraft& draft) -> Status {
    if (!is_value(op) || op == nvinfer1::ReduceOperation::kNONE)
      return invalid("there is no reduction " + std::to_string(int(op)));
    draft.type = "layer_reduce";
    draft.attrs = make_attrs(layers::Reduction{std::string(kReduceOperations[int(op)]), axes, keep});
    draft.reads(input);
    return {};
  });
}

nvinfer1::ICumulativeLayer* Network::addCumulative(ITensor& input, ITensor& axis, nvinfer1::CumulativeOperation op,
                                                   bool exclusive, bool reverse) noexcept {
  return add<CumulativeView>("addCumulative", [&](LayerDraft& draft) -> Status {
    if (!is_value(op)) return invalid("there is no cumulative operation " + std::to_string(int(op)));
    draft.type = "layer_cumulative";
    draft.attrs = make_attrs(layers::Cumulative{exclusive, reverse});
    draft.reads(input);
    draft.reads(axis);
    return {};
  });
}

nvinfer1::IMatrixMultiplyLayer* Network::addMatrixMultiply(ITensor& x, nvinfer1::MatrixOperation op0, ITensor& y,
                                                           nvinfer1::MatrixOperation op1) noexcept {
  return add<MatrixMultiplyView>("addMatrixMultiply", [&](LayerDraft& draft) -> Status {
    if (!is_value(op0) || !is_value(op1)) return invalid("there is no such matrix operation");
    draft.type = "layer_matrix_multiply";
    draft.attrs =
        make_attrs(layers::MatrixMultiply{std::string(kMatrixOperations[int(op0)]), std::string(kMatrixOperations[int(op1)])});
    draft.mendable = true;
    draft.reads(x);
    draft.reads(y);
    return {};
  });
}

nvinfer1::IEinsumLayer* Network::addEinsum(ITensor* const* inputs, int32_t count, char const* equation) noexcept {
  return add<EinsumView>("addEinsum", [&](LayerDraft& draft) -> Status {
    if (!equation || !*equation) return invalid("the equation is missing; it is text such as \"ij,jk->ik\"");
    draft.type = "layer_einsum";
    draft.attrs = make_attrs(layers::Equation{equation});
    return draft.reads(inputs, count);
  });
}

nvinfer1::ISelectLayer* Network::addSelect(ITensor& condition, ITensor& yes, ITensor& no) noexcept {
  return add<Bare<nvinfer1::ISelectLayer>>("addSelect", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_select";
    draft.reads(condition);
    draft.reads(yes);
    draft.reads(no);
    return {};
  });
}

nvinfer1::ICastLayer* Network::addCast(ITensor& input, nvinfer1::DataType type) noexcept {
  return add<CastView>("addCast", [&](LayerDraft& draft) -> Status {
    const auto to = from_public(type);
    if (!to) return invalid("there is no such element type");
    draft.type = "layer_cast";
    draft.attrs = make_attrs(layers::Cast{*to});
    draft.reads(input);
    return {};
  });
}

nvinfer1::IIdentityLayer* Network::addIdentity(ITensor& input) noexcept {
  return add<Bare<nvinfer1::IIdentityLayer>>("addIdentity", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_identity";
    draft.reads(input);
    return {};
  });
}

nvinfer1::IAssertionLayer* Network::addAssertion(ITensor& condition, char const* message) noexcept {
  return add<AssertionView>("addAssertion", [&](LayerDraft& draft) -> Status {
    if (!message) return invalid("the message is missing");
    draft.type = "layer_assertion";
    draft.attrs = make_attrs(layers::Assertion{message});
    draft.reads(condition);
    return {};
  });
}

nvinfer1::IQuantizeLayer* Network::addQuantize(ITensor& input, ITensor& scale, nvinfer1::DataType type) noexcept {
  return add<QuantizationView<nvinfer1::IQuantizeLayer>>("addQuantize", [&](LayerDraft& draft) -> Status {
    const auto to = from_public(type);
    if (!to) return invalid("there is no such element type");
    draft.type = "layer_quantize";
    draft.attrs = make_attrs(layers::Quantization{.to = *to});
    draft.mendable = true;
    draft.reads(input);
    draft.reads(scale);
    return {};
  });
}
nvinfer1::IQuantizeLayer* Network::addQuantize(ITensor& input, ITensor& scale) noexcept {
  return addQuantize(input, scale, nvinfer1::DataType::kINT8);
}

nvinfer1::IDequantizeLayer* Network::addDequantize(ITensor& input, ITensor& scale, nvinfer1::DataType type) noexcept {
  return add<QuantizationView<nvinfer1::IDequantizeLayer>>("addDequantize", [&](LayerDraft& draft) -> Status {
    const auto to = from_public(type);
    if (!to) return invalid("there is no such element type");
    draft.type = "layer_dequantize";
    draft.attrs = make_attrs(layers::Quantization{.to = *to});
    draft.mendable = true;
    draft.reads(input);
    draft.reads(scale);
    return {};
  });
}
nvinfer1::IDequantizeLayer* Network::addDequantize(ITensor& input, ITensor& scale) noexcept {
  return addDequantize(input, scale, nvinfer1::DataType::kFLOAT);
}

}  // namespace temper::api
