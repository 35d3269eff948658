#include "interp/interp.h"

#include <algorithm>

#include "interp/kernels.h"
#include "ops/builder.h"

namespace temper {

ExactTensor ExactTensor::zeros(DType dtype, std::vector<int64_t> dims) {
  ExactTensor t;
  t.dtype = dtype;
  t.dims = std::move(dims);
  auto count = static_cast<size_t>(t.count());
  if (dtype == DType::kString)
    t.strings.resize(count);
  else if (is_float(dtype))
    t.floats.resize(count);
  else
    t.ints.resize(count);
  return t;
}

ExactTensor ExactTensor::from(const Tensor& tensor) {
  ExactTensor t = zeros(tensor.dtype(), tensor.dims());
  if (tensor.dtype() == DType::kString) {
    t.strings = tensor.string_values();
  } else if (tensor.dtype() == DType::kF32) {
    auto values = tensor.as<float>();
    std::copy(values.begin(), values.end(), t.floats.begin());
  } else {
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, tensor.at(i));
  }
  return t;
}

Tensor ExactTensor::to_tensor() const {
  if (dtype == DType::kString) return Tensor::strings(dims, strings);
  Tensor tensor = Tensor::zeros(dtype, dims);
  if (dtype == DType::kF32) {
    auto* out = reinterpret_cast<float*>(tensor.mutable_bytes());
    for (size_t i = 0; i < floats.size(); ++i) out[i] = static_cast<float>(floats[i]);
  } else {
    for (int64_t i = 0; i < count(); ++i) tensor.set(i, at(i));
  }
  return tensor;
}

namespace {

using Values = std::vector<std::optional<ExactTensor>>;

Expected<std::vector<ExactTensor>> interpret_if(const Node& node, std::span<const ExactTensor* const> in,
                                                SymbolValues& symbols) {
  const Graph& body = *node.bodies[in[0]->ints[0] ? 0 : 1];
  std::vector<ExactTensor> captures;
  for (size_t i = 1; i < in.size(); ++i) captures.push_back(*in[i]);
  return interpret(body, captures, symbols);
}

Expected<std::vector<ExactTensor>> interpret_loop(const Node& node, std::span<const ExactTensor* const> in,
                                                  SymbolValues& symbols) {
  const auto& attrs = attrs_as<Loop>(*node.attrs);
  const Graph& body = *node.bodies[0];
  int64_t trip = in[0] ? in[0]->ints[0] : INT64_MAX;
  bool going = !in[1] || in[1]->ints[0] != 0;
  std::vector<ExactTensor> states;
  for (int64_t s = 0; s < attrs.states; ++s) states.push_back(*in[2 + s]);
  std::vector<ExactTensor> scans;
  int64_t iteration = 0;
  for (; going && iteration < trip; ++iteration) {
    std::vector<ExactTensor> inputs{ExactTensor::zeros(DType::kI64, {}), ExactTensor::zeros(DType::kBool, {})};
    inputs[0].ints[0] = iteration;
    inputs[1].ints[0] = 1;
    inputs.insert(inputs.end(), states.begin(), states.end());
    for (size_t c = 2 + attrs.states; c < in.size(); ++c) inputs.push_back(*in[c]);
    auto out = TEMPER_TRY(interpret(body, inputs, symbols));
    going = out[0].ints[0] != 0;
    for (int64_t s = 0; s < attrs.states; ++s) states[s] = std::move(out[1 + s]);
    for (int64_t s = 0; s < attrs.scans; ++s) {
      ExactTensor& made = out[1 + attrs.states + s];
      if (iteration == 0) {
        scans.push_back(made);
        scans.back().dims.insert(scans.back().dims.begin(), 1);
        continue;
      }
      scans[s].dims[0] += 1;
      scans[s].floats.insert(scans[s].floats.end(), made.floats.begin(), made.floats.end());
      scans[s].ints.insert(scans[s].ints.end(), made.ints.begin(), made.ints.end());
    }
  }
  for (SymInt size : attrs.sizes) symbols[size] = iteration;
  if (iteration == 0) {
    for (int64_t s = 0; s < attrs.scans; ++s) {
      const TensorType& type = body.type(body.outputs()[1 + attrs.states + s]);
      auto dims = TEMPER_TRY(symbol_values(type.dims, symbols));
      dims.insert(dims.begin(), 0);
      scans.push_back(ExactTensor::zeros(type.dtype, dims));
    }
  }
  states.insert(states.end(), std::make_move_iterator(scans.begin()), std::make_move_iterator(scans.end()));
  return states;
}

// Sizes that the results' dims make known.
void learn_sizes(const Graph& graph, const Node& node, const std::vector<ExactTensor>& results, SymbolValues& symbols) {
  for (size_t r = 0; r < results.size(); ++r) {
    const Dims& dims = graph.type(node.results[r]).dims;
    for (size_t d = 0; d < dims.size(); ++d) {
      bool size = !dims[d].is_const() && kind_of(dims[d]) == SymKind::kVar && var_of(dims[d]).kind == VarKind::kSize;
      if (size) symbols[dims[d]] = results[r].dims[d];
    }
  }
}

}  // namespace

Expected<std::vector<ExactTensor>> interpret_node(const Graph& graph, const Node& node,
                                                  std::span<const ExactTensor* const> operands, SymbolValues& symbols) {
  const std::string& op = node.op->name;
  auto one = [](Expected<ExactTensor> result) -> Expected<std::vector<ExactTensor>> {
    if (!result.ok()) return std::move(result).error();
    std::vector<ExactTensor> all;
    all.push_back(std::move(*result));
    return all;
  };
  SymContext& context = graph.sym();
  Expected<std::vector<ExactTensor>> results =
      Error(ErrorCode::kInternal, "the interpreter does not know the core op '" + op + "'");
  if (!node.op->is_core()) {
    Graph body(graph.context());
    Builder builder(body);
    std::vector<ValueId> ids;
    std::vector<ExactTensor> inputs;
    for (size_t i = 0; i < node.operands.size(); ++i) {
      if (node.operands[i] == kNone32) {
        ids.push_back(kNone32);
        continue;
      }
      const Node* producer = graph.producer(node.operands[i]);
      if (producer && producer->op->name == "constant") {
        ids.push_back(builder.constant(attrs_as<Constant>(*producer->attrs).data).id);
        continue;
      }
      ids.push_back(body.add_input(graph.value(node.operands[i]).type, ""));
      body.value(ids.back()).contents = graph.value(node.operands[i]).contents;
      inputs.push_back(*operands[i]);
    }
    auto made = node.op->body(builder, *node.attrs, ids);
    TEMPER_TRY(builder.take_status());
    body.set_outputs(made);
    results = interpret(body, inputs, symbols);
    // The same sizes have other names in the body written here.
    if (results.ok()) learn_sizes(graph, node, *results, symbols);
    return results;
  }
  if (op == "constant")
    results = one(ExactTensor::from(attrs_as<Constant>(*node.attrs).data));
  else if (op == "map")
    results = exact::map(context, attrs_as<MapAttrs>(*node.attrs), operands, symbols);
  else if (op == "reindex") {
    const auto& a = attrs_as<Reindex>(*node.attrs);
    results = one(exact::gather(context, a.map, {}, a.fill, operands, symbols));
  } else if (op == "gather") {
    const auto& a = attrs_as<Gather>(*node.attrs);
    results = one(exact::gather(context, a.map, a.loads, a.fill, operands, symbols));
  } else if (op == "concat")
    results = one(exact::concat(attrs_as<Concat>(*node.attrs), operands));
  else if (op == "reduce")
    results = exact::reduce(attrs_as<ReduceAttrs>(*node.attrs), *operands[0]);
  else if (op == "contract")
    results = one(exact::contract(context, attrs_as<ContractAttrs>(*node.attrs), operands, symbols));
  else if (op == "scan")
    results = one(exact::scan(attrs_as<ScanAttrs>(*node.attrs), *operands[0]));
  else if (op == "sort") {
    int64_t count = TEMPER_TRY(symbol_value(attrs_as<SortAttrs>(*node.attrs).count, symbols));
    results = exact::sort(attrs_as<SortAttrs>(*node.attrs), count, *operands[0]);
  } else if (op == "scatter")
    results = one(exact::scatter(context, attrs_as<ScatterAttrs>(*node.attrs), operands, symbols));
  else if (op == "compact")
    results = one(exact::compact(*operands[0]));
  else if (op == "suppress")
    results = one(exact::suppress(*operands[0], *operands[1]));
  else if (op == "bind_size") {
    symbols[attrs_as<BindSize>(*node.attrs).size] = operands[0]->ints[0];
    results = one(*operands[0]);
  } else if (op == "assert") {
    if (operands[0]->ints[0] == 0) return Error(ErrorCode::kInvalidArgument, attrs_as<Assert>(*node.attrs).message);
    results = one(*operands[0]);
  } else if (op == "plugin") {
    return Error(ErrorCode::kUnsupported, "what a plugin computes is known to its own code only");
  } else if (op == "if")
    results = interpret_if(node, operands, symbols);
  else if (op == "loop")
    results = interpret_loop(node, operands, symbols);
  if (results.ok()) learn_sizes(graph, node, *results, symbols);
  return results;
}

Expected<std::vector<ExactTensor>> interpret(const Graph& graph, std::span<const ExactTensor> inputs) {
  SymbolValues symbols;
  return interpret(graph, inputs, symbols);
}

namespace {

// Sizes come from data too: what no machine should try to hold is an error of the run. Sizes that are not known yet are those
// of what the node finds, no more than it reads.
constexpr double kMostElements = 1 << 28;
Status check_sizes(const Graph& graph, const Node& node, const SymbolValues& symbols) {
  for (ValueId v : node.results) {
    auto* type = std::get_if<TensorType>(&graph.value(v).type);
    if (!type) continue;
    auto dims = symbol_values(type->dims, symbols);
    if (!dims.ok()) continue;
    double elements = 1;
    for (int64_t d : *dims) elements *= static_cast<double>(d);
    if (elements > kMostElements)
      return Error(ErrorCode::kOutOfMemory, "a tensor of " + std::to_string(elements) + " elements is too large to interpret");
  }
  return {};
}

}  // namespace

Expected<std::vector<ExactTensor>> interpret(const Graph& graph, std::span<const ExactTensor> inputs, SymbolValues& symbols) {
  if (inputs.size() != graph.inputs().size())
    return Error(ErrorCode::kInvalidArgument, "another number of inputs than the graph has");
  Values values(graph.value_count());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& type = graph.type(graph.inputs()[i]);
    if (inputs[i].dtype != type.dtype || inputs[i].dims.size() != type.dims.size()) {
      return Error(ErrorCode::kInvalidArgument, "input " + std::to_string(i) + " is not a " + type.to_string());
    }
    for (size_t d = 0; d < type.dims.size(); ++d) {
      if (!type.dims[d].is_const() && kind_of(type.dims[d]) == SymKind::kVar) symbols[type.dims[d]] = inputs[i].dims[d];
    }
    values[graph.inputs()[i]] = inputs[i];
  }
  auto uses = graph.uses();
  std::vector<int> left(graph.value_count(), 0);
  for (ValueId v = 0; v < graph.value_count(); ++v) left[v] = static_cast<int>(uses[v].size());
  for (ValueId v : graph.outputs()) left[v] += 1 << 20;
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    std::vector<const ExactTensor*> operands;
    for (ValueId v : node.operands) operands.push_back(v == kNone32 ? nullptr : &*values[v]);
    TEMPER_TRY_AT(check_sizes(graph, node, symbols), "node '" + node.name + "' (" + node.op->name + ")");
    auto results =
        TEMPER_TRY_AT(interpret_node(graph, node, operands, symbols), "node '" + node.name + "' (" + node.op->name + ")");
    for (size_t r = 0; r < node.results.size(); ++r) values[node.results[r]] = std::move(results[r]);
    for (size_t i = 0; i < node.operands.size(); ++i) {
      ValueId v = node.operands[i];
      bool again = std::find(node.operands.begin(), node.operands.begin() + static_cast<std::ptrdiff_t>(i), v) !=
                   node.operands.begin() + static_cast<std::ptrdiff_t>(i);
      if (v != kNone32 && !again && --left[v] == 0) values[v].reset();
    }
  }
  std::vector<ExactTensor> outputs;
  for (ValueId v : graph.outputs()) outputs.push_back(*values[v]);
  return outputs;
}

Expected<std::vector<Tensor>> fold_node(const Graph& graph, const Node& node, std::span<const Tensor> operands) {
  const std::string& op = node.op->name;
  bool moves = !operands.empty() && operands[0].dtype() != DType::kString;
  std::optional<Tensor> moved;
  if (op == "map") return exact::map(graph.sym(), attrs_as<MapAttrs>(*node.attrs), operands);
  if (op == "reindex" && moves) {
    const auto& a = attrs_as<Reindex>(*node.attrs);
    moved = TEMPER_TRY(exact::gather(graph.sym(), a.map, {}, a.fill, operands));
  } else if (op == "gather" && moves) {
    const auto& a = attrs_as<Gather>(*node.attrs);
    moved = TEMPER_TRY(exact::gather(graph.sym(), a.map, a.loads, a.fill, operands));
  } else if (op == "concat" && moves) {
    moved = TEMPER_TRY(exact::concat(attrs_as<Concat>(*node.attrs), operands));
  }
  if (moved) return std::vector<Tensor>{std::move(*moved)};
  std::vector<ExactTensor> held;
  for (const Tensor& t : operands) held.push_back(ExactTensor::from(t));
  std::vector<const ExactTensor*> pointers;
  for (const ExactTensor& t : held) pointers.push_back(&t);
  SymbolValues none;
  auto results = TEMPER_TRY(interpret_node(graph, node, pointers, none));
  std::vector<Tensor> folded;
  for (const ExactTensor& t : results) folded.push_back(t.to_tensor());
  return folded;
}

}  // namespace temper
