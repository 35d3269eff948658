#include "api/builder.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "api/build_progress.h"
#include "api/plan_notes.h"
#include "api/plugin.h"
#include "api/runtime.h"
#include "api/translate.h"
#include "base/cpu_info.h"
#include "builder/build.h"
#include "runtime/context.h"

namespace temper::api {

using nvinfer1::BuilderFlag;

nvinfer1::INetworkDefinition* Builder::createNetworkV2(nvinfer1::NetworkDefinitionCreationFlags flags) noexcept {
  return guarded<nvinfer1::INetworkDefinition*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::INetworkDefinition*> {
    if (flags >> nvinfer1::EnumMax<nvinfer1::NetworkDefinitionCreationFlag>()) {
      return invalid("createNetworkV2 was given bits that are no NetworkDefinitionCreationFlag");
    }
    if (api_level_ >= 11) flags |= 1U << int(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
    return new Network(*this, reporter_, flags, api_level_);
  });
}

nvinfer1::IBuilderConfig* Builder::createBuilderConfig() noexcept {
  return guarded<nvinfer1::IBuilderConfig*>(
      reporter_, nullptr, [&]() -> Expected<nvinfer1::IBuilderConfig*> { return new BuilderConfig(reporter_); });
}

nvinfer1::IOptimizationProfile* Builder::createOptimizationProfile() noexcept {
  return guarded<nvinfer1::IOptimizationProfile*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IOptimizationProfile*> {
    profiles_.push_back(std::make_unique<OptimizationProfile>(reporter_));
    return profiles_.back().get();
  });
}

bool Builder::platformHasFastInt8() const noexcept { return cpu_info().isa >= IsaLevel::kV4Vnni; }

bool Builder::setMaxThreads(int32_t count) noexcept {
  if (count < 1) {
    reporter_.report(ErrorCode::kInvalidArgument, "the number of threads is at least 1");
    return false;
  }
  max_threads_ = count;
  return true;
}

void Builder::setMaxBatchSize(int32_t size) noexcept {
  if (size < 1) return reporter_.report(ErrorCode::kInvalidArgument, "the largest batch is at least 1");
  max_batch_ = size;
}

namespace {

// Messages of the rooms below, to the program's logger.
class LoggerSink final : public LogSink {
 public:
  explicit LoggerSink(const Reporter& reporter) : reporter_(reporter) {}
  void log(Severity severity, std::string_view text) noexcept override {
    reporter_.log(static_cast<nvinfer1::ILogger::Severity>(severity), std::string(text));
  }

 private:
  const Reporter& reporter_;
};

Status check_profile(const Graph& graph, const Profile& profile) {
  for (const auto& [name, range] : profile.inputs) {
    const Value* input = nullptr;
    for (ValueId id : graph.inputs()) {
      if (graph.value(id).name == name) input = &graph.value(id);
    }
    if (!input)
      return Error(ErrorCode::kNotFound, "an optimization profile names '" + name + "', which is not an input of the network");
    const Dims& dims = input->tensor().dims;
    for (const auto* shape : {&range.least, &range.best, &range.largest}) {
      if (shape->size() != dims.size()) {
        return invalid("the profile of input '" + name + "' has rank " + std::to_string(shape->size()) + ", the input " +
                       std::to_string(dims.size()));
      }
      for (size_t d = 0; d < dims.size(); ++d) {
        if (dims[d].is_const() && dims[d].value() != (*shape)[d]) {
          return invalid("the profile of input '" + name + "' has the extent " + std::to_string((*shape)[d]) +
                         " in dimension " + std::to_string(d) + ", where the network has " + std::to_string(dims[d].value()));
        }
      }
    }
  }
  return {};
}

// What layers are to be computed in, as the config and the network say.
Narrowing narrowing_of(const Network& network, const BuilderConfig& config) {
  Narrowing narrowing;
  if (network.getFlag(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED)) return narrowing;
  narrowing = config.narrowing();
  network.add_layer_types(narrowing.layers);
  return narrowing;
}

// A device may compute in more than was asked for, and says so; a type that was never permitted is a contradiction.
Status check_types(const Narrowing& narrowing) {
  if (narrowing.binding != TypeBinding::kObey) return {};
  for (const auto& [name, types] : narrowing.layers) {
    const bool narrow = types.compute == DType::kF16 || types.compute == DType::kBF16;
    if (!narrow || narrowing.permits(*types.compute)) continue;
    return invalid("the layer '" + name + "' is to be computed in " + std::string(dtype_name(*types.compute)) +
                   ", but that type is not permitted; permit it with its builder flag");
  }
  return {};
}

// The graph to build, when nothing speaks against it.
Expected<Graph> check_network(const Network& network, const BuilderConfig& config) {
  TEMPER_TRY(config.check());
  TEMPER_TRY(check_types(narrowing_of(network, config)));
  if (network.graph().outputs().empty()) return invalid("the network has no outputs; mark one, or parse a model first");
  Graph graph = TEMPER_TRY(network.finished());
  if (network.hasImplicitBatchDimension() && !config.profiles().empty())
    return invalid("a network with an implicit batch has no optimization profiles; setMaxBatchSize says what to build for");
  for (const OptimizationProfile& profile : config.profiles()) TEMPER_TRY(check_profile(graph, profile.profile()));
  return graph;
}

// The batch of a network where it is implicit: from one sample to most, and best at most.
Profile batch_profile(const Network& network, const Graph& graph, int64_t most) {
  Profile profile;
  const std::vector<bool> batched = network.batched_inputs();
  for (size_t i = 0; i < batched.size(); ++i) {
    if (!batched[i]) continue;
    const Value& input = graph.value(graph.inputs()[i]);
    std::vector<int64_t> shape;
    for (SymInt d : input.tensor().dims) shape.push_back(d.is_const() ? d.value() : 1);
    Profile::Range range{shape, shape, shape};
    range.best[0] = range.largest[0] = most;
    profile.inputs[input.name] = std::move(range);
  }
  return profile;
}

// Whether the kernels' scratch stays within the pool that the caller allows, at the shapes that the plan was tuned for.
Status check_workspace(std::span<const std::byte> bytes, std::size_t limit, int threads) {
  Context context(TEMPER_TRY(Engine::load(bytes, nullptr, idle_plugin)));
  const plan::PlanT& plan = context.engine().plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    if (plan.inputs[i]->best.size() != plan.inputs[i]->dims.size()) return {};
    TEMPER_TRY(context.set_input_shape(static_cast<int>(i), plan.inputs[i]->best));
  }
  TEMPER_TRY(context.prepare(threads));
  const auto needed = static_cast<std::size_t>(context.workspace_bytes());
  if (needed <= limit) return {};
  return Error(ErrorCode::kOutOfMemory, "the kernels need " + std::to_string(needed) +
                                            " bytes of workspace, and the memory pool allows " + std::to_string(limit) +
                                            "; allow more with --memPoolSize=workspace:MiB, or set no limit")
      .at("workspace");
}

}  // namespace

Expected<PageMemory> Builder::build(const Network& network, BuilderConfig& config) const {
  const Graph graph = TEMPER_TRY(check_network(network, config));
  BuildConfig build;
  build.more_devices = config.devices();
  build.portable = config.getHardwareCompatibilityLevel() != nvinfer1::HardwareCompatibilityLevel::kNONE;
  build.compile.device = build.more_devices.front();
  build.more_devices.erase(build.more_devices.begin());
  build.compile.build.optimization_level = config.getBuilderOptimizationLevel();
  build.compile.build.tf32 = config.getFlag(BuilderFlag::kTF32);
  build.compile.build.sources = config.switched_sources();
  if (!config.profiles().empty()) build.compile.profile = config.profiles().front().profile();
  if (network.hasImplicitBatchDimension()) build.compile.profile = batch_profile(network, graph, max_batch_);
  TimingCache* cache = config.cache_for_build();
  temper::TimingCache learnt;
  if (cache) learnt = cache->records();
  build.cache = &learnt;
  build.error_on_cache_miss = config.getFlag(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS);
  LoggerSink log(reporter_);
  build.log = &log;

  BuildProgress progress(config.getProgressMonitor(), static_cast<int>(all_passes().size()));
  std::string before;
  const PassListener& listener = config.pass_listener();
  build.passes.disabled = config.disabled_passes();
  build.passes.cancelled = [&] { return progress.stopped(); };
  build.passes.observe = [&](std::string_view pass, const Graph& graph) {
    if (listener) {
      std::string text = graph.to_string();
      if (pass != "import") {
        listener(pass, false, before);
        listener(pass, true, text);
      }
      before = std::move(text);
    }
    if (pass != "import") progress.pass_done();
  };
  build.compile.progress = [&](const std::string& unit, int done, int of) { return progress.kernels_done(done, of); };
  build.passes.narrowing = narrowing_of(network, config);
  build.metadata = network.metadata();
  build.record = make_notes(network, config, network.hasImplicitBatchDimension() ? max_batch_ : 0);
  build.constants_rest = [&] { network.let_go_of_files(); };

  PageSink sink;
  const Status built = build_plan(graph, build, sink);
  if (cache) cache->keep(std::move(learnt));
  TEMPER_TRY(built);
  TEMPER_TRY(network.still_intact());
  PageMemory plan = sink.take();
  const std::size_t limit = config.getMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE);
  if (limit != SIZE_MAX) TEMPER_TRY(check_workspace(plan.bytes(), limit, build.compile.device.threads));
  return plan;
}

nvinfer1::IHostMemory* Builder::buildSerializedNetwork(nvinfer1::INetworkDefinition& network,
                                                       nvinfer1::IBuilderConfig& config) noexcept {
  return guarded<nvinfer1::IHostMemory*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IHostMemory*> {
    return make_host_memory(TEMPER_TRY(build(static_cast<Network&>(network), static_cast<BuilderConfig&>(config))));
  });
}

// The kernels of a plan are chosen, not written, for a CPU; those of GPUs are in the plan (temper::print shows them).
nvinfer1::IHostMemory* Builder::buildSerializedNetwork(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                                       nvinfer1::IHostMemory*& kernel_text) noexcept {
  kernel_text = nullptr;
  return buildSerializedNetwork(network, config);
}

bool Builder::buildSerializedNetworkToStream(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                             nvinfer1::IStreamWriter& writer) noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    constexpr int64_t kPiece = int64_t(16) << 20;
    PageMemory plan = TEMPER_TRY(build(static_cast<Network&>(network), static_cast<BuilderConfig&>(config)));
    for (int64_t at = 0, size = static_cast<int64_t>(plan.size()); at < size; at += kPiece) {
      const int64_t piece = std::min(kPiece, size - at);
      if (writer.write(plan.data() + at, piece) != piece)
        return Error(ErrorCode::kIo, "the stream writer did not take the plan");
    }
    return true;
  });
}

nvinfer1::ICudaEngine* Builder::buildEngineWithConfig(nvinfer1::INetworkDefinition& network,
                                                      nvinfer1::IBuilderConfig& config) noexcept {
  return guarded<nvinfer1::ICudaEngine*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ICudaEngine*> {
    auto& given = static_cast<BuilderConfig&>(config);
    PageMemory plan = TEMPER_TRY(build(static_cast<Network&>(network), given));
    return load_engine(reporter_, std::move(plan), given.cpu_threads());
  });
}

bool Builder::isNetworkSupported(nvinfer1::INetworkDefinition const& network,
                                 nvinfer1::IBuilderConfig const& config) const noexcept {
  return guarded(reporter_, false, [&]() -> Expected<bool> {
    TEMPER_TRY(check_network(static_cast<const Network&>(network), static_cast<const BuilderConfig&>(config)));
    return true;
  });
}

}  // namespace temper::api

void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept {
  return temper::api::make_for_program<nvinfer1::IBuilder, temper::api::Builder>(logger, version);
}
