#include "plan_source.h"

#include <chrono>
#include <cstring>

#include "NvInfer.h"
#include "NvOnnxParser.h"
#include "numbers.h"
#include "output_file.h"
#include "problem.h"
#include "progress.h"
#include "temper/temper.h"

namespace tool {

Problem library_problem(const std::string& message) {
  const temper::ErrorReport report = temper::lastError();
  if (report.code.empty()) return {"E_INTERNAL", message};
  std::string text = message + ": " + report.message;
  for (const std::string& place : report.trail) text += " [" + place + "]";
  return {report.code, text};
}

namespace {

using namespace nvinfer1;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::unique_ptr<IRuntime> make_runtime(int cpu_threads, Logger& logger) {
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  if (!runtime) throw library_problem("the runtime could not be started");
  if (cpu_threads > 0 && !temper::setCpuThreads(*runtime, cpu_threads)) throw library_problem("--cpuThreads");
  return runtime;
}

void parse_model(const std::string& path, bool plugins_first, INetworkDefinition& network, Logger& logger) {
  const std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(network, logger));
  if (!parser) throw library_problem("the ONNX parser could not be started");
  if (plugins_first) parser->setFlag(nvonnxparser::OnnxParserFlag::kENABLE_PLUGIN_OVERRIDE);
  temper::clearLastError();
  if (parser->parseFromFile(path.c_str(), int(ILogger::Severity::kWARNING))) return;
  const int count = parser->getNbErrors();
  for (int i = 0; i < count; ++i) logger.error(parser->getError(i)->desc());
  Problem problem = library_problem("can't import '" + path + "'");
  if (count > 1)
    throw Problem(problem.code(), std::string(problem.what()) + " (" + std::to_string(count) + " problems in all, see above)");
  throw problem;
}

void refuse_unknown_inputs(const ShapeSpec& spec, const INetworkDefinition& network, const std::string& flag) {
  for (const auto& [name, dims] : spec) {
    bool found = false;
    std::string all;
    for (int i = 0; i < network.getNbInputs(); ++i) {
      const std::string input = network.getInput(i)->getName();
      found |= input == name;
      all += (i ? ", '" : "'") + input + "'";
    }
    if (!found) throw bad_argument(flag + " names '" + name + "', which is not an input; the inputs are " + all);
  }
}

// Values of an input that decides shapes, from its entry in the shape grammar: "sizes:64x64".
void set_values(IOptimizationProfile& profile, const char* name, const ProfileShapes& shapes, int64_t count) {
  const Dims* given[] = {&shapes.least, &shapes.best, &shapes.largest};
  constexpr OptProfileSelector kSelectors[] = {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX};
  for (int i = 0; i < 3; ++i) {
    if (given[i]->nbDims != count) {
      throw bad_argument("'" + std::string(name) + "' decides shapes and has " + std::to_string(count) + " values, not '" +
                         dims_text(*given[i]) + "'");
    }
    if (!profile.setShapeValuesV2(name, kSelectors[i], given[i]->d, int32_t(count)))
      throw library_problem("values of '" + std::string(name) + "'");
  }
}

// Fills the profile; returns whether it says anything.
bool fill_profile(IOptimizationProfile& profile, const ProfileSpec& spec, const ShapeSpec& run,
                  const INetworkDefinition& network, Logger& logger) {
  bool any = false;
  for (int i = 0; i < network.getNbInputs(); ++i) {
    const ITensor& input = *network.getInput(i);
    const Dims declared = input.getDimensions();
    const std::string name = input.getName();
    std::optional<ProfileShapes> shapes = profile_shapes(spec, run, name);
    if (!has_unknown(declared)) {
      if (!shapes) continue;
      if (!input.isShapeTensor()) {
        throw bad_argument("'" + name + "' has the fixed shape " + dims_text(declared) + "; leave it out of the shapes");
      }
      set_values(profile, name.c_str(), *shapes, volume(declared));
      any = true;
      continue;
    }
    if (!shapes) {
      Dims guess = declared;
      for (int k = 0; k < guess.nbDims; ++k) guess.d[k] = guess.d[k] < 0 ? 1 : guess.d[k];
      if (guess.nbDims < 0) throw bad_argument("'" + name + "' has no known rank; give its shape with --shapes or --optShapes");
      logger.warning("'" + name + "' has dynamic extents and no shape was given: tuning for " + dims_text(guess));
      shapes = ProfileShapes{guess, guess, guess};
    }
    const bool good = profile.setDimensions(name.c_str(), OptProfileSelector::kMIN, shapes->least) &&
                      profile.setDimensions(name.c_str(), OptProfileSelector::kOPT, shapes->best) &&
                      profile.setDimensions(name.c_str(), OptProfileSelector::kMAX, shapes->largest);
    if (!good) throw library_problem("shapes of '" + name + "'");
    any = true;
  }
  return any;
}

DataType layer_type(std::string_view text, std::string_view flag) {
  if (text == "fp32") return DataType::kFLOAT;
  if (text == "fp16") return DataType::kHALF;
  if (text == "bf16") return DataType::kBF16;
  if (text == "int32") return DataType::kINT32;
  if (text == "int8") return DataType::kINT8;
  throw bad_argument(std::string(flag) + " takes the types fp32, fp16, bf16, int32, int8; not '" + std::string(text) + "'");
}

void set_layer_types(IBuilderConfig& config, const Options& options) {
  for (const auto& [layer, type] : options.layer_precisions) {
    if (!temper::setLayerPrecision(config, layer.c_str(), layer_type(type, "--layerPrecisions")))
      throw library_problem("--layerPrecisions");
  }
  for (const auto& [layer, types] : options.layer_output_types) {
    std::string_view rest = types;
    for (int output = 0;; ++output) {
      const size_t plus = rest.find('+');
      if (!temper::setLayerOutputType(config, layer.c_str(), output, layer_type(rest.substr(0, plus), "--layerOutputTypes")))
        throw library_problem("--layerOutputTypes");
      if (plus == std::string_view::npos) break;
      rest.remove_prefix(plus + 1);
    }
  }
}

void configure(IBuilderConfig& config, const Options& options) {
  if (options.optimization_level >= 0) config.setBuilderOptimizationLevel(options.optimization_level);
  config.setAvgTimingIterations(options.avg_timing);
  if (options.max_tactics >= 0) config.setMaxNbTactics(options.max_tactics);
  if (options.max_aux_streams >= 0) config.setMaxAuxStreams(options.max_aux_streams);
  for (const auto& [pool, bytes] : options.pools) {
    config.setMemoryPoolLimit(pool == "workspace" ? MemoryPoolType::kWORKSPACE : MemoryPoolType::kTACTIC_SHARED_MEMORY, bytes);
  }
  if (options.no_builder_cache) config.setFlag(BuilderFlag::kDISABLE_TIMING_CACHE);
  if (options.error_on_cache_miss) config.setFlag(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS);
  if (options.no_tf32) config.clearFlag(BuilderFlag::kTF32);
  if (options.fp16) config.setFlag(BuilderFlag::kFP16);
  if (options.bf16) config.setFlag(BuilderFlag::kBF16);
  if (options.precision_constraints == "obey") config.setFlag(BuilderFlag::kOBEY_PRECISION_CONSTRAINTS);
  if (options.precision_constraints == "prefer") config.setFlag(BuilderFlag::kPREFER_PRECISION_CONSTRAINTS);
  set_layer_types(config, options);
  config.setProfilingVerbosity(options.verbosity == "detailed" ? ProfilingVerbosity::kDETAILED
                               : options.verbosity == "none"   ? ProfilingVerbosity::kNONE
                                                               : ProfilingVerbosity::kLAYER_NAMES_ONLY);
  for (const auto& [source, on] : options.tactic_sources) {
    if (!temper::switchTacticSource(config, source, on)) throw library_problem("--tacticSources");
  }
  if (options.portable) config.setHardwareCompatibilityLevel(HardwareCompatibilityLevel::kAMPERE_PLUS);
  if (!options.targets.empty() && !temper::setTargets(config, options.targets.c_str())) throw library_problem("--targets");
  if (options.cpu_threads > 0 && !temper::setCpuThreads(config, options.cpu_threads)) throw library_problem("--cpuThreads");
}

std::unique_ptr<ITimingCache> read_cache(const IBuilderConfig& config, const std::string& path) {
  const std::string bytes = file_exists(path) ? read_file(path) : std::string();
  std::unique_ptr<ITimingCache> cache(config.createTimingCache(bytes.data(), bytes.size()));
  if (!cache) throw library_problem("can't use the timing cache '" + path + "'");
  return cache;
}

// What was measured goes into what the file holds now: another build may have written it meanwhile.
void save_cache(const IBuilderConfig& config, const std::string& path, Logger& logger) {
  const ITimingCache* measured = config.getTimingCache();
  if (!measured) return;
  const std::unique_ptr<ITimingCache> merged = read_cache(config, path);
  if (!merged->combine(*measured, false)) throw library_problem("can't merge into the timing cache '" + path + "'");
  const std::unique_ptr<IHostMemory> bytes(merged->serialize());
  if (!bytes) throw library_problem("can't write the timing cache '" + path + "'");
  write_file(path, {static_cast<const char*>(bytes->data()), bytes->size()});
  logger.info("Timing cache of " + std::to_string(bytes->size()) + " bytes saved to " + path);
}

}  // namespace

Loaded load_plan(const std::string& path, int cpu_threads, Logger& logger) {
  Loaded loaded;
  loaded.runtime = make_runtime(cpu_threads, logger);
  const auto start = Clock::now();
  loaded.engine.reset(temper::loadPlan(*loaded.runtime, path.c_str()));
  if (!loaded.engine) throw library_problem("can't load the plan '" + path + "'");
  logger.info("Engine loaded in " + fixed(seconds_since(start), 4) + " sec.");
  return loaded;
}

Loaded build_engine(const Options& options, Logger& logger) {
  const std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  if (!builder) throw library_problem("the builder could not be started");
  const uint32_t flags = options.strongly_typed ? 1U << uint32_t(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED) : 0;
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(flags));
  const std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  if (!network || !config) throw library_problem("the builder could not be started");
  const auto start = Clock::now();
  parse_model(options.onnx, options.plugins_first, *network, logger);
  stop_if_interrupted();
  logger.info("Model imported in " + fixed(seconds_since(start), 4) + " sec.");

  refuse_unknown_inputs(options.shapes, *network, "--shapes");
  for (const ProfileSpec& spec : options.profiles) {
    refuse_unknown_inputs(spec.best, *network, "--optShapes");
    IOptimizationProfile* profile = builder->createOptimizationProfile();
    if (!profile) throw library_problem("an optimization profile could not be made");
    if (fill_profile(*profile, spec, options.shapes, *network, logger) && config->addOptimizationProfile(profile) < 0) {
      throw library_problem("the shapes do not fit the model");
    }
  }
  configure(*config, options);
  if (!options.timing_cache.empty() && !config->setTimingCache(*read_cache(*config, options.timing_cache), false)) {
    throw library_problem("can't use the timing cache '" + options.timing_cache + "'");
  }

  Progress progress(logger);
  config->setProgressMonitor(&progress);
  const auto build_start = Clock::now();
  auto check = [&options](bool good, int error_number) {
    if (good) return;
    stop_if_interrupted();
    if (error_number)
      throw io_problem("writing the plan '" + options.save_engine + "' failed: " + std::string(std::strerror(error_number)) +
                       "; make room, or save it elsewhere");
    throw library_problem("the build failed");
  };
  temper::clearLastError();
  std::unique_ptr<IHostMemory> plan;
  if (!options.save_engine.empty()) {
    OutputFile file(options.save_engine);
    StreamToFile writer(file);
    const bool built = builder->buildSerializedNetworkToStream(*network, *config, writer);
    check(built, writer.error_number());
    stop_if_interrupted();
    file.commit();
  } else {
    plan.reset(builder->buildSerializedNetwork(*network, *config));
    check(plan != nullptr, 0);
  }
  config->setProgressMonitor(nullptr);
  logger.info("Engine built in " + fixed(seconds_since(build_start), 4) + " sec.");
  if (!options.save_engine.empty()) logger.info("Plan saved to " + options.save_engine);
  if (!options.timing_cache.empty()) save_cache(*config, options.timing_cache, logger);
  stop_if_interrupted();

  if (options.skip_inference) return {};
  if (!plan) return load_plan(options.save_engine, options.cpu_threads, logger);
  Loaded loaded;
  loaded.runtime = make_runtime(options.cpu_threads, logger);
  loaded.engine.reset(loaded.runtime->deserializeCudaEngine(plan->data(), plan->size()));
  if (!loaded.engine) throw library_problem("the plan that was built can't be loaded");
  return loaded;
}

}  // namespace tool
