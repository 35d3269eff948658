#include "builder/build.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/cpu_info.h"
#include "base/hash.h"
#include "ir/text_form.h"
#include "ops/core/core.h"
#include "tune/autotuner.h"

namespace temper {

Device this_device(int threads) {
  return {std::string(isa_name(cpu_info().isa)), threads > 0 ? threads : default_thread_count()};
}

namespace {

// Of the weights as the network has them: what a plan's may be, with what passes make of them and forms that take more room.
constexpr int64_t kMostWeightsPercent = 145;
constexpr uint64_t kWeightAlignment = 64;

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

// What is permitted, less what the device does no faster; says what it is in `notes`.
Narrowing narrowing_for(const Device& device, const Narrowing& asked, std::vector<std::pair<std::string, std::string>>& notes) {
  Narrowing given = asked;
  std::erase_if(given.types, [&](DType type) {
    const auto why = why_not_narrow(device, type);
    if (why) notes.emplace_back(std::string(plan::kTypeNote) + " " + std::string(dtype_name(type)), "f32 instead: " + *why);
    return why.has_value();
  });
  if (cpu_info().tiles_refused && device.target == isa_name(cpu_info().isa)) {
    notes.emplace_back(std::string(plan::kTypeNote) + " bf16, i8",
                       "multiplied without AMX: the system does not let this process use its registers");
  }
  return given;
}

// The plan for one device.
Expected<CompiledPlan> compile_for(const Graph& graph, const std::string& text, const BuildConfig& config,
                                   const CompileOptions& wanted, int64_t network_bytes,
                                   const std::vector<std::pair<std::string, std::string>>& type_notes, TimingCache& cache) {
  const int64_t weights = weight_bytes(graph);
  // Weights that do not stay in the last cache from one run to the next come from memory each time.
  const Runner* runner = runner_for(wanted.device);
  const bool cold = weights > (runner ? runner->cache_bytes(wanted.device) : cpu_info().l3_bytes) / 2;
  const Hash128 key = build_key(text, wanted, cold);
  TuneOptions tune{.device = wanted.device,
                   .build = wanted.build,
                   .cold_constants = cold,
                   .growth_bytes = std::max<int64_t>(0, network_bytes * kMostWeightsPercent / 100 - weights),
                   .error_on_miss = config.error_on_cache_miss,
                   .cancelled = config.passes.cancelled,
                   .log = config.log};
  CompileOptions options = wanted;
  const bool chooses = !options.chooser, decided = cache.decision(key) != nullptr;
  if (chooses && !decided) {
    tune.survey = true;
    Autotuner survey(tune, cache);
    options.chooser = &survey;
    TEMPER_TRY(compile(graph, options));
    if (config.constants_rest) config.constants_rest();
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
  for (const auto& pair : type_notes) compiled.plan.record.push_back(note(pair));
  compiled.plan.record.push_back(note({std::string(plan::kProductsNote), product_types(graph)}));
  compiled.plan.record.push_back(note({std::string(plan::kModelWeightsNote), std::to_string(network_bytes)}));
  // A build that measures nothing learns nothing here either, so that equal caches still give equal plans.
  const bool measures = wanted.build.optimization_level > 0 && !(decided && tuner.replayed()) && !config.error_on_cache_miss;
  if (int64_t peak = peak_ns_per_gigaoperation(wanted.device, cache, measures)) {
    compiled.plan.record.push_back(note({std::string(plan::kPeakNote), std::to_string(peak)}));
  }
  return compiled;
}

// Moves the constants of `more` into the block of `whole`: equal bytes lie in one place.
void join_weights(CompiledPlan& whole, CompiledPlan& more) {
  std::multimap<Hash128, uint64_t> known;
  for (const WeightPiece& piece : whole.weights) known.emplace(hash128(piece.bytes), piece.offset);
  auto bytes_at = [&](uint64_t offset) {
    auto piece = std::lower_bound(whole.weights.begin(), whole.weights.end(), offset,
                                  [](const WeightPiece& p, uint64_t o) { return p.offset < o; });
    return piece->bytes;
  };
  std::map<uint64_t, uint64_t> moved;
  uint64_t end = whole.plan.weights_bytes;
  for (const WeightPiece& piece : more.weights) {
    auto [same, last] = known.equal_range(hash128(piece.bytes));
    while (same != last && !std::ranges::equal(bytes_at(same->second), piece.bytes)) ++same;
    moved[piece.offset] = same != last ? same->second : end;
    if (same != last) continue;
    whole.weights.push_back({end, piece.bytes, piece.owner});
    end = (end + piece.bytes.size() + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
  }
  for (auto& buffer : more.plan.buffers) {
    if (buffer->kind == plan::BufferKind::Constant) buffer->offset = moved.at(buffer->offset);
  }
  whole.plan.weights_bytes = end;
}

// Puts the constants of the graph beside what kernels read of them.
void keep_constants(const Graph& graph, CompiledPlan& plan) {
  std::map<std::pair<Hash128, size_t>, uint64_t> known;
  for (const WeightPiece& piece : plan.weights)
    known.emplace(std::pair(hash128(piece.bytes), piece.bytes.size()), piece.offset);
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    for (const auto& body : node.bodies) keep_constants(*body, plan);
    if (node.op->name != "constant") continue;
    const Tensor& data = attrs_as<Constant>(*node.attrs).data;
    if (data.dtype() == DType::kString) continue;
    auto& end = plan.plan.weights_bytes;
    const auto [place, fresh] = known.emplace(std::pair(hash128(data.bytes()), data.bytes().size()), end);
    if (fresh) {
      plan.weights.push_back({end, data.bytes(), std::make_shared<const Tensor>(data)});
      end = (end + data.bytes().size() + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
    }
    auto constant = std::make_unique<plan::GraphConstantT>();
    constant->hash = tensor_hash(data);
    constant->offset = place->second;
    constant->size = data.bytes().size();
    plan.plan.constants.push_back(std::move(constant));
  }
}

}  // namespace

Status build_plan(const Graph& network, const BuildConfig& config, ByteSink& sink) {
  const auto constants_rest = [&] {
    if (config.constants_rest) config.constants_rest();
  };
  // A graph for each choice of types that a device makes; the plan holds that of the first device.
  struct Typed {
    std::vector<DType> types;
    Graph graph;
    std::string text;
  };
  std::vector<std::unique_ptr<Typed>> graphs;
  const auto graph_for = [&](const Device& device,
                             std::vector<std::pair<std::string, std::string>>& notes) -> Expected<const Typed*> {
    PassOptions passes = config.passes;
    passes.narrowing = narrowing_for(device, config.passes.narrowing, notes);
    for (const auto& made : graphs) {
      if (made->types == passes.narrowing.types) return made.get();
    }
    if (!graphs.empty()) passes.observe = {};
    Graph graph = TEMPER_TRY(run_passes(network.clone(), passes));
    std::string text = graph.to_string();
    constants_rest();  // folding and hashing have read all of them, tuning reads one kernel's at a time
    graphs.push_back(std::make_unique<Typed>(Typed{passes.narrowing.types, std::move(graph), std::move(text)}));
    return graphs.back().get();
  };
  TimingCache fresh;
  TimingCache& cache = config.cache ? *config.cache : fresh;
  const int64_t bytes = weight_bytes(network);
  std::vector<std::pair<std::string, std::string>> notes;
  const Typed* first = TEMPER_TRY(graph_for(config.compile.device, notes));
  CompiledPlan whole = TEMPER_TRY(compile_for(first->graph, first->text, config, config.compile, bytes, notes, cache));
  std::vector<CompiledPlan> others;
  for (const Device& device : config.more_devices) {
    CompileOptions wanted = config.compile;
    wanted.device = device;
    notes.clear();
    const Typed* typed = TEMPER_TRY_AT(graph_for(device, notes), device.target);
    others.push_back(TEMPER_TRY_AT(compile_for(typed->graph, typed->text, config, wanted, bytes, notes, cache), device.target));
    join_weights(whole, others.back());
  }
  if (config.portable) keep_constants(first->graph, whole);
  std::vector<const plan::PlanT*> plans{&whole.plan};
  for (CompiledPlan& other : others) {
    other.plan.weights_bytes = whole.plan.weights_bytes;
    plans.push_back(&other.plan);
  }
  constants_rest();
  return write_plan(plans, first->text, std::move(whole.weights), sink);
}

}  // namespace temper
