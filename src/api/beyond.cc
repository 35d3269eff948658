// temper/temper.h: what goes beyond the TensorRT API.
#include "api/builder.h"
#include "api/engine.h"
#include "api/explain.h"
#include "api/plugin.h"
#include "api/runtime.h"
#include "base/mapped_file.h"
#include "passes/pass.h"
#include "temper/temper.h"

namespace temper {

using namespace api;

namespace {

const EngineFacts& facts_of(const nvinfer1::ICudaEngine& engine) { return static_cast<const EngineView&>(engine).facts(); }

// Errors of functions without an object are only remembered.
template <class T, class Body>
T remembered(T failed, Body&& body) noexcept {
  static const Reporter silent(nullptr);
  return guarded(silent, std::move(failed), std::forward<Body>(body));
}

Expected<std::string> read_version(const std::string& path) {
  MappedFile file = TEMPER_TRY(MappedFile::open(path));
  auto parts = read_plan(file.bytes(), nullptr);
  TEMPER_TRY(file.still_intact());
  if (!parts.ok()) return std::move(parts).error().at(path);
  std::string version = read_notes(*parts->plan).version;
  if (version.empty()) return Error(ErrorCode::kIncompatible, "the plan does not say which Temper wrote it").at(path);
  return version;
}

Expected<std::string> verify_file(const std::string& path) {
  auto engine = TEMPER_TRY(map_engine(path, idle_plugin));
  const plan::PlanT& plan = engine->plan();
  auto count = [](size_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); };
  return "container, checksums and metadata are good: " + count(plan.inputs.size(), "input") + ", " +
         count(plan.outputs.size(), "output") + ", " + count(plan.steps.size(), "step") + ", " +
         count(plan.buffers.size(), "buffer") + ", " + count(plan.segments.size(), "shape program") + ", " +
         std::to_string(plan.weights_bytes) + " bytes of weights; all kernels could be decoded";
}

}  // namespace

char const* versionText() noexcept { return kVersion; }

nvinfer1::ICudaEngine* loadPlan(nvinfer1::IRuntime& runtime, char const* path) noexcept {
  return static_cast<Runtime&>(runtime).load_file(path);
}

bool verify(char const* path, std::string& report) {
  report = remembered(
      std::string(), [&]() -> Expected<std::string> { return path ? verify_file(path) : invalid("verify was given no path"); });
  if (!report.empty()) return true;
  report = lastError().text();
  return false;
}

std::string planVersion(char const* path) {
  return remembered(std::string(), [&]() -> Expected<std::string> {
    return path ? read_version(path) : invalid("planVersion was given no path");
  });
}

bool setCpuThreads(nvinfer1::IBuilderConfig& config, int threads) noexcept {
  return static_cast<BuilderConfig&>(config).set_cpu_threads(threads);
}
bool setCpuThreads(nvinfer1::IRuntime& runtime, int threads) noexcept {
  return static_cast<Runtime&>(runtime).set_cpu_threads(threads);
}
bool setTargets(nvinfer1::IBuilderConfig& config, char const* targets) noexcept {
  return static_cast<BuilderConfig&>(config).set_targets(targets);
}
bool setLayerPrecision(nvinfer1::IBuilderConfig& config, char const* layer, nvinfer1::DataType type) noexcept {
  return static_cast<BuilderConfig&>(config).set_layer_precision(layer, type);
}
bool setLayerOutputType(nvinfer1::IBuilderConfig& config, char const* layer, int output, nvinfer1::DataType type) noexcept {
  return static_cast<BuilderConfig&>(config).set_layer_output_type(layer, output, type);
}
int getCpuThreads(nvinfer1::IBuilderConfig const& config) noexcept {
  return static_cast<const BuilderConfig&>(config).cpu_threads();
}
int getCpuThreads(nvinfer1::IRuntime const& runtime) noexcept { return static_cast<const Runtime&>(runtime).cpu_threads(); }

std::vector<std::string> passNames() {
  return remembered(std::vector<std::string>(), []() -> Expected<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const Pass& pass : all_passes()) names.emplace_back(pass.name);
    return names;
  });
}

bool disablePass(nvinfer1::IBuilderConfig& config, std::string_view pass) {
  return static_cast<BuilderConfig&>(config).switch_pass(pass, false);
}
bool enablePass(nvinfer1::IBuilderConfig& config, std::string_view pass) {
  return static_cast<BuilderConfig&>(config).switch_pass(pass, true);
}
bool switchTacticSource(nvinfer1::IBuilderConfig& config, std::string_view source, bool on) {
  return static_cast<BuilderConfig&>(config).switch_source(source, on);
}
void setPassListener(nvinfer1::IBuilderConfig& config, PassListener listener) {
  static_cast<BuilderConfig&>(config).set_pass_listener(std::move(listener));
}

std::string explain(nvinfer1::ICudaEngine const& engine, TextFormat format) {
  return remembered(std::string(), [&]() -> Expected<std::string> {
    const Engine& plan = *facts_of(engine).engine;
    return format == TextFormat::kJSON ? explain_json(plan) : explain_text(plan);
  });
}

std::string print(nvinfer1::ICudaEngine const& engine, Representation what) {
  return remembered(std::string(), [&]() -> Expected<std::string> {
    const Engine& plan = *facts_of(engine).engine;
    switch (what) {
      case Representation::kGRAPH:
        return plan.graph_text();
      case Representation::kREGIONS:
        return print_regions(plan);
      case Representation::kPLAN:
        return print_plan(plan);
    }
    return invalid("there is no such representation");
  });
}

std::string print(nvinfer1::INetworkDefinition const& network) {
  return remembered(std::string(),
                    [&]() -> Expected<std::string> { return static_cast<const Network&>(network).graph().to_string(); });
}

char const* modelMetadata(nvinfer1::ICudaEngine const& engine, char const* key) noexcept {
  if (!key) return nullptr;
  for (const auto& note : facts_of(engine).engine->plan().metadata) {
    if (note->key == key) return note->value.c_str();
  }
  return nullptr;
}

std::vector<std::string> modelMetadataKeys(nvinfer1::ICudaEngine const& engine) {
  return remembered(std::vector<std::string>(), [&]() -> Expected<std::vector<std::string>> {
    std::vector<std::string> keys;
    for (const auto& note : facts_of(engine).engine->plan().metadata) keys.push_back(note->key);
    return keys;
  });
}

}  // namespace temper
