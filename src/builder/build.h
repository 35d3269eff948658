// build_plan: the orchestrator. Network, configuration and profile in; the bytes of a plan out.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_sink.h"
#include "base/log.h"
#include "builder/compile.h"
#include "passes/pass.h"
#include "tune/timing_cache.h"

namespace temper {

struct BuildConfig {
  CompileOptions compile;
  std::vector<Device>
      more_devices;  // that the same file serves besides; their kernels are chosen by the cost model where they are not here
  PassOptions passes;
  std::vector<std::pair<std::string, std::string>> metadata;  // of the ONNX model, kept in the plan
  std::vector<std::pair<std::string, std::string>> record;    // what was asked for
  // What earlier builds measured and decided; this one adds its own. Null: nothing is remembered.
  TimingCache* cache = nullptr;
  bool error_on_cache_miss = false;  // fail rather than measure
  // The plan keeps the network's constants as its graph has them too, so that a device that is none of its targets can compile
  // it when it is loaded (recompile.cc).
  bool portable = false;
  LogSink* log = nullptr;
  // Called when the network's constants were read and will not be soon: where they are pages of files, their memory can go.
  std::function<void()> constants_rest;
};

// The device of this machine: its instruction set and the default number of threads (0) or the one given.
Device this_device(int threads);

// `network` is not changed. The plan's bytes depend on network, configuration and the tactics chosen only.
Status build_plan(const Graph& network, const BuildConfig& config, ByteSink& sink);

}  // namespace temper
