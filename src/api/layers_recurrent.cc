// The recurrent layer of level 8.
#include "api/layer_names.h"
#include "api/layer_view.h"
#include "api/network.h"

namespace temper::api {
namespace {

using nvinfer1::ITensor;
using nvinfer1::RNNGateType;
using nvinfer1::Weights;

class RecurrentView final : public LayerWith<nvinfer1::IRNNv2Layer, layers::RecurrentStack> {
 public:
  RecurrentView(Network& network, NodeId id) : LayerWith(network, id, 4) {}
  ~RecurrentView() noexcept override = default;

  int32_t getLayerCount() const noexcept override { return int32_t(attributes().layers); }
  int32_t getHiddenSize() const noexcept override { return int32_t(attributes().hidden); }
  int32_t getMaxSeqLength() const noexcept override { return int32_t(attributes().length); }
  int32_t getDataLength() const noexcept override {
    const nvinfer1::Dims dims = core_.input(0)->getDimensions();
    return dims.nbDims < 1 ? -1 : int32_t(dims.d[dims.nbDims - 1]);
  }
  void setSequenceLengths(ITensor& lengths) noexcept override { core_.set_input(1, lengths, most_inputs_); }
  ITensor* getSequenceLengths() const noexcept override { return core_.input(1); }
  void setHiddenState(ITensor& hidden) noexcept override { core_.set_input(2, hidden, most_inputs_); }
  ITensor* getHiddenState() const noexcept override { return core_.input(2); }
  void setCellState(ITensor& cell) noexcept override {
    if (attributes().type != "lstm") return report("the cell state", "only an LSTM has one");
    core_.set_input(3, cell, most_inputs_);
  }
  ITensor* getCellState() const noexcept override { return core_.input(3); }
  // An LSTM has one output more, so it stays one.
  void setOperation(nvinfer1::RNNOperation op) noexcept override {
    if (is_value(op) && (op == nvinfer1::RNNOperation::kLSTM) != (attributes().type == "lstm"))
      return report("the operation",
                    "an LSTM has a cell state as its third output and the others have none; add another layer");
    put_name(&Attributes::type, kRNNOperations, op, "the operation");
  }
  nvinfer1::RNNOperation getOperation() const noexcept override {
    return by_name<nvinfer1::RNNOperation>(attributes().type, kRNNOperations);
  }
  void setInputMode(nvinfer1::RNNInputMode mode) noexcept override {
    if (!is_value(mode)) return report("the input mode", "there is no value " + std::to_string(int(mode)));
    put(&Attributes::skip, mode == nvinfer1::RNNInputMode::kSKIP);
  }
  nvinfer1::RNNInputMode getInputMode() const noexcept override {
    return attributes().skip ? nvinfer1::RNNInputMode::kSKIP : nvinfer1::RNNInputMode::kLINEAR;
  }
  void setDirection(nvinfer1::RNNDirection direction) noexcept override {
    if (!is_value(direction)) return report("the direction", "there is no value " + std::to_string(int(direction)));
    put(&Attributes::both, direction == nvinfer1::RNNDirection::kBIDIRECTION);
  }
  nvinfer1::RNNDirection getDirection() const noexcept override {
    return attributes().both ? nvinfer1::RNNDirection::kBIDIRECTION : nvinfer1::RNNDirection::kUNIDIRECTION;
  }
  void setWeightsForGate(int32_t layer, RNNGateType gate, bool of_input, Weights weights) noexcept override {
    put_gate(layer, gate, of_input ? 0 : 1, weights, "the weights of a gate");
  }
  Weights getWeightsForGate(int32_t layer, RNNGateType gate, bool of_input) const noexcept override {
    return gate_weights(layer, gate, of_input ? 0 : 1);
  }
  void setBiasForGate(int32_t layer, RNNGateType gate, bool of_input, Weights bias) noexcept override {
    put_gate(layer, gate, of_input ? 2 : 3, bias, "the bias of a gate");
  }
  Weights getBiasForGate(int32_t layer, RNNGateType gate, bool of_input) const noexcept override {
    return gate_weights(layer, gate, of_input ? 2 : 3);
  }

 private:
  // The direction may be set later, so there may be two for each layer.
  bool is_gate(int32_t layer, RNNGateType gate) const {
    return layer >= 0 && layer < 2 * attributes().layers && is_value(gate);
  }
  void put_gate(int32_t layer, RNNGateType gate, int64_t part, Weights weights, const char* what) noexcept {
    if (!is_gate(layer, gate))
      return report(what, "there is no layer " + std::to_string(layer) + ", or no gate " + std::to_string(int(gate)));
    core_.put_weights(size_t(Attributes::operand(layer, int64_t(gate), part)), weights, what);
  }
  Weights gate_weights(int32_t layer, RNNGateType gate, int64_t part) const noexcept {
    if (!is_gate(layer, gate)) return Weights{nvinfer1::DataType::kFLOAT, nullptr, 0};
    return core_.weights(size_t(Attributes::operand(layer, int64_t(gate), part)));
  }
};

}  // namespace

nvinfer1::IRNNv2Layer* Network::addRNNv2(ITensor& input, int32_t layers, int32_t hidden, int32_t length,
                                         nvinfer1::RNNOperation op) noexcept {
  return add<RecurrentView>("addRNNv2", [&](LayerDraft& draft) -> Status {
    if (!is_value(op)) return invalid("there is no operation " + std::to_string(int(op)));
    if (layers < 1 || hidden < 1 || length < 1)
      return invalid("the numbers of layers, of elements of the state and of steps are at least 1");
    if (layers > 1024) return invalid(std::to_string(layers) + " layers are more than 1024");
    draft.type = "layer_recurrent";
    temper::layers::RecurrentStack attrs{
        .layers = layers, .hidden = hidden, .length = length, .type = std::string(kRNNOperations[int(op)])};
    draft.attrs = make_attrs(std::move(attrs));
    draft.results = op == nvinfer1::RNNOperation::kLSTM ? 3 : 2;
    draft.mendable = true;  // weights come later
    draft.reads(input);
    return {};
  });
}

}  // namespace temper::api
