// What a run of `temper trtexec` is asked to do. Filled from the command line by parse_options(), which also checks what does
// not go together; from then on the options are facts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shapes.h"

namespace tool {

// One optimization profile as given; shapes that are not given follow the rules of complete_profile().
struct ProfileSpec {
  ShapeSpec least, best, largest;
};

struct Options {
  // Model and plan.
  std::string onnx, save_engine, load_engine;
  bool plugins_first = false;
  bool skip_inference = false;
  bool plan_version_only = false;

  // Shapes. `profiles` has one entry even when no profile flag was given.
  std::vector<ProfileSpec> profiles{1};
  ShapeSpec shapes;

  // Build.
  int optimization_level = -1;  // -1: the library's default, as for the next three
  int avg_timing = 8;
  int max_tactics = -1;
  int max_aux_streams = -1;
  std::map<std::string, uint64_t> pools;  // "workspace", "tacticSharedMem": bytes
  std::string timing_cache;
  bool no_builder_cache = false;
  bool error_on_cache_miss = false;
  bool no_tf32 = false;
  bool fp16 = false, bf16 = false;
  std::string precision_constraints = "none";
  std::vector<std::pair<std::string, std::string>> layer_precisions, layer_output_types;  // layer, type or types with +
  bool portable = false;  // compiles on devices that are none of them
  std::string targets;    // "": the library's default
  bool strongly_typed = false;
  std::string verbosity = "layer_names_only";
  std::map<std::string, bool> tactic_sources;  // by name: on or off

  // Inference.
  std::vector<std::pair<std::string, std::string>> load_inputs;  // name, file of raw bytes
  std::vector<std::pair<std::string, std::string>> inputs;       // name, bytes: of 'temper run'
  int iterations = 10;
  double duration_s = 3;  // -1: until stopped
  double warm_up_ms = 200;
  double sleep_ms = 0, idle_ms = 0;
  int streams = 1;
  int use_profile = 0;
  bool threads = false;
  bool spin_wait = false;
  bool transfers = true;
  bool time_deserialize = false;
  bool separate_profile_run = false;

  // Reports.
  bool verbose = false;
  int avg_runs = 10;
  std::vector<double> percentiles{90, 95, 99};
  bool dump_output = false, dump_raw = false, dump_profile = false, dump_layers = false, dump_profiles = false;
  std::string export_times, export_output, export_profile, export_layers;

  // System.
  std::vector<std::string> plugin_libraries;
  int device = 0;
  int cpu_threads = 0;
  bool help = false;

  // Flags that were accepted with a remark ("--buildOnly is the old name of ...").
  std::vector<std::string> remarks;

  bool wants_profile() const { return dump_profile || !export_profile.empty(); }
};

// `arguments` without the program's name. Throws Problem, with a suggestion for an unknown flag.
Options parse_options(const std::vector<std::string>& arguments);

// Shapes of one profile for one input, after trtexec's rules: only the best given means all three; none given means --shapes.
struct ProfileShapes {
  nvinfer1::Dims least, best, largest;
};
std::optional<ProfileShapes> profile_shapes(const ProfileSpec& profile, const ShapeSpec& shapes, const std::string& input);

}  // namespace tool
