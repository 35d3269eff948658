// The measured runs: warm-up, then inferences until there were enough of them and enough time has passed.
#pragma once

#include <memory>
#include <vector>

#include "options.h"
#include "session.h"

namespace tool {

struct Measurement {
  std::vector<Times> runs;  // of all streams, by the end of their computation
  double walltime_ms = 0;   // of the measured part
  bool complete = true;     // false: stopped by Ctrl-C
};

using Sessions = std::vector<std::unique_ptr<Session>>;

Sessions make_sessions(nvinfer1::ICudaEngine& engine, const Options& options);
Measurement measure(Sessions& sessions, const Options& options);

}  // namespace tool
