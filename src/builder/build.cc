#include "builder/build.h"

#include "base/cpu_info.h"

namespace temper {

Device this_device(int threads) { return {std::string(isa_name(cpu_info().isa)), threads > 0 ? threads : default_thread_count()}; }

Status build_plan(const Graph& network, const BuildConfig& config, ByteSink& sink) {
  Graph graph = TEMPER_TRY(run_passes(network.clone(), config.passes));
  CompiledPlan compiled = TEMPER_TRY(compile(graph, config.compile));
  auto note = [](const std::pair<std::string, std::string>& pair) {
    auto made = std::make_unique<plan::NoteT>();
    made->key = pair.first;
    made->value = pair.second;
    return made;
  };
  for (const auto& pair : config.metadata) compiled.plan.metadata.push_back(note(pair));
  for (const auto& pair : config.record) compiled.plan.record.push_back(note(pair));
  return write_plan(compiled.plan, graph.to_string(), compiled.weights, sink);
}

}  // namespace temper
