// The flags that Temper takes. Those that it knows and refuses: refused_flags.cc.
#include <vector>

#include "flags.h"
#include "numbers.h"
#include "problem.h"

namespace tool {
namespace {

using Text = std::string_view;
using enum FlagGroup;

// What rows do with their value. `flag` is the name as given, for messages.
template <auto kMember>
void text(Options& options, Text value, Text) {
  options.*kMember = value;
}
template <auto kMember, bool kValue = true>
void turn(Options& options, Text, Text) {
  options.*kMember = kValue;
}
template <auto kMember, int kLeast, int kMost = INT32_MAX>
void whole(Options& options, Text value, Text flag) {
  options.*kMember = int(parse_integer(value, flag, kLeast, kMost));
}
template <auto kMember>
void not_negative(Options& options, Text value, Text flag) {
  options.*kMember = parse_real(value, flag);
  if (options.*kMember < 0) throw bad_argument(std::string(flag) + " can't be negative");
}
template <auto kMember>
void profile_shape(Options& options, Text value, Text flag) {
  options.profiles.back().*kMember = parse_shapes(value, flag);
}
void nothing(Options&, Text, Text) {}

void one_of(Text value, Text flag, std::initializer_list<Text> choices) {
  std::string all;
  for (Text choice : choices) {
    if (value == choice) return;
    all += (all.empty() ? "" : ", ") + std::string(choice);
  }
  throw bad_argument(std::string(flag) + " takes one of " + all + ", not '" + std::string(value) + "'");
}

// A flag of which only one value means something here.
void only(Text value, Text flag, Text choice, Text otherwise) {
  if (value == choice) return;
  throw unsupported(std::string(flag) + "=" + std::string(value) + " is not supported: " + std::string(otherwise));
}

void pools(Options& options, Text value, Text flag) {
  for (const auto& [pool, size] : parse_named_list(value, flag)) {
    if (pool.starts_with("dla")) throw unsupported("--memPoolSize=" + pool + " is not supported: there is no DLA here");
    one_of(pool, flag, {"workspace", "tacticSharedMem"});
    options.pools[pool] = parse_size(size, flag, uint64_t{1} << 20);
  }
}

void percentiles(Options& options, Text value, Text flag) {
  options.percentiles.clear();
  while (true) {
    const size_t comma = value.find(',');
    const double percent = parse_real(value.substr(0, comma), flag);
    if (percent < 0 || percent > 100) throw bad_argument("--percentile takes numbers from 0 to 100");
    options.percentiles.push_back(percent);
    if (comma == Text::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void profile(Options& options, Text value, Text flag) {
  const auto index = size_t(parse_integer(value, flag, 0, INT32_MAX));
  const size_t count = options.profiles.size();
  if (index > count) throw bad_argument("--profile=" + std::string(value) + " comes before --profile=" + std::to_string(count));
  if (index + 1 < count) throw bad_argument("--profile=" + std::string(value) + " is given twice");
  if (index == count) options.profiles.emplace_back();
}

void build_only(Options& options, Text, Text) {
  options.skip_inference = true;
  options.remarks.push_back("--buildOnly is the old name of --skipInference");
}
void explicit_batch(Options& options, Text, Text) {
  options.remarks.push_back("--explicitBatch has no effect: the batch is always explicit");
}
void workspace(Options& options, Text value, Text flag) {
  options.pools["workspace"] = parse_size(value, flag, uint64_t{1} << 20);
  options.remarks.push_back("--workspace is the old form of --memPoolSize=workspace:N");
}
void verbosity(Options& options, Text value, Text flag) {
  one_of(value, flag, {"layer_names_only", "detailed", "none"});
  options.verbosity = value;
}
void duration(Options& options, Text value, Text flag) {
  options.duration_s = parse_real(value, flag);
  if (options.duration_s < 0 && value != "-1") throw bad_argument("--duration takes seconds, or -1 for no end");
}
void best(Options& options, Text, Text) { options.fp16 = options.bf16 = true; }
void constraints(Options& options, Text value, Text flag) {
  one_of(value, flag, {"none", "obey", "prefer"});
  options.precision_constraints = value;
}
void layer_precisions(Options& options, Text value, Text flag) { options.layer_precisions = parse_named_list(value, flag); }
void layer_output_types(Options& options, Text value, Text flag) { options.layer_output_types = parse_named_list(value, flag); }
void plugin_library(Options& options, Text value, Text) { options.plugin_libraries.emplace_back(value); }
void shapes(Options& options, Text value, Text flag) { options.shapes = parse_shapes(value, flag); }
void load_inputs(Options& options, Text value, Text flag) { options.load_inputs = parse_named_list(value, flag); }

void sparsity(Options&, Text value, Text flag) { only(value, flag, "disable", "there are no sparse kernels yet"); }
void use_runtime(Options&, Text value, Text flag) { only(value, flag, "full", "there is one runtime, 'full'"); }
void allocation(Options&, Text value, Text flag) { only(value, flag, "static", "activations get their memory at once"); }
void compatibility(Options& options, Text value, Text flag) {
  one_of(value, flag, {"none", "ampere+", "sameComputeCapability"});
  options.portable = value != "none";
}
void platform(Options&, Text value, Text flag) {
  only(value, flag, "SameAsBuild", "plans are for the system they are built on");
}

// TensorRT's names for libraries are upper case; ours are lower.
void tactic_sources(Options& options, Text value, Text flag) {
  while (true) {
    const size_t comma = value.find(',');
    const Text item = value.substr(0, comma);
    if (item.size() < 2 || (item[0] != '+' && item[0] != '-')) {
      throw bad_argument(std::string(flag) + " takes names that begin with + or -, such as +ONEDNN,-NAME; not '" +
                         std::string(item) + "'");
    }
    const Text name = item.substr(1);
    for (Text foreign : {"CUBLAS", "CUBLAS_LT", "CUDNN", "EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"}) {
      if (name == foreign)
        throw unsupported(std::string(flag) + ": " + std::string(name) +
                          " needs the CUDA backend, which this build does not have");
    }
    std::string lower(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    options.tactic_sources[lower] = item[0] == '+';
    if (comma == Text::npos) return;
    value.remove_prefix(comma + 1);
  }
}

constexpr Flag kTaken[] = {
    {"--onnx", kInAll, kModel, "file", "the ONNX model to import", text<&Options::onnx>},
    {"--saveEngine", kInAll, kModel, "file", "write the plan there", text<&Options::save_engine>},
    {"--loadEngine", kInAll, kModel, "file", "run this plan instead of building one", text<&Options::load_engine>},
    {"--skipInference", kInBoth, kModel, {}, "stop after the build", turn<&Options::skip_inference>},
    {"--buildOnly", kIn8, kModel, {}, "old name of --skipInference", build_only},
    {"--getPlanVersionOnly", kInBoth, kModel, {}, "say which version wrote the plan", turn<&Options::plan_version_only>},
    {"--minShapes", kInAll, kModel, "spec", "least shapes: name:1x3x8x8,'other':scalar", profile_shape<&ProfileSpec::least>},
    {"--optShapes", kInAll, kModel, "spec", "shapes to be fast for; alone, all three", profile_shape<&ProfileSpec::best>},
    {"--maxShapes", kInAll, kModel, "spec", "largest shapes", profile_shape<&ProfileSpec::largest>},
    {"--profile", kInBoth, kModel, "N", "the shapes that follow are of optimization profile N", profile},
    {"--enablePluginOverride",
     kInBoth,
     kParser,
     {},
     "plugins go before operators of their names",
     turn<&Options::plugins_first>},
    {"--explicitBatch", kIn8, kModel, {}, "without effect: the batch is always explicit", explicit_batch},

    {"--memPoolSize", kInAll, kBuild, "pool:size", "limits of workspace, tacticSharedMem; MiB, or B, K, M, G", pools},
    {"--workspace", kIn8, kBuild, "MiB", "old form of --memPoolSize=workspace:MiB", workspace},
    {"--avgTiming", kInAll, kBuild, "N", "measurements per tactic [8]", whole<&Options::avg_timing, 1>},
    {"--builderOptimizationLevel", kInBoth, kBuild, "0..5", "effort [3]", whole<&Options::optimization_level, -1, 5>},
    {"--maxTactics", kInBoth, kBuild, "N", "tactics measured per choice [-1: by level]", whole<&Options::max_tactics, -1>},
    {"--noBuilderCache", kInAll, kBuild, {}, "measure everything anew, keep nothing", turn<&Options::no_builder_cache>},
    {"--tacticSources", kInAll, kBuild, "+/-name", "kernel sources to use or not; +ONEDNN is off by default", tactic_sources},
    {"--timingCacheFile", kInAll, kBuild, "file", "read and fill this timing cache", text<&Options::timing_cache>},
    {"--errorOnTimingCacheMiss", kInBoth, kBuild, {}, "fail rather than measure", turn<&Options::error_on_cache_miss>},
    {"--maxAuxStreams", kInBoth, kBuild, "N", "helper streams of a context [-1]", whole<&Options::max_aux_streams, -1>},
    {"--profilingVerbosity", kInBoth, kBuild, "mode", "what plans keep: layer_names_only, detailed, none", verbosity},

    {"--noTF32", kInAll, kPrecision, {}, "no reduced mantissas in float32 products", turn<&Options::no_tf32>},
    {"--fp16", kIn8 | kIn10, kPrecision, {}, "permit binary16 where it is faster", turn<&Options::fp16>},
    {"--bf16", kIn10, kPrecision, {}, "permit bfloat16 where it is faster", turn<&Options::bf16>},
    {"--best", kIn8 | kIn10, kPrecision, {}, "permit both", best},
    {"--precisionConstraints", kIn8 | kIn10, kPrecision, "mode", "how types of layers bind: none, prefer, obey", constraints},
    {"--layerPrecisions", kIn8 | kIn10, kPrecision, "spec", "what layers compute in: name:fp16,'*':fp32", layer_precisions},
    {"--layerOutputTypes", kIn8 | kIn10, kPrecision, "spec", "types of outputs: name:fp32+fp16", layer_output_types},
    {"--stronglyTyped", kInBoth, kPrecision, {}, "types are the network's", turn<&Options::strongly_typed>},
    {"--sparsity", kInAll, kPrecision, "mode", "only 'disable'", sparsity},
    {"--targets", kOurs, kPortability, "names", "what the plan is for: cpu, cpu-v3, sm_80, sm_90, ... [cpu]",
     text<&Options::targets>},
    {"--useRuntime", kInBoth, kPortability, "kind", "only 'full'", use_runtime},
    {"--hardwareCompatibilityLevel", kInBoth, kPortability, "level",
     "'none', or 'ampere+': other machines compile the plan when they load it [none]", compatibility},
    {"--runtimePlatform", kInBoth, kPortability, "system", "only 'SameAsBuild'", platform},

    {"--staticPlugins", kInBoth, kSystem, "lib", "load this plugin library; may be given several times", plugin_library},
    {"--dynamicPlugins", kInBoth, kSystem, "lib", "the same", plugin_library},
    {"--plugins", kInAll, kSystem, "lib", "old name of --staticPlugins", plugin_library},
    {"--device", kInAll, kSystem, "N", "number of the device [0]", whole<&Options::device, 0>},
    {"--cpuThreads", kOurs, kSystem, "N", "threads to tune for and run with [0: all cores]",
     whole<&Options::cpu_threads, 0, 1024>},

    {"--shapes", kInAll, kInference, "spec", "shapes of the dynamic inputs for this run", shapes},
    {"--loadInputs", kInAll, kInference, "name:file", "raw bytes of inputs; others come from a fixed seed", load_inputs},
    {"--iterations", kInAll, kInference, "N", "at least so many runs [10]", whole<&Options::iterations, 0>},
    {"--warmUp", kInAll, kInference, "ms", "unmeasured runs at first [200]", not_negative<&Options::warm_up_ms>},
    {"--duration", kInAll, kInference, "s", "measure at least so long [3]; -1: until stopped", duration},
    {"--sleepTime", kInAll, kInference, "ms", "delay before each computation [0]", not_negative<&Options::sleep_ms>},
    {"--idleTime", kInAll, kInference, "ms", "pause between runs [0]", not_negative<&Options::idle_ms>},
    {"--infStreams", kInBoth, kInference, "N", "contexts and streams side by side [1]", whole<&Options::streams, 1, 1024>},
    {"--streams", kInAll, kInference, "N", "old name of --infStreams", whole<&Options::streams, 1, 1024>},
    {"--threads", kInAll, kInference, {}, "one host thread for each stream", turn<&Options::threads>},
    {"--exposeDMA", kInAll, kInference, {}, "copy and compute one after another; always so here", nothing},
    {"--noDataTransfers", kInAll, kInference, {}, "no copies in the measured runs", turn<&Options::transfers, false>},
    {"--includeDataTransfers", kIn11, kInference, {}, "copies in the measured runs", turn<&Options::transfers>},
    {"--useSpinWait", kInAll, kInference, {}, "wait actively", turn<&Options::spin_wait>},
    {"--noSpinWait", kIn11, kInference, {}, "wait by sleeping", turn<&Options::spin_wait, false>},
    {"--noCudaGraph", kIn11, kInference, {}, "launch directly; always so here", nothing},
    {"--separateProfileRun", kInAll, kInference, {}, "profile in a second run", turn<&Options::separate_profile_run>},
    {"--timeDeserialize", kInBoth, kInference, {}, "measure loading, and stop", turn<&Options::time_deserialize>},
    {"--useProfile", kInBoth, kInference, "N", "optimization profile of the run [0]", whole<&Options::use_profile, 0>},
    {"--allocationStrategy", kInBoth, kInference, "mode", "only 'static'", allocation},

    {"--verbose", kInAll, kReport, {}, "log everything", turn<&Options::verbose>},
    {"--avgRuns", kInAll, kReport, "N", "runs averaged per line [10]", whole<&Options::avg_runs, 0>},
    {"--percentile", kInAll, kReport, "p,...", "percentiles of the latency [90,95,99]", percentiles},
    {"--dumpOutput", kInAll, kReport, {}, "print the outputs of the last run", turn<&Options::dump_output>},
    {"--dumpRawBindingsToFile", kInBoth, kReport, {}, "write the last inputs and outputs raw", turn<&Options::dump_raw>},
    {"--dumpProfile", kInAll, kReport, {}, "print the time of each layer", turn<&Options::dump_profile>},
    {"--dumpLayerInfo", kInAll, kReport, {}, "print the layers of the engine", turn<&Options::dump_layers>},
    {"--dumpOptimizationProfile", kInBoth, kReport, {}, "print the shapes of the profiles", turn<&Options::dump_profiles>},
    {"--exportTimes", kInAll, kReport, "file", "times of each run as JSON", text<&Options::export_times>},
    {"--exportOutput", kInAll, kReport, "file", "outputs of the last run as JSON", text<&Options::export_output>},
    {"--exportProfile", kInAll, kReport, "file", "times of each layer as JSON", text<&Options::export_profile>},
    {"--exportLayerInfo", kInAll, kReport, "file", "layers of the engine as JSON", text<&Options::export_layers>},
    {"--help", kInAll, kReport, {}, "this text", turn<&Options::help>},
    {"-h", kInAll, kReport, {}, "this text", turn<&Options::help>},
};

}  // namespace

std::span<const Flag> all_flags() {
  static const std::vector<Flag> all = [] {
    std::vector<Flag> flags(std::begin(kTaken), std::end(kTaken));
    const std::span<const Flag> refused = refused_flags();
    flags.insert(flags.end(), refused.begin(), refused.end());
    return flags;
  }();
  return all;
}

}  // namespace tool
