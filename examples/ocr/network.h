// One network of the demo: its plan, built on first use and kept as a file, and a context that runs it.
//
//   Network detector;
//   if (!detector.open(runtime, builder, {"det.onnx", "det.plan", "timing.cache", {1, 3, 32, 32}, ...})) return 1;
//   detector.run(tensor.data(), {1, 3, 736, 1088});   // the output is in detector.output(), its shape in output_shape()
#pragma once

#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using Shape = std::vector<int64_t>;

class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, nvinfer1::AsciiChar const* text) override;
};

// Adds up the times of each kernel.
class KernelTimes : public nvinfer1::IProfiler {
 public:
  void reportLayerTime(char const* kernel, float ms) override;
  const std::vector<std::pair<std::string, double>>& times() const { return times_; }
  double total() const;

 private:
  std::vector<std::pair<std::string, double>> times_;
};

class Network {
 public:
  struct Source {
    std::string model, plan, timing_cache;
    Shape least, best, largest;  // of the only input
    int threads;                 // 0: as many as there are
  };

  // Loads the plan; builds and saves it first when it is missing, older than the model or not of this version.
  bool open(nvinfer1::IRuntime& runtime, nvinfer1::ILogger& logger, const Source& source);
  bool was_built() const { return seconds_ > 0; }
  double build_seconds() const { return seconds_; }
  nvinfer1::ICudaEngine& engine() { return *engine_; }

  bool run(const float* input, const Shape& shape);
  const float* output() const { return output_.data(); }
  const Shape& output_shape() const { return output_shape_; }

  // Runs once more with the last input, and reports the time of every kernel.
  bool profile(KernelTimes& times);

 private:
  bool build(nvinfer1::ILogger& logger, const Source& source);

  // In the order in which they depend on each other, so that they end in the opposite one.
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  std::vector<float> output_;
  Shape output_shape_;
  double seconds_ = 0;
};
