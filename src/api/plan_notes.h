// What the API keeps in a plan beside what the runtime needs: notes of the plan's record, written by a build and read by an
// engine.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "NvInferRuntime.h"
#include "plan/plan.h"

namespace temper::api {

class BuilderConfig;
class Network;

inline constexpr const char* kVersion = "0.1.0";  // of Temper

struct PlanNotes {
  std::string version;  // of the Temper that built it
  std::string network_name;
  nvinfer1::ProfilingVerbosity verbosity = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
  int32_t max_batch = 0;                            // of a network with an implicit batch; 0: it has none
  std::set<std::string, std::less<>> across_batch;  // its inputs that are the same for all samples
  // By input, for each optimization profile: least, best, largest.
  using Shapes = std::array<nvinfer1::Dims, 3>;
  std::vector<std::map<std::string, Shapes, std::less<>>> profiles;
};

// `max_batch`: as in PlanNotes.
std::vector<std::pair<std::string, std::string>> make_notes(const Network& network, BuilderConfig& config, int32_t max_batch);
// Unknown notes are passed over.
PlanNotes read_notes(const plan::PlanT& plan);

}  // namespace temper::api
