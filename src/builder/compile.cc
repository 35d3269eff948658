#include "builder/compile.h"

#include <algorithm>

#include "builder/graph_compiler.h"

namespace temper {
namespace {

std::unique_ptr<plan::BindingT> make_binding(PlanAssembly& assembly, const std::string& name, const TensorType& type,
                                             int buffer) {
  auto binding = std::make_unique<plan::BindingT>();
  binding->name = name;
  binding->dtype = static_cast<uint8_t>(type.dtype);
  binding->buffer = buffer;
  for (SymInt d : type.dims) {
    binding->dims.push_back(assembly.slots().slot(d));
    binding->sets.push_back(!d.is_const() && kind_of(d) == SymKind::kVar);
    binding->dim_names.push_back(d.is_const() ? "" : d.to_string());
  }
  return binding;
}

SymInt byte_count(const TensorType& type) {
  int bits = dtype_bits(type.dtype);
  return bits >= 8 ? element_count(type) * (bits / 8) : ceil_div(element_count(type), 2);
}

}  // namespace

Expected<CompiledPlan> compile(const Graph& graph, const CompileOptions& options) {
  PlanAssembly assembly(options, graph.sym());
  for (ValueId v : graph.inputs()) {
    const Value& value = graph.value(v);
    auto range = options.profile.inputs.find(value.name);
    if (range == options.profile.inputs.end()) continue;
    const Dims& dims = value.tensor().dims;
    if (range->second.best.size() != dims.size()) {
      return Error(ErrorCode::kInvalidArgument, "the profile of input '" + value.name + "' has rank " +
                                                    std::to_string(range->second.best.size()) + ", the input " +
                                                    std::to_string(dims.size()));
    }
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d].is_const() || kind_of(dims[d]) != SymKind::kVar) continue;
      const int64_t best = range->second.best[d];
      const auto end = [&](const std::vector<int64_t>& all) { return all.size() == dims.size() ? all[d] : best; };
      assembly.set_range(dims[d], {end(range->second.least), best, end(range->second.largest)});
    }
  }
  GraphCompiler compiler(graph, assembly);
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const Value& value = graph.value(graph.inputs()[i]);
    int buffer = assembly.add_buffer(plan::BufferKind::Input, value.tensor().dtype, byte_count(value.tensor()), value.name);
    compiler.bind_input(i, buffer);
    auto binding = make_binding(assembly, value.name, value.tensor(), buffer);
    if (auto range = options.profile.inputs.find(value.name); range != options.profile.inputs.end()) {
      binding->least = range->second.least;
      binding->best = range->second.best;
      binding->largest = range->second.largest;
    }
    assembly.plan().inputs.push_back(std::move(binding));
  }
  // The same value may leave under two names: the second is a copy of the first.
  std::map<ValueId, int> first;
  std::vector<std::pair<ValueId, int>> again;
  for (size_t o = 0; o < graph.outputs().size(); ++o) {
    ValueId v = graph.outputs()[o];
    const TensorType& type = graph.type(v);
    int buffer = assembly.add_buffer(plan::BufferKind::Output, type.dtype, byte_count(type), graph.output_names()[o]);
    if (first.emplace(v, buffer).second)
      compiler.bind_output(o, buffer);
    else
      again.emplace_back(v, buffer);
    assembly.plan().outputs.push_back(make_binding(assembly, graph.output_names()[o], type, buffer));
  }
  TEMPER_TRY(compiler.run());
  for (auto [v, buffer] : again) TEMPER_TRY(compiler.copy_output(v, buffer));
  return assembly.finish();
}

}  // namespace temper
