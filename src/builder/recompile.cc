// A portable plan on a device that is none of its targets: its graph is compiled again, by the cost model alone.
#include <map>

#include "backend/cuda/run/driver.h"
#include "builder/build.h"
#include "ir/graph_text.h"
#include "runtime/engine.h"

namespace temper {
namespace {

// A plan for GPUs goes to the GPU that is here, if there is one; else to the processor.
Device device_for(const plan::PlanT& plan) {
  Device device = this_device(plan.threads);
  if (family_of(plan.targets.at(0)) == "cpu") return device;
  auto driver = cuda::Driver::get();
  if (!driver.ok()) return device;
  if (auto gpu = cuda::GpuDevice::open(**driver, 0); gpu.ok()) device.target = "sm_" + std::to_string((*gpu)->architecture());
  return device;
}

Expected<std::vector<std::byte>> compile_again(const PlanParts& parts) {
  const plan::PlanT& plan = *parts.plan;
  std::map<std::string, const plan::GraphConstantT*, std::less<>> constants;
  for (const auto& constant : plan.constants) constants[constant->hash] = constant.get();
  const auto find = [&](const TensorType& type, std::string_view hash) -> Expected<Tensor> {
    const auto found = constants.find(hash);
    std::vector<int64_t> dims;
    for (SymInt d : type.dims) {
      if (d.is_const()) dims.push_back(d.value());
    }
    if (found == constants.end() || dims.size() != type.dims.size() ||
        dtype_bytes(type.dtype, element_count(dims)) != int64_t(found->second->size))
      return Error(ErrorCode::kCorrupt, "the plan does not hold a constant of its graph; build it again");
    return Tensor(type.dtype, std::move(dims), parts.weights.subspan(found->second->offset, found->second->size), parts.owner);
  };
  const Graph graph = TEMPER_TRY(parse_graph(parts.graph_text, std::make_shared<SymContext>(), find));
  BuildConfig config;
  config.portable = true;
  config.compile.device = device_for(plan);
  config.compile.build.optimization_level = 0;
  for (const auto& input : plan.inputs)
    config.compile.profile.inputs[input->name] = {input->least, input->best, input->largest};
  for (const auto& note : plan.metadata) config.metadata.emplace_back(note->key, note->value);
  for (const auto& note : plan.record) config.record.emplace_back(note->key, note->value);
  MemorySink sink;
  TEMPER_TRY(build_plan(graph, config, sink));
  return sink.take();
}

const RegisterRecompile kRecompile{&compile_again};

}  // namespace
}  // namespace temper
