#include "api/layer_view.h"

#include "api/network.h"
#include "ops/core/plugin.h"

namespace temper::api {

using nvinfer1::LayerType;

namespace {

// What a node is in the API's words. Operators that are not here count as plugins, as the API has no layer for them.
struct LayerKind {
  std::string_view op;
  LayerType type;
};
constexpr LayerKind kKinds[] = {
    {"conv", LayerType::kCONVOLUTION},
    {"conv_transpose", LayerType::kDECONVOLUTION},
    {"cast", LayerType::kCAST},
    {"max_pool", LayerType::kPOOLING},
    {"average_pool", LayerType::kPOOLING},
    {"lrn", LayerType::kLRN},
    {"softmax", LayerType::kSOFTMAX},
    {"concat", LayerType::kCONCATENATION},
    {"map", LayerType::kELEMENTWISE},
    {"pad", LayerType::kPADDING},
    {"reshape", LayerType::kSHUFFLE},
    {"transpose", LayerType::kSHUFFLE},
    {"reindex", LayerType::kSHUFFLE},
    {"reduce", LayerType::kREDUCE},
    {"top_k", LayerType::kTOPK},
    {"topk", LayerType::kTOPK},
    {"gather", LayerType::kGATHER},
    {"matmul", LayerType::kMATRIX_MULTIPLY},
    {"gemm", LayerType::kMATRIX_MULTIPLY},
    {"contract", LayerType::kMATRIX_MULTIPLY},
    {"constant", LayerType::kCONSTANT},
    {"identity", LayerType::kIDENTITY},
    {"slice", LayerType::kSLICE},
    {"shape", LayerType::kSHAPE},
    {"resize", LayerType::kRESIZE},
    {"where", LayerType::kSELECT},
    {"quantize_linear", LayerType::kQUANTIZE},
    {"dequantize_linear", LayerType::kDEQUANTIZE},
    {"scatter", LayerType::kSCATTER},
    {"einsum", LayerType::kEINSUM},
    {"one_hot", LayerType::kONE_HOT},
    {"non_zero", LayerType::kNON_ZERO},
    {"grid_sample", LayerType::kGRID_SAMPLE},
    {"non_max_suppression", LayerType::kNMS},
    {"squeeze", LayerType::kSQUEEZE},
    {"unsqueeze", LayerType::kUNSQUEEZE},
    {"cum_sum", LayerType::kCUMULATIVE},
    {"batch_norm", LayerType::kNORMALIZATION},
    {"layer_norm", LayerType::kNORMALIZATION},
    {"instance_norm", LayerType::kNORMALIZATION},
    {"layer_convolution", LayerType::kCONVOLUTION},
    {"layer_deconvolution", LayerType::kDECONVOLUTION},
    {"layer_fully_connected", LayerType::kFULLY_CONNECTED},
    {"layer_pooling", LayerType::kPOOLING},
    {"layer_padding", LayerType::kPADDING},
    {"layer_activation", LayerType::kACTIVATION},
    {"layer_parametric_relu", LayerType::kPARAMETRIC_RELU},
    {"layer_lrn", LayerType::kLRN},
    {"layer_scale", LayerType::kSCALE},
    {"layer_softmax", LayerType::kSOFTMAX},
    {"layer_ragged_softmax", LayerType::kRAGGED_SOFTMAX},
    {"layer_normalization", LayerType::kNORMALIZATION},
    {"layer_elementwise", LayerType::kELEMENTWISE},
    {"layer_unary", LayerType::kUNARY},
    {"layer_reduce", LayerType::kREDUCE},
    {"layer_cumulative", LayerType::kCUMULATIVE},
    {"layer_matrix_multiply", LayerType::kMATRIX_MULTIPLY},
    {"layer_einsum", LayerType::kEINSUM},
    {"layer_select", LayerType::kSELECT},
    {"layer_cast", LayerType::kCAST},
    {"layer_identity", LayerType::kIDENTITY},
    {"layer_assertion", LayerType::kASSERTION},
    {"layer_quantize", LayerType::kQUANTIZE},
    {"layer_dequantize", LayerType::kDEQUANTIZE},
    {"layer_shuffle", LayerType::kSHUFFLE},
    {"layer_slice", LayerType::kSLICE},
    {"layer_shape", LayerType::kSHAPE},
    {"layer_concatenation", LayerType::kCONCATENATION},
    {"layer_gather", LayerType::kGATHER},
    {"layer_scatter", LayerType::kSCATTER},
    {"layer_squeeze", LayerType::kSQUEEZE},
    {"layer_unsqueeze", LayerType::kUNSQUEEZE},
    {"layer_resize", LayerType::kRESIZE},
    {"layer_top_k", LayerType::kTOPK},
    {"layer_non_zero", LayerType::kNON_ZERO},
    {"layer_one_hot", LayerType::kONE_HOT},
    {"layer_fill", LayerType::kFILL},
    {"layer_grid_sample", LayerType::kGRID_SAMPLE},
    {"layer_nms", LayerType::kNMS},
    {"layer_reverse_sequence", LayerType::kREVERSE_SEQUENCE},
    {"layer_recurrent", LayerType::kRNN_V2},
    {"layer_recurrence", LayerType::kRECURRENCE},
    {"layer_iterator", LayerType::kITERATOR},
    {"layer_trip_limit", LayerType::kTRIP_LIMIT},
    {"layer_loop_output", LayerType::kLOOP_OUTPUT},
    {"layer_condition", LayerType::kCONDITION},
    {"layer_if_input", LayerType::kCONDITIONAL_INPUT},
    {"layer_if_output", LayerType::kCONDITIONAL_OUTPUT},
};
constexpr std::string_view kLayerPrefix = "layer_";

}  // namespace

bool is_layer(const Node& node) { return node.op->name.starts_with(kLayerPrefix) || is_plugin(node); }

std::string_view layer_word(std::string_view op) { return op.starts_with(kLayerPrefix) ? op.substr(kLayerPrefix.size()) : op; }

void report_argument(const LayerCore& core, const char* what, const std::string& problem) noexcept {
  guarded(core.network().reporter(), false,
          [&]() -> Expected<bool> { return invalid(std::string(what) + ": " + problem).at(core.place()); });
}

Node& LayerCore::node() const { return network_.graph().node(id_); }

std::string LayerCore::place() const {
  const Node& own = node();
  return "layer '" + own.name + "' (" + std::string(layer_word(own.op->name)) + ")";
}

LayerType LayerCore::type() const {
  if (is_plugin(node()))
    return attrs_as<Plugin>(*node().attrs).identity[3] == "2" ? LayerType::kPLUGIN_V2 : LayerType::kPLUGIN_V3;
  for (const LayerKind& kind : kKinds) {
    if (kind.op == node().op->name) return kind.type;
  }
  return LayerType::kPLUGIN_V3;
}

void LayerCore::set_name(char const* name) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    if (!name) return invalid("a layer was given no name").at(place());
    node().name = name;
    return true;
  });
}

char const* LayerCore::name() const noexcept { return node().name.c_str(); }

void LayerCore::set_metadata(char const* metadata) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    metadata_ = metadata ? metadata : "";
    return true;
  });
}

// Constant weights are no inputs.
int32_t LayerCore::input_count() const noexcept {
  const auto& operands = node().operands;
  auto count = static_cast<int32_t>(operands.size());
  if (!is_layer(node())) return count;
  while (count > 0 && (operands[count - 1] == kNone32 || network_.is_hidden(operands[count - 1]))) --count;
  return count;
}

nvinfer1::ITensor* LayerCore::input(int32_t index) const noexcept {
  if (index < 0 || index >= input_count()) return nullptr;
  const ValueId id = node().operands[index];
  return id != kNone32 && network_.is_hidden(id) ? nullptr : network_.tensor(id);
}

int32_t LayerCore::output_count() const noexcept { return static_cast<int32_t>(node().results.size()); }

nvinfer1::ITensor* LayerCore::output(int32_t index) const noexcept {
  return index < 0 || index >= output_count() ? nullptr : network_.tensor(node().results[index]);
}

// Layers of the API are inferred anew. What was read from a model is not: there the new tensor must be of the same type, so
// that nothing behind the layer changes, and be made before it.
void LayerCore::set_input(int32_t index, nvinfer1::ITensor& tensor, int32_t most) noexcept {
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    const ValueId wanted = TEMPER_TRY_AT(network_.value_of(tensor), place());
    Graph& graph = network_.graph();
    Node& own = node();
    if (is_layer(own)) {
      if (index < 0 || index >= most) {
        return invalid("there is no input " + std::to_string(index) + "; the layer has at most " + std::to_string(most))
            .at(place());
      }
      if (own.operands.size() <= size_t(index)) own.operands.resize(size_t(index) + 1, kNone32);
      own.operands[index] = wanted;
      network_.changed(id_);
      return true;
    }
    if (index < 0 || index >= input_count()) return invalid("there is no input " + std::to_string(index)).at(place());
    const ValueId now = own.operands[index];
    if (now == kNone32 || graph.value(now).type != graph.value(wanted).type) {
      return Error(ErrorCode::kUnsupported, "an input can only be replaced by a tensor of the same type and shape").at(place());
    }
    own.operands[index] = wanted;
    if (auto good = verify(graph); !good.ok()) {
      own.operands[index] = now;
      return std::move(good).error().at(place());
    }
    return true;
  });
}

void LayerCore::set_precision(nvinfer1::DataType type) noexcept {
  if (const auto dtype = from_public(type))
    precision_ = dtype;
  else
    report_argument(*this, "the precision", "there is no such element type");
}

void LayerCore::set_output_type(int32_t index, nvinfer1::DataType type) noexcept {
  const auto dtype = from_public(type);
  if (!dtype || index < 0 || index >= output_count())
    return report_argument(*this, "the output type", "there is no such element type, or no output " + std::to_string(index));
  guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    output_types_.resize(node().results.size());
    output_types_[index] = *dtype;
    return true;
  });
}

void LayerCore::reset_output_type(int32_t index) noexcept {
  if (index >= 0 && size_t(index) < output_types_.size()) output_types_[index].reset();
}

std::optional<DType> LayerCore::chosen_output_type(int32_t index) const {
  return index >= 0 && size_t(index) < output_types_.size() ? output_types_[index] : std::nullopt;
}

nvinfer1::DataType LayerCore::output_type(int32_t index) const noexcept {
  if (const auto chosen = chosen_output_type(index)) return to_public(*chosen);
  const nvinfer1::ITensor* tensor = output(index);
  return tensor ? tensor->getType() : static_cast<nvinfer1::DataType>(-1);
}

bool LayerCore::set_ranks(int32_t count) noexcept {
  if (count == 1) return true;
  report_argument(*this, "the number of ranks", "one device runs a plan, so it is 1");
  return false;
}

void LayerCore::change(AttrsPtr attrs) {
  node().attrs = std::move(attrs);
  network_.changed(id_);
}

bool LayerCore::put_weights(size_t operand, nvinfer1::Weights weights, const char* what) noexcept {
  return guarded(network_.reporter(), false, [&]() -> Expected<bool> {
    ValueId id = kNone32;
    if (weights.count != 0) {
      Tensor data = TEMPER_TRY_AT(network_.weights_tensor(weights, what), place());
      id = network_.graph().node(network_.add_hidden_constant(std::move(data))).results[0];
    }
    Node& own = node();
    if (own.operands.size() <= operand) own.operands.resize(operand + 1, kNone32);
    own.operands[operand] = id;
    network_.changed(id_);
    return true;
  });
}

nvinfer1::Weights LayerCore::weights(size_t operand) const noexcept {
  const Node& own = node();
  const ValueId id = operand < own.operands.size() ? own.operands[operand] : kNone32;
  if (id == kNone32 || !network_.is_hidden(id)) return {nvinfer1::DataType::kFLOAT, nullptr, 0};
  const Tensor& data = attrs_as<Constant>(*network_.graph().producer(id)->attrs).data;
  return {to_public(data.dtype()), data.bytes().data(), data.count()};
}

}  // namespace temper::api
