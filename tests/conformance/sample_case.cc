#include "tests/conformance/sample_case.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "ir/graph_text.h"
#include "kernel/tolerance.h"
#include "ops/builder.h"

namespace temper::testing {

void PrintTo(const SampleName& name, std::ostream* out) { *out << name.op->name << " " << name.text(); }

std::vector<SampleName> all_samples() {
  std::vector<SampleName> all;
  for (const Op* op : all_ops()) {
    for (size_t i = 0; i < op->samples.size(); ++i) all.push_back({op, i});
  }
  return all;
}

Expected<Graph> sample_graph(const SampleName& name) { return sample_graph(name, "f32"); }

Expected<Graph> sample_graph(const SampleName& name, std::string_view floats) {
  constexpr std::string_view kFloats = "f32[";
  std::string text = name.text();
  for (size_t at = 0; (at = text.find(kFloats, at)) != std::string::npos; at += floats.size())
    if (at == 0 || text[at - 1] != 'b') text.replace(at, kFloats.size() - 1, floats);
  auto context = std::make_shared<SymContext>();
  OpSample sample = TEMPER_TRY(parse_sample(*name.op, text, *context));
  Graph graph(context);
  Builder builder(graph, name.op->name);
  std::vector<Val> operands;
  for (auto& operand : sample.operands) {
    if (auto* type = std::get_if<TensorType>(&operand))
      operands.push_back(builder.val(graph.add_input(*type, "x" + std::to_string(graph.inputs().size()))));
    else if (auto* constant = std::get_if<Tensor>(&operand))
      operands.push_back(builder.constant(*constant));
    else
      operands.push_back({&builder, kNone32});
  }
  std::vector<Val> results = builder.op(*name.op, sample.attrs, operands);
  TEMPER_TRY(builder.take_status());
  std::vector<ValueId> outputs;
  for (Val v : results) {
    if (!std::holds_alternative<TensorType>(graph.value(v.id).type))
      return Error(ErrorCode::kUnsupported, "a result is no tensor");
    graph.output_names().push_back("y" + std::to_string(outputs.size()));
    outputs.push_back(v.id);
  }
  graph.set_outputs(std::move(outputs));
  return graph;
}

std::vector<Tensor> random_inputs(const Graph& graph, int64_t extent, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Tensor> inputs;
  for (ValueId v : graph.inputs()) {
    const TensorType& type = graph.type(v);
    std::vector<int64_t> dims;
    for (SymInt d : type.dims) {
      dims.push_back(*evaluate(d, [&](SymInt) { return std::optional(extent); }));
    }
    if (type.dtype == DType::kString) {
      std::vector<std::string> values(static_cast<size_t>(element_count(dims)));
      for (auto& s : values) s = std::string(random() % 3, static_cast<char>('a' + random() % 3));
      inputs.push_back(Tensor::strings(dims, std::move(values)));
      continue;
    }
    Tensor t = Tensor::zeros(type.dtype, dims);
    std::uniform_real_distribution<double> uniform(-2, 2);
    for (int64_t i = 0; i < t.count(); ++i) {
      if (is_float(type.dtype))
        t.set(i, {uniform(random), 0});
      else
        t.set(i, {0, static_cast<int64_t>(random() % (dtype_bits(type.dtype) == 8 && type.dtype != DType::kBool ? 100 : 2))});
    }
    inputs.push_back(std::move(t));
  }
  return inputs;
}

std::vector<ExactTensor> exact(const std::vector<Tensor>& tensors) {
  std::vector<ExactTensor> result;
  for (const Tensor& t : tensors) result.push_back(ExactTensor::from(t));
  return result;
}

double distance(const ExactTensor& got, const ExactTensor& want, DType narrowest, std::string& where) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (got.dtype != want.dtype || got.dims != want.dims) {
    where = "type or dims";
    return kWrong;
  }
  if (want.dtype == DType::kString) return got.strings == want.strings ? 0 : kWrong;
  double largest = 1, worst = 0;
  for (double v : want.floats) {
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  }
  // No sample has more than 256 roundings in a row in f32, nor more than 8 operators that round to a narrower type.
  constexpr double kRoundings = 256, kNarrowRoundings = 8;
  double allowed = rounding_growth(kRoundings, DType::kF32);
  if (narrowest != DType::kF32) allowed += rounding_growth(kNarrowRoundings, narrowest);
  allowed *= largest;
  for (int64_t i = 0; i < want.count(); ++i) {
    double off;
    if (is_float(want.dtype)) {
      double g = got.floats[i], w = want.floats[i];
      if (std::isnan(w) || std::isnan(g))
        off = std::isnan(w) && std::isnan(g) ? 0 : kWrong;
      else if (std::isinf(w) || std::isinf(g))
        off = w == g ? 0 : kWrong;
      else
        off = std::abs(g - w) / allowed;
    } else {
      // A float that lies at an edge of rounding may become either integer.
      off = got.ints[i] == want.ints[i] ? 0 : kWrong;
    }
    if (off > worst) {
      worst = off;
      where = "element " + std::to_string(i) + " is " +
              (is_float(want.dtype) ? std::to_string(got.floats[i]) + ", not " + std::to_string(want.floats[i])
                                    : std::to_string(got.ints[i]) + ", not " + std::to_string(want.ints[i]));
    }
  }
  return worst;
}

DType narrowest_float(const Graph& graph) {
  DType narrowest = DType::kF32;
  for (ValueId v = 0; v < graph.value_count(); ++v) {
    const auto* type = std::get_if<TensorType>(&graph.value(v).type);
    if (type && is_float(type->dtype) && unit_roundoff(type->dtype) > unit_roundoff(narrowest)) narrowest = type->dtype;
  }
  return narrowest;
}

}  // namespace temper::testing
