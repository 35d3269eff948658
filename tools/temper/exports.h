// The files and dumps that a run leaves: times, outputs, profile and layers as JSON, raw tensors, and the same for the
// terminal.
#pragma once

#include <string>
#include <vector>

#include "profiler.h"
#include "session.h"

namespace tool {

// [{"startEnqMs": .., "endEnqMs": .., "startH2dMs": .., ..., "h2dMs": .., "computeMs": .., "d2hMs": .., "latencyMs": ..}, ...]
std::string times_json(const std::vector<Times>& runs);
// [{"name": "y", "dimensions": "1x10", "values": [...]}, ...]: the outputs in the order of the engine.
std::string outputs_json(const std::vector<Binding>& bindings);
// [{"count": 100}, {"name": .., "timeMs": .., "averageMs": .., "medianMs": .., "percentage": ..}, ...]
std::string profile_json(const Profiler& profiler);
std::string layers_text(const nvinfer1::ICudaEngine& engine, const nvinfer1::IExecutionContext* context,
                        nvinfer1::LayerInformationFormat format);

std::string outputs_text(const std::vector<Binding>& bindings);
std::string profiles_text(const nvinfer1::ICudaEngine& engine);
// NAME.input.1.3.224.224.Float.raw and NAME.output.1.1000.Float.raw in the current folder; '/' and ':' of names become '_'.
std::string raw_file_name(const Binding& binding);
void write_raw_files(const std::vector<Binding>& bindings);

}  // namespace tool
