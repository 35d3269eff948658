// A stand-in for the library, so that the tool is tested by itself: every model is the same small network,
//   x: float [-1, 4] (dynamic), mask: int64 [2]  ->  y: float = 2 x + mask[0], positive: int64 [?] = places where x > 0
// and a plan is a line of text with the shapes it was built for. What the tool asked for is kept in `seen`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "NvInfer.h"

namespace fake {

struct Seen {
  int builds = 0;
  int level = -1;
  std::vector<std::string> layer_types;
  int config_threads = 0, runtime_threads = 0;
  std::map<std::string, bool> sources;  // switched on or off
  std::string targets;
  std::vector<std::string> libraries;  // of plugins
  uint32_t flags = 0;
  uint64_t workspace = 0;
  int measured = 0;  // what a build without a timing cache adds to it
  int inferences = 0;
  std::vector<nvinfer1::Dims> profile;  // least, best, largest of x
};
extern Seen seen;
// What goes wrong next: "", "parse", "build", "interrupt" (as Ctrl-C during the build), "run".
extern std::string failure;

}  // namespace fake
