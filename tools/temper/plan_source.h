// Where the engine comes from: built from a model, or loaded from a plan.
#pragma once

#include <memory>
#include <string>

#include "NvInferRuntime.h"
#include "logger.h"
#include "options.h"

namespace tool {

struct Loaded {
  std::unique_ptr<nvinfer1::IRuntime> runtime;
  std::unique_ptr<nvinfer1::ICudaEngine> engine;  // after the runtime: it goes first
};

// A plan file, mapped.
Loaded load_plan(const std::string& path, int cpu_threads, Logger& logger);
// Builds from options.onnx; writes options.save_engine if there is one. The engine is empty with options.skip_inference.
Loaded build_engine(const Options& options, Logger& logger);

}  // namespace tool
