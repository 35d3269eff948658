#include "kernel/exact.h"

#include "kernel/exact_state.h"

namespace temper {

namespace {

constexpr int64_t kMostDense = int64_t{1} << 22;
constexpr int64_t kMostElements = int64_t{1} << 40;

Error at_value(Error error, int value) { return std::move(error).at("exact value of %" + std::to_string(value)); }

Status check_input(const ExactState& state, int value) {
  const Tensor& tensor = state.inputs[value];
  const ExactState::Value& expected = state.values[value];
  if (tensor.dtype() == expected.dtype && tensor.dims() == expected.dims) return {};
  auto text = [](DType dtype, const std::vector<int64_t>& dims) {
    std::string text(dtype_name(dtype));
    for (int64_t dim : dims) text += " " + std::to_string(dim);
    return text;
  };
  return Error(ErrorCode::kInvalidArgument, "input %" + std::to_string(value) + " is '" + text(tensor.dtype(), tensor.dims()) +
                                                "', and the region takes '" + text(expected.dtype, expected.dims) + "'");
}

// A Compact's size becomes known by counting the true elements of its mask.
Status find_size(ExactState& state, const Compact& compact) {
  if (kind_of(compact.size) != SymKind::kVar) return {};
  ExactAccess mask = TEMPER_TRY(state.compile_access(compact.mask));
  int64_t extent = TEMPER_TRY(state.evaluate_dim(compact.extent)), size = 0;
  for (int64_t i = 0; i < extent; ++i) {
    ExactValue element = TEMPER_TRY(state.read(mask, std::span(&i, 1)));
    size += element.value.i != 0;
  }
  state.symbols[var_of(compact.size).name] = size;
  return {};
}

}  // namespace

const ExactValue* ExactState::known(int value, int64_t position) const {
  const Value& v = values[value];
  if (!v.is_known.empty()) return v.is_known[position] ? &v.dense[position] : nullptr;
  auto found = v.sparse.find(position);
  return found == v.sparse.end() ? nullptr : &found->second;
}

void ExactState::learn(int value, int64_t position, ExactValue exact) {
  Value& v = values[value];
  if (v.is_known.empty()) {
    v.sparse.insert_or_assign(position, exact);
    return;
  }
  v.dense[position] = exact;
  v.is_known[position] = 1;
}

Expected<ExactValue> ExactState::element(int value, int64_t position) {
  if (value < static_cast<int>(inputs.size())) return ExactValue{.value = inputs[value].at(position)};
  if (const ExactValue* found = known(value, position)) return *found;
  Status status = values[value].stage->evaluate(*this, position);
  if (!status.ok()) return at_value(std::move(status).error(), value);
  const ExactValue* found = known(value, position);
  TEMPER_CHECK(found != nullptr, "a stage did not learn the element that it was asked for");
  return *found;
}

ExactRegion::ExactRegion(std::unique_ptr<ExactState> state) : state_(std::move(state)) {}
ExactRegion::ExactRegion(ExactRegion&&) noexcept = default;
ExactRegion& ExactRegion::operator=(ExactRegion&&) noexcept = default;
ExactRegion::~ExactRegion() = default;

Expected<ExactRegion> ExactRegion::make(Region region, SymValues symbols, std::vector<Tensor> inputs, double operand_rounding) {
  TEMPER_TRY(verify(region));
  if (inputs.size() != region.inputs.size()) {
    return Error(ErrorCode::kInvalidArgument, "the region takes " + std::to_string(region.inputs.size()) + " inputs; " +
                                                  std::to_string(inputs.size()) + " were given");
  }
  auto state = std::make_unique<ExactState>();
  state->region = std::move(region);
  state->symbols = std::move(symbols);
  state->inputs = std::move(inputs);
  state->operand_rounding = operand_rounding;
  for (const TensorType& type : state->region.inputs) {
    state->values.push_back({.dtype = type.dtype, .dims = TEMPER_TRY(state->evaluate_dims(type.dims))});
    TEMPER_TRY(check_input(*state, static_cast<int>(state->values.size()) - 1));
  }
  for (const Stage& stage : state->region.stages) {
    int first = static_cast<int>(state->values.size());
    std::string place = "stage of %" + std::to_string(first);
    if (const Compact* compact = std::get_if<Compact>(&stage)) TEMPER_TRY_AT(find_size(*state, *compact), place);
    state->stages.push_back(TEMPER_TRY_AT(make_exact_stage(*state, stage), place));
    ExactStage* exact = state->stages.back().get();
    exact->first = first;
    for (const TensorType& type : result_types(stage)) {
      ExactState::Value value{
          .dtype = type.dtype, .dims = TEMPER_TRY_AT(state->evaluate_dims(type.dims), place), .stage = exact};
      int64_t count = 1;
      for (int64_t dim : value.dims) {
        if (dim != 0 && count > kMostElements / dim)
          return Error(ErrorCode::kUnsupported, "a value of more than 2^40 elements").at(place);
        count *= dim;
      }
      if (count <= kMostDense) {
        value.dense.resize(count);
        value.is_known.resize(count);
      }
      state->values.push_back(std::move(value));
    }
  }
  return ExactRegion(std::move(state));
}

const std::vector<int64_t>& ExactRegion::dims(int value) const { return state_->values[value].dims; }

Expected<ExactValue> ExactRegion::at(int value, std::span<const int64_t> point) {
  const std::vector<int64_t>& dims = state_->values[value].dims;
  bool is_inside = point.size() == dims.size();
  for (size_t k = 0; is_inside && k < dims.size(); ++k) is_inside = point[k] >= 0 && point[k] < dims[k];
  if (!is_inside) return Error(ErrorCode::kInvalidArgument, "%" + std::to_string(value) + " has no such point");
  return state_->element(value, position_of(point, dims));
}

Expected<ExactValue> ExactRegion::element(int value, int64_t position) { return state_->element(value, position); }

Expected<std::vector<Tensor>> ExactRegion::evaluate_all() {
  std::vector<Tensor> outputs;
  for (int output : state_->region.outputs) {
    const ExactState::Value& value = state_->values[output];
    Tensor tensor = Tensor::zeros(value.dtype, value.dims);
    for (int64_t i = 0; i < tensor.count(); ++i) tensor.set(i, TEMPER_TRY(state_->element(output, i)).value);
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

}  // namespace temper
