#include "builder/build.h"

#include <algorithm>

#include "base/cpu_info.h"
#include "base/hash.h"
#include "ops/core/core.h"
#include "tune/autotuner.h"

namespace temper {

Device this_device(int threads) {
  return {std::string(isa_name(cpu_info().isa)), threads > 0 ? threads : default_thread_count()};
}

namespace {

// Of the weights as the network has them: what a plan's may be, with what passes make of them and forms that take more room.
constexpr int64_t kMostWeightsPercent = 145;

int64_t weight_bytes(const Graph& graph) {
  int64_t bytes = 0;
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (node.op->name == "constant") bytes += int64_t(attrs_as<Constant>(*node.attrs).data.bytes().size());
    for (const auto& body : node.bodies) bytes += weight_bytes(*body);
  }
  return bytes;
}

// Names a build in the timing cache: all that its choice of tactics may depend on.
Hash128 build_key(std::string_view text, const CompileOptions& compile, bool cold) {
  Hasher hasher;
  hasher.add(text)
      .add(compile.device.target)
      .add_number(uint64_t(compile.device.threads))
      .add_number(uint64_t(compile.build.optimization_level))
      .add_number(compile.build.tf32);
  hasher.add(source_fingerprints(compile.device, compile.build)).add_number(cold);
  if (const Runner* runner = runner_for(compile.device)) hasher.add(runner->machine());
  for (const auto& [name, range] : compile.profile.inputs) {
    hasher.add(name);
    for (int64_t d : range.best) hasher.add_number(uint64_t(d));
  }
  return hasher.finish();
}

}  // namespace

Status build_plan(const Graph& network, const BuildConfig& config, ByteSink& sink) {
  Graph graph = TEMPER_TRY(run_passes(network.clone(), config.passes));
  const std::string text = graph.to_string();
  const int64_t weights = weight_bytes(graph);
  // Weights that do not stay in the last cache from one run to the next come from memory each time.
  const bool cold = weights > cpu_info().l3_bytes / 2;
  const Hash128 key = build_key(text, config.compile, cold);
  TimingCache fresh;
  TimingCache& cache = config.cache ? *config.cache : fresh;
  TuneOptions tune{.device = config.compile.device,
                   .build = config.compile.build,
                   .cold_constants = cold,
                   .growth_bytes = std::max<int64_t>(0, weight_bytes(network) * kMostWeightsPercent / 100 - weights),
                   .error_on_miss = config.error_on_cache_miss,
                   .cancelled = config.passes.cancelled,
                   .log = config.log};
  CompileOptions options = config.compile;
  const bool chooses = !options.chooser, decided = cache.decision(key) != nullptr;
  if (chooses && !decided) {
    tune.survey = true;
    Autotuner survey(tune, cache);
    options.chooser = &survey;
    TEMPER_TRY(compile(graph, options));
    tune.survey = false;
    cache.set_decision(key, survey.decision());
    options.progress = {};  // what is left takes no time
  }
  Autotuner tuner(tune, cache, cache.decision(key));
  if (chooses) options.chooser = &tuner;
  CompiledPlan compiled = TEMPER_TRY(compile(graph, options));
  if (!tuner.chosen().empty() && !tuner.replayed()) cache.set_decision(key, tuner.chosen());
  auto note = [](const std::pair<std::string, std::string>& pair) {
    auto made = std::make_unique<plan::NoteT>();
    made->key = pair.first;
    made->value = pair.second;
    return made;
  };
  for (const auto& pair : config.metadata) compiled.plan.metadata.push_back(note(pair));
  for (const auto& pair : config.record) compiled.plan.record.push_back(note(pair));
  compiled.plan.record.push_back(note({std::string(plan::kModelWeightsNote), std::to_string(weight_bytes(network))}));
  // A build that measures nothing learns nothing here either, so that equal caches still give equal plans.
  const bool measures =
      config.compile.build.optimization_level > 0 && !(decided && tuner.replayed()) && !config.error_on_cache_miss;
  if (int64_t peak = peak_ns_per_gigaoperation(config.compile.device, cache, measures)) {
    compiled.plan.record.push_back(note({std::string(plan::kPeakNote), std::to_string(peak)}));
  }
  return write_plan(compiled.plan, text, compiled.weights, sink);
}

}  // namespace temper
