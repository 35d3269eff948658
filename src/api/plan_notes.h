// What the API keeps in a plan beside what the runtime needs: notes of the plan's record, written by a build and read by an
// engine.
#pragma once

#include <array>
#include <map>
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
  // By input, for each optimization profile: least, best, largest.
  using Shapes = std::array<nvinfer1::Dims, 3>;
  std::vector<std::map<std::string, Shapes, std::less<>>> profiles;
};

std::vector<std::pair<std::string, std::string>> make_notes(const Network& network, BuilderConfig& config);
// Unknown notes are passed over.
PlanNotes read_notes(const plan::PlanT& plan);

}  // namespace temper::api
