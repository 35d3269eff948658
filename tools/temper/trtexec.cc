// temper trtexec: builds, runs and measures, with trtexec's flags and report.
#include <chrono>
#include <cstdio>

#include "commands.h"
#include "exports.h"
#include "flags.h"
#include "inference.h"
#include "output_file.h"
#include "plan_source.h"
#include "problem.h"
#include "profiler.h"
#include "report.h"
#include "temper/temper.h"

namespace tool {
namespace {

using namespace nvinfer1;

std::string version_line() {
  return "TensorRT.trtexec [TensorRT v" + std::to_string(NV_TENSORRT_VERSION) + "] [Temper " + temper::versionText() + "]";
}

// "&&&& RUNNING", "&&&& PASSED", "&&&& FAILED": what scripts look for.
void print_mark(const char* mark, const Arguments& arguments) {
  std::string line = std::string("&&&& ") + mark + " " + version_line() + " # trtexec";
  for (const std::string& argument : arguments) line += " " + argument;
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void start_device(const Options& options, Logger& logger) {
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count), "looking for devices");
  if (options.device >= count) {
    throw bad_argument("--device=" + std::to_string(options.device) + ": there are " + std::to_string(count) +
                       " devices, counted from 0");
  }
  check_cuda(cudaSetDevice(options.device), "choosing the device");
  cudaSetDeviceFlags(options.spin_wait ? cudaDeviceScheduleSpin : cudaDeviceScheduleAuto);
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, options.device), "asking for the device");
  logger.info("=== Device Information ===");
  logger.info(std::string("Selected Device: ") + properties.name);
  logger.info("Processors: " + std::to_string(properties.multiProcessorCount));
  logger.info("Memory: " + std::to_string(properties.totalGlobalMem >> 20) + " MiB");
  logger.info("");
}

void time_deserialize(const Options& options, Logger& logger) {
  std::vector<float> ms;
  for (int i = 0; i < 10; ++i) {
    stop_if_interrupted();
    Loaded loaded;
    loaded.runtime.reset(createInferRuntime(logger));
    if (!loaded.runtime) throw library_problem("the runtime could not be started");
    const auto start = std::chrono::steady_clock::now();
    loaded.engine.reset(temper::loadPlan(*loaded.runtime, options.load_engine.c_str()));
    if (!loaded.engine) throw library_problem("can't load the plan '" + options.load_engine + "'");
    ms.push_back(std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  logger.info("Deserialization time of the first load: " + fixed(ms[0], 4) + " ms");
  logger.info("Deserialization time of " + std::to_string(ms.size()) + " loads: " + statistics_text(ms, {}));
}

void report_layers(const ICudaEngine& engine, const IExecutionContext* context, const Options& options, Logger& logger) {
  if (options.dump_profiles) logger.info("=== Optimization Profiles ===\n" + profiles_text(engine));
  if (options.dump_layers)
    logger.info("=== Layer Information ===\n" + layers_text(engine, context, LayerInformationFormat::kONELINE));
  if (!options.export_layers.empty()) {
    write_file(options.export_layers, layers_text(engine, context, LayerInformationFormat::kJSON) + "\n");
  }
}

void infer(ICudaEngine& engine, const Options& options, Logger& logger) {
  Sessions sessions = make_sessions(engine, options);
  logger.info("Created execution context with device memory size: " +
              fixed(double(engine.getDeviceMemorySizeV2()) / (1 << 20), 3) + " MiB");
  Session& first = *sessions.front();
  for (const Binding& binding : first.bindings()) {
    logger.info(std::string(binding.input ? "Input " : "Output ") + binding.name + ": " +
                (binding.growing ? "shape decided by the data" : dims_text(binding.dims)));
  }
  report_layers(engine, &first.context(), options, logger);

  Profiler profiler;
  if (options.wants_profile() && !options.separate_profile_run) first.set_profiler(&profiler);
  logger.info("Starting inference");
  Measurement measurement = measure(sessions, options);
  if (options.wants_profile() && options.separate_profile_run && measurement.complete) {
    first.set_profiler(&profiler);
    measure(sessions, options);
  }
  first.set_profiler(nullptr);

  print_performance(measurement, options, logger);
  stop_if_interrupted();
  if (options.wants_profile() && !options.separate_profile_run) {
    logger.warning("the runs above were profiled, which takes time of its own: use --separateProfileRun to measure without");
  }
  if (options.dump_output) logger.info(outputs_text(first.bindings()));
  if (options.dump_raw) write_raw_files(first.bindings());
  if (options.dump_profile) {
    logger.info("=== Profile (" + std::to_string(profiler.runs()) + " iterations) ===\n" + profiler.table());
  }
  if (!options.export_times.empty()) write_file(options.export_times, times_json(measurement.runs));
  if (!options.export_output.empty()) write_file(options.export_output, outputs_json(first.bindings()));
  if (!options.export_profile.empty()) write_file(options.export_profile, profile_json(profiler));
}

void run_checked(const Options& options, Logger& logger) {
  for (const std::string& remark : options.remarks) logger.warning(remark);
  if (options.plan_version_only) {
    const std::string version = temper::planVersion(options.load_engine.c_str());
    if (version.empty()) throw library_problem("can't read the plan '" + options.load_engine + "'");
    logger.info("Plan was created with Temper version " + version);
    return;
  }
  start_device(options, logger);
  for (const std::string& library : options.plugin_libraries) {
    if (!getPluginRegistry()->loadLibrary(library.c_str()))
      throw library_problem("can't load the plugins of '" + library + "'");
  }
  if (options.time_deserialize && !options.load_engine.empty()) return time_deserialize(options, logger);
  const Loaded loaded =
      options.load_engine.empty() ? build_engine(options, logger) : load_plan(options.load_engine, options.cpu_threads, logger);
  if (!options.load_engine.empty() && !options.save_engine.empty()) {
    const std::unique_ptr<IHostMemory> plan(loaded.engine->serialize());
    if (!plan) throw library_problem("the engine can't be serialized");
    write_file(options.save_engine, {static_cast<const char*>(plan->data()), plan->size()});
    logger.info("Plan saved to " + options.save_engine);
  }
  if (options.skip_inference) {
    if (!loaded.engine && (options.dump_layers || !options.export_layers.empty() || options.dump_profiles)) {
      if (options.save_engine.empty()) throw bad_argument("layers can be shown with --skipInference only beside --saveEngine");
      const Loaded saved = load_plan(options.save_engine, options.cpu_threads, logger);
      report_layers(*saved.engine, nullptr, options, logger);
    }
    logger.info("Skipped inference phase since --skipInference is added.");
    return;
  }
  infer(*loaded.engine, options, logger);
}

}  // namespace

int run_trtexec(const Arguments& arguments) {
  const Options options = parse_options(arguments);
  if (options.help) {
    std::printf("temper trtexec --onnx=MODEL | --loadEngine=PLAN [flags]\n\n%s", flags_help().c_str());
    return 0;
  }
  print_mark("RUNNING", arguments);
  Logger logger(options.verbose ? ILogger::Severity::kVERBOSE : ILogger::Severity::kINFO);
  try {
    run_checked(options, logger);
  } catch (...) {
    print_mark("FAILED", arguments);
    throw;
  }
  print_mark("PASSED", arguments);
  return 0;
}

}  // namespace tool
